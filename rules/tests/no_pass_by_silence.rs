//! What a check could not judge leaves in its answer: for the doctor in `unknown`, for programs in
//! `not_checked`. `complete` is said of nothing else than a check that lacked nothing.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use rules::{RuleSet, evaluate, request};
use serde_json::Value;

#[test]
fn an_allergy_that_nobody_asked_for() {
    let asked = |allergies| {
        format!(r#"{{{allergies}"orders":[{{"rx_id":"1","hosplist_code":"YP000603"}}]}}"#)
    };
    check(&asked(""), "allergy", "unknown allergies");
    check(&asked(r#""allergies":[],"#), "allergy", "judged");
}

#[test]
fn a_dose_without_its_unit() {
    let order = |unit| {
        format!(
            r#"{{"patient":{{"brdy":"19680315"}},"orders":[{{"rx_id":"1","hosplist_code":"YP000306","drug_used_sdose":"200"{unit},
            "drug_used_frqu":"BID","drug_used_way_code":"1","medc_days":"3"}}]}}"#
        )
    };
    check(&order(""), "single-dose", "unknown orders[1].drug_used_dosunt");
    check(&order(r#","drug_used_dosunt":"mg""#), "single-dose", "hit");
    check(&order(""), "course", "not checked history");
}

#[test]
fn a_drug_that_is_known_by_its_ingredient_alone() {
    let order = |drug: &str, more: &str| {
        format!(
            r#"{{"patient":{{"gend":"2","brdy":"20100101"}},{more}"orders":[{{"rx_id":"1","hosplist_code":"NEW1","drug_ingd":"{drug}","medc_days":"3"}}]}}"#
        )
    };
    let penicillin = r#""allergies":[{"algs":"青霉素 皮疹"}],"#;
    check(&order("阿莫西林", penicillin), "allergy", "hit");
    check(&order("哌拉西林", penicillin), "allergy", "hit");
    check(&order("某新青霉烯", penicillin), "allergy", "unknown orders[1].hosplist_code");
    check(&order("缬沙坦", r#""diagnoses":[{"dise_codg":"O10.000"}],"#), "pregnancy", "hit");
    check(&order("左氧氟沙星", ""), "child-unsafe", "hit");
    check(&order("某新沙星", ""), "child-unsafe", "unknown orders[1].hosplist_code");
}

#[test]
fn what_the_doctor_is_not_told_is_listed_in_short() {
    // Nobody maps the drug: a rule of charges would tell of each such drug, and does so here.
    let request =
        r#"{"allergies":[],"orders":[{"rx_id":"1","hosplist_code":"NEW1","medc_days":"3"}]}"#;
    check(request, "herb-pair", "not checked orders[1].drug_ingd");
    check(request, "disease", "not checked orders[1].drug_ingd");
    let answer = answer(request);
    let lists = answer["not_checked"].as_array().unwrap();
    let together = lists.iter().any(|it| {
        let rules = it["rule_ids"].as_array().unwrap();
        rules.contains(&"disease".into()) && rules.contains(&"elderly".into())
    });
    assert!(together, "{answer}");
}

fn answer(request: &str) -> Value {
    let facts = request::read(request).unwrap();
    let now = "2026-05-15T09:20:00".parse().unwrap();
    let verdict = evaluate(&RuleSet::shipped().unwrap(), &facts, now);
    serde_json::from_str(&verdict.to_json("C1", 1)).unwrap()
}

/// What the answer says of one rule. Where any is open, the whole is not complete.
#[track_caller]
fn check(request: &str, rule: &str, expected: &str) {
    let answer = answer(request);
    let list = |name: &str| answer[name].as_array().unwrap().clone();
    let missing = |it: &Value| {
        let paths = it["missing"].as_array().unwrap().iter().map(|path| path.as_str().unwrap());
        paths.collect::<Vec<_>>().join(",")
    };
    let hit = list("findings").iter().find(|it| it["rule_id"] == rule).map(|_| "hit".to_owned());
    let unknown = || {
        let found = list("unknown").into_iter().find(|it| it["rule_id"] == rule);
        found.map(|it| format!("unknown {}", missing(&it)))
    };
    let not_checked = || {
        let has = |it: &Value| it["rule_ids"].as_array().unwrap().contains(&rule.into());
        let found = list("not_checked").into_iter().find(has);
        found.map(|it| format!("not checked {}", missing(&it)))
    };
    let is_open = !list("unknown").is_empty() || !list("not_checked").is_empty();
    assert_eq!(answer["outcome"], if is_open { "partial" } else { "complete" }, "{answer}");
    let told = hit.or_else(unknown).or_else(not_checked).unwrap_or_else(|| "judged".to_owned());
    assert_eq!(told, expected, "{rule} {answer}");
}
