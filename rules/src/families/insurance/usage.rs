//! What a patient has used and still has at home: shared by the families that count days.
//!
//! Two strengths of one ingredient are one drug. What was taken back counts no more. The past is
//! that of this institution, and its silence proves nothing before the day from which it is complete.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::dose::days_supply;
use crate::facts::{Stay, VisitKind};
pub(super) use crate::families::lines::past_since;
use crate::family::{Case, Outcome};
use crate::hash::{self, PrintSet};
use crate::session::{Line, LineKind};

/// An order longer than this is a mistake; it must not make a set of endless dates.
const DATES_MAX: usize = 400;

/// Same ingredients; where nobody knows them, the same name part of the national code, or the same
/// entry of the hospital's list.
pub(crate) fn is_same_drug(one: &Line<'_>, other: &Line<'_>) -> bool {
    // Most are not, and their first ingredients tell.
    if let (Print::Ingredient(one), Print::Ingredient(other)) = (print_of(one), print_of(other))
        && one != other
    {
        return false;
    }
    if let (Some(one), Some(other)) = (one.product, other.product) {
        let is_in = |name: &str| other.ingredients.iter().any(|i| i.name == name);
        return one.ingredients.len() == other.ingredients.len()
            && one.ingredients.iter().all(|ingredient| is_in(&ingredient.name));
    }
    if one.has_known_ingredients() && other.has_known_ingredients() {
        // As many, and each as often: what was sent may name one twice.
        let count = |line: &Line<'_>, name| line.ingredient_names().filter(|n| *n == name).count();
        return one.ingredient_names().count() == other.ingredient_names().count()
            && one.ingredient_names().all(|name| count(one, name) == count(other, name));
    }
    let named = one.national_code().zip(other.national_code());
    named.is_some_and(|(one, other)| name_part(one) == name_part(other))
        || (one.order.hospital_code.is_some()
            && one.order.hospital_code == other.order.hospital_code)
}

/// The part of a national code that names the drug, any form.
fn name_part(code: &str) -> &str {
    let length = match code.as_bytes().first() {
        Some(b'X') => 10,
        Some(b'Z') => 11,
        _ => code.len(),
    };
    code.get(..length).unwrap_or(code)
}

/// The dates on which a line was or will be used, as far as they are known.
pub(super) fn dates_of(line: &Line<'_>, today: Date) -> BTreeSet<Date> {
    if line.is_refund() || line.is_cancelled() {
        return BTreeSet::new();
    }
    let last = match line.kind {
        LineKind::Charge => line.begins,
        // An order without an end has run until today at least.
        LineKind::Order => line.ends().unwrap_or(today.max(line.begins)),
        LineKind::Past => line.ends().unwrap_or(line.begins),
    };
    let days = line.begins.series(1.day()).take(DATES_MAX);
    days.take_while(|day| *day <= last).collect()
}

/// What was dispensed in the past and not taken back, with the prints by which a drug is found: a
/// check compares each of its lines with hundreds of these.
#[derive(Debug, Default)]
pub(crate) struct Dispensed {
    /// With the positions in the past.
    lines: Vec<(Print, usize)>,
    /// The first ingredients of all, and their codes: what shares neither with a drug is another one.
    named: PrintSet,
}

/// What a drug is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Print {
    /// The print of its first ingredient by name.
    Ingredient(u64),
    /// Where nobody knows what it contains, that of the name part of its national code.
    Code(u64),
    /// Nothing: it has to be looked at.
    Nothing,
}

impl Dispensed {
    /// Made once for all rules of a check.
    fn of<'a>(case: &Case<'a>) -> &'a Dispensed {
        case.session.dispensed.get_or_init(|| Dispensed::among(&case.session.past))
    }

    fn among(past: &[Line<'_>]) -> Dispensed {
        let kept = past.iter().enumerate();
        let kept = kept.filter(|(_, line)| !line.is_refund() && !line.is_cancelled());
        let mut lines = Vec::with_capacity(past.len());
        lines.extend(kept.map(|(at, line)| (print_of(line), at)));
        let mut named = PrintSet::default();
        let all = lines.iter().filter_map(|(_, at)| past.get(*at));
        all.flat_map(prints).for_each(|print| named.add(print));
        Dispensed { lines, named }
    }

    /// What both contain decides; the code does where nobody knows that of either.
    fn of_drug<'a>(
        &self,
        past: &'a [Line<'a>],
        line: &Line<'_>,
    ) -> impl Iterator<Item = &'a Line<'a>> {
        let print = print_of(line);
        let is_like = move |other: &Print| match (print, *other) {
            (Print::Ingredient(one), Print::Ingredient(other))
            | (Print::Code(one), Print::Code(other)) => one == other,
            _ => true,
        };
        let may_be = prints(line).any(|print| self.named.may_have(print));
        let lines = if may_be { self.lines.as_slice() } else { &[] };
        let found = lines.iter().filter(move |(print, _)| is_like(print));
        found.filter_map(|(_, at)| past.get(*at)).filter(move |past| is_same_drug(past, line))
    }
}

