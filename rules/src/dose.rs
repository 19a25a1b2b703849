//! Dose arithmetic: what is taken on the worst day, and how long a quantity lasts.
//!
//! Every question answers with a number or with the elements it lacks; nothing is guessed. A
//! maximum per day is compared with a dosing day (QOD 10 mg is 10 mg on its day), a number of
//! days with the mean.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::drug::converted;
use crate::frequency::Frequency;
use crate::session::Line;
use crate::unit::{Dimension, Dose, Unit};

/// A number, or the paths of what is missing for it.
pub(crate) type Computed<T> = Result<T, Vec<String>>;

/// What one intake of the line holds of an ingredient.
pub(crate) fn single_of(line: &Line<'_>, ingredient: &str) -> Computed<Dose> {
    let lacking = |element: &str| vec![line.path(element)];
    if !line.dose_is_believable {
        return Err(lacking("drug_used_sdose"));
    }
    let amount = line.order.single_dose.ok_or_else(|| lacking("drug_used_sdose"))?;
    let unit = line.order.dose_unit.as_ref().ok_or_else(|| lacking("drug_used_dosunt"))?;
    let of_product = line.product.map(|product| product.ingredients.as_slice());
    match unit {
        // "325 mg" of a product with three ingredients says nothing about each.
        Unit::Measured { .. } if of_product.is_some_and(|all| all.len() > 1) => {
            Err(lacking("drug_used_dosunt"))
        }
        Unit::Measured { .. } => Dose::of(amount, unit).ok_or_else(|| lacking("drug_used_sdose")),
        // A rate is no intake.
        Unit::Rate { .. } => Err(lacking("drug_used_dosunt")),
        Unit::Piece(_) if !line.is_its_piece(unit) => Err(lacking("drug_used_dosunt")),
        Unit::Piece(_) => {
            let named = of_product.and_then(|all| all.iter().find(|i| i.name == ingredient));
            let strength = named.and_then(|i| i.strength).or_else(|| line.strength());
            let strength = strength.ok_or_else(|| lacking("spec"))?;
            let amount = amount.checked_mul(strength.amount);
            let amount = amount.ok_or_else(|| lacking("drug_used_sdose"))?;
            Ok(Dose { amount, dimension: strength.dimension })
        }
    }
}

/// The same in a wanted dimension, by the conversions of the product.
pub(crate) fn single_in(line: &Line<'_>, ingredient: &str, to: Dimension) -> Computed<Dose> {
    in_dimension(line, single_of(line, ingredient)?, to)
}

/// A dose of the line in a wanted dimension; mL against mg needs the concentration, which the drug
/// table says, or else the label.
pub(crate) fn in_dimension(line: &Line<'_>, dose: Dose, to: Dimension) -> Computed<Dose> {
    if dose.dimension == to {
        return Ok(dose);
    }
    let by_product = line.product.and_then(|product| product.converted(dose, to));
    let converted = by_product.or_else(|| converted(line.concentration()?, dose, to));
    converted.ok_or_else(|| vec![line.path("drug_used_dosunt")])
}

/// What the line gives of an ingredient on a day on which it is taken, in a wanted dimension.
pub(crate) fn peak_day_in(line: &Line<'_>, ingredient: &str, to: Dimension) -> Computed<Dose> {
    in_dimension(line, peak_day_of(line, ingredient)?, to)
}

/// What the line gives of an ingredient on a day on which it is taken.
pub(crate) fn peak_day_of(line: &Line<'_>, ingredient: &str) -> Computed<Dose> {
    if let Some(day) = running_day_of(line) {
        return day;
    }
    let single = single_of(line, ingredient)?;
    let times = times_on_a_dosing_day(line)?;
    let amount = single.amount.checked_mul(times);
    let amount = amount.ok_or_else(|| vec![line.path("drug_used_sdose")])?;
    Ok(Dose { amount, ..single })
}

/// What a larger intake is called: the first one, or the largest of a dose that changes.
const FIRST: &str = "首剂";
const LARGEST: &str = "最大一步";

