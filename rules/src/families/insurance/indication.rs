//! I06 限适应症: the fund pays a drug for named diseases only.
//!
//! What: each row is one way in which a drug is paid: diagnoses of one group and, where given, of a
//! second, operations, tests that were done, drugs given with it, an age, and what only the doctor can
//! attest. A drug with several rows is paid when one of them holds.
//! Why: outside the limit the drug may still be right; then the patient pays.
//! Basis: GZ10000101008000; public batches 12 to 17.
//! Example: 伏诺拉生片, K29.7 gastritis → hit; K21.0 reflux oesophagitis → pass. "有明确药敏证据" cannot be
//! computed: unknown until attested. Suspected diagnoses do not count; no diagnosis → unknown.

use crate::facts::{Diagnosis, Group, LabResult};
use crate::families::clinical::age::Range;
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::icd::Diagnosed;
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;

/// The family `indication`.
pub struct Indication;

const ROWS: [Column; 9] = [
    Column::required("limit", "限定支付范围的原文", ColumnKind::Text),
    Column::optional("diagnoses", "诊断编码，符合其一", ColumnKind::List),
    Column::optional("and_diagnoses", "还须符合其一的诊断编码", ColumnKind::List),
    Column::optional("surgeries", "手术编码，符合其一", ColumnKind::List),
    Column::optional("tests", "须有结果的检验项目，名称含其一", ColumnKind::List),
    Column::optional("with", "须联合使用的药品", ColumnKind::Keys),
    Column::optional("age_from", "年龄下限（含）", ColumnKind::Age),
    Column::optional("age_below", "年龄上限（不含）", ColumnKind::Age),
    Column::optional("attest", "须由医师确认的条件", ColumnKind::Text),
];

impl Family for Indication {
    fn id(&self) -> &'static str {
        "indication"
    }

    fn zh_name(&self) -> &'static str {
        "药品限适应症"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::High,
            action: Action::SelfPay,
            basis: "GZ10000101008000 药品限适应症；国家基本医疗保险药品目录限定支付范围",
            window: "本次就诊",
            text: "【{药品}】限{适应症}，本次诊断{诊断}不符合",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.attst_flag",
            "diagnoses.dise_codg",
            "diagnoses.dise_name",
            "surgeries.oprn_oprt_code",
            "labs.exam_item_detl_name",
            "patient.brdy",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let lists = ["diagnoses", "and_diagnoses", "surgeries", "tests"];
        let is_empty = lists.iter().all(|name| row.list(name).is_empty())
            && row.keys("with").is_empty()
            && ["age_from", "age_below", "attest"].iter().all(|name| row.get(name).is_none());
        is_empty.then(|| "a row needs at least one condition".to_owned())
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current_lines().into_iter().map(|line| judge_line(case, line)).collect()
    }
}

/// What one condition or one way came to.
enum Held {
    Yes,
    No,
    Unknown(Vec<String>),
}

impl Held {
    fn is(held: bool) -> Held {
        if held { Held::Yes } else { Held::No }
    }
}

/// One way that holds is enough; only when no way can hold any more is it a hit.
fn judge_line(case: &Case<'_>, line: &Line<'_>) -> Outcome {
    let mut missing = Vec::new();
    let ways = case.current().filter(|found| found.line.position == line.position);
    let ways: Vec<&Match<'_>> = ways.collect();
    for way in &ways {
        match holds(case, way) {
            Held::Yes => return Outcome::Pass,
            Held::No => {}
            Held::Unknown(lacking) => missing.extend(lacking),
        }
    }
    if !missing.is_empty() {
        return Outcome::Unknown { missing };
    }
    let limits: Vec<&str> = ways.iter().map(|way| way.row.parameters.text("limit")).collect();
    let diagnosed = diagnosed(case);
    Outcome::Hit(Hit {
        violating: vec![line.position],
        text: format!("【{}】限{}，本次诊断{diagnosed}不符合", line.name(), limits.join("；或")),
        evidence: vec![diagnosed],
        source: ways.first().map(|way| way.row.source.clone()),
        ..Hit::default()
    })
}

/// All conditions of one row; one that surely fails decides, whatever is unknown of the others.
fn holds(case: &Case<'_>, way: &Match<'_>) -> Held {
    let row = &way.row.parameters;
    let conditions = [
        diagnosis_holds(case, row.list("diagnoses")),
        diagnosis_holds(case, row.list("and_diagnoses")),
        surgery_holds(case, row.list("surgeries")),
        age_holds(case, way),
        test_holds(case, row.list("tests")),
        company_holds(case, way),
        attested(way),
    ];
    let mut missing = Vec::new();
    for condition in conditions {
        match condition {
            Held::Yes => {}
            Held::No => return Held::No,
            Held::Unknown(lacking) => missing.extend(lacking),
        }
    }
    if missing.is_empty() { Held::Yes } else { Held::Unknown(missing) }
}

