//! Judges a condition: true, false, or unknown for want of these elements.

use std::collections::BTreeSet;

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::facts::{Group, LabResult};
use crate::family::Case;
use crate::icd::Diagnosed;
use crate::knowledge::Key;
use crate::party::PartyKind;
use crate::session::{Line, LineKind};
use crate::sets::CodeSets;
use crate::text::Text;
use crate::window::Window;

use super::element::{Element, Found, Value};
use super::{Condition, Operand, Operator};

/// What a condition is judged for: the check, and one line of it where the rule is about lines.
pub(crate) struct Subject<'a> {
    pub(crate) case: &'a Case<'a>,
    pub(crate) line: Option<&'a Line<'a>>,
}

/// One of three truths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
    /// For want of these.
    Unknown(BTreeSet<String>),
}

impl Truth {
    fn of(holds: bool) -> Truth {
        if holds { Truth::Yes } else { Truth::No }
    }

    fn missing(path: impl Into<String>) -> Truth {
        Truth::Unknown(BTreeSet::from([path.into()]))
    }

    fn not(self) -> Truth {
        match self {
            Truth::Yes => Truth::No,
            Truth::No => Truth::Yes,
            unknown @ Truth::Unknown(_) => unknown,
        }
    }

    /// The truth of several parts where `decisive` decides whatever else is missing.
    fn together(parts: impl Iterator<Item = Truth>, decisive: &Truth) -> Truth {
        let mut missing = BTreeSet::new();
        for part in parts {
            match part {
                part if part == *decisive => return part,
                Truth::Unknown(paths) => missing.extend(paths),
                Truth::Yes | Truth::No => {}
            }
        }
        if missing.is_empty() { decisive.clone().not() } else { Truth::Unknown(missing) }
    }
}

impl Condition {
    /// Whether it holds.
    pub(crate) fn judge(&self, subject: &Subject<'_>) -> Truth {
        match self {
            Condition::All(parts) => {
                Truth::together(parts.iter().map(|part| part.judge(subject)), &Truth::No)
            }
            Condition::Any(parts) => {
                Truth::together(parts.iter().map(|part| part.judge(subject)), &Truth::Yes)
            }
            Condition::Not(part) => part.judge(subject).not(),
            Condition::Compare { element, operator, operand } => {
                compare(element, *operator, operand, subject)
            }
            Condition::Item(items) => item(items, subject),
            Condition::Diagnosis { branches, sets, ever } if sets.is_empty() => {
                diagnosis(branches, *ever, subject)
            }
            Condition::Diagnosis { branches, sets, ever } => {
                diagnosis(&with_sets(branches, sets, subject), *ever, subject)
            }
            Condition::Past { items, within } => past(items, *within, subject),
            Condition::Count { items, operator, number } => {
                count(items, |many| operator.holds(&Decimal::from(many), number), subject)
            }
            Condition::Lab { test, within, operator, number } => {
                lab(test, *within, |value| operator.holds(value, number), subject)
            }
        }
    }
}

fn compare(
    element: &Element,
    operator: Operator,
    operand: &Operand,
    subject: &Subject<'_>,
) -> Truth {
    let (values, missing) = match element.found(subject) {
        Found::Missing(path) => return Truth::missing(path),
        Found::Values(values) => (values, None),
        Found::Partly(values, path) => (values, Some(path)),
    };
    if let Operand::Sets(kind, names) = operand {
        return in_sets(&values, (*kind, names), subject);
    }
    // "Is not" of several values means none of them is.
    let (asked, is_negated) = match operator {
        Operator::IsNot => (Operator::Is, true),
        other => (other, false),
    };
    let compared = values.iter().map(|value| match holds(value, asked, operand) {
        Some(holds) => Truth::of(holds),
        None => Truth::missing(element.name),
    });
    let truth = Truth::together(compared.chain(missing.map(Truth::missing)), &Truth::Yes);
    if is_negated { truth.not() } else { truth }
}

/// Whether one of the sets, as it is on the day, holds who or what was sent.
fn in_sets(values: &[Value], (kind, names): (PartyKind, &[Text]), subject: &Subject<'_>) -> Truth {
    let (sets, on) = (subject.case.session.sets, day_of(subject));
    let mut parties = names.iter().flat_map(|name| sets.parties(name, on));
    Truth::of(parties.any(|party| {
        values.iter().any(|it| matches!(it, Value::Text(sent) if party.is(kind, sent)))
    }))
}

/// Whether one value stands so to the operand; `None` when it leaves that open.
fn holds(value: &Value, operator: Operator, operand: &Operand) -> Option<bool> {
    match (value, operand) {
        (Value::Text(text), Operand::Texts(texts)) => {
            Some(texts.iter().any(|other| match operator {
                Operator::Starts => text.starts_with(other.as_str()),
                Operator::Contains => text.contains(other.as_str()),
                _ => operator.holds(text.as_str(), other.as_str()),
            }))
        }
        (Value::Number(number), Operand::Number(other)) => Some(operator.holds(number, other)),
        (Value::Dose(dose), Operand::Dose(other)) => {
            (dose.dimension == other.dimension).then(|| operator.holds(&dose.amount, &other.amount))
        }
        (Value::Flag(flag), Operand::Flag(other)) => Some(operator.holds(flag, other)),
        // Under an age means that it has not been reached; other signs are refused at load.
        (Value::Age(birth, on), Operand::Age(age)) => {
            let reached = birth.reached(*age, *on)?;
            Some(if operator == Operator::Less { !reached } else { reached })
        }
        _ => None,
    }
}

