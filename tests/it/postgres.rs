//! The receiver's other end: the records as rows of a real PostgreSQL, each once, and acknowledged only
//! when they are committed.

use std::fs;
use std::path::Path;
use std::process::Command;

use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::command;
use tests::load;
use tests::obligations::Obligations;
use tests::postgres::Postgres;

/// The same folder is received three times, once into a database that was down meanwhile: every record is
/// one row, as it was written.
#[test]
fn every_record_is_one_row_as_it_was_written() {
    let agent = Agent::start(Setup::files());
    let obligations = Obligations::default();
    for n in 0..20 {
        load::send(agent.his(), &Case::of("platform").numbered(n), &obligations);
    }
    agent.await_drained();
    let database = Postgres::start();
    let out = tempfile::tempdir().expect("a folder");
    let (code, told) = receive(&agent, out.path(), &database.url("secret%21"));
    assert_eq!(code, Some(0), "{told}");
    check(&database, &obligations, out.path());

    // As after a crash between the folder's sync and the commit: the rows come, though the lines are there.
    database.ask("delete from his_record where seq % 3 = 0");
    let (code, told) = receive(&agent, out.path(), &database.url("secret%21"));
    assert_eq!(code, Some(0), "{told}");
    check(&database, &obligations, out.path());

    let (code, told) = receive(&agent, out.path(), &database.url("wrong"));
    assert_eq!(code, Some(69), "{told}");
    assert!(told.contains("28P01") && !told.contains("wrong"), "{told}");
}

#[track_caller]
fn check(database: &Postgres, obligations: &Obligations, out: &Path) {
    let rows = database.ask("select count(*) from his_record");
    assert_eq!(rows.trim(), obligations.count().to_string());
    let mut stored: Vec<String> =
        database.ask("select doc from his_record").lines().map(str::to_owned).collect();
    let mut written = Vec::new();
    for entry in fs::read_dir(out).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|it| it == "ndjson") {
            let text = fs::read_to_string(path).expect("text");
            written.extend(text.lines().map(str::to_owned));
        }
    }
    stored.sort();
    written.sort();
    assert!(!written.is_empty() && stored == written, "to the byte");
}

fn receive(agent: &Agent, out: &Path, url: &str) -> (Option<i32>, String) {
    let ran = Command::new(command::binary())
        .arg("receive")
        .args(["--postgres", "env:PG_URL"])
        .arg("--files")
        .arg(agent.records())
        .arg("--out")
        .arg(out)
        .env("PG_URL", url)
        .output()
        .expect("it runs");
    let told =
        [ran.stdout, ran.stderr].map(|it| String::from_utf8(it).expect("the commands speak UTF-8"));
    (ran.status.code(), told.join("\n"))
}
