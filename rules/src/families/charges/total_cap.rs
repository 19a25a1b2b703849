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
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
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
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "total_cap",
        parameters: "",
        rows: "match,key,item,count_max,amount_max,window,per_site,first_days,per_operation,source,flag\n\
               ingredient,雷珠单抗,眼内注射,3,,累计,y,,,batch 5,A\n\
               ingredient,雷珠单抗,眼内注射,2,,累计,y,365,,batch 5,A\n\
               hospital,AID,助听器,,3000,医保年度,,,,site,B\n\
               hospital,LENS,人工晶体,1,,单日,,,y,site,B\n\
               hospital,WRAP,敷料,2,,7天,,,,site,B\n\
               hospital,KIT,置管包,1,,当次就诊,,,,site,B\n",
        drugs: "hospital,EYE,雷珠单抗注射液,,雷珠单抗,?,支,1,注射,\n",
    };

    #[test]
    fn eyes_are_counted_one_by_one() {
        let right = ["OD 20240101", "OD 20240601", "右眼 20250901"];
        eye("右眼", &right, "hit 1: 【雷珠单抗注射液】右侧累计合计4，上限3（本院范围内）");
        eye("OS", &right, "pass");
        eye("双眼", &right, "hit 1: 【雷珠单抗注射液】右侧累计合计4，上限3（本院范围内）");
        eye("右眼", &right[..2], "pass");
    }

    #[test]
    fn both_eyes_however_written() {
        let right = ["OD 20240101", "OD 20240601", "右眼 20250901"];
        for both in ["左右眼", "左眼、右眼", "OD/OS", "OU"] {
            eye(both, &right, "hit 1: 【雷珠单抗注射液】右侧累计合计4，上限3（本院范围内）");
        }
    }

    #[test]
    fn the_first_year() {
        let text = "hit 1: 【雷珠单抗注射液】右侧首次使用起365天内合计3，上限2（本院范围内）";
        eye("右眼", &["OD 20250601", "OD 20250801"], text);
        eye("右眼", &["OD 20250515", "OD 20250801"], "pass");
        // Too many in the first year was told then; for life it is one more.
        let then = ["OD 20250101", "OD 20250102", "OD 20250103"];
        eye("右眼", &then, "hit 1: 【雷珠单抗注射液】右侧累计合计4，上限3（本院范围内）");
    }

    #[test]
    fn an_unknown_eye() {
        eye("", &["OD 20250601"], "unknown orders[1].body_site");
        eye("OD", &["眼 20250601"], "unknown history.orders[H1].body_site");
    }

    #[test]
    fn money_of_the_fund_in_its_year() {
        let line = |amount: &str, own: &str| {
            format!(
                r#"{{"orders":[{{"rx_id":"1","hosplist_code":"AID","cnt":"1","sumamt":"{amount}","ownpay_amt":"{own}"}}],
                "history":{{"orders":[{{"rx_id":"H","hosplist_code":"AID","cnt":"1","sumamt":"2000","fee_ocur_time":"20260101"}},
                {{"rx_id":"G","hosplist_code":"AID","cnt":"1","sumamt":"9000","fee_ocur_time":"20251231"}}]}}}}"#
            )
        };
        BENCH
            .check(&line("1200", ""), "hit 1: 【AID】医保年度合计3200元，上限3000元（本院范围内）");
        BENCH.check(&line("1200", "200"), "pass");
        BENCH.check(&line("", ""), "unknown orders[1].sumamt");
        let back = line("1200", "").replace(
            r#"{"rx_id":"G""#,
            r#"{"rx_id":"R","refd_rx_id":"H","hosplist_code":"AID","cnt":"-1","sumamt":"-2000","fee_ocur_time":"20260102"},{"rx_id":"G""#,
        );
        BENCH.check(&back, "pass");
    }

    #[test]
    fn one_for_each_operation_of_the_day() {
        let request = |operations: &str| {
            format!(
                r#"{{{operations}"fees":[{{"rx_id":"1","hosplist_code":"LENS","cnt":"2","fee_ocur_time":"20260515"}}]}}"#
            )
        };
        let one = r#""surgeries":[{"oprn_oprt_begntime":"2026051508"}],"#;
        BENCH.check(&request(one), "hit 1: 【LENS】单日合计2，上限1（本院范围内）");
        let two = r#""surgeries":[{"oprn_oprt_begntime":"2026051508"},{"oprn_oprt_begntime":"2026051510"}],"#;
        BENCH.check(&request(two), "pass");
        BENCH.check(&request(""), "unknown surgeries");
    }

    #[test]
    fn every_day_has_its_window() {
        let lens = |id: &str, day: &str, count: &str| {
            format!(
                r#"{{"rx_id":"{id}","hosplist_code":"LENS","cnt":"{count}","fee_ocur_time":"{day}"}}"#
            )
        };
        let check = |fees: [String; 2], expected: &str| {
            let done =
                r#"[{"oprn_oprt_begntime":"2026051408"},{"oprn_oprt_begntime":"2026051508"}]"#;
            let fees = fees.join(",");
            BENCH.check(&format!(r#"{{"surgeries":{done},"fees":[{fees}]}}"#), expected);
        };
        let (one, other) = (lens("1", "20260514", "2"), lens("2", "20260515", "1"));
        check([one, other], "hit 1: 【LENS】单日合计2，上限1（本院范围内）");
        let (one, other) = (lens("1", "20260514", "1"), lens("2", "20260515", "2"));
        check([one, other], "hit 2: 【LENS】单日合计2，上限1（本院范围内）");
        let (one, other) = (lens("1", "20260514", "1"), lens("2", "", "2"));
        check([one, other], "unknown fees[2].fee_ocur_time");
    }

    #[test]
    fn a_year_is_told_once_and_the_last_one_too() {
        let aid = |id: &str, day: &str| {
            format!(
                r#"{{"rx_id":"{id}","hosplist_code":"AID","cnt":"1","sumamt":"2000","fee_ocur_time":"{day}"}}"#
            )
        };
        let fees = [aid("1", "20251201"), aid("2", "20251202"), aid("3", "20260101")].join(",");
        let request = format!(r#"{{"fees":[{fees}],"history":{{}}}}"#);
        BENCH.check(&request, "hit 1,2: 【AID】医保年度合计4000元，上限3000元（本院范围内）");
    }

    #[test]
    fn rolling_windows_that_overlap_are_told_once() {
        let fee = |id: &str, day: &str, count: &str| {
            format!(
                r#"{{"rx_id":"{id}","hosplist_code":"WRAP","cnt":"{count}","fee_ocur_time":"202605{day}"}}"#
            )
        };
        let check = |fees: &[String], expected: &str| {
            BENCH.check(&format!(r#"{{"fees":[{}],"history":{{}}}}"#, fees.join(",")), expected);
        };
        let late = [fee("1", "10", "2"), fee("2", "12", "1"), fee("3", "13", "1")];
        let text = "hit 1,2,3: 【WRAP】7天合计4，上限2（本院范围内）";
        check(&late, text);
        let early = fee("4", "01", "3");
        let both = format!("{text}; hit 4: 【WRAP】7天合计3，上限2（本院范围内）");
        check(&[&late[..], &[early]].concat(), &both);
    }

    #[test]
    fn what_this_encounter_used_before() {
        let request = |encounter: &str| {
            format!(
                r#"{{"encounter":{{"mdtrt_id":"M"}},"orders":[{{"rx_id":"1","hosplist_code":"KIT","cnt":"1"}}],
                "history":{{"orders":[{{"rx_id":"H","mdtrt_id":"{encounter}","hosplist_code":"KIT","cnt":"1","fee_ocur_time":"20260501"}}]}}}}"#
            )
        };
        BENCH.check(&request("M"), "hit 1: 【KIT】当次就诊合计2，上限1（本院范围内）");
        BENCH.check(&request("N"), "pass");
    }

    #[track_caller]
    fn eye(site: &str, past: &[&str], expected: &str) {
        let past: Vec<String> = (1..)
            .zip(past)
            .map(|(id, use_of)| {
                let (site, day) = use_of.split_once(' ').unwrap_or((use_of, ""));
                format!(
                    r#"{{"rx_id":"H{id}","hosplist_code":"EYE","cnt":"1","body_site":"{site}","fee_ocur_time":"{day}"}}"#
                )
            })
            .collect();
        let request = format!(
            r#"{{"orders":[{{"rx_id":"1","hosplist_code":"EYE","cnt":"1","body_site":"{site}"}}],"history":{{"orders":[{}]}}}}"#,
            past.join(",")
        );
        BENCH.check(&request, expected);
    }
}
