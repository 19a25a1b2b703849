//! A candidate's mappings beside those in force: what differs is told, nothing of it is delivered,
//! and it comes into force whole.
#![allow(clippy::indexing_slicing)] // a member that JSON lacks reads as null

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup, copy};
use tests::cases::Case;
use tests::load;
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::process::wait_until;

#[test]
fn a_candidate_is_compared_delivers_nothing_and_is_put_in_force() {
    let agent = Agent::start(Setup { sets: Some(String::new()), ..Setup::files() });
    let obligations = Obligations::default();
    let case = Case::of("pinyin");
    check(&agent, &["shadow", "report"], 64, &["没有在比较的候选"]);
    check(&agent, &["shadow", "start", "--mappings", "/nowhere"], 78, &["error[A001]"]);
    let candidate = candidate(&agent, &[]);
    start(&agent, &candidate);
    for n in 0..3 {
        load::send(agent.his(), &case.numbered(n), &obligations);
    }
    load::send(agent.his(), &Case::of("cdss").numbered(9), &obligations); // another channel
    assert_eq!(report(&agent, 3)["same"], 3);

    // Other amounts, no telephone, one drug less: each in its row, persons masked.
    let edits = [
        ("cnt = 'SHULIANG |", "cnt = '\"7\" |"),
        ("psn_name = 'XINGMING | trim'", "psn_name = '\"赵铁柱\"'"),
        ("tel = 'LIANXIDH | trim'\n", ""),
    ];
    start(&agent, &self::candidate(&agent, &edits));
    for n in 3..5 {
        load::send(agent.his(), &case.numbered(n), &obligations);
    }
    let told = report(&agent, 2);
    assert_eq!(
        (&told["same"], &told["different"], &told["skipped"]),
        (&0.into(), &2.into(), &0.into())
    );
    check_row(&told, "outpatient_registration", "psn_name", 2, "李***国", "赵***柱");
    let tel = row(&told, "outpatient_registration", "tel");
    assert!(tel["new"].is_null() && tel["old"] != "13800000000", "{tel}");
    assert_eq!(row(&told, "outpatient_prescription", "cnt")["count"], 6);
    let text = agent.ask(&["shadow", "report"]).stdout;
    assert!(text.contains("outpatient_registration.psn_name ×2：`李***国` → `赵***柱`"), "{text}");

    // What only the candidate refuses, and why.
    start(
        &agent,
        &self::candidate(
            &agent,
            &[
                ("each = 'CHUFANGXX_IN/ZHENDUAN |", "each = 'CHUFANGXX_IN/ZHENDUANM |"),
                ("mdtrt_sn = 'JIUZHENXH | trim'", "mdtrt_sn = 'JIUZHENXHM | trim'"),
            ],
        ),
    );
    load::send(agent.his(), &case.numbered(6), &obligations);
    let told = report(&agent, 1);
    assert_eq!(told["refused_by_new"], 1, "{told}");
    assert_eq!(told["reasons"][0]["refused_by"], "new");

    // Into force, the old one beside it. What changed since it was compared is not taken unseen.
    let candidate = self::candidate(&agent, &[("version = \"1\"", "version = \"9\"")]);
    start(&agent, &candidate);
    let path = candidate.join(MAPPING);
    let text = fs::read_to_string(&path).expect("our own copy");
    fs::write(&path, format!("{text}# touched\n")).expect("our own copy");
    check(&agent, &["shadow", "promote"], 78, &["error[A017]"]);
    start(&agent, &candidate);
    check(&agent, &["shadow", "promote"], 0, &[]);
    check(&agent, &["shadow", "report"], 64, &["没有在比较的候选"]);
    assert_eq!(agent.ask(&["sets", "status"]).code, Some(0));
    load::send(agent.his(), &case.numbered(7), &obligations);
    let old = fs::read_dir(agent.beside("")).expect("our own folder").flatten();
    let old: Vec<_> =
        old.filter(|it| it.path().extension().is_some_and(|it| it == "old")).collect();
    assert_eq!(old.len(), 1);

    agent.await_drained();
    let delivered = Platform::of_folder(&agent.records()).receive(obligations.count());
    obligations.assert_met_by(&delivered); // nothing of any candidate among it
    let by = |n: u64| {
        let of = delivered.records.iter().find(|it| it.lane == format!("MZ{n:011}"));
        of.map(|it| it.mapping.clone()).unwrap_or_default()
    };
    assert!(by(6).ends_with("@1") && by(7).ends_with("@9"), "{} {}", by(6), by(7));
}

