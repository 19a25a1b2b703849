//! The arithmetic of doses and days, step by step with its units, by the same functions that judge.

use rust_decimal::Decimal;

use super::inputs;
use crate::dose::{
    days_supply, largest_step, mean_times_per_day, peak_day_of, pieces_dispensed, single_of,
};
use crate::family::Case;
use crate::frequency::Frequency;
use crate::session::Line;
use crate::unit::{Dimension, Unit};
use crate::verdict::Finding;
use crate::vocabulary;

/// The steps for every line of the finding, as far as the family counts with doses or days.
pub(super) fn steps(case: &Case<'_>, finding: &Finding) -> Vec<String> {
    let reads = case.rule.family.reads();
    let counts = |name: &str| reads.contains(&name);
    let mut steps = Vec::new();
    for line in inputs::lines(case, finding) {
        let mut step = |text: String| steps.push(format!("【{}】{text}", line.name()));
        if counts("orders.drug_used_sdose") {
            for ingredient in line.ingredients().unwrap_or_default() {
                step(format!("{ingredient}：{}", single(line, ingredient)));
                if counts("orders.drug_used_frqu") {
                    step(format!("{ingredient}：{}", day(line, ingredient)));
                }
            }
        }
        if counts("orders.cnt") && counts("orders.drug_used_frqu") {
            step(supply(line));
        }
        if counts("orders.medc_days") {
            step(line.order.days.map_or("未填写用药天数".to_owned(), |days| {
                format!("填写{}日", days.normalize())
            }));
        }
    }
    steps
}

/// `2片 × 100mg/片 = 200mg`
fn single(line: &Line<'_>, ingredient: &str) -> String {
    let dose = match single_of(line, ingredient) {
        Ok(dose) => dose,
        Err(missing) => return lacking("单次剂量", &missing),
    };
    let written = written(line.order.single_dose, line.order.dose_unit.as_ref());
    let larger = largest_step(line, dose);
    let larger = larger.map_or_else(String::new, |(most, said)| format!("，{said}{most}"));
    let Some(Unit::Piece(piece)) = &line.order.dose_unit else {
        return format!("单次 {written} = {dose}{larger}");
    };
    let count = line.order.single_dose.unwrap_or_default();
    let each = dose.amount.checked_div(count).unwrap_or_default();
    let each = crate::unit::Dose { amount: each, ..dose };
    format!("单次 {written} × {each}/{piece} = {dose}{larger}")
}

/// `200mg × 每日2次 = 400mg/日`
fn day(line: &Line<'_>, ingredient: &str) -> String {
    let of_day = match peak_day_of(line, ingredient) {
        Ok(dose) => dose,
        Err(missing) => return lacking("用药日剂量", &missing),
    };
    match single_of(line, ingredient) {
        Ok(single) => format!("用药日 {single} × {} = {of_day}/日", frequency(line)),
        Err(_) => format!(
            "用药日 按速度{}，运行{} = {of_day}/日",
            written(line.order.single_dose, line.order.dose_unit.as_ref()),
            line.order
                .minutes
                .map_or("24小时".to_owned(), |it| format!("{}分钟", it.normalize())),
        ),
    }
}

/// `1盒 = 20片，20片 ÷ (2片 × 日均2次) = 5日`
fn supply(line: &Line<'_>) -> String {
    let quantity = written(line.net, line.order.quantity_unit.as_ref());
    let parts = (pieces_dispensed(line), mean_times_per_day(line), days_supply(line));
    let (pieces, times, days) = match parts {
        (Ok(pieces), Ok(times), Ok(days)) => (pieces, times, days),
        (_, _, Ok(days)) => return format!("数量{quantity}可用 {days}日"),
        (_, _, Err(missing)) => return lacking("可用天数", missing),
    };
    let per_dose = line.pieces_per_dose().map_or_else(String::new, |it| it.normalize().to_string());
    format!(
        "数量 {quantity} = {}个最小单位，÷ (每次{per_dose} × 日均{}次) = {days}日",
        pieces.normalize(),
        times.round_dp(4).normalize()
    )
}

fn lacking(what: &str, missing: &[String]) -> String {
    let named: Vec<String> = missing
        .iter()
        .map(|path| vocabulary::element_zh(path).map_or(path.clone(), |zh| format!("{zh} {path}")))
        .collect();
    format!("{what}无法计算：缺少{}", named.join("、"))
}

fn written(amount: Option<Decimal>, unit: Option<&Unit>) -> String {
    let amount = amount.map_or("?".to_owned(), |it| it.normalize().to_string());
    format!("{amount}{}", unit.map_or("（无单位）".to_owned(), unit_zh))
}

fn frequency(line: &Line<'_>) -> String {
    line.order.frequency.map_or("频次未知".to_owned(), |it| match it {
        Frequency::AsNeeded => {
            let times = line.order.times_per_day_max.unwrap_or_default();
            format!("每日最多{}次（必要时）", times.normalize())
        }
        _ => frequency_zh(it),
    })
}

/// A frequency for people.
pub(super) fn frequency_zh(frequency: Frequency) -> String {
    match frequency {
        Frequency::Regular { times, days: 1 } => format!("每日{times}次"),
        Frequency::Regular { times, days } => format!("每{days}日{times}次"),
        Frequency::Once => "一次".to_owned(),
        Frequency::AsNeeded => "必要时".to_owned(),
        Frequency::Continuous => "持续".to_owned(),
    }
}

/// A unit for people: as much of the base unit as one of it is, where it has no usual name.
pub(super) fn unit_zh(unit: &Unit) -> String {
    match unit {
        Unit::Piece(piece) => (*piece).to_owned(),
        Unit::Measured { dimension, factor } => measured(*dimension, *factor),
        Unit::Rate { dimension, factor, per_kg, minutes } => {
            let body = if *per_kg { "/kg" } else { "" };
            let time = if *minutes == 1 { "min" } else { "h" };
            format!("{}{body}/{time}", measured(*dimension, *factor))
        }
    }
}

fn measured(dimension: Dimension, factor: Decimal) -> String {
    const NAMES: [&str; 10] = ["kg", "g", "mg", "μg", "ng", "L", "mL", "IU", "万IU", "mmol"];
    let is_it = |name: &&&str| Unit::parse(name) == Some(Unit::Measured { dimension, factor });
    NAMES.iter().find(is_it).map_or_else(|| format!("×{factor}"), |name| (*name).to_owned())
}
