//! The promise as a whole, as an engineer of a hospital would try it: the power fails, the disk is full,
//! the broker dies, a byte on the disk flips. Then three commands account for every record that was
//! answered as accepted, and what was lost comes back when the HIS sends it again.
#![allow(clippy::indexing_slicing)] // what is not there fails the proof, as it should

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::agent::{Agent, Setup, copy};
use tests::cases::{Case, Message};
use tests::day::{today, within_a_day};
use tests::his::{self, Receipt};
use tests::platform::{Platform, Receiver};
use tests::rabbitmq::RabbitMq;

#[test]
fn whatever_happens_three_commands_account_for_every_record() {
    within_a_day(6);
    let mut broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    broker.declare_queue("his.control.H99999900001");
    let mut agent = Agent::start(Setup { mains: true, faults: true, ..Setup::amqp(&broker.url()) });
    let mut promised = BTreeMap::new();
    let take =
        |agent: &Agent, numbers: std::ops::Range<u64>, promised: &mut BTreeMap<u64, String>| {
            for message in messages(numbers) {
                note(promised, &send(agent, &message));
            }
        };
    take(&agent, 0..10, &mut promised);
    agent.await_drained();

    // The broker dies: everything is taken in, and the first command says why it waits.
    broker.kill();
    take(&agent, 10..40, &mut promised);
    let told = agent.await_readiness("cut off", |it| it["forward"]["state"] != "open");
    let ran = agent.ask(&["outbox", "status"]);
    let reason = told["forward"]["trouble"]["code"].as_str().expect("a code");
    assert!(ran.stdout.contains("转发\t") && ran.stdout.contains(reason), "{ran:?}");

    // The power fails.
    agent.cut_power();
    agent.start_again();
    // The disk is full: nothing is answered as accepted, and it takes messages again by itself.
    agent.disk().pretend_free(900 << 20);
    agent.await_readiness("short of room", |it| it["room"]["accepting"] == false);
    let refused = his::send(agent.his(), &messages(40..41).remove(0)).expect("an answer");
    assert_eq!(refused.status, 503, "{}", refused.text());
    agent.disk().pretend_free(3_000 << 20);
    agent.await_readiness("taking messages in", |it| it["ready"] == true);
    take(&agent, 40..50, &mut promised);

    // A byte flips on the disk, in a record that waits.
    assert_eq!(agent.stop().code, Some(0), "{}", agent.log());
    let lost = flip_a_byte(&agent);
    check_the_doctor(&agent, &lost);
    agent.start_again();
    broker.start_again();
    agent.await_drained();

    let out = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::of_queue(&broker.url(), "platform", out.path());
    assert_eq!(accounted(&agent), lost, "the letters name what was lost, and nothing else");
    let arrived: BTreeSet<String> =
        promised.iter().filter(|(seq, _)| !lost.contains(seq)).map(|(_, id)| id.clone()).collect();
    assert_eq!(confirmed(&agent), arrived.len() as u64, "the account has all others");
    let about = &promised[lost.first().expect("something was lost")];
    let shown = agent.ask(&["messages", "show", about]);
    assert!(shown.stdout.contains("请 HIS 重送"), "{shown:?}");
    assert!(!shown.stdout.contains("已过保留期"), "{shown:?}");

    // The HIS sends everything again: what was lost comes back under its id, nothing else comes twice.
    let mut again = BTreeMap::new();
    take(&agent, 0..50, &mut again);
    assert_eq!(ids(&again), ids(&promised), "the same records under the same ids");
    let new: BTreeSet<u64> =
        again.keys().filter(|it| !promised.contains_key(it)).copied().collect();
    assert_eq!(new.len(), lost.len(), "{new:?}");
    agent.await_drained();
    assert_eq!(confirmed(&agent), promised.len() as u64);
    drop(receiver);
    let platform = Platform::in_folder(&broker.url(), "platform", out);
    let delivered = platform.receive(promised.len());
    let came: Vec<&str> = delivered.records.iter().map(|it| it.record_id.as_str()).collect();
    let distinct: BTreeSet<String> = came.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!((came.len(), distinct), (promised.len(), ids(&promised)), "each once");
    assert!(!agent.log().contains("panicked"), "{}", agent.log());
}

fn messages(numbers: std::ops::Range<u64>) -> Vec<Message> {
    numbers.map(|it| Case::of("platform").numbered(it)).collect()
}

#[track_caller]
fn send(agent: &Agent, message: &Message) -> Receipt {
    let answer = his::send(agent.his(), message).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.said().receipt
}

