//! F11 报销总额与耗材数量: more money or more pieces of a set of items than a window allows.
//!
//! What: a row caps the quantity or the money of an item or a named set over a window; per eye or
//! side when `per_site`, only within so many days of the first use when `first_days`, times the
//! operations of the day when `per_operation`.
//! Why: some limits are sums over several items and a long time, such as nine injections an eye.
//! Basis: GZ10000102015000, GZ10000103003000 超限定报销总额, GZ10000303003000 耗材数量超标, batch 5.
//! Example: eye injections, four drugs counted together: nine an eye for life and five in the first
//! year; the tenth → hit. Which eye not stated → unknown. Both eyes count for each.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::facts::Group;
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows, Usual};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::window::Window;

use super::lines::{by_row, is_past_known, is_undated, plain, time_path, used_before_in, used_now};

mod side;

use side::{Side, sides};

/// The family `total_cap`.
pub struct TotalCap;

const ROWS: [Column; 6] = [
    Column::optional("count_max", "数量上限", ColumnKind::Decimal),
    Column::optional("amount_max", "金额上限（元）", ColumnKind::Decimal),
    Column::required("window", "时间窗口", ColumnKind::Window),
    Column::optional("per_site", "按眼别或侧别分别计算", ColumnKind::Flag),
    Column::optional("first_days", "仅计首次使用起若干天内", ColumnKind::Whole),
    Column::optional("per_operation", "上限乘以当日手术台次", ColumnKind::Flag),
];

impl Family for TotalCap {
    fn id(&self) -> &'static str {
        "total_cap"
    }

    fn zh_name(&self) -> &'static str {
        "超限定总额或数量"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::SelfPay,
            basis: "GZ10000102015000 超限定报销总额",
            window: "规则所定的期间",
            text: "【{项目}】{范围}合计{数量}{单位}，上限{上限}{单位}（本院范围内）",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.cnt",
            "orders.sumamt",
            "orders.ownpay_amt",
            "orders.body_site",
            "fees.hilist_code",
            "fees.cnt",
            "fees.sumamt",
            "fees.fee_ocur_time",
            "surgeries.oprn_oprt_begntime",
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
        let given = [row.maybe_decimal("count_max"), row.maybe_decimal("amount_max")];
        if given.into_iter().flatten().count() != 1 {
            return Some("write either `count_max` or `amount_max`".to_owned());
        }
        let window = row.maybe_window("window")?;
        let is_long = window.is_by_time() && !window.needs_time();
        let is_fit = is_long || matches!(window, Window::Encounter | Window::Stay);
        (!is_fit).then(|| format!("{window} is no window for a sum"))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let rows = by_row(case).into_iter();
        rows.flat_map(|(row, lines)| judge_row(case, row, &lines)).collect()
    }
}

fn judge_row(case: &Case<'_>, row: &Row, lines: &[&Line<'_>]) -> Vec<Outcome> {
    let (lines, undated): (Vec<&Line<'_>>, Vec<&Line<'_>>) =
        lines.iter().copied().partition(|line| !hangs_on_days(row) || !is_undated(line));
    let mut missing: Vec<String> = undated.into_iter().map(time_path).collect();
    let mut outcomes = Vec::new();
    if !row.parameters.flag("per_site") {
        outcomes.extend(judge_site(case, row, &lines, None));
        return with_unknown(outcomes, missing);
    }
    let without = lines.iter().filter(|line| sides(line).is_none());
    missing.extend(without.map(|line| line.path("body_site")));
    for side in [Side::Left, Side::Right] {
        let is_here = |line: &&&Line<'_>| sides(line).is_some_and(|sides| sides.contains(&side));
        let here: Vec<&Line<'_>> = lines.iter().filter(is_here).copied().collect();
        outcomes.extend(judge_site(case, row, &here, Some(side)));
    }
    with_unknown(outcomes, missing)
}

fn with_unknown(mut outcomes: Vec<Outcome>, missing: Vec<String>) -> Vec<Outcome> {
    if !missing.is_empty() {
        outcomes.push(Outcome::Unknown { missing });
    }
    outcomes
}

/// Whether a line must say its day to be counted: for life and for a stay it need not.
fn hangs_on_days(row: &Row) -> bool {
    let window = row.parameters.window("window");
    let is_of_days = window.is_by_time() && window != Window::Lifetime;
    is_of_days
        || row.parameters.flag("per_operation")
        || row.parameters.maybe_whole("first_days").is_some()
}

/// The uses that a cap is compared with.
struct Uses<'a> {
    lines: Vec<&'a Line<'a>>,
    missing: Vec<String>,
}

/// Judges the windows that end on the days of the lines, the last first. What lies in a window that
/// was told is not told again, and calendar windows of one month are one.
fn judge_site<'a>(
    case: &Case<'a>,
    row: &Row,
    lines: &[&'a Line<'a>],
    side: Option<Side>,
) -> Vec<Outcome> {
    let window = row.parameters.window("window");
    let days: BTreeSet<Date> = lines.iter().map(|line| line.begins).collect();
    let (mut outcomes, mut told_from, mut last) = (Vec::new(), None, None);
    for day in days.into_iter().rev() {
        let first = window.first_day(day);
        let is_told = told_from.is_some_and(|told| told <= Some(day));
        if is_told || last == Some(first) {
            continue;
        }
        let outcome = judge_window(case, row, lines, (day, side));
        if matches!(outcome, Outcome::Hit(_)) {
            told_from = Some(first);
        }
        last = Some(first);
        outcomes.push(outcome);
    }
    outcomes
}

