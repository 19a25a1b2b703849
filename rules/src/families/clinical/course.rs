//! C04 疗程/累积剂量: how long in one go, and how much in a life.
//!
//! What: a row gives an ingredient the most days of one course, or the most of it altogether. Days on
//! which it was used are counted with those of earlier visits, as long as no gap is longer than the rule
//! allows. Both need a history that reaches back: to the gap before the course, or to the birth.
//! Why: nimesulide for weeks harms the liver, doxorubicin beyond its sum the heart.
//! Basis: drug labels; GZ10000301005000; 医院处方点评管理规范 2-5.
//! Example: 尼美舒利 100 mg BID for 20 days, most 15 → hit; 10 days now after 8 at the last visit → hit.
//! How long it will be taken is not known → unknown.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::age::BirthRange;
use crate::dose::{largest_step, single_in};
use crate::families::clinical::contact::{end_of_supply, last_day};
use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, Fits, INDICATIONS, NOT_INDICATIONS, WAYS,
};
use crate::families::lines::past_since;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::frequency::Frequency;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::{Line, LineKind};
use crate::unit::Dose;

/// The family `course`.
pub struct Course;

const PARAMETERS: [Column; 1] =
    [Column::optional("gap_days", "中断不超过几天仍算同一疗程，空为3", ColumnKind::Whole)];

const ROWS: [Column; 7] = [
    Column::optional("max_days", "疗程最长天数", ColumnKind::Whole),
    Column::optional("max_sum", "累积最大剂量", ColumnKind::Dose),
    AGE_FROM,
    AGE_BELOW,
    WAYS,
    INDICATIONS,
    NOT_INDICATIONS,
];

impl Family for Course {
    fn id(&self) -> &'static str {
        "course"
    }

    fn zh_name(&self) -> &'static str {
        "疗程与累积剂量超限"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301005000 超说明书用量；医院处方点评管理规范（试行）2-5",
            window: "连续用药的一段",
            text: "【{药品}】连续{天数}天{说明}，疗程不超过{上限}天",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.medc_days",
            "orders.cnt",
            "orders.cnt_unt",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.drug_used_frqu",
            "orders.drord_begn_date",
            "orders.drord_stop_date",
            "orders.drug_ingd",
            "history.orders",
            "patient.brdy",
            "patient.geso_val",
            "diagnoses.dise_codg",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        if row.get("max_days").or(row.get("max_sum")).is_none() {
            return Some("a row needs `max_days` or `max_sum`".to_owned());
        }
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().flat_map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Vec<Outcome> {
    match population::fits(case, found.row, found.line) {
        Fits::No => return Vec::new(),
        Fits::Unknown(missing) => return vec![Outcome::Unknown { missing }],
        Fits::Yes => {}
    }
    let others = case.matches.iter().filter(|other| std::ptr::eq(other.row, found.row));
    let others = others.map(|other| other.line).chain(case.past(&found.row.key));
    let lines: Vec<_> = others.filter(|line| line.is_systemic() && !line.is_cancelled()).collect();
    let cells = &found.row.parameters;
    let by_days = cells.maybe_whole("max_days").map(|max| by_days(case, found, &lines, max));
    let by_sum = cells.maybe_dose("max_sum").map(|max| by_sum(case, found, &lines, max));
    by_days.into_iter().chain(by_sum).collect()
}