fn note(promised: &mut BTreeMap<u64, String>, receipt: &Receipt) {
    promised.extend(receipt.records.iter().map(|it| (it.seq, it.record_id.clone())));
}

fn ids(promised: &BTreeMap<u64, String>) -> BTreeSet<String> {
    promised.values().cloned().collect()
}

/// Flips one byte of the store, such that records are lost; gives the numbers that `verify` names.
#[track_caller]
fn flip_a_byte(agent: &Agent) -> BTreeSet<u64> {
    let store = agent.beside("outbox");
    for file in largest_first(&store) {
        let length = fs::metadata(&file).expect("a file").len();
        for at in (length / 3..length).step_by(997).take(40) {
            let trial = agent.beside("trial");
            copy(&store, &trial);
            flip(&trial.join(file.file_name().expect("a name")), at);
            let lost = lost(&agent.ask(&[
                "outbox",
                "verify",
                "--json",
                "--dir",
                trial.to_str().expect("a plain name"),
            ]));
            fs::remove_dir_all(&trial).expect("our own folder");
            if !lost.is_empty() && lost.len() < 60 {
                flip(&file, at);
                return lost;
            }
        }
    }
    panic!("no byte of the store matters");
}

fn largest_first(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("the store").flatten().map(|it| it.path());
    let is_data = |it: &PathBuf| it.extension().is_some_and(|it| it == "sst" || it == "log");
    let mut files: Vec<PathBuf> = files.filter(is_data).collect();
    files.sort_by_key(|it| std::cmp::Reverse(fs::metadata(it).map_or(0, |it| it.len())));
    files
}

fn flip(file: &Path, at: u64) {
    let mut bytes = fs::read(file).expect("a file");
    bytes[usize::try_from(at).expect("a small file")] ^= 0x10;
    fs::write(file, bytes).expect("a file");
}

#[track_caller]
fn lost(ran: &tests::command::Ran) -> BTreeSet<u64> {
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    let stretches = told["lost"].as_array().into_iter().flatten();
    let number = |it: &Value, name: &str| it[name].as_u64().expect("a number");
    stretches.flat_map(|it| number(it, "first_seq")..=number(it, "last_seq")).collect()
}

/// The doctor's three commands on the stopped agent's store and on a copy of it.
#[track_caller]
fn check_the_doctor(agent: &Agent, expected: &BTreeSet<u64>) {
    let ran = agent.ask(&["outbox", "verify", "--json"]);
    assert_eq!((ran.code, &lost(&ran)), (Some(74), expected), "{ran:?}");
    let file = agent.beside("all.ndjson");
    let ran = agent.ask(&["outbox", "export", file.to_str().expect("a plain name")]);
    assert_eq!(ran.code, Some(74), "{ran:?}");
    let lines = fs::read_to_string(&file).expect("the export");
    let count = |kind: &str| lines.lines().filter(|it| it.contains(kind)).count();
    assert!(count("\"kind\":\"record\"") > 0 && count("\"kind\":\"lost\"") > 0, "{lines}");
    let trial = agent.beside("trial");
    copy(&agent.beside("outbox"), &trial);
    let place = trial.to_str().expect("a plain name");
    let ran = agent.ask(&["outbox", "salvage", "--dir", place]);
    assert!(ran.code == Some(0) && ran.stdout.contains("丢失清单"), "{ran:?}");
    // What is lost stays named in the store that was made of the rest.
    assert_eq!(&lost(&agent.ask(&["outbox", "verify", "--json", "--dir", place])), expected);
    fs::remove_dir_all(&trial).expect("our own folder");
}

/// The second command: the numbers that the dead letters name.
#[track_caller]
fn accounted(agent: &Agent) -> BTreeSet<u64> {
    let ran = agent.ask(&["messages", "list", "--state", "dead", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let letters = ran.stdout.lines().map(|it| serde_json::from_str(it).expect("JSON"));
    let seqs = letters.flat_map(|it: Value| {
        let number = |name: &str| it[name].as_u64().unwrap_or_else(|| panic!("{it}"));
        number("first_seq")..=number("last_seq")
    });
    seqs.collect()
}

/// The third command: how many records both sides have, of a day that balances.
#[track_caller]
fn confirmed(agent: &Agent) -> u64 {
    let ran = agent.ask(&["reconcile", "--day", &today(), "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let pages = told["pages"].as_array().expect("pages");
    assert!(pages.iter().all(|it| it["equal"] == true), "{told}");
    pages.iter().map(|it| it["ours"]["count"].as_u64().expect("a count")).sum()
}
