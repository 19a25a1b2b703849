//! The account with the platform, on a real RabbitMQ: whatever is deleted, doubled or altered between
//! the confirm and the platform's disk is named, record by record and nothing else; the repair leaves
//! nothing; the balanced day is signed on both sides. And the same across a one-way gate, by files.
#![allow(clippy::indexing_slicing)] // what is not there fails the proof, as it should

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::chance::{Chance, is_long};
use tests::day::{today, within_a_day};
use tests::load;
use tests::obligations::Obligations;
use tests::platform::{Platform, Receiver};
use tests::rabbitmq::{RabbitMq, Taken};

/// What was done to whom, by record id.
#[derive(Debug, Default, PartialEq, Eq)]
struct Harm {
    missing: BTreeSet<String>,
    different: BTreeSet<String>,
    unknown: BTreeSet<String>,
    doubled: BTreeSet<String>,
}

#[test]
fn what_was_deleted_doubled_or_altered_at_the_broker_is_named_and_put_right() {
    within_a_day(4);
    let mut chance = Chance::seeded("reconcile");
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    broker.declare_queue("his.control.H99999900001");
    let mut setup = Setup::amqp(&broker.url());
    setup.forward = "batch = \"off\"".to_owned();
    let mut agent = Agent::start(setup);
    let obligations = Obligations::default();
    let out = tempfile::tempdir().expect("a folder");

    let rounds = if is_long() { 20 } else { 2 };
    for round in 0..rounds {
        for n in 0..40 {
            let message = Case::of("platform").numbered(round * 1_000 + n);
            load::send(agent.his(), &message, &obligations);
        }
        agent.await_drained();
        let harm = harm(&broker, &mut chance, 3 + round % 3);
        // What was confirmed is in the account, whatever happens to the agent.
        agent.kill();
        agent.start_again();

        let receiver = Receiver::of_queue(&broker.url(), "platform", out.path());
        let found = reconcile(&agent, &[], 65);
        assert_eq!(harm_in(&found), harm, "{found}");
        let repaired = reconcile(&agent, &["--repair"], 0);
        assert_eq!(harm_in(&repaired), harm, "{repaired}");
        assert_eq!(repaired["repair"]["gone"], Value::Array(Vec::new()), "{repaired}");
        assert_eq!(harm_in(&repaired["left"]), Harm::default(), "{repaired}");
        let after = reconcile(&agent, &[], 0);
        assert_eq!(harm_in(&after), Harm::default(), "{after}");
        assert!(pages_are_equal(&after), "{after}");
        assert_eq!(after["statement"]["platform"], true, "{after}");
        let kept = after["statement"]["file"].as_str().expect("a file");
        let statement = fs::read_to_string(kept).expect("the statement");
        assert!(statement.contains("balanced") && statement.contains("signature"), "{statement}");
        assert_eq!(fs::read_to_string(statement_in(out.path())).expect("theirs"), statement);
        drop(receiver);
    }
    let mut delivered =
        Platform::in_folder(&broker.url(), "platform", out).receive(obligations.count());
    // What was put right came late, with its own number.
    delivered.records.sort_by_key(|it| it.seq);
    obligations.assert_met_by(&delivered);
    assert!(!agent.log().contains("panicked"), "{}", agent.log());
}

#[test]
fn a_platform_that_does_not_answer_is_no_balance() {
    let broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    let agent = Agent::start(Setup::amqp(&broker.url()));
    let ran = agent.ask(&["reconcile", "--day", &today()]);
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.stderr.contains("平台问不到"), "{ran:?}");
}

#[test]
fn across_a_gate_the_account_comes_as_a_file() {
    within_a_day(4);
    let agent = Agent::start(Setup::files());
    let obligations = Obligations::default();
    for n in 0..20 {
        load::send(agent.his(), &Case::of("platform").numbered(n), &obligations);
    }
    agent.await_drained();
    let ran = agent.ask(&["reconcile", "--day", &today()]);
    assert!(ran.code != Some(0) && ran.stderr.contains("--account"), "{ran:?}");

    let platform = Platform::of_folder(&agent.records());
    platform.receive(obligations.count());
    let (lost, altered) = spoil(platform.folder());
    carry_off(&agent.records());
    let account = platform.account(&today());
    let account = account.to_str().expect("a plain name");
    let found = reconcile(&agent, &["--answer", account], 65);
    assert_eq!(harm_in(&found).missing, BTreeSet::from([lost]), "{found}");
    assert_eq!(harm_in(&found).different, BTreeSet::from([altered]), "{found}");
    reconcile(&agent, &["--answer", account, "--repair"], 65);
    let mut delivered = platform.receive(obligations.count());
    delivered.records.sort_by_key(|it| it.seq);
    obligations.assert_met_by(&delivered);
    let account = platform.account(&today());
    let balanced = reconcile(&agent, &["--answer", account.to_str().expect("a plain name")], 0);
    assert!(pages_are_equal(&balanced), "{balanced}");
}

