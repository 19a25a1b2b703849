//! F20 无指征检验检查: a test that no diagnosis asks for, or one more within its stable time.
//!
//! What: a row names a test, the branches of diagnoses that ask for it, and how often it makes sense
//! within so many days. A suspected diagnosis is a good reason for a test; one that was ruled out
//! is not.
//! Why: tests without a question cost money and worry people. The diagnosis may simply not be
//! written yet, so the text asks for it and this is a slight suspicion.
//! Basis: GZ10000302001000 无指征检验检查.
//! Example: a third cardiac ultrasound within ten days, no new diagnosis → hit. Intensive care, after
//! an operation, declared emergency, a diagnosis made since the last test → pass.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::facts::Group;
use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows, Usual};
use crate::icd;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::window::Window;

use super::lines::{by_row, is_past_known, is_undated, plain, time_path};
use super::uses::{Uses, in_turn};

/// The family `no_indication`.
pub struct NoIndication;

const PARAMETERS: [Column; 2] = [
    Column::optional("exempt_departments", "不受限的科室代码或名称", ColumnKind::List),
    Column::optional("days_after_operation", "术后不受限的天数", ColumnKind::Whole),
];

const ROWS: [Column; 3] = [
    Column::optional("diagnoses", "相关诊断编码", ColumnKind::List),
    Column::optional("times_max", "稳定期内的次数上限", ColumnKind::Whole),
    Column::optional("stable_days", "结果的稳定期（天）", ColumnKind::Whole),
];

impl Family for NoIndication {
    fn id(&self) -> &'static str {
        "no_indication"
    }

    fn zh_name(&self) -> &'static str {
        "无指征检验检查"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Slight,
            action: Action::Hint,
            basis: "GZ10000302001000 无指征检验检查",
            window: "本次就诊",
            text: "【{项目}】{情形}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.drord_begn_date",
            "orders.urgt_flag",
            "diagnoses.dise_codg",
            "diagnoses.diag_time",
            "encounter.adm_dept_codg",
            "surgeries.oprn_oprt_begntime",
            "history.orders",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Both
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let (times, days) = (row.maybe_whole("times_max"), row.maybe_whole("stable_days"));
        if times.is_some() != days.is_some() {
            return Some("`times_max` and `stable_days` go together".to_owned());
        }
        if days.is_some_and(|days| days == 0 || days > 400) {
            return Some("`stable_days` lies between 1 and 400".to_owned());
        }
        (row.list("diagnoses").is_empty() && times.is_none())
            .then(|| "write `diagnoses`, or `times_max` and `stable_days`".to_owned())
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let judge = |found: &Match<'_>, uses: &Uses| judge_line(case, found, uses);
        by_row(case).into_iter().flat_map(|of_row| in_turn(case, of_row, judge)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>, uses: &Uses) -> Outcome {
    if is_exempt(case, found) {
        return Outcome::Pass;
    }
    match (indication(case, found), repeat(case, found, uses)) {
        (hit @ Outcome::Hit(_), _) | (_, hit @ Outcome::Hit(_)) => hit,
        (Outcome::Unknown { mut missing }, other) => {
            if let Outcome::Unknown { missing: more } = other {
                missing.extend(more);
            }
            Outcome::Unknown { missing }
        }
        (_, other) => other,
    }
}

fn is_exempt(case: &Case<'_>, found: &Match<'_>) -> bool {
    let encounter = case.facts.encounter.present();
    let places = [
        found.line.order.department_code.as_deref(),
        encounter.and_then(|encounter| encounter.department_code.as_deref()),
        encounter.and_then(|encounter| encounter.department_name.as_deref()),
    ];
    let exempt = case.rule.parameters.list("exempt_departments");
    let is_there = places.into_iter().flatten().any(|place| exempt.iter().any(|e| e == place));
    is_there || found.line.order.urgent == Some(true) || is_after_operation(case, found)
}

fn is_after_operation(case: &Case<'_>, found: &Match<'_>) -> bool {
    let Some(days) = case.rule.parameters.maybe_whole("days_after_operation") else { return false };
    let day = found.line.begins;
    let Ok(first) = day.checked_sub(i64::from(days).days()) else { return false };
    let done = case.facts.surgeries.present().map_or(&[][..], Vec::as_slice);
    let mut began = done.iter().filter_map(|surgery| surgery.began);
    began.any(|began| (first..=day).contains(&began.date()))
}

/// Whether some diagnosis asks for the test.
fn indication(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let wanted = found.row.parameters.list("diagnoses");
    if wanted.is_empty() {
        return Outcome::Pass;
    }
    let made = match &case.facts.diagnoses {
        // A request without any diagnosis is incomplete; another rule asks for it.
        Group::Absent | Group::Empty => return Outcome::unknown("diagnoses"),
        Group::Present(made) => made.as_slice(),
    };
    let counts = || made.iter().enumerate().filter(|(_, diagnosis)| !diagnosis.excluded);
    let asks = |code: &str| icd::is_in_any(code, wanted);
    if counts().any(|(_, diagnosis)| diagnosis.code.as_deref().is_some_and(asks)) {
        return Outcome::Pass;
    }
    let uncoded = counts().filter(|(_, diagnosis)| diagnosis.code.is_none());
    let missing: Vec<String> =
        uncoded.map(|(at, _)| format!("diagnoses[{at}].dise_codg")).collect();
    if !missing.is_empty() {
        return Outcome::Unknown { missing };
    }
    let text = format!("【{}】未见相关诊断，请补充诊断或说明", found.line.name());
    let codes = made.iter().filter_map(|diagnosis| diagnosis.code.clone()).collect();
    Outcome::Hit(hit(found, text, codes))
}