/// The largest intake, where one is larger than the usual, and what it is called.
pub(crate) fn largest_step(line: &Line<'_>, single: Dose) -> Option<(Dose, &'static str)> {
    let first = line.order.first_dose.map(|it| (it, FIRST));
    let largest = line.order.largest_dose.map(|it| (it, LARGEST));
    let (most, said) = first.into_iter().chain(largest).max_by_key(|(amount, _)| *amount)?;
    let usual = line.order.single_dose.filter(|usual| *usual < most)?;
    Some((Dose { amount: in_proportion(single.amount, most, usual)?, ..single }, said))
}

/// What is given on the day of the largest intake: a first dose is larger once, a step all day.
pub(crate) fn largest_day(line: &Line<'_>, day: Dose) -> Option<(Dose, &'static str)> {
    let usual = line.order.single_dose?;
    let times = line.frequency().and_then(Frequency::times_on_a_dosing_day).unwrap_or(1);
    let first = line.order.first_dose.and_then(|first| {
        let one = day.amount.checked_div(Decimal::from(times))?;
        Some((day.amount.checked_add(in_proportion(one, first - usual, usual)?)?, FIRST))
    });
    let largest = line
        .order
        .largest_dose
        .and_then(|largest| Some((in_proportion(day.amount, largest, usual)?, LARGEST)));
    let (amount, said) = first.into_iter().chain(largest).max_by_key(|(amount, _)| *amount)?;
    (amount > day.amount).then_some((Dose { amount, ..day }, said))
}

fn in_proportion(amount: Decimal, part: Decimal, whole: Decimal) -> Option<Decimal> {
    amount.checked_mul(part)?.checked_div(whole)
}

/// What runs in a day at a rate: for as long as it was ordered to run, else around the clock.
fn running_day_of(line: &Line<'_>) -> Option<Computed<Dose>> {
    let Some(Unit::Rate { dimension, factor, per_kg, minutes }) = line.order.dose_unit else {
        return None;
    };
    let lacking = |path: String| Some(Err(vec![path]));
    let Some(amount) = line.order.single_dose else { return lacking(line.path("drug_used_sdose")) };
    let bodies = match (per_kg, line.body_kg) {
        (false, _) => Decimal::ONE,
        (true, Some(kg)) => kg,
        (true, None) => return lacking("patient.wt".to_owned()),
    };
    let running = line.order.minutes.unwrap_or(Decimal::from(MINUTES_OF_A_DAY));
    let amount = [factor, bodies, running].into_iter().try_fold(amount, Decimal::checked_mul);
    let amount = amount.and_then(|amount| amount.checked_div(Decimal::from(minutes)));
    match amount {
        Some(amount) => Some(Ok(Dose { amount, dimension })),
        None => lacking(line.path("drug_used_sdose")),
    }
}

const MINUTES_OF_A_DAY: u32 = 1_440;

fn times_on_a_dosing_day(line: &Line<'_>) -> Computed<Decimal> {
    let frequency = line.frequency().ok_or_else(|| vec![line.path("drug_used_frqu")])?;
    match frequency {
        Frequency::AsNeeded => {
            line.order.times_per_day_max.ok_or_else(|| vec![line.path("day_cnt_max")])
        }
        _ => frequency
            .times_on_a_dosing_day()
            .map(Decimal::from)
            .ok_or_else(|| vec![line.path("drug_used_frqu")]),
    }
}

/// For how many days the quantity lasts, rounded up to a tenth; computed once for all rules.
pub(crate) fn days_supply<'l>(line: &'l Line<'_>) -> Result<Decimal, &'l [String]> {
    let days = line.days_supply.get_or_init(|| compute_days_supply(line));
    days.as_ref().copied().map_err(Vec::as_slice)
}

fn compute_days_supply(line: &Line<'_>) -> Computed<Decimal> {
    let pieces = pieces_dispensed(line)?;
    let per_dose = pieces_per_dose(line)?;
    if line.frequency() == Some(Frequency::Once) {
        return Ok(Decimal::ONE);
    }
    let times = mean_times_per_day(line)?;
    let days = per_dose
        .checked_mul(times)
        .and_then(|per_day| pieces.checked_div(per_day))
        .ok_or_else(|| vec![line.path("cnt")])?;
    // A fraction that only comes from dividing by seven must not become a tenth of a day.
    let days = days.round_dp(6);
    Ok(days.round_dp_with_strategy(1, RoundingStrategy::ToPositiveInfinity).normalize())
}

