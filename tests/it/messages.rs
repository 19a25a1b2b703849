//! One message's whole journey, over a real run with kills in between: found by time, business key,
//! encounter, patient and state; shown masked and, with a reason, in clear; dead letters edited and
//! sent on, or discarded; delivered records sent once more under the same ids and numbers.
#![allow(clippy::indexing_slicing)] // what is not there fails the proof, as it should

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::command::Ran;
use tests::his::{Answer, Caller};
use tests::platform::Platform;
use tests::process::wait_until;
use tests::rabbitmq::RabbitMq;
use tests::visit::{self, agent, visit};

#[test]
fn every_message_is_found_and_tells_where_it_is() {
    let mut agent = agent(Setup::files());
    assert_eq!(send(&agent, &visit("李建国", "P1", "V1", "男")).status, 200);
    assert_eq!(send(&agent, &visit("王小明", "P2", "V2", "女")).status, 200);
    assert_eq!(send(&agent, &visit("赵六", "P3", "V3", "X")).status, 200);
    assert_eq!(send(&agent, "<a><name>钱七</a>").status, 400);
    agent.await_drained();
    for _ in 0..2 {
        check(&agent, &[], "confirmed confirmed parked dead");
        check(&agent, &["--state", "confirmed"], "confirmed confirmed");
        check(&agent, &["--key", "P1"], "confirmed");
        check(&agent, &["--encounter", "V2"], "confirmed");
        check(&agent, &["--patient", "P2"], "confirmed");
        check(&agent, &["--patient", "P1", "--encounter", "V2"], "");
        check(&agent, &["--key", "P3"], "parked");
        check(&agent, &["--key", "P9"], "");
        check(&agent, &["--channel", "nobody"], "");
        check(&agent, &["--entity", "outpatient_registration"], "confirmed confirmed parked");
        check(&agent, &["--from", "20990101"], "");
        check(&agent, &["--to", "20260101"], "");
        agent.kill();
        agent.start_again();
    }
    let store = agent.beside("outbox");
    for file in fs::read_dir(store).expect("the store").flatten() {
        let bytes = fs::read(file.path()).unwrap_or_default();
        let has = |text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
        let is_log = file.path().extension().is_some_and(|it| it == "log");
        // What the queue holds is its own; no key of ours says who it is about.
        assert!(is_log || !has("m\0P1"), "{}", file.path().display());
    }
}

