//! The past of a patient: what was accepted is known at the next check, over kills; voids are honoured;
//! nobody reads it without the key.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::his;
use tests::process::wait_until;

#[test]
fn what_was_dispensed_is_known_at_the_next_check_even_after_a_kill_until_it_is_void() {
    let mut agent = start();
    let nothing = found(&agent);
    send(&agent, "1");
    agent.kill();
    agent.start_again();
    let known = wait_for(&agent);
    assert!(!known.contains("氨氯地平") && known.contains("苯***"), "masked:\n{known}");
    wait_until(Duration::from_secs(20), || found(&agent) != nothing);
    let more = found(&agent);
    assert_ne!(more, nothing, "the check does not know what was dispensed");
    assert!(more.contains("early-refill"), "{nothing} -> {more}");
    send(&agent, "0");
    let is_void = || found(&agent) == nothing;
    assert!(wait_until(Duration::from_secs(60), is_void), "{}", found(&agent));
}

#[test]
fn the_files_tell_nothing_and_what_is_forgotten_is_gone() {
    let mut agent = start();
    send(&agent, "1");
    wait_for(&agent);
    let shown = history(&agent, &["show", "--patient", "CANARY7P", "--unmask"]);
    assert!(shown.contains("苯磺酸氨氯地平片"), "{shown}");
    agent.await_drained();
    assert!(agent.tells("the past of a patient was shown"), "{}", agent.log());
    let log = agent.log();
    assert!(!log.contains("CANARY7P") && !log.contains("氨氯地平"), "{log}");
    let told = history(&agent, &["forget", "--patient", "CANARY7P"]);
    assert!(told.contains("已删除"), "{told}");
    let ran = agent.ask(&["history", "show", "--patient", "CANARY7P"]);
    assert_ne!(ran.code, Some(0), "{}", ran.stdout);
    assert!(ran.stderr.contains("没有这位患者"), "{}", ran.stderr);
    agent.stop();
}

