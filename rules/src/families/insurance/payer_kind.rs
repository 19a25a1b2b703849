//! I01 药品限险种: some drugs are paid by the work injury or the maternity insurance only.
//!
//! What: a row names the kinds of insurance that pay for a drug; the patient's kind (`insutype`) must
//! be one of them. The rule says which codes a kind has, because regions differ.
//! Why: the medical insurance fund pays for neither.
//! Basis: GZ10000101001000 限工伤保险, GZ10000101002000 限生育保险; public batch 3.
//! Example: 注射用胸腺法新, 职工基本医疗保险 (310) → hit. An injury at work that is not recognised yet
//! → pass, with a task to settle the recognition. A line that the patient pays alone → not judged.

use crate::facts::Encounter;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};

/// The family `payer_kind`.
pub struct PayerKind;

/// The employer applies for recognition within thirty days (工伤保险条例 art. 17).
const RECOGNITION_DUE_HOURS: u32 = 30 * 24;

const WORK_INJURY: &str = "工伤";

const PARAMETERS: [Column; 1] = [Column::required(
    "codes",
    "每种保险的险种代码，如「生育=510」，一种可写多条",
    ColumnKind::List,
)];

const ROWS: [Column; 1] =
    [Column::required("kind", "支付的保险", ColumnKind::Choice(&[WORK_INJURY, "生育"]))];

impl Family for PayerKind {
    fn id(&self) -> &'static str {
        "payer_kind"
    }

    fn zh_name(&self) -> &'static str {
        "药品限险种"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::SelfPay,
            basis: "GZ10000101001000 药品限工伤保险；医疗保障基金使用监督管理条例第十五条",
            window: "本次",
            text: "【{药品}】仅限{险种}保险支付，{情形}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.insutype",
            "encounter.wkinj_pend_flag",
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.sumamt",
            "orders.ownpay_amt",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    let encounter = case.facts.encounter.present();
    let Some(insured) = encounter.and_then(|encounter| encounter.insutype.as_deref()) else {
        return Outcome::unknown("encounter.insutype");
    };
    let kind = found.row.parameters.text("kind");
    if pays(case, kind, insured) {
        return Outcome::Pass;
    }
    if kind == WORK_INJURY
        && encounter.and_then(|e: &Encounter| e.work_injury_pending) == Some(true)
    {
        return Outcome::Task {
            lines: vec![found.line.position],
            text: format!("【{}】仅限工伤保险支付，请办理工伤认定", found.line.name()),
            due_hours: RECOGNITION_DUE_HOURS,
        };
    }
    let (name, insured) = (found.line.name(), name_of(insured));
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!("【{name}】仅限{kind}保险支付，患者险种为{insured}"),
        evidence: vec![kind.to_owned(), insured.to_owned()],
        source: Some(found.row.source.clone()),
        ..Hit::default()
    })
}

fn pays(case: &Case<'_>, kind: &str, insured: &str) -> bool {
    let is_code = |entry: &String| entry.split_once('=') == Some((kind, insured));
    insured == kind || case.rule.parameters.list("codes").iter().any(is_code)
}

/// The national table of `insutype`; other codes are told as they are.
fn name_of(insutype: &str) -> &str {
    match insutype {
        "310" => "职工基本医疗保险",
        "320" => "公务员医疗补助",
        "330" => "大额医疗费用补助",
        "340" => "离休人员医疗保障",
        "380" => "新型农村合作医疗",
        "390" => "城乡居民基本医疗保险",
        "391" => "城镇居民基本医疗保险",
        "392" => "城乡居民大病医疗保险",
        "410" => "长期照护保险",
        "510" => "生育保险",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "payer_kind",
        parameters: "codes = [\"工伤=910\", \"生育=510\"]",
        rows: "match,key,item,kind,source,flag\n\
               hospital,TX,注射用胸腺法新,工伤,batch 3,A\n\
               hospital,DN,地诺前列酮栓,生育,batch 3,A\n",
        drugs: "",
    };

    #[test]
    fn the_fund_of_the_medical_insurance_does_not_pay() {
        let hit = "hit 1: 【TX】仅限工伤保险支付，患者险种为职工基本医疗保险";
        check(r#""insutype":"310""#, "TX", hit);
        check(r#""insutype":"910""#, "TX", "pass");
        check(r#""insutype":"工伤""#, "TX", "pass");
        check(r#""insutype":"510""#, "DN", "pass");
        check(r#""insutype":"510""#, "TX", "hit 1: 【TX】仅限工伤保险支付，患者险种为生育保险");
        check(r#""insutype":"X9""#, "DN", "hit 1: 【DN】仅限生育保险支付，患者险种为X9");
    }

    #[test]
    fn an_injury_not_recognised_yet_passes_with_a_task() {
        let pending = r#""insutype":"310","wkinj_pend_flag":"1""#;
        check(pending, "TX", "task 【TX】仅限工伤保险支付，请办理工伤认定; pass");
        check(pending, "DN", "hit 1: 【DN】仅限生育保险支付，患者险种为职工基本医疗保险");
    }

    #[test]
    fn an_insurance_nobody_named_is_unknown() {
        check("", "TX", "unknown encounter.insutype");
        check("", "AB", "nothing");
    }

    #[track_caller]
    fn check(encounter: &str, drug: &str, expected: &str) {
        let request = format!(
            r#"{{"encounter":{{"mdtrt_id":"M1",{encounter}}},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
        );
        BENCH.check(&request.replace(",}", "}"), expected);
    }
}