/// All by which it can be the same drug as another.
fn prints(line: &Line<'_>) -> impl Iterator<Item = u64> {
    let ingredient = match print_of(line) {
        Print::Ingredient(print) => Some(print),
        Print::Code(_) | Print::Nothing => None,
    };
    let codes = [line.national_code().map(name_part), line.order.hospital_code.as_deref()];
    ingredient.into_iter().chain(codes.into_iter().flatten().map(hash::print))
}

fn print_of(line: &Line<'_>) -> Print {
    let print = || match line.ingredient_names().min() {
        Some(name) => Print::Ingredient(hash::print(name)),
        None => line
            .national_code()
            .map_or(Print::Nothing, |code| Print::Code(hash::print(name_part(code)))),
    };
    *line.print.get_or_init(print)
}

/// What is left at home of a drug on the day on which a line starts.
#[derive(Debug, Default)]
pub(super) struct AtHome {
    /// Whole days, the day itself not counted.
    pub(super) days: Decimal,
    /// The last dispensing: its day, and for how many days it was.
    pub(super) last: Option<(Date, Decimal)>,
    /// What would have to be known of the past.
    pub(super) missing: Vec<String>,
}

impl AtHome {
    /// Adds up all dispensings of the past: each lasts from its day on, or from the end of the one
    /// before it.
    pub(super) fn of(case: &Case<'_>, line: &Line<'_>) -> AtHome {
        let mut at_home = AtHome::default();
        let mut past: Vec<&Line<'_>> = Dispensed::of(case)
            .of_drug(&case.session.past, line)
            .filter(|past| is_same_form(past, line) && past.begins <= line.begins)
            .filter(|past| was_taken_home(case, past) != Some(false))
            .collect();
        past.sort_by_key(|past| past.begins);
        // Days counted from the new line's own day, which costs less than dates.
        let mut empty_on: Option<i64> = None;
        for past in past {
            if was_taken_home(case, past).is_none() {
                at_home.missing.push(past.path("drord_bhvr"));
                continue;
            }
            let Some(days) = days_left_of(past) else {
                at_home.missing.push(past.path("medc_days"));
                continue;
            };
            let begins = past.begins.duration_since(line.begins).as_hours() / 24;
            let from = empty_on.map_or(begins, |day| day.max(begins));
            empty_on = Some(from.saturating_add(days.ceil().to_i64().unwrap_or(i64::MAX)));
            at_home.last = Some((past.begins, days));
        }
        at_home.days = Decimal::from(empty_on.map_or(0, |day| day.saturating_sub(1).max(0)));
        at_home
    }
}

/// For how many days a dispensing lasts, what was brought back taken off: of written days as much
/// as of the quantity; computed days know of it already.
fn days_left_of(past: &Line<'_>) -> Option<Decimal> {
    let Some(days) = past.order.days else { return days_supply(past).ok() };
    let kept = past.net.zip(past.order.quantity).filter(|(_, all)| *all > Decimal::ZERO);
    let Some((net, all)) = kept else { return Some(days) };
    days.checked_mul(net)?.checked_div(all)
}

/// Tablets and ampoules are used side by side; where a form is not known, it may be the same.
pub(crate) fn is_same_form(one: &Line<'_>, other: &Line<'_>) -> bool {
    one.form().zip(other.form()).is_none_or(|(one, other)| one == other)
}

/// Ward drugs are used up in the ward; discharge drugs go home. What a visit was that nobody tells of
/// is taken for no stay: a stay would have been told.
fn was_taken_home(case: &Case<'_>, past: &Line<'_>) -> Option<bool> {
    if past.order.discharge {
        return Some(true);
    }
    let encounter = case.facts.encounter.present();
    let this = encounter.and_then(|encounter| encounter.mdtrt_id.as_ref());
    let visit = match &past.order.mdtrt_id {
        Some(id) if Some(id) != this => {
            let stays = case.facts.history.present().map_or(&[][..], |history| &history.stays);
            let of_line = |stay: &&Stay| stay.mdtrt_id.as_ref() == Some(id);
            stays.iter().find(of_line).and_then(|stay| stay.visit)
        }
        _ => encounter.and_then(|encounter| encounter.visit),
    };
    if visit == Some(VisitKind::Inpatient) { past.is_taken_home() } else { Some(true) }
}

/// Whether the doctor's reason is one that a rule takes: lost, spoilt, going abroad.
pub(super) fn is_excused(case: &Case<'_>, line: &Line<'_>) -> bool {
    let words = case.rule.parameters.list("reasons_ok");
    line.order.reason.as_deref().is_some_and(|reason| words.iter().any(|w| reason.contains(w)))
}

/// Unknown for want of several elements.
pub(super) fn unknown(missing: Vec<String>) -> Outcome {
    if missing.is_empty() { Outcome::Pass } else { Outcome::Unknown { missing } }
}
