//! F19 结算清单、结算明细信息异常: what a settlement must say and does not.
//!
//! What: for the list, patient, stay and main diagnosis; for the lines, national code, quantity,
//! price, amount and day, and that price times quantity is the amount. What is missing is here
//! the hit itself, and no reason to say unknown.
//! Why: such a settlement comes back from the fund; the data steward mends it, not the doctor.
//! Basis: GZ10000201001000 结算清单信息异常, GZ10000201002000 结算明细信息异常.
//! Example: a charge without a national code → hit. 3 × 10.50 = 31.50 charged as 31.51 → within the
//! tolerance.

use rust_decimal::Decimal;

use crate::facts::{Facts, Group, VisitKind};
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::vocabulary::element_zh;

use super::lines::is_charge;

/// The family `settlement_fields`.
pub struct SettlementFields;

const PARAMETERS: [Column; 2] = [
    Column::required("part", "检查清单或明细", ColumnKind::Choice(&["清单", "明细"])),
    Column::optional("amount_tolerance", "单价乘数量与金额的允许差额（元）", ColumnKind::Decimal),
];

impl Family for SettlementFields {
    fn id(&self) -> &'static str {
        "settlement_fields"
    }

    fn zh_name(&self) -> &'static str {
        "结算信息异常"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Hint,
            basis: "GZ10000201001000 结算清单信息异常",
            window: "本次结算",
            text: "{清单或明细}缺少{元素}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "patient.patn_id",
            "patient.gend",
            "patient.brdy",
            "encounter.mdtrt_id",
            "encounter.med_mdtrt_type",
            "encounter.adm_date",
            "encounter.dscg_date",
            "encounter.insutype",
            "diagnoses.dise_codg",
            "diagnoses.maindise_flag",
            "fees.hilist_code",
            "fees.cnt",
            "fees.pric",
            "fees.sumamt",
            "fees.fee_ocur_time",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Nothing
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        if case.rule.parameters.text("part") == "清单" {
            return vec![judge_list(case.facts)];
        }
        let lines = case.session.lines.iter();
        let charges: Vec<&Line<'_>> = lines.filter(|line| is_charge(case, line)).collect();
        if charges.is_empty() {
            return vec![Outcome::unknown("fees")];
        }
        charges.into_iter().map(|line| judge_line(case, line)).collect()
    }
}

fn judge_list(facts: &Facts) -> Outcome {
    let (patient, encounter) = (facts.patient.present(), facts.encounter.present());
    let is_stay = encounter.is_some_and(|e| e.visit == Some(VisitKind::Inpatient));
    let has = [
        ("patn_id", patient.is_some_and(|patient| patient.patn_id.is_some())),
        ("gend", patient.is_some_and(|patient| patient.sex.is_some())),
        ("brdy", patient.is_some_and(|patient| patient.birth.is_some())),
        ("mdtrt_id", encounter.is_some_and(|encounter| encounter.mdtrt_id.is_some())),
        ("med_mdtrt_type", encounter.is_some_and(|encounter| encounter.visit.is_some())),
        ("insutype", encounter.is_some_and(|encounter| encounter.insutype.is_some())),
        ("adm_date", !is_stay || encounter.is_some_and(|encounter| encounter.began.is_some())),
        ("dscg_date", !is_stay || encounter.is_some_and(|encounter| encounter.ended.is_some())),
        ("dise_codg", has_main_diagnosis(facts)),
    ];
    let missing: Vec<&str> =
        has.into_iter().filter(|(_, is_there)| !is_there).map(|(element, _)| element).collect();
    if missing.is_empty() {
        return Outcome::Pass;
    }
    Outcome::Hit(Hit {
        text: format!("结算清单缺少{}", named(&missing)),
        evidence: missing.into_iter().map(str::to_owned).collect(),
        ..Hit::default()
    })
}

fn has_main_diagnosis(facts: &Facts) -> bool {
    let Group::Present(made) = &facts.diagnoses else { return false };
    made.iter().any(|diagnosis| diagnosis.main == Some(true) && diagnosis.code.is_some())
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let order = line.order;
    let has = [
        ("hilist_code", line.national_code().is_some()),
        ("cnt", order.quantity.is_some()),
        ("pric", order.price.is_some()),
        ("sumamt", order.amount.is_some()),
        ("fee_ocur_time", order.begins.is_some()),
    ];
    let missing: Vec<&str> =
        has.into_iter().filter(|(_, is_there)| !is_there).map(|(element, _)| element).collect();
    let text = if missing.is_empty() {
        wrong_sum(case, line)
    } else {
        Some(format!("【{}】结算明细缺少{}", line.name(), named(&missing)))
    };
    let Some(text) = text else { return Outcome::Pass };
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text,
        evidence: missing.into_iter().map(str::to_owned).collect(),
        ..Hit::default()
    })
}

