//! F14 分解住院: back in the same hospital for the same disease within days.
//!
//! What: the days between the last discharge and this admission, with the same category of main
//! diagnosis, may not be fewer than the region's gap.
//! Why: one treatment cut into two stays is paid twice. It may just as well be bad luck, so this is a
//! suspicion: slight while the patient is there, high in the audit.
//! Basis: GZ10000204001000 分解住院, 条例 art. 15; ZB10000205008000 counts 31 days.
//! Example: discharged 11-01 with I63, admitted 11-07 with I63 → 6 days < 15 → hit. Chemotherapy,
//! dialysis, a planned second stage, a transfer back, another disease → pass.

use jiff::civil::{Date, DateTime};

use crate::facts::{Encounter, Group, Stay, VisitKind};
use crate::family::{Case, Family, Hit, LooksAt, Outcome};
use crate::icd;
use crate::parameter::{Column, ColumnKind};

use super::lines::{days_between, is_past_known};

/// The family `early_readmission`.
pub struct EarlyReadmission;

const PARAMETERS: [Column; 2] = [
    Column::required("gap_days_min", "两次住院至少间隔的天数", ColumnKind::Whole),
    Column::optional("exempt_diagnoses", "按疗程反复住院的诊断", ColumnKind::List),
];

impl Family for EarlyReadmission {
    fn id(&self) -> &'static str {
        "early_readmission"
    }

    fn zh_name(&self) -> &'static str {
        "分解住院"
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "encounter.adm_date",
            "encounter.plan_course_flag",
            "diagnoses.dise_codg",
            "diagnoses.maindise_flag",
            "history.stays",
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
        if encounter.visit != Some(VisitKind::Inpatient) {
            return Vec::new();
        }
        vec![judge_stay(case, encounter)]
    }
}

fn judge_stay(case: &Case<'_>, encounter: &Encounter) -> Outcome {
    let gap_min = case.rule.parameters.whole("gap_days_min");
    let Some(admitted) = encounter.began.map(DateTime::date) else {
        return Outcome::unknown("encounter.adm_date");
    };
    let first = admitted.checked_sub(jiff::Span::new().days(i64::from(gap_min))).ok();
    if !is_past_known(case.facts, first) {
        return Outcome::unknown("history");
    }
    if encounter.planned_course == Some(true) {
        return Outcome::Pass;
    }
    let Some((last, gap)) = last_stay(case, encounter, admitted) else { return Outcome::Pass };
    let is_far = i32::try_from(gap_min).is_ok_and(|min| gap >= min);
    if is_far || last.planned_course == Some(true) || last.transferred == Some(true) {
        return Outcome::Pass;
    }
    let Some(main) = main_diagnosis(case) else { return Outcome::unknown("diagnoses") };
    let Some(before) = last.main_diagnosis.as_deref() else {
        return Outcome::unknown("history.stays[0].dise_codg");
    };
    let exempt = case.rule.parameters.list("exempt_diagnoses");
    let is_same = category(main) == category(before);
    if !is_same || icd::is_in_any(main, exempt) || icd::is_in_any(before, exempt) {
        return Outcome::Pass;
    }
    Outcome::Hit(Hit {
        text: format!("出院{gap}天再次入院，主诊断相同（{main}），间隔少于{gap_min}天"),
        evidence: vec![gap.to_string(), category(main)],
        ..Hit::default()
    })
}

/// The stay that ended last before this one began, and the days between.
fn last_stay<'a>(
    case: &Case<'a>,
    encounter: &Encounter,
    admitted: Date,
) -> Option<(&'a Stay, i32)> {
    let stays = case.facts.history.present()?.stays.iter();
    let is_before = |stay: &&Stay| {
        let is_other = stay.mdtrt_id.is_none() || stay.mdtrt_id != encounter.mdtrt_id;
        is_other && stay.visit == Some(VisitKind::Inpatient)
    };
    let ended = stays.filter(is_before).filter_map(|stay| Some((stay, stay.ended?.date())));
    let (stay, day) = ended.filter(|(_, day)| *day <= admitted).max_by_key(|(_, day)| *day)?;
    Some((stay, days_between(day, admitted)))
}

