//! The outbox as its users see it. Scripts in, text out; `kill` is a copy of the folder as the
//! process would have left it, opened in its place.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod aside;
mod damage;
mod doctor;
mod formats;
mod kept;
mod lanes;
mod limits;
pub(crate) mod model;
mod names;
mod own_disk;
mod parked;
pub(crate) mod power;
mod promises;
mod room;
mod rot;
mod sealed;
mod shelf;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::store::{Durability, Family};
use super::*;
use crate::envelope::{Draft, Original, Stage, UnknownCode};

#[test]
fn numbers_have_no_gaps_and_resends_get_the_first_receipt() {
    check("append m1 a=1 b=1", "m1: 1 a rev 1 accepted id A, 2 b rev 1 accepted id B");
    check(
        "append m1 a=1 b=1; append m2 a=1 b=1; append m3 c=1",
        "m1: 1 a rev 1 accepted id A, 2 b rev 1 accepted id B
         m1: 1 a rev 1 duplicate id A, 2 b rev 1 duplicate id B
         m3: 3 c rev 1 accepted id C",
    );
}

#[test]
fn other_content_under_the_same_key_is_a_revision() {
    check(
        "append m1 a=1; append m2 a=2; append m3 a=1; append m4 a=3",
        "m1: 1 a rev 1 accepted id A
         m2: 2 a rev 2 accepted id B
         m1: 1 a rev 1 duplicate id A
         m4: 3 a rev 3 accepted id C",
    );
}

/// A view that is read: what was changed back is the newest again, also over a kill, and once.
#[test]
fn a_state_that_was_changed_back_is_a_revision() {
    check(
        "append m1 a=1; append m2 a=2; state 99 m3 a=1; kill; state 99 m4 a=1; append m5 a=2; append m6 a=1",
        "m1: 1 a rev 1 accepted id A
         m2: 2 a rev 2 accepted id B
         m3: 3 a rev 3 accepted id C
         m3: 3 a rev 3 duplicate id C
         m2: 2 a rev 2 duplicate id B
         m3: 3 a rev 3 duplicate id C",
    );
}

/// What a run has taken before a crash comes again, in the order in which it came.
#[test]
fn what_the_same_run_has_taken_is_no_change_back() {
    check(
        "append m1 a=1; state 2 m2 a=2; state 2 m1 a=1; state 2 m2 a=2; state 3 m3 a=1",
        "m1: 1 a rev 1 accepted id A
         m2: 2 a rev 2 accepted id B
         m1: 1 a rev 1 duplicate id A
         m2: 2 a rev 2 duplicate id B
         m3: 3 a rev 3 accepted id C",
    );
}

/// A new line of a visit says of the visit what an earlier line has said.
#[test]
fn beside_something_new_nothing_is_changed_back() {
    check(
        "append m1 v=1 a=1; append m2 v=2 b=1; state 99|v m3 v=1 c=1; state 99|c m4 v=1 c=2",
        "m1: 1 v rev 1 accepted id A, 2 a rev 1 accepted id B
         m2: 3 v rev 2 accepted id C, 4 b rev 1 accepted id D
         m3: 1 v rev 1 duplicate id A, 5 c rev 1 accepted id E
         m4: 1 v rev 1 duplicate id A, 6 c rev 2 accepted id F",
    );
}

/// Many rows tell of one visit: only what is a row's own is changed back by it.
#[test]
fn what_is_not_its_own_a_state_does_not_change_back() {
    let seen = "append m1 v=1@v v|a|1=1@v; append m2 v=2@v v|a|1=2@v";
    let known = "m1: 1 v rev 1 accepted id A, 2 v|a|1 rev 1 accepted id B
         m2: 3 v rev 2 accepted id C, 4 v|a|1 rev 2 accepted id D";
    let line = "m3: 1 v rev 1 duplicate id A, 5 v|a|1 rev 3 accepted id E";
    let visit = "m3: 5 v rev 3 accepted id E, 2 v|a|1 rev 1 duplicate id B";
    let neither = "m1: 1 v rev 1 duplicate id A, 2 v|a|1 rev 1 duplicate id B";
    let own = ["|a|1", "|v|a|1", "|v", "|v|1", "|1|1", "|a|2", "|a|1|I10", ""];
    let told = [line, line, visit, neither, neither, neither, neither, neither];
    for (own, told) in own.into_iter().zip(told) {
        let script = format!("{seen}; state 99{own} m3 v=1@v v|a|1=1@v");
        check(&script, &format!("{known}\n{told}"));
    }
}

