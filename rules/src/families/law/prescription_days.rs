//! L01 处方用量: how many days one prescription may cover.
//!
//! What: every prescription of an outpatient or emergency visit is compared with the usual number
//! of days; the longer of the days written and the days that the quantity lasts counts.
//! Why: the law lets a doctor go beyond with a reason, so this asks for one and never blocks.
//! Basis: 处方管理办法 art. 19 (7 days, emergency 3); 长期处方管理规范 (up to 12 weeks).
//! Example: emergency, 头孢克肟 100 mg BID, 24 tablets of 50 mg → 6 days > 3 → hit. Hypertension for 28
//! days with the long-prescription flag → pass. As needed, or an ointment without dose and days →
//! unknown. One smallest package is let through. Discharge drugs are no outpatient prescription, and what
//! the law gives other days (麻醉, 精神, 毒性: `kinds_apart`) is left to its own rules.

use rust_decimal::Decimal;

use crate::dose::{days_supply, is_one_package};
use crate::drug_kind::DrugKind;
use crate::facts::{Encounter, VisitKind};
use crate::families::lines::by_prescription;
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::frequency::Frequency;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `prescription_days`.
pub struct PrescriptionDays;

/// The data finding for days written that differ from days computed.
pub(crate) const DAYS_DIFFER: &str = "C308";

const PARAMETERS: [Column; 5] = [
    Column::required("outpatient_days_max", "门诊处方天数上限", ColumnKind::Whole),
    Column::required("emergency_days_max", "急诊处方天数上限", ColumnKind::Whole),
    Column::required("long_days_max", "长期处方或已说明理由时的天数上限", ColumnKind::Whole),
    Column::optional("min_pack_ok", "允许一个最小包装", ColumnKind::Flag),
    Column::optional("kinds_apart", "另有用量规则的药品种类，如「麻醉」", ColumnKind::List),
];

impl Family for PrescriptionDays {
    fn id(&self) -> &'static str {
        "prescription_days"
    }

    fn zh_name(&self) -> &'static str {
        "处方用量"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "处方管理办法第十九条",
            window: "本次处方",
            text: "【{药品}】{天数}日用量，一般不超过{上限}日，请注明理由",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "encounter.emer_flag",
            "encounter.long_rx_flag",
            "orders.rxno",
            "orders.medc_days",
            "orders.cnt",
            "orders.cnt_unt",
            "orders.spec",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.drug_used_frqu",
            "orders.excd_rea",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn check_rule(&self, parameters: &Parameters) -> Option<String> {
        let mut kinds = parameters.list("kinds_apart").iter();
        let unknown = kinds.find(|word| DrugKind::parse(word).is_none())?;
        let known: Vec<_> = DrugKind::NAMES.iter().map(|(word, _)| *word).collect();
        Some(format!("`{unknown}` is not one of {}", known.join(", ")))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let encounter = case.facts.encounter.present();
        let Some(visit) = encounter.and_then(|encounter| encounter.visit) else {
            return vec![Outcome::unknown("encounter.med_mdtrt_type")];
        };
        let Some(usual) = usual_days_max(case, visit) else { return vec![Outcome::NotApplicable] };
        let limits = Limits {
            usual,
            long: Decimal::from(case.rule.parameters.whole("long_days_max")),
            is_long: encounter.and_then(|e: &Encounter| e.long_prescription) == Some(true),
            min_pack_ok: case.rule.parameters.flag("min_pack_ok"),
        };
        let written = case
            .lines()
            .filter(|line| line.order.current && !line.order.discharge && line.may_be_drug())
            .filter(|line| !is_apart(case, line));
        by_prescription(written)
            .into_iter()
            .flat_map(|lines| judge_prescription(visit, &limits, &lines))
            .collect()
    }
}

/// The law has other days for narcotics, psychotropics and toxic drugs, and rules of their own know
/// them: fifteen days of morphine for a patient with a pain file are no more than is right.
fn is_apart(case: &Case<'_>, line: &Line<'_>) -> bool {
    let mut kinds = case.rule.parameters.list("kinds_apart").iter();
    kinds.any(|word| DrugKind::parse(word).and_then(|kind| line.is_kind(kind)) == Some(true))
}

struct Limits {
    usual: Decimal,
    long: Decimal,
    is_long: bool,
    min_pack_ok: bool,
}

impl Limits {
    fn of(&self, line: &Line<'_>) -> Decimal {
        let is_reasoned = self.is_long || line.order.reason.is_some();
        if is_reasoned { self.long.max(self.usual) } else { self.usual }
    }
}

