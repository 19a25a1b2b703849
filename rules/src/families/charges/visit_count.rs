//! F15 频繁门诊、频繁购药、频繁住院: more visits in a window than usual.
//!
//! What: the visits of one kind in the window, with this one, may not exceed the cap. Several
//! departments on one day are one visit; visits of a treatment course, by diagnosis, by a flag or
//! by an item used there, do not count.
//! Why: a card that is used every other day may be in other hands. It may be an ill patient, too:
//! this is a hint and never more.
//! Basis: GZ10000204002000, GZ10000204003000, GZ10000204004000.
//! Example: cap 15 a month, the 16th visit → hint. Dialysis, chemotherapy, injections → not counted.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};

use crate::facts::{Encounter, Stay, VisitKind};
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Usual};
use crate::icd;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};

use super::lines::{is_past_known, used_before};

/// The family `visit_count`.
pub struct VisitCount;

const PARAMETERS: [Column; 5] = [
    Column::required("visit", "就诊类别", ColumnKind::Choice(&["门诊", "购药", "住院"])),
    Column::required("visits_max", "次数上限", ColumnKind::Whole),
    Column::required("window", "时间窗口", ColumnKind::Window),
    Column::optional("exempt_diagnoses", "不计次数的主诊断", ColumnKind::List),
    Column::optional("exempt_items", "使用这些项目的就诊不计次数", ColumnKind::Keys),
];

impl Family for VisitCount {
    fn id(&self) -> &'static str {
        "visit_count"
    }

    fn zh_name(&self) -> &'static str {
        "频繁就诊"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Slight,
            action: Action::Hint,
            basis: "GZ10000204002000 频繁门诊",
            window: "规则所定的期间",
            text: "{期间}内{就诊}第{次数}次，超过{上限}次（本院范围内）",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "encounter.begntime",
            "encounter.plan_course_flag",
            "diagnoses.dise_codg",
            "history.stays",
            "history.orders",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Nothing
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let Some(encounter) = case.facts.encounter.present() else { return Vec::new() };
        if !encounter.visit.is_some_and(|visit| is_counted(case, visit)) {
            return Vec::new();
        }
        vec![judge_visit(case, encounter)]
    }
}

fn is_counted(case: &Case<'_>, visit: VisitKind) -> bool {
    match case.rule.parameters.text("visit") {
        "购药" => visit == VisitKind::Pharmacy,
        "住院" => visit == VisitKind::Inpatient,
        _ => matches!(visit, VisitKind::Outpatient | VisitKind::Emergency | VisitKind::Internet),
    }
}

fn judge_visit(case: &Case<'_>, encounter: &Encounter) -> Outcome {
    let window = case.rule.parameters.window("window");
    let today = encounter.began.map_or(case.now.date(), DateTime::date);
    let mut days = days_of_visits(case, encounter, today);
    days.insert(today);
    let limit = case.rule.parameters.whole("visits_max");
    let is_within = days.len() <= limit as usize;
    if is_within && is_past_known(case.facts, window.first_day(today)) {
        return Outcome::Pass;
    }
    if is_of_course(case, encounter) {
        return Outcome::Pass;
    }
    if is_within {
        return Outcome::unknown("history");
    }
    let visit = case.rule.parameters.text("visit");
    Outcome::Hit(Hit {
        text: format!("{window}内{visit}第{}次，超过{limit}次（本院范围内）", days.len()),
        evidence: vec![today.to_string()],
        ..Hit::default()
    })
}

/// Whether this visit is one of a planned course: dialysis, chemotherapy, injections.
fn is_of_course(case: &Case<'_>, encounter: &Encounter) -> bool {
    let exempt = case.rule.parameters.list("exempt_diagnoses");
    encounter.planned_course == Some(true)
        || matches!(case.facts.diagnosed(exempt), icd::Diagnosed::As(_))
        || case
            .rule
            .parameters
            .keys("exempt_items")
            .iter()
            .any(|key| case.about(key).next().is_some())
}

