//! F06 限定频次: more of an item on one date than a day allows.
//!
//! What: a row gives an item the most that one calendar date may hold, in times, days or hours; the
//! net charges of the date are added up over all wards. Hours that run over midnight are split by
//! date, what is ordered for days falls on each of them. What goes beyond is the violation; what came before it takes part.
//! Why: a bed, a level of care, a visit is paid once a day, and a day has twenty-four hours.
//! Basis: GZ10000102014000 限定频次, public batch 8.
//! Example: 心电监测, 20 hours in the ward and 6 in intensive care on one date → 26 > 24 → hit. One
//! line from 23:00 to 23:00 is one hour of the first date and 23 of the second → pass.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Time};
use rust_decimal::Decimal;

use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows, Usual};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

use super::lines::{all_by_row, is_judged, is_undated, plain, time_path, unit_price, used_before};
use super::uses::spread;

/// The family `daily_quantity`.
pub struct DailyQuantity;

const ROWS: [Column; 2] = [
    Column::required("day_max", "单日上限", ColumnKind::Decimal),
    Column::required("unit", "计数单位", ColumnKind::Choice(&["次", "日", "小时", "项"])),
];

impl Family for DailyQuantity {
    fn id(&self) -> &'static str {
        "daily_quantity"
    }

    fn zh_name(&self) -> &'static str {
        "限定频次"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Confirm,
            basis: "GZ10000102014000 限定频次",
            window: "同日",
            text: "【{项目}】{日期}{合计}{单位}，上限{上限}{单位}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "fees.hilist_code",
            "fees.hosplist_code",
            "fees.cnt",
            "fees.fee_ocur_time",
            "fees.drord_stop_date",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Charges
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let rows = all_by_row(case);
        rows.into_iter().flat_map(|(row, lines)| judge_row(case, row, &lines)).collect()
    }
}

/// What one line puts on one date.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// `None` for a line of the past, which no finding can name.
    line: Option<&'a Line<'a>>,
    amount: Decimal,
}

fn judge_row<'a>(case: &Case<'a>, row: &Row, lines: &[&'a Line<'a>]) -> Vec<Outcome> {
    let in_hours = row.parameters.text("unit") == "小时";
    let mut missing = Vec::new();
    let mut days: BTreeMap<Date, Vec<Part<'_>>> = BTreeMap::new();
    let mut add = |line: &Line<'_>, of_now: Option<&'a Line<'a>>| {
        if is_undated(line) {
            missing.push(time_path(line));
        } else if of_now.is_some() && line.net.is_none() {
            missing.push(line.path("cnt"));
        } else {
            let used = by_date(line, in_hours).into_iter();
            for (day, amount) in used.filter(|(_, amount)| !amount.is_zero()) {
                days.entry(day).or_default().push(Part { line: of_now, amount });
            }
        }
    };
    let before = used_before(case, &row.key).map(|line| (line, None));
    let now = lines.iter().map(|line| (*line, Some(*line)));
    for (line, of_now) in before.chain(now) {
        add(line, of_now);
    }
    let of_now = days.iter().filter(|(_, parts)| is_of_now(case, parts));
    let mut outcomes: Vec<Outcome> = of_now.clone().map(|_| Outcome::Pass).take(1).collect();
    let beyond = each_told_once(of_now.filter_map(|(day, parts)| beyond(row, *day, parts)));
    outcomes.extend(beyond.iter().map(|beyond| Outcome::Hit(hit(row, beyond))));
    if !missing.is_empty() {
        outcomes.push(Outcome::Unknown { missing });
    }
    outcomes
}

fn is_of_now(case: &Case<'_>, parts: &[Part<'_>]) -> bool {
    parts.iter().filter_map(|part| part.line).any(|line| is_judged(case.session, line))
}

/// A line's quantity by date: hours that run over midnight are split there.
fn by_date(line: &Line<'_>, in_hours: bool) -> Vec<(Date, Decimal)> {
    let hours = in_hours.then(|| hours_by_date(line)).flatten();
    hours.unwrap_or_else(|| spread(line))
}

