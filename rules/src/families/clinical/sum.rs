//! What several lines give together of one ingredient on one day.
//!
//! Lines that follow each other do not add up, so every day on which one starts is a sum of its
//! own. A line without a known dose leaves its sum a lower bound.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::dose::peak_day_in;
use crate::families::clinical::population::ingredient;
use crate::family::{Match, Outcome};
use crate::frequency::Frequency;
use crate::knowledge::Row;
use crate::session::Line;
use crate::unit::{Dimension, Dose};

/// One day's sum.
pub(super) struct Sum {
    pub(super) dose: Dose,
    /// The same with larger first doses, where they were ordered.
    pub(super) with_first_doses: Dose,
    /// The lines and their parts, for the answer.
    pub(super) parts: Vec<String>,
    pub(super) counted: Vec<usize>,
    pub(super) missing: Vec<String>,
}

impl Sum {
    /// A sum that is not above the limit: a pass, if nothing is missing in it.
    pub(super) fn otherwise_pass(&self) -> Outcome {
        if self.missing.is_empty() {
            Outcome::Pass
        } else {
            Outcome::Unknown { missing: self.missing.clone() }
        }
    }
}

/// The matches, one group for each row.
pub(super) fn by_row<'a, 'm>(matches: &'m [Match<'a>]) -> impl Iterator<Item = &'m [Match<'a>]> {
    matches.chunk_by(|one, other| one.row.key == other.row.key && one.row.line == other.row.line)
}

/// The lines of a row that add up: what acts on the whole body and was not taken back.
pub(super) fn given<'a>(of_row: &[Match<'a>]) -> Vec<&'a Line<'a>> {
    let lines = of_row.iter().map(|found| found.line);
    lines.filter(|line| line.is_systemic() && !line.is_cancelled()).collect()
}

/// The lines that are taken on a day; what has no end goes on.
pub(super) fn taken_on<'a>(day: Date, lines: &[&'a Line<'a>]) -> Vec<&'a Line<'a>> {
    let is_taken =
        |line: &&&Line<'_>| line.begins <= day && line.ends().is_none_or(|end| day <= end);
    lines.iter().filter(is_taken).copied().collect()
}

/// The sum of every day on which one of the lines starts and one of this session is taken: days
/// without any were judged when their lines were written.
pub(super) fn of_each_day<'a>(row: &Row, lines: &[&'a Line<'a>], dimension: Dimension) -> Vec<Sum> {
    let days = lines.iter().map(|anchor| taken_on(anchor.begins, lines));
    let of_session = days.filter(|of_day| of_day.iter().any(|line| line.order.current));
    of_session
        .map(|of_day| of_day.iter().fold(Sum::nothing(dimension), |sum, line| sum.and(row, line)))
        .collect()
}

impl Sum {
    fn nothing(dimension: Dimension) -> Sum {
        let dose = Dose { amount: Decimal::ZERO, dimension };
        Sum {
            dose,
            with_first_doses: dose,
            parts: Vec::new(),
            counted: Vec::new(),
            missing: Vec::new(),
        }
    }

    fn and(mut self, row: &Row, line: &Line<'_>) -> Sum {
        match peak_day_in(line, ingredient(row, line), self.dose.dimension) {
            Ok(dose) => {
                let first = dose.amount.saturating_add(more_at_first(line, dose));
                self.dose.amount = self.dose.amount.saturating_add(dose.amount);
                self.with_first_doses.amount = self.with_first_doses.amount.saturating_add(first);
                self.parts.push(format!("{}{dose}", line.name()));
                self.counted.push(line.position);
            }
            Err(lacking) => self.missing.extend(lacking),
        }
        self
    }
}

/// What a larger first intake adds to the first day, in proportion to the others.
fn more_at_first(line: &Line<'_>, day: Dose) -> Decimal {
    let (Some(first), Some(single)) = (line.order.first_dose, line.order.single_dose) else {
        return Decimal::ZERO;
    };
    let times = line.order.frequency.and_then(Frequency::times_on_a_dosing_day).unwrap_or(1);
    let of_single = day.amount.checked_div(Decimal::from(times));
    let more = (first - single).checked_div(single).unwrap_or_default().max(Decimal::ZERO);
    of_single.and_then(|one| one.checked_mul(more)).unwrap_or_default()
}

/// Hit over unknown over pass; of several hits the one that counts most lines.
pub(super) fn worst(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Hit(hit) => 2 + hit.violating.len(),
        Outcome::Unknown { .. } => 1,
        _ => 0,
    };
    let mut worst = Outcome::Pass;
    for outcome in outcomes {
        if rank(&outcome) > rank(&worst) {
            worst = outcome;
        }
    }
    worst
}