/// The main diagnosis: the one marked, else the first with a code that was made.
fn main_diagnosis<'a>(case: &Case<'a>) -> Option<&'a str> {
    let Group::Present(made) = &case.facts.diagnoses else { return None };
    let counts = || made.iter().filter(|d| !d.suspected && !d.excluded && d.code.is_some());
    let marked = counts().find(|diagnosis| diagnosis.main == Some(true));
    marked.or_else(|| counts().next())?.code.as_deref()
}

/// The category of a disease: its first three characters.
fn category(code: &str) -> String {
    icd::plain(code).chars().take(3).collect()
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "early_readmission",
        parameters: "gap_days_min = 15, exempt_diagnoses = [\"Z51\", \"N18\"]",
        rows: "",
        drugs: "",
    };

    const HIT: &str = "hit : 出院6天再次入院，主诊断相同（I63.9），间隔少于15天";

    #[test]
    fn days_between_the_stays() {
        check("I63.9", "", r#""dscg_date":"20260509","dise_codg":"I63.5""#, HIT);
        check("I63.9", "", r#""dscg_date":"20260430","dise_codg":"I63.5""#, "pass");
        check(
            "I63.9",
            "",
            r#""dscg_date":"20260501","dise_codg":"I63.5""#,
            "hit : 出院14天再次入院，主诊断相同（I63.9），间隔少于15天",
        );
        check("I63.9", "", r#""dscg_date":"20260516","dise_codg":"I63.5""#, "pass");
    }

    #[test]
    fn what_is_exempt() {
        let last = r#""dscg_date":"20260509","dise_codg":"I63.5""#;
        check("I21.0", "", last, "pass");
        check("I63.9", r#","plan_course_flag":"1""#, last, "pass");
        check("I63.9", "", &format!(r#"{last},"plan_course_flag":"1""#), "pass");
        check("I63.9", "", &format!(r#"{last},"dscg_way":"2""#), "pass");
        check("I63.9", "", &format!(r#"{last},"dscg_way":"1""#), HIT);
        check("Z51.1", "", r#""dscg_date":"20260509","dise_codg":"Z51.1""#, "pass");
        check("N18.6", "", r#""dscg_date":"20260509","dise_codg":"N18.6""#, "pass");
    }

    #[test]
    fn an_outpatient_visit_is_no_stay() {
        check(
            "I63.9",
            "",
            r#""dscg_date":"20260509","dise_codg":"I63.5","med_mdtrt_type":"1""#,
            "pass",
        );
        let visit = r#"{"encounter":{"med_mdtrt_type":"1"}}"#;
        BENCH.check(visit, "nothing");
    }

    #[test]
    fn what_is_missing() {
        let stay = r#"{"encounter":{"mdtrt_id":"M2","med_mdtrt_type":"2","adm_date":"20260515"}"#;
        BENCH.check(&format!("{stay}}}"), "unknown history");
        BENCH.check(&format!(r#"{stay},"history":{{}}}}"#), "pass");
        BENCH.check(&format!(r#"{stay},"history":{{"since":"20260501"}}}}"#), "unknown history");
        BENCH.check(
            r#"{"encounter":{"med_mdtrt_type":"2"},"history":{}}"#,
            "unknown encounter.adm_date",
        );
        let last = |code: &str| {
            format!(
                r#"{stay},"history":{{"stays":[{{"mdtrt_id":"M1","med_mdtrt_type":"2","dscg_date":"20260509"{code}}}]}}}}"#
            )
        };
        BENCH.check(&last(""), "unknown diagnoses");
        let known =
            last("").replace(r#""history""#, r#""diagnoses":[{"dise_codg":"I63"}],"history""#);
        BENCH.check(&known, "unknown history.stays[0].dise_codg");
    }

    #[track_caller]
    fn check(main: &str, encounter: &str, stay: &str, expected: &str) {
        let kind = if stay.contains("med_mdtrt_type") { "" } else { r#","med_mdtrt_type":"2""# };
        let request = format!(
            r#"{{"encounter":{{"mdtrt_id":"M2","med_mdtrt_type":"2","adm_date":"20260515"{encounter}}},
            "diagnoses":[{{"dise_codg":"E11"}},{{"dise_codg":"{main}","maindise_flag":"1"}}],
            "history":{{"stays":[{{"mdtrt_id":"M1",{stay}{kind}}}]}}}}"#
        );
        BENCH.check(&request, expected);
    }
}