pub(crate) fn mean_times_per_day(line: &Line<'_>) -> Computed<Decimal> {
    match line.frequency() {
        None => Err(vec![line.path("drug_used_frqu")]),
        Some(Frequency::AsNeeded) => {
            line.order.times_per_day_max.ok_or_else(|| vec![line.path("day_cnt_max")])
        }
        Some(frequency) => {
            frequency.times_per_day().ok_or_else(|| vec![line.path("drug_used_frqu")])
        }
    }
}

fn pieces_per_dose(line: &Line<'_>) -> Computed<Decimal> {
    // Who takes more on some days than on others has no pieces a dose.
    let is_one = line.order.single_dose.is_some() && line.order.largest_dose.is_none();
    if !is_one || !line.dose_is_believable {
        return Err(vec![line.path("drug_used_sdose")]);
    }
    if line.order.dose_unit.is_none() {
        return Err(vec![line.path("drug_used_dosunt")]);
    }
    line.pieces_per_dose().ok_or_else(|| vec![line.path("spec")])
}

/// Whether what is to be taken once was dispensed for more than one intake. Pieces are not broken, and
/// packages not opened where packages are counted: what is left of the last one is no second intake.
pub(crate) fn is_more_than_once(line: &Line<'_>) -> bool {
    if line.order.frequency != Some(Frequency::Once) {
        return false;
    }
    let (Ok(pieces), Ok(per_dose)) = (pieces_dispensed(line), pieces_per_dose(line)) else {
        return false;
    };
    let counts_pieces = line.order.quantity_unit.as_ref().is_some_and(|it| line.is_its_piece(it));
    let package = line.pieces_per_package().filter(|_| !counts_pieces).unwrap_or(Decimal::ONE);
    let packages = per_dose.checked_div(package).map(|packages| packages.ceil());
    packages.is_some_and(|packages| pieces > packages.saturating_mul(package))
}

/// The quantity in pieces; packages are opened by what is known of the product.
pub(crate) fn pieces_dispensed(line: &Line<'_>) -> Computed<Decimal> {
    // Ampoules that came back were not dispensed.
    let quantity = line.net.ok_or_else(|| vec![line.path("cnt")])?;
    let unit = line.order.quantity_unit.as_ref().ok_or_else(|| vec![line.path("cnt_unt")])?;
    if line.is_its_piece(unit) {
        return Ok(quantity);
    }
    if !unit.is_package() {
        return Err(vec![line.path("cnt_unt")]);
    }
    let per_package = line.pieces_per_package().ok_or_else(|| vec![line.path("spec")])?;
    quantity.checked_mul(per_package).ok_or_else(|| vec![line.path("cnt")])
}

/// How much of an ingredient the whole quantity holds.
pub(crate) fn total_of(line: &Line<'_>, ingredient: &str) -> Computed<Dose> {
    let lacking = |element: &str| vec![line.path(element)];
    if let Some(unit @ Unit::Measured { .. }) = &line.order.quantity_unit {
        let quantity = line.net.ok_or_else(|| lacking("cnt"))?;
        return Dose::of(quantity, unit).ok_or_else(|| lacking("cnt"));
    }
    let pieces = pieces_dispensed(line)?;
    let of_product = line.product.map(|product| product.ingredients.as_slice());
    let named = of_product.and_then(|all| all.iter().find(|i| i.name == ingredient));
    let strength = named.and_then(|i| i.strength).or_else(|| line.strength());
    let strength = strength.ok_or_else(|| lacking("spec"))?;
    let amount = pieces.checked_mul(strength.amount).ok_or_else(|| lacking("cnt"))?;
    Ok(Dose { amount, ..strength })
}

/// Whether the line is one package: the least that can be dispensed.
pub(crate) fn is_one_package(line: &Line<'_>) -> bool {
    line.order.quantity == Some(Decimal::ONE)
        && line
            .order
            .quantity_unit
            .as_ref()
            .is_some_and(|unit| unit.is_package() || line.is_its_piece(unit))
}
