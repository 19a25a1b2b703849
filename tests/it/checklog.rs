//! What became of a check: the states of its findings, over restarts and kills; the orders that were
//! uploaded; the records at the platform. Answers come by the agent's own door, by 3103 and in a
//! channel's own words.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::command::run;
use tests::his;
use tests::load;
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::process::wait_until;

#[test]
fn a_finding_that_was_answered_for_is_not_shown_again_even_after_a_kill() {
    let mut agent = Agent::start(Setup::files());
    let first = ask(&agent, "P1", "MZ1");
    let id = shown(&first);
    assert_eq!(shown(&ask(&agent, "P1", "MZ1")), id, "the same question has the same finding");
    check(&agent, &json!({ "jr_id": id, "state": "changed" }), "changed recorded");
    assert_eq!(shown(&ask(&agent, "P1", "MZ1")), id, "what is there was not changed");
    let goes_on = json!({ "feedback": [{ "jr_id": id, "state": "continued",
        "dspo_way_rea": "长期外出", "opter": "2046" }] });
    check(&agent, &goes_on, "continued recorded");
    check(&agent, &goes_on, "continued repeated");
    agent.kill();
    agent.start_again();
    let again = ask(&agent, "P1", "MZ1");
    assert_eq!((shown(&again), &again["data"]["acknowledged"]), (String::new(), &json!([id])));
    // Somebody else in the same words, and the same person in another encounter.
    assert_eq!(shown(&ask(&agent, "P2", "MZ1")), id);
    assert_ne!(shown(&ask(&agent, "P1", "MZ2")), id);

    let told = show(&agent, first["data"]["check_id"].as_str().unwrap_or_default());
    for part in ["drug-sex", "长期外出", "2046"] {
        assert!(told.contains(part), "`{part}` is not told:\n{told}");
    }
    assert!(!told.contains("P1"), "a patient's number is told:\n{told}");
    let log = agent.log();
    assert!(!log.contains("P1\"") && !log.contains("MZ1"), "{log}");
}

#[test]
fn answers_are_taken_all_or_none_and_refused_by_name() {
    let agent = Agent::start(Setup::files());
    let id = shown(&ask(&agent, "P1", "MZ1"));
    let void = json!({ "jr_id": id, "state": "voided" });
    let both = json!({ "feedback": [void, { "jr_id": "f00d", "state": "changed" }] });
    check(&agent, &both, "404 13 I110 没有问题 f00d：请发送审查答复里的 jr_id");
    check(
        &agent,
        &json!({ "jr_id": id, "state": "continued" }),
        &format!("422 12 I111 问题 {id}：继续执行须写明原因"),
    );
    check(
        &agent,
        &json!({ "jr_id": id, "state": "self_pay" }),
        &format!(
            "422 12 I111 问题 {id}：转自费须有患者知情同意：cons_flag 为 y，或 consent 为 true"
        ),
    );
    assert_eq!(state(&agent, &id), "open");
    check(&agent, &void, "voided recorded");
    check(
        &agent,
        &json!({ "jr_id": id, "state": "changed" }),
        &format!("409 15 I112 问题 {id} 已作废，不能再处置"),
    );
    assert_eq!(shown(&ask(&agent, "P1", "MZ1")), id, "the order is there again");
    assert_eq!(state(&agent, &id), "open");
}

#[test]
fn the_national_interface_brings_answers_by_3103() {
    let agent = Agent::start(Setup::files());
    let id = shown(&ask(&agent, "P1", "MZ1"));
    national(
        &agent,
        &json!([{ "warn_rslt_id": "f00d", "dspo_way": "2" }]),
        "-1 没有问题 f00d：请发送审查答复里的 jr_id [I110]",
    );
    national(
        &agent,
        &json!({ "warn_rslt_id": id, "dspo_way": 1 }),
        &format!("-1 问题 {id}：继续执行须写明原因 [I111]"),
    );
    national(
        &agent,
        &json!([{ "warn_rslt_id": id, "dspo_way": "1", "dspo_way_rea": "病情需要" }]),
        "0 ",
    );
    assert_eq!(state(&agent, &id), "continued");
    assert!(show(&agent, &id).contains("D1\t-\t3103"), "{}", show(&agent, &id));
}

