//! Backups of an agent that works, and machines made of them: what was delivered is not doubled, what was not
//! arrives, no number comes twice, and nothing half-made is ever taken for a backup.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

mod kills;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::chance::{Chance, is_long};
use tests::command;
use tests::day::{today, within_a_day};
use tests::load::{self, Load, Patience};
use tests::obligations::Obligations;
use tests::platform::{Platform, Receiver};
use tests::rabbitmq::RabbitMq;

#[test]
fn a_restored_agent_doubles_nothing_loses_nothing_and_gives_no_number_twice() {
    within_a_day(6);
    let mut broker = RabbitMq::start();
    broker.declare_topology("his.records", "platform");
    broker.declare_queue("his.control.H99999900001");
    let mut agent = Agent::start(Setup::amqp(&broker.url()));
    let obligations = Obligations::default();
    let send = |agent: &Agent, numbers: std::ops::Range<u64>| {
        for n in numbers {
            load::send(agent.his(), &Case::of("platform").numbered(n), &obligations);
        }
    };
    send(&agent, 0..20);
    agent.await_drained();
    broker.stop();
    send(&agent, 20..40);
    let made = agent.ask(&["backup", "create", "--to", text(&agent.beside("backups"))]);
    assert_eq!(made.code, Some(0), "{made:?}\n{}", agent.log());
    let backup = only(&agent.beside("backups"));
    let key = kept_key(&agent);

    // After the backup: what waited is delivered, and more comes and is delivered.
    broker.start_again();
    agent.await_drained();
    send(&agent, 40..60);
    agent.await_drained();
    agent.kill();
    burn(&agent);

    let refused = restore(&agent, &backup, &agent.beside("amqp-url"), &[]);
    assert!(refused.code == Some(78) && refused.stderr.contains("B104"), "{refused:?}");
    let restored = restore(&agent, &backup, &key, &[]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(restored.stdout.contains("等待送出"), "{restored:?}");
    let again = restore(&agent, &backup, &key, &[]);
    assert!(again.code == Some(78) && again.stderr.contains("B105"), "{again:?}");
    agent.start_again();
    agent.await_drained();

    let out = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::of_queue(&broker.url(), "platform", out.path());
    // The platform has what we do not know any more: it is named, and nothing of it is withdrawn.
    let found = reconcile(&agent, &[]);
    assert_eq!(found["unknown"].as_array().map(Vec::is_empty), Some(false), "{found}");
    // What waited came twice, and lies there once.
    assert_eq!(found["doubled"].as_array().map(Vec::is_empty), Some(false), "{found}");
    let repaired = reconcile(&agent, &["--repair"]);
    assert_eq!(repaired["repair"]["withdrawn"], 0, "{repaired}");
    assert!(repaired["repair"]["entered"].as_u64() > Some(0), "{repaired}");
    drop(receiver);
    let platform = Platform::in_folder(&broker.url(), "platform", out);
    let delivered = platform.receive(obligations.count());
    obligations.assert_met_by(&delivered);

    send(&agent, 60..80);
    agent.await_drained();
    let delivered = platform.receive(obligations.count());
    let mut ids = BTreeMap::new();
    for record in &delivered.records {
        let before = ids.insert(record.seq, &record.record_id);
        assert!(before.is_none(), "number {} was given out twice", record.seq);
    }
    assert_eq!(delivered.records.len(), obligations.count());
}

#[test]
fn a_kill_in_the_middle_leaves_nothing_half() {
    let mut chance = Chance::seeded("backup");
    let mut agent = Agent::start(Setup::files());
    let obligations = Arc::new(Obligations::default());
    let key = agent.beside("store.key");
    let mut whole = 0;
    let rounds = if is_long() { 40 } else { 8 };
    for _ in 0..rounds {
        let pause = Duration::from_millis(5);
        let load = Load::start(agent.his(), 2, pause, Patience::UntilAnswered, &obligations);
        thread::scope(|scope| {
            let asking = scope.spawn(|| agent.ask(&["backup", "create"]));
            thread::sleep(Duration::from_millis(chance.below(600)));
            whole += usize::from(asking.is_finished());
            tests::process::signal("KILL", &agent.pid().to_string());
            drop(asking.join());
        });
        agent.kill();
        agent.start_again();
        load.stop();
        for backup in listed(&agent) {
            let ran = command::run(&["backup", "verify", text(&backup), "--key", text(&key)]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
        }
    }
    println!("{whole} of {rounds} backups were ready before the kill");
    let made = agent.ask(&["backup", "create"]);
    assert_eq!(made.code, Some(0), "{made:?}\n{}", agent.log());
    let left: Vec<PathBuf> = entries(&agent.beside("backups"));
    assert_eq!(left.len(), listed(&agent).len(), "nothing but backups: {left:?}");
    assert!(!agent.beside("outbox.backup").exists());
    agent.await_drained();
    obligations.assert_met_by(&Platform::of_folder(&agent.records()).receive(obligations.count()));
}

#[test]
fn by_command_it_is_made_with_and_without_a_daemon() {
    let channels = "[backup]\nat = \"00:00\"\nkeep = 2\n".to_owned();
    let mut agent = Agent::start(Setup { channels, ..Setup::files() });
    load::send(agent.his(), &Case::of("platform").numbered(1), &Obligations::default());
    for _ in 0..3 {
        let made = agent.ask(&["backup", "create"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        thread::sleep(Duration::from_millis(1100));
    }
    // By command nothing goes, and what is fresh is not made again.
    assert_eq!(listed(&agent).len(), 3);
    agent.stop();
    let made = agent.ask(&["backup", "create"]);
    assert_eq!(made.code, Some(0), "without a daemon: {made:?}");
    let told = agent.ask(&["backup", "list"]).stdout;
    assert_eq!(told.lines().count(), 4, "{told}");
    // Nothing is made of a place where no agent has ever been.
    fs::rename(agent.beside("outbox"), agent.beside("gone")).expect("our folder");
    let made = agent.ask(&["backup", "create"]);
    assert!(made.code == Some(74) && made.stderr.contains("还没有发件箱"), "{made:?}");
    assert!(!agent.beside("outbox").exists());
}

fn text(path: &Path) -> &str {
    path.to_str().expect("our folders have plain names")
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder");
    entries.map(|it| it.expect("an entry").path()).collect()
}

fn only(dir: &Path) -> PathBuf {
    let all = entries(dir);
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().expect("one")
}

fn listed(agent: &Agent) -> Vec<PathBuf> {
    let ran = agent.ask(&["backup", "list", "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    let all = told["backups"].as_array().expect("a list");
    all.iter().map(|it| PathBuf::from(it["dir"].as_str().expect("a path"))).collect()
}

/// The key in its safe.
fn kept_key(agent: &Agent) -> PathBuf {
    let safe = agent.beside("safe.key");
    fs::copy(agent.beside("store.key"), &safe).expect("the key");
    safe
}

/// Everything of the agent but what lay elsewhere: backups and the safe.
fn burn(agent: &Agent) {
    for path in entries(agent.config().parent().expect("a folder")) {
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if path.is_dir() && name != "backups" {
            fs::remove_dir_all(&path).expect("our folder");
        } else if path.is_file() && !["safe.key", "amqp-url", "agent.log"].contains(&name) {
            fs::remove_file(&path).expect("our file");
        }
    }
}

fn restore(agent: &Agent, backup: &Path, key: &Path, more: &[&str]) -> command::Ran {
    let words = [&["backup", "restore", text(backup), "--key", text(key)], more].concat();
    agent.ask(&words)
}

fn reconcile(agent: &Agent, more: &[&str]) -> Value {
    let day = today();
    let ran = agent.ask(&[&["reconcile", "--day", &day, "--json"], more].concat());
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}
