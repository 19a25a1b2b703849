//! A rule of the hospital's own: a condition tree instead of a template.
//!
//! What: when the condition holds, the rule hits, with the text that the hospital wrote. A rule for
//! `order` or `fee` is asked for each such line, one for `check` once.
//! Why: no list of families is complete, and a hospital must not wait for a release.
//! Basis: what the hospital names in `basis`; official rules keep to their families.
//! Example: an antimicrobial for more than seven days without a reason → hit; the days missing →
//! unknown, named; another drug → nothing.

use crate::condition::{Condition, Sentence, Subject, Truth};
use crate::family::{Case, Family, Hit, LooksAt, Outcome, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::session::{Line, LineKind};

/// The family `custom`.
pub struct Custom;

const PARAMETERS: [Column; 3] = [
    Column::required(
        "for",
        "对什么判断：医嘱、费用或整次审查",
        ColumnKind::Choice(&["order", "fee", "check"]),
    ),
    Column::required("when", "条件", ColumnKind::Condition),
    Column::required("text", "违规内容，花括号里写要素", ColumnKind::Sentence),
];

impl Family for Custom {
    fn id(&self) -> &'static str {
        "custom"
    }

    fn zh_name(&self) -> &'static str {
        "自定义规则"
    }

    /// What the hospital makes of it is the hospital's to say.
    fn usual(&self) -> Option<Usual> {
        None
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "patient",
            "encounter",
            "prescriber",
            "diagnoses",
            "allergies",
            "labs",
            "orders",
            "fees",
            "history",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Nothing
    }

    fn check_rule(&self, parameters: &Parameters) -> Option<String> {
        let (when, text) =
            (parameters.maybe_condition("when")?, parameters.maybe_sentence("text")?);
        let is_about_a_line = when.is_about_a_line() || text.is_about_a_line();
        (parameters.maybe_text("for") == Some("check") && is_about_a_line).then(|| {
            "a rule for `check` has no line: use `count` or `past`, or write `for = \"order\"`"
                .to_owned()
        })
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let parameters = &case.rule.parameters;
        let asked = parameters.maybe_condition("when").zip(parameters.maybe_sentence("text"));
        let Some((when, text)) = asked else { return Vec::new() };
        let wanted = match parameters.text("for") {
            "order" => LineKind::Order,
            "fee" => LineKind::Charge,
            _ => return vec![judge_one(case, when, text, None)],
        };
        let lines = case.session.lines.iter().filter(|line| line.kind == wanted);
        let current = lines.filter(|line| line.order.current && !line.is_refund());
        current.map(|line| judge_one(case, when, text, Some(line))).collect()
    }
}

