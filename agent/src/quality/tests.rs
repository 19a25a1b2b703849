//! Known messages in, exact counts out.

use std::fs;
use std::path::Path;

use adapters::Limits;
use jiff::civil::{DateTime, date, datetime};

use super::*;
use crate::config::Config;
use crate::pipeline::{Inbound, Verdict, judge};
use crate::sets::Sets;

const RECEIVED: DateTime = datetime(2026, 11, 22, 10, 0, 0, 0);
const DAY: Date = date(2026, 11, 22);
/// The day is not old yet, in whatever year this runs.
const KEPT_DAYS: u32 = 36_500;
const CASE: &str = "rows/cases/declared-utf8-really-gbk.in.xml";

#[test]
fn what_is_right_is_carried_and_nothing_else_is_said() {
    let whole = said(&[count(CASE, |it| it)]);
    check(&whole, "rows: 1 accepted, 0 refused, 0 resent");
    check(&whole, "outpatient_prescription: 3 records, 0 refused");
    check(&whole, "rxno 3 carried\n");
    check(&whole, "rx_type_code 0 carried\n");
    // From 2024-05-15 09:20 to 2026-11-22 10:00.
    check(&whole, "outpatient_prescription: 3 records, 0 refused\ndelays 3 79576800\n");
    assert!(!whole.contains("missing") && !whole.contains("nonconforming"), "{whole}");
}

#[test]
fn a_code_that_nobody_mapped_was_there_and_is_not_conform() {
    let broken = said(&[count(CASE, |it| it.replace("\"QD\"", "\"每逢佳节\""))]);
    check(&broken, "rows: 0 accepted, 1 refused, 0 resent");
    check(&broken, "outpatient_prescription: 3 records, 2 refused");
    check(&broken, "drug_used_frqu 3 carried, 2 nonconforming: M203 2/0\n");
}

#[test]
fn what_cannot_be_read_is_counted_by_its_code() {
    let half = said(&[count(CASE, |it| it.chars().take(it.chars().count() / 2).collect())]);
    check(&half, "rows: 0 accepted, 1 refused, 0 resent");
    check(&half, "unreadable D");
}

#[test]
fn a_resend_counts_no_record_again() {
    let (_, observed) = count(CASE, |it| it);
    let all = said(&[count(CASE, |it| it), (Outcome::Resent, observed)]);
    check(&all, "rows: 1 accepted, 0 refused, 1 resent");
    check(&all, "rxno 3 carried\n");
}

#[test]
fn counts_survive_on_disk_add_up_and_are_never_seen_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (outcome, observed) = count(CASE, |it| it);
    for run in 1..=3 {
        let quality = Quality::new(folder.path().to_owned(), KEPT_DAYS);
        quality.count(DAY, "rows", outcome, &observed);
        assert_eq!(quality.day(DAY).unwrap().channels["rows"].messages.accepted, run);
        quality.write().unwrap();
        assert_eq!(quality.day(DAY).unwrap().channels["rows"].messages.accepted, run);
        quality.write().unwrap();
    }
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["20261122.json"]);
}

#[test]
fn a_damaged_file_is_moved_aside_and_an_old_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("20261122.json"), "{").unwrap();
    fs::write(folder.path().join("19000101.json"), "{}").unwrap();
    fs::write(folder.path().join("notes.txt"), "somebody's").unwrap();
    let quality = Quality::new(folder.path().to_owned(), KEPT_DAYS);
    let (outcome, observed) = count(CASE, |it| it);
    quality.count(DAY, "rows", outcome, &observed);
    quality.write().unwrap();
    assert_eq!(read_day(folder.path(), DAY).unwrap().channels["rows"].messages.accepted, 1);
    let there = |name: &str| folder.path().join(name).exists();
    assert!(there("20261122.damaged") && there("notes.txt") && !there("19000101.json"));
}

#[test]
fn a_folder_that_fails_loses_no_count() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("quality");
    fs::write(&blocked, "a file where the folder should be").unwrap();
    let quality = Quality::new(blocked.clone(), KEPT_DAYS);
    let (outcome, observed) = count(CASE, |it| it);
    quality.count(DAY, "rows", outcome, &observed);
    assert!(quality.write().is_err());
    fs::remove_file(&blocked).unwrap();
    quality.write().unwrap();
    assert_eq!(read_day(&blocked, DAY).unwrap().channels["rows"].messages.accepted, 1);
}

