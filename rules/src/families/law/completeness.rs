//! L11 处方书写完整: a diagnosis, an age in days or months for an infant, a weight, a use in words.
//!
//! What: asked for diagnoses and told there are none, the prescription is incomplete; an infant whose
//! age comes only in years ("0岁") cannot be dosed; 遵医嘱 is no direction for use.
//! Why: nobody can review what was not written.
//! Basis: 处方管理办法 art. 6; 医院处方点评管理规范 1-4, 1-8, 1-10.
//! Example: an infant, age "0岁", no weight → hit, asking for days or months and the weight. A registration
//! from an ID card gives the birth date: then only the weight is missing, which is asked and not
//! charged. Diagnoses that were not sent at all are unknown.

use crate::age::{Age, BirthRange};
use crate::facts::{Diagnosis, Group, Patient};
use crate::family::{Case, Family, Hit, Outcome, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, Severity};

/// The family `completeness`.
pub struct Completeness;

const PARAMETERS: [Column; 3] = [
    Column::required("infant_below", "年龄须以日、月计的年龄上限（不含）", ColumnKind::Age),
    Column::optional("weight_below", "须有体重的年龄上限（不含）", ColumnKind::Age),
    Column::required("vague", "不得作为用法的词", ColumnKind::List),
];

impl Family for Completeness {
    fn id(&self) -> &'static str {
        "completeness"
    }

    fn zh_name(&self) -> &'static str {
        "处方书写完整"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::Confirm,
            basis: "处方管理办法（卫生部令第53号）第六条；医院处方点评管理规范（试行）1-4、1-8、1-10",
            window: "本次处方",
            text: "{缺少或不规范的内容}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "diagnoses.dise_codg",
            "diagnoses.dise_name",
            "patient.brdy",
            "patient.age",
            "patient.wt",
            "orders.drug_used_frqu",
            "orders.drug_used_way_name",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        if !case.lines().any(|line| line.order.current) {
            return vec![Outcome::NotApplicable];
        }
        let mut outcomes = vec![diagnosis(case)];
        outcomes.extend(case.facts.patient.present().map(|patient| child(case, patient)));
        outcomes.extend(vague_use(case));
        outcomes
    }
}

fn diagnosis(case: &Case<'_>) -> Outcome {
    let says = |diagnosis: &Diagnosis| diagnosis.code.is_some() || diagnosis.name.is_some();
    match &case.facts.diagnoses {
        Group::Absent => Outcome::unknown("diagnoses"),
        Group::Present(made) if made.iter().any(says) => Outcome::Pass,
        Group::Present(_) | Group::Empty => Outcome::Hit(Hit {
            text: "未填写临床诊断".to_owned(),
            evidence: vec!["diagnosis".to_owned()],
            ..Hit::default()
        }),
    }
}

/// Of a child: the age as the law wants it, and the weight.
fn child(case: &Case<'_>, patient: &Patient) -> Outcome {
    let Some(birth) = case.session.birth else { return Outcome::NotApplicable };
    let is_below = |age: Age| birth.reached(age, case.now.date()) != Some(true);
    let parameters = &case.rule.parameters;
    let is_infant = parameters.maybe_age("infant_below").is_some_and(is_below);
    let lacks_weight =
        parameters.maybe_age("weight_below").is_some_and(is_below) && patient.weight_kg.is_none();
    if is_infant && patient.birth.is_none() && is_a_year_wide(birth) {
        let weight = if lacks_weight { "和体重" } else { "" };
        return Outcome::Hit(Hit {
            text: format!("新生儿、婴幼儿年龄应以日、月龄表示，请注明日龄或月龄{weight}"),
            evidence: vec![format!("age{weight}")],
            ..Hit::default()
        });
    }
    if lacks_weight { Outcome::unknown("patient.wt") } else { Outcome::Pass }
}

/// An age in whole years leaves a year of birth dates.
fn is_a_year_wide(birth: BirthRange) -> bool {
    birth.days() > 31
}

