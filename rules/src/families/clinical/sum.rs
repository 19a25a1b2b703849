//! What several lines give together of one ingredient on one day.
//!
//! Lines that follow each other do not add up, so every day on which one starts is a sum of its
//! own. A line without a known dose leaves its sum a lower bound.

use rust_decimal::Decimal;

use crate::dose::{largest_day, peak_day_in};
use crate::families::clinical::active::all_go_home;
use crate::families::clinical::population::ingredient;
use crate::families::lines::positions;
use crate::family::{Match, Outcome};
use crate::knowledge::Row;
use crate::session::{Line, LineKind};
use crate::unit::{Dimension, Dose};

/// One day's sum.
pub(super) struct Sum {
    pub(super) dose: Dose,
    /// The same with larger first doses and the largest steps, where they were ordered.
    pub(super) at_most: Dose,
    /// What the last of these is called.
    pub(super) larger: &'static str,
    /// The lines and their parts, for the answer.
    pub(super) parts: Vec<String>,
    /// Those of this session.
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
    adding_up(of_row.iter().map(|found| found.line))
}

/// Those that add up.
pub(super) fn adding_up<'a>(lines: impl Iterator<Item = &'a Line<'a>>) -> Vec<&'a Line<'a>> {
    lines.filter(|line| line.is_systemic() && !line.is_cancelled()).collect()
}

/// The lines that are taken on the day on which one begins; what has no end goes on, but what the ward
/// gives ends where what is taken home begins. What that one takes the place of is over, and what begins later
/// in the day has a sum of its own.
pub(super) fn taken_beside<'a>(anchor: &Line<'_>, lines: &[&'a Line<'a>]) -> Vec<&'a Line<'a>> {
    let day = anchor.begins;
    let comes_later =
        |line: &Line<'_>| line.has_time() && anchor.has_time() && line.moment() > anchor.moment();
    let is_taken = |line: &&&Line<'_>| {
        line.begins <= day
            && line.ends().is_none_or(|end| day <= end)
            && line.overlaps(anchor)
            && !comes_later(line)
    };
    let taken: Vec<&Line<'_>> = lines.iter().filter(is_taken).copied().collect();
    // Beside what has no time, too, what took another's place has a sum of its own.
    let takes_a_place =
        |line: &&Line<'_>| !anchor.has_time() && taken.iter().any(|it| line.replaces(it));
    let taken: Vec<&Line<'_>> = taken.iter().copied().filter(|it| !takes_a_place(it)).collect();
    let go_home = all_go_home(taken.iter().copied().filter(|line| line.order.current));
    let is_left = |line: &Line<'_>| line.kind == LineKind::Order && !line.order.current;
    let is_of_ward = |line: &Line<'_>| is_left(line) && line.is_taken_home() == Some(false);
    taken.into_iter().filter(|line| !(go_home && is_of_ward(line))).collect()
}

/// The sum of every day on which one of the lines starts and one of this session is taken: days
/// without any were judged when their lines were written.
pub(super) fn of_each_day<'a>(row: &Row, lines: &[&'a Line<'a>], dimension: Dimension) -> Vec<Sum> {
    let days = lines.iter().map(|anchor| taken_beside(anchor, lines));
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
            at_most: dose,
            larger: "",
            parts: Vec::new(),
            counted: Vec::new(),
            missing: Vec::new(),
        }
    }

    fn and(mut self, row: &Row, line: &Line<'_>) -> Sum {
        match peak_day_in(line, ingredient(row, line), self.dose.dimension) {
            Ok(dose) => {
                let larger = largest_day(line, dose);
                let most = larger.map_or(dose, |(most, _)| most);
                self.dose.amount = self.dose.amount.saturating_add(dose.amount);
                self.at_most.amount = self.at_most.amount.saturating_add(most.amount);
                self.larger = larger.map_or(self.larger, |(_, said)| said);
                self.parts.push(format!("{}{dose}", line.name()));
                self.counted.extend(positions(&[line]));
            }
            Err(lacking) => self.missing.extend(lacking),
        }
        self
    }
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
