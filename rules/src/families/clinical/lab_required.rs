//! C21 检验前提: a drug that needs a laboratory result, not too old and in range.
//!
//! What: a row names a drug, the tests that answer for it, how old a result may be, and the range in
//! which it should lie. Results of this encounter and of the past count, the latest one decides.
//! Why: anticoagulants and the like are steered by their tests.
//! Basis: clinical guidelines.
//! Example: 华法林, last INR 45 days ago, limit 30 → hit. On the first prescription there is no INR yet,
//! and that is normal. Nobody sent results → unknown.

use jiff::civil::DateTime;
use rust_decimal::Decimal;

use crate::facts::LabResult;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::{Line, LineKind};

/// The family `lab_required`.
pub struct LabRequired;

const ROWS: [Column; 5] = [
    Column::required("tests", "检验项目的名称或代码", ColumnKind::List),
    Column::required("days_max", "结果的最长天数", ColumnKind::Whole),
    Column::optional("min", "结果下限（含）", ColumnKind::Decimal),
    Column::optional("max", "结果上限（含）", ColumnKind::Decimal),
    Column::optional("first_ok", "首次开具时可无结果", ColumnKind::Flag),
];

impl Family for LabRequired {
    fn id(&self) -> &'static str {
        "lab_required"
    }

    fn zh_name(&self) -> &'static str {
        "检验前提"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Slight,
            action: Action::Hint,
            basis: "药品说明书及相关诊疗指南",
            window: "规则所定的天数",
            text: "【{药品}】{检验情形}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hosplist_code",
            "orders.drug_ingd",
            "labs.exam_item_detl_code",
            "labs.exam_item_detl_name",
            "labs.exam_rslt_val",
            "labs.rpt_date",
            "history.labs",
            "history.orders",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let (min, max) = (row.maybe_decimal("min")?, row.maybe_decimal("max")?);
        (min > max).then(|| format!("from {min} to {max} is no range"))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_match(case, found)).collect()
    }
}

fn judge_match(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let row = found.row;
    let results = results(case, row);
    if case.facts.labs.is_absent() && results.is_empty() {
        return Outcome::unknown("labs");
    }
    if results.iter().any(|result| result.reported.is_none()) {
        return Outcome::unknown("labs.rpt_date");
    }
    let latest = results.iter().max_by_key(|result| result.reported);
    let days_max = row.parameters.whole("days_max");
    let test = row.parameters.list("tests").first().map_or("", String::as_str);
    let Some((latest, reported)) = latest.and_then(|it| Some((it, it.reported?))) else {
        return none_yet(case, found, &format!("{days_max}天内无{test}结果"));
    };
    let age = days_between(reported, case.now);
    if age > i64::from(days_max) {
        return hit(found, &format!("{days_max}天内无{test}结果，最近一次在{age}天前"));
    }
    match latest.value {
        None if has_range(row) => Outcome::unknown("labs.exam_rslt_val"),
        Some(value) if !fits(row, value) => {
            hit(found, &format!("{test}为{}，{}", value.normalize(), range_zh(row)))
        }
        _ => Outcome::Pass,
    }
}

/// No result at all: normal on the first prescription, and only the past tells which one is.
fn none_yet(case: &Case<'_>, found: &Match<'_>, text: &str) -> Outcome {
    if !found.row.parameters.flag("first_ok") {
        return hit(found, text);
    }
    let is_active = |line: &Line<'_>| line.kind == LineKind::Order && !line.order.current;
    if case.about(&found.row.key).any(is_active) || case.past(&found.row.key).next().is_some() {
        return hit(found, text);
    }
    if case.facts.history.is_absent() { Outcome::unknown("history") } else { Outcome::Pass }
}

fn results<'a>(case: &Case<'a>, row: &Row) -> Vec<&'a LabResult> {
    let now = case.facts.labs.present().map_or(&[][..], Vec::as_slice);
    let past = case.facts.history.present().map_or(&[][..], |history| history.labs.as_slice());
    let tests = row.parameters.list("tests");
    let is_one = |text: &Option<String>| {
        text.as_deref().is_some_and(|it| tests.iter().any(|test| test.eq_ignore_ascii_case(it)))
    };
    now.iter().chain(past).filter(|it| is_one(&it.name) || is_one(&it.code)).collect()
}

