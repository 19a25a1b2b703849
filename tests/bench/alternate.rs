//! Turns taken alternately, and what they show.
//!
//! Other work on the machine comes and goes by the minute. Whoever measures first A and then B
//! measures that; turns of a second or two, A B A B, meet the same neighbours, and a ratio that is
//! taken round by round hardly notices them.

/// The middle of some figures, and how far they spread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// The limit, the agent, and the agent's part of the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    pub(crate) limit: Spread,
    pub(crate) agent: Spread,
    pub(crate) ratio: Spread,
}

/// Lets everybody have a turn, round after round. The first round warms up and does not count.
pub(crate) fn alternate<T, const N: usize>(
    rounds: usize,
    mut turns: [&mut dyn FnMut() -> T; N],
) -> Vec<[T; N]> {
    let mut round = || turns.each_mut().map(|turn| turn());
    round();
    (0..rounds).map(|_| round()).collect()
}

/// Compares one figure of the rounds: `figures` takes the limit's and the agent's out of a round.
pub(crate) fn compare<T>(rounds: &[T], figures: impl Fn(&T) -> (f64, f64)) -> Comparison {
    let pairs: Vec<_> = rounds.iter().map(figures).collect();
    Comparison {
        limit: Spread::of(pairs.iter().map(|(limit, _)| *limit).collect()),
        agent: Spread::of(pairs.iter().map(|(_, agent)| *agent).collect()),
        ratio: Spread::of(pairs.iter().map(|(limit, agent)| agent / limit).collect()),
    }
}

impl Spread {
    /// The spread of at least one figure.
    pub(crate) fn of(mut figures: Vec<f64>) -> Spread {
        figures.sort_by(f64::total_cmp);
        let at = |position: usize| *figures.get(position).expect("there is at least one figure");
        Spread { median: at(figures.len() / 2), min: at(0), max: at(figures.len() - 1) }
    }
}
