//! The receiver's other end: the records as rows of a real PostgreSQL, each once, and acknowledged only
//! when they are committed.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::command;
use tests::load;
use tests::obligations::Obligations;

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

/// A cluster of its own, on a unix socket in its own folder, gone with this.
struct Postgres {
    folder: tempfile::TempDir,
    bin: PathBuf,
}

impl Postgres {
    fn start() -> Postgres {
        let versions = fs::read_dir("/usr/lib/postgresql").expect("make setup installs PostgreSQL");
        let bins = versions.flatten().map(|it| it.path().join("bin"));
        let bin = bins.filter(|it| it.join("initdb").exists()).max().expect("initdb");
        let folder = tempfile::tempdir().expect("a folder");
        // It refuses to be root.
        if let Some((uid, gid)) = other_user() {
            chown(folder.path(), Some(uid), Some(gid)).expect("to give the folder away");
        }
        let database = Postgres { folder, bin };
        let password = database.folder.path().join("password");
        fs::write(&password, "secret!\n").expect("a file");
        if let Some((uid, gid)) = other_user() {
            chown(&password, Some(uid), Some(gid)).expect("to give the file away");
        }
        let data = database.data();
        let made = [
            "-D",
            &data,
            "-U",
            "his",
            "-A",
            "scram-sha-256",
            "--no-sync",
            "-E",
            "UTF8",
            "--pwfile",
            password.to_str().expect("text"),
        ];
        database.run("initdb", &made);
        let place = database.folder.path().display();
        let options = format!("-c listen_addresses= -c unix_socket_directories={place}");
        let log = format!("{place}/log");
        database.run("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &options, "start"]);
        database
    }

    fn url(&self, password: &str) -> String {
        format!("postgres://his:{password}@/postgres?host={}", self.folder.path().display())
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn ask(&self, statement: &str) -> String {
        let place = self.folder.path().display().to_string();
        let asked = ["-h", &place, "-U", "his", "-d", "postgres", "-Atc", statement];
        self.run("psql", &asked)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(self.bin.join(program));
        command.args(arguments).env("PGPASSWORD", "secret!").current_dir(self.folder.path());
        // A server that inherits our output would keep us waiting for its end.
        if program == "pg_ctl" {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        if let Some((uid, gid)) = other_user() {
            command.uid(uid).gid(gid);
        }
        let ran = command.output().expect("it runs");
        let [out, err] = [ran.stdout, ran.stderr].map(|it| String::from_utf8(it).expect("UTF-8"));
        assert!(ran.status.success(), "{program}: {err}");
        out
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut command = Command::new(self.bin.join("pg_ctl"));
        command.args(["-D", &self.data(), "-m", "immediate", "stop"]).stdout(Stdio::null());
        if let Some((uid, gid)) = other_user() {
            command.uid(uid).gid(gid);
        }
        drop(command.status());
        thread::sleep(Duration::from_millis(100));
    }
}

/// For root, the user that Debian made for the database.
fn other_user() -> Option<(u32, u32)> {
    let status = fs::read_to_string("/proc/self/status").expect("proc");
    let is_root = status.lines().any(|it| it.starts_with("Uid:\t0\t"));
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|it| it.starts_with("postgres:"))?;
    let mut ids = line.split(':').skip(2).map(|it| it.parse::<u32>().ok());
    let found = (ids.next()??, ids.next()??);
    is_root.then_some(found)
}
