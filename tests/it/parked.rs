//! Local codes that nobody has mapped: the messages wait, on disk and in their order; the codes are
//! listed once each, mapped by a person, and everything goes on as if it had never waited.
#![allow(clippy::indexing_slicing)] // what is not there fails the proof, as it should

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Message;
use tests::chance::Chance;
use tests::command::{Ran, run};
use tests::his::{Caller, Receipt};
use tests::platform::{Delivered, Platform};
use tests::visit::{self, MAP, visit};

/// Visits, each with its order; 50 codes; one message in ten has a code that is mapped.
const LANES: u64 = 1_000;
const A_LANE: u64 = 10;
const CODES: u64 = 50;

#[test]
fn ten_thousand_messages_wait_for_fifty_codes_and_go_on_in_their_order() {
    let mut agent = agent();
    let promised = send_all(&agent);
    let parked = promised.values().filter(|it| status(it) == "parked").count() as u64;
    assert_eq!(parked, LANES * A_LANE, "each lane begins with an unknown code");

    let listed = listed(&agent);
    assert_eq!(listed["codes"].as_array().map(Vec::len), Some(50));
    assert_eq!((&listed["messages"], &listed["behind"]), (&10_000.into(), &1_000.into()));
    let first = &listed["codes"][0];
    assert_eq!((&first["map"], &first["local"]), (&MAP.into(), &"X00".into()));
    assert_eq!(first["elements"], serde_json::json!(["gend"]));
    let of_code: u64 = listed["codes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["messages"].as_u64())
        .sum();
    assert_eq!(of_code, 9_000);
    assert_eq!(resent(&agent, 0), promised[&0], "a resend of what is parked");

    agent.kill();
    agent.start_again();
    assert_eq!(resent(&agent, 7), promised[&7], "a resend of what is parked, after a kill");

    // Half of the codes: what stands behind the others stays.
    let half: Vec<String> = (0..CODES / 2).map(|it| format!("X{it:02}=1")).collect();
    let ran = codes_map(&agent, &half);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let left = agent.readiness()["outbox"]["parked"].as_u64().unwrap_or_default();
    assert!((5_000..10_000).contains(&left), "{left} left: {}", ran.stdout);
    let told = format!("放行 {} 份，仍在等 {left} 份，转入死信 0 份\n", LANES * A_LANE - left);
    assert_eq!(ran.stdout, told);
    assert_eq!(self::listed(&agent)["codes"].as_array().map(Vec::len), Some(25));

    // The rest from the filled-in table, and a kill while it goes on.
    let table = fill_in(&agent);
    let config = agent.config();
    let mapping = thread::spawn(move || {
        run(&["codes", "map", "--config", text(&config), "--from", text(&table)])
    });
    let mut chance = Chance::seeded("parked");
    agent.await_readiness("releasing", |it| it["outbox"]["parked"].as_u64() < Some(left));
    thread::sleep(chance.pause(Duration::from_millis(300)));
    println!("killed with {} still parked", agent.readiness()["outbox"]["parked"]);
    agent.kill();
    mapping.join().expect("the command ends");
    agent.start_again();
    agent.await_readiness("released", |it| it["outbox"]["parked"] == 0);
    agent.await_drained();
    check(&Platform::of_folder(&agent.records()).receive(promised.len()), &promised);
    assert_eq!(agent.readiness()["outbox"]["dead_letters"], 0);

    // Now that they are known, the same bytes are a resend and nobody waits any more.
    let again = resent(&agent, 3);
    assert_eq!(status(&again), "duplicate");
    assert_eq!(again.records[0].record_id, promised[&3].records[0].record_id);
}

/// Nearly every client writes a new time or GUID around the same records. What differs only in a code that
/// nobody has mapped is no resend, though: it corrects what waits.
#[test]
fn a_resend_in_another_envelope_is_one_and_another_unknown_code_is_none() {
    let mut agent = agent();
    let (first, corrected) = (enveloped("1", "X00"), enveloped("2", "X01"));
    let promised = [answered(&agent, &first), answered(&agent, &corrected)];
    assert_ne!(promised[0].records[0].record_id, promised[1].records[0].record_id);
    agent.kill();
    agent.start_again();
    for guid in ["3", "4"] {
        assert_eq!(answered(&agent, &enveloped(guid, "X00")), promised[0]);
        assert_eq!(answered(&agent, &enveloped(guid, "X01")), promised[1]);
    }
    assert_eq!(agent.readiness()["outbox"]["parked"], 2);
    // Now the first waits no more for a code of its own, and the second still does.
    assert_eq!(codes_map(&agent, &["X01=2".to_owned()]).code, Some(0));
    assert_eq!(answered(&agent, &enveloped("5", "X01")), promised[1], "mapped, behind the first");
    assert_eq!(codes_map(&agent, &["X00=1".to_owned()]).code, Some(0));
    agent.await_drained();
    let delivered = Platform::of_folder(&agent.records()).receive(2);
    let ids: Vec<&str> = delivered.records.iter().map(|it| it.record_id.as_str()).collect();
    assert_eq!(ids, promised.iter().map(|it| it.records[0].record_id.as_str()).collect::<Vec<_>>());
    assert_eq!(agent.readiness()["outbox"]["parked"], 0);
}

/// One and the same visit, with a number of the sending around it.
fn enveloped(guid: &str, sex: &str) -> Message {
    let body = visit("n", "P1", "V1", sex);
    visit::message(format!("<!-- {guid} -->{body}"))
}

fn answered(agent: &Agent, message: &Message) -> Receipt {
    let answer = caller(agent).send(message).expect("the agent answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.said().receipt
}

/// A kill leaves to the kernel what was written; a power cut does not.
#[test]
fn what_was_promised_to_wait_outlives_power_cuts() {
    let mut agent = agent_with(true);
    let mut chance = Chance::seeded("parked-power");
    let (mut promised, mut lost) = (BTreeMap::new(), 0);
    let mut round = 0;
    while round < 6 || (promised.len() <= 60 && round < 60) {
        let his = agent.his();
        // One visit after another, each in its order, until nobody answers any more.
        let line = thread::spawn(move || {
            // The cut may come before it has connected.
            let Ok(mut line) = Caller::connect(his) else { return Vec::new() };
            let mine = (round * LANES..(round + 1) * LANES).map_while(move |n| {
                let answer = line.send(&message(n)).ok()?;
                Some((n, answer.said().receipt))
            });
            mine.collect::<Vec<_>>()
        });
        thread::sleep(chance.pause(Duration::from_millis(600)));
        lost += agent.cut_power();
        promised.extend(line.join().expect("the caller ends"));
        agent.start_again();
        round += 1;
    }
    println!("{} receipts; {lost} bytes that were not synced were thrown away", promised.len());
    assert!(promised.len() > 60 && lost > 0, "too little happened between the cuts");
    let all: Vec<String> = (0..CODES).map(|it| format!("X{it:02}=1")).collect();
    assert_eq!(codes_map(&agent, &all).code, Some(0));
    agent.await_drained();
    let delivered = Platform::of_folder(&agent.records()).receive(promised.len());
    assert_eq!((delivered.exit_code, &delivered.summary["doubles"]), (Some(0), &0.into()));
    let mut ids: Vec<&str> = delivered.records.iter().map(|it| it.record_id.as_str()).collect();
    ids.sort_unstable();
    for receipt in promised.values() {
        let id = receipt.records[0].record_id.as_str();
        assert!(ids.binary_search(&id).is_ok(), "lost: {receipt:?}");
    }
}

#[test]
fn a_wrong_code_writes_nothing_and_says_why() {
    let agent = agent();
    assert_eq!(status(&send(&mut caller(&agent), 0)), "parked");
    let before = fs::read_to_string(agent.mappings().join(MAP)).expect("our own file");
    told(&codes_map(&agent, &["X00=77".to_owned()]), 65, &["`77` is not a code of", "没有写入"]);
    told(&codes_map(&agent, &["男=1".to_owned()]), 65, &["already mapped above"]);
    told(&codes_map(&agent, &["X00".to_owned()]), 64, &["院内代码=标准代码"]);
    let config = agent.config();
    let ran = run(&["codes", "map", "--config", text(&config), "--map", "v/codes/no.csv", "a=1"]);
    told(&ran, 65, &["没有码表 v/codes/no.csv"]);
    assert_eq!(fs::read_to_string(agent.mappings().join(MAP)).expect("our own file"), before);
    assert_eq!(agent.readiness()["outbox"]["parked"], 1);
    let ran = codes_map(&agent, &["X00=1".to_owned()]);
    told(&ran, 0, &["写入 1 条对照"]);
    assert_eq!(ran.stdout, "放行 1 份，仍在等 0 份，转入死信 0 份\n");
}

#[test]
fn without_a_daemon_the_map_is_written_and_the_next_start_releases() {
    let mut agent = agent();
    assert_eq!(status(&send(&mut caller(&agent), 0)), "parked");
    agent.stop();
    told(&codes_map(&agent, &["X00=1".to_owned()]), 69, &["写入 1 条对照", "没有放行", "连不上"]);
    agent.start_again();
    agent.await_readiness("released", |it| it["outbox"]["parked"] == 0);
    agent.await_drained();
    assert_eq!(Platform::of_folder(&agent.records()).receive(1).records.len(), 1);
}

#[test]
fn what_is_refused_once_its_code_is_known_is_a_dead_letter_and_blocks_nobody() {
    let agent = agent();
    let mut caller = caller(&agent);
    for n in [0, 1, 2] {
        assert_eq!(status(&send(&mut caller, n)), "parked");
    }
    // Meanwhile somebody changes the mapping: the first two messages have no date any more.
    let path = agent.mappings().join("v/visit.toml");
    let mapping = fs::read_to_string(&path).expect("our own file");
    let changed = mapping.replace("'time |", "'time | when(id = \"P2\") |");
    assert_ne!(changed, mapping);
    fs::write(&path, changed).expect("our own file");
    let ran = codes_map(&agent, &["X00=1", "X01=1", "X02=1"].map(str::to_owned));
    // Where the daemon sees the mapping before it is told, the two are not this command's.
    assert!(ran.stdout.starts_with("放行 1 份，仍在等 0 份，"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(agent.readiness()["outbox"]["dead_letters"], 2);
}

#[test]
fn shipped_mappings_are_exported_before_they_can_be_mapped() {
    let agent = Agent::start(Setup::files());
    let ran = codes_map(&agent, &["X=1".to_owned()]);
    told(&ran, 78, &["his-agent codes export", "[sets]"]);
    let folder = agent.config().with_file_name("exported");
    told(&run(&["codes", "export", text(&folder)]), 0, &["写入"]);
    let shipped = tests::cases::mappings().join("rows/codes/sex.csv");
    let exported = folder.join("rows/codes/sex.csv");
    assert_eq!(fs::read(shipped).expect("a file"), fs::read(&exported).expect("a file"));
    fs::write(&exported, "mine").expect("our own file");
    told(&run(&["codes", "export", text(&folder)]), 0, &["写入 0 个文件"]);
    assert_eq!(fs::read(&exported).expect("a file"), b"mine");
}

/// Everything promised has arrived once, under its id, and each lane in the order of its sending.
#[track_caller]
fn check(delivered: &Delivered, promised: &BTreeMap<u64, Receipt>) {
    assert_eq!(delivered.exit_code, Some(0), "{}", delivered.summary);
    assert_eq!(delivered.summary["doubles"], 0, "{}", delivered.summary);
    let owner: BTreeMap<&str, u64> =
        promised.iter().map(|(n, it)| (it.records[0].record_id.as_str(), *n)).collect();
    let mut lanes: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for record in &delivered.records {
        let n = owner.get(record.record_id.as_str()).expect("nobody was promised this record");
        assert_eq!(record.message_id, promised[n].message_id);
        assert!(record.elements.contains("\"gend\":\"1\""), "{}", record.elements);
        lanes.entry(&record.lane).or_default().push(*n);
    }
    assert_eq!(lanes.len() as u64, LANES);
    for (lane, messages) in lanes {
        let first = messages[0] / A_LANE * A_LANE;
        assert_eq!(messages, (first..first + A_LANE).collect::<Vec<_>>(), "{lane}");
    }
}

fn agent() -> Agent {
    agent_with(false)
}

fn agent_with(mains: bool) -> Agent {
    visit::agent(Setup { mains, ..Setup::files() })
}

fn caller(agent: &Agent) -> Caller {
    Caller::connect(agent.his()).expect("the agent listens")
}

/// The n-th message: ten a visit, the last of each with a code that is mapped, the others with the
/// fifty codes in turn.
fn message(n: u64) -> Message {
    let (lane, place) = (n / A_LANE, n % A_LANE);
    let unknown = (lane * (A_LANE - 1) + place) % CODES;
    let sex = if place == A_LANE - 1 { "男".to_owned() } else { format!("X{unknown:02}") };
    visit::message(visit("n", &format!("P{n}"), &format!("V{lane}"), &sex))
}

fn send(caller: &mut Caller, n: u64) -> Receipt {
    let answer = caller.send(&message(n)).expect("the agent answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.said().receipt
}

fn resent(agent: &Agent, n: u64) -> Receipt {
    send(&mut caller(agent), n)
}

/// Four callers, each with lanes of its own.
fn send_all(agent: &Agent) -> BTreeMap<u64, Receipt> {
    thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                scope.spawn(move || {
                    let mut line = self::caller(agent);
                    let mine = (0..LANES * A_LANE).filter(|n| n / A_LANE % 4 == caller);
                    mine.map(|n| (n, send(&mut line, n))).collect::<Vec<_>>()
                })
            })
            .collect();
        callers.into_iter().flat_map(|it| it.join().expect("no caller fails")).collect()
    })
}

fn status(receipt: &Receipt) -> &str {
    receipt.records.first().map_or("", |it| it.status.as_str())
}

fn listed(agent: &Agent) -> Value {
    let config = agent.config();
    let ran = run(&["codes", "list", "--json", "--config", text(&config)]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

/// What an implementer does with the table: a standard code in every row.
fn fill_in(agent: &Agent) -> std::path::PathBuf {
    let config = agent.config();
    let ran = run(&["codes", "list", "--csv", "--config", text(&config)]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let rows = ran.stdout.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if cells[2].is_empty() {
            cells[2] = "1";
        }
        cells.join(",") + "\n"
    });
    let table = config.with_file_name("codes.csv");
    fs::write(&table, rows.collect::<String>()).expect("our own folder");
    table
}

fn codes_map(agent: &Agent, codes: &[String]) -> Ran {
    let config = agent.config();
    let mut arguments = vec!["codes", "map", "--config", text(&config), "--map", MAP];
    arguments.extend(codes.iter().map(String::as_str));
    run(&arguments)
}

#[track_caller]
fn told(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    for part in parts {
        assert!(ran.stderr.contains(part), "`{part}` is not told:\n{}", ran.stderr);
    }
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("our folders have plain names")
}