fn days_between(earlier: DateTime, now: DateTime) -> i64 {
    now.date().since(earlier.date()).map_or(i64::MAX, |span| i64::from(span.get_days()))
}

fn has_range(row: &Row) -> bool {
    row.parameters.get("min").is_some() || row.parameters.get("max").is_some()
}

fn fits(row: &Row, value: Decimal) -> bool {
    row.parameters.maybe_decimal("min").is_none_or(|min| min <= value)
        && row.parameters.maybe_decimal("max").is_none_or(|max| value <= max)
}

fn range_zh(row: &Row) -> String {
    let (min, max) = (row.parameters.maybe_decimal("min"), row.parameters.maybe_decimal("max"));
    match (min, max) {
        (Some(min), Some(max)) => format!("应在{min}至{max}"),
        (Some(min), None) => format!("不应低于{min}"),
        (None, Some(max)) => format!("不应高于{max}"),
        (None, None) => String::new(),
    }
}

fn hit(found: &Match<'_>, text: &str) -> Outcome {
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{}】{text}", found.line.name()),
        evidence: vec![text.to_owned()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "lab_required",
        parameters: "",
        rows: "match,key,item,tests,days_max,min,max,first_ok,source,flag\n\
               ingredient,华法林,华法林,INR|国际标准化比值,30,,,y,s,B\n\
               ingredient,碳酸锂,碳酸锂,血锂,30,0.4,1.2,,s,B\n",
        drugs: "hospital,WAR,华法林钠片,,华法林,2.5 mg,片,60,口服,\n\
                hospital,LI,碳酸锂片,,碳酸锂,0.25 g,片,100,口服,\n",
    };

    fn lab(name: &str, value: &str, reported: &str) -> String {
        format!(
            r#""labs":[{{"exam_item_detl_name":"{name}","exam_rslt_val":"{value}","rpt_date":"{reported}"}}]"#
        )
    }

    const TAKEN_BEFORE: &str = r#""history":{"since":"20250101","orders":[{"rx_id":"H","hosplist_code":"WAR","fee_ocur_time":"2026-04-01"}]}"#;

    #[test]
    fn how_old_the_result_is() {
        check("WAR", &lab("INR", "2.3", "2026-04-20"), "pass");
        check("WAR", &lab("国际标准化比值", "2.3", "2026-04-15"), "pass");
        check(
            "WAR",
            &lab("inr", "2.3", "2026-03-31"),
            "hit 1: 【华法林钠片】30天内无INR结果，最近一次在45天前",
        );
        check("WAR", &lab("INR", "2.3", ""), "unknown labs.rpt_date");
    }

    #[test]
    fn the_first_prescription() {
        check("WAR", r#""labs":[],"history":{"since":"20250101"}"#, "pass");
        check(
            "WAR",
            &format!(r#""labs":[],{TAKEN_BEFORE}"#),
            "hit 1: 【华法林钠片】30天内无INR结果",
        );
        check("WAR", r#""labs":[]"#, "unknown history");
        let charged = r#""labs":[],"history":{"since":"20250101"},"fees":[{"rx_id":"F","hosplist_code":"WAR"}]"#;
        check("WAR", charged, "pass");
        check("WAR", r#""scene":"inpatient""#, "unknown labs");
        check("LI", r#""labs":[]"#, "hit 1: 【碳酸锂片】30天内无血锂结果");
    }

    #[test]
    fn the_range() {
        check("LI", &lab("血锂", "0.8", "2026-05-01"), "pass");
        check(
            "LI",
            &lab("血锂", "1.50", "2026-05-01"),
            "hit 1: 【碳酸锂片】血锂为1.5，应在0.4至1.2",
        );
        check("LI", &lab("血锂", "", "2026-05-01"), "unknown labs.exam_rslt_val");
    }

    #[track_caller]
    fn check(drug: &str, facts: &str, expected: &str) {
        BENCH.check(
            &format!(r#"{{{facts},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#),
            expected,
        );
    }
}