fn hours_by_date(line: &Line<'_>) -> Option<Vec<(Date, Decimal)>> {
    let began = line.moment();
    let ended = line.order.stops.filter(|stops| line.has_time() && stops.date() > began.date())?;
    let (net, all) = (line.net.unwrap_or(Decimal::ONE), minutes(began, ended));
    let mut parts = Vec::new();
    let mut from = began;
    while from < ended && parts.len() < DAYS_MAX {
        let midnight = from.date().tomorrow().ok()?.to_datetime(Time::midnight());
        let to = midnight.min(ended);
        parts.push((from.date(), net.checked_mul(minutes(from, to))?.checked_div(all)?));
        from = to;
    }
    (from == ended).then_some(parts)
}

/// No single charge lasts longer; the stop was mistyped.
const DAYS_MAX: usize = 400;

fn minutes(from: DateTime, to: DateTime) -> Decimal {
    Decimal::from(to.duration_since(from).as_mins())
}

/// What goes beyond the limit of a day, or of days on which the same lines do the same.
struct Beyond {
    first: Date,
    days: u32,
    sum: Decimal,
    name: String,
    violating: Vec<usize>,
    involved: Vec<usize>,
    /// What the excess of one day is worth, where one line makes it.
    amount: Option<Decimal>,
}