fn diagnosis_holds(case: &Case<'_>, prefixes: &[String]) -> Held {
    if prefixes.is_empty() {
        return Held::Yes;
    }
    // A prescription without any diagnosis is incomplete, not outside the limit.
    if matches!(case.facts.diagnoses, Group::Empty) {
        return Held::Unknown(vec!["diagnoses".to_owned()]);
    }
    match case.facts.diagnosed(prefixes) {
        Diagnosed::As(_) => Held::Yes,
        Diagnosed::No => Held::No,
        Diagnosed::Unknown(missing) => Held::Unknown(missing),
    }
}

fn surgery_holds(case: &Case<'_>, prefixes: &[String]) -> Held {
    if prefixes.is_empty() {
        return Held::Yes;
    }
    case.facts.operated(prefixes).map_or_else(Held::Unknown, Held::is)
}

fn age_holds(case: &Case<'_>, way: &Match<'_>) -> Held {
    let row = &way.row.parameters;
    if row.maybe_age("age_from").is_none() && row.maybe_age("age_below").is_none() {
        return Held::Yes;
    }
    let birth = case.session.birth;
    let is_in = birth.and_then(|birth| Range::of(row).contains(birth, way.line.begins));
    is_in.map_or_else(|| Held::Unknown(vec!["patient.brdy".to_owned()]), Held::is)
}

fn test_holds(case: &Case<'_>, names: &[String]) -> Held {
    if names.is_empty() {
        return Held::Yes;
    }
    let is_named = |lab: &LabResult| {
        let texts = [lab.name.as_deref(), lab.code.as_deref()];
        texts.into_iter().flatten().any(|text| names.iter().any(|name| text.contains(name)))
    };
    let labs = case.facts.labs.present().map_or(&[][..], Vec::as_slice);
    let past = case.facts.history.present().map_or(&[][..], |history| &history.labs);
    if labs.iter().chain(past).any(is_named) {
        return Held::Yes;
    }
    if case.facts.labs.is_absent() { Held::Unknown(vec!["labs".to_owned()]) } else { Held::No }
}

/// Whether a drug that must be given with it is on the same screen or active. A drug that nobody can
/// identify may be the one.
fn company_holds(case: &Case<'_>, way: &Match<'_>) -> Held {
    let keys = way.row.parameters.keys("with");
    let is_given = |line: &Line<'_>| line.position != way.line.position && !line.is_cancelled();
    if keys.is_empty() || keys.iter().any(|key| case.about(key).any(is_given)) {
        return Held::Yes;
    }
    let others = case.session.lines.iter().filter(|line| is_given(line) && line.may_be_drug());
    let lacks = |line: &Line<'_>| {
        let element = keys.iter().find_map(|key| line.lacks_for(key, case.session.sets))?;
        Some(line.path(element))
    };
    let missing: Vec<String> = others.filter_map(lacks).collect();
    if missing.is_empty() { Held::No } else { Held::Unknown(missing) }
}

fn attested(way: &Match<'_>) -> Held {
    match (way.row.parameters.maybe_text("attest"), way.line.order.attested) {
        (None, _) | (_, Some(true)) => Held::Yes,
        (_, Some(false)) => Held::No,
        (_, None) => Held::Unknown(vec![way.line.path("attst_flag")]),
    }
}

