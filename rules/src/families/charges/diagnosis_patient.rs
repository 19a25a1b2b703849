//! F17 诊断与性别、年龄不符: a diagnosis that this patient cannot have.
//!
//! What: a row names a branch of diagnoses and the sex, or the age range, that it belongs to; where a
//! branch holds diseases of both, `named` says which word the diagnosis must have.
//! Why: it is the wrong patient, the wrong code or a wrong registration; all three want a look.
//! Basis: GZ10000204006000 诊断与性别不符, GZ10000204007000 诊断与年龄不符.
//! Example: a woman with N40 → hit. Sex 0 or 9 → unknown. A newborn's diagnosis in the mother's record,
//! beside her delivery → pass.

use crate::facts::Diagnosis;
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows, Usual};
use crate::icd::{self, Diagnosed};
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `diagnosis_patient`.
pub struct DiagnosisPatient;

const PARAMETERS: [Column; 1] =
    [Column::optional("delivery_diagnoses", "分娩诊断：其病历中可有新生儿诊断", ColumnKind::List)];

const ROWS: [Column; 4] = [
    Column::optional("sex", "诊断所属性别", ColumnKind::Choice(&["男", "女"])),
    Column::optional("named", "诊断名称须含的词", ColumnKind::Text),
    Column::optional("age_from", "年龄下限（含）", ColumnKind::Age),
    Column::optional("age_below", "年龄上限（不含）", ColumnKind::Age),
];

impl Family for DiagnosisPatient {
    fn id(&self) -> &'static str {
        "diagnosis_patient"
    }

    fn zh_name(&self) -> &'static str {
        "诊断与性别、年龄不符"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Confirm,
            basis: "GZ10000204006000 诊断与性别不符",
            window: "本次就诊",
            text: "{患者}患者诊断{诊断}，该诊断限{范围}",
        })
    }

    fn never_blocks(&self) -> bool {
        true
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "diagnoses.dise_codg",
            "diagnoses.dise_name",
            "patient.gend",
            "patient.brdy",
            "patient.age",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Nothing
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let (from, below) = (row.maybe_age("age_from"), row.maybe_age("age_below"));
        let has_age = from.is_some() || below.is_some();
        if row.maybe_text("sex").is_some() == has_age {
            return Some("write either `sex` or an age range".to_owned());
        }
        let (from, below) = (from?, below?);
        (from >= below).then(|| format!("from {from} to below {below} is no range"))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let found = case.diagnosis_matches.iter();
        found.map(|(row, diagnosis)| judge_diagnosis(case, row, diagnosis)).collect()
    }
}

fn judge_diagnosis(case: &Case<'_>, row: &Row, diagnosis: &Diagnosis) -> Outcome {
    if let Some(word) = row.parameters.maybe_text("named") {
        match diagnosis.name.as_deref() {
            None => return Outcome::unknown("diagnoses.dise_name"),
            Some(name) if !name.contains(word) => return Outcome::NotApplicable,
            Some(_) => {}
        }
    }
    match row.parameters.maybe_text("sex") {
        Some(sex) => judge_sex(case, row, diagnosis, sex),
        None => judge_age(case, row, diagnosis),
    }
}

fn judge_sex(case: &Case<'_>, row: &Row, diagnosis: &Diagnosis, limit: &str) -> Outcome {
    let Some(sex) = case.facts.patient.present().and_then(|patient| patient.sex) else {
        return Outcome::unknown("patient.gend");
    };
    if sex.zh() == limit {
        return Outcome::Pass;
    }
    hit(row, format!("{}性患者诊断{}，该诊断限{limit}性", sex.zh(), shown(diagnosis)), diagnosis)
}

fn judge_age(case: &Case<'_>, row: &Row, diagnosis: &Diagnosis) -> Outcome {
    let delivery = case.rule.parameters.list("delivery_diagnoses");
    if is_of_newborn(diagnosis) && matches!(case.facts.diagnosed(delivery), Diagnosed::As(_)) {
        return Outcome::Pass;
    }
    let Some(birth) = case.session.birth else { return Outcome::unknown("patient.brdy") };
    let on = diagnosis.made.unwrap_or(case.now.date());
    let (from, below) =
        (row.parameters.maybe_age("age_from"), row.parameters.maybe_age("age_below"));
    let old_enough = from.map_or(Some(true), |from| birth.reached(from, on));
    let young_enough = below.map_or(Some(true), |below| birth.reached(below, on).map(|r| !r));
    match (old_enough, young_enough) {
        (Some(true), Some(true)) => return Outcome::Pass,
        (Some(false), _) | (_, Some(false)) => {}
        _ => return Outcome::unknown("patient.brdy"),
    }
    let range = match (from, below) {
        (Some(from), Some(below)) => format!("{from}至{below}以下"),
        (Some(from), None) => format!("{from}及以上"),
        (_, below) => format!("{}以下", below.map(|age| age.to_string()).unwrap_or_default()),
    };
    hit(
        row,
        format!("{}患者诊断{}，该诊断限{range}", birth.describe(on), shown(diagnosis)),
        diagnosis,
    )
}

