//! For whom a row is: age, weight, way of giving, disease, company of another drug.
//!
//! Doses and bans of one drug differ by these, so several families share the columns and the
//! three-valued answer. A row that is surely for others is not applicable, whatever else is missing.

use rust_decimal::Decimal;

use crate::dose::{largest_day, peak_day_in};
use crate::families::clinical::age::Range;
use crate::family::{Case, Hit, Match, Outcome};
use crate::icd::Diagnosed;
use crate::knowledge::{Key, Row};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::way::Way;

pub(super) const AGE_FROM: Column =
    Column::optional("age_from", "适用年龄下限（含）", ColumnKind::Age);
pub(super) const AGE_BELOW: Column =
    Column::optional("age_below", "适用年龄上限（不含）", ColumnKind::Age);
pub(super) const WEIGHT_FROM: Column =
    Column::optional("weight_from", "适用体重下限（含），千克", ColumnKind::Decimal);
pub(super) const WEIGHT_BELOW: Column =
    Column::optional("weight_below", "适用体重上限（不含），千克", ColumnKind::Decimal);
pub(super) const WAYS: Column =
    Column::optional("ways", "适用的给药途径，如「口服|静脉滴注」", ColumnKind::List);
pub(super) const INDICATIONS: Column =
    Column::optional("indications", "仅适用于这些诊断（ICD前缀）", ColumnKind::List);
pub(super) const NOT_INDICATIONS: Column =
    Column::optional("not_indications", "不适用于这些诊断（ICD前缀）", ColumnKind::List);
pub(super) const WITH: Column =
    Column::optional("with", "仅在与这些药品同用时适用", ColumnKind::Keys);
pub(super) const LEVEL: Column =
    Column::optional("level", "禁用或慎用", ColumnKind::Choice(&["禁用", "慎用"]));

/// Whether a row is for this patient and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fits {
    Yes,
    No,
    Unknown(Vec<String>),
}

impl Fits {
    /// What a row comes to that is not for this patient, or that nobody can say it of.
    pub(super) fn left_out(self) -> Option<Outcome> {
        match self {
            Fits::Yes => None,
            Fits::No => Some(Outcome::NotApplicable),
            Fits::Unknown(missing) => Some(Outcome::Unknown { missing }),
        }
    }

    pub(super) fn of(known: Option<bool>, missing: impl FnOnce() -> Vec<String>) -> Fits {
        match known {
            Some(true) => Fits::Yes,
            Some(false) => Fits::No,
            None => Fits::Unknown(missing()),
        }
    }

    fn reversed(self) -> Fits {
        match self {
            Fits::Yes => Fits::No,
            Fits::No => Fits::Yes,
            Fits::Unknown(missing) => Fits::Unknown(missing),
        }
    }

    /// All of them: one that is surely missed decides.
    pub(super) fn all(conditions: impl IntoIterator<Item = Fits>) -> Fits {
        let mut missing = Vec::new();
        for condition in conditions {
            match condition {
                Fits::Yes => {}
                Fits::No => return Fits::No,
                Fits::Unknown(paths) => missing.extend(paths),
            }
        }
        if missing.is_empty() { Fits::Yes } else { Fits::Unknown(missing) }
    }
}

/// Whether the row is for this line, by every column of this file that the row fills.
pub(super) fn fits(case: &Case<'_>, row: &Row, line: &Line<'_>) -> Fits {
    Fits::all([age(case, &row.parameters, line), fits_beside_age(case, row, line)])
}

/// The same, where the ages of the row say something else.
pub(super) fn fits_beside_age(case: &Case<'_>, row: &Row, line: &Line<'_>) -> Fits {
    let cells = &row.parameters;
    Fits::all([
        weight_band(case, cells, line),
        way(cells, line),
        indication(case, cells),
        company(case, cells, line),
    ])
}

fn age(case: &Case<'_>, cells: &Parameters, line: &Line<'_>) -> Fits {
    if cells.get("age_from").or(cells.get("age_below")).is_none() {
        return Fits::Yes;
    }
    let birth = case.session.term_birth;
    let known = birth.and_then(|birth| Range::of(cells).contains(birth, line.begins));
    Fits::of(known, || vec!["patient.brdy".to_owned()])
}

fn weight_band(case: &Case<'_>, cells: &Parameters, line: &Line<'_>) -> Fits {
    let (from, below) = (cells.maybe_decimal("weight_from"), cells.maybe_decimal("weight_below"));
    if from.or(below).is_none() {
        return Fits::Yes;
    }
    match weight(case, line) {
        Err(missing) => Fits::Unknown(missing),
        Ok(weight) => {
            let is_in =
                from.is_none_or(|from| from <= weight) && below.is_none_or(|below| weight < below);
            if is_in { Fits::Yes } else { Fits::No }
        }
    }
}

/// The weight in kg, when it is fresh and a body of that age can have it.
pub(super) fn weight(case: &Case<'_>, line: &Line<'_>) -> Result<Decimal, Vec<String>> {
    let patient = case.facts.patient.present();
    let lacking = |element: &str| vec![format!("patient.{element}")];
    let weight = patient.and_then(|patient| patient.weight_kg).ok_or_else(|| lacking("wt"))?;
    let reached = |age: &str| {
        let age = crate::age::Age::parse(age)?;
        case.session.birth?.reached(age, line.begins)
    };
    let is_infant = reached("1岁") == Some(false);
    let most = if is_infant {
        INFANT_KG_MAX
    } else if reached("6岁") == Some(false) {
        YOUNG_CHILD_KG_MAX
    } else {
        KG_MAX
    };
    if weight > Decimal::from(most) {
        return Err(lacking("wt"));
    }
    let days_max = if is_infant { 7 } else { 30 };
    let weighed = patient.and_then(|patient| patient.weighed);
    let is_old = weighed
        .is_some_and(|day| line.begins.since(day).is_ok_and(|span| span.get_days() > days_max));
    if is_old { Err(lacking("wt_date")) } else { Ok(weight) }
}

