//! I11 限就医方式: some drugs are paid in some kinds of visit only.
//!
//! What: a row names the kinds of visit in which a drug is paid, and may name a condition that only
//! the doctor can attest (营养风险筛查).
//! Why: a drug for emergencies and wards is no outpatient's tonic.
//! Basis: 智能监管规则（2025年版）政策类药品第13号 限就医方式; public batch 4 and its revision.
//! Example: 安宫牛黄丸 for an ordinary outpatient → hit; under observation in the emergency room → pass.
//! How a site marks observation and day care (日间) is mapped before the visit comes here.

use crate::facts::VisitKind;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `visit_kind`.
pub struct VisitKindLimit;

const KINDS: [VisitKind; 5] = [
    VisitKind::Outpatient,
    VisitKind::Emergency,
    VisitKind::Inpatient,
    VisitKind::Internet,
    VisitKind::Pharmacy,
];

const ROWS: [Column; 2] = [
    Column::required(
        "visits",
        "允许的就医方式：门诊、急诊、住院、互联网诊疗、购药",
        ColumnKind::List,
    ),
    Column::optional("attest", "须由医师确认的条件", ColumnKind::Text),
];

impl Family for VisitKindLimit {
    fn id(&self) -> &'static str {
        "visit_kind"
    }

    fn zh_name(&self) -> &'static str {
        "药品限就医方式"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::SelfPay,
            basis: "智能监管规则（2025年版）政策类药品第13号 限就医方式",
            window: "本次",
            text: "【{药品}】限{范围}使用，本次为{就医方式}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.med_mdtrt_type",
            "encounter.emer_flag",
            "encounter.itnt_flag",
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.attst_flag",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let is_known = |word: &String| KINDS.iter().any(|kind| kind.zh() == word);
        let words = row.list("visits");
        let unknown = words.iter().find(|word| !is_known(word));
        let none = words.is_empty().then(|| "`visits` is empty".to_owned());
        unknown.map(|word| format!("`{word}` is no kind of visit")).or(none)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let encounter = case.facts.encounter.present();
        let Some(visit) = encounter.and_then(|encounter| encounter.visit) else {
            let is_asked = case.current().next().is_some();
            return if is_asked {
                vec![Outcome::unknown("encounter.med_mdtrt_type")]
            } else {
                vec![]
            };
        };
        case.current().map(|found| judge_line(found, visit)).collect()
    }
}

fn judge_line(found: &Match<'_>, visit: VisitKind) -> Outcome {
    let row = &found.row.parameters;
    let name = found.line.name();
    let hit = |text: String, evidence: &str| {
        Outcome::Hit(Hit {
            violating: vec![found.line.position],
            text,
            evidence: vec![evidence.to_owned()],
            source: Some(found.row.source.clone()),
            ..Hit::default()
        })
    };
    let allowed = row.list("visits");
    if !allowed.iter().any(|word| word == visit.zh()) {
        let text = format!("【{name}】限{}使用，本次为{}", allowed.join("或"), visit.zh());
        return hit(text, visit.zh());
    }
    match (row.maybe_text("attest"), found.line.order.attested) {
        (None, _) | (_, Some(true)) => Outcome::Pass,
        (Some(condition), Some(false)) => hit(format!("【{name}】限{condition}"), condition),
        (Some(_), None) => Outcome::unknown(found.line.path("attst_flag")),
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "visit_kind",
        parameters: "",
        rows: "match,key,item,visits,attest,source,flag\n\
               hospital,AGN,安宫牛黄丸,急诊|住院,,batch 4,A\n\
               hospital,AA,复方氨基酸注射液,住院,经营养风险筛查明确具有营养风险,batch 4,A\n",
        drugs: "",
    };

    #[test]
    fn where_it_is_paid() {
        check(r#""med_mdtrt_type":"1""#, "AGN", "hit 1: 【AGN】限急诊或住院使用，本次为门诊");
        check(r#""med_mdtrt_type":"1","emer_flag":"1""#, "AGN", "pass");
        check(r#""med_mdtrt_type":"1","med_type":"1301""#, "AGN", "pass");
        check(r#""med_mdtrt_type":"2""#, "AGN", "pass");
        check(
            r#""med_mdtrt_type":"1","itnt_flag":"1""#,
            "AGN",
            "hit 1: 【AGN】限急诊或住院使用，本次为互联网诊疗",
        );
        check(r#""med_mdtrt_type":"4""#, "AGN", "unknown encounter.med_mdtrt_type");
        check(r#""med_mdtrt_type":"4""#, "AB", "nothing");
    }

    #[test]
    fn a_condition_is_attested() {
        let bed = r#""med_mdtrt_type":"2""#;
        check(bed, "AA", "unknown orders[1].attst_flag");
        check(bed, r#"AA","attst_flag":"1"#, "pass");
        check(bed, r#"AA","attst_flag":"0"#, "hit 1: 【AA】限经营养风险筛查明确具有营养风险");
        check(r#""med_mdtrt_type":"1""#, "AA", "hit 1: 【AA】限住院使用，本次为门诊");
    }

    #[track_caller]
    fn check(encounter: &str, drug: &str, expected: &str) {
        let request = format!(
            r#"{{"encounter":{{{encounter}}},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
