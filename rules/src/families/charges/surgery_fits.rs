//! F18 手术与诊断、性别不符: an operation that no diagnosis explains, or that the other sex has.
//!
//! What: a row names a branch of operations and the sex it belongs to, or the branches of diagnoses
//! of which at least one must have been made; secondary diagnoses count.
//! Why: the group of a stay is computed from these codes; a wrong one moves money.
//! Basis: GZ10000201005000 手术操作编码与性别不符, GZ10000201006000 诊断编码与手术操作编码不符.
//! Example: a man with a hysterectomy → hit. K35 alone with a cholecystectomy → hit; K80 among the
//! secondary diagnoses → pass. Sex or diagnoses not sent → unknown.

use crate::facts::Surgery;
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Rows, Usual};
use crate::icd::Diagnosed;
use crate::knowledge::Row;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};

/// The family `surgery_fits`.
pub struct SurgeryFits;

const ROWS: [Column; 2] = [
    Column::optional("sex", "手术所属性别", ColumnKind::Choice(&["男", "女"])),
    Column::optional("diagnoses", "支持该手术的诊断编码", ColumnKind::List),
];

impl Family for SurgeryFits {
    fn id(&self) -> &'static str {
        "surgery_fits"
    }

    fn zh_name(&self) -> &'static str {
        "手术与诊断、性别不符"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Confirm,
            basis: "GZ10000201005000 手术操作编码与性别不符",
            window: "本次住院",
            text: "{手术情形}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "surgeries.oprn_oprt_code",
            "surgeries.oprn_oprt_name",
            "diagnoses.dise_codg",
            "patient.gend",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Nothing
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let has_sex = row.maybe_text("sex").is_some();
        (has_sex != row.list("diagnoses").is_empty())
            .then(|| "write either `sex` or `diagnoses`".to_owned())
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let found = case.surgery_matches.iter();
        found.map(|(row, surgery)| judge_surgery(case, row, surgery)).collect()
    }
}

fn judge_surgery(case: &Case<'_>, row: &Row, surgery: &Surgery) -> Outcome {
    if let Some(limit) = row.parameters.maybe_text("sex") {
        let Some(sex) = case.facts.patient.present().and_then(|patient| patient.sex) else {
            return Outcome::unknown("patient.gend");
        };
        if sex.zh() == limit {
            return Outcome::Pass;
        }
        let text = format!("{}性患者手术{}，该手术限{limit}性", sex.zh(), shown(row, surgery));
        return hit(row, text, sex.zh());
    }
    match case.facts.diagnosed(row.parameters.list("diagnoses")) {
        Diagnosed::As(_) => Outcome::Pass,
        Diagnosed::Unknown(missing) => Outcome::Unknown { missing },
        Diagnosed::No => {
            let made = made(case);
            let shown = shown(row, surgery);
            hit(row, format!("手术{shown}与本次诊断{made}不符，未见支持该手术的诊断"), &made)
        }
    }
}

/// The codes of the diagnoses that were made, for the text.
fn made(case: &Case<'_>) -> String {
    let made = case.facts.diagnoses.present().map_or(&[][..], Vec::as_slice);
    let counts = made.iter().filter(|d| !d.suspected && !d.excluded);
    let codes: Vec<&str> = counts.filter_map(|diagnosis| diagnosis.code.as_deref()).collect();
    if codes.is_empty() { "（无）".to_owned() } else { codes.join("、") }
}

fn shown(row: &Row, surgery: &Surgery) -> String {
    let name = surgery.name.as_deref().unwrap_or(&row.item);
    format!("{} {name}", surgery.code.as_deref().unwrap_or_default())
}

fn hit(row: &Row, text: String, evidence: &str) -> Outcome {
    Outcome::Hit(Hit {
        text,
        evidence: vec![row.key.text().to_owned(), evidence.to_owned()],
        source: Some(row.source.clone()),
        ..Hit::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "surgery_fits",
        parameters: "",
        rows: "match,key,item,sex,diagnoses,source,flag\n\
               surgery,68.4,子宫切除术,女,,site,B\n\
               surgery,51.2,胆囊切除术,,K80|K81|K82|C23,site,B\n",
        drugs: "",
    };

    #[test]
    fn sexes() {
        let text = "hit : 男性患者手术68.4901 子宫切除术，该手术限女性";
        check("1", "68.4901", "N40", text);
        check("2", "68.4901", "D25", "pass");
        check("9", "68.4901", "D25", "unknown patient.gend");
    }

    #[test]
    fn diagnoses() {
        let text = "hit : 手术51.2300 胆囊切除术与本次诊断K35.8不符，未见支持该手术的诊断";
        check("1", "51.2300", "K35.8", text);
        check("1", "51.2300", "K35.8,K80.0", "pass");
        check("1", "47.0100", "K35.8", "nothing");
    }

    #[test]
    fn what_is_missing() {
        let request =
            |more: &str| format!(r#"{{{more}"surgeries":[{{"oprn_oprt_code":"51.23"}}]}}"#);
        BENCH.check(&request(""), "unknown diagnoses");
        BENCH.check(
            &request(r#""diagnoses":[{"dise_name":"胆囊结石"}],"#),
            "unknown diagnoses[0].dise_codg",
        );
        BENCH.check("{}", "unknown surgeries");
        BENCH.check(
            r#"{"surgeries":[{"oprn_oprt_name":"胆囊切除术"}]}"#,
            "unknown surgeries[0].oprn_oprt_code",
        );
        BENCH.check(r#"{"surgeries":[]}"#, "nothing");
    }

    #[track_caller]
    fn check(sex: &str, surgery: &str, diagnoses: &str, expected: &str) {
        let diagnoses: Vec<String> =
            diagnoses.split(',').map(|code| format!(r#"{{"dise_codg":"{code}"}}"#)).collect();
        let request = format!(
            r#"{{"patient":{{"gend":"{sex}"}},"diagnoses":[{}],"surgeries":[{{"oprn_oprt_code":"{surgery}"}}]}}"#,
            diagnoses.join(",")
        );
        BENCH.check(&request, expected);
    }
}