/// Heavier bodies of that age are mistakes: grams, or somebody else's weight.
const INFANT_KG_MAX: u32 = 20;
const YOUNG_CHILD_KG_MAX: u32 = 60;
const KG_MAX: u32 = 400;

fn way(cells: &Parameters, line: &Line<'_>) -> Fits {
    let ways = ways(cells, "ways");
    if ways.is_empty() {
        return Fits::Yes;
    }
    let known = line.way().and_then(|way| way.is_one_of(&ways));
    Fits::of(known, || vec![line.path("drug_used_way_code")])
}

/// The ways that a list names; the loader has proved the words.
pub(super) fn ways(cells: &Parameters, name: &str) -> Vec<Way> {
    cells.list(name).iter().filter_map(|word| Way::parse(word)).collect()
}

/// What is wrong with the words of a list of ways.
pub(super) fn unknown_way(cells: &Parameters, name: &str) -> Option<String> {
    let bad = cells.list(name).iter().find(|word| Way::parse(word).is_none())?;
    Some(format!("`{bad}` in `{name}` is no way of giving a drug"))
}

fn indication(case: &Case<'_>, cells: &Parameters) -> Fits {
    let (only, but) = (cells.list("indications"), cells.list("not_indications"));
    let is_for = if only.is_empty() { Fits::Yes } else { diagnosed(case, only) };
    let is_not_against = if but.is_empty() { Fits::Yes } else { diagnosed(case, but).reversed() };
    Fits::all([is_for, is_not_against])
}

/// Whether one of the diseases was diagnosed in this encounter.
pub(super) fn diagnosed(case: &Case<'_>, prefixes: &[String]) -> Fits {
    match case.facts.diagnosed(prefixes) {
        Diagnosed::As(_) => Fits::Yes,
        Diagnosed::No => Fits::No,
        Diagnosed::Unknown(missing) => Fits::Unknown(missing),
    }
}

fn company(case: &Case<'_>, cells: &Parameters, line: &Line<'_>) -> Fits {
    let with = cells.keys("with");
    if with.is_empty() || companion(case, with, line).is_some() { Fits::Yes } else { Fits::No }
}

/// Another line that one of the keys is about and that is taken on some common day.
pub(super) fn companion<'a>(
    case: &Case<'a>,
    keys: &[Key],
    line: &Line<'_>,
) -> Option<&'a Line<'a>> {
    keys.iter().find_map(|key| {
        case.about(key).find(|other| {
            other.position != line.position && !other.is_cancelled() && other.overlaps(line)
        })
    })
}

/// What is wrong with a row's ranges and words.
pub(super) fn fault(cells: &Parameters) -> Option<String> {
    let (from, below) = (cells.maybe_age("age_from"), cells.maybe_age("age_below"));
    if let Some((from, below)) = from.zip(below).filter(|(from, below)| from >= below) {
        return Some(format!("from {from} to below {below} is no range"));
    }
    unknown_way(cells, "ways")
}

/// Judges a drug whose row forbids it, or limits its day to `max_day`; `hit` is told what is wrong.
pub(super) fn forbidden_or_limited(
    found: &Match<'_>,
    forbidden: &str,
    hit: impl FnOnce(String) -> Outcome,
) -> Outcome {
    let Some(max) = found.row.parameters.maybe_dose("max_day") else {
        return hit(forbidden.to_owned());
    };
    let day = match peak_day_in(found.line, ingredient(found.row, found.line), max.dimension) {
        Ok(day) => day,
        Err(missing) => return Outcome::Unknown { missing },
    };
    if day.amount > max.amount {
        return hit(format!("每日{day}，不超过{max}"));
    }
    match largest_day(found.line, day) {
        Some((most, said)) if most.amount > max.amount => {
            slight(hit(format!("{said}当日{most}，不超过{max}")))
        }
        _ => Outcome::Pass,
    }
}

/// What is over a limit only by a larger first dose, or by the largest step of a dose that changes.
pub(super) fn slight(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Hit(hit) => Outcome::Hit(Hit { severity: Some(Severity::Slight), ..hit }),
        other => other,
    }
}

/// Lines that a key is about, of this session or of the past, that act on the whole body or are
/// counted wherever they are put.
pub(super) fn acting<'a>(case: &Case<'a>, keys: &[Key], anywhere: bool) -> Vec<&'a Line<'a>> {
    let mut found: Vec<&Line<'_>> = Vec::new();
    for key in keys {
        for line in case.about(key).chain(case.past(key)) {
            let is_new = !found.iter().any(|known| std::ptr::eq(*known, line));
            if is_new && !line.is_cancelled() && (anywhere || line.is_systemic()) {
                found.push(line);
            }
        }
    }
    found
}

/// 慎用 is a hint, 禁用 what the rule says.
pub(super) fn softened(row: &Row) -> (Option<Severity>, Option<Action>) {
    match row.parameters.maybe_text("level") {
        Some("慎用") => (Some(Severity::Slight), Some(Action::Hint)),
        _ => (None, None),
    }
}

/// The ingredient that a row's dose is about; of a row by code, the first of the product.
pub(super) fn ingredient<'a>(row: &'a Row, line: &Line<'a>) -> &'a str {
    match &row.key {
        Key::Ingredient(name) => name,
        _ => line.ingredients().and_then(|all| all.first().copied()).unwrap_or_default(),
    }
}
