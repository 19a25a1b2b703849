//! L07 长期处方: usually four weeks, twelve at most with an assessment, and not every kind of drug.
//!
//! What: a line of a long prescription, that is one marked so beyond the usual days, or any line
//! beyond four weeks. Excluded kinds (麻醉, 精神, 毒性, 放射性, 易制毒, antimicrobials, special storage) are
//! told; antimicrobials are let through for tuberculosis and other chronic infections. Beyond the
//! usual weeks a reason is asked for, beyond the most nothing helps.
//! Why: a stable patient need not come each week, a sedative is no stable treatment.
//! Basis: 长期处方管理规范（试行）.
//! Example: 缬沙坦 84 days with reason → pass; 阿普唑仑 56 days → hit, 精二 is excluded. One package that
//! happens to last thirty days is no long prescription.

use rust_decimal::Decimal;

use crate::dose::is_one_package;
use crate::drug_kind::DrugKind;
use crate::facts::VisitKind;
use crate::families::lines::days_covered;
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::icd::Diagnosed;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `long_prescription`.
pub struct LongPrescription;

const PARAMETERS: [Column; 5] = [
    Column::required("short_days", "不算长期处方的天数", ColumnKind::Whole),
    Column::required("usual_days_max", "长期处方一般天数上限", ColumnKind::Whole),
    Column::required("days_max", "评估后的天数上限", ColumnKind::Whole),
    Column::optional("chronic_infections", "可长期使用抗菌药物的诊断编码", ColumnKind::List),
    Column::optional("diseases", "可开长期处方的诊断编码", ColumnKind::List),
];

const EXCLUDED: [DrugKind; 8] = [
    DrugKind::Narcotic,
    DrugKind::PsychotropicFirst,
    DrugKind::PsychotropicSecond,
    DrugKind::Toxic,
    DrugKind::Radioactive,
    DrugKind::Precursor,
    DrugKind::Antimicrobial,
    DrugKind::SpecialStorage,
];

impl Family for LongPrescription {
    fn id(&self) -> &'static str {
        "long_prescription"
    }

    fn zh_name(&self) -> &'static str {
        "长期处方"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "长期处方管理规范（试行）（国卫办医发〔2021〕17号）",
            window: "本次处方",
            text: "【{药品}】{原因}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "encounter.long_rx_flag",
            "diagnoses.dise_codg",
            "orders.hosplist_code",
            "orders.medc_days",
            "orders.cnt",
            "orders.cnt_unt",
            "orders.drug_used_sdose",
            "orders.drug_used_frqu",
            "orders.excd_rea",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let encounter = case.facts.encounter.present();
        if encounter.and_then(|encounter| encounter.visit) == Some(VisitKind::Inpatient) {
            return vec![Outcome::NotApplicable];
        }
        let is_marked = encounter.and_then(|encounter| encounter.long_prescription) == Some(true);
        let written = case.lines().filter(|line| line.order.current && line.may_be_drug());
        written.map(|line| judge_line(case, line, is_marked)).collect()
    }
}

fn judge_line(case: &Case<'_>, line: &Line<'_>, is_marked: bool) -> Outcome {
    let parameters = &case.rule.parameters;
    let days = match days_covered(line) {
        Ok(days) => days,
        // Whether it is long at all, the rule of the usual days already asks.
        Err(_) if !is_marked => return Outcome::NotApplicable,
        Err(missing) => return Outcome::Unknown { missing },
    };
    let usual = parameters.whole("usual_days_max");
    // The smallest package is no long prescription for lasting two days more than four weeks.
    let is_written_short = line.order.days.is_none_or(|days| days <= Decimal::from(usual));
    if !is_marked && is_one_package(line) && is_written_short {
        return Outcome::NotApplicable;
    }
    let long_from = if is_marked { parameters.whole("short_days") } else { usual };
    if days <= Decimal::from(long_from) {
        return Outcome::NotApplicable;
    }
    if let Some(outcome) = excluded(case, line) {
        return outcome;
    }
    let max = parameters.whole("days_max");
    if days > Decimal::from(max) {
        return hit(line, &format!("{}日，长期处方最长{max}日", days.normalize()), None);
    }
    if let Some(outcome) = wrong_disease(case, line, is_marked) {
        return outcome;
    }
    if days > Decimal::from(usual) && line.order.reason.is_none() {
        let text = format!("{}日，长期处方一般不超过{usual}日，请评估并注明理由", days.normalize());
        return hit(line, &text, None);
    }
    match line.product {
        Some(_) => Outcome::Pass,
        None => Outcome::Unlisted { missing: line.shared_path("hosplist_code") },
    }
}

fn excluded(case: &Case<'_>, line: &Line<'_>) -> Option<Outcome> {
    let product = line.product?;
    let is_antimicrobial = product.tier.is_some();
    let kind = EXCLUDED.into_iter().find(|kind| {
        product.kinds.contains(kind) || (*kind == DrugKind::Antimicrobial && is_antimicrobial)
    })?;
    if kind == DrugKind::Antimicrobial {
        match case.facts.diagnosed(case.rule.parameters.list("chronic_infections")) {
            Diagnosed::As(_) => return None,
            Diagnosed::Unknown(missing) => return Some(Outcome::Unknown { missing }),
            Diagnosed::No => {}
        }
    }
    let text = format!("为{}药品，不得开具长期处方", kind.zh());
    Some(hit(line, &text, Some(Severity::Clear)))
}

