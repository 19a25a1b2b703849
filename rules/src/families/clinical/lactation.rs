//! C13 哺乳: drugs that go over into the milk.
//!
//! What: a row names a drug that must not or should not be given to a nursing mother.
//! Why: the child takes it too; codeine in milk has killed.
//! Basis: drug labels; GZ10000301010000 妊娠期及哺乳期用药安全; 医院处方点评管理规范 2-2.
//! Example: breastfeeding with 可待因 → hit. The state is rarely recorded: within a year of a delivery it
//! is asked for once, otherwise nobody is bothered.

use crate::families::clinical::maternity::{Lactation as State, lactation};
use crate::families::clinical::population::{LEVEL, softened};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};

/// The family `lactation`.
pub struct Lactation;

const ROWS: [Column; 3] = [
    LEVEL,
    Column::optional("effect", "危害", ColumnKind::Text),
    Column::optional("anywhere", "局部用药也计入", ColumnKind::Flag),
];

impl Family for Lactation {
    fn id(&self) -> &'static str {
        "lactation"
    }

    fn zh_name(&self) -> &'static str {
        "哺乳期用药"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301010000 妊娠期及哺乳期用药安全；医院处方点评管理规范（试行）2-2",
            window: "本次",
            text: "【{药品}】哺乳期{程度}，患者为哺乳期{后果}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "patient.matn_stas",
            "patient.gend",
            "patient.fetts_date",
            "diagnoses.dise_codg",
            "history.diagnoses",
            "orders.drug_ingd",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().map(|found| judge_line(case, found)).collect()
    }
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Outcome {
    if !found.line.is_systemic() && !found.row.parameters.flag("anywhere") {
        return Outcome::NotApplicable;
    }
    match lactation(case, found.line.begins) {
        State::No => Outcome::Pass,
        State::Unknown => Outcome::unknown("patient.matn_stas"),
        State::Yes => Outcome::Hit(hit(found)),
    }
}

fn hit(found: &Match<'_>) -> Hit {
    let cells = &found.row.parameters;
    let level = cells.maybe_text("level").unwrap_or("禁用");
    let effect = cells.maybe_text("effect").map(|e| format!("：{e}")).unwrap_or_default();
    let (severity, action) = softened(found.row);
    Hit {
        violating: vec![found.line.position],
        text: format!("【{}】哺乳期{level}，患者为哺乳期{effect}", found.line.name()),
        evidence: vec![level.to_owned()],
        source: Some(found.row.source.clone()),
        severity,
        action,
        ..Hit::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "lactation",
        parameters: "",
        rows: "match,key,item,level,effect,source,flag\n\
               ingredient,可待因,可待因,,婴儿呼吸抑制,FDA,B\n\
               ingredient,曲马多,曲马多,慎用,,FDA,B\n",
        drugs: "hospital,COD,可待因片,,可待因,15 mg,片,20,口服,\n\
                hospital,TRA,曲马多片,,曲马多,50 mg,片,20,口服,\n",
    };

    #[test]
    fn nursing() {
        let hit = "hit 1: 【可待因片】哺乳期禁用，患者为哺乳期：婴儿呼吸抑制";
        check("COD", r#""gend":"2","matn_stas":"4""#, "", hit);
        check("TRA", r#""matn_stas":"4""#, "", "hit 1: 【曲马多片】哺乳期慎用，患者为哺乳期");
        check("COD", r#""gend":"2","matn_stas":"1""#, "", "pass");
        check("COD", r#""gend":"1""#, "", "pass");
    }

    #[test]
    fn asked_within_a_year_of_a_delivery() {
        let asked = "unknown patient.matn_stas";
        check("COD", r#""gend":"2","fetts_date":"20250601""#, "", asked);
        check("COD", r#""gend":"2","fetts_date":"20250501""#, "", "pass");
        check("COD", r#""gend":"2""#, r#","diagnoses":[{"dise_codg":"O82.0"}]"#, asked);
        let of_past = |day: &str| {
            format!(r#","history":{{"diagnoses":[{{"dise_codg":"Z37.0","diag_time":"{day}"}}]}}"#)
        };
        check("COD", r#""gend":"2""#, &of_past("20260101"), asked);
        check("COD", r#""gend":"2""#, &of_past("20240101"), "pass");
        check("COD", r#""gend":"2""#, "", "pass");
    }

    #[track_caller]
    fn check(drug: &str, patient: &str, more: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"patient":{{{patient}}}{more},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#
            ),
            expected,
        );
    }
}
