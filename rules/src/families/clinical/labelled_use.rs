//! C19 超说明书适应症: a drug without any diagnosis that its label names.
//!
//! What: a row gives a drug the diagnoses of its label. None of them among the diagnoses is a hit, of
//! the mildest kind; a stated reason, an attested or registered use, or written consent lets it through.
//! Why: mostly the diagnosis is incomplete, so the text asks to complete it or to explain.
//! Basis: GZ10000301007000 超说明书适应症; 医院处方点评管理规范 2-1.
//! Example: 奥美拉唑 with only J06 → hit; with K21 too → pass. No diagnosis at all → unknown.

use crate::facts::Group;
use crate::families::clinical::population::{self, AGE_BELOW, AGE_FROM, WAYS};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::icd::Diagnosed;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `labelled_use`.
pub struct LabelledUse;

const ROWS: [Column; 5] = [
    Column::required("icd", "说明书适应症（ICD前缀）", ColumnKind::List),
    Column::optional("label", "说明书适应症的文字", ColumnKind::Text),
    AGE_FROM,
    AGE_BELOW,
    WAYS,
];

impl Family for LabelledUse {
    fn id(&self) -> &'static str {
        "labelled_use"
    }

    fn zh_name(&self) -> &'static str {
        "超说明书适应症"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Slight,
            action: Action::Hint,
            basis: "GZ10000301007000 超说明书适应症；医院处方点评管理规范（试行）2-1",
            window: "本次就诊",
            text: "【{药品}】诊断{诊断}中未见说明书适应症{适应症}，请补充诊断或说明",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "diagnoses.dise_codg",
            "orders.drug_ingd",
            "orders.drug_used_way_code",
            "orders.excd_rea",
            "orders.attst_flag",
            "orders.regd_use_flag",
            "orders.consent_flag",
            "patient.brdy",
            "patient.geso_val",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        if row.list("icd").is_empty() {
            return Some("`icd` names no diagnosis".to_owned());
        }
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    if let Some(outcome) = population::fits(case, found.row, found.line).left_out() {
        return outcome;
    }
    if is_explained(found) {
        return Outcome::Pass;
    }
    // No diagnosis is a finding of its own, and proves nothing here.
    if matches!(case.facts.diagnoses, Group::Empty) {
        return Outcome::unknown("diagnoses");
    }
    match case.facts.diagnosed(found.row.parameters.list("icd")) {
        Diagnosed::As(_) => Outcome::Pass,
        Diagnosed::Unknown(missing) => Outcome::Unknown { missing },
        Diagnosed::No => Outcome::Hit(hit(case, found)),
    }
}

fn is_explained(found: &Match<'_>) -> bool {
    let order = found.line.order;
    order.reason.is_some()
        || [order.attested, order.registered_use, order.consent].contains(&Some(true))
}

fn hit(case: &Case<'_>, found: &Match<'_>) -> Hit {
    let made = case.facts.diagnoses.present().map_or(&[][..], Vec::as_slice);
    let codes: Vec<_> = made.iter().filter_map(|diagnosis| diagnosis.code.as_deref()).collect();
    let label = found.row.parameters.maybe_text("label");
    let label = label.map(|label| format!("（{label}）")).unwrap_or_default();
    Hit {
        violating: vec![found.line.position],
        text: format!(
            "【{}】诊断{{{}}}中未见说明书适应症{label}，请补充诊断或说明",
            found.line.name(),
            codes.join("、")
        ),
        evidence: codes.iter().map(|code| (*code).to_owned()).collect(),
        source: Some(found.row.source.clone()),
        ..Hit::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "labelled_use",
        parameters: "",
        rows: "match,key,item,icd,label,source,flag\n\
               ingredient,奥美拉唑,奥美拉唑,K21|K25|K26|K29,胃食管反流、溃疡,label,B\n",
        drugs: "hospital,OME,奥美拉唑胶囊,,奥美拉唑,20 mg,粒,14,口服,\n",
    };

    #[test]
    fn no_labelled_use_among_the_diagnoses() {
        check(
            r#"[{"dise_codg":"J06.9"}]"#,
            "",
            "hit 1: 【奥美拉唑胶囊】诊断{J06.9}中未见说明书适应症（胃食管反流、溃疡），请补充诊断或说明",
        );
        check(r#"[{"dise_codg":"J06.9"},{"dise_codg":"K21.0"}]"#, "", "pass");
    }

    #[test]
    fn what_explains_it() {
        for said in
            [r#""excd_rea":"预防应激性溃疡""#, r#""attst_flag":"1""#, r#""regd_use_flag":"1""#]
        {
            check(r#"[{"dise_codg":"J06.9"}]"#, &format!(",{said}"), "pass");
        }
    }

    #[test]
    fn without_diagnoses_nobody_knows() {
        check("[]", "", "unknown diagnoses");
        check(r#"[{"dise_name":"感冒"}]"#, "", "unknown diagnoses[0].dise_codg");
    }

    #[track_caller]
    fn check(diagnoses: &str, more: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"diagnoses":{diagnoses},"orders":[{{"rx_id":"1","hosplist_code":"OME"{more}}}]}}"#
            ),
            expected,
        );
    }
}