#[test]
fn a_journey_shows_each_stage_and_hides_who_it_is_about() {
    let agent = agent(Setup::files());
    let receipt = send(&agent, &visit("李建国", "P10086", "V1", "男")).said().receipt;
    agent.await_drained();
    let told = show(&agent, &[&receipt.message_id]);
    assert_eq!(told["state"], "confirmed");
    let raw = &told["raw"][0];
    assert_eq!(
        raw["reading"]["charset"].as_str().map(|it| it.to_lowercase().contains("utf-8")),
        Some(true)
    );
    assert_eq!(
        (&raw["reading"]["format"], &raw["reading"]["mapping"]),
        (&"xml".into(), &"visit".into())
    );
    let record = &told["records"][0];
    assert_eq!(
        (&record["seq"], &record["revision"], &record["state"]),
        (&1.into(), &1.into(), &"confirmed".into())
    );
    assert!(record["confirmed_at"].as_str().is_some_and(|it| it.len() == 14), "{record}");
    assert_eq!(record["record"]["elements"]["psn_name"], "李***国");
    let text = told.to_string();
    assert!(!text.contains("李建国"), "{text}");
    assert!(raw["text"].as_str().is_some_and(|it| it.contains("<name>李***国</name>")), "{raw}");

    // By its record's id it is the same.
    assert_eq!(show(&agent, &[&receipt.records[0].record_id])["message_id"], told["message_id"]);
    let ran = messages(&agent, &["show", &receipt.message_id, "--reveal"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("--reason"), "{ran:?}");
    let clear = show(&agent, &[&receipt.message_id, "--reveal", "--reason", "患者投诉"]);
    assert_eq!(clear["raw"][0]["text"], visit("李建国", "P10086", "V1", "男"));
    assert_eq!(clear["records"][0]["record"]["elements"]["psn_name"], "李建国");
    assert!(agent.tells("a message was shown in clear"), "{}", agent.log());
    let log = agent.log();
    assert!(log.contains("患者投诉"), "{log}");
    assert!(!log.contains("李建国"), "{log}");
    let ran = messages(&agent, &["show", "0199abcd"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("没有报文"), "{ran:?}");
}

#[test]
fn dead_letters_are_edited_and_sent_on_or_discarded_and_nothing_is_forgotten() {
    let mut agent = agent(Setup::files());
    let bad = visit("李建国", "P1", "V1", "男").replace("2026-01-02 08:30:00", "someday");
    let answer = send(&agent, &bad);
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(send(&agent, "<a><name>钱七</a>").status, 400);
    assert_eq!(send(&agent, "<a><name>孙八</a>").status, 400);
    let codes = agent.readiness()["outbox"]["dead_letters_by_cause"].clone();
    let status = messages(&agent, &["status", "--json"]);
    let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
    let unreadable =
        list(&agent, &["--state", "dead"])[1]["code"].as_str().expect("a code").to_owned();
    wait(|| agent.readiness()["outbox"]["dead_letters_by_cause"][&unreadable] == 2, &codes);
    assert!(status["raw"]["keep_days"] == 30, "{status}");

    // As it is, it is refused again and stays.
    let ran = messages(&agent, &["retry", "D1", "--reason", "试试"]);
    assert!(ran.stdout.contains("refused"), "{ran:?}");
    check(&agent, &["--state", "dead"], "dead dead dead");
    let edited = agent.beside("edited.xml");
    fs::write(&edited, visit("李建国", "P1", "V1", "男")).expect("our own folder");
    let edited = edited.to_str().expect("a plain name").to_owned();
    let ran =
        messages(&agent, &["retry", "D1", "--edited", &edited, "--reason", "补了日期", "--json"]);
    assert!(ran.stdout.contains("\"outcome\":\"accepted\""), "{ran:?}");
    agent.await_drained();
    let discard = ["discard", "--code", &unreadable, "--reason", "测试报文"];
    assert_eq!(messages(&agent, &discard).stdout, "已丢弃 2 封\n");
    let ran = messages(&agent, &["discard", "D2", "--reason", "x"]);
    assert!(ran.stderr.contains("没有这封死信"), "{ran:?}");

    agent.kill();
    agent.start_again();
    check(&agent, &[], "discarded discarded discarded confirmed");
    let told = show(&agent, &["D1", "--reveal", "--reason", "核对"]);
    assert_eq!(
        (&told["state"], &told["records"][0]["state"]),
        (&"confirmed".into(), &"confirmed".into())
    );
    let letter = &told["letters"][0];
    assert_eq!((&letter["decision"], &letter["reason"]), (&"retried".into(), &"补了日期".into()));
    assert_eq!(
        (&letter["raw"]["text"], &letter["sent_on_as"]["text"]),
        (&bad.into(), &visit("李建国", "P1", "V1", "男").into())
    );
    let discarded = list(&agent, &["--state", "discarded", "--code", &unreadable]);
    assert_eq!(discarded.len(), 2);
    assert_eq!(discarded[0]["reason"], "测试报文");
    assert_eq!(agent.readiness()["outbox"]["dead_letters"], 0);
    assert_eq!(Platform::of_folder(&agent.records()).receive(1).records.len(), 1);
}

#[test]
fn a_replay_sends_the_same_records_once_more_and_no_old_revision_behind_a_new_one() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    let mut agent = agent(Setup::amqp(&broker.url()));
    let first = send(&agent, &visit("李建国", "P1", "V1", "男")).said().receipt;
    for (patient, sex) in [("P2", "男"), ("P2", "女"), ("P3", "男")] {
        assert_eq!(send(&agent, &visit("王小明", patient, "V2", sex)).status, 200);
    }
    agent.await_drained();
    let platform = Platform::of_queue(&broker.url(), "platform");
    let before = platform.receive(4);
    assert_eq!(before.records.len(), 4);

    let planned = replay(&agent, &["--encounter", "V2", "--dry-run"]);
    assert_eq!((&planned["records"], &planned["superseded"]), (&2.into(), &1.into()), "{planned}");
    assert_eq!(broker.queue_len("platform"), 0, "a dry run has sent something");
    let ran = messages(&agent, &["replay", "--encounter", "V2"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("--reason"), "{ran:?}");

    let begun = replay(&agent, &["--encounter", "V2", "--reason", "平台丢失"]);
    assert_eq!(begun["records"], 2, "{begun}");
    await_done(&agent, 1);
    let all = replay(&agent, &["--key", "P2", "--superseded", "--reason", "核对"]);
    assert_eq!((&all["records"], &all["superseded"]), (&2.into(), &0.into()), "{all}");
    await_done(&agent, 2);
    agent.kill();
    agent.start_again();
    let one = replay(&agent, &[&first.records[0].record_id, "--reason", "核对"]);
    assert_eq!(one["records"], 1, "{one}");
    await_done(&agent, 3);

    broker.await_queue_len("platform", 5);
    // The same ids, so that a receiver that has them drops them.
    // A run of the receiver ends after a moment without a record, and connecting may take that long.
    let mut doubles = 0;
    let are_dropped = || {
        let after = platform.receive(4);
        doubles += after.summary["doubles"].as_u64().unwrap_or_default();
        assert_eq!(after.records.len(), 4, "{}", after.summary);
        doubles >= 5
    };
    assert!(wait_until(Duration::from_secs(60), are_dropped), "{doubles} of 5 came again");
    assert_eq!(doubles, 5);
    // One that has lost all of them gets what was sent, unchanged and in each lane's order.
    let everything = replay(&agent, &["--from", "20260101", "--superseded", "--reason", "重建"]);
    assert_eq!(everything["records"], 4, "{everything}");
    await_done(&agent, 4);
    let anew = Platform::of_queue(&broker.url(), "platform").receive(4);
    let told = |it: &tests::platform::Record| {
        (it.record_id.clone(), it.seq, it.revision, it.elements.clone())
    };
    assert_eq!(
        anew.records.iter().map(told).collect::<Vec<_>>(),
        before.records.iter().map(told).collect::<Vec<_>>()
    );
}

#[test]
fn a_replay_into_files_is_a_segment_of_its_own() {
    let agent = agent(Setup::files());
    let receipt = send(&agent, &visit("李建国", "P1", "V1", "男")).said().receipt;
    agent.await_drained();
    replay(&agent, &[&receipt.message_id, "--reason", "网闸丢失"]);
    await_done(&agent, 1);
    let delivered = Platform::of_folder(&agent.records()).receive(1);
    assert_eq!(
        (delivered.records.len(), &delivered.summary["doubles"]),
        (1, &1.into()),
        "{}",
        delivered.summary
    );
}

/// The states of what a list shows, in its order.
#[track_caller]
fn check(agent: &Agent, filter: &[&str], expected: &str) {
    let found = list(agent, filter);
    let mut states: Vec<&str> = found.iter().filter_map(|it| it["state"].as_str()).collect();
    let order = ["discarded", "confirmed", "parked", "dead"];
    states.sort_by_key(|it| order.iter().position(|state| state == it));
    assert_eq!(states.join(" "), expected, "{filter:?} {found:?}");
}

fn list(agent: &Agent, filter: &[&str]) -> Vec<Value> {
    let ran = messages(agent, &[&["list", "--json"], filter].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout.lines().map(|it| serde_json::from_str(it).expect("a line of JSON")).collect()
}

fn show(agent: &Agent, arguments: &[&str]) -> Value {
    told(&messages(agent, &[&["show", "--json"], arguments].concat()))
}

fn replay(agent: &Agent, arguments: &[&str]) -> Value {
    told(&messages(agent, &[&["replay", "--json"], arguments].concat()))
}

#[track_caller]
fn told(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[track_caller]
fn await_done(agent: &Agent, number: u64) {
    let replays = || told_of(&messages(agent, &["replays", "--json"]));
    wait(|| replays().iter().any(|it| it["replay"] == number && it["state"] == "done"), &replays());
}

fn told_of(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().filter_map(|it| serde_json::from_str(it).ok()).collect()
}

#[track_caller]
fn wait(met: impl Fn() -> bool, about: &impl std::fmt::Debug) {
    for _ in 0..200 {
        if met() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("it did not come to that within 20 s: {about:?}");
}

fn messages(agent: &Agent, arguments: &[&str]) -> Ran {
    agent.ask(&[&["messages"], arguments].concat())
}

fn send(agent: &Agent, body: &str) -> Answer {
    let mut caller = Caller::connect(agent.his()).expect("the agent listens");
    caller.send(&visit::message(body)).expect("the agent answers")
}
