//! Which alerts stand: raised when a condition has lasted, taken back when it has been away for a while,
//! so that what comes and goes every few seconds is one alert and not a hundred.
//!
//! Times come in as arguments, measured by a clock that nobody sets.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Alert, Condition};

/// All conditions that hold or did a moment ago, by code.
#[derive(Debug, Default)]
pub(crate) struct Board {
    rows: BTreeMap<String, Row>,
    /// Since when the way to the platform is not well, whatever it is that is wrong with it.
    way_lost: Option<Duration>,
}

#[derive(Debug)]
struct Row {
    alert: Alert,
    /// Since when it holds without a break.
    first: Duration,
    /// Since when it does not hold.
    gone: Option<Duration>,
    is_raised: bool,
    /// It stood before a start, and was not seen since.
    is_restored: bool,
}

/// How long a condition must last to be raised, and be away to be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) hold: Duration,
    pub(crate) clear: Duration,
    /// Just after a start what lasts has not had the time to: what stood before is not over then.
    pub(crate) is_settled: bool,
}

/// What a look has changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Raised(Alert),
    Over(Alert),
}

impl Board {
    /// Puts up what stood when the agent was stopped.
    pub(crate) fn restore(&mut self, raised: Vec<Alert>) {
        for alert in raised {
            let (first, gone) = (Duration::ZERO, Some(Duration::ZERO));
            let code = alert.code.clone();
            let row = Row { alert, first, gone, is_raised: true, is_restored: true };
            self.rows.insert(code, row);
        }
    }

    /// Takes note of everything that holds now; `at` is the time of day.
    pub(crate) fn look(
        &mut self,
        now: Duration,
        at: &str,
        conditions: Vec<Condition>,
        patience: Patience,
    ) -> Vec<Change> {
        let is_lost = conditions.iter().any(|it| is_of_the_way(&it.code));
        self.way_lost = is_lost.then(|| self.way_lost.unwrap_or(now));
        let mut changes = Vec::new();
        let mut held = Vec::new();
        for it in conditions {
            held.push(it.code.clone());
            changes.extend(self.hold(now, at, it, patience.hold));
        }
        let away: Vec<String> = self.rows.keys().filter(|it| !held.contains(it)).cloned().collect();
        changes.extend(away.iter().filter_map(|it| self.miss(now, it, patience)));
        changes
    }

    /// What is raised.
    pub(crate) fn raised(&self) -> impl Iterator<Item = &Alert> {
        self.rows.values().filter(|it| it.is_raised).map(|it| &it.alert)
    }

    fn hold(&mut self, now: Duration, at: &str, it: Condition, hold: Duration) -> Option<Change> {
        // Two addresses of a cluster that fail each in its own way are one outage.
        let first = self.way_lost.filter(|_| is_of_the_way(&it.code)).unwrap_or(now);
        let row = self.rows.entry(it.code.clone()).or_insert_with(|| Row {
            alert: Alert { since: at.to_owned(), code: it.code.clone(), ..Alert::default() },
            first,
            gone: None,
            is_raised: false,
            is_restored: false,
        });
        (row.gone, row.is_restored) = (None, false);
        (row.alert.text, row.alert.severity) = (it.text, it.severity);
        if row.is_raised || now.saturating_sub(row.first) < hold {
            return None;
        }
        row.is_raised = true;
        Some(Change::Raised(row.alert.clone()))
    }

    fn miss(&mut self, now: Duration, code: &str, patience: Patience) -> Option<Change> {
        let row = self.rows.get_mut(code)?;
        let gone = *row.gone.get_or_insert(now);
        let may_be_over = patience.is_settled || !row.is_restored;
        let is_over = may_be_over && now.saturating_sub(gone) >= patience.clear;
        if row.is_raised && !is_over {
            return None;
        }
        let row = self.rows.remove(code)?;
        row.is_raised.then_some(Change::Over(row.alert))
    }
}

/// Whether the code is one of those that follow each other while a broker is away.
fn is_of_the_way(code: &str) -> bool {
    matches!(code, "F101" | "F102" | "F103" | "F104" | "F105" | "F106" | "F108" | "F109" | "F111")
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::alerts::Severity;

    #[test]
    fn what_lasts_is_raised_once_and_over_once() {
        check("hhhhhhhh", ". . . raised . . . .");
        check("hhhh----hhhh", ". . . raised . . over . . . . raised");
    }

    #[test]
    fn what_comes_and_goes_is_no_flood() {
        check("h-h-h-h-h-", ". . . . . . . . . .");
        check("hhhhh-h-h-h-hhh", ". . . raised . . . . . . . . . . .");
    }

    #[test]
    fn addresses_that_fail_each_in_its_own_way_are_one_outage() {
        let mut board = Board::default();
        let patience = Patience { hold: HOLD, clear: CLEAR, is_settled: false };
        let mut raised = Vec::new();
        for second in 0..8 {
            let code = ["F101", "F102"][usize::from(second % 2 == 1)].to_owned();
            let text = String::new();
            let one = Condition { code, severity: Severity::Critical, text };
            raised.extend(board.look(seconds(second), "", vec![one], patience));
        }
        assert_eq!(raised.len(), 2, "told once each: {raised:?}");
        let quiet = board.look(seconds(8), "", Vec::new(), patience);
        assert!(quiet.is_empty() && board.way_lost.is_none(), "{quiet:?}");
    }

    #[test]
    fn what_stood_before_a_start_is_over_only_once_that_can_be_known() {
        let mut board = Board::default();
        board.restore(vec![Alert { code: "F101".to_owned(), ..Alert::default() }]);
        let early = Patience { hold: HOLD, clear: CLEAR, is_settled: false };
        assert!(board.look(seconds(60), "", Vec::new(), early).is_empty());
        assert_eq!(board.raised().count(), 1);
        let late = Patience { is_settled: true, ..early };
        let over = board.look(seconds(400), "", Vec::new(), late);
        assert!(matches!(over.as_slice(), [Change::Over(_)]), "{over:?}");
    }

    /// A look a second: `h` while the condition holds.
    #[track_caller]
    fn check(looks: &str, expected: &str) {
        let mut board = Board::default();
        let patience = Patience { hold: HOLD, clear: CLEAR, is_settled: false };
        let mut told = Vec::new();
        for (second, look) in (0..).zip(looks.chars()) {
            let holds = (look == 'h').then(|| Condition {
                code: "F101".to_owned(),
                severity: Severity::Critical,
                text: format!("{second}"),
            });
            let changes = board.look(seconds(second), "", holds.into_iter().collect(), patience);
            told.push(match changes.as_slice() {
                [] => ".",
                [Change::Raised(_)] => "raised",
                [Change::Over(_)] => "over",
                _ => "more",
            });
        }
        assert_eq!(told.join(" "), expected);
    }

    const HOLD: Duration = Duration::from_secs(3);
    const CLEAR: Duration = Duration::from_secs(2);

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
}
