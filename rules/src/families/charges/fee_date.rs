//! F13 计费日期与住院时间不符: a charge outside the stay.
//!
//! What: every charge of a stay is compared with the days of admission and discharge; the day of
//! the service counts, not the day on which it was posted. `days_before` allows the emergency room.
//! Why: nobody is nursed the day after going home.
//! Basis: GZ10000201008000 计费日期与住院时间不符.
//! Example: discharge 03-20, Ⅱ级护理 of 03-21 → hit. Posted on 03-22 for 03-19 → pass. A stay that goes on
//! has no end yet; at settlement a missing discharge → unknown.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use crate::facts::{Encounter, Scene, VisitKind};
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

use super::lines::{counts, is_charge, positions, time_path};

/// The family `fee_date`.
pub struct FeeDate;

const PARAMETERS: [Column; 1] =
    [Column::optional("days_before", "允许入院前几天的费用", ColumnKind::Whole)];

impl Family for FeeDate {
    fn id(&self) -> &'static str {
        "fee_date"
    }

    fn zh_name(&self) -> &'static str {
        "计费日期与住院时间不符"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Confirm,
            basis: "GZ10000201008000 计费日期与住院时间不符",
            window: "入院前和出院后",
            text: "{时间}（{日期}）仍计【{项目}】{其他}，计费日期{计费日期}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "fees.fee_ocur_time",
            "encounter.adm_date",
            "encounter.dscg_date",
            "encounter.med_mdtrt_type",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Charges
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let is_left = |line: &&Line<'_>| is_charge(case, line) && counts(line);
        let charges: Vec<&Line<'_>> = case.lines().filter(is_left).collect();
        if charges.is_empty() {
            return Vec::new();
        }
        match case.facts.encounter.present() {
            None => vec![Outcome::unknown("encounter.adm_date")],
            Some(encounter) if encounter.visit != Some(VisitKind::Inpatient) => Vec::new(),
            Some(encounter) => judge_stay(case, encounter, &charges),
        }
    }
}

fn judge_stay(case: &Case<'_>, encounter: &Encounter, charges: &[&Line<'_>]) -> Vec<Outcome> {
    let before = case.rule.parameters.maybe_whole("days_before").unwrap_or(0);
    let began = encounter.began.map(DateTime::date);
    let first = began.and_then(|day| day.checked_sub(i64::from(before).days()).ok());
    let last = encounter.ended.map(DateTime::date);
    let mut missing: Vec<String> = Vec::new();
    if first.is_none() {
        missing.push("encounter.adm_date".to_owned());
    }
    if last.is_none() && is_over(case.facts.scene()) {
        missing.push("encounter.dscg_date".to_owned());
    }
    let untimed = charges.iter().filter(|line| line.order.begins.is_none());
    missing.extend(untimed.map(|line| time_path(line)));

    let timed = || charges.iter().copied().filter(|line| line.order.begins.is_some());
    let early: Vec<_> =
        timed().filter(|line| first.is_some_and(|first| line.begins < first)).collect();
    let late: Vec<_> = timed().filter(|line| last.is_some_and(|last| line.begins > last)).collect();
    let mut outcomes: Vec<Outcome> =
        [outside(&early, began, "入院前"), outside(&late, last, "出院后")]
            .into_iter()
            .flatten()
            .collect();
    if !missing.is_empty() {
        outcomes.push(Outcome::Unknown { missing });
    } else if outcomes.is_empty() {
        outcomes.push(Outcome::Pass);
    }
    outcomes
}

/// Once a stay is settled its end is known; before, it may still go on.
fn is_over(scene: Option<Scene>) -> bool {
    matches!(scene, Some(Scene::Settlement | Scene::MonthlyBatch))
}

fn outside(lines: &[&Line<'_>], bound: Option<Date>, when: &str) -> Option<Outcome> {
    let (first, bound) = (lines.first()?, bound?);
    let more = if lines.len() > 1 { format!("等{}项", lines.len()) } else { String::new() };
    let text = format!("{when}（{bound}）仍计【{}】{more}，计费日期{}", first.name(), first.begins);
    Some(Outcome::Hit(Hit {
        violating: positions(lines),
        text,
        evidence: vec![bound.to_string(), first.begins.to_string()],
        ..Hit::default()
    }))
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench =
        Bench { family: "fee_date", parameters: "days_before = 1", rows: "", drugs: "" };

    #[test]
    fn after_the_discharge() {
        check(
            "20260320",
            "20260321",
            "hit 1: 出院后（2026-03-20）仍计【CARE】，计费日期2026-03-21",
        );
        check("20260320", "20260320", "pass");
        check("", "20260321", "pass");
    }

    #[test]
    fn before_the_admission() {
        check("20260320", "20260309", "pass");
        check(
            "20260320",
            "20260308",
            "hit 1: 入院前（2026-03-10）仍计【CARE】，计费日期2026-03-08",
        );
    }

    #[test]
    fn the_day_of_the_service_counts() {
        check("20260320", r#"20260319","input_time":"20260322"#, "pass");
    }

    #[test]
    fn at_settlement_the_end_is_known() {
        let request = r#"{"scene":"settlement","encounter":{"med_mdtrt_type":"2","adm_date":"20260310"},
            "fees":[{"rx_id":"1","hosplist_code":"CARE","cnt":"1","fee_ocur_time":"20260311"}]}"#;
        BENCH.check(request, "unknown encounter.dscg_date");
        BENCH.check(
            &request.replace(r#","fee_ocur_time":"20260311""#, ""),
            "unknown encounter.dscg_date,fees[1].fee_ocur_time",
        );
    }

    #[test]
    fn visits_and_sessions_without_charges() {
        let visit =
            r#"{"encounter":{"med_mdtrt_type":"1"},"fees":[{"rx_id":"1","hosplist_code":"X"}]}"#;
        BENCH.check(visit, "nothing");
        BENCH.check(r#"{"orders":[{"rx_id":"1","hosplist_code":"X"}]}"#, "nothing");
        BENCH
            .check(r#"{"fees":[{"rx_id":"1","hosplist_code":"X"}]}"#, "unknown encounter.adm_date");
    }

    #[track_caller]
    fn check(discharge: &str, day: &str, expected: &str) {
        let request = format!(
            r#"{{"encounter":{{"med_mdtrt_type":"2","adm_date":"20260310","dscg_date":"{discharge}"}},
            "fees":[{{"rx_id":"1","hosplist_code":"CARE","cnt":"1","fee_ocur_time":"{day}"}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
