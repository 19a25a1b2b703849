//! Finds a laboratory value by the names it goes by, fresh enough to be judged by.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::facts::{LabResult, VisitKind};
use crate::family::Case;
use crate::parameter::{Column, ColumnKind};

pub(super) const DAYS_MAX: Column =
    Column::required("days_max", "检验结果的有效天数", ColumnKind::Whole);
pub(super) const STAY_DAYS_MAX: Column =
    Column::optional("stay_days_max", "住院患者检验结果的有效天数", ColumnKind::Whole);

/// The latest result of a test within the days that the rule allows, of now or of the past.
pub(super) fn latest<'a>(case: &Case<'a>, names: &[&str], on: Date) -> Option<&'a LabResult> {
    let now = case.facts.labs.present().into_iter().flatten();
    let past = case.facts.history.present().into_iter().flat_map(|history| &history.labs);
    let first = on.checked_sub(i64::from(days_max(case)).days()).ok()?;
    now.chain(past)
        .filter(|result| is_named(result, names))
        .filter(|result| result.reported.is_some_and(|day| (first..=on).contains(&day.date())))
        .max_by_key(|result| result.reported)
}

/// In a ward values change faster than at home.
fn days_max(case: &Case<'_>) -> u32 {
    let parameters = &case.rule.parameters;
    let visit = case.facts.encounter.present().and_then(|encounter| encounter.visit);
    let of_stay = parameters.maybe_whole("stay_days_max");
    let of_stay = of_stay.filter(|_| visit == Some(VisitKind::Inpatient));
    of_stay.unwrap_or_else(|| parameters.whole("days_max"))
}

/// By code or name; the case of letters does not matter, nor what stands in brackets, unless it says
/// that not the blood was examined.
fn is_named(result: &LabResult, names: &[&str]) -> bool {
    let plain = |text: &str| {
        let text = text.split(['(', '（']).next().unwrap_or(text);
        text.trim().to_uppercase()
    };
    let known = [result.code.as_deref(), result.name.as_deref()];
    if known.into_iter().flatten().any(is_of_other_fluid) {
        return false;
    }
    known.into_iter().flatten().any(|known| {
        let known = plain(known);
        names.iter().any(|name| name.to_uppercase() == known)
    })
}

/// Whether it was measured in something else than blood. A clearance needs the urine for its measure.
fn is_of_other_fluid(name: &str) -> bool {
    const FLUIDS: [&str; 7] = ["尿", "腹水", "胸水", "积液", "脑脊液", "引流", "透析液"];
    !name.contains("清除率") && FLUIDS.iter().any(|fluid| name.contains(fluid))
}

/// Creatinine in µmol/L; 1 mg/dL is 88.4 µmol/L, and without a unit nobody knows which it is.
pub(super) fn creatinine(result: &LabResult) -> Option<Decimal> {
    let unit = result.unit.as_deref()?.trim().to_lowercase().replace('\u{b5}', "\u{3bc}");
    let factor = match unit.as_str() {
        "\u{3bc}mol/l" | "umol/l" => Decimal::ONE,
        "mmol/l" => Decimal::ONE_THOUSAND,
        "mg/dl" => Decimal::new(884, 1),
        _ => return None,
    };
    let value = result.value?.checked_mul(factor)?;
    // Beyond this it was written in another unit than it says.
    (Decimal::from(5)..=Decimal::from(5_000)).contains(&value).then_some(value)
}