/// Two contents under one key in one message: neither is the newest.
#[test]
fn what_says_two_things_of_one_changes_nothing_back() {
    check(
        "append m1 a=1; append m2 a=2; state 99|a m3 a=1 a=2",
        "m1: 1 a rev 1 accepted id A
         m2: 2 a rev 2 accepted id B
         m3: 1 a rev 1 duplicate id A, 2 a rev 2 duplicate id B",
    );
}

/// The last one was refused: what comes back goes out all the same, and a resend of the last as itself.
#[test]
fn a_state_behind_one_that_is_gone() {
    check(
        "append m1 a=1; append m2 a=2; refuse 2; state 99 m3 a=2; refuse 3; state 99 m4 a=1",
        "m1: 1 a rev 1 accepted id A
         m2: 2 a rev 2 accepted id B
         m3: 3 a rev 2 accepted id B
         m4: 4 a rev 3 accepted id C",
    );
}

#[test]
fn a_message_that_is_partly_new_keeps_its_own_id() {
    check(
        "append m1 a=1; append m2 a=1 b=1; append m3 a=1 b=1",
        "m1: 1 a rev 1 accepted id A
         m2: 1 a rev 1 duplicate id A, 2 b rev 1 accepted id B
         m3: 1 a rev 1 duplicate id A, 2 b rev 1 duplicate id B",
    );
}

#[test]
fn doubles_inside_one_message_are_seen() {
    check(
        "append m1 a=1 a=1 a=2; oldest 0",
        "m1: 1 a rev 1 accepted id A, 1 a rev 1 duplicate id A, 2 a rev 2 accepted id B
         1 a=1 rev 1 id A; 2 a=2 rev 2 id B",
    );
}

#[test]
fn a_message_without_records_stores_nothing() {
    check("append m1; status", "m1: \nwaiting 0, cursor 1, next 1, letters 0");
}

#[test]
fn what_is_settled_does_not_come_again() {
    check(
        "append m1 a=1 b=1 c=1; settle 2; oldest 0; settle 1; oldest 0; settle 3; oldest 0; status",
        "m1: 1 a rev 1 accepted id A, 2 b rev 1 accepted id B, 3 c rev 1 accepted id C
         1 a=1 rev 1 id A; 3 c=1 rev 1 id C
         3 c=1 rev 1 id C
         nothing
         waiting 0, cursor 4, next 4, letters 0",
    );
}

#[test]
fn reading_starts_anywhere_even_inside_a_message() {
    check(
        "append m1 a=1 b=1; append m2 c=1; oldest 1; oldest 2; oldest 3; oldest 99",
        "m1: 1 a rev 1 accepted id A, 2 b rev 1 accepted id B
         m2: 3 c rev 1 accepted id C
         2 b=1 rev 1 id B; 3 c=1 rev 1 id C
         3 c=1 rev 1 id C
         nothing
         nothing",
    );
}

#[test]
fn everything_is_there_after_closing_and_after_a_kill() {
    for end in ["reopen", "kill"] {
        check(
            &format!(
                "append m1 a=1 b=1; bury x; {end}; append m2 a=1 b=2; oldest 0; letters; status"
            ),
            "m1: 1 a rev 1 accepted id A, 2 b rev 1 accepted id B
             m2: 1 a rev 1 duplicate id A, 3 b rev 2 accepted id C
             1 a=1 rev 1 id A; 2 b=1 rev 1 id B; 3 b=2 rev 2 id C
             1 x
             waiting 3, cursor 1, next 4, letters 1",
        );
    }
}

#[test]
fn a_clean_end_remembers_what_was_settled() {
    check(
        "append m1 a=1 b=1 c=1; settle 1; settle 3; reopen; oldest 0",
        "m1: 1 a rev 1 accepted id A, 2 b rev 1 accepted id B, 3 c rev 1 accepted id C
         2 b=1 rev 1 id B",
    );
}

#[test]
fn numbers_go_on_when_all_is_settled() {
    check(
        "append m1 a=1; settle 1; reopen; append m2 b=1; reopen; append m3 a=1",
        "m1: 1 a rev 1 accepted id A
         m2: 2 b rev 1 accepted id B
         m1: 1 a rev 1 duplicate id A",
    );
}

#[test]
fn dead_letters_stay_until_they_are_discarded() {
    check(
        "bury x; bury y; bury z; letters; discard 2; discard 2; reopen; letters; bury w; letters; status",
        "1 x; 2 y; 3 z
         discarded
         not there
         1 x; 3 z
         1 x; 3 z; 4 w
         waiting 0, cursor 1, next 1, letters 3",
    );
}