fn usual_days_max(case: &Case<'_>, visit: VisitKind) -> Option<Decimal> {
    let name = match visit {
        VisitKind::Emergency => "emergency_days_max",
        VisitKind::Outpatient | VisitKind::Internet | VisitKind::Pharmacy => "outpatient_days_max",
        VisitKind::Inpatient => return None,
    };
    Some(Decimal::from(case.rule.parameters.whole(name)))
}

/// One hit for a prescription, whichever lines it is about; what is unknown stays beside it.
fn judge_prescription(visit: VisitKind, limits: &Limits, lines: &[&Line<'_>]) -> Vec<Outcome> {
    let (mut over, mut missing) = (Vec::new(), Vec::new());
    for line in lines {
        match judge_line(line, limits) {
            LineDays::Over { days, limit } => over.push((*line, days, limit)),
            LineDays::Within => {}
            LineDays::Unknown(lacking) => missing.extend_from_slice(lacking),
        }
    }
    let mut outcomes = Vec::new();
    if !over.is_empty() {
        outcomes.push(Outcome::Hit(hit(visit, &over)));
    }
    if !missing.is_empty() {
        outcomes.push(Outcome::Unknown { missing });
    }
    if outcomes.is_empty() {
        outcomes.push(Outcome::Pass);
    }
    outcomes
}

enum LineDays<'a> {
    Over { days: Decimal, limit: Decimal },
    Within,
    Unknown(&'a [String]),
}

fn judge_line<'l>(line: &'l Line<'_>, limits: &Limits) -> LineDays<'l> {
    let limit = limits.of(line);
    let written = line.order.days;
    let computed = days_supply(line);
    if limits.min_pack_ok && is_one_package(line) && written.is_none_or(|days| days <= limit) {
        return LineDays::Within;
    }
    let longest = written.max(computed.as_ref().ok().copied());
    // Days written for a drug as needed, or beside a frequency that cannot be, do not say how long it
    // lasts.
    let is_open =
        line.order.frequency == Some(Frequency::AsNeeded) || !line.frequency_is_believable;
    match (longest, computed) {
        (Some(days), _) if days > limit => LineDays::Over { days, limit },
        (_, Err(missing)) if written.is_none() || is_open => LineDays::Unknown(missing),
        _ => LineDays::Within,
    }
}

fn hit(visit: VisitKind, over: &[(&Line<'_>, Decimal, Decimal)]) -> Hit {
    let parts: Vec<_> = over
        .iter()
        .map(|(line, days, _)| format!("【{}】{}日用量", line.name(), days.normalize()))
        .collect();
    let limit = over.iter().map(|(_, _, limit)| *limit).min().unwrap_or_default();
    Hit {
        violating: over.iter().map(|(line, _, _)| line.position).collect(),
        text: format!("{}处方{}，一般不超过{limit}日，请注明理由", visit.zh(), parts.join("、")),
        evidence: over.iter().map(|(_, days, limit)| format!("{days}>{limit}")).collect(),
        ..Hit::default()
    }
}

/// Whether the days written differ from those computed; one smallest package explains itself.
pub(crate) fn days_that_differ(line: &Line<'_>) -> Option<(Decimal, Decimal)> {
    let written = line.order.days?;
    let computed = days_supply(line).ok()?;
    let differ = (written - computed).abs() >= Decimal::ONE;
    (differ && !is_one_package(line)).then_some((written, computed))
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "prescription_days",
        parameters: "outpatient_days_max = 7, emergency_days_max = 3, long_days_max = 84, min_pack_ok = true",
        rows: "",
        drugs: "hospital,CFX,头孢克肟片,,头孢克肟,50 mg,片,,口服,限制\n\
                hospital,AML,苯磺酸氨氯地平片,,氨氯地平,5 mg,片,7,口服,\n\
                hospital,VAL,缬沙坦胶囊,,缬沙坦,80 mg,粒,28,口服,\n\
                hospital,OIN,莫匹罗星软膏,,莫匹罗星,?,支,,外用,\n\
                hospital,INS,胰岛素笔芯,,胰岛素,300 IU,支,1,注射,\n",
    };

    const CEFIXIME: &str = r#""hosplist_code":"CFX","drug_used_sdose":"100","drug_used_dosunt":"mg","drug_used_frqu":"BID","cnt":"24","cnt_unt":"片""#;
    const OUTPATIENT: &str = r#""med_mdtrt_type":"1""#;
    const EMERGENCY: &str = r#""med_mdtrt_type":"1","emer_flag":"1""#;

    #[test]
    fn what_is_taken_once_is_no_box_of_it() {
        let once = CEFIXIME.replace("BID", "ST");
        let unknown = "unknown orders[1].drug_used_frqu; data C311";
        check(OUTPATIENT, &once, unknown);
        check(OUTPATIENT, &format!(r#"{once},"medc_days":"1""#), unknown);
        let month = "hit 1: 门诊处方【头孢克肟片】30日用量，一般不超过7日，请注明理由; data C311";
        check(OUTPATIENT, &format!(r#"{once},"medc_days":"30""#), month);
        // Two tablets are one dose, and a box is not opened.
        check(OUTPATIENT, &once.replace("\"24\"", "\"2\""), "pass");
        let boxes = |count: &str| {
            format!(
                r#""hosplist_code":"AML","drug_used_sdose":"5","drug_used_dosunt":"mg","drug_used_frqu":"ST","cnt":"{count}","cnt_unt":"盒""#
            )
        };
        check(OUTPATIENT, &boxes("1"), "pass");
        check(OUTPATIENT, &boxes("2"), unknown);
        // Eight tablets take two boxes of seven.
        check(OUTPATIENT, &boxes("2").replace("\"5\"", "\"40\""), "pass");
    }

    #[test]
    fn emergency_three_days() {
        check(
            EMERGENCY,
            CEFIXIME,
            "hit 1: 急诊处方【头孢克肟片】6日用量，一般不超过3日，请注明理由",
        );
        check(OUTPATIENT, CEFIXIME, "pass");
        check(
            r#""med_type":"13""#,
            CEFIXIME,
            "hit 1: 急诊处方【头孢克肟片】6日用量，一般不超过3日，请注明理由",
        );
    }

    #[test]
    fn a_reason_or_the_long_prescription_opens_it() {
        let month = r#""hosplist_code":"AML","medc_days":"28","drug_used_sdose":"5","drug_used_dosunt":"mg","drug_used_frqu":"QD","cnt":"4","cnt_unt":"盒""#;
        check(
            OUTPATIENT,
            month,
            "hit 1: 门诊处方【苯磺酸氨氯地平片】28日用量，一般不超过7日，请注明理由",
        );
        check(r#""med_mdtrt_type":"1","long_rx_flag":"1""#, month, "pass");
        check(r#""med_mdtrt_type":"1","med_type":"14""#, month, "pass");
        check(OUTPATIENT, &format!(r#"{month},"excd_rea":"外出务工""#), "pass");
        let twelve_weeks = r#""hosplist_code":"VAL","medc_days":"84""#;
        check(r#""med_mdtrt_type":"1","long_rx_flag":"1""#, twelve_weeks, "pass");
        let more = r#""hosplist_code":"VAL","medc_days":"85""#;
        check(
            r#""med_mdtrt_type":"1","long_rx_flag":"1""#,
            more,
            "hit 1: 门诊处方【缬沙坦胶囊】85日用量，一般不超过84日，请注明理由",
        );
    }

    #[test]
    fn the_larger_of_written_and_computed() {
        let differ = r#""hosplist_code":"AML","medc_days":"7","drug_used_sdose":"5","drug_used_dosunt":"mg","drug_used_frqu":"QD","cnt":"2","cnt_unt":"盒""#;
        check(
            OUTPATIENT,
            differ,
            "hit 1: 门诊处方【苯磺酸氨氯地平片】14日用量，一般不超过7日，请注明理由; data C308",
        );
        let written = r#""hosplist_code":"AML","medc_days":"10","drug_used_sdose":"5","drug_used_dosunt":"mg","drug_used_frqu":"QD","cnt":"7","cnt_unt":"片""#;
        check(
            OUTPATIENT,
            written,
            "hit 1: 门诊处方【苯磺酸氨氯地平片】10日用量，一般不超过7日，请注明理由; data C308",
        );
    }

    #[test]
    fn one_smallest_package_is_let_through() {
        let one = r#""hosplist_code":"VAL","medc_days":"7","drug_used_sdose":"80","drug_used_dosunt":"mg","drug_used_frqu":"QD","cnt":"1","cnt_unt":"盒""#;
        check(OUTPATIENT, one, "pass");
        check(OUTPATIENT, &one.replace("\"medc_days\":\"7\",", ""), "pass");
        let two = one.replace(r#""cnt":"1""#, r#""cnt":"2""#);
        check(
            OUTPATIENT,
            &two,
            "hit 1: 门诊处方【缬沙坦胶囊】56日用量，一般不超过7日，请注明理由; data C308",
        );
    }

    #[test]
    fn what_has_days_of_its_own_is_left_to_its_own_rules() {
        const APART: &str = "outpatient_days_max = 7, emergency_days_max = 3, long_days_max = 84, kinds_apart = [\"麻醉\"]";
        const WRONG: &str = "outpatient_days_max = 7, emergency_days_max = 3, long_days_max = 84, kinds_apart = [\"麻药\"]";
        let bench = |kinds| Bench {
            parameters: kinds,
            drugs: "match,key,name,ingredients,strengths,piece,form,kinds\n\
                    hospital,MOR,硫酸吗啡缓释片,吗啡,30 mg,片,口服,麻醉|缓控释\n",
            ..BENCH
        };
        let request = r#"{"encounter":{"med_mdtrt_type":"1"},"orders":[{"rx_id":"1","hosplist_code":"MOR","medc_days":"15"}]}"#;
        let days = "outpatient_days_max = 7, emergency_days_max = 3, long_days_max = 84";
        bench(days)
            .check(request, "hit 1: 门诊处方【硫酸吗啡缓释片】15日用量，一般不超过7日，请注明理由");
        bench(APART).check(request, "nothing");
        let told = bench(WRONG).problems();
        assert!(told.contains("`麻药` is not one of 麻醉, 精一"), "{told}");
    }

    #[test]
    fn what_cannot_be_computed_is_unknown() {
        let as_needed = CEFIXIME.replace("BID", "PRN");
        check(OUTPATIENT, &as_needed, "unknown orders[1].day_cnt_max");
        check(
            OUTPATIENT,
            &format!(r#"{as_needed},"medc_days":"3""#),
            "unknown orders[1].day_cnt_max",
        );
        check(
            OUTPATIENT,
            &format!(r#"{as_needed},"medc_days":"30""#),
            "hit 1: 门诊处方【头孢克肟片】30日用量，一般不超过7日，请注明理由",
        );
        let ointment = r#""hosplist_code":"OIN","cnt":"2","cnt_unt":"支","drug_used_frqu":"BID""#;
        check(OUTPATIENT, ointment, "unknown orders[1].drug_used_sdose");
        check(OUTPATIENT, &format!(r#"{ointment},"medc_days":"5""#), "pass");
        check(OUTPATIENT, r#""hosplist_code":"AML""#, "unknown orders[1].cnt");
    }

    #[test]
    fn absurd_values_are_neither_hit_nor_pass() {
        let negative = CEFIXIME.replace(r#""cnt":"24""#, r#""cnt":"-24""#);
        check(OUTPATIENT, &negative, "unknown orders[1].cnt; data C301");
        let many = r#""hosplist_code":"AML","medc_days":"9999""#;
        check(OUTPATIENT, many, "unknown orders[1].cnt; data C302");
    }

    #[test]
    fn stays_and_discharge_drugs_are_something_else() {
        check(r#""med_mdtrt_type":"2""#, CEFIXIME, "nothing");
        check(EMERGENCY, &format!(r#"{CEFIXIME},"dscg_tkdrug_flag":"1""#), "nothing");
        check("", CEFIXIME, "unknown encounter.med_mdtrt_type");
        check(r#""med_mdtrt_type":"4""#, CEFIXIME, "unknown encounter.med_mdtrt_type");
    }

    #[test]
    fn services_are_no_drugs() {
        let training =
            r#""hilist_code":"003401000010000","hosplist_name":"康复训练","medc_days":"10""#;
        check(OUTPATIENT, training, "nothing");
        check(OUTPATIENT, r#""hilist_code":"002503010020000","hosplist_name":"血常规""#, "nothing");
    }

    #[test]
    fn every_other_day_lasts_twice_as_long() {
        let line = r#""hosplist_code":"AML","drug_used_sdose":"5","drug_used_dosunt":"mg","drug_used_frqu":"QOD","cnt":"7","cnt_unt":"片""#;
        check(
            OUTPATIENT,
            line,
            "hit 1: 门诊处方【苯磺酸氨氯地平片】14日用量，一般不超过7日，请注明理由",
        );
    }

    #[test]
    fn each_prescription_by_itself() {
        let request = r#"{"encounter":{"med_mdtrt_type":"1"},"orders":[
            {"rx_id":"1","rxno":"A","hosplist_code":"AML","medc_days":"8"},
            {"rx_id":"2","rxno":"B","hosplist_code":"AML","medc_days":"7"},
            {"rx_id":"3","rxno":"A","hosplist_code":"VAL","medc_days":"9"}]}"#;
        BENCH.check(request, "hit 1,3: 门诊处方【苯磺酸氨氯地平片】8日用量、【缬沙坦胶囊】9日用量，一般不超过7日，请注明理由");
    }

    #[track_caller]
    fn check(encounter: &str, line: &str, expected: &str) {
        let request =
            format!(r#"{{"encounter":{{{encounter}}},"orders":[{{"rx_id":"1",{line}}}]}}"#);
        BENCH.check(&request, expected);
    }
}