#[test]
fn totals_of_the_his_are_compared_with_what_was_taken_in() {
    within_a_day(4);
    let agent = Agent::start(Setup::files());
    let obligations = Obligations::default();
    for n in 0..5 {
        load::send(agent.his(), &Case::of("platform").numbered(n), &obligations);
    }
    agent.await_drained();
    let records = Platform::of_folder(&agent.records()).receive(obligations.count()).records;
    let entity = &records[0].entity;
    let count = records.iter().filter(|it| it.entity == *entity).count();
    for (told, code) in [(count, 0), (count + 1, 65)] {
        let file = agent.beside("totals.csv");
        fs::write(&file, format!("channel,entity,count\nplatform,{entity},{told}\n"))
            .expect("a file");
        let file = file.to_str().expect("a plain name").to_owned();
        let ran = agent.ask(&["reconcile", "--day", &today(), "--his", &file]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
    }
    let file = agent.beside("totals.csv");
    fs::write(&file, "channel,entity,count\nplatform\n").expect("a file");
    let ran = agent.ask(&["reconcile", "--his", file.to_str().expect("a plain name")]);
    assert!(ran.code != Some(0) && ran.stderr.contains("第 2 行"), "{ran:?}");
}

/// Takes everything out of the queue and puts it back, but for `k` messages that are lost, `k` that come
/// twice and `k` that are changed; of these one says it is another record.
fn harm(broker: &RabbitMq, chance: &mut Chance, k: u64) -> Harm {
    let mut taken: Vec<Taken> = broker.take_all("platform");
    let mut harm = Harm::default();
    let mut chosen: Vec<usize> = Vec::new();
    while (chosen.len() as u64) < 3 * k {
        let one = usize::try_from(chance.below(taken.len() as u64)).expect("an index");
        // A question of the receiver that was killed has no id: it is nobody's record.
        if !chosen.contains(&one) && !field(&taken[one].body, "record_id").is_empty() {
            chosen.push(one);
        }
    }
    for (place, at) in chosen.iter().enumerate() {
        let message = &mut taken[*at];
        let id = field(&message.body, "record_id");
        match place as u64 % 3 {
            0 => {
                message.body.clear();
                harm.missing.insert(id);
            }
            1 => {
                harm.doubled.insert(id);
            }
            _ if place == 2 => {
                let other = format!("{}f", &id[..id.len() - 1]);
                let other = if other == id { id.replace("-7", "-8") } else { other };
                alter(message, &id, &other);
                harm.missing.insert(id);
                harm.unknown.insert(other);
            }
            _ => {
                let lane = field(&message.body, "lane");
                alter(message, &format!("\"lane\":\"{lane}\""), &format!("\"lane\":\"{lane}9\""));
                harm.different.insert(id);
            }
        }
    }
    for message in taken.iter().filter(|it| !it.body.is_empty()) {
        broker.put("platform", message);
        if harm.doubled.contains(&field(&message.body, "record_id")) {
            broker.put("platform", message);
        }
    }
    println!("{} messages, harmed {harm:?}", taken.len());
    harm
}

fn alter(message: &mut Taken, from: &str, to: &str) {
    let text = String::from_utf8(message.body.clone()).expect("JSON");
    assert!(text.contains(from), "{text}");
    message.body = text.replacen(from, to, 1).into_bytes();
    if let Some(id) = message.properties.message_id().as_ref().map(ToString::to_string)
        && id == from
    {
        message.properties = message.properties.clone().with_message_id(to.into());
    }
}

fn field(body: &[u8], name: &str) -> String {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    body[name].as_str().unwrap_or_default().to_owned()
}

/// On the platform's own disk a record is lost and another altered.
fn spoil(folder: &Path) -> (String, String) {
    let files = fs::read_dir(folder).expect("a folder").flatten().map(|it| it.path());
    let file = files
        .into_iter()
        .find(|it| it.extension().is_some_and(|it| it == "ndjson"))
        .expect("a file of records");
    let text = fs::read_to_string(&file).expect("records");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let lost = field(lines.remove(7).as_bytes(), "record_id");
    let altered = field(lines[3].as_bytes(), "record_id");
    lines[3] = lines[3].replacen("\"revision\":1", "\"revision\":2", 1);
    fs::write(&file, lines.join("\n") + "\n").expect("our own file");
    (lost, altered)
}

/// Whoever carries segments across takes them away.
fn carry_off(folder: &Path) {
    for file in fs::read_dir(folder).expect("a folder").flatten().map(|it| it.path()) {
        let name = file.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if !name.starts_with('.') {
            fs::remove_file(&file).expect("our own file");
        }
    }
}

#[track_caller]
fn reconcile(agent: &Agent, more: &[&str], code: i32) -> Value {
    let day = today();
    let ran = agent.ask(&[&["reconcile", "--day", &day, "--json"], more].concat());
    assert_eq!(ran.code, Some(code), "{ran:?}");
    serde_json::from_str(&ran.stdout).expect("JSON")
}

fn harm_in(told: &Value) -> Harm {
    let ids = |kind: &str| {
        let records = told[kind].as_array().expect("a list");
        records.iter().filter_map(|it| it["record_id"].as_str()).map(str::to_owned).collect()
    };
    Harm {
        missing: ids("missing"),
        different: ids("different"),
        unknown: ids("unknown"),
        doubled: ids("doubled"),
    }
}

fn pages_are_equal(told: &Value) -> bool {
    let pages = told["pages"].as_array().expect("pages");
    !pages.is_empty() && pages.iter().all(|it| it["equal"] == true && it["ours"] == it["theirs"])
}

fn statement_in(folder: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(folder).expect("a folder").flatten().map(|it| it.path());
    let is_one = |it: &std::path::PathBuf| {
        it.file_name().and_then(|it| it.to_str()).is_some_and(|it| it.starts_with("statement."))
    };
    files.find(is_one).expect("a statement")
}
