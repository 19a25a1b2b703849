//! F08 项目限支付疗程: too many days of a service in one course, or too soon after the last time.
//!
//! What: a row limits either the days on which a service is used within a window, or the gap since
//! it was last used. A text with two limits becomes two rows.
//! Why: the fund pays a course of rehabilitation, not a habit.
//! Basis: GZ10000102010000 限支付疗程, public batch 8.
//! Example: 手功能评定 10 days after the last, gap 14 → hit. 轮椅功能训练 on 28 days, five more ordered, at
//! most 30 → hit. The window stands for the course, which no computer can see.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::window::Window;

use super::lines::{by_row, days_between, is_past_known, is_undated, time_path};
use super::uses::{Uses, days_of, in_turn};

/// The family `course_limit`.
pub struct CourseLimit;

const ROWS: [Column; 3] = [
    Column::optional("days_max", "疗程内支付天数上限", ColumnKind::Whole),
    Column::optional("gap_days_min", "两次之间至少间隔的天数", ColumnKind::Whole),
    Column::optional("course", "代表一个疗程的时间窗口，不填为365天", ColumnKind::Window),
];

/// A course when the row does not say.
const COURSE: Window = Window::Days(365);

impl Family for CourseLimit {
    fn id(&self) -> &'static str {
        "course_limit"
    }

    fn zh_name(&self) -> &'static str {
        "项目限支付疗程"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::SelfPay,
            basis: "GZ10000102010000 限支付疗程",
            window: "疗程期限内",
            text: "【{项目}】已用{已用}天，本次后{合计}天，超过支付上限{上限}天（本院范围内）",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.medc_days",
            "orders.drord_begn_date",
            "fees.hilist_code",
            "fees.fee_ocur_time",
            "history.orders",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Both
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let given = [row.maybe_whole("days_max"), row.maybe_whole("gap_days_min")];
        let limits = given.into_iter().flatten().count();
        if limits != 1 {
            return Some(
                "write either `days_max` or `gap_days_min`; two limits are two rows".into(),
            );
        }
        let course = row.maybe_window("course").unwrap_or(COURSE);
        (!course.is_by_time() || course.needs_time()).then(|| format!("{course} is no course"))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let judge = |found: &Match<'_>, uses: &Uses| judge_line(case, found, uses);
        by_row(case).into_iter().flat_map(|of_row| in_turn(case, of_row, judge)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>, uses: &Uses) -> Outcome {
    if is_undated(found.line) {
        return Outcome::unknown(time_path(found.line));
    }
    let parameters = &found.row.parameters;
    match (parameters.maybe_whole("gap_days_min"), parameters.maybe_whole("days_max")) {
        (Some(gap), _) => judge_gap(case, found, uses, gap),
        (None, Some(days)) => judge_days(case, found, uses, days),
        (None, None) => Outcome::NotApplicable,
    }
}

fn judge_gap(case: &Case<'_>, found: &Match<'_>, uses: &Uses, gap: u32) -> Outcome {
    let line = found.line;
    let apart =
        uses.last_before(line.begins).map(|day| days_between(day, line.begins).unsigned_abs());
    match apart.filter(|days| *days < gap) {
        Some(days) => Outcome::Hit(hit(
            found,
            format!("【{}】距上次{days}天，间隔不少于{gap}天（本院范围内）", line.name()),
            line.begins.to_string(),
        )),
        None => known_or_unknown(case, uses, Window::Days(gap.max(1)).first_day(line.begins)),
    }
}

fn judge_days(case: &Case<'_>, found: &Match<'_>, uses: &Uses, limit: u32) -> Outcome {
    let line = found.line;
    let course = found.row.parameters.maybe_window("course").unwrap_or(COURSE);
    let first = course.first_day(line.begins);
    let of_course = |day: &Date| first.is_none_or(|first| first <= *day) && *day <= line.begins;
    let mut days: BTreeSet<Date> = uses.days().filter(of_course).collect();
    let before = days.iter().filter(|day| **day < line.begins).count();
    days.extend(days_of(line));
    if days.len() <= limit as usize {
        return known_or_unknown(case, uses, first);
    }
    let text = format!(
        "【{}】已用{before}天，本次后{}天，超过支付上限{limit}天（本院范围内）",
        line.name(),
        days.len()
    );
    Outcome::Hit(hit(found, text, days.len().to_string()))
}