/// A HIS whose program sends the same refused bytes fifty times a second must not fill the disk.
#[test]
fn what_is_refused_again_is_counted_to_its_letter() {
    check(
        "refuse 1501 <a/> x; refuse 1502 <a/> x; refuse 1503 <a/> y; refuse 1504 <b/> x; refuse 1505 <a/> x; \
         letters; copies; reopen; refuse 1506 <a/> x; refuse 1506 <a/> x; copies; \
         discard 1; refuse 1507 <a/> x; refuse 1508 <a/> x; copies; status",
        "1501
         1501
         1503
         1504
         1501
         1 x; 2 y; 3 x
         1 3 times, last 1505 at 20261122101505; 2 1 times, last 1503 at 20261122101503; 3 1 times, last 1504 at 20261122101504
         1501
         1501
         1 4 times, last 1506 at 20261122101506; 2 1 times, last 1503 at 20261122101503; 3 1 times, last 1504 at 20261122101504
         discarded
         1507
         1507
         2 1 times, last 1503 at 20261122101503; 3 1 times, last 1504 at 20261122101504; 4 2 times, last 1508 at 20261122101508
         waiting 0, cursor 1, next 1, letters 3",
    );
}

#[test]
fn an_envelope_carries_all_of_its_record() {
    let mut house = House::new();
    let receipt = house.append("m1", &["a=1"]).unwrap();
    let envelope = house.outbox().oldest(0, 9, usize::MAX).unwrap().remove(0);
    let body: serde_json::Value = serde_json::from_slice(&envelope.body).unwrap();
    assert_eq!(body["record_id"], receipt.records[0].record_id);
    assert_eq!((&body["seq"], &body["revision"]), (&1.into(), &1.into()));
    assert_eq!(body["value"], "1");
    assert_eq!(envelope.digest, "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b");
    let words = [&envelope.org, &envelope.channel, &envelope.lane, &envelope.schema];
    assert_eq!(words, ["H1", "rx", "lane", "2024.1"]);
    let words = [&envelope.entity, &envelope.key, &envelope.message_id, &envelope.received_at];
    assert_eq!(words, ["fee", "a", "m1", "20261122101530"]);
}

#[test]
fn epoch_stays_with_the_store() {
    let mut house = House::new();
    let epoch = house.outbox().epoch().to_owned();
    house.reopen();
    assert_eq!(house.outbox().epoch(), epoch);
    assert_ne!(House::new().outbox().epoch(), epoch);
}

#[test]
fn folders_above_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("var/lib/agent/outbox");
    drop(Outbox::open(&deep, &Options::default()).unwrap());
    assert!(deep.join("CURRENT").is_file());
}

/// Runs a script; blanks at the start of the expected lines do not count.
#[track_caller]
fn check(script: &str, expected: &str) {
    let mut house = House::new();
    let actual: Vec<String> =
        script.split("; ").filter_map(|command| house.obey(command)).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    let actual: Vec<&str> = actual.iter().map(|line| line.trim()).collect();
    assert_eq!(actual, expected, "{script}");
}

/// An outbox in a folder of its own, and one who talks to it.
pub(crate) struct House {
    dir: TempDir,
    folder: PathBuf,
    generation: u32,
    options: Options,
    open: Option<(Outbox, WriterHandle)>,
    runtime: Runtime,
    /// Ids as letters, in order of appearance.
    names: HashMap<String, char>,
    /// What comes around the records of each message.
    envelope: String,
}