#[test]
fn without_its_key_the_past_is_unknown_and_the_agent_goes_on() {
    let mut agent = start();
    send(&agent, "1");
    wait_for(&agent);
    agent.stop();
    let key = key_beside(&agent.beside(""));
    fs::remove_file(&key).expect("the key's file");
    agent.start_again();
    assert_eq!(agent.readiness()["history"]["state"], "unreadable");
    assert!(agent.tells("O301"), "{}", agent.log());
    let answer = ask(&agent);
    assert_eq!(answer["code"], 0, "{answer}");
    let metrics = his::get(agent.operators(), "/metrics").expect("metrics").text().to_owned();
    assert!(
        metrics.contains(r#"his_agent_history_recalls_total{outcome="unreadable"}"#),
        "{metrics}"
    );
    let told = history(&agent, &["reset", "--yes"]);
    assert!(told.contains("open"), "{told}");
}

/// A 3101 has no results. The agent fills in the past of somebody whom it has never seen, and of an
/// encounter beside this one nobody says since when it is all.
#[test]
fn a_past_that_the_agent_fills_in_stops_nobody_for_want_of_results() {
    let agent = start();
    let asked = penicillin("YPL032");
    let answer = his::post_json(agent.his(), "/insurance", &[], &asked.to_string());
    let answer = answer.expect("the agent answers").json();
    assert_eq!(answer["infcode"], 0, "{answer}");
    let found = answer["output"]["result"].as_array().into_iter().flatten();
    let found: Vec<_> = found.map(|it| &it["rule_id"]).collect();
    assert!(!found.contains(&&json!("skin-test")), "{answer}");
    let unknown = answer["output"]["unknown"].as_array().into_iter().flatten();
    let unknown: Vec<_> = unknown.map(|it| &it["rule_id"]).collect();
    assert!(unknown.contains(&&json!("skin-test")), "{answer}");
}

/// Two encounters, of which the second is the past.
fn penicillin(code: &str) -> Value {
    let encounter = |id: &str, order: Value| {
        json!({ "mdtrt_id": id, "med_mdtrt_type": "1", "med_type": "11", "medins_lv": "5",
            "fsi_diagnose_dtos": [{ "dise_codg": "J03.900", "dise_name": "急性扁桃体炎" }],
            "fsi_order_dtos": [order] })
    };
    let now = json!({ "rx_id": "1", "rxno": "CF1", "hosplist_code": code, "cnt": "2", "pric": "5",
        "sumamt": "10", "drord_dr_codg": "2046", "drord_dr_profttl": "232", "curr_drord_flag": "1" });
    let before = json!({ "rx_id": "9", "rxno": "CF0", "hosplist_code": "YP000231", "cnt": "1",
        "drord_begn_date": "2026-01-01 09:00:00", "curr_drord_flag": "0" });
    json!({ "infno": "3101", "input": { "data": { "trig_scen": "2", "patient_dtos": [{
        "patn_id": "CANARY8P", "patn_name": "测试甲", "gend": "1", "brdy": "1968-03-15", "curr_mdtrt_id": "MZ8",
        "fsi_encounter_dtos": [encounter("MZ8", now), encounter("MZ7", before)] }] } } })
}

fn start() -> Agent {
    let mut agent = Agent::prepare(Setup {
        sets: Some(String::new()),
        channels: "[[channel]]\nname = \"ward\"\nmappings = [\"ward/\"]\n".to_owned(),
        ..Setup::files()
    });
    fs::create_dir(agent.mappings().join("ward")).expect("our own folder");
    fs::write(agent.mappings().join("ward/line.toml"), LINE).expect("our own folder");
    agent.start_again();
    agent
}

/// One line a message, and whether it stands.
const LINE: &str = r#"
[mapping]
name = "ward-line"
version = "1"
about = "处方明细"
profile = "clinical"
when = 'rx'
lane = 'visit'

[[record]]
entity = "outpatient_registration"
each = 'rx'

[record.elements]
patn_id = 'patient'
psn_name = 'name'
gend = '"1"'
mdtrt_sn = 'visit'
ipt_otp_no = 'visit'
begntime = 'time | datetime("yyyyMMddHHmmss")'
dept_code = 'dept'
dept_name = 'dept'

[[record]]
entity = "outpatient_prescription"
each = 'rx'

[record.elements]
mdtrt_sn = 'visit'
rxno = 'no'
rx_srt_no = '"1" | decimal'
rx_detl_id = 'code'
rx_detl_name = 'drug'
rx_prsc_time = 'time | datetime("yyyyMMddHHmmss")'
drug_used_sdose = 'dose | decimal'
drug_used_dosunt = '"mg"'
drug_used_frqu = '"QD"'
medc_days = 'days | decimal'
cnt = 'cnt | decimal'
cnt_unt = '"盒"'
vali_flag = 'valid | only("0", "1")'
"#;

#[track_caller]
fn send(agent: &Agent, valid: &str) {
    let body = json!({ "rx": { "patient": "CANARY7P", "name": "李建国", "visit": "MZ1", "no": "CF1", "dept": "0301",
        "time": today(), "code": "YP000231", "drug": "苯磺酸氨氯地平片", "dose": "5", "days": "14", "cnt": "2",
        "valid": valid } });
    let answer = his::post_json(agent.his(), "/v1/channels/ward/messages", &[], &body.to_string());
    let answer = answer.expect("the agent answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn ask(agent: &Agent) -> Value {
    let body = json!({
        "scene": "outpatient",
        "patient": { "patn_id": "CANARY7P", "gend": "1", "brdy": "19680315", "matn_stas": "0" },
        "encounter": { "mdtrt_id": "MZ2", "med_mdtrt_type": "1", "emer_flag": "0" },
        "diagnoses": [{ "dise_codg": "I10.x00", "dise_name": "原发性高血压", "maindise_flag": "1" }],
        "orders": [{ "rx_id": "1", "rxno": "CF2", "hosplist_code": "YP000231", "drug_used_sdose": "5",
            "drug_used_dosunt": "mg", "drug_used_frqu": "QD", "drug_used_way_code": "1", "medc_days": "7",
            "cnt": "1", "cnt_unt": "盒" }],
        "prescriber": { "drord_dr_codg": "2046", "drord_dr_profttl": "232" },
        "allergies": [], "labs": [],
    });
    let answer = his::post_json(agent.his(), "/v1/checks", &[], &body.to_string());
    answer.expect("the agent answers").json()
}

/// The rules that found something.
fn found(agent: &Agent) -> String {
    let answer = ask(agent);
    let findings = answer["data"]["findings"].as_array().into_iter().flatten();
    findings.filter_map(|it| it["rule_id"].as_str()).collect::<Vec<_>>().join(" ")
}

/// Waits until a line of the past is told.
#[track_caller]
fn wait_for(agent: &Agent) -> String {
    let show = || agent.ask(&["history", "show", "--patient", "CANARY7P"]);
    let is_there = || show().stdout.contains("明细");
    assert!(wait_until(Duration::from_secs(60), is_there), "{}{}", show().stderr, agent.log());
    show().stdout
}

#[track_caller]
fn history(agent: &Agent, arguments: &[&str]) -> String {
    let ran = agent.ask(&[&["history"], arguments].concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.stderr, agent.log());
    ran.stdout
}

fn key_beside(folder: &Path) -> std::path::PathBuf {
    let found = fs::read_dir(folder).expect("the agent's folder").filter_map(Result::ok);
    let mut found = found.map(|it| it.path()).filter(|it| it.is_dir()).collect::<Vec<_>>();
    found.push(folder.to_owned());
    let keys = found.iter().map(|it| it.join("patient.key")).find(|it| it.exists());
    keys.expect("a key's file")
}

/// `YYYYMMDD090000` of today, as the agent's clock has it.
fn today() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let days = (seconds.expect("after 1970").as_secs() + 8 * 3600) / 86_400;
    let (mut year, mut left) = (1970, days);
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year}{month:02}{:02}000000", left + 1)
}
