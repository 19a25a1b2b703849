//! What a doctor's answer says of the orders themselves: with a reason or at the patient's cost they go
//! on, and count in the patient's past until their records come; what was changed or withdrawn does
//! not go on as it was.

use std::sync::Arc;

use super::again;
use super::log::{Answered, Log};
use super::states::{State, Step};
use super::tracked::Tracked;
use crate::history::AboutLines;
use crate::intake::Road;
use crate::outbox::StoreError;

/// Tells the past of answers that were just taken. The answers are safe already: what goes wrong here
/// is told in the log, and a record of the order makes it good.
pub(super) fn hear(road: &Arc<Road>, log: &Log, answers: &[Answered]) {
    // Of several answers one that cannot be taken keeps all from being taken.
    if !answers.iter().all(Answered::is_taken) {
        return;
    }
    let taken = answers.iter().filter(|it| it.step == Some(Step::Taken));
    for tracked in taken.filter_map(|it| it.tracked.as_ref()) {
        let heard = about(road, log, tracked)
            .and_then(|it| it.map_or(Ok(()), |about| road.history.hear(&about)));
        if let Err(error) = heard {
            tracing::warn!(%error, "an answer was not taken into the past of its patient");
        }
    }
}

/// The log knows the patient by a pseudonym only; the request of the check names it.
fn about(road: &Arc<Road>, log: &Log, tracked: &Tracked) -> Result<Option<AboutLines>, StoreError> {
    let Some((goes_on, lines)) = meant(tracked) else { return Ok(None) };
    let (Some(encounter), Some(check)) = (&tracked.encounter, log.get(&tracked.last_check)?) else {
        return Ok(None);
    };
    let (org, limits) = (&road.config.hospital.code, &road.config.listen.limits);
    let asked = again::facts(&check, &road.sets.load(), org, limits);
    let patn_id = asked.and_then(|(facts, _)| facts.patient.present()?.patn_id.clone());
    let encounter = encounter.clone();
    Ok(patn_id.map(|patn_id| AboutLines { patn_id, encounter, lines, goes_on }))
}

/// Whether lines go on by what was said last, and which. A line that was merely involved goes on with
/// the one that violates, and is not taken back with it: nobody said that it was changed.
fn meant(tracked: &Tracked) -> Option<(bool, Vec<String>)> {
    let all = tracked.lines.iter().cloned();
    let is_involved = |it: &String| tracked.involved.contains(it);
    match tracked.state {
        State::Continued | State::SelfPay => Some((true, all.collect())),
        State::Changed | State::Voided => {
            Some((false, all.filter(|it| !is_involved(it)).collect()))
        }
        State::Open | State::Ignored => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_violates_is_taken_back() {
        check(State::Continued, &[], "A B C go on");
        check(State::SelfPay, &["B", "C"], "A B C go on");
        check(State::Changed, &["B", "C"], "A does not");
        check(State::Voided, &["C"], "A B does not");
        // What an older release wrote names no line that is merely involved.
        check(State::Changed, &[], "A B C does not");
        check(State::Open, &["B"], "nothing");
        check(State::Ignored, &["B"], "nothing");
    }

    #[track_caller]
    fn check(state: State, involved: &[&str], expected: &str) {
        let words = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let (lines, involved) = (words(&["A", "B", "C"]), words(involved));
        let told = match meant(&Tracked { state, lines, involved, ..Tracked::default() }) {
            Some((true, lines)) => format!("{} go on", lines.join(" ")),
            Some((false, lines)) => format!("{} does not", lines.join(" ")),
            None => "nothing".to_owned(),
        };
        assert_eq!(told, expected);
    }
}