/// One window, by the last of its days.
fn judge_window<'a>(
    case: &Case<'a>,
    row: &Row,
    lines: &[&'a Line<'a>],
    (day, side): (Date, Option<Side>),
) -> Outcome {
    let window = row.parameters.window("window");
    let operations = match operations(case, row, day) {
        Ok(operations) => operations,
        Err(missing) => return Outcome::Unknown { missing },
    };
    let uses = uses(case, row, day, side);
    let is_used = |line: &&&Line<'_>| uses.lines.iter().any(|used| std::ptr::eq(*used, **line));
    let here: Vec<&Line<'_>> = lines.iter().filter(is_used).copied().collect();
    if here.is_empty() {
        // The first days are over: what was used in them was told then.
        return pass_unless(uses.missing);
    }
    let (sum, lacking) = sum_of(row, &uses);
    let (limit, unit) = limit(row);
    let limit = limit.saturating_mul(operations);
    if sum > limit {
        return Outcome::Hit(hit(row, &here, side, (sum, limit, unit)));
    }
    let mut missing = uses.missing;
    missing.extend(lacking);
    let is_long = window.is_by_time() && window != Window::Day;
    if is_long && !is_past_known(case.facts, window.first_day(day)) {
        missing.push("history".to_owned());
    }
    pass_unless(missing)
}

fn pass_unless(missing: Vec<String>) -> Outcome {
    if missing.is_empty() { Outcome::Pass } else { Outcome::Unknown { missing } }
}

fn limit(row: &Row) -> (Decimal, &'static str) {
    match row.parameters.maybe_decimal("count_max") {
        Some(count) => (count, ""),
        None => (row.parameters.maybe_decimal("amount_max").unwrap_or_default(), "元"),
    }
}

/// How many operations of the day the cap is for: one, when it is not for each operation.
fn operations(case: &Case<'_>, row: &Row, day: Date) -> Result<Decimal, Vec<String>> {
    if !row.parameters.flag("per_operation") {
        return Ok(Decimal::ONE);
    }
    match &case.facts.surgeries {
        Group::Absent => Err(vec!["surgeries".to_owned()]),
        Group::Empty => Ok(Decimal::ZERO),
        Group::Present(done) => {
            let of_day = |at: Option<jiff::civil::DateTime>| at.is_none_or(|at| at.date() == day);
            Ok(Decimal::from(done.iter().filter(|surgery| of_day(surgery.began)).count()))
        }
    }
}

fn uses<'a>(case: &Case<'a>, row: &Row, day: Date, side: Option<Side>) -> Uses<'a> {
    let window = row.parameters.window("window");
    let first = window.first_day(day);
    let before = used_before_in(case, &row.key, window);
    let mut uses = Uses { lines: Vec::new(), missing: Vec::new() };
    for line in used_now(case, &row.key).chain(before) {
        let is_in = line.begins <= day && first.is_none_or(|first| first <= line.begins);
        if is_undated(line) && hangs_on_days(row) {
            uses.missing.push(time_path(line));
        } else if is_in || is_undated(line) || !window.is_by_time() {
            uses.add(line, side);
        }
    }
    uses.keep_first_days(row.parameters.maybe_whole("first_days"));
    uses
}

impl<'a> Uses<'a> {
    fn add(&mut self, line: &'a Line<'a>, side: Option<Side>) {
        match (side, sides(line)) {
            (Some(side), Some(sides)) if !sides.contains(&side) => {}
            (Some(_), None) => self.missing.push(line.path("body_site")),
            _ => self.lines.push(line),
        }
    }

    /// Only what was used within so many days from the first use.
    fn keep_first_days(&mut self, days: Option<u32>) {
        let Some(days) = days else { return };
        let Some(first) = self.lines.iter().map(|line| line.begins).min() else { return };
        let Ok(end) = first.checked_add(i64::from(days).days()) else { return };
        self.lines.retain(|line| line.begins < end);
    }
}

/// The sum, and what is missing to know it; money that the patient paid alone is not the fund's.
fn sum_of(row: &Row, uses: &Uses<'_>) -> (Decimal, Vec<String>) {
    let counts = row.parameters.maybe_decimal("count_max").is_some();
    let (mut sum, mut missing) = (Decimal::ZERO, Vec::new());
    for line in &uses.lines {
        let amount =
            if counts { Some(line.net.unwrap_or(Decimal::ONE)) } else { paid_by_fund(line) };
        match amount {
            Some(amount) => sum = sum.saturating_add(amount),
            None => missing.push(line.path("sumamt")),
        }
    }
    (sum, missing)
}

/// The part of a line's amount that is left after refunds and self-pay.
fn paid_by_fund(line: &Line<'_>) -> Option<Decimal> {
    let amount = line.order.amount?.saturating_sub(line.order.own_pay.unwrap_or_default());
    line.share_left(amount)
}

fn hit(
    row: &Row,
    lines: &[&Line<'_>],
    side: Option<Side>,
    (sum, limit, unit): (Decimal, Decimal, &str),
) -> Hit {
    let window = row.parameters.window("window");
    let name = lines.last().map_or(row.item.as_str(), |line| line.name());
    let side = side.map_or("", Side::zh);
    let first = row
        .parameters
        .maybe_whole("first_days")
        .map_or_else(|| window.to_string(), |days| format!("首次使用起{days}天内"));
    Hit {
        violating: super::lines::positions(lines),
        text: format!(
            "【{name}】{side}{first}合计{}{unit}，上限{}{unit}（本院范围内）",
            plain(sum),
            plain(limit)
        ),
        evidence: vec![plain(sum), plain(limit)],
        source: Some(row.source.clone()),
        ..Hit::default()
    }
}

#[cfg(test)]
mod tests;