/// A line that cannot be identified in the way of a key leaves the question open.
fn item(items: &[Key], subject: &Subject<'_>) -> Truth {
    let Some(line) = subject.line else { return Truth::missing("orders") };
    let sets = subject.case.session.sets;
    if items.iter().any(|key| line.is_about(key, sets)) {
        return Truth::Yes;
    }
    let missing: BTreeSet<String> = items.iter().filter_map(|key| lacks(line, key, sets)).collect();
    if missing.is_empty() { Truth::No } else { Truth::Unknown(missing) }
}

fn lacks(line: &Line<'_>, key: &Key, sets: &CodeSets) -> Option<String> {
    let element = match key {
        Key::Hospital(_) => line.order.hospital_code.is_none().then_some("hosplist_code"),
        Key::Code(_) | Key::Prefix(_) | Key::Class(_) => {
            line.national_code().is_none().then_some("hilist_code")
        }
        Key::Ingredient(_) => {
            (line.may_be_drug() && !line.has_known_ingredients()).then_some("drug_ingd")
        }
        Key::Atc(_) => (line.may_be_drug() && line.lacks_atc()).then_some("atc"),
        Key::Set(name) => {
            let mut members = sets.members(name, line.begins).iter();
            return members.find_map(|member| lacks(line, member, sets));
        }
        Key::Diagnosis(_) | Key::Surgery(_) => None,
    };
    element.map(|element| line.path(element))
}

/// How many lines are about an item: orders, or charges where the rule is about those, since an order
/// and its charge are one thing. A line that cannot be identified leaves open whether it is one
/// more, as far as that would change the answer.
fn count(items: &[Key], holds: impl Fn(usize) -> bool, subject: &Subject<'_>) -> Truth {
    let session = subject.case.session;
    let kind = subject.line.map_or(LineKind::Order, |line| line.kind);
    let counted = |line: &&Line<'_>| line.kind == kind && !line.is_cancelled() && !line.is_refund();
    let (mut many, mut open) = (0, Vec::new());
    for line in session.lines.iter().filter(counted) {
        if items.iter().any(|key| line.is_about(key, session.sets)) {
            many += 1;
        } else if let Some(missing) = items.iter().find_map(|key| lacks(line, key, session.sets)) {
            open.push(missing);
        }
    }
    let holds_now = holds(many);
    if (many..=many.saturating_add(open.len())).any(|many| holds(many) != holds_now) {
        return Truth::Unknown(open.into_iter().collect());
    }
    Truth::of(holds_now)
}

/// The day of the line, or of the check.
fn day_of(subject: &Subject<'_>) -> Date {
    subject.line.map_or(subject.case.now.date(), |line| line.begins)
}

/// The branches, and those that sets hold on the day of the line or of the check.
fn with_sets(branches: &[String], sets: &[Key], subject: &Subject<'_>) -> Vec<String> {
    let on = day_of(subject);
    let members = sets.iter().flat_map(|it| subject.case.session.sets.members(it.text(), on));
    let held = members.filter_map(|it| match it {
        Key::Diagnosis(branch) => Some(branch.as_str().to_owned()),
        _ => None,
    });
    branches.iter().cloned().chain(held).collect()
}

fn diagnosis(branches: &[String], ever: bool, subject: &Subject<'_>) -> Truth {
    let facts = subject.case.facts;
    let found = if ever { facts.ever_diagnosed(branches) } else { facts.diagnosed(branches) };
    match found {
        Diagnosed::As(_) => Truth::Yes,
        Diagnosed::No => Truth::No,
        Diagnosed::Unknown(missing) => Truth::Unknown(missing.into_iter().collect()),
    }
}

fn past(items: &[Key], within: Window, subject: &Subject<'_>) -> Truth {
    let case = subject.case;
    if case.facts.history.is_absent() {
        return Truth::missing("history");
    }
    let is_in = |line: &&Line<'_>| !line.is_cancelled() && within.holds(line.moment(), case.now);
    if items.iter().any(|key| case.past(key).any(|line| is_in(&line))) {
        return Truth::Yes;
    }
    // That nothing is there says something only of the days from which all is there.
    let since = case.facts.history.present().and_then(|history| history.since);
    match within.first_day(case.now.date()) {
        Some(first) if since.is_none_or(|since| since > first) => Truth::missing("history.since"),
        _ => Truth::No,
    }
}

/// The last result that is not too old; none is "nobody measured", so it is missing.
fn lab(
    test: &str,
    within: Window,
    holds: impl Fn(&Decimal) -> bool,
    subject: &Subject<'_>,
) -> Truth {
    let facts = subject.case.facts;
    let now = subject.case.now;
    let sent = facts.labs.present().map_or(&[][..], Vec::as_slice);
    let kept = facts.history.present().map_or(&[][..], |history| &history.labs);
    let is_it = |lab: &&LabResult| {
        let names = [lab.code.as_deref(), lab.name.as_deref()];
        names.contains(&Some(test)) && lab.reported.is_some_and(|at| within.holds(at, now))
    };
    let last = sent.iter().chain(kept).filter(is_it).max_by_key(|lab| lab.reported);
    match last.and_then(|lab| lab.value) {
        Some(value) => Truth::of(holds(&value)),
        None if matches!(facts.labs, Group::Absent) && kept.is_empty() => Truth::missing("labs"),
        None => Truth::missing(format!("labs[{test}]")),
    }
}

/// Windows that do not hang on a moment say nothing about the past.
pub(super) fn is_usable(window: Window) -> bool {
    window.is_by_time()
}
