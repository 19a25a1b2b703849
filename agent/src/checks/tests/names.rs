//! Keys say nothing of encounters and lines, and a store of an earlier release is read all the same.

use serde_json::json;

use super::*;
use crate::checks::links::{Link, Uploaded};
use crate::outbox::Change;
use crate::patient_key::PatientKey;

#[test]
fn no_key_says_which_encounter_or_line() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = opened(outbox.clone());
    log.append(&[shown("F1")], None).unwrap();
    log.link(&Uploaded { lines: vec![("MZ1".to_owned(), link("RX1"))] }).unwrap();
    assert_eq!(known(&log), "F1: RX1 in R1");
    assert!(log.may_have_findings("MZ1") && !log.may_have_findings("MZ2"));
    assert_eq!(keys_with(&outbox, &["MZ1", "RX1"]), 0);
    drop(writer);
}

/// As it was written before: the number of the encounter in the key, and that of the line.
#[test]
fn a_store_of_an_earlier_release_gets_the_keys_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = opened(outbox.clone());
    log.append(&[shown("F1")], None).unwrap();
    let [from, end] = [b"g", b"h"];
    outbox.shelve(&[Change::RemoveRange(from.to_vec(), end.to_vec())]).unwrap();
    let mut old = vec![
        Change::Put(b"eMZ1\0F1".to_vec(), Vec::new()),
        Change::Put(b"lMZ1\0RX1\0R1".to_vec(), serde_json::to_vec(&link("RX1")).unwrap()),
        Change::Put(b"e\xff".to_vec(), Vec::new()),
    ];
    // More than one change holds.
    old.extend((0..2_500).map(|at| Change::Put(format!("eMZ2\0F{at}").into_bytes(), Vec::new())));
    outbox.shelve(&old).unwrap();
    for _ in 0..2 {
        let log = opened(outbox.clone());
        rekey_all(&log);
        assert_eq!(known(&log), "F1: RX1 in R1");
        assert!(log.may_have_findings("MZ1"));
        assert_eq!(log.findings_of("MZ2").unwrap().len(), 2_500);
        assert_eq!(keys_with(&outbox, &["MZ1", "MZ2", "RX1"]), 0);
    }
    // With another key nothing is found, and nothing is mistaken for something else.
    let other = PatientKey::open(&folder.path().join("other.key")).unwrap();
    assert_eq!(Log::open(outbox.clone(), other).unwrap().findings_of("MZ1").unwrap(), [""; 0]);
    drop(writer);
}

/// What an earlier release wrote leaves the disk, too, and what came under the key of today meanwhile stays.
#[test]
fn old_keys_leave_the_disk_and_undo_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, writer) = Outbox::open(folder.path(), &Options::default()).unwrap();
    let log = opened(outbox.clone());
    log.append(&[shown("F1")], None).unwrap();
    let of_now = Link { message_id: "now".to_owned(), ..link("RX1") };
    log.link(&Uploaded { lines: vec![("MZ1".to_owned(), of_now)] }).unwrap();
    let bytes = serde_json::to_vec(&link("RX1")).unwrap();
    outbox.shelve(&[Change::Put(b"lMZ1\0RX1\0R1".to_vec(), bytes)]).unwrap();
    assert_eq!(rekey_all(&log), 1);
    let links = log.links(&log.finding("F1").unwrap().unwrap()).unwrap();
    assert_eq!(links.iter().map(|it| it.message_id.as_str()).collect::<Vec<_>>(), ["now"]);
    let tables = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path());
    let tables = tables.filter(|it| it.extension().is_some_and(|it| it == "sst"));
    let has_it = |it: &Vec<u8>| it.windows(3).any(|it| it == b"MZ1");
    assert!(!tables.map(|it| std::fs::read(it).unwrap()).any(|it| has_it(&it)));
    drop(writer);
}

/// Gives the number of changes it took.
fn rekey_all(log: &Log) -> usize {
    let mut changes = 0;
    for prefix in rekeyed::EARLIER {
        let mut from = prefix.to_vec();
        while rekeyed::rekey_some(log.outbox(), log, prefix, &mut from).unwrap() {
            changes += 1;
        }
    }
    changes
}

/// A check of MZ1 with a finding about its first line.
fn shown(id: &str) -> Check {
    let mut found = finding(id);
    found.lines = vec!["RX1".to_owned()];
    Check { findings: vec![found], ..made("2026-11-22T09:00:00") }
}

fn link(line: &str) -> Link {
    let told = json!({ "line": line, "record_id": "R1", "entity": "e", "revision": 1, "message_id": "M", "received_at": "20261122090000" });
    serde_json::from_value(told).unwrap()
}

/// The findings of MZ1, each with the records of its lines.
fn known(log: &Log) -> String {
    let told = |id: &String| {
        let links = log.links(&log.finding(id).unwrap().unwrap()).unwrap();
        let links: Vec<_> =
            links.iter().map(|it| format!("{} in {}", it.line, it.record_id)).collect();
        format!("{id}: {}", links.join(" "))
    };
    log.findings_of("MZ1").unwrap().iter().map(told).collect::<Vec<_>>().join(", ")
}

/// How many keys of the shelf have one of these texts in them.
fn keys_with(outbox: &Outbox, texts: &[&str]) -> usize {
    let mut count = 0;
    outbox
        .walk_shelf(&[0], &[0xff; 40], |key, _| {
            let has = |text: &&str| key.windows(text.len()).any(|it| it == text.as_bytes());
            count += usize::from(texts.iter().any(has));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    count
}
