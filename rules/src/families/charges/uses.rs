//! How much of an item fell on which day, now and before, and the most that a window holds of it.
//!
//! An order runs on: what is ordered for seven days falls on each of them. A charge is of its own
//! day. A charge or a past line that says no day falls on none: it is kept by its path, and whoever
//! finds nothing without it must not call that a pass.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::family::{Case, Match, Outcome};
use crate::knowledge::{Key, Row};
use crate::session::{Line, LineKind};
use crate::window::Window;

use super::lines::{is_undated, time_path, used_before, used_now};

/// What was used up to some line.
#[derive(Default)]
pub(super) struct Uses {
    by_day: BTreeMap<Date, Decimal>,
    undated: Vec<String>,
}

/// Judges the lines of a row one after the other, each with what was used up to it: what came later
/// the same day is not held against what came first.
pub(super) fn in_turn<'a>(
    case: &Case<'a>,
    (row, judged): (&'a Row, Vec<&'a Line<'a>>),
    mut judge: impl FnMut(&Match<'a>, &Uses) -> Outcome,
) -> Vec<Outcome> {
    let mut uses = Uses::before(case, &row.key);
    let mut now: Vec<&Line<'_>> = used_now(case, &row.key).collect();
    now.sort_by_key(|line| (line.moment(), line.position));
    let mut outcomes = Vec::new();
    for line in now {
        uses.add(line);
        if judged.iter().any(|it| it.position == line.position) {
            outcomes.push(judge(&Match { row, line }, &uses));
        }
    }
    outcomes
}

impl Uses {
    fn before(case: &Case<'_>, key: &Key) -> Uses {
        let mut uses = Uses::default();
        used_before(case, key).for_each(|line| uses.add(line));
        uses
    }

    fn add(&mut self, line: &Line<'_>) {
        if is_undated(line) {
            self.undated.push(time_path(line));
            return;
        }
        for (day, amount) in spread(line) {
            let used = self.by_day.entry(day).or_default();
            *used = used.saturating_add(amount);
        }
    }

    /// The days of use, first to last.
    pub(super) fn days(&self) -> impl DoubleEndedIterator<Item = Date> {
        self.by_day.keys().copied()
    }

    /// The last day of use before a day.
    pub(super) fn last_before(&self, day: Date) -> Option<Date> {
        self.by_day.range(..day).next_back().map(|(day, _)| *day)
    }

    /// The most that a window holds which ends on a day of the line.
    pub(super) fn most_in(&self, window: Window, line: &Line<'_>) -> Decimal {
        let up_to: Vec<(Date, Decimal)> = self.running().collect();
        let sum_before = |day: Date| {
            let at = up_to.partition_point(|(used, _)| *used < day);
            at.checked_sub(1).and_then(|at| up_to.get(at)).map_or(Decimal::ZERO, |(_, sum)| *sum)
        };
        let held = |day: Date| {
            let before = window.first_day(day).map_or(Decimal::ZERO, sum_before);
            sum_before(day.tomorrow().unwrap_or(day)).saturating_sub(before)
        };
        days_of(line).map(held).max().unwrap_or_default()
    }

    /// Each day with the sum up to it.
    fn running(&self) -> impl Iterator<Item = (Date, Decimal)> {
        self.by_day.iter().scan(Decimal::ZERO, |sum, (day, amount)| {
            *sum = sum.saturating_add(*amount);
            Some((*day, *sum))
        })
    }

    /// A pass, unless something that says no day could have been too much.
    pub(super) fn pass(&self) -> Outcome {
        if self.undated.is_empty() {
            Outcome::Pass
        } else {
            Outcome::Unknown { missing: self.undated.clone() }
        }
    }
}

/// The days of a line: a charge is of its own, what was ordered or ran in the past goes on to its end.
pub(super) fn days_of(line: &Line<'_>) -> impl Iterator<Item = Date> + use<> {
    let ends = line.ends().filter(|_| line.kind != LineKind::Charge);
    let (first, last) = (line.begins, ends.unwrap_or(line.begins));
    first.series(1.day()).take_while(move |day| *day <= last).take(DAYS_MAX)
}

/// What is used longer was mistyped.
const DAYS_MAX: usize = 400;

/// A line's quantity by day, evenly. Fewer pieces than days are used up on the first of them: nobody
/// takes half a bed. A line without a quantity is one use.
pub(super) fn spread(line: &Line<'_>) -> Vec<(Date, Decimal)> {
    let days: Vec<Date> = days_of(line).collect();
    let mut left = line.net.unwrap_or(Decimal::ONE);
    let each = left.checked_div(Decimal::from(days.len())).unwrap_or(left).max(Decimal::ONE);
    let used = days.into_iter().map(|day| {
        let part = each.min(left);
        left = left.saturating_sub(part);
        (day, part)
    });
    used.collect()
}
