//! A real PostgreSQL: a cluster of its own, on a unix socket in its own folder, gone with the value.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// A cluster of its own, on a unix socket in its own folder, gone with this.
#[derive(Debug)]
pub struct Postgres {
    folder: tempfile::TempDir,
    bin: PathBuf,
}

impl Postgres {
    /// A cluster whose texts are UTF-8.
    pub fn start() -> Postgres {
        Postgres::in_encoding("UTF8")
    }

    /// A cluster whose texts are in an encoding; `SQL_ASCII` takes any bytes for text.
    pub fn in_encoding(encoding: &str) -> Postgres {
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
            encoding,
            "--locale=C",
            "--pwfile",
            password.to_str().expect("text"),
        ];
        database.run("initdb", &made);
        database.go();
        database
    }

    /// Starts the stopped server again.
    pub fn go(&self) {
        let place = self.folder.path().display();
        let options = format!("-c listen_addresses= -c unix_socket_directories={place}");
        let log = format!("{place}/log");
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-l", &log, "-o", &options, "start"]);
    }

    /// Stops the server and cuts every connection.
    pub fn halt(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-m", "fast", "stop"]);
    }

    /// Its folder, in which the socket lies.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it is, for a client.
    pub fn url(&self, password: &str) -> String {
        format!("postgres://his:{password}@/postgres?host={}", self.folder.path().display())
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// Runs a statement; the rows of its answer, a line each.
    pub fn ask(&self, statement: &str) -> String {
        let place = self.folder.path().display().to_string();
        let asked = ["-h", &place, "-U", "his", "-d", "postgres", "-Atc", statement];
        self.run("psql", &asked)
    }

    /// Runs statements, to the byte.
    pub fn ask_bytes(&self, statements: &[u8]) -> String {
        let file = self.folder.path().join("ask.sql");
        fs::write(&file, statements).expect("a folder of ours");
        let place = self.folder.path().display().to_string();
        let file = file.display().to_string();
        let asked = [
            "-h",
            &place,
            "-U",
            "his",
            "-d",
            "postgres",
            "-At",
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            &file,
        ];
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
    user("postgres")
}

/// For root, the ids of another user that a server is to run as.
pub(crate) fn user(name: &str) -> Option<(u32, u32)> {
    let status = fs::read_to_string("/proc/self/status").expect("proc");
    let is_root = status.lines().any(|it| it.starts_with("Uid:\t0\t"));
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|it| it.starts_with(&format!("{name}:")))?;
    let mut ids = line.split(':').skip(2).map(|it| it.parse::<u32>().ok());
    let found = (ids.next()??, ids.next()??);
    is_root.then_some(found)
}
