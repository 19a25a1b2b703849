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
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Usual};
use crate::icd;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};

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

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Slight,
            action: Action::Hint,
            basis: "GZ10000204001000 分解住院；医疗保障基金使用监督管理条例第十五条",
            window: "出院后15日内",
            text: "出院{天数}天再次入院，主诊断相同（{诊断}），间隔少于{下限}天",
        })
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
    if encounter.planned_course == Some(true) {
        return Outcome::Pass;
    }
    let earlier = earlier_stays(case, encounter);
    let last = last_stay(&earlier, admitted);
    if let Some(last) = &last {
        // A discharge that is known needs no more of the past to be too near.
        match judge_gap(case, last, gap_min) {
            Outcome::Pass => {}
            told => return told,
        }
    }
    let open = without_end(case, &earlier, admitted, last.map(|last| last.ended));
    if !open.is_empty() {
        return Outcome::Unknown { missing: open };
    }
    let first = admitted.checked_sub(jiff::Span::new().days(i64::from(gap_min))).ok();
    if is_past_known(case.facts, first) { Outcome::Pass } else { Outcome::unknown("history") }
}

/// The stay that ended last before this one began.
#[derive(Clone, Copy)]
struct Last<'a> {
    at: usize,
    stay: &'a Stay,
    ended: Date,
    /// Days from its end to this admission.
    gap: i32,
}

fn judge_gap(case: &Case<'_>, last: &Last<'_>, gap_min: u32) -> Outcome {
    let gap = last.gap;
    let is_far = i32::try_from(gap_min).is_ok_and(|min| gap >= min);
    if is_far || is_planned(last.stay) {
        return Outcome::Pass;
    }
    let Some(main) = main_diagnosis(case) else { return Outcome::unknown("diagnoses") };
    let Some(before) = last.stay.main_diagnosis.as_deref() else {
        return Outcome::unknown(format!("history.stays[{}].dise_codg", last.at));
    };
    if is_another(case, main, before) {
        return Outcome::Pass;
    }
    Outcome::Hit(Hit {
        text: format!("出院{gap}天再次入院，主诊断相同（{main}），间隔少于{gap_min}天"),
        evidence: vec![gap.to_string(), category(main)],
        ..Hit::default()
    })
}

fn is_planned(stay: &Stay) -> bool {
    stay.planned_course == Some(true) || stay.transferred == Some(true)
}

/// Whether the stays were for different diseases, or for one that comes back as planned.
fn is_another(case: &Case<'_>, main: &str, before: &str) -> bool {
    let exempt = case.rule.parameters.list("exempt_diagnoses");
    let is_same = category(main) == category(before);
    !is_same || icd::is_in_any(main, exempt) || icd::is_in_any(before, exempt)
}

/// The other stays in this hospital, with their places in the history.
fn earlier_stays<'a>(case: &Case<'a>, encounter: &Encounter) -> Vec<(usize, &'a Stay)> {
    let stays = case.facts.history.present().map_or(&[][..], |history| &history.stays);
    let is_earlier = |stay: &Stay| {
        let is_other = stay.mdtrt_id.is_none() || stay.mdtrt_id != encounter.mdtrt_id;
        is_other && stay.visit == Some(VisitKind::Inpatient)
    };
    stays.iter().enumerate().filter(|(_, stay)| is_earlier(stay)).collect()
}

fn last_stay<'a>(stays: &[(usize, &'a Stay)], admitted: Date) -> Option<Last<'a>> {
    let ended = stays.iter().filter_map(|(at, stay)| {
        let ended = stay.ended?.date();
        Some(Last { at: *at, stay, ended, gap: days_between(ended, admitted) })
    });
    ended.filter(|last| last.ended <= admitted).max_by_key(|last| last.ended)
}

/// Stays that say no discharge and may have ended after the last one that does.
fn without_end(
    case: &Case<'_>,
    stays: &[(usize, &Stay)],
    admitted: Date,
    last_ended: Option<Date>,
) -> Vec<String> {
    let is_open = |stay: &Stay| {
        let began = stay.began.map(DateTime::date);
        let is_since = began
            .is_none_or(|began| began <= admitted && last_ended.is_none_or(|ended| ended <= began));
        let diseases = main_diagnosis(case).zip(stay.main_diagnosis.as_deref());
        let is_another = diseases.is_some_and(|(main, before)| is_another(case, main, before));
        stay.ended.is_none() && is_since && !is_planned(stay) && !is_another
    };
    let open = stays.iter().filter(|(_, stay)| is_open(stay));
    open.map(|(at, _)| format!("history.stays[{at}].dscg_date")).collect()
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
                r#"{stay},"history":{{"since":"20240101","stays":[{{"mdtrt_id":"M1","med_mdtrt_type":"2","dscg_date":"20260509"{code}}}]}}}}"#
            )
        };
        BENCH.check(&last(""), "unknown diagnoses");
        let known =
            last("").replace(r#""history""#, r#""diagnoses":[{"dise_codg":"I63"}],"history""#);
        BENCH.check(&known, "unknown history.stays[0].dise_codg");
    }

    #[test]
    fn a_known_discharge_needs_no_more_of_the_past() {
        let stay = r#""dscg_date":"20260509","dise_codg":"I63.5""#;
        since("20260512", stay, HIT);
        since("20260512", &stay.replace("I63.5", "I21"), "unknown history");
        since("20260430", &stay.replace("I63.5", "I21"), "pass");
    }

    #[test]
    fn a_stay_without_its_end() {
        let open = r#""med_mdtrt_type":"2","adm_date":"20260505","dise_codg":"I63.5""#;
        check("I63.9", "", open, "unknown history.stays[0].dscg_date");
        check("I63.9", "", &open.replace("I63.5", "I21"), "pass");
        check("I63.9", "", &format!(r#"{open},"plan_course_flag":"1""#), "pass");
        let closed =
            r#"},{"mdtrt_id":"M0","med_mdtrt_type":"2","dscg_date":"DAY","dise_codg":"I63.5""#;
        let both = |day: &str| format!("{open}{}", closed.replace("DAY", day));
        check("I63.9", "", &both("20260509"), HIT);
        check("I63.9", "", &both("20260430"), "unknown history.stays[0].dscg_date");
        // It ended before the next one began, however little is known of it.
        let long_ago = both("20260430").replace("20260505", "20260401");
        check("I63.9", "", &long_ago, "pass");
    }

    #[track_caller]
    fn since(since: &str, stay: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"encounter":{{"mdtrt_id":"M2","med_mdtrt_type":"2","adm_date":"20260515"}},"diagnoses":[{{"dise_codg":"I63.9"}}],
                "history":{{"since":"{since}","stays":[{{"mdtrt_id":"M1","med_mdtrt_type":"2",{stay}}}]}}}}"#
            ),
            expected,
        );
    }

    #[track_caller]
    fn check(main: &str, encounter: &str, stay: &str, expected: &str) {
        let kind = if stay.contains("med_mdtrt_type") { "" } else { r#","med_mdtrt_type":"2""# };
        let request = format!(
            r#"{{"encounter":{{"mdtrt_id":"M2","med_mdtrt_type":"2","adm_date":"20260515"{encounter}}},
            "diagnoses":[{{"dise_codg":"E11"}},{{"dise_codg":"{main}","maindise_flag":"1"}}],
            "history":{{"since":"20240101","stays":[{{"mdtrt_id":"M1",{stay}{kind}}}]}}}}"#
        );
        BENCH.check(&request, expected);
    }
}