fn known_or_unknown(case: &Case<'_>, uses: &Uses, first: Option<Date>) -> Outcome {
    if is_past_known(case.facts, first) { uses.pass() } else { Outcome::unknown("history") }
}

fn hit(found: &Match<'_>, text: String, evidence: String) -> Hit {
    Hit {
        violating: vec![found.line.position],
        text,
        evidence: vec![evidence],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::Date;

    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "course_limit",
        parameters: "",
        rows: "match,key,item,days_max,gap_days_min,course,source,flag\n\
               hospital,HAND,手功能评定,,14,,batch 8,A\n\
               hospital,WHEEL,轮椅功能训练,30,,90天,batch 8,A\n\
               hospital,BOTH,两限,3,,,batch 8,A\n\
               hospital,BOTH,两限,,7,,batch 8,A\n",
        drugs: "",
    };

    #[test]
    fn the_gap() {
        check("HAND", "", &[10], "hit 1: 【HAND】距上次10天，间隔不少于14天（本院范围内）");
        check("HAND", "", &[14], "pass");
        check("HAND", "", &[30, 13], "hit 1: 【HAND】距上次13天，间隔不少于14天（本院范围内）");
        check("HAND", "", &[], "pass");
    }

    #[test]
    fn days_of_a_course() {
        let twenty_eight: Vec<i32> = (1..=28).collect();
        let text = "hit 1: 【WHEEL】已用28天，本次后33天，超过支付上限30天（本院范围内）";
        check("WHEEL", r#","medc_days":"5""#, &twenty_eight, text);
        check("WHEEL", r#","medc_days":"2""#, &twenty_eight, "pass");
        check("WHEEL", "", &twenty_eight, "pass");
        let long_ago: Vec<i32> = (91..=120).collect();
        check("WHEEL", "", &long_ago, "pass");
    }

    #[test]
    fn days_of_the_past_keep_their_length() {
        let request = |item: &str, days: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"{item}","medc_days":"5"}}],"history":{{"since":"20240101","orders":[
                {{"rx_id":"H","hosplist_code":"{item}","cnt":"28","medc_days":"{days}","fee_ocur_time":"20260410"}}]}}}}"#
            )
        };
        let text = "hit 1: 【WHEEL】已用28天，本次后33天，超过支付上限30天（本院范围内）";
        BENCH.check(&request("WHEEL", "28"), text);
        BENCH.check(&request("WHEEL", "25"), "pass");
        let text = "hit 1: 【HAND】距上次8天，间隔不少于14天（本院范围内）";
        BENCH.check(&request("HAND", "28"), text);
    }

    #[test]
    fn a_charge_without_a_day() {
        let fee = r#"{"fees":[{"rx_id":"1","hosplist_code":"HAND","cnt":"1"}],"history":{}}"#;
        BENCH.check(fee, "unknown fees[1].fee_ocur_time");
    }

    #[test]
    fn two_limits_are_two_rows() {
        check(
            "BOTH",
            "",
            &[10, 9, 8, 5],
            "hit 1: 【BOTH】已用4天，本次后5天，超过支付上限3天（本院范围内）; hit 1: 【BOTH】距上次5天，间隔不少于7天（本院范围内）",
        );
    }

    #[test]
    fn no_past() {
        BENCH.check(r#"{"orders":[{"rx_id":"1","hosplist_code":"HAND"}]}"#, "unknown history");
    }

    #[track_caller]
    fn check(item: &str, more: &str, days_ago: &[i32], expected: &str) {
        let today: Date = "2026-05-15".parse().unwrap();
        let past: Vec<String> = days_ago
            .iter()
            .map(|days| {
                let day = today.checked_sub(days.days()).unwrap();
                format!(r#"{{"rx_id":"H{days}","hosplist_code":"{item}","cnt":"1","fee_ocur_time":"{day}"}}"#)
            })
            .collect();
        let request = format!(
            r#"{{"orders":[{{"rx_id":"1","hosplist_code":"{item}"{more}}}],"history":{{"since":"20240101","orders":[{}]}}}}"#,
            past.join(",")
        );
        BENCH.check(&request, expected);
    }
}
