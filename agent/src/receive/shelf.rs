//! The receiver's folder: what is written into it, and what is remembered from it.

mod answers;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::answers::Asked;
use super::account::Account;
use super::record::{self, Incoming, Record, Refusal};
use super::summary::{Stream, Summary};
use crate::forward::files::put;

/// The folder and everything seen so far.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    account: Account,
    // Lines by file name, until the next flush.
    unwritten: BTreeMap<String, Vec<u8>>,
    // The account that was asked for last.
    asked: Option<Asked>,
}

/// A line of `rejected.ndjson`.
#[derive(Debug, Serialize, Deserialize)]
struct Rejected {
    reason: String,
    agent: String,
    epoch: String,
    message_id: String,
    seq: Option<u64>,
    body: String,
}

impl Shelf {
    /// Makes the folder if need be, and remembers what its files hold.
    pub(super) fn open(dir: &Path) -> io::Result<Shelf> {
        fs::create_dir_all(dir)?;
        let (dir, account) = (dir.to_owned(), Account::default());
        let mut shelf = Shelf { dir, account, unwritten: BTreeMap::new(), asked: None };
        for entry in fs::read_dir(&shelf.dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            let parts: Vec<&str> = name.split('.').collect();
            match parts.as_slice() {
                [agent, epoch, _day, "ndjson"] => shelf.remember(&path, agent, epoch)?,
                // A torn end is cut off, or the next note would be part of it.
                ["doubles", "jsonl"] => each_line(&path, |_| Ok(()))?,
                ["rejected", "ndjson"] => shelf.remember_rejected(&path)?,
                _ => (),
            }
        }
        Ok(shelf)
    }

    /// Takes a record. False when it was taken before.
    pub(super) fn put_record(&mut self, incoming: &Incoming<'_>, record: &Record<'_>) -> bool {
        let (agent, epoch) = (tame(incoming.agent), tame(incoming.epoch));
        let (id, entity) = (&record.record_id, &record.entity);
        let new = self.account.record(&agent, &epoch, record.seq, id, entity);
        if new {
            let day =
                record.received_at.get(..8).filter(|it| it.bytes().all(|b| b.is_ascii_digit()));
            let name = format!("{agent}.{epoch}.{}.ndjson", day.unwrap_or("undated"));
            self.put_line(name, record.json.as_bytes());
        } else if !incoming.anew {
            self.note_double(&agent, &epoch, record);
        }
        new
    }

    /// Takes a refusal. False when the same was refused before.
    pub(super) fn put_refusal(&mut self, incoming: &Incoming<'_>, refusal: &Refusal) -> bool {
        let (agent, epoch) = (tame(incoming.agent), tame(incoming.epoch));
        let new = self.account.refusal(&agent, &epoch, refusal.seq, &refusal.body);
        if new {
            let rejected = Rejected {
                reason: refusal.reason.clone(),
                agent,
                epoch,
                message_id: incoming.message_id.to_owned(),
                seq: refusal.seq,
                body: refusal.body.clone(),
            };
            let line = serde_json::to_vec(&rejected).expect("texts and numbers are always JSON");
            self.put_line(REJECTED.to_owned(), &line);
        }
        new
    }

    /// Writes and syncs everything taken since the last time.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut made = false;
        for (name, lines) in &self.unwritten {
            let path = self.dir.join(name);
            made |= !path.exists();
            let mut file = OpenOptions::new().create(true).append(true).open(path)?;
            file.write_all(lines)?;
            file.sync_data()?;
        }
        if made {
            File::open(&self.dir)?.sync_all()?;
        }
        self.unwritten.clear();
        Ok(())
    }

    /// Completes the summary and writes it.
    pub(super) fn tell(&self, summary: &mut Summary) -> io::Result<()> {
        summary.distinct = self.account.distinct();
        summary.entities.clone_from(self.account.entities());
        summary.gaps = self.account.gaps();
        let stream = |(agent, epoch, first_seq, last_seq): (&str, &str, u64, u64)| {
            let (agent, epoch) = (agent.to_owned(), epoch.to_owned());
            Stream { agent, epoch, first_seq, last_seq }
        };
        summary.streams = self.account.streams().map(stream).collect();
        put(&self.dir, SUMMARY, &serde_json::to_vec_pretty(summary)?)
    }

    fn put_line(&mut self, name: String, line: &[u8]) {
        let lines = self.unwritten.entry(name).or_default();
        lines.extend_from_slice(line);
        lines.push(b'\n');
    }

    fn remember(&mut self, path: &Path, agent: &str, epoch: &str) -> io::Result<()> {
        let account = &mut self.account;
        each_line(path, |line| match record::read(line) {
            Ok(it) => {
                account.record(agent, epoch, it.seq, &it.record_id, &it.entity);
                Ok(())
            }
            Err(refusal) => Err(refusal.reason),
        })
    }

    fn remember_rejected(&mut self, path: &Path) -> io::Result<()> {
        let account = &mut self.account;
        each_line(path, |line| match serde_json::from_slice::<Rejected>(line) {
            Ok(it) => {
                account.refusal(&it.agent, &it.epoch, it.seq, &it.body);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        })
    }
}

/// Reads a file line by line, and cuts off a last line that has no end: a crash left it.
fn each_line(path: &Path, mut read: impl FnMut(&[u8]) -> Result<(), String>) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    let mut whole_to = 0;
    for number in 1_u64.. {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(());
        }
        if line.pop() != Some(b'\n') {
            return OpenOptions::new().write(true).open(path)?.set_len(whole_to);
        }
        whole_to += length as u64;
        read(&line).map_err(|reason| {
            let place = format!("{}:{number}: {reason}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, place)
        })?;
    }
    Ok(())
}

/// Names come from messages: only what cannot leave the folder goes into a file name.
fn tame(name: &str) -> String {
    let tame = |it: char| if it.is_ascii_alphanumeric() || it == '-' { it } else { '_' };
    let tamed: String = name.chars().take(NAME_CHARS_MAX).map(tame).collect();
    if tamed.is_empty() { "unknown".to_owned() } else { tamed }
}

const REJECTED: &str = "rejected.ndjson";
const SUMMARY: &str = "summary.json";
const NAME_CHARS_MAX: usize = 64;