/// Only of prescriptions marked as long: the mark claims such a disease.
fn wrong_disease(case: &Case<'_>, line: &Line<'_>, is_marked: bool) -> Option<Outcome> {
    let diseases = case.rule.parameters.list("diseases");
    if diseases.is_empty() || !is_marked {
        return None;
    }
    match case.facts.ever_diagnosed(diseases) {
        Diagnosed::As(_) => None,
        Diagnosed::Unknown(missing) => Some(Outcome::Unknown { missing }),
        Diagnosed::No => Some(hit(line, "诊断不在长期处方病种内", None)),
    }
}

fn hit(line: &Line<'_>, text: &str, severity: Option<Severity>) -> Outcome {
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】{text}", line.name()),
        evidence: vec![text.to_owned()],
        severity,
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "long_prescription",
        parameters: "short_days = 7, usual_days_max = 28, days_max = 84, chronic_infections = [\"A15\"]",
        rows: "",
        drugs: "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
                hospital,VAL,缬沙坦胶囊,,缬沙坦,80 mg,粒,28,口服,,,\n\
                hospital,DAY,阿司匹林肠溶片,,阿司匹林,100 mg,片,30,口服,,,\n\
                hospital,ALP,阿普唑仑片,,阿普唑仑,0.4 mg,片,20,口服,,,精二\n\
                hospital,RIF,利福平胶囊,,利福平,0.15 g,粒,100,口服,非限制,,抗菌\n",
    };

    const MARKED: &str = r#""encounter":{"med_mdtrt_type":"1","long_rx_flag":"1"}"#;
    const PLAIN: &str = r#""encounter":{"med_mdtrt_type":"1"}"#;

    #[test]
    fn four_weeks_and_twelve() {
        check(MARKED, r#"VAL","excd_rea":"病情稳定"#, "84", "pass");
        check(MARKED, "VAL", "28", "pass");
        check(
            MARKED,
            "VAL",
            "84",
            "hit 1: 【缬沙坦胶囊】84日，长期处方一般不超过28日，请评估并注明理由",
        );
        check(
            MARKED,
            r#"VAL","excd_rea":"病情稳定"#,
            "85",
            "hit 1: 【缬沙坦胶囊】85日，长期处方最长84日",
        );
        check(MARKED, "VAL", "7", "nothing");
        check(PLAIN, "VAL", "28", "nothing");
        check(r#""encounter":{"med_mdtrt_type":"2"}"#, "VAL", "90", "nothing");
    }

    #[test]
    fn one_package_of_thirty_days_is_no_long_prescription() {
        let packages = |count: &str| {
            format!(
                r#"{{{PLAIN},"orders":[{{"rx_id":"1","hosplist_code":"DAY","cnt":"{count}","cnt_unt":"盒","drug_used_sdose":"100","drug_used_dosunt":"mg","drug_used_frqu":"QD"}}]}}"#
            )
        };
        BENCH.check(&packages("1"), "nothing");
        let hit = "hit 1: 【阿司匹林肠溶片】60日，长期处方一般不超过28日，请评估并注明理由";
        BENCH.check(&packages("2"), hit);
    }

    #[test]
    fn excluded_kinds() {
        let hit = "hit 1: 【阿普唑仑片】为精二药品，不得开具长期处方";
        check(MARKED, "ALP", "56", hit);
        check(PLAIN, r#"ALP","excd_rea":"慢性失眠"#, "56", hit);
        check(MARKED, "ALP", "14", hit);
        check(PLAIN, "ALP", "14", "nothing");
    }

    #[test]
    fn chronic_infections() {
        let with = |code: &str| format!(r#"{MARKED},"diagnoses":[{{"dise_codg":"{code}"}}]"#);
        check(&with("A15.0"), "RIF", "28", "pass");
        check(&with("J06"), "RIF", "28", "hit 1: 【利福平胶囊】为抗菌药品，不得开具长期处方");
        check(MARKED, "RIF", "28", "unknown diagnoses");
    }

    #[test]
    fn a_list_of_diseases() {
        let strict = Bench {
            parameters: "short_days = 7, usual_days_max = 28, days_max = 84, diseases = [\"I10\"]",
            ..BENCH
        };
        let request = |code: &str| {
            format!(
                r#"{{{MARKED},"diagnoses":[{{"dise_codg":"{code}"}}],"orders":[{{"rx_id":"1","hosplist_code":"VAL","medc_days":"28"}}]}}"#
            )
        };
        strict.check(&request("I10.x00"), "pass");
        strict.check(&request("J06"), "hit 1: 【缬沙坦胶囊】诊断不在长期处方病种内");
    }

    #[test]
    fn what_is_missing() {
        check(MARKED, "VAL", "", "unknown orders[1].cnt");
        check(PLAIN, "VAL", "", "nothing");
        check(MARKED, "YP404", "28", "unknown orders[1].hosplist_code");
    }

    #[track_caller]
    fn check(facts: &str, drug: &str, days: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{{facts},"orders":[{{"rx_id":"1","hosplist_code":"{drug}","medc_days":"{days}"}}]}}"#
            ),
            expected,
        );
    }
}