/// The diagnoses that count, as the answer shows them.
fn diagnosed(case: &Case<'_>) -> String {
    let made = case.facts.diagnoses.present().map_or(&[][..], Vec::as_slice);
    let shown = |diagnosis: &Diagnosis| {
        let parts = [diagnosis.code.as_deref(), diagnosis.name.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let counted = made.iter().filter(|d| !d.suspected && !d.excluded);
    let names: Vec<_> = counted.map(shown).collect();
    if names.is_empty() { "（无确诊诊断）".to_owned() } else { names.join("、") }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "indication",
        parameters: "",
        rows: "match,key,item,limit,diagnoses,and_diagnoses,surgeries,tests,with,age_from,attest,source,flag\n\
               hospital,VON,伏诺拉生,反流性食管炎,K21,,,,,,,batch 12,A\n\
               hospital,VON,伏诺拉生,与抗菌药物联用根除幽门螺杆菌,B98.0,,,,ingredient:阿莫西林,,,batch 12,A\n\
               hospital,MOX,莫西沙星,有药敏证据的感染,J18,,,,,,有明确药敏证据,batch 16,A\n\
               hospital,LAM,拉米夫定,活动性乙肝,B18,,,乙肝病毒DNA,,,,batch 16,A\n\
               hospital,LIN,利那洛肽,成人便秘型肠易激综合征,K58,,,,,18岁,,batch 12,A\n\
               hospital,CIL,西洛他唑,慢性动脉闭塞症合并溃疡或间歇性跛行,I70.2,L97|I73.9,,,,,,batch 13,A\n\
               hospital,SUR,术中用药,心脏手术,,,35|36,,,,,site,A\n",
        drugs: "hospital,AMX,阿莫西林胶囊,,阿莫西林,0.25 g,粒,24,口服,非限制\n",
    };

    #[test]
    fn a_diagnosis_within_the_limit() {
        check("VON", &diagnosed("K21.001"), "pass");
        check(
            "VON",
            &diagnosed("K29.7"),
            "hit 1: 【VON】限反流性食管炎；或与抗菌药物联用根除幽门螺杆菌，本次诊断K29.7不符合",
        );
        check("VON", r#""labs":[]"#, "unknown diagnoses");
        check("VON", r#""diagnoses":[]"#, "unknown diagnoses");
        check(
            "VON",
            r#""diagnoses":[{"dise_name":"反流性食管炎"}]"#,
            "unknown diagnoses[0].dise_codg",
        );
        check(
            "VON",
            r#""diagnoses":[{"dise_codg":"K21.0","dise_name":"反流性食管炎？"}]"#,
            "hit 1: 【VON】限反流性食管炎；或与抗菌药物联用根除幽门螺杆菌，本次诊断（无确诊诊断）不符合",
        );
    }

    #[test]
    fn another_way_with_its_company() {
        let with = r#","orders":[{"rx_id":"1","hosplist_code":"VON"},{"rx_id":"2","hosplist_code":"AMX"}]"#;
        BENCH.check(&format!("{{{}{with}}}", diagnosed("B98.0")), "pass");
        check(
            "VON",
            &diagnosed("B98.0"),
            "hit 1: 【VON】限反流性食管炎；或与抗菌药物联用根除幽门螺杆菌，本次诊断B98.0不符合",
        );
    }

    #[test]
    fn a_drug_that_nobody_can_identify_may_be_the_company() {
        let with = |other: &str| {
            let orders = format!(
                r#","orders":[{{"rx_id":"1","hosplist_code":"VON"}},{{"rx_id":"2",{other}}}]"#
            );
            format!("{{{}{orders}}}", diagnosed("B98.0"))
        };
        let open = "unknown orders[2].drug_ingd";
        BENCH.check(&with(r#""hosplist_code":"Z9","hilist_code":"XJ01CAA040E001010100123""#), open);
        BENCH.check(&with(r#""hosplist_code":"YP404""#), open);
        let hit =
            "hit 1: 【VON】限反流性食管炎；或与抗菌药物联用根除幽门螺杆菌，本次诊断B98.0不符合";
        BENCH.check(&with(r#""hosplist_code":"Z8","hilist_code":"001102000050000""#), hit);
        BENCH.check(&with(r#""hosplist_code":"YP404","drug_ingd":"铝碳酸镁""#), hit);
    }

    #[test]
    fn what_only_the_doctor_can_say() {
        check("MOX", &diagnosed("J18.900"), "unknown orders[1].attst_flag");
        check(r#"MOX","attst_flag":"1"#, &diagnosed("J18.900"), "pass");
        let hit = "hit 1: 【MOX】限有药敏证据的感染，本次诊断J18.900不符合";
        check(r#"MOX","attst_flag":"0"#, &diagnosed("J18.900"), hit);
        let hit = "hit 1: 【MOX】限有药敏证据的感染，本次诊断J06不符合";
        check("MOX", &diagnosed("J06"), hit);
    }

    #[test]
    fn tests_ages_operations_and_second_groups() {
        check("LAM", &diagnosed("B18.1"), "unknown labs");
        let labs = r#","labs":[{"exam_item_detl_name":"高敏乙肝病毒DNA定量"}]"#;
        check("LAM", &format!("{}{labs}", diagnosed("B18.1")), "pass");
        let none = r#","labs":[]"#;
        check(
            "LAM",
            &format!("{}{none}", diagnosed("B18.1")),
            "hit 1: 【LAM】限活动性乙肝，本次诊断B18.1不符合",
        );
        let child = r#","patient":{"brdy":"20100101"}"#;
        check(
            "LIN",
            &format!("{}{child}", diagnosed("K58.9")),
            "hit 1: 【LIN】限成人便秘型肠易激综合征，本次诊断K58.9不符合",
        );
        check("LIN", &diagnosed("K58.9"), "unknown patient.brdy");
        let both = r#""diagnoses":[{"dise_codg":"I70.203"},{"dise_codg":"L97.x00"}]"#;
        check("CIL", both, "pass");
        check(
            "CIL",
            &diagnosed("I70.203"),
            "hit 1: 【CIL】限慢性动脉闭塞症合并溃疡或间歇性跛行，本次诊断I70.203不符合",
        );
        check("SUR", r#""surgeries":[{"oprn_oprt_code":"36.1100"}]"#, "pass");
        check("SUR", r#""labs":[]"#, "unknown surgeries");
        check(
            "SUR",
            r#""surgeries":[{"oprn_oprt_name":"冠状动脉搭桥"}]"#,
            "unknown surgeries[0].oprn_oprt_code",
        );
        check("SUR", r#""surgeries":[]"#, "hit 1: 【SUR】限心脏手术，本次诊断（无确诊诊断）不符合");
    }

    fn diagnosed(code: &str) -> String {
        format!(r#""diagnoses":[{{"dise_codg":"{code}"}}]"#)
    }

    #[track_caller]
    fn check(drug: &str, rest: &str, expected: &str) {
        BENCH.check(
            &format!(r#"{{{rest},"orders":[{{"rx_id":"1","hosplist_code":"{drug}"}}]}}"#),
            expected,
        );
    }
}