/// Whether the test was done too often already, and nothing is new.
fn repeat(case: &Case<'_>, found: &Match<'_>, uses: &Uses) -> Outcome {
    let parameters = &found.row.parameters;
    let limits = parameters.maybe_whole("times_max").zip(parameters.maybe_whole("stable_days"));
    let Some((times, days)) = limits else { return Outcome::Pass };
    if is_undated(found.line) {
        return Outcome::unknown(time_path(found.line));
    }
    let day = found.line.begins;
    let sum = uses.most_in(Window::Days(days), found.line);
    if sum <= Decimal::from(times) {
        let is_known = is_past_known(case.facts, Window::Days(days).first_day(day));
        return if is_known { uses.pass() } else { Outcome::unknown("history") };
    }
    let last = uses.last_before(day);
    if has_new_diagnosis(case, last) {
        return Outcome::Pass;
    }
    let text = format!("【{}】{days}天内第{}次，未见新的诊断", found.line.name(), plain(sum));
    Outcome::Hit(hit(found, text, vec![day.to_string(), plain(sum)]))
}

/// Whether a diagnosis was made since the last test.
fn has_new_diagnosis(case: &Case<'_>, last: Option<Date>) -> bool {
    let made = case.facts.diagnoses.present().map_or(&[][..], Vec::as_slice);
    let mut days = made.iter().filter(|d| !d.excluded).filter_map(|diagnosis| diagnosis.made);
    last.is_some_and(|last| days.any(|made| made > last))
}

fn hit(found: &Match<'_>, text: String, evidence: Vec<String>) -> Hit {
    Hit {
        violating: vec![found.line.position],
        text,
        evidence,
        source: Some(found.row.source.clone()),
        ..Hit::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "no_indication",
        parameters: "exempt_departments = [\"ICU\", \"重症医学科\"], days_after_operation = 7",
        rows: "match,key,item,diagnoses,times_max,stable_days,source,flag\n\
               hospital,ECHO,心脏彩超,,2,10,site,B\n\
               hospital,TSH,甲状腺功能,E00|E01|E05,,,site,B\n",
        drugs: "",
    };

    const HIT: &str = "hit 1: 【ECHO】10天内第3次，未见新的诊断";

    #[test]
    fn once_more_and_nothing_new() {
        check("0506 0510", "", HIT);
        check("0505 0510", "", "pass");
        check("0510", "", "pass");
        check("0506 0510", r#","diagnoses":[{"dise_codg":"I50","diag_time":"20260512"}]"#, "pass");
        check("0506 0510", r#","diagnoses":[{"dise_codg":"I50","diag_time":"20260501"}]"#, HIT);
    }

    #[test]
    fn intensive_care_operations_and_emergencies() {
        check("0506 0510", r#","encounter":{"adm_dept_codg":"ICU"}"#, "pass");
        check("0506 0510", r#","encounter":{"adm_dept_name":"重症医学科"}"#, "pass");
        check("0506 0510", r#","encounter":{"adm_dept_name":"心内科"}"#, HIT);
        check("0506 0510", r#","surgeries":[{"oprn_oprt_begntime":"20260508"}]"#, "pass");
        check("0506 0510", r#","surgeries":[{"oprn_oprt_begntime":"20260507"}]"#, HIT);
        let urgent =
            r#"{"orders":[{"rx_id":"1","hosplist_code":"TSH","urgt_flag":"1"}],"diagnoses":[]}"#;
        BENCH.check(urgent, "pass");
    }

    #[test]
    fn a_diagnosis_must_ask_for_it() {
        let ordered = |diagnoses: &str| {
            format!(r#"{{"orders":[{{"rx_id":"1","hosplist_code":"TSH"}}]{diagnoses}}}"#)
        };
        let text = "hit 1: 【TSH】未见相关诊断，请补充诊断或说明";
        BENCH.check(&ordered(r#","diagnoses":[{"dise_codg":"J06"}]"#), text);
        BENCH.check(&ordered(r#","diagnoses":[]"#), "unknown diagnoses");
        BENCH.check(&ordered(r#","diagnoses":[{"dise_codg":"E05.9"}]"#), "pass");
        BENCH.check(
            &ordered(r#","diagnoses":[{"dise_codg":"E05.9","dise_name":"甲亢？"}]"#),
            "pass",
        );
        BENCH.check(
            &ordered(r#","diagnoses":[{"dise_codg":"E05.9","dise_name":"排除甲亢"}]"#),
            text,
        );
        BENCH.check(
            &ordered(r#","diagnoses":[{"dise_name":"甲亢"}]"#),
            "unknown diagnoses[0].dise_codg",
        );
        BENCH.check(&ordered(""), "unknown diagnoses");
    }

    #[test]
    fn no_past() {
        BENCH.check(r#"{"orders":[{"rx_id":"1","hosplist_code":"ECHO"}]}"#, "unknown history");
    }

    #[track_caller]
    fn check(days: &str, more: &str, expected: &str) {
        let past: Vec<String> = (1..)
            .zip(days.split(' '))
            .map(|(id, day)| {
                format!(r#"{{"rx_id":"H{id}","hosplist_code":"ECHO","cnt":"1","fee_ocur_time":"2026{day}"}}"#)
            })
            .collect();
        let request = format!(
            r#"{{"orders":[{{"rx_id":"1","hosplist_code":"ECHO"}}],"history":{{"since":"20240101","orders":[{}]}}{more}}}"#,
            past.join(",")
        );
        BENCH.check(&request, expected);
    }
}