impl House {
    fn new() -> House {
        House::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> House {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("0");
        let open = Some(Outbox::open(&folder, &options).unwrap());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (names, envelope) = (HashMap::new(), String::new());
        House { dir, folder, generation: 0, options, open, runtime, names, envelope }
    }

    pub(crate) fn outbox(&self) -> Outbox {
        self.open.as_ref().unwrap().0.clone()
    }

    fn obey(&mut self, command: &str) -> Option<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["append", message, records @ ..] => {
                let receipt = self.append(message, records).unwrap();
                Some(self.receipt_text(&receipt))
            }
            // The state of a source, newer than what has a number below this one, and what it knows it by.
            ["state", since, message, records @ ..] => {
                let submission = submission(message, records);
                let mut words = since.split('|').map(str::to_owned);
                let since = words.next().unwrap().parse().unwrap();
                let outbox = self.outbox();
                let state = outbox.append_state(submission, State { since, own: words.collect() });
                let receipt = self.runtime.block_on(state).unwrap();
                Some(self.receipt_text(&receipt))
            }
            ["park", message, code, records @ ..] => {
                let receipt = self.park(message, code, records).unwrap();
                Some(self.receipt_text(&receipt))
            }
            ["release", number, outcome @ ..] => {
                self.release(number.parse().unwrap(), outcome);
                None
            }
            ["parked"] => Some(self.parked_text()),
            ["envelope", text] => {
                (*text).clone_into(&mut self.envelope);
                None
            }
            ["settle", seqs @ ..] => {
                let seqs: Vec<u64> = seqs.iter().map(|seq| seq.parse().unwrap()).collect();
                self.outbox().settle(&seqs).unwrap();
                None
            }
            ["oldest", after] => {
                let found = self.outbox().oldest(after.parse().unwrap(), 99, usize::MAX).unwrap();
                Some(self.envelopes_text(&found))
            }
            ["bury", reason] => {
                self.runtime.block_on(self.outbox().bury(letter_with(reason))).unwrap();
                None
            }
            ["refuse", seq] => {
                let (outbox, seq) = (self.outbox(), seq.parse().unwrap());
                let about = DeadLetter { stage: Stage::Forward, ..letter_with("F203") };
                self.runtime.block_on(outbox.refuse(seq, about)).unwrap();
                None
            }
            // A message that was refused: its id, its bytes, why.
            ["refuse", message, raw, reason] => {
                let letter = DeadLetter {
                    message_id: (*message).to_owned(),
                    received_at: format!("2026112210{message}"),
                    raw: raw.as_bytes().to_vec(),
                    ..letter_with(reason)
                };
                Some(self.runtime.block_on(self.outbox().bury(letter)).unwrap())
            }
            ["copies"] => Some(copies_text(&self.outbox())),
            ["discard", id] => {
                let id = id.parse().unwrap();
                let there = self.runtime.block_on(self.outbox().discard_dead_letter(id)).unwrap();
                Some(if there { "discarded" } else { "not there" }.to_owned())
            }
            ["letters"] => Some(letters_text(&self.outbox())),
            ["status"] => Some(status_text(&self.outbox())),
            ["reopen"] => {
                self.reopen();
                None
            }
            ["kill"] => {
                self.kill();
                None
            }
            // Back to the release before, which has it open meanwhile.
            ["back"] => {
                self.close();
                to_earlier_format(&self.folder, &self.options).unwrap();
                self.start();
                None
            }
            ["hide", steps] => {
                self.hide(steps.parse().unwrap());
                None
            }
            _ => panic!("no such command: {command}"),
        }
    }

    /// So many steps, a week after this release has first seen the store.
    fn hide(&mut self, steps: usize) {
        names::see(&self.outbox());
        for _ in 0..steps {
            names::step(&self.outbox());
        }
    }

    fn append(&mut self, message: &str, records: &[&str]) -> Result<Receipt, StoreError> {
        let submission = self.enveloped(submission(message, records));
        self.runtime.block_on(self.outbox().append(submission))
    }

    fn park(&mut self, message: &str, code: &str, records: &[&str]) -> Result<Receipt, StoreError> {
        let submission = self.enveloped(submission_with(message, records, code));
        let unknown = vec![unknown(code)];
        self.runtime.block_on(self.outbox().park(submission, unknown))
    }

    fn enveloped(&self, mut submission: Submission) -> Submission {
        let raw = [self.envelope.as_bytes(), &submission.original.raw].concat();
        submission.original.raw = raw.into();
        submission
    }

    fn close(&mut self) {
        let (_, handle) = self.open.take().unwrap();
        self.runtime.block_on(handle.close()).unwrap();
    }

    fn start(&mut self) {
        self.open = Some(Outbox::open(&self.folder, &self.options).unwrap());
    }

    fn reopen(&mut self) {
        self.close();
        self.start();
    }

    /// Goes on with what a process killed at this moment would have left.
    fn kill(&mut self) {
        self.generation += 1;
        let next = self.dir.path().join(self.generation.to_string());
        copy_folder(&self.folder, &next);
        self.open = None;
        self.folder = next;
        self.start();
    }

    fn name_of(&mut self, record_id: &str) -> char {
        let next = char::from(b'A' + u8::try_from(self.names.len()).unwrap());
        *self.names.entry(record_id.to_owned()).or_insert(next)
    }

    fn receipt_text(&mut self, receipt: &Receipt) -> String {
        let records: Vec<String> = receipt
            .records
            .iter()
            .map(|it| {
                let name = self.name_of(&it.record_id);
                format!("{} {} rev {} {} id {name}", it.seq, it.key, it.revision, it.status)
            })
            .collect();
        format!("{}: {}", receipt.message_id, records.join(", "))
    }

    fn envelopes_text(&mut self, envelopes: &[Envelope]) -> String {
        let mut out = String::new();
        for it in envelopes {
            let body: serde_json::Value = serde_json::from_slice(&it.body).unwrap();
            let (value, name) = (body["value"].as_str().unwrap(), self.name_of(&it.record_id));
            let separator = if out.is_empty() { "" } else { "; " };
            write!(out, "{separator}{} {}={value} rev {} id {name}", it.seq, it.key, it.revision)
                .unwrap();
        }
        if out.is_empty() { "nothing".to_owned() } else { out }
    }
}