#[test]
fn a_channel_brings_answers_in_its_own_words() {
    let mut agent = Agent::prepare(Setup {
        sets: Some(String::new()),
        channels: "[[channel]]\nname = \"desk\"\nmappings = [\"desk/\"]\n".to_owned(),
        ..Setup::files()
    });
    fs::create_dir(agent.mappings().join("desk")).expect("our own folder");
    fs::write(agent.mappings().join("desk/feedback.toml"), DESK).expect("our own folder");
    agent.start_again();
    let id = shown(&ask(&agent, "P1", "MZ1"));
    let send = |id: &str| {
        let body = json!({ "answer": { "id": id, "do": "2", "who": "D7" } });
        his::post_json(agent.his(), "/v1/channels/desk/messages", &[], &body.to_string())
            .expect("the agent answers")
    };
    let refused = send("f00d");
    assert_eq!((refused.status, refused.said().code), (404, 13), "{}", refused.text());
    let taken = send(&id);
    assert_eq!(taken.status, 200, "{}", taken.text());
    assert_eq!(taken.json()["data"]["records"][0]["key"], json!(id));
    assert_eq!(state(&agent, &id), "changed");
    assert!(show(&agent, &id).contains("D7\t-\tdesk"), "{}", show(&agent, &id));
}

#[test]
fn whom_nobody_answers_is_ignored_in_time_and_may_still_answer() {
    let agent = Agent::start(with_check("ignored_after_ms = 400"));
    let id = shown(&ask(&agent, "P1", "MZ1"));
    let ignored = || state(&agent, &id) == "ignored";
    assert!(wait_until(Duration::from_secs(20), ignored), "{}", show(&agent, &id));
    check(&agent, &json!({ "jr_id": id, "state": "changed" }), "changed recorded");
    assert!(show(&agent, &id).contains("ignored"), "both are kept: {}", show(&agent, &id));
}

#[test]
fn the_orders_of_a_finding_are_found_when_they_are_uploaded() {
    let mut agent = Agent::start(Setup::files());
    let id = shown(&ask_about(&agent, "P1", "MZ20240515003", "CF202405150007-1"));
    agent.stop();
    agent.start_again();
    let case = Case::of("rows");
    let receipt = load::send(agent.his(), &case.message(), &Obligations::default());
    let mut prescriptions = receipt.records.iter().filter(|it| it.key.contains("CF202405150007"));
    let [first, second] = [prescriptions.next(), prescriptions.next()]
        .map(|it| it.expect("a record for each drug").record_id.clone());
    let linked = || show(&agent, &id).contains(&first);
    assert!(wait_until(Duration::from_secs(10), linked), "{first}\n{}", show(&agent, &id));
    assert!(!show(&agent, &id).contains(&second), "another line: {}", show(&agent, &id));
}

