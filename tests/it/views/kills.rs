//! Every row once, and every refused row one dead letter, while the agent and its worker are killed again
//! and again: by a watermark and by comparison, on both databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::chance::Chance;
use tests::mariadb::Mariadb;
use tests::platform::{Platform, Record};
use tests::postgres::Postgres;
use tests::process::wait_until;

use super::{
    WATERMARK, backticks, check_once, insert, mariadb, number, prescriptions, row, setup, setup_of,
    table, values, worker,
};

/// Fifty rows have one time each; some come late, under times that were read already.
#[test]
fn every_row_comes_once_by_its_watermark() {
    let his = Postgres::start();
    his.ask(&table("cf", "TIMESTAMP(6)"));
    let lines = "page_rows = 37\noverlap = 3600\nsweep = 7200";
    let records = outlive("views", setup(&his, "cf", lines), |batch| {
        insert(&his, "cf", rows(batch, &minute(batch)));
    });
    check_once(&records, (0..BATCHES * 50).filter(|it| !is_refused(*it)));
}

#[test]
fn every_row_comes_once_by_its_watermark_from_mariadb() {
    let his = filled("DATETIME(6)");
    let lines = "page_rows = 37\noverlap = 3600\nsweep = 7200";
    let setup = setup_of(&mariadb(&his), "table = \"cf\"", WATERMARK, lines);
    let records = outlive("views of MariaDB", setup, |batch| {
        take(&his, &rows(batch, &minute(batch)));
    });
    check_once(&records, (0..BATCHES * 50).filter(|it| !is_refused(*it)));
}

/// No column tells what is new, and some rows change after they came: the change comes once as well, and
/// nothing of before comes behind it.
#[test]
fn a_view_that_is_compared_gives_every_content_once() {
    let his = filled("BIGINT");
    let known_by = "key = [\"处方号\", \"序号\"]";
    let setup = setup_of(&mariadb(&his), "table = \"cf\"", known_by, "page_rows = 37");
    let changed = |batch: u32| batch * 50 + 3;
    let records = outlive("compared views", setup, |batch| {
        take(&his, &rows(batch, &batch.to_string()));
        if batch > 0 {
            let change = "UPDATE cf SET `数量` = '7' WHERE `处方号` =";
            his.ask("utf8mb4", format!("{change} 'CF{}'", changed(batch - 1)).as_bytes());
        }
    });
    let mut came: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for record in prescriptions(&records) {
        let elements: Value = serde_json::from_str(&record.elements).expect("JSON");
        came.entry(number(record)).or_default().push(elements["cnt"].to_string());
    }
    let wanted: Vec<u32> = (0..BATCHES * 50).filter(|it| !is_refused(*it)).collect();
    assert_eq!(came.keys().copied().collect::<Vec<_>>(), wanted);
    for (row, contents) in came {
        let is_changed = row % 50 == 3 && row < changed(BATCHES - 1);
        let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
        // One that was changed before it was ever read has its last content only.
        let is_right = match &*contents {
            ["1.5"] => !is_changed,
            ["1.5", "7.0"] | ["7.0"] => is_changed,
            _ => false,
        };
        assert!(is_right, "row {row}: {contents:?}");
    }
}

/// What an agent took that was killed between the batches and in the midst of them.
fn outlive(seed: &str, setup: Setup, mut feed: impl FnMut(u32)) -> Vec<Record> {
    let mut agent = Agent::start(setup);
    let platform = Platform::of_folder(&agent.records());
    let mut chance = Chance::seeded(seed);
    let mut kills = 0;
    for batch in 0..BATCHES {
        feed(batch);
        thread::sleep(chance.pause(Duration::from_millis(400)));
        match chance.below(3) {
            0 => {
                agent.kill();
                agent.start_again();
                kills += 1;
            }
            1 => kills += u32::from(kill_worker(&agent)),
            _ => {}
        }
    }
    println!("{seed}: {} rows, {kills} kills", BATCHES * 50);
    assert!(kills > 3, "too few kills: {kills}");
    settled(&agent, &platform)
}

/// Everything that came, once nothing more comes.
fn settled(agent: &Agent, platform: &Platform) -> Vec<Record> {
    let refused = (0..BATCHES * 50).filter(|it| is_refused(*it)).count();
    let dead = Value::from(refused);
    let taken = usize::try_from(BATCHES * 50).expect("small") - refused;
    agent.await_readiness("taken", |it| {
        it["outbox"]["next_seq"].as_u64() > u64::try_from(taken * 3).ok()
    });
    agent.await_readiness("refused", |it| it["outbox"]["dead_letters"] == dead);
    // The second run that ends from now on has begun behind the last change.
    for _ in 0..2 {
        let before = agent.readiness()["views"]["his"]["last_run"].clone();
        agent.await_readiness("another run", |it| it["views"]["his"]["last_run"] != before);
    }
    // Some runs more: what is known stays known.
    let taken = agent.readiness()["outbox"]["next_seq"].clone();
    thread::sleep(Duration::from_secs(2));
    let said = agent.readiness();
    assert_eq!(said["outbox"]["next_seq"], taken, "what is known comes again");
    assert_ne!(said["views"]["his"]["state"], "stopped", "{said}");
    assert_eq!(said["outbox"]["dead_letters"], dead);
    agent.await_drained();
    for name in ["李建国", "secret!"] {
        assert!(!agent.log().contains(name), "{name} is in the log");
    }
    platform.receive(1).records
}

fn kill_worker(agent: &Agent) -> bool {
    let worker = worker(agent);
    if let Some(worker) = worker {
        // It may have ended meanwhile.
        let killing =
            Command::new("kill").args(["-9", &worker.to_string()]).stderr(Stdio::null()).status();
        drop(killing);
        let gone = || !Path::new(&format!("/proc/{worker}")).exists();
        assert!(wait_until(Duration::from_secs(10), gone), "it is not waited for");
    }
    worker.is_some()
}

/// The rows of a batch; a few are refused, to show that no dead letter is written twice.
fn rows(batch: u32, watermark: &str) -> Vec<String> {
    let rows = (0..50).map(|it| batch * 50 + it);
    rows.map(|it| row(it, watermark, if is_refused(it) { "x" } else { "1.50" })).collect()
}

fn is_refused(row: u32) -> bool {
    row % 40 == 7
}

/// The time that a batch is under; every fourth comes half an hour late.
fn minute(batch: u32) -> String {
    let late = u32::from(batch % 4 == 3) * 30;
    let minutes = batch - late.min(batch);
    format!("TIMESTAMP '2026-11-22 10:{minutes:02}:00.000001'")
}

/// A server with the table, and nothing in it.
fn filled(watermark: &str) -> Mariadb {
    let his = Mariadb::start();
    his.ask(
        "utf8mb4",
        format!("{} CHARACTER SET gbk", backticks(&table("cf", watermark))).as_bytes(),
    );
    his
}

fn take(his: &Mariadb, rows: &[String]) {
    let rows: String = rows.iter().map(|it| backticks(&values(it))).collect();
    his.ask("utf8mb4", format!("BEGIN;{rows}COMMIT;").as_bytes());
}

const BATCHES: u32 = 24;