/// A frequency of such words was not read, and stands among what was not believed.
fn vague_use(case: &Case<'_>) -> Option<Outcome> {
    let words = case.rule.parameters.list("vague");
    let is_vague = |text: &str| words.iter().any(|word| text.contains(word.as_str()));
    let current: Vec<_> = case.lines().filter(|line| line.order.current).collect();
    let vague = current.into_iter().filter(|line| {
        let mut doubts = case.facts.data_findings.iter().filter(|doubt| is_vague(&doubt.found));
        doubts.any(|doubt| doubt.path == line.path("drug_used_frqu"))
            || line.order.route_text.as_deref().is_some_and(is_vague)
    });
    let violating: Vec<usize> = vague.map(|line| line.position).collect();
    if violating.is_empty() {
        return None;
    }
    Some(Outcome::Hit(Hit {
        violating,
        text: format!("用法用量不得写“{}”等含糊字句", words.first()?),
        evidence: vec!["use".to_owned()],
        ..Hit::default()
    }))
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "completeness",
        parameters: "infant_below = \"1岁\", weight_below = \"1岁\", vague = [\"遵医嘱\", \"自用\"]",
        rows: "",
        drugs: "hospital,A,甲片,,甲,1 mg,片,,口服,\n",
    };

    const COLD: &str = r#"[{"dise_codg":"J06.9"}]"#;

    #[test]
    fn a_diagnosis() {
        check("[]", r#"{"brdy":"19680315"}"#, "QD", "hit : 未填写临床诊断");
        check(r#"[{"maindise_flag":"1"}]"#, r#"{"brdy":"19680315"}"#, "QD", "hit : 未填写临床诊断");
        check("null", r#"{"brdy":"19680315"}"#, "QD", "unknown diagnoses");
        check(r#"[{"dise_name":"感冒"}]"#, r#"{"brdy":"19680315"}"#, "QD", "pass");
    }

    #[test]
    fn an_infant() {
        let words = "新生儿、婴幼儿年龄应以日、月龄表示，请注明日龄或月龄";
        check(COLD, r#"{"age":"0岁"}"#, "QD", &format!("hit : {words}和体重"));
        check(COLD, r#"{"age":"0岁","wt":"7"}"#, "QD", &format!("hit : {words}"));
        check(COLD, r#"{"age":"0"}"#, "QD", &format!("hit : {words}和体重"));
        check(COLD, r#"{"age":"5月","wt":"7"}"#, "QD", "pass");
        check(COLD, r#"{"age":"12天","wt":"3.4"}"#, "QD", "pass");
        check(COLD, r#"{"brdy":"20260101","age":"0岁","wt":"7"}"#, "QD", "pass");
        check(COLD, r#"{"brdy":"20260101"}"#, "QD", "unknown patient.wt");
        check(COLD, r#"{"age":"3岁"}"#, "QD", "pass");
        check(COLD, r#"{"gend":"1"}"#, "QD", "pass");
    }

    #[test]
    fn a_use_in_words() {
        let hit = "hit 1: 用法用量不得写“遵医嘱”等含糊字句; data C307";
        check(COLD, r#"{"brdy":"19680315"}"#, "遵医嘱", hit);
        check(COLD, r#"{"brdy":"19680315"}"#, "饭前", "data C307; pass");
        let route = r#"QD","drug_used_way_name":"遵医嘱"#;
        let hit = hit.replace("C307", "C309");
        check(COLD, r#"{"brdy":"19680315"}"#, route, &hit);
    }

    #[test]
    fn nothing_is_written_now() {
        check("[]", r#"{"brdy":"19680315"}"#, r#"QD","curr_drord_flag":"0"#, "nothing");
    }

    #[track_caller]
    fn check(diagnoses: &str, patient: &str, frequency: &str, expected: &str) {
        BENCH.check(
            &format!(
                r#"{{"patient":{patient},"diagnoses":{diagnoses},"orders":[{{"rx_id":"1","hosplist_code":"A","drug_used_frqu":"{frequency}"}}]}}"#
            ),
            expected,
        );
    }
}