#[test]
fn the_platform_gets_every_check_finding_and_answer_as_valid_records() {
    let mut agent = Agent::start(Setup::files());
    let first = ask(&agent, "P1", "MZ1");
    let id = shown(&first);
    check(
        &agent,
        &json!({ "jr_id": id, "state": "self_pay", "cons_flag": "y" }),
        "self_pay recorded",
    );
    ask(&agent, "P1", "MZ1");
    assert_eq!(checks(&agent, &["list"]).lines().count(), 2, "asking has the log written");
    // What the queue has not had yet is on disk, and goes on at the next start.
    agent.kill();
    agent.start_again();
    let platform = Platform::of_folder(&agent.records());
    let mut delivered = platform.receive(1);
    let all = || {
        agent.await_drained();
        delivered = platform.receive(1);
        delivered.records.len() >= 4
    };
    assert!(wait_until(Duration::from_secs(30), all), "{}", agent.log());
    let told: Vec<String> = delivered
        .records
        .iter()
        .map(|it| {
            let elements: Value = serde_json::from_str(&it.elements).expect("elements are JSON");
            let words = ["outcome", "jr_ids", "ackd_ids", "jr_id", "state", "cons_flag"];
            let words = words.map(|name| elements[name].as_str().unwrap_or("-").replace(&id, "ID"));
            format!("{} {} r{} {}", it.lane, it.entity, it.revision, words.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "checks/MZ1 check_result r1 partial ID - - - -",
            "checks/MZ1 check_finding r1 - - - ID - -",
            "checks/MZ1 check_feedback r1 - - - ID self_pay y",
            "checks/MZ1 check_result r1 partial - ID - - -",
        ]
    );
    assert_eq!(delivered.exit_code, Some(0), "{}", delivered.summary);
    assert_eq!(delivered.summary["rejected"], 0, "{}", delivered.summary);
}

#[test]
fn the_platform_is_told_nothing_when_it_does_not_want_it() {
    let mut agent = Agent::start(with_check("report = false"));
    let id = shown(&ask(&agent, "P1", "MZ1"));
    check(&agent, &json!({ "jr_id": id, "state": "changed" }), "changed recorded");
    assert_eq!(state(&agent, &id), "changed");
    agent.stop();
    agent.start_again();
    assert_eq!(agent.readiness()["outbox"]["next_seq"], 1);
}

#[test]
fn the_deadline_is_told_in_the_log() {
    let agent = Agent::start(Setup::files());
    let body = request("P1", "MZ1", "1").to_string();
    let late = [("X-Deadline-Ms", "0")];
    let answer = his::post_json(agent.his(), "/v1/checks", &late, &body).expect("an answer");
    let id = answer.json()["data"]["check_id"].as_str().unwrap_or_default().to_owned();
    let told = show(&agent, &id);
    assert!(told.contains("degraded") && told.contains("未执行 drug-sex"), "{told}");
    let list = checks(&agent, &["list", "--encounter", "MZ1"]);
    assert_eq!(list.lines().count(), 1, "{list}");
    assert_eq!(checks(&agent, &["list", "--encounter", "MZ9"]), "");
}

/// A HIS's own words for an answer.
const DESK: &str = r#"
[mapping]
name = "desk-feedback"
version = "1"
about = "处置反馈"
when = 'answer'
lane = 'id'

[[record]]
entity = "check_feedback"
each = "answer"

[record.elements]
jr_id = 'id'
dspo_way = 'do'
opter = 'who'
"#;

fn with_check(line: &str) -> Setup {
    Setup { forward: format!("[check]\n{line}\n"), ..Setup::files() }
}

fn ask(agent: &Agent, patient: &str, encounter: &str) -> Value {
    ask_about(agent, patient, encounter, "1")
}

/// A drug for men, for a woman.
#[track_caller]
fn ask_about(agent: &Agent, patient: &str, encounter: &str, line: &str) -> Value {
    let body = request(patient, encounter, line).to_string();
    let answer = his::post_json(agent.his(), "/v1/checks", &[], &body).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn request(patient: &str, encounter: &str, line: &str) -> Value {
    json!({
        "scene": "outpatient",
        "patient": { "patn_id": patient, "gend": "2", "brdy": "19751103" },
        "encounter": { "mdtrt_id": encounter, "med_mdtrt_type": "1", "emer_flag": "0" },
        "diagnoses": [{ "dise_codg": "L64.900", "dise_name": "雄激素性秃发", "maindise_flag": "1" }],
        "orders": [{
            "rx_id": line, "rxno": "CF1", "hosplist_code": "YP000502", "drug_used_sdose": "1",
            "drug_used_dosunt": "粒", "drug_used_frqu": "QD", "medc_days": "7", "cnt": "1",
            "cnt_unt": "盒", "sumamt": "58.80",
        }],
        "prescriber": { "drord_dr_codg": "2046", "drord_dr_profttl": "232" },
        "allergies": [],
    })
}

/// The ids of the findings that the doctor sees.
fn shown(answer: &Value) -> String {
    let findings = answer["data"]["findings"].as_array().into_iter().flatten();
    findings.filter_map(|it| it["jr_id"].as_str()).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(agent: &Agent, feedback: &Value, expected: &str) {
    let answer = his::post_json(agent.his(), "/v1/feedback", &[], &feedback.to_string());
    let answer = answer.expect("the agent answers");
    let said = answer.json();
    let actual = match answer.status {
        200 => {
            let it = &said["data"]["feedback"][0];
            format!(
                "{} {}",
                it["state"].as_str().unwrap_or("-"),
                it["status"].as_str().unwrap_or("-")
            )
        }
        status => {
            let code = said["detail"][0]["code"].as_str().unwrap_or("-");
            format!("{status} {} {code} {}", said["code"], said["message"].as_str().unwrap_or("-"))
        }
    };
    assert_eq!(actual, expected, "{}", answer.text());
}

#[track_caller]
fn national(agent: &Agent, warns: &Value, expected: &str) {
    let body = json!({ "infno": "3103", "opter": "D1",
        "input": { "data": { "warn_type": "1", "warns": warns } } });
    let answer = his::post_json(agent.his(), "/insurance", &[], &body.to_string());
    let said = answer.expect("the agent answers").json();
    let actual = format!("{} {}", said["infcode"], said["err_msg"].as_str().unwrap_or("?"));
    assert_eq!(actual, expected, "{said}");
}

fn state(agent: &Agent, finding: &str) -> String {
    let told: Value =
        serde_json::from_str(&checks(agent, &["show", finding, "--json"])).expect("an object");
    told["trace"][0]["state"].as_str().unwrap_or_default().to_owned()
}

fn show(agent: &Agent, id: &str) -> String {
    checks(agent, &["show", id])
}

#[track_caller]
fn checks(agent: &Agent, arguments: &[&str]) -> String {
    let config = agent.config();
    let mut all = vec!["checks", "--config", config.to_str().expect("a plain name")];
    all.extend(arguments);
    let ran = run(&all);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stderr, agent.log());
    ran.stdout
}
