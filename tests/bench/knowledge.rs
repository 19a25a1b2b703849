//! A quarter of a million knowledge rows: loaded, held, and judged by.
//!
//! Measured in this process and before all other parts, since memory that another part gave back
//! would hide what the rows take. The texts of the files are not counted: the agent keeps them too,
//! but whoever ships fewer words has fewer of them.
//!
//! A check is 20 lines with rows about each of them, and 200 lines of the past; that of 1,000 rows is
//! its limit.

use std::hint::black_box;
use std::time::Instant;

use agent::clock;
use rules::{Facts, RuleSet, request};
use schemas::Files;

use crate::alternate::{Spread, alternate, compare};
use crate::judge::cpu_micros;
use crate::many::{LINES, MANY, PAST, files};
use crate::process::resident_megabytes;
use crate::site::Site;
use crate::table::{Row, Target};

pub(crate) fn run(_: &Site) -> Vec<Row> {
    let all = files(MANY);
    let before = resident_megabytes(std::process::id());
    let many = load(&all);
    let grown = Spread::of(vec![resident_megabytes(std::process::id()) - before]);
    let seconds = (0..LOADS).map(|_| {
        let begun = Instant::now();
        black_box(load(&all));
        begun.elapsed().as_secs_f64()
    });
    let seconds = Spread::of(seconds.collect());
    let few = load(&files(FEW));
    let facts = request::read(&check()).expect("the request is well formed");
    let judge = |rules: &RuleSet| cpu_micros(CHECKS_A_LOOK, || judge(rules, &facts));
    let rounds = alternate(ROUNDS, [&mut || judge(&few), &mut || judge(&many)]);
    let cpu = compare(&rounds, |[limit, agent]| (*limit, *agent));
    vec![
        Row::absolute("load 250,000 knowledge rows, s", seconds, Some(Target::AtMost(2.0))),
        Row::absolute("memory of 250,000 knowledge rows, MB", grown, Some(Target::AtMost(150.0))),
        Row::absolute(
            "evaluate 20 lines with 200 of the past: CPU, µs",
            cpu.agent,
            Some(Target::AtMost(100.0)),
        ),
        Row::ratio("the same, limit: with 1,000 rows: CPU, µs", cpu, Some(Target::AtMost(1.2))),
    ]
}

fn load(files: &Files) -> RuleSet {
    RuleSet::load(files).expect("the shipped packs and the rows are sound")
}

fn judge(rules: &RuleSet, facts: &Facts) {
    let verdict = rules::evaluate(rules, black_box(facts), clock::now());
    assert!(verdict.passed.iter().any(|rule| rule == "many-sex"), "the rows were found");
    black_box(verdict);
}

/// A grown man's prescription, inside every limit.
fn check() -> String {
    let line = |at: usize| {
        format!(
            r#"{{"rx_id":"{at}","rxno":"CF{}","hosplist_code":"YP{at}","drug_used_sdose":"0.5",
            "drug_used_dosunt":"g","drug_used_frqu":"BID","drug_used_way_code":"1","medc_days":"6",
            "cnt":"1","cnt_unt":"盒","sumamt":"12.50"}}"#,
            at / 5
        )
    };
    let past = |at: usize| {
        format!(
            r#"{{"rx_id":"P{at}","hosplist_code":"YP{}","drug_used_sdose":"0.5","drug_used_dosunt":"g",
            "drug_used_frqu":"BID","drord_begn_date":"202604{:02}","medc_days":"6","cnt":"1","cnt_unt":"盒"}}"#,
            at + LINES,
            at % 28 + 1
        )
    };
    let joined = |lines: Vec<String>| lines.join(",");
    format!(
        r#"{{"scene":"outpatient","patient":{{"gend":"1","brdy":"19680315"}},
        "encounter":{{"mdtrt_id":"M1","med_mdtrt_type":"1"}},"prescriber":{{"drord_dr_profttl":"232"}},
        "diagnoses":[{{"dise_codg":"I10.x00","dise_name":"原发性高血压"}}],"allergies":[],
        "orders":[{}],"history":{{"orders":[{}]}}}}"#,
        joined((0..LINES).map(line).collect()),
        joined((0..PAST).map(past).collect()),
    )
}

const FEW: usize = 1_000;
const LOADS: usize = 5;
const ROUNDS: usize = 9;
const CHECKS_A_LOOK: u32 = 64;
