//! Whether the patient is pregnant, since when, and whether she is breastfeeding: from what was stated,
//! else from diagnoses, dates, sex and age.
//!
//! A state that was stated as "neither" yields to a diagnosis that implies pregnancy; a pregnancy that
//! ended (abortion, delivery) is none. Who is admitted to give birth has the diagnosis of the delivery
//! before the child is there: where she is stated to be pregnant beside it, nobody knows. A branch of
//! pregnancy, childbirth and the weeks after it leaves the question open, unless she was stated to be
//! pregnant or to nurse. The weeks of a child are those of its own birth. A man, a girl and an old woman
//! are not asked.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::age::Age;
use crate::facts::{Diagnosis, Maternity, Patient, Sex};
use crate::family::Case;
use crate::icd;

/// What is known of a pregnancy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pregnancy {
    No,
    /// A child is planned soon.
    Planned,
    /// With the completed weeks, where they are known.
    Yes(Option<Decimal>),
    Unknown(Vec<String>),
}

/// Diagnoses that imply a pregnancy which goes on, those that leave it open, and those that say it ended.
const PREGNANT: [&str; 25] = [
    "Z32.1", "Z33", "Z34", "Z35", "Z36", "O09", "O1", "O2", "O30", "O31", "O32", "O33", "O34",
    "O35", "O36", "O40", "O41", "O42", "O43", "O44", "O45", "O46", "O47", "O48", "O60.0",
];
const OPEN: [&str; 2] = ["O98", "O99"];
const ABORTED: [&str; 9] = ["O00", "O01", "O02", "O03", "O04", "O05", "O06", "O07", "O08"];
const DELIVERED: [&str; 7] = ["O80", "O81", "O82", "O83", "O84", "Z37", "Z39"];

/// On the day `on`; between `from` and `below` a woman may be pregnant.
pub(super) fn pregnancy(case: &Case<'_>, on: Date, from: Age, below: Age) -> Pregnancy {
    let patient = case.facts.patient.present();
    let stated = patient.and_then(|patient| patient.maternity);
    let is_man = patient.and_then(|patient| patient.sex) == Some(Sex::Male);
    let is_small_child = case.session.birth.is_some_and(|birth| birth.is_small_child(on));
    if is_man || is_small_child || has(case, &ABORTED) {
        return Pregnancy::No;
    }
    let reached = |age| case.session.birth.and_then(|birth| birth.reached(age, on));
    let is_fertile = reached(from) != Some(false) && reached(below) != Some(true);
    let has_weeks = is_fertile && patient.and_then(written_weeks).is_some();
    let is_stated = stated == Some(Maternity::Pregnant) || has_weeks;
    if has(case, &DELIVERED) {
        return if is_stated { Pregnancy::Unknown(missing(patient)) } else { Pregnancy::No };
    }
    if is_stated || has(case, &PREGNANT) {
        return Pregnancy::Yes(patient.and_then(|patient| weeks(patient, on)));
    }
    match stated {
        Some(Maternity::Planning) => return Pregnancy::Planned,
        Some(Maternity::Breastfeeding) => return Pregnancy::No,
        _ if has(case, &OPEN) => return Pregnancy::Unknown(missing(patient)),
        Some(_) => return Pregnancy::No,
        None => {}
    }
    if is_fertile { Pregnancy::Unknown(missing(patient)) } else { Pregnancy::No }
}

fn missing(patient: Option<&Patient>) -> Vec<String> {
    let mut missing = vec!["patient.matn_stas".to_owned()];
    if patient.and_then(|patient| patient.sex).is_none() {
        missing.push("patient.gend".to_owned());
    }
    missing
}

/// Weeks that somebody wrote: a zero is what a form sends that nobody filled in.
fn written_weeks(patient: &Patient) -> Option<Decimal> {
    patient.gestation_weeks.filter(|weeks| *weeks > Decimal::ZERO)
}

/// As written, else counted from the last menstruation.
fn weeks(patient: &Patient, on: Date) -> Option<Decimal> {
    let counted = || {
        let days = patient.last_menses?.until(on).ok()?.get_days();
        (0..=WEEKS_MAX * 7).contains(&days).then(|| Decimal::from(days / 7))
    };
    written_weeks(patient).or_else(counted)
}

/// Longer ago than this it was another pregnancy.
const WEEKS_MAX: i32 = 43;

/// Breastfeeding, where somebody said so; a recent delivery makes it a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lactation {
    No,
    Yes,
    /// Delivered within a year, and nobody said whether she nurses.
    Unknown,
}

pub(super) fn lactation(case: &Case<'_>, on: Date) -> Lactation {
    let patient = case.facts.patient.present();
    match patient.and_then(|patient| patient.maternity) {
        Some(Maternity::Breastfeeding) => return Lactation::Yes,
        Some(_) => return Lactation::No,
        None => {}
    }
    if patient.and_then(|patient| patient.sex) == Some(Sex::Male) {
        return Lactation::No;
    }
    let is_recent = |day: Date| day.checked_add(1.year()).is_ok_and(|end| on <= end);
    let delivered = patient.and_then(|patient| patient.delivered).is_some_and(is_recent);
    let of_past = case.facts.history.present().into_iter().flat_map(|history| &history.diagnoses);
    let in_past = of_past
        .filter(|made| counts(made, &DELIVERED))
        .any(|made| made.made.is_some_and(is_recent));
    if delivered || has(case, &DELIVERED) || in_past { Lactation::Unknown } else { Lactation::No }
}

fn has(case: &Case<'_>, branches: &[&str]) -> bool {
    let made = case.facts.diagnoses.present().into_iter().flatten();
    made.into_iter().any(|diagnosis| counts(diagnosis, branches))
}

fn counts(diagnosis: &Diagnosis, branches: &[&str]) -> bool {
    let is_in = |code: &str| branches.iter().any(|branch| icd::is_in(code, branch));
    !diagnosis.suspected && !diagnosis.excluded && diagnosis.code.as_deref().is_some_and(is_in)
}
