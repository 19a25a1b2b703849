//! I09 超限定病种目录: what is billed on a registered chronic disease belongs to its drug list.
//!
//! What: each row puts a drug on the list of one disease. A line billed on the scheme (门诊慢特病) must
//! have a row whose disease is approved for the patient. A drug on no list is not judged here.
//! Why: the scheme pays more, for its own diseases only.
//! Basis: GZ10000101011000; the region's list of diseases and drugs.
//! Example: approved for diabetes only, 氨氯地平 billed on the scheme → hit. One prescription may mix
//! scheme and ordinary lines: each line is judged by its own mark, else by the visit's.

use crate::facts::Group;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::icd;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `chronic_disease_list`.
pub struct ChronicDiseaseList;

const ROWS: [Column; 2] = [
    Column::required("disease", "病种名称", ColumnKind::Text),
    Column::required("disease_codes", "病种或诊断编码", ColumnKind::List),
];

impl Family for ChronicDiseaseList {
    fn id(&self) -> &'static str {
        "chronic_disease_list"
    }

    fn zh_name(&self) -> &'static str {
        "超限定病种目录范围使用"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::SelfPay,
            basis: "GZ10000101011000 超限定病种目录范围使用",
            window: "本次",
            text: "【{药品}】属{病种}用药，不在患者认定病种（{认定病种}）用药范围",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.opsp_flag",
            "encounter.opsp_dise_codes",
            "orders.opsp_flag",
            "orders.hilist_code",
            "orders.hosplist_code",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current_lines().into_iter().map(|line| judge_line(case, line)).collect()
    }
}

fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let encounter = case.facts.encounter.present();
    let of_visit = encounter.and_then(|encounter| encounter.on_chronic_scheme);
    match line.order.on_chronic_scheme.or(of_visit) {
        // The scheme is an exception that a caller states; silence is the ordinary visit.
        None | Some(false) => return Outcome::NotApplicable,
        Some(true) => {}
    }
    let approved = match encounter.map(|encounter| &encounter.approved_diseases) {
        Some(Group::Present(approved)) => approved.as_slice(),
        Some(Group::Empty) => &[],
        Some(Group::Absent) | None => return Outcome::unknown("encounter.opsp_dise_codes"),
    };
    let rows: Vec<&Match<'_>> =
        case.current().filter(|found| found.line.position == line.position).collect();
    let is_approved = |code: &String| approved.iter().any(|disease| icd::is_in(disease, code));
    if rows.iter().any(|f| f.row.parameters.list("disease_codes").iter().any(is_approved)) {
        return Outcome::Pass;
    }
    let approved: Vec<&str> = approved.iter().map(|code| name_of(case, code)).collect();
    let shown = if approved.is_empty() { "无".to_owned() } else { approved.join("、") };
    let own: Vec<&str> = rows.iter().map(|f| f.row.parameters.text("disease")).collect();
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!(
            "【{}】属{}用药，不在患者认定病种（{shown}）用药范围",
            line.name(),
            own.join("、")
        ),
        evidence: vec![shown],
        source: rows.first().map(|found| found.row.source.clone()),
        ..Hit::default()
    })
}

/// What the rule's own rows call a disease.
fn name_of<'c>(case: &Case<'c>, code: &'c str) -> &'c str {
    let names_it = |codes: &[String]| codes.iter().any(|prefix| icd::is_in(code, prefix));
    let rows = case.rule.rows.iter();
    let mut named = rows.filter(|row| names_it(row.parameters.list("disease_codes")));
    named.next().map_or(code, |row| row.parameters.text("disease"))
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "chronic_disease_list",
        parameters: "",
        rows: "match,key,item,disease,disease_codes,source,flag\n\
               hospital,AML,氨氯地平,高血压,I10|M03900,list,A\n\
               hospital,MET,二甲双胍,糖尿病,E10|E11|M01600,list,A\n\
               hospital,VAL,缬沙坦,高血压,I10,list,A\n\
               hospital,VAL,缬沙坦,心力衰竭,I50,list,A\n",
        drugs: "",
    };

    #[test]
    fn approved_for_diabetes_only() {
        let diabetes = r#""opsp_flag":"1","opsp_dise_codes":["E11.900"]"#;
        check(
            diabetes,
            r#"{"rx_id":"1","hosplist_code":"AML"}"#,
            "hit 1: 【AML】属高血压用药，不在患者认定病种（糖尿病）用药范围",
        );
        check(diabetes, r#"{"rx_id":"1","hosplist_code":"MET"}"#, "pass");
        check(
            r#""med_type":"14","opsp_dise_codes":"M03900""#,
            r#"{"rx_id":"1","hosplist_code":"AML"}"#,
            "pass",
        );
        check(
            r#""opsp_flag":"1","opsp_dise_codes":["I50.9"]"#,
            r#"{"rx_id":"1","hosplist_code":"VAL"}"#,
            "pass",
        );
        check(
            r#""opsp_flag":"1","opsp_dise_codes":[]"#,
            r#"{"rx_id":"1","hosplist_code":"VAL"}"#,
            "hit 1: 【VAL】属高血压、心力衰竭用药，不在患者认定病种（无）用药范围",
        );
    }

    #[test]
    fn each_line_by_its_own_mark() {
        let diabetes = r#""opsp_dise_codes":["E11.900"]"#;
        let mixed = r#"{"rx_id":"1","hosplist_code":"AML","opsp_flag":"0"},{"rx_id":"2","hosplist_code":"AML","opsp_flag":"1"}"#;
        check(diabetes, mixed, "hit 2: 【AML】属高血压用药，不在患者认定病种（糖尿病）用药范围");
    }

    #[test]
    fn what_is_not_of_the_scheme() {
        check(r#""opsp_flag":"0""#, r#"{"rx_id":"1","hosplist_code":"AML"}"#, "nothing");
        check(r#""mdtrt_id":"1""#, r#"{"rx_id":"1","hosplist_code":"AML"}"#, "nothing");
        check(
            r#""opsp_flag":"1""#,
            r#"{"rx_id":"1","hosplist_code":"AML"}"#,
            "unknown encounter.opsp_dise_codes",
        );
    }

    #[track_caller]
    fn check(encounter: &str, orders: &str, expected: &str) {
        let request = format!(r#"{{"encounter":{{{encounter}}},"orders":[{orders}]}}"#);
        BENCH.check(&request, expected);
    }
}
