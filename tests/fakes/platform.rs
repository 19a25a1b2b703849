//! The central platform: runs `his-agent receive` as a process and reads what it kept.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use serde_json::value::RawValue;
use tempfile::TempDir;

use crate::cases::Expected;
use crate::command;
use crate::process::Guard;

/// A receiver with a folder of its own; each run goes on where the last one ended.
#[derive(Debug)]
pub struct Platform {
    out: TempDir,
    from: Vec<OsString>,
}

/// A receiver that runs until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    process: Child,
    _guard: Guard,
}

impl Receiver {
    /// Receives from a queue into a folder, and answers questions about it. It takes records as they
    /// are, so that what was altered on the way is found by the account and not by the dictionary.
    pub fn of_queue(url: &str, queue: &str, out: &Path) -> Receiver {
        let process = Command::new(command::binary())
            .args(["receive", "--no-validation", "--amqp", url, "--queue", queue, "--out"])
            .arg(out)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary can be run");
        let guard = Guard::over(process.id());
        Receiver { process, _guard: guard }
    }
}

impl Drop for Receiver {
    /// As a crash does: what it has acknowledged is on its disk.
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// What the platform has.
#[derive(Debug)]
pub struct Delivered {
    /// How the last run ended: 0 when nothing is missing, rejected or damaged.
    pub exit_code: Option<i32>,
    /// The receiver's own account, `summary.json`.
    pub summary: Value,
    /// Every record, in the order of arrival.
    pub records: Vec<Record>,
}

/// One record, as far as the proofs look at it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id.
    pub record_id: String,
    /// Its number.
    pub seq: u64,
    /// 1 for the first content under its key.
    pub revision: u64,
    /// What kind of record it is.
    pub entity: String,
    /// The channel it came in by.
    pub channel: String,
    /// The encounter.
    pub lane: String,
    /// The message it came in.
    pub message_id: String,
    /// The set that made it.
    pub set: String,
    /// The mapping that made it, with its version.
    pub mapping: String,
    /// The data elements as they were written.
    pub elements: String,
}

impl Platform {
    /// Receives from a queue.
    pub fn of_queue(url: &str, queue: &str) -> Platform {
        let idle = IDLE.as_millis().to_string();
        Platform::new(&["--amqp", url, "--queue", queue, "--idle-ms", &idle])
    }

    /// Receives from a folder of segments.
    pub fn of_folder(folder: &Path) -> Platform {
        Platform::new(&["--files", folder.to_str().expect("our folders have plain names")])
    }

    /// Goes on from a queue in a folder that another run has left.
    pub fn in_folder(url: &str, queue: &str, out: TempDir) -> Platform {
        Platform { out, ..Platform::of_queue(url, queue) }
    }

    /// Where it keeps everything.
    pub fn folder(&self) -> &Path {
        self.out.path()
    }

    /// The account of a day as a file, to be carried to the agent.
    pub fn account(&self, day: &str) -> PathBuf {
        let mut arguments = vec![OsString::from("receive")];
        arguments.extend(self.from.iter().cloned());
        arguments.extend(["--account".into(), day.into()]);
        arguments.extend([OsString::from("--out"), self.out.path().into()]);
        let ran = command::run(&arguments);
        let line = ran.stdout.lines().find(|it| it.contains("account."));
        PathBuf::from(line.unwrap_or_else(|| panic!("no account: {ran:?}")))
    }

    fn new(from: &[&str]) -> Platform {
        let out = TempDir::with_prefix("platform-").expect("the temp folder takes a folder");
        Platform { out, from: from.iter().map(OsString::from).collect() }
    }

    /// Receives until that many records are there, or none has come for half a minute; what is there then
    /// is for the caller to judge.
    pub fn receive(&self, expected: usize) -> Delivered {
        let (mut seen, mut deadline) = (0, Instant::now() + QUIET);
        loop {
            let delivered = self.receive_once();
            let here = delivered.records.len();
            if here > seen {
                (seen, deadline) = (here, Instant::now() + QUIET);
            }
            if here >= expected || Instant::now() > deadline {
                return delivered;
            }
        }
    }

    fn receive_once(&self) -> Delivered {
        let mut arguments = vec![OsString::from("receive")];
        arguments.extend(self.from.iter().cloned());
        arguments.extend([OsString::from("--out"), self.out.path().into()]);
        let ran = command::run(&arguments);
        let summary = fs::read_to_string(self.out.path().join("summary.json"));
        let summary = summary.unwrap_or_else(|error| panic!("no summary: {error}\n{}", ran.stderr));
        let files = files(self.out.path());
        Delivered {
            exit_code: ran.code,
            summary: serde_json::from_str(&summary).expect("the summary is JSON"),
            records: files.iter().flat_map(|it| records(it)).collect(),
        }
    }
}

impl Record {
    /// The part of it that a case can tell; a record does not carry its key.
    pub fn expected(&self) -> Expected {
        Expected {
            entity: self.entity.clone(),
            lane: self.lane.clone(),
            key: String::new(),
            elements: self.elements.clone(),
        }
    }

    fn read(line: &str) -> Record {
        let members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        let raw = |name: &str| members.get(name).map_or("null", |it| it.get());
        let text = |name: &str| serde_json::from_str(raw(name)).unwrap_or_default();
        let number = |name: &str| raw(name).parse().unwrap_or_default();
        Record {
            record_id: text("record_id"),
            seq: number("seq"),
            revision: number("revision"),
            entity: text("entity"),
            channel: text("channel"),
            lane: text("lane"),
            message_id: text("message_id"),
            set: text("set"),
            mapping: text("mapping"),
            elements: raw("elements").to_owned(),
        }
    }
}

fn records(path: &Path) -> Vec<Record> {
    let text = fs::read_to_string(path).expect("the receiver writes UTF-8");
    text.lines().map(Record::read).collect()
}

/// The receiver's record files, a day each, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the receiver's folder")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "ndjson"))
        .filter(|path| path.file_stem().is_some_and(|it| it != "rejected"))
        .collect();
    files.sort();
    files
}

/// How long the queue must have been silent before a run ends.
const IDLE: Duration = Duration::from_secs(1);
/// After so long without another record none is waited for.
const QUIET: Duration = Duration::from_secs(30);
