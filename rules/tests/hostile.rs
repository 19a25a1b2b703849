//! Every element that the shipped cases send, replaced by each of the values that break programs.
//!
//! Hundreds of cases send the same elements: each is broken in its first few places, among the other
//! values of as many cases.
//!
//! Whatever comes: no panic, a verdict that is valid JSON, and the same verdict twice.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use rules::{Facts, RuleSet, Verdict, evaluate, insurance, request};
use serde_json::{Value, json};

const NOW: &str = "2026-05-15T09:20:00";
const TIMES_AN_ELEMENT: u32 = 2;

#[test]
fn every_value_may_be_hostile() {
    let rules = RuleSet::shipped().unwrap();
    let (mut checks, mut seen) = (0_u32, BTreeMap::new());
    for input in inputs() {
        let base: Value = serde_json::from_str(&input).unwrap();
        for place in leaves(&base, String::new()) {
            let times = seen.entry(element(&place)).or_insert(0_u32);
            *times += 1;
            if *times > TIMES_AN_ELEMENT {
                continue;
            }
            for hostile in hostile_values() {
                let mut changed = base.clone();
                *changed.pointer_mut(&place).unwrap() = hostile;
                let text = changed.to_string();
                let Ok(facts) = request::read(&text) else { continue };
                judge(&rules, &facts, &text);
                checks += 1;
            }
        }
    }
    assert!(checks > 2_000, "only {checks} checks came through");
}

#[test]
fn the_national_message_may_be_hostile() {
    let rules = RuleSet::shipped().unwrap();
    let base = json!({"input": {"data": {"patient_dtos": {"patn_id": "9", "gend": "2", "brdy": "1960-01-01",
        "curr_mdtrt_id": "M", "fsi_encounter_dtos": {"mdtrt_id": "M", "med_mdtrt_type": "1", "medins_lv": "5",
        "fsi_diagnose_dtos": [{"dise_codg": "I10"}], "fsi_order_dtos": [{"rx_id": "1", "rxno": "R",
        "hilist_code": "XG04CBD247E002010101503", "cnt": "4", "pric": "1", "sumamt": "4", "spec": "0.5mg*10粒",
        "spec_unt": "盒", "drord_begn_date": "2026-05-15 09:00:00", "drord_dr_profttl": "232",
        "extend_order_map": {"o_prdDays": "7", "o_sinDosDscr": "0.5mg", "o_used_frqu_dscr": "QD"}}]}}}}});
    for place in leaves(&base, String::new()) {
        for hostile in hostile_values() {
            let mut changed = base.clone();
            *changed.pointer_mut(&place).unwrap() = hostile;
            let text = changed.to_string();
            let Ok(asked) =
                insurance::read(&text, insurance::Service::Before, &insurance::Region::default())
            else {
                continue;
            };
            for facts in asked.patients {
                let verdict = judge(&rules, &facts, &text);
                let answer = insurance::write_answer(&[verdict], &insurance::Reply::default());
                serde_json::from_str::<Value>(&answer).unwrap();
            }
        }
    }
}

fn judge(rules: &RuleSet, facts: &Facts, text: &str) -> Verdict {
    let now = NOW.parse().unwrap();
    let verdict = evaluate(rules, facts, now);
    assert_eq!(verdict.broken, [""; 0], "{text}");
    let json = verdict.to_json("C", 1);
    assert!(serde_json::from_str::<Value>(&json).is_ok(), "{text}\n{json}");
    assert_eq!(verdict, evaluate(rules, facts, now), "{text}");
    verdict
}

/// Of all packs.
fn inputs() -> Vec<String> {
    let packs = rules::SHIPPED.iter().filter(|(path, _)| path.ends_with("cases.toml"));
    let lines = packs.flat_map(|(_, text)| text.lines());
    let inputs = lines.filter_map(|line| line.strip_prefix("input = '")?.strip_suffix('\''));
    inputs.map(str::to_owned).collect()
}

/// A place without the positions in its lists: `/orders/0/cnt` and `/orders/3/cnt` are one element.
fn element(place: &str) -> String {
    let names = place.split('/').filter(|name| name.parse::<usize>().is_err());
    names.collect::<Vec<_>>().join("/")
}

fn leaves(value: &Value, path: String) -> Vec<String> {
    let mut all = match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| leaves(value, format!("{path}/{name}")))
            .collect(),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.flat_map(|(at, value)| leaves(value, format!("{path}/{at}"))).collect()
        }
        _ => Vec::new(),
    };
    all.push(path);
    all
}

fn hostile_values() -> Vec<Value> {
    let texts = [
        "",
        " ",
        "-1",
        "0",
        "NaN",
        "1e28",
        "79228162514264337593543950335",
        "0.0000000000000000000000000001",
        "1000000000",
        "99991231",
        "00000000",
        "20260230",
        "50000岁",
        "99999天",
        "Q0H",
        "Q999999999999H",
        "0mg*0片",
        "\u{0}\u{202e}\u{feff}\"\\",
        "七",
    ];
    let mut values: Vec<Value> = texts.into_iter().map(Value::from).collect();
    values.extend([
        json!(null),
        json!(true),
        json!(-5),
        json!(1e308),
        json!([]),
        json!({}),
        json!([[]]),
    ]);
    values.push(Value::from("长".repeat(5_000)));
    values
}