#[test]
fn a_code_beside_the_name_of_another_is_not_consistent() {
    let catalog = schemas::Catalog::shipped("clinical").unwrap();
    let entity = catalog.entity("outpatient_prescription").unwrap();
    let position = |name: &str| entity.position(name).unwrap();
    let mut elements = schemas::Elements::new();
    let mut set = |name: &str, text: &str| {
        elements.set(position(name), schemas::Value::Text(text.to_owned()));
    };
    let domain = entity.element("rx_item_type_code").unwrap().value_domain().unwrap();
    let (code, _) = domain.codes().next().unwrap();
    set("rx_item_type_code", code.as_str());
    set("rx_item_type_name", "不是这个名称");
    let mut observed = Observed::default();
    observed.record(&catalog, entity, &elements, &[], RECEIVED);
    let told = said(&[(Outcome::Accepted, observed)]);
    check(&told, "rx_item_type_name 1 carried, 1 inconsistent: Q101 0/1\n");
}

#[test]
fn codes_that_wait_and_rows_that_contradict_have_their_measure() {
    let catalog = schemas::Catalog::shipped("clinical").unwrap();
    let entity = catalog.entity("outpatient_prescription").unwrap();
    let mut elements = schemas::Elements::new();
    let rxno = entity.position("rxno").unwrap();
    elements.set(rxno, schemas::Value::Text("1".to_owned()));
    let differs = schemas::Finding {
        code: "M207",
        severity: schemas::FindingSeverity::Warn,
        element: "rxno".to_owned(),
        path: String::new(),
        found: String::new(),
        expected: String::new(),
    };
    let mut observed = Observed::default();
    // Two findings of one measure are one value that is not right.
    observed.record(&catalog, entity, &elements, &[differs.clone(), differs], RECEIVED);
    observed.unmapped(entity, "drug_used_frqu");
    let told = said(&[(Outcome::Parked, observed)]);
    check(&told, "rows: 0 accepted, 0 refused, 0 resent");
    check(&told, "outpatient_prescription: 1 records, 0 refused");
    check(&told, "rxno 1 carried, 1 inconsistent: M207 0/2\n");
    check(&told, "drug_used_frqu 1 carried, 1 nonconforming: M203 0/1\n");
}

/// Judges a case of the shipped mappings after a change to its text.
fn count(case: &str, change: impl FnOnce(String) -> String) -> (Outcome, Observed) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mappings").join(case);
    let text = adapters::text(&fs::read(path).unwrap(), None, &Limits::default()).unwrap();
    let config = Config::parse(
        "agent.toml",
        "[hospital]\ncode = \"H1\"\nname = \"x\"\n[[channel]]\nname = \"rows\"\nmappings = [\"rows/\"]\n",
    );
    let sets = Sets::load(&config.unwrap()).unwrap();
    let text = change(text.clone());
    let inbound = Inbound {
        message_id: "m",
        received_at: RECEIVED,
        org: "H1",
        bytes: text.as_bytes(),
        content_type: None,
    };
    match judge(&sets.channels["rows"], &inbound, &Limits::default()) {
        Verdict::Accept(it) => (Outcome::Accepted, it.observed),
        Verdict::Park(it) => (Outcome::Parked, it.accepted.observed),
        Verdict::Refuse(it) => (Outcome::Refused(it.code), it.observed),
    }
}

/// What a day says, a line each.
#[allow(clippy::format_push_string)] // a test may take its time
fn said(messages: &[(Outcome, Observed)]) -> String {
    let quality = Quality::new(PathBuf::from("/nowhere"), KEPT_DAYS);
    for (outcome, observed) in messages {
        quality.count(DAY, "rows", *outcome, observed);
    }
    let day = quality.day(DAY).unwrap();
    let channel = &day.channels["rows"];
    let Messages { accepted, refused, resent, .. } = channel.messages;
    let mut out = format!("rows: {accepted} accepted, {refused} refused, {resent} resent\n");
    for code in channel.unreadable.keys() {
        out += &format!("unreadable {code}\n");
    }
    for (name, entity) in &channel.entities {
        out += &format!("{name}: {} records, {} refused\n", entity.records, entity.refused);
        out += &format!("delays {:?} {:?}\n", entity.delays.counted, entity.delays.max_s);
        for element in &entity.elements {
            out += &format!("{} {} carried", element.name, element.carried);
            let ElementDay { missing, nonconforming, inconsistent, .. } = *element;
            for (count, what) in [
                (missing, "missing"),
                (nonconforming, "nonconforming"),
                (inconsistent, "inconsistent"),
            ] {
                if count > 0 {
                    out += &format!(", {count} {what}");
                }
            }
            for (code, given) in &element.findings {
                out += &format!(": {code} {}/{}", given.refused, given.warned);
            }
            out.push('\n');
        }
    }
    out
}

#[track_caller]
fn check(told: &str, expected: &str) {
    assert!(told.contains(expected), "`{expected}` is not told:\n{told}");
}
