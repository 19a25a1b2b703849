//! Whether two drugs meet in a body: on a common day, or while one that was stopped still acts.
//!
//! A line of this session whose end nobody wrote goes on. A line of the past whose end nobody knows
//! ends with its supply, or else with the day it was ordered: nobody shall be accused of a drug that
//! was taken once, long ago.

use jiff::Span;
use jiff::civil::Date;

use crate::dose::days_supply;
use crate::drug::Form;
use crate::families::clinical::active::is_of_this_encounter;
use crate::families::clinical::population::acting;
use crate::family::Case;
use crate::knowledge::Row;
use crate::session::{Line, LineKind};
use crate::way::Way;

/// The rows that are about a line ordered now, by either side, each once.
pub(super) fn rows<'a>(case: &Case<'a>) -> Vec<&'a Row> {
    let mut rows: Vec<&Row> = Vec::new();
    for found in case.current() {
        if !rows.iter().any(|row| std::ptr::eq(*row, found.row)) {
            rows.push(found.row);
        }
    }
    rows
}

/// Whether a line is ordered now.
pub(super) fn is_now(line: &Line<'_>) -> bool {
    line.kind == LineKind::Order && line.order.current
}

/// Every pair of order lines that a row is about and that are given on some common day, of which one at
/// least is ordered now; the other may be one that already runs in this encounter. The numbers of groups
/// come again in a stay: what was stopped before is in no bag with what came later.
pub(super) fn pairs<'a>(
    case: &Case<'a>,
    active: &[&'a Line<'a>],
) -> Vec<(&'a Row, &'a Line<'a>, &'a Line<'a>)> {
    let runs = |line: &Line<'_>| {
        is_of_this_encounter(case, line) && active.iter().any(|it| std::ptr::eq(*it, line))
    };
    let is_there = |line: &&&Line<'_>| line.kind == LineKind::Order || runs(line);
    let mut found = Vec::new();
    for row in rows(case) {
        let ones = acting(case, std::slice::from_ref(&row.key), false);
        let others = acting(case, row.parameters.keys("partner"), false);
        for one in ones.iter().filter(is_there) {
            for other in others.iter().filter(is_there) {
                let meet = (is_now(one) || is_now(other)) && one.overlaps(other);
                if !std::ptr::eq(*one, *other) && meet {
                    found.push((row, *one, *other));
                }
            }
        }
    }
    found
}

/// Whether it runs into a vein; `None` where nobody can say: words that are in no table, or none at all
/// of a drug that is in none.
pub(super) fn is_infused(line: &Line<'_>) -> Option<bool> {
    if let Some(way) = line.way() {
        return Some(matches!(way, Way::Drip | Way::Push | Way::Vein | Way::Injection));
    }
    let is_written = line.order.route_text.is_some();
    let form = if is_written && line.order.route.is_none() { None } else { line.form() };
    form.map(|form| form == Form::Injection)
}

/// How two lines meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    /// On some common day.
    Together,
    /// The second began so many days after the first had ended.
    After(i32),
    /// The first began so many days after the second had ended.
    Before(i32),
}

/// How `one` meets `other`.
pub(super) fn contact(one: &Line<'_>, other: &Line<'_>) -> Contact {
    let days = |from: Date, to: Date| from.until(to).map_or(i32::MAX, |span| span.get_days());
    match (last_day(one), last_day(other)) {
        (Some(end), _) if end < other.begins => Contact::After(days(end, other.begins)),
        (_, Some(end)) if end < one.begins => Contact::Before(days(end, one.begins)),
        _ => Contact::Together,
    }
}

/// The last day on which the drug is taken; `None` when it goes on.
pub(super) fn last_day(line: &Line<'_>) -> Option<Date> {
    if line.kind != LineKind::Past {
        return line.ends();
    }
    Some(line.ends().or_else(|| end_of_supply(line)).unwrap_or(line.begins))
}

/// The day on which its quantity is used up; `None` when nobody can say, or no calendar reaches so far.
pub(super) fn end_of_supply(line: &Line<'_>) -> Option<Date> {
    let days = i64::try_from(days_supply(line).ok()?.ceil()).ok()?;
    line.begins.checked_add(Span::new().try_days(days.checked_sub(1)?).ok()?).ok()
}