fn letters_text(outbox: &Outbox) -> String {
    let letters = outbox.dead_letters(0, 99).unwrap();
    for (id, letter) in &letters {
        assert_eq!(outbox.dead_letter(*id).unwrap().as_ref(), Some(letter));
    }
    let texts: Vec<String> = letters.iter().map(|(id, it)| format!("{id} {}", it.reason)).collect();
    texts.join("; ")
}

fn copies_text(outbox: &Outbox) -> String {
    let letters = outbox.dead_letters(0, 99).unwrap();
    let text = |(id, letter): &(u64, DeadLetter)| match outbox.copies(*id, letter).unwrap() {
        Some(it) => format!("{id} {} times, last {} at {}", it.times, it.last_id, it.last_at),
        None => format!("{id} uncounted"),
    };
    letters.iter().map(text).collect::<Vec<_>>().join("; ")
}

fn status_text(outbox: &Outbox) -> String {
    let it = outbox.status();
    assert_eq!(it.waiting, outbox.depth());
    assert_eq!(outbox.oldest_seq(), (it.waiting > 0).then_some(it.cursor));
    assert_eq!(it.bytes.unwrap() > 0, it.waiting > 0);
    format!(
        "waiting {}, cursor {}, next {}, letters {}",
        it.waiting, it.cursor, it.next_seq, it.dead_letters
    )
}

fn unknown(code: &str) -> UnknownCode {
    UnknownCode {
        map: "rx/codes/frequency.csv".to_owned(),
        code: code.to_owned(),
        element: "used_frqu".to_owned(),
    }
}

/// A message whose records have a code that nobody has mapped, as the pipeline makes it: what they are
/// hangs on the code too.
fn submission_with(message: &str, records: &[&str], code: &str) -> Submission {
    let mut submission = submission(message, records);
    for draft in &mut submission.drafts {
        draft.digest = Sha256::new_with_prefix(draft.digest).chain_update(code).finalize().into();
    }
    submission
}

/// A message with records `key=value`, or `key=value@lane`.
pub(crate) fn submission(message: &str, records: &[&str]) -> Submission {
    let drafts = records.iter().map(|record| {
        let (record, lane) = record.split_once('@').unwrap_or((record, "lane"));
        let (key, value) = record.split_once('=').unwrap();
        let tail = format!(r#""entity":"fee","value":"{value}","findings":[]"#);
        let digest = Sha256::digest(value).into();
        Draft::new("fee".to_owned(), lane.to_owned(), key.to_owned(), digest, tail)
    });
    Submission {
        channel: "rx".into(),
        message_id: message.to_owned(),
        received_at: "20261122101530".to_owned(),
        org: "H1".into(),
        schema: "2024.1".into(),
        original: Original { raw: records.join(" ").into(), ..Original::default() },
        drafts: drafts.collect(),
    }
}

fn letter_with(reason: &str) -> DeadLetter {
    DeadLetter {
        message_id: "m".to_owned(),
        channel: "rx".to_owned(),
        received_at: "20261122101530".to_owned(),
        stage: Stage::Decode,
        code: "D101".to_owned(),
        reason: reason.to_owned(),
        detail: "[]".to_owned(),
        raw: vec![0xff, 0x00],
        content_type: Some("text/xml".to_owned()),
    }
}

/// Copies a folder as it is at one moment. RocksDB may merge tables meanwhile, so that what was
/// copied early does not fit what was copied late; then it is done over.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    loop {
        let before = tables_of(from);
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            // A file that has just gone shows in the comparison below.
            drop(fs::copy(entry.path(), to.join(entry.file_name())));
        }
        if before == tables_of(from) {
            return;
        }
        fs::remove_dir_all(to).unwrap();
    }
}

/// The names of all files, and the size of the manifest, which grows whenever the tables change.
fn tables_of(folder: &Path) -> Vec<(String, u64)> {
    let mut tables: Vec<(String, u64)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let manifest = name.starts_with("MANIFEST");
            (name, if manifest { entry.metadata().map_or(0, |it| it.len()) } else { 0 })
        })
        .collect();
    tables.sort();
    tables
}