#[test]
fn a_candidate_of_the_configuration_is_compared_from_the_start() {
    let setup = Setup { sets: Some(String::new()), ..Setup::files() };
    let mut agent = Agent::prepare(setup);
    let candidate = candidate(&agent, &[("cnt = 'SHULIANG |", "cnt = '\"7\" |")]);
    let config = fs::read_to_string(agent.config()).expect("its configuration");
    let with = format!("[sets]\ncandidate = \"{}\"\n", candidate.display());
    fs::write(agent.config(), config.replace("[sets]\n", &with)).expect("its configuration");
    agent.start_again();
    let obligations = Obligations::default();
    load::send(agent.his(), &Case::of("pinyin").numbered(1), &obligations);
    load::send(agent.his(), &Case::of("webapi").numbered(1), &obligations);
    let told = report(&agent, 2);
    assert_eq!((&told["same"], &told["different"]), (&1.into(), &1.into()), "{told}");
}

#[test]
fn stored_messages_are_compared_without_a_daemon() {
    let agent = Agent::prepare(Setup { sets: Some(String::new()), ..Setup::files() });
    let messages = agent.beside("messages");
    fs::create_dir(&messages).expect("our own folder");
    for n in 0..3 {
        let bytes = Case::of("pinyin").numbered(n).bytes;
        fs::write(messages.join(format!("{n}.xml")), bytes).expect("our own folder");
    }
    let run = |candidate: &PathBuf| {
        let candidate = candidate.to_str().expect("a plain name");
        let messages = messages.to_str().expect("a plain name");
        agent.ask(&["shadow", "run", "--channel", "pinyin", "--candidate", candidate, messages])
    };
    let ran = run(&candidate(&agent, &[]));
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let ran = run(&candidate(&agent, &[("cnt = 'SHULIANG |", "cnt = '\"7\" |")]));
    assert_eq!(ran.code, Some(65), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("不同 different 3"), "{}", ran.stdout);
    assert!(ran.stdout.contains("outpatient_prescription.cnt ×9："), "{}", ran.stdout);
    let ran = run(&candidate(&agent, &[("cnt = 'SHULIANG |", "cnt = 'SHULIANG ||")]));
    assert_eq!(ran.code, Some(78), "{}{}", ran.stdout, ran.stderr);
}

/// A copy of the mappings in force with some text changed in one of them.
fn candidate(agent: &Agent, edits: &[(&str, &str)]) -> PathBuf {
    let folder = agent.beside("candidate");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("our own folder");
    }
    copy(&agent.mappings(), &folder);
    let path = folder.join(MAPPING);
    let mut text = fs::read_to_string(&path).expect("our own copy");
    for (from, to) in edits {
        assert!(text.contains(from), "the mapping no longer has {from}");
        text = text.replace(from, to);
    }
    fs::write(path, text).expect("our own copy");
    folder
}

#[track_caller]
fn start(agent: &Agent, candidate: &std::path::Path) {
    let folder = candidate.to_str().expect("a plain name");
    check(agent, &["shadow", "start", "--mappings", folder, "--channel", "pinyin"], 0, &[]);
}

/// The report, once that many messages are in it.
#[track_caller]
fn report(agent: &Agent, messages: u64) -> Value {
    let mut told = Value::Null;
    let ok = wait_until(Duration::from_secs(20), || {
        let ran = agent.ask(&["shadow", "report", "--json"]);
        told = serde_json::from_str(&ran.stdout).unwrap_or_default();
        told["messages"] == messages
    });
    assert!(ok, "{messages} messages should be compared: {told}");
    told
}

fn row(told: &Value, entity: &str, element: &str) -> Value {
    let rows = told["fields"].as_array().expect("a list");
    let row = rows.iter().find(|it| it["entity"] == entity && it["element"] == element);
    row.unwrap_or_else(|| panic!("no row for {entity}.{element}: {told}")).clone()
}

#[track_caller]
fn check_row(told: &Value, entity: &str, element: &str, count: u64, old: &str, new: &str) {
    let row = row(told, entity, element);
    let actual = (&row["count"], &row["old"], &row["new"]);
    assert_eq!(actual, (&count.into(), &old.into(), &new.into()), "{row}");
}

#[track_caller]
fn check(agent: &Agent, command: &[&str], code: i32, told: &[&str]) {
    let ran = agent.ask(command);
    assert_eq!(ran.code, Some(code), "{command:?}: {}{}", ran.stdout, ran.stderr);
    for part in told {
        assert!(ran.stderr.contains(part), "`{part}` is not told: {}", ran.stderr);
    }
}

const MAPPING: &str = "pinyin/outpatient-prescription.toml";