fn wrong_sum(case: &Case<'_>, line: &Line<'_>) -> Option<String> {
    let (price, quantity) = line.order.price.zip(line.order.quantity)?;
    let amount = line.order.amount?;
    let tolerance = case.rule.parameters.maybe_decimal("amount_tolerance")?;
    let due = price.checked_mul(quantity)?;
    let off: Decimal = due.saturating_sub(amount).abs();
    (off > tolerance).then(|| {
        format!(
            "【{}】单价{}乘数量{}为{}元，与金额{}元不符",
            line.name(),
            price.normalize(),
            quantity.normalize(),
            due.normalize(),
            amount.normalize()
        )
    })
}

fn named(elements: &[&str]) -> String {
    let names = elements.iter().map(|element| match *element {
        "dise_codg" => "主诊断编码",
        "patn_id" => "患者标识",
        "mdtrt_id" => "就诊标识",
        "sumamt" => "金额",
        "adm_date" => "入院时间",
        other => element_zh(other).unwrap_or(other),
    });
    names.collect::<Vec<_>>().join("、")
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const LINES: Bench = Bench {
        family: "settlement_fields",
        parameters: "part = \"明细\", amount_tolerance = 0.01",
        rows: "",
        drugs: "",
    };

    const LIST: Bench =
        Bench { family: "settlement_fields", parameters: "part = \"清单\"", rows: "", drugs: "" };

    #[test]
    fn a_line_without_a_national_code() {
        let whole = r#""hilist_code":"001102000050000","cnt":"3","pric":"10.5","sumamt":"31.50","fee_ocur_time":"20260514""#;
        check(whole, "pass");
        check(
            &whole.replace(r#""hilist_code":"001102000050000""#, r#""hosplist_code":"A""#),
            "hit 1: 【A】结算明细缺少医保目录代码",
        );
        check(
            r#""hosplist_code":"A""#,
            "hit 1: 【A】结算明细缺少医保目录代码、数量、单价、金额、费用发生时间",
        );
    }

    #[test]
    fn price_times_quantity_is_the_amount() {
        let line = |amount: &str| {
            format!(
                r#""hilist_code":"001102000050000","hosplist_name":"A","cnt":"3","pric":"10.5","sumamt":"{amount}","fee_ocur_time":"20260514""#
            )
        };
        check(&line("31.51"), "pass");
        check(&line("31.52"), "hit 1: 【A】单价10.5乘数量3为31.5元，与金额31.52元不符");
        check(&line("31.48"), "hit 1: 【A】单价10.5乘数量3为31.5元，与金额31.48元不符");
    }

    #[test]
    fn the_list() {
        let stay = r#"{"patient":{"patn_id":"P","gend":"1","brdy":"19800101"},"encounter":{"mdtrt_id":"M","med_mdtrt_type":"2",
            "insutype":"310","adm_date":"20260501","dscg_date":"20260510"},"diagnoses":[{"dise_codg":"I63","maindise_flag":"1"}]}"#;
        LIST.check(stay, "pass");
        LIST.check(&stay.replace(r#","dscg_date":"20260510""#, ""), "hit : 结算清单缺少出院时间");
        LIST.check(&stay.replace(r#""gend":"1""#, r#""gend":"9""#), "hit : 结算清单缺少患者性别");
        LIST.check(&stay.replace(r#","maindise_flag":"1""#, ""), "hit : 结算清单缺少主诊断编码");
        let visit = stay.replace(r#""med_mdtrt_type":"2""#, r#""med_mdtrt_type":"1""#);
        LIST.check(&visit.replace(r#","dscg_date":"20260510""#, ""), "pass");
    }

    #[test]
    fn no_charges_at_all() {
        LINES.check("{}", "unknown fees");
    }

    #[track_caller]
    fn check(line: &str, expected: &str) {
        LINES.check(&format!(r#"{{"fees":[{{"rx_id":"1",{line}}}]}}"#), expected);
    }
}
