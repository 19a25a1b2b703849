//! F06 限定频次: more of an item on one date than a day allows.
//!
//! What: a row gives an item the most that one calendar date may hold, in times, days or hours; the
//! net charges of the date are added up over all wards. Hours that run over midnight are split by
//! date. What goes beyond is the violation; what came before it takes part.
//! Why: a bed, a level of care, a visit is paid once a day, and a day has twenty-four hours.
//! Basis: GZ10000102014000 限定频次, public batch 8.
//! Example: 心电监测, 20 hours in the ward and 6 in intensive care on one date → 26 > 24 → hit. One
//! line from 23:00 to 23:00 is one hour of the first date and 23 of the second → pass.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Time};
use rust_decimal::Decimal;

use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind};
use crate::session::Line;

use super::lines::{all_by_row, is_judged, plain, unit_price, used_before};

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
    for past in used_before(case, &row.key) {
        let amount = past.net.unwrap_or(Decimal::ONE);
        days.entry(past.begins).or_default().push(Part { line: None, amount });
    }
    for line in lines {
        let Some(net) = line.net else {
            missing.push(line.path("cnt"));
            continue;
        };
        for (day, amount) in by_date(line, net, in_hours) {
            days.entry(day).or_default().push(Part { line: Some(line), amount });
        }
    }
    let mut outcomes: Vec<Outcome> = days
        .iter()
        .filter(|(_, parts)| is_of_now(case, parts))
        .map(|(day, parts)| judge_day(row, *day, parts))
        .collect();
    if !missing.is_empty() {
        outcomes.push(Outcome::Unknown { missing });
    }
    outcomes
}

fn is_of_now(case: &Case<'_>, parts: &[Part<'_>]) -> bool {
    parts.iter().filter_map(|part| part.line).any(|line| is_judged(case.session, line))
}

/// A line's quantity by date: all on its first date, unless hours run over midnight.
fn by_date(line: &Line<'_>, net: Decimal, in_hours: bool) -> Vec<(Date, Decimal)> {
    let whole = vec![(line.begins, net)];
    let began = line.moment();
    let ended = line.order.stops.filter(|stops| in_hours && line.has_time() && *stops > began);
    let Some(ended) = ended.filter(|ended| ended.date() > began.date()) else { return whole };
    let all = minutes(began, ended);
    let mut parts = Vec::new();
    let mut from = began;
    while from < ended && parts.len() < DAYS_MAX {
        let Ok(midnight) = from.date().tomorrow() else { return whole };
        let to = midnight.to_datetime(Time::midnight()).min(ended);
        let part = net.checked_mul(minutes(from, to)).and_then(|part| part.checked_div(all));
        let Some(part) = part else { return whole };
        parts.push((from.date(), part));
        from = to;
    }
    if from < ended { whole } else { parts }
}

/// No single charge lasts longer; the stop was mistyped.
const DAYS_MAX: usize = 400;

fn minutes(from: DateTime, to: DateTime) -> Decimal {
    Decimal::from(to.duration_since(from).as_mins())
}

/// The lines that carry the sum beyond the limit violate; those before take part.
fn judge_day(row: &Row, day: Date, parts: &[Part<'_>]) -> Outcome {
    let limit = row.parameters.decimal("day_max");
    let mut hit = Hit::default();
    let (mut sum, mut name, mut price) = (Decimal::ZERO, row.item.as_str(), None);
    for part in parts {
        sum = sum.saturating_add(part.amount);
        let Some(line) = part.line else { continue };
        name = line.name();
        if sum > limit {
            hit.violating.push(line.position);
            price = unit_price(line);
        } else {
            hit.involved.push(line.position);
        }
    }
    if sum <= limit {
        return Outcome::Pass;
    }
    if hit.violating.is_empty() {
        // The past alone is beyond the limit already: it was told then.
        return Outcome::Pass;
    }
    let unit = row.parameters.text("unit");
    let excess = sum.saturating_sub(limit);
    hit.amount = price.filter(|_| hit.violating.len() == 1).map(|p| p.saturating_mul(excess));
    hit.text = format!("【{name}】{day}当日{}{unit}，上限{}{unit}", plain(sum), plain(limit));
    hit.evidence = vec![day.to_string(), plain(sum), plain(limit)];
    hit.source = Some(row.source.clone());
    Outcome::Hit(hit)
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