/// The days of earlier visits of this kind in the window; a day counts once.
fn days_of_visits(case: &Case<'_>, encounter: &Encounter, today: Date) -> BTreeSet<Date> {
    let first = case.rule.parameters.window("window").first_day(today);
    let stays = case.facts.history.present().map_or(&[][..], |history| &history.stays);
    let counts = |stay: &&Stay| {
        let is_other = stay.mdtrt_id.is_none() || stay.mdtrt_id != encounter.mdtrt_id;
        let is_kind = stay.visit.is_some_and(|visit| is_counted(case, visit));
        is_other && is_kind && !is_exempt(case, stay)
    };
    let days = stays.iter().filter(counts).filter_map(|stay| stay.began.map(DateTime::date));
    days.filter(|day| *day <= today && first.is_none_or(|first| first <= *day)).collect()
}

fn is_exempt(case: &Case<'_>, stay: &Stay) -> bool {
    let exempt = case.rule.parameters.list("exempt_diagnoses");
    let has_item = |id: &str| {
        let keys = case.rule.parameters.keys("exempt_items").iter();
        let mut used = keys.flat_map(|key| used_before(case, key));
        used.any(|line| line.order.mdtrt_id.as_deref() == Some(id))
    };
    stay.planned_course == Some(true)
        || stay.main_diagnosis.as_deref().is_some_and(|code| icd::is_in_any(code, exempt))
        || stay.mdtrt_id.as_deref().is_some_and(has_item)
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "visit_count",
        parameters: "visit = \"门诊\", visits_max = 3, window = \"自然月\", exempt_diagnoses = [\"Z49\", \"Z51\"], exempt_items = \"hospital:INJ\"",
        rows: "",
        drugs: "",
    };

    const HIT: &str = "hit : 自然月内门诊第4次，超过3次（本院范围内）";

    #[test]
    fn one_too_many() {
        check("01 02 03", "", HIT);
        check("01 02", "", "pass");
        check("01 02 0430", "", "pass");
    }

    #[test]
    fn several_departments_of_one_day_are_one_visit() {
        check("01 02 02", "", "pass");
        check("01 02 15", "", "pass");
    }

    #[test]
    fn courses_do_not_count() {
        check("01 02 03:Z49.1", "", "pass");
        check("01 02 03:I10", "", HIT);
        check("01 02 03!", "", "pass");
        let injection = r#","orders":[{"rx_id":"I","mdtrt_id":"M3","hosplist_code":"INJ","cnt":"1","fee_ocur_time":"20260503"}]"#;
        check("01 02 03", injection, "pass");
        check("01 02 03", &injection.replace("M3", "M9"), HIT);
    }

    #[test]
    fn this_visit_may_be_of_a_course() {
        let request =
            r#"{"encounter":{"mdtrt_id":"M0","med_mdtrt_type":"1","plan_course_flag":"1"}}"#;
        BENCH.check(request, "pass");
        let dialysis =
            r#"{"encounter":{"med_mdtrt_type":"1"},"diagnoses":[{"dise_codg":"Z49.1"}]}"#;
        BENCH.check(dialysis, "pass");
        let injection = r#"{"encounter":{"med_mdtrt_type":"1"},"orders":[{"rx_id":"1","hosplist_code":"INJ"}]}"#;
        BENCH.check(injection, "pass");
    }

    #[test]
    fn other_kinds_and_no_past() {
        BENCH.check(r#"{"encounter":{"med_mdtrt_type":"2"}}"#, "nothing");
        BENCH.check(r#"{"encounter":{"med_mdtrt_type":"1"}}"#, "unknown history");
        BENCH.check("{}", "nothing");
    }

    /// Days of May, or month and day; `:` gives the main diagnosis, `!` marks a visit of a course.
    #[track_caller]
    fn check(days: &str, more: &str, expected: &str) {
        let stays: Vec<String> = (1..)
            .zip(days.split(' '))
            .map(|(id, day)| {
                let (day, code) = day.split_once(':').unwrap_or((day, ""));
                let (day, course) = day.strip_suffix('!').map_or((day, "0"), |day| (day, "1"));
                let day = if day.len() == 2 { format!("05{day}") } else { day.to_owned() };
                format!(
                    r#"{{"mdtrt_id":"M{id}","med_mdtrt_type":"1","begntime":"2026{day}","dise_codg":"{code}","plan_course_flag":"{course}"}}"#
                )
            })
            .collect();
        let request = format!(
            r#"{{"encounter":{{"mdtrt_id":"M0","med_mdtrt_type":"1","begntime":"20260515"}},"history":{{"since":"20240101","stays":[{}]{more}}}}}"#,
            stays.join(",")
        );
        BENCH.check(&request, expected);
    }
}
