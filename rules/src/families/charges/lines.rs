//! What the families of this room ask of lines: which are judged, which are one use, which are known.
//!
//! An item that was ordered and then charged is one use, told by its charge; a line of the past
//! that the caller sent again is not counted twice.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::facts::{Facts, Group};
use crate::family::{Case, Match};
use crate::knowledge::{Key, Row};
use crate::session::{Line, LineKind, Session};
use crate::window::Window;

/// Whether something of it is left after what was taken back.
pub(super) fn counts(line: &Line<'_>) -> bool {
    !line.is_refund() && !line.is_cancelled()
}

/// Whether it is a charge, in whichever group it was sent.
pub(super) fn is_charge(case: &Case<'_>, line: &Line<'_>) -> bool {
    match line.kind {
        LineKind::Charge => true,
        LineKind::Order => case.facts.orders_are_charges,
        LineKind::Past => false,
    }
}

/// Whether it is this session's to answer for: a charge, or an order of now that is no charge yet.
pub(super) fn is_judged(session: &Session<'_>, line: &Line<'_>) -> bool {
    let is_new = line.kind == LineKind::Charge || line.order.current;
    is_new && counts(line) && !is_charged_too(session, line)
}

/// The matches about lines that are judged.
pub(super) fn judged<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Match<'a>> + use<'a> {
    let session = case.session;
    case.matches.iter().filter(move |found| is_judged(session, found.line))
}

/// The judged lines of each row, in the order of the rows.
pub(super) fn by_row<'a>(case: &Case<'a>) -> Vec<(&'a Row, Vec<&'a Line<'a>>)> {
    grouped(judged(case))
}

/// All lines of each row that count, judged or not.
pub(super) fn all_by_row<'a>(case: &Case<'a>) -> Vec<(&'a Row, Vec<&'a Line<'a>>)> {
    grouped(case.matches.iter().filter(|found| counts(found.line)))
}

/// Matches come ordered by row.
fn grouped<'a>(matches: impl Iterator<Item = &'a Match<'a>>) -> Vec<(&'a Row, Vec<&'a Line<'a>>)> {
    let mut rows: Vec<(&Row, Vec<&Line<'_>>)> = Vec::new();
    for found in matches {
        match rows.last_mut().filter(|(row, _)| std::ptr::eq(*row, found.row)) {
            Some((_, lines)) => lines.push(found.line),
            None => rows.push((found.row, vec![found.line])),
        }
    }
    rows
}

/// Whether it says no day, though only a day could tell where it counts: it is not of today.
pub(super) fn is_undated(line: &Line<'_>) -> bool {
    line.kind != LineKind::Order && line.order.begins.is_none()
}

/// Whether an order was charged; the charge then speaks for both. A line of the past is the charge of
/// an order written earlier only: what is ordered now comes on top of it.
pub(super) fn is_charged_too(session: &Session<'_>, line: &Line<'_>) -> bool {
    let charges = session.lines.iter().filter(|it| it.kind == LineKind::Charge);
    let past = session.past.iter().filter(|_| !line.order.current);
    line.kind == LineKind::Order
        && charges.chain(past).any(|other| is_its_charge(session, line, other))
}

/// A charge is of the order on whose days it falls. What is ordered in the evening is done the day
/// after, unless that day has an order of its own.
fn is_its_charge(session: &Session<'_>, order: &Line<'_>, charge: &Line<'_>) -> bool {
    if !counts(charge) || !is_same_item(order, charge) {
        return false;
    }
    let last = order.ends().unwrap_or(order.begins);
    if is_undated(charge) || (order.begins..=last).contains(&charge.begins) {
        return true;
    }
    let is_day_after = order.begins.checked_add(1.day()).is_ok_and(|day| day == charge.begins);
    let is_ordered_then = |it: &Line<'_>| {
        it.kind == LineKind::Order && it.begins == charge.begins && is_same_item(it, charge)
    };
    is_day_after && !session.lines.iter().any(is_ordered_then)
}