fn judge_one<'a>(
    case: &'a Case<'a>,
    when: &Condition,
    text: &Sentence,
    line: Option<&'a Line<'a>>,
) -> Outcome {
    let subject = Subject { case, line };
    match when.judge(&subject) {
        Truth::No => Outcome::NotApplicable,
        Truth::Unknown(missing) => Outcome::Unknown { missing: missing.into_iter().collect() },
        Truth::Yes => {
            let text = text.fill(&subject);
            Outcome::Hit(Hit {
                violating: line.map(|line| line.position).into_iter().collect(),
                evidence: vec![text.clone()],
                text,
                ..Hit::default()
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const DRUGS: &str = "hospital,CEF,头孢克肟片,,头孢克肟,100 mg,片,12,口服,限制\n\
        hospital,IBU,布洛芬片,,布洛芬,0.2 g,片,24,口服,\n";

    /// Parameters of a rule for orders about one condition.
    fn bench(when: &str) -> Bench {
        let parameters = format!(
            "for = \"order\", when = {when}, text = \"【{{orders.hosplist_name}}】{{orders.medc_days}}天，{{patient.age}}\""
        );
        Bench {
            family: "custom",
            parameters: Box::leak(parameters.into_boxed_str()),
            rows: "",
            drugs: DRUGS,
        }
    }

    #[test]
    fn a_condition_hits_with_its_own_text() {
        let long = bench(
            r#"{ all = [{ item = ["ingredient:头孢克肟"] }, { element = "orders.medc_days", is = ">", value = 7 }, { not = { diagnosis = ["J18"] } }] }"#,
        );
        check(
            &long,
            r#""hosplist_code":"CEF","medc_days":"10""#,
            "I10",
            "hit 1: 【头孢克肟片】10天，34岁",
        );
        check(&long, r#""hosplist_code":"CEF","medc_days":"7""#, "I10", "nothing");
        check(&long, r#""hosplist_code":"IBU","medc_days":"10""#, "I10", "nothing");
        check(&long, r#""hosplist_code":"CEF","medc_days":"10""#, "J18.9", "nothing");
        check(&long, r#""hosplist_code":"CEF""#, "I10", "unknown orders[1].medc_days");
    }

    #[test]
    fn what_is_missing_matters_only_where_it_decides() {
        let either = bench(
            r#"{ any = [{ element = "orders.medc_days", is = ">", value = 7 }, { element = "orders.pric", is = ">=", value = "100.00" }] }"#,
        );
        check(
            &either,
            r#""hosplist_code":"CEF","pric":"100""#,
            "I10",
            "hit 1: 【头孢克肟片】未知天，34岁",
        );
        check(
            &either,
            r#""hosplist_code":"CEF","pric":"99.99""#,
            "I10",
            "unknown orders[1].medc_days",
        );
        check(&either, r#""hosplist_code":"CEF","pric":"99.99","medc_days":"1""#, "I10", "nothing");
    }

    #[test]
    fn ages_words_doses_and_flags() {
        let line = r#""hosplist_code":"CEF","drug_used_sdose":"0.2","drug_used_dosunt":"g","medc_days":"3""#;
        let hit = "hit 1: 【头孢克肟片】3天，34岁";
        for (when, expected) in [
            (r#"{ element = "patient.age", is = "<", value = "35岁" }"#, hit),
            (r#"{ element = "patient.age", is = ">=", value = "35岁" }"#, "nothing"),
            (r#"{ element = "patient.gend", is = "=", value = "男" }"#, hit),
            (r#"{ element = "patient.gend", is = "!=", value = "男" }"#, "nothing"),
            (r#"{ element = "orders.drug_used_sdose", is = ">", value = "150 mg" }"#, hit),
            (
                r#"{ element = "orders.drug_used_sdose", is = ">", value = "150 mL" }"#,
                "unknown orders.drug_used_sdose",
            ),
            (r#"{ element = "orders.dscg_tkdrug_flag", is = "=", value = false }"#, hit),
            (r#"{ element = "allergies.algs", is = "contains", value = "青霉素" }"#, hit),
            (r#"{ element = "allergies.algs", is = "!=", values = ["磺胺"] }"#, hit),
            (
                r#"{ element = "encounter.adm_dept_name", is = "starts", values = ["儿", "新生儿"] }"#,
                "unknown encounter.adm_dept_name",
            ),
            (r#"{ count = ["ingredient:头孢克肟"], is = ">=", value = 2 }"#, "nothing"),
            (r#"{ past = ["ingredient:布洛芬"], within = "30天" }"#, hit),
            (r#"{ past = ["ingredient:布洛芬"], within = "3天" }"#, "nothing"),
            (r#"{ past = ["ingredient:甲"], within = "30天" }"#, "nothing"),
            (r#"{ past = ["ingredient:甲"], within = "60天" }"#, "unknown history.since"),
            (r#"{ past = ["ingredient:布洛芬"], within = "60天" }"#, hit),
            (r#"{ lab = "INR", within = "30天", is = ">", value = "3.0" }"#, hit),
            (r#"{ lab = "INR", within = "30天", is = ">", value = "3.5" }"#, "nothing"),
            (r#"{ lab = "eGFR", within = "30天", is = "<", value = 30 }"#, "unknown labs[eGFR]"),
        ] {
            check(&bench(when), line, "I10", expected);
        }
    }

    #[test]
    fn an_order_and_its_charge_are_one_thing() {
        let twice = bench(r#"{ count = ["ingredient:布洛芬"], is = ">=", value = 2 }"#);
        let request = |orders: &str, fees: &str| {
            format!(
                r#"{{"patient":{{"gend":"1","brdy":"19920101"}},"orders":[{orders}],"fees":[{fees}]}}"#
            )
        };
        let order = |id: &str, code: &str| {
            format!(r#"{{"rx_id":"{id}","hosplist_code":"{code}","medc_days":"1"}}"#)
        };
        let (one, two) = (order("1", "IBU"), order("2", "IBU"));
        let fee = r#"{"rx_id":"F","hosplist_code":"IBU","cnt":"1","fee_ocur_time":"20260515"}"#;
        twice.check(&request(&one, fee), "nothing");
        let hit = "hit 1: 【布洛芬片】1天，34岁; hit 2: 【布洛芬片】1天，34岁";
        twice.check(&request(&format!("{one},{two}"), ""), hit);
        let unlisted = order("2", "YP404");
        let open = "unknown orders[2].drug_ingd";
        twice.check(&request(&format!("{one},{unlisted}"), ""), open);
        twice.check(&request(&unlisted, ""), "nothing");
    }

    #[test]
    fn what_is_suspected_or_ruled_out_is_no_diagnosis() {
        let named =
            bench(r#"{ element = "diagnoses.dise_name", is = "contains", value = "肺炎" }"#);
        let request = |diagnoses: &str| {
            format!(
                r#"{{"patient":{{"gend":"1","brdy":"19920101"}},"diagnoses":[{diagnoses}],
                "orders":[{{"rx_id":"1","hosplist_code":"IBU","medc_days":"1"}}]}}"#
            )
        };
        let hit = "hit 1: 【布洛芬片】1天，34岁";
        named.check(&request(r#"{"dise_name":"社区获得性肺炎"}"#), hit);
        named.check(&request(r#"{"dise_name":"除外肺炎"}"#), "nothing");
        let nameless = r#"{"dise_codg":"J18.9"}"#;
        named.check(&request(nameless), "unknown diagnoses[0].dise_name");
        named.check(&request(&format!(r#"{nameless},{{"dise_name":"肺炎"}}"#)), hit);
    }

    #[test]
    fn faults_are_told_when_the_pack_is_loaded() {
        for (when, part) in [
            (r#"{ element = "orders.prcie", is = ">", value = 1 }"#, "did you mean `orders.pric`?"),
            (r#"{ element = "orders.pric", is = "starts", value = 1 }"#, "does not fit"),
            (r#"{ element = "orders.pric", is = ">", value = "七" }"#, "is not a number"),
            (r#"{ element = "patient.gend", is = "=", value = "男性" }"#, "not one of 男, 女"),
            (r#"{ element = "patient.age", is = "=", value = "3岁" }"#, "write one of < >="),
            ("{ all = [] }", "lists of conditions"),
            (r#"{ all = [{ item = ["J01"] }] }"#, "is not a key"),
            (
                r#"{ element = "prescriber.drord_dr_codg", is = "in", value = "1023" }"#,
                "`1023` is not a set; after `in` write set:NAME",
            ),
            (
                r#"{ element = "prescriber.drord_dr_codg", is = "in", value = "set:nowhere" }"#,
                "no pack has a set `nowhere`",
            ),
            (r#"{ element = "orders.pric", is = "in", value = "set:a" }"#, "does not fit"),
            (r#"{ item = ["set:nowhere"] }"#, "no pack has a set `nowhere`"),
            (r#"{ past = ["atc:J01"], within = "单张处方" }"#, "is not a window"),
            (r#"{ item = ["atc:J01"], is = ">" }"#, "does not go with `is`"),
            ("{ both = [] }", "exactly one of"),
            (&nested(9), "nested deeper than 8"),
            (&wide(200), "more than 200 parts"),
        ] {
            let told = bench(when).problems();
            assert!(told.contains(part), "{when}: {told}");
        }
        let whole = Bench {
            parameters: r#"for = "check", when = { item = ["atc:J01"] }, text = "x""#,
            ..bench("{}")
        };
        assert!(whole.problems().contains("has no line"));
        let text = Bench {
            parameters: r#"for = "check", when = { diagnosis = ["I10"] }, text = "{patient.name}""#,
            ..bench("{}")
        };
        assert!(text.problems().contains("no element `patient.name`"), "{}", text.problems());
    }

    fn nested(depth: usize) -> String {
        let inner = r#"{ diagnosis = ["I10"] }"#.to_owned();
        (1..depth).fold(inner, |inner, _| format!("{{ not = {inner} }}"))
    }

    fn wide(parts: usize) -> String {
        format!("{{ any = [{}] }}", vec![r#"{ diagnosis = ["I10"] }"#; parts].join(", "))
    }

    #[track_caller]
    fn check(bench: &Bench, line: &str, diagnosis: &str, expected: &str) {
        bench.check(
            &format!(
                r#"{{"patient":{{"gend":"1","brdy":"19920101"}},"encounter":{{"med_mdtrt_type":"1"}},
                "diagnoses":[{{"dise_codg":"{diagnosis}"}}],"allergies":[{{"algs":"青霉素 皮疹"}}],
                "labs":[{{"exam_item_detl_name":"INR","exam_rslt_val":"3.2","rpt_date":"20260501"}}],
                "history":{{"since":"20260415","orders":[{{"rx_id":"H1","hosplist_code":"IBU","drord_begn_date":"20260501"}}]}},
                "orders":[{{"rx_id":"1",{line}}}]}}"#
            ),
            expected,
        );
    }
}