/// Of lines that are about the same course only the last one is accused.
fn by_days(case: &Case<'_>, found: &Match<'_>, lines: &[&Line<'_>], max: u32) -> Outcome {
    let Some(end) = end_of(found.line) else {
        return Outcome::unknown(found.line.path("medc_days"));
    };
    let gap = case.rule.parameters.maybe_whole("gap_days").unwrap_or(3);
    let used = used_days(lines, end);
    let (first, days) = in_one_go(&used, end, gap);
    if days <= max {
        // A day before this one, and no further from it than a gap, would belong to the course.
        let needed = first.checked_sub(i64::from(gap.saturating_add(1)).days()).ok();
        let known = past_since(case, needed);
        return known.map_or_else(Outcome::unknown, |()| Outcome::Pass);
    }
    let (_, before) = in_one_go(&used, found.line.begins, gap);
    let before = before.saturating_sub(1);
    let with = if before > 0 { format!("（此前已用{before}天）") } else { String::new() };
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{}】连续{days}天{with}，疗程不超过{max}天", found.line.name()),
        evidence: vec![end.to_string(), days.to_string(), max.to_string()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

/// The last day of the line: as written, else how long its quantity lasts.
fn end_of(line: &Line<'_>) -> Option<Date> {
    last_day(line).or_else(|| end_of_supply(line))
}

/// Every day up to `end` on which one of the lines was or will be taken; an order without an end
/// goes on.
fn used_days(lines: &[&Line<'_>], end: Date) -> BTreeSet<Date> {
    let mut used = BTreeSet::new();
    for line in lines.iter().filter(|line| line.begins <= end) {
        let last = end_of(line).unwrap_or(end).min(end);
        let days = last.series(-1.day()).take_while(|day| line.begins <= *day);
        used.extend(days.take(DAYS_MAX));
    }
    used
}

/// More than a year of one line says no more than a year.
const DAYS_MAX: usize = 400;

/// How many days were used up to `end`, back to the first gap that is too long, and the first of them.
fn in_one_go(used: &BTreeSet<Date>, end: Date, gap: u32) -> (Date, u32) {
    let (mut first, mut days) = (end, 0);
    for day in used.range(..=end).rev() {
        let apart = day.until(first).map_or(i32::MAX, |span| span.get_days());
        if u32::try_from(apart).is_ok_and(|apart| apart > gap.saturating_add(1)) {
            break;
        }
        (first, days) = (*day, days + 1);
    }
    (first, days)
}

fn by_sum(case: &Case<'_>, found: &Match<'_>, lines: &[&Line<'_>], max: Dose) -> Outcome {
    let ingredient = population::ingredient(found.row, found.line);
    let mut sum = Dose { amount: Decimal::ZERO, ..max };
    let mut most = sum;
    let mut missing = Vec::new();
    for line in lines {
        match total(line, ingredient, max) {
            Ok((usual, largest)) => {
                sum.amount = sum.amount.saturating_add(usual);
                most.amount = most.amount.saturating_add(largest);
            }
            Err(lacking) => missing.extend(lacking),
        }
    }
    // A sum of a life is known of those whose life is known.
    let born = case.session.birth.map_or(Date::MIN, BirthRange::earliest);
    missing.extend(past_since(case, Some(born)).err());
    if sum.amount <= max.amount && most.amount > max.amount {
        let text = format!("累积剂量按最大一步{most}，不超过{max}");
        return population::slight(over(found, &text, (most, max)));
    }
    if sum.amount <= max.amount {
        return if missing.is_empty() { Outcome::Pass } else { Outcome::Unknown { missing } };
    }
    let least = if missing.is_empty() { "" } else { "至少" };
    over(found, &format!("累积剂量{least}{sum}，不超过{max}"), (sum, max))
}

fn over(found: &Match<'_>, text: &str, (sum, max): (Dose, Dose)) -> Outcome {
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{}】{text}", found.line.name()),
        evidence: vec![sum.to_string(), max.to_string()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

/// What the line gives from its first day to its last, and what it would if each intake were the
/// largest.
fn total(line: &Line<'_>, ingredient: &str, max: Dose) -> Result<(Decimal, Decimal), Vec<String>> {
    let single = single_in(line, ingredient, max.dimension)?;
    let intakes = intakes(line)?;
    let changes = line.order.largest_dose.and_then(|_| largest_step(line, single));
    let most = changes.map_or(single, |(most, _)| most);
    let total = single.amount.checked_mul(intakes).zip(most.amount.checked_mul(intakes));
    total.ok_or_else(|| vec![line.path("drug_used_sdose")])
}

/// How often it is taken from its first day to its last; an intake begun counts whole.
fn intakes(line: &Line<'_>) -> Result<Decimal, Vec<String>> {
    let (times, period) = match line.frequency() {
        Some(Frequency::Once) => return Ok(Decimal::ONE),
        Some(Frequency::Regular { times, days }) => (times, days),
        // Of the past nobody can be asked: once, at least.
        _ if line.kind == LineKind::Past => return Ok(Decimal::ONE),
        _ => return Err(vec![line.path("drug_used_frqu")]),
    };
    let end = end_of(line).ok_or_else(|| vec![line.path("medc_days")])?;
    let days = line.begins.until(end).map_or(0, |span| span.get_days()) + 1;
    let intakes = Decimal::from(times).saturating_mul(Decimal::from(days));
    Ok(intakes.checked_div(Decimal::from(period)).unwrap_or_default().ceil())
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "course",
        parameters: "",
        rows: "match,key,item,max_days,max_sum,source,flag\n\
               ingredient,尼美舒利,尼美舒利,15,,notice,B\n\
               ingredient,多柔比星,多柔比星,,900 mg,label,B\n",
        drugs: "hospital,NIM,尼美舒利片,,尼美舒利,100 mg,片,10,口服,\n\
                hospital,DOX,注射用多柔比星,,多柔比星,10 mg,支,1,注射,\n",
    };

    #[test]
    fn too_long_in_one_go() {
        check(
            &order("NIM", "100", "BID", "20"),
            "",
            "hit 1: 【尼美舒利片】连续20天，疗程不超过15天",
        );
        check(&order("NIM", "100", "BID", "15"), KNOWN, "pass");
        let by_quantity = r#"{"rx_id":"1","hosplist_code":"NIM","drug_used_sdose":"100","drug_used_dosunt":"mg","drug_used_frqu":"BID","cnt":"4","cnt_unt":"盒"}"#;
        check(by_quantity, "", "hit 1: 【尼美舒利片】连续20天，疗程不超过15天");
    }

    /// What this institution knows is complete for more than a year.
    const KNOWN: &str = r#","history":{"since":"20250401"}"#;

    #[test]
    fn a_past_that_nobody_knows_may_hide_days() {
        let now = order("NIM", "100", "BID", "10");
        check(&now, "", "unknown history");
        check(&now, r#","history":{}"#, "unknown history.since");
        check(&now, r#","history":{"since":"20260512"}"#, "unknown history.since");
        check(&now, r#","history":{"since":"20260511"}"#, "pass");
    }

    #[test]
    fn an_earlier_order_without_an_end_goes_on() {
        let open = |day: &str| {
            format!(
                r#"{{"rx_id":"2","hosplist_code":"NIM","drug_used_sdose":"100","drug_used_dosunt":"mg","drug_used_frqu":"BID","curr_drord_flag":"0","drord_begn_date":"{day}"}},{}"#,
                order("NIM", "100", "BID", "3")
            )
        };
        check(&open("20260505"), KNOWN, "pass");
        check(
            &open("20260501"),
            KNOWN,
            "hit 1: 【尼美舒利片】连续17天（此前已用14天），疗程不超过15天",
        );
        check(
            &open("20250420"),
            KNOWN,
            "hit 1: 【尼美舒利片】连续393天（此前已用390天），疗程不超过15天",
        );
    }

    #[test]
    fn days_of_the_last_visit_count() {
        let now = order("NIM", "100", "BID", "10");
        check(
            &now,
            &past("NIM", "100", "BID", "20260507", "8"),
            "hit 1: 【尼美舒利片】连续18天（此前已用8天），疗程不超过15天",
        );
        check(&now, &past("NIM", "100", "BID", "20260401", "8"), "pass");
        check(
            &now,
            &past("NIM", "100", "BID", "20260504", "8"),
            "hit 1: 【尼美舒利片】连续18天（此前已用8天），疗程不超过15天",
        );
        check(&now, &past("NIM", "100", "BID", "20260503", "8"), "pass");
    }

    #[test]
    fn a_sum_needs_the_past() {
        check(&order("DOX", "100", "ST", ""), "", "unknown history");
        let taken = past("DOX", "800", "ST", "20250401", "");
        check(&order("DOX", "100", "ST", ""), &taken, "unknown history.since");
        let born = |day: &str| format!(r#","patient":{{"brdy":"{day}"}}"#);
        let older = taken.clone() + &born("20241231");
        check(&order("DOX", "100", "ST", ""), &older, "unknown history.since");
        check(&order("DOX", "100", "ST", ""), &(taken + &born("20250101")), "pass");
        let taken = past("DOX", "850", "ST", "20250401", "");
        check(
            &order("DOX", "100", "ST", ""),
            &(taken.clone() + &born("20250101")),
            "hit 1: 【注射用多柔比星】累积剂量950mg，不超过900mg",
        );
        check(
            &order("DOX", "100", "ST", ""),
            &taken,
            "hit 1: 【注射用多柔比星】累积剂量至少950mg，不超过900mg",
        );
        check(
            &order("DOX", "400", "QW", "21"),
            "",
            "hit 1: 【注射用多柔比星】累积剂量至少1.2g，不超过900mg",
        );
    }

    #[test]
    fn an_end_that_nobody_knows() {
        check(&order("NIM", "100", "BID", ""), "", "unknown orders[1].medc_days");
        let for_ages = r#"{"rx_id":"1","hosplist_code":"NIM","drug_used_sdose":"0.01","drug_used_dosunt":"片","drug_used_frqu":"QD","cnt":"100000","cnt_unt":"盒"}"#;
        check(for_ages, "", "unknown orders[1].medc_days");
    }

    fn order(drug: &str, dose: &str, frequency: &str, days: &str) -> String {
        format!(
            r#"{{"rx_id":"1","hosplist_code":"{drug}","drug_used_sdose":"{dose}","drug_used_dosunt":"mg","drug_used_frqu":"{frequency}","medc_days":"{days}"}}"#
        )
    }

    fn past(drug: &str, dose: &str, frequency: &str, from: &str, days: &str) -> String {
        format!(
            r#","history":{{"since":"20250101","orders":[{{"rx_id":"H","hosplist_code":"{drug}","drug_used_sdose":"{dose}","drug_used_dosunt":"mg","drug_used_frqu":"{frequency}","drord_begn_date":"{from}","medc_days":"{days}"}}]}}"#
        )
    }

    #[track_caller]
    fn check(order: &str, more: &str, expected: &str) {
        BENCH.check(&format!(r#"{{"orders":[{order}]{more}}}"#), expected);
    }
}