/// The lines that carry the sum beyond the limit violate; those before take part. Where the past
/// alone is beyond the limit, it was told then.
fn beyond(row: &Row, day: Date, parts: &[Part<'_>]) -> Option<Beyond> {
    let limit = row.parameters.decimal("day_max");
    let (mut sum, mut last) = (Decimal::ZERO, None);
    let (mut violating, mut involved) = (Vec::new(), Vec::new());
    for part in parts {
        sum = sum.saturating_add(part.amount);
        let Some(line) = part.line else { continue };
        if sum > limit {
            violating.push(line.position);
            last = Some((line, part.amount.min(sum.saturating_sub(limit))));
        } else {
            involved.push(line.position);
        }
    }
    let (last, excess) = last?;
    let price = unit_price(last).filter(|_| violating.len() == 1);
    let amount = price.map(|price| price.saturating_mul(excess));
    let name = last.name().to_owned();
    Some(Beyond { first: day, days: 1, sum, name, violating, involved, amount })
}

/// An order of many days that is too much on each of them is one finding.
fn each_told_once(days: impl Iterator<Item = Beyond>) -> Vec<Beyond> {
    let mut told: Vec<Beyond> = Vec::new();
    for day in days {
        let is_same = |it: &&mut Beyond| {
            (it.sum, &it.violating, &it.involved) == (day.sum, &day.violating, &day.involved)
        };
        match told.iter_mut().find(is_same) {
            Some(known) => known.days += 1,
            None => told.push(day),
        }
    }
    told
}

fn hit(row: &Row, beyond: &Beyond) -> Hit {
    let limit = plain(row.parameters.decimal("day_max"));
    let (unit, sum) = (row.parameters.text("unit"), plain(beyond.sum));
    let when = match beyond.days {
        1 => format!("{}当日", beyond.first),
        days => format!("{}起{days}天每日", beyond.first),
    };
    Hit {
        violating: beyond.violating.clone(),
        involved: beyond.involved.clone(),
        text: format!("【{}】{when}{sum}{unit}，上限{limit}{unit}", beyond.name),
        evidence: vec![beyond.first.to_string(), sum, limit],
        source: Some(row.source.clone()),
        amount: beyond.amount.map(|amount| amount.saturating_mul(beyond.days.into())),
        ..Hit::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use crate::evaluate::evaluate;
    use crate::families::bench::{Bench, NOW};
    use crate::request;

    const BENCH: Bench = Bench {
        family: "daily_quantity",
        parameters: "",
        rows: "match,key,item,day_max,unit,source,flag\n\
               hospital,CARE,Ⅱ级护理,1,日,batch 8,A\n\
               hospital,ECG,心电监测,24,小时,batch 8,A\n",
        drugs: "",
    };

    #[test]
    fn once_a_day() {
        check(&[("CARE", "20260514", "", "1")], "pass");
        check(&[("CARE", "20260514", "", "2")], "hit 1: 【CARE】2026-05-14当日2日，上限1日");
        check(&[("CARE", "20260514", "", "1"), ("CARE", "20260515", "", "1")], "pass");
        check(
            &[("CARE", "20260514", "", "1"), ("CARE", "20260514", "", "1")],
            "hit 2: 【CARE】2026-05-14当日2日，上限1日",
        );
        check(&[("CARE", "20260514", "", "2"), ("CARE", "20260514", "", "-1")], "pass");
        check(&[("CARE", "20260514", "", "")], "unknown fees[1].cnt");
    }

    #[test]
    fn ward_and_intensive_care_add_up() {
        check(
            &[("ECG", "20260514", "", "20"), ("ECG", "2026051420", "", "6")],
            "hit 2: 【ECG】2026-05-14当日26小时，上限24小时",
        );
        check(&[("ECG", "20260514", "", "20"), ("ECG", "2026051420", "", "4")], "pass");
    }

    #[test]
    fn hours_over_midnight_are_split_by_date() {
        let night = ("ECG", "2026051423", "2026051523", "24");
        check(&[night], "pass");
        check(&[night, ("ECG", "2026051520", "", "1")], "pass");
        check(
            &[night, ("ECG", "2026051520", "", "2")],
            "hit 2: 【ECG】2026-05-15当日25小时，上限24小时",
        );
    }

    #[test]
    fn another_visit_of_the_same_day() {
        let request = r#"{"orders":[{"rx_id":"1","hosplist_code":"CARE","cnt":"1"}],
            "history":{"orders":[{"rx_id":"H1","hosplist_code":"CARE","cnt":"1","fee_ocur_time":"20260515"}]}}"#;
        BENCH.check(request, "hit 1: 【CARE】2026-05-15当日2日，上限1日");
    }

    #[test]
    fn an_order_of_days_falls_on_each() {
        let order = |count: &str, days: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"CARE","cnt":"{count}","medc_days":"{days}"}}]}}"#
            )
        };
        BENCH.check(&order("7", "7"), "pass");
        BENCH.check(&order("3", "7"), "pass");
        BENCH.check(&order("14", "7"), "hit 1: 【CARE】2026-05-15起7天每日2日，上限1日");
        BENCH.check(&order("2", "1"), "hit 1: 【CARE】2026-05-15当日2日，上限1日");
    }

    #[test]
    fn a_night_of_the_past_is_split_too() {
        let request = |hours: &str, day: &str| {
            format!(
                r#"{{"fees":[{{"rx_id":"1","hosplist_code":"ECG","cnt":"{hours}","fee_ocur_time":"{day}01"}}],
                "history":{{"orders":[{{"rx_id":"H","hosplist_code":"ECG","cnt":"24","fee_ocur_time":"2026051323","drord_stop_date":"2026051423"}}]}}}}"#
            )
        };
        BENCH.check(&request("1", "20260514"), "pass");
        let text = "hit 1: 【ECG】2026-05-14当日25小时，上限24小时";
        BENCH.check(&request("2", "20260514"), text);
        BENCH.check(&request("23", "20260513"), "pass");
    }

    #[test]
    fn a_charge_without_a_day_is_not_of_today() {
        check(&[("CARE", "", "", "3")], "unknown fees[1].fee_ocur_time");
        check(
            &[("CARE", "", "", "1"), ("CARE", "20260514", "", "2")],
            "hit 2: 【CARE】2026-05-14当日2日，上限1日; unknown fees[1].fee_ocur_time",
        );
    }

    #[test]
    fn worth_what_is_beyond() {
        let facts = request::read(
            r#"{"fees":[{"rx_id":"1","hosplist_code":"CARE","cnt":"3","pric":"9.5","sumamt":"28.5","fee_ocur_time":"20260514"}]}"#,
        );
        let verdict = evaluate(&BENCH.rules(), &facts.unwrap(), NOW.parse().unwrap());
        assert_eq!(verdict.findings[0].amount.unwrap().to_string(), "19.0");
    }

    #[track_caller]
    fn check(fees: &[(&str, &str, &str, &str)], expected: &str) {
        let fees: Vec<String> = (1..)
            .zip(fees)
            .map(|(id, (item, began, ended, count))| {
                format!(
                    r#"{{"rx_id":"{id}","hosplist_code":"{item}","cnt":"{count}","fee_ocur_time":"{began}","drord_stop_date":"{ended}"}}"#
                )
            })
            .collect();
        BENCH.check(&format!(r#"{{"fees":[{}]}}"#, fees.join(",")), expected);
    }
}
