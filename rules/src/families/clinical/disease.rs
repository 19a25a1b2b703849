//! C18 疾病禁忌: drugs that a disease forbids.
//!
//! What: a row names a drug and the diagnoses with which it must not or should not be given. Diagnoses
//! of this encounter count, and those of the past, unless the row is about a passing state (low
//! potassium). Suspected and excluded ones do not.
//! Why: the doctor of one department does not see the diagnosis of another.
//! Basis: drug labels; GZ10000301008000 禁忌症; 医院处方点评管理规范 2-2.
//! Example: glaucoma H40 two years ago, 奥氮平 → hit; "青光眼？" and "除外青光眼" → pass.

use crate::families::clinical::population::{
    self, AGE_BELOW, AGE_FROM, LEVEL, WAYS, WITH, softened,
};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::icd::Diagnosed;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `disease`.
pub struct Disease;

const ROWS: [Column; 9] = [
    Column::required("icd", "禁忌的诊断（ICD前缀）", ColumnKind::List),
    Column::required("disease", "禁忌的疾病或状态", ColumnKind::Text),
    Column::optional("now_only", "只看本次就诊的诊断", ColumnKind::Flag),
    LEVEL,
    Column::optional("anywhere", "局部用药也计入", ColumnKind::Flag),
    AGE_FROM,
    AGE_BELOW,
    WAYS,
    WITH,
];

impl Family for Disease {
    fn id(&self) -> &'static str {
        "disease"
    }

    fn zh_name(&self) -> &'static str {
        "疾病禁忌"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301008000 禁忌症；医院处方点评管理规范（试行）2-2",
            window: "本次就诊和既往诊断",
            text: "【{药品}】{疾病}者{程度}，患者诊断{诊断}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "diagnoses.dise_codg",
            "history.diagnoses",
            "orders.drug_ingd",
            "orders.drug_used_way_code",
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
    let cells = &found.row.parameters;
    if !found.line.is_systemic() && !cells.flag("anywhere") {
        return Outcome::NotApplicable;
    }
    if let Some(outcome) = population::fits(case, found.row, found.line).left_out() {
        return outcome;
    }
    let icd = cells.list("icd");
    let answer = if cells.flag("now_only") {
        case.facts.diagnosed(icd)
    } else {
        case.facts.ever_diagnosed(icd)
    };
    let diagnosis = match answer {
        Diagnosed::As(diagnosis) => diagnosis,
        Diagnosed::No => return Outcome::Pass,
        Diagnosed::Unknown(missing) => return Outcome::Unknown { missing },
    };
    let level = cells.maybe_text("level").unwrap_or("禁用");
    let code = diagnosis.code.as_deref().unwrap_or_default();
    let made = diagnosis.name.as_deref().unwrap_or_default();
    let (severity, action) = softened(found.row);
    Outcome::Hit(Hit {
        violating: vec![found.line.position],
        text: format!(
            "【{}】{}者{level}，患者诊断{{{}}}",
            found.line.name(),
            cells.text("disease"),
            format!("{code} {made}").trim()
        ),
        evidence: vec![level.to_owned(), code.to_owned()],
        source: Some(found.row.source.clone()),
        severity,
        action,
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "disease",
        parameters: "",
        rows: "match,key,item,icd,disease,now_only,level,age_below,source,flag\n\
               ingredient,奥氮平,奥氮平,H40.2|H40.9,窄角型青光眼,,,,label,B\n\
               ingredient,克拉霉素,克拉霉素,E87.6,低钾血症,y,,,label,B\n\
               ingredient,头孢曲松,头孢曲松,P59,高胆红素血症,,,29天,label,B\n\
               ingredient,布洛芬,布洛芬,K25,消化性溃疡,,慎用,,label,B\n",
        drugs: "hospital,OLA,奥氮平片,,奥氮平,5 mg,片,20,口服,\n\
                hospital,CLA,克拉霉素片,,克拉霉素,250 mg,片,6,口服,\n\
                hospital,CRO,注射用头孢曲松,,头孢曲松,1 g,支,1,注射,\n\
                hospital,IBU,布洛芬片,,布洛芬,0.2 g,片,20,口服,\n\
                hospital,IBG,布洛芬乳膏,,布洛芬,?,支,1,外用,\n",
    };

    #[test]
    fn a_disease_of_now_or_of_the_past() {
        let said = "hit 1: 【奥氮平片】窄角型青光眼者禁用，患者诊断{H40.2 青光眼}";
        check("OLA", r#"{"dise_codg":"H40.2","dise_name":"青光眼"}"#, "", said);
        let past = r#","history":{"diagnoses":[{"dise_codg":"H40.2","dise_name":"青光眼","diag_time":"20240501"}]}"#;
        check("OLA", r#"{"dise_codg":"F20.9"}"#, past, said);
        check("OLA", r#"{"dise_codg":"F20.9"}"#, "", "pass");
    }

    #[test]
    fn suspected_and_excluded_ones_do_not_count() {
        check("OLA", r#"{"dise_codg":"H40.2","dise_name":"青光眼？"}"#, "", "pass");
        check("OLA", r#"{"dise_codg":"H40.2","dise_name":"除外青光眼"}"#, "", "pass");
        check("OLA", r#"{"dise_name":"头痛"}"#, "", "unknown diagnoses[0].dise_codg");
        BENCH.check(r#"{"orders":[{"rx_id":"1","hosplist_code":"OLA"}]}"#, "unknown diagnoses");
    }

    #[test]
    fn a_passing_state() {
        let past = r#","history":{"diagnoses":[{"dise_codg":"E87.6"}]}"#;
        check("CLA", r#"{"dise_codg":"J15.9"}"#, past, "pass");
        check(
            "CLA",
            r#"{"dise_codg":"E87.6"}"#,
            "",
            "hit 1: 【克拉霉素片】低钾血症者禁用，患者诊断{E87.6}",
        );
    }

    #[test]
    fn newborns_skin_and_weight() {
        let yellow = r#"{"dise_codg":"P59.9"}"#;
        check(
            "CRO",
            yellow,
            r#","patient":{"brdy":"20260505"}"#,
            "hit 1: 【注射用头孢曲松】高胆红素血症者禁用，患者诊断{P59.9}",
        );
        check("CRO", yellow, r#","patient":{"brdy":"20260305"}"#, "nothing");
        let ulcer = r#"{"dise_codg":"K25.9"}"#;
        check("IBG", ulcer, "", "nothing");
        BENCH.check_weight(&request("IBU", ulcer, ""), "3 hint");
        BENCH.check_weight(&request("CLA", r#"{"dise_codg":"E87.6"}"#, ""), "2 reason");
    }

    fn request(drug: &str, diagnosis: &str, more: &str) -> String {
        format!(
            r#"{{"diagnoses":[{diagnosis}]{more},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
        )
    }

    #[track_caller]
    fn check(drug: &str, diagnosis: &str, more: &str, expected: &str) {
        BENCH.check(&request(drug, diagnosis, more), expected);
    }
}