/// Whether two lines name one item: by the hospital's code where both have it, else the nation's.
pub(super) fn is_same_item(one: &Line<'_>, other: &Line<'_>) -> bool {
    match (&one.order.hospital_code, &other.order.hospital_code) {
        (Some(one), Some(other)) => one == other,
        _ => one.national_code().is_some() && one.national_code() == other.national_code(),
    }
}

/// The lines of this session that a key is about, each use once.
pub(super) fn used_now<'a, 'k>(
    case: &Case<'a>,
    key: &'k Key,
) -> impl Iterator<Item = &'a Line<'a>> + use<'a, 'k> {
    let session = case.session;
    case.about(key).filter(move |line| counts(line) && !is_charged_too(session, line))
}

/// The lines of the past that a key is about, without those that were sent again.
pub(super) fn used_before<'a, 'k>(
    case: &Case<'a>,
    key: &'k Key,
) -> impl Iterator<Item = &'a Line<'a>> + use<'a, 'k> {
    let session = case.session;
    let encounter = case.facts.encounter.present().and_then(|e| e.mdtrt_id.as_deref());
    let is_sent_again = move |past: &Line<'_>| {
        let written_in = past.order.mdtrt_id.as_deref();
        let is_of_this = written_in.is_none() || written_in == encounter;
        is_of_this && session.lines.iter().any(|line| line.order.rx_id == past.order.rx_id)
    };
    case.past(key).filter(move |line| counts(line) && !is_sent_again(line))
}

/// The same, as far as a window may reach: one that is not by time holds what is of this encounter.
pub(super) fn used_before_in<'a, 'k>(
    case: &Case<'a>,
    key: &'k Key,
    window: Window,
) -> impl Iterator<Item = &'a Line<'a>> + use<'a, 'k> {
    let facts = case.facts;
    let is_of_stay = matches!(window, Window::Encounter | Window::Stay);
    used_before(case, key).filter(move |line| {
        window.is_by_time() || (is_of_stay && is_of_this_encounter(facts, line))
    })
}

/// Whether a line of the past is of this very encounter. One that names none is when it was written
/// since the encounter began: a caller may send years of lines without their encounters.
fn is_of_this_encounter(facts: &Facts, past: &Line<'_>) -> bool {
    let Some(encounter) = facts.encounter.present() else { return false };
    match &past.order.mdtrt_id {
        Some(written_in) => encounter.mdtrt_id.as_ref() == Some(written_in),
        None => past.order.begins.zip(encounter.began).is_some_and(|(at, began)| at >= began),
    }
}

/// Whether the past is known from a day on; `None` is the beginning of time, and of a life the birth. A
/// past of which nobody says since when it is is not known.
pub(super) fn is_past_known(facts: &Facts, first: Option<Date>) -> bool {
    match &facts.history {
        Group::Absent => false,
        Group::Empty => true,
        Group::Present(history) => {
            let birth = || facts.patient.present()?.birth;
            let first = first.or_else(birth);
            history.since.zip(first).is_some_and(|(since, first)| since <= first)
        }
    }
}

/// The path of the element that tells when a line was.
pub(super) fn time_path(line: &Line<'_>) -> String {
    line.path(if line.kind == LineKind::Order { "drord_begn_date" } else { "fee_ocur_time" })
}

/// The positions of lines, for a hit.
pub(super) fn positions(lines: &[&Line<'_>]) -> Vec<usize> {
    lines.iter().map(|line| line.position).collect()
}

/// The price of one: as sent, else the amount by the quantity.
pub(super) fn unit_price(line: &Line<'_>) -> Option<Decimal> {
    let by_amount = || {
        let quantity = line.order.quantity.filter(|quantity| *quantity > Decimal::ZERO)?;
        line.order.amount?.checked_div(quantity)
    };
    line.order.price.or_else(by_amount)
}

/// Whole days from one day to a later one.
pub(super) fn days_between(earlier: Date, later: Date) -> i32 {
    later.since(earlier).map_or(0, |span| span.get_days())
}

/// A number without the zeros that nobody wrote.
pub(super) fn plain(number: Decimal) -> String {
    number.normalize().to_string()
}
