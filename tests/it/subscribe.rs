//! A subscriber gets every record that it wants, in the order of its lanes, over kills of the agent and
//! over its own absence; what it refuses is named, shown, sent again or skipped by command.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::chance::{Chance, is_long};
use tests::load::{self, Load, Patience};
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::process::wait_until;
use tests::subscriber::{Pushed, Subscriber};

#[test]
fn every_record_reaches_a_subscriber_over_kills_in_the_order_of_its_lane() {
    let kills = if is_long() { 60 } else { 8 };
    let mut subscriber = Subscriber::new();
    let mut agent = started(&subscriber, "");
    let obligations = Arc::new(Obligations::default());
    let pause = Duration::from_millis(10);
    let load = Load::start(agent.his(), 3, pause, Patience::UntilAnswered, &obligations);
    let mut chance = Chance::seeded("subscribe");
    for round in 0..kills {
        match round % 4 {
            // Away, there, and there with no wish to take anything.
            0 => subscriber.go(),
            3 => subscriber.answer(503),
            _ => {
                subscriber.answer(200);
                subscriber.come();
                let before = subscriber.taken().len();
                assert!(
                    wait_until(PATIENCE, || subscriber.taken().len() > before + 20),
                    "{}",
                    agent.log()
                );
            }
        }
        thread::sleep(chance.pause(Duration::from_millis(500)));
        agent.kill();
        agent.start_again();
    }
    subscriber.answer(200);
    subscriber.come();
    let tally = load.stop();
    agent.await_readiness("pushed", |it| it["subscriptions"][0]["behind"] == 0);
    agent.await_drained();
    let delivered = Platform::of_folder(&agent.records()).receive(obligations.count());
    obligations.assert_met_by(&delivered);
    // What the platform has, which is what was promised, of the entity that was wanted.
    let wanted = delivered.records.iter().filter(|it| it.entity == WANTED);
    let wanted: BTreeSet<&str> = wanted.map(|it| it.record_id.as_str()).collect();
    let taken = subscriber.taken();
    let came: BTreeSet<&str> = taken.iter().map(|it| it.id.as_str()).collect();
    let doubles = taken.len() - came.len();
    println!(
        "{kills} kills, {} messages, {} records wanted, {doubles} came twice",
        tally.accepted,
        wanted.len()
    );
    assert_eq!(came, wanted, "lost, or not wanted");
    assert!(doubles <= 64 * kills, "{doubles} came twice");
    check_lanes(&taken);
    let said = agent.readiness();
    assert_eq!(
        (&said["subscriptions"][0]["lost"], &said["subscriptions"][0]["set_aside"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn what_keeps_records_waiting_is_told_and_a_person_decides() {
    let mut subscriber = Subscriber::new();
    let agent = started(&subscriber, "timeout_ms = 300");
    let obligations = Obligations::default();
    let first = load::send(agent.his(), &Case::of("cdss").numbered(1), &obligations);
    let stuck = first.records.iter().find(|it| it.entity == WANTED).expect("one is wanted").seq;
    check_list(&agent, "停着", "没有送到：unreachable");
    subscriber.answer(0);
    subscriber.come();
    assert_eq!(ask(&agent, &["retry", "emr"]).0, Some(0));
    check_list(&agent, "停着", "没有送到：late");
    subscriber.answer(503);
    // Who has put something right need not wait for the next try.
    assert_eq!(ask(&agent, &["retry", "emr"]).0, Some(0));
    check_list(&agent, "停着", "答复 503");

    // The one it stands at is set aside, and the others go on.
    assert_eq!(ask(&agent, &["skip", "emr", &stuck.to_string()]).0, Some(64), "without a reason");
    let skip =
        |seq: u64| ask(&agent, &["skip", "emr", &seq.to_string(), "--reason", "对方不收这一条"]);
    let (code, told) = skip(stuck + 1_000);
    assert_eq!(code, Some(64), "{told}");
    assert_eq!(skip(stuck).0, Some(0));
    subscriber.answer(200);
    agent.await_readiness("pushed", |it| it["subscriptions"][0]["behind"] == 0);
    let (_, shown) = ask(&agent, &["show", "emr"]);
    assert!(shown.contains(&format!("{stuck}\t")) && shown.contains("对方不收这一条"), "{shown}");
    assert!(subscriber.taken().iter().all(|it| it.record["seq"] != stuck));

    // Later it wants it after all.
    assert_eq!(ask(&agent, &["retry", "emr"]).0, Some(0));
    let taken = || subscriber.taken().iter().filter(|it| it.record["seq"] == stuck).count();
    let is_sent = wait_until(PATIENCE, || taken() == 1);
    assert!(is_sent, "{} times: {}\n{}", taken(), ask(&agent, &["show", "emr"]).1, agent.log());

    // What it refuses three times is set aside by itself, and let go for good by a person.
    subscriber.answer(422);
    let second = load::send(agent.his(), &Case::of("cdss").numbered(2), &obligations);
    let refused = second.records.iter().find(|it| it.entity == WANTED).expect("one").seq;
    let begun = Instant::now();
    agent.await_readiness("set aside", |it| it["subscriptions"][0]["behind"] == 0);
    // Three records, three tries each: the waits of one are not added to those of the next.
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let (_, shown) = ask(&agent, &["show", "emr"]);
    assert!(shown.contains(&format!("{refused}\t")) && shown.contains("答复 422"), "{shown}");
    let others =
        ask_json(&agent, &["show", "emr", "--json"])["refused"].as_array().map_or(0, Vec::len);
    assert_eq!(skip(refused).0, Some(0));
    let told = ask_json(&agent, &["show", "emr", "--json"]);
    assert_eq!(told["refused"].as_array().map(Vec::len), Some(others - 1), "{told}");
    assert_eq!(told["skipped"], 1, "{told}");
    assert!(agent.tells("I185"), "{}", agent.log());
    assert_eq!(ask(&agent, &["show", "nobody"]).0, Some(64));
}

const WANTED: &str = "outpatient_prescription";

fn started(subscriber: &Subscriber, more: &str) -> Agent {
    let more = format!("entities = [\"{WANTED}\"]\n{more}");
    Agent::start(Setup { channels: subscriber.table("emr", &more), ..Setup::files() })
}

/// The first copies of a lane came in the order of their numbers.
#[track_caller]
fn check_lanes(taken: &[Pushed]) {
    let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
    for it in taken.iter().filter(|it| seen.insert(it.id.clone())) {
        let lane = (it.record["channel"].to_string(), it.record["lane"].to_string());
        let seq = it.record["seq"].as_u64().expect("a number");
        let before = last.insert(lane, seq).unwrap_or(0);
        assert!(before < seq, "{seq} came behind {before} of its lane");
    }
}

/// Waits until the list has a line with both.
#[track_caller]
fn check_list(agent: &Agent, word: &str, reason: &str) {
    let mut told = String::new();
    let met = wait_until(PATIENCE, || {
        told = ask(agent, &["list"]).1;
        told.contains(word) && told.contains(reason)
    });
    assert!(met, "{told}");
}

fn ask(agent: &Agent, arguments: &[&str]) -> (Option<i32>, String) {
    let ran = agent.ask(&[&["subscriptions"], arguments].concat());
    (ran.code, ran.stdout + &ran.stderr)
}

fn ask_json(agent: &Agent, arguments: &[&str]) -> Value {
    serde_json::from_str(&ask(agent, arguments).1).expect("JSON")
}

const PATIENCE: Duration = Duration::from_secs(60);