/// P00 to P96, conditions of the first weeks, and Z38, the newborn itself.
fn is_of_newborn(diagnosis: &Diagnosis) -> bool {
    diagnosis.code.as_deref().is_some_and(|code| icd::is_in(code, "P") || icd::is_in(code, "Z38"))
}

fn shown(diagnosis: &Diagnosis) -> String {
    let parts = [diagnosis.code.as_deref(), diagnosis.name.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn hit(row: &Row, text: String, diagnosis: &Diagnosis) -> Outcome {
    Outcome::Hit(Hit {
        text,
        evidence: vec![diagnosis.code.clone().unwrap_or_default()],
        source: Some(row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "diagnosis_patient",
        parameters: "delivery_diagnoses = [\"O80\", \"O82\"]",
        rows: "match,key,item,sex,named,age_from,age_below,source,flag\n\
               diagnosis,N40,前列腺增生,男,,,,edition 2025,B\n\
               diagnosis,A56.0,衣原体性宫颈炎,女,宫颈,,,edition 2025,B\n\
               diagnosis,P59,新生儿黄疸,,,,29天,site,B\n\
               diagnosis,F03,痴呆,,,18岁,,site,B\n",
        drugs: "",
    };

    #[test]
    fn sexes() {
        check(r#""gend":"2""#, "N40.x00", "hit : 女性患者诊断N40.x00 病，该诊断限男性");
        check(r#""gend":"1""#, "N40.x00", "pass");
        check(r#""gend":"0""#, "N40", "unknown patient.gend");
        check(r#""gend":"9""#, "N40", "unknown patient.gend");
    }

    /// One branch holds the cervix and the urethra.
    #[test]
    fn the_name_where_a_branch_holds_both() {
        let named = |name: &str| {
            format!(r#"{{"patient":{{"gend":"1"}},"diagnoses":[{{"dise_codg":"A56.001"{name}}}]}}"#)
        };
        let text = "hit : 男性患者诊断A56.001 衣原体性宫颈炎，该诊断限女性";
        BENCH.check(&named(r#","dise_name":"衣原体性宫颈炎""#), text);
        BENCH.check(&named(r#","dise_name":"衣原体性尿道炎""#), "nothing");
        BENCH.check(&named(""), "unknown diagnoses.dise_name");
    }

    #[test]
    fn ages() {
        check(r#""brdy":"20260501""#, "P59.9", "pass");
        check(r#""brdy":"20260401""#, "P59.9", "hit : 1月患者诊断P59.9 病，该诊断限29天以下");
        check(r#""brdy":"20150401""#, "F03", "hit : 11岁患者诊断F03 病，该诊断限18岁及以上");
        check("", "P59.9", "unknown patient.brdy");
    }

    #[test]
    fn the_newborn_in_the_mothers_record() {
        let mother = |code: &str| {
            format!(
                r#"{{"patient":{{"gend":"2","brdy":"19960401"}},"diagnoses":[{{"dise_codg":"P59.9"}},{{"dise_codg":"{code}"}}]}}"#
            )
        };
        BENCH.check(&mother("O80.0"), "pass");
        BENCH.check(&mother("J06"), "hit : 30岁患者诊断P59.9，该诊断限29天以下");
    }

    #[test]
    fn suspected_and_uncoded_diagnoses() {
        let request = r#"{"patient":{"gend":"2"},"diagnoses":[{"dise_codg":"N40","dise_name":"前列腺增生？"}]}"#;
        BENCH.check(request, "nothing");
        BENCH.check(
            r#"{"patient":{"gend":"2"},"diagnoses":[{"dise_name":"前列腺增生"}]}"#,
            "unknown diagnoses[0].dise_codg",
        );
    }

    #[track_caller]
    fn check(patient: &str, code: &str, expected: &str) {
        let request = format!(
            r#"{{"patient":{{{patient}}},"diagnoses":[{{"dise_codg":"{code}","dise_name":"病"}}]}}"#
        );
        BENCH.check(&request, expected);
    }
}
