//! The past over a real store: what accepted records leave behind, and who can read it.

mod rekeyed;
mod remembered;

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use rules::past::{self, Noted};
use rules::{Facts, Group};
use serde_json::json;

use super::*;
use crate::envelope::{Draft, Original, Submission};
use crate::outbox::{Options, Reach, WriterHandle};

const TODAY: &str = "2026-05-02";

#[test]
fn records_of_one_patient_are_one_past_whatever_id_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    // Orders come before anybody is named, then the visit names the patient, then two ids are one.
    house.accept(
        "MZ1",
        &[("outpatient_prescription", "MZ1|1", json!({ "rx_detl_id": "YP1", "cnt": 1 }))],
    );
    assert_eq!(house.of("P1"), "nobody");
    house.accept(
        "MZ1",
        &[("outpatient_registration", "MZ1", json!({ "mdtrt_sn": "MZ1", "patn_id": "P1" }))],
    );
    assert_eq!(house.of("P1"), "YP1");
    house.accept(
        "MZ2",
        &[(
            "fee_detail_outpatient",
            "F1",
            json!({ "psn_no": "N1", "medins_list_codg": "YP2", "feedetl_sn": "F1", "cnt": 1 }),
        )],
    );
    assert_eq!((house.of("P1").as_str(), house.of("N1").as_str()), ("YP1", "YP2"));
    house.accept(
        "MZ3",
        &[(
            "outpatient_registration",
            "MZ3",
            json!({ "mdtrt_sn": "MZ3", "patn_id": "P1", "psn_no": "N1" }),
        )],
    );
    assert_eq!((house.of("P1").as_str(), house.of("N1").as_str()), ("YP1 YP2", "YP1 YP2"));
    // A number of an encounter that is given twice makes nobody somebody else.
    house.accept(
        "MZ1",
        &[("outpatient_registration", "MZ1", json!({ "mdtrt_sn": "MZ1", "patn_id": "P9" }))],
    );
    assert_eq!(house.of("P9"), "");
    // The insurer's id of somebody who has none yet, under an encounter of theirs.
    house.accept(
        "MZ9",
        &[("outpatient_registration", "MZ9", json!({ "mdtrt_sn": "MZ9", "patn_id": "P9" }))],
    );
    house.accept(
        "MZ9",
        &[(
            "fee_detail_outpatient",
            "F9",
            json!({ "psn_no": "N9", "medins_list_codg": "YP9", "feedetl_sn": "F9", "cnt": 1 }),
        )],
    );
    assert_eq!(house.of("P9"), "YP9");
}

#[test]
fn a_crash_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1")]);
    house.append("MZ1", &[order("2", "YP2"), order("3", "YP3")]);
    let house = house.open_again(folder.path());
    assert_eq!(house.ledger.lag(), 2);
    house.fold();
    assert_eq!(house.of("P1"), "YP1 YP2 YP3");
    house.accept("MZ1", &[("outpatient_prescription", "MZ1|2", json!({ "vali_flag": "0" }))]);
    assert_eq!(house.of("P1"), "YP1 YP3");
    assert_eq!(house.ledger.since(), Some(TODAY.parse().unwrap()));
}

/// The outbox removes what is delivered, but not before it is folded.
#[test]
fn what_is_delivered_waits_for_the_fold() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    for batch in 0..100 {
        let lines: Vec<_> = (0..200).map(|it| order(&format!("{batch}-{it}"), "YP1")).collect();
        house.append("MZ1", &lines);
    }
    let all: Vec<u64> = (1..=20_000).collect();
    house.outbox.settle(&all).unwrap();
    house.append("MZ1", &[order("last", "YP2")]);
    house.outbox.settle(&[20_001]).unwrap();
    let house = house.open_again(folder.path());
    house.fold();
    assert_eq!(
        house.ledger.read(&past::named_by("P1"), Reach::Disk, day()).unwrap().unwrap().len(),
        20_003
    );
    assert_eq!(house.ledger.since(), Some(day()), "nothing was missing");
}

#[test]
fn nothing_of_a_patient_can_be_read_from_the_files_and_forgotten_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[("outpatient_prescription", "MZ1|1", json!({
        "patn_id": "CANARYPATIENT", "rx_detl_id": "CANARYCODE", "rx_detl_name": "CANARYDRUG", "cnt": 1 }))]);
    assert_eq!(house.of("CANARYPATIENT"), "CANARYCODE");
    house.outbox.rewrite_rows(b"A", b"Z").unwrap();
    let rows = house.rows();
    assert!(rows.len() >= 5, "{rows:?}");
    assert!(!rows.iter().any(|it| it.windows(6).any(|part| part == b"CANARY")), "{rows:?}");
    assert_eq!(house.ledger.forget(&past::named_by("CANARYPATIENT")).unwrap(), 2);
    assert_eq!(house.of("CANARYPATIENT"), "nobody");
    assert!(!house.rows().iter().any(|it| it.starts_with(b"R") || it.starts_with(b"G")));
    // The same encounter goes on.
    house.accept("MZ1", &[order("2", "YP2")]);
    assert_eq!(house.of("P1"), "YP2");
}

/// Who judges a check once more asks what was known then.
#[test]
fn a_check_of_yesterday_knows_nothing_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1")]); // of 2026-05-01 09:00
    let House { outbox, writer, ledger } = house;
    drop(ledger);
    let config = config(folder.path());
    let history = History::new(&config);
    history.open(&config, &outbox).unwrap();
    for (at, expected) in [("2026-05-01T08:59:59", 0), ("2026-05-01T09:00:00", 1)] {
        let mut facts = asked("P1");
        history.recall_as_of(&mut facts, at.parse().unwrap());
        assert_eq!(facts.history.present().unwrap().orders.len(), expected, "{at}");
        // The same for a command, which has it as a text.
        let past = history.known_then(&asked("P1"), at.parse().unwrap()).unwrap();
        assert_eq!(KnownThen::from_text(&past.to_text()).as_ref(), Some(&past));
        let mut again = asked("P1");
        past.fill(&mut again);
        assert_eq!(again, facts, "{at}");
    }
    let mut nobody = rules::request::read("{}").unwrap();
    history.recall_as_of(&mut nobody, "2026-05-02T00:00:00".parse().unwrap());
    assert!(nobody.history.is_absent());
    drop(writer);
}

#[test]
fn another_key_reads_nothing_and_the_past_is_unknown_until_it_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1")]);
    let House { outbox, writer, ledger } = house;
    drop(ledger);
    std::fs::rename(folder.path().join("patient.key"), folder.path().join("kept.key")).unwrap();
    let config = config(folder.path());
    let history = History::new(&config);
    history.open(&config, &outbox).unwrap();
    assert_eq!(history.standing(), json!({ "state": "unreadable" }));
    let mut facts = asked("P1");
    recall(&history, &mut facts);
    assert!(facts.history.is_absent(), "unknown, not empty");

    std::fs::rename(folder.path().join("kept.key"), folder.path().join("patient.key")).unwrap();
    history.open(&config, &outbox).unwrap();
    recall(&history, &mut facts);
    assert_eq!(facts.history.present().unwrap().orders.len(), 1);

    history.begin_anew(&config, &outbox).unwrap();
    let mut facts = asked("P1");
    recall(&history, &mut facts);
    let Group::Present(known) = &facts.history else { panic!("it is open") };
    assert!(known.orders.is_empty() && known.since.is_some());
    drop(writer);
}

/// Whoever was at work when the history began anew leaves nothing in it.
#[test]
fn the_ledger_that_was_writes_nothing_after_a_new_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1")]);
    let config = config(folder.path());
    let history = History::new(&config);
    history.open(&config, &house.outbox).unwrap();
    let before = history.ledger().unwrap();
    std::thread::scope(|scope| {
        // A fold between its reading and its writing.
        let turn = before.turn();
        let beginning = scope.spawn(|| history.begin_anew(&config, &house.outbox));
        std::thread::sleep(Duration::from_millis(100));
        let far = keys::dated(keys::NEVER, &99u64.to_be_bytes());
        before.change_rows(&[crate::outbox::Change::Put(keys::CURSOR.to_vec(), far)]).unwrap();
        drop(turn);
        beginning.join().unwrap().unwrap();
    });
    house.ledger = before;
    house.append("MZ1", &[order("2", "YP2")]);
    assert_eq!(house.ledger.fold(day()), Err(StoreError::Stopped));
    assert_eq!(house.ledger.forget(&past::named_by("P1")), Err(StoreError::Stopped));
    assert_eq!(house.ask("P1", "MZ1"), 0);
    house.answer("P1", true);
    house.ledger = history.ledger().unwrap();
    assert_eq!((house.of("P1").as_str(), house.rows_of_checks()), ("nobody", 0));
    house.fold();
    assert_eq!(house.of("P1"), "YP1 YP2");
}

#[test]
fn what_is_switched_off_does_not_begin_anew() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    let mut config = config(folder.path());
    config.history.keep_days = 0;
    let history = History::new(&config);
    history.open(&config, &house.outbox).unwrap();
    let refused = history.begin_anew(&config, &house.outbox).unwrap_err();
    assert!(refused.to_string().contains("history.keep_days"), "{refused}");
    assert_eq!(history.standing(), json!({ "state": "off" }));
}

#[test]
fn a_first_use_outlives_its_line_but_not_its_void() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1"), order("2", "YP2")]);
    let void = ("outpatient_prescription", "MZ1|2", json!({ "vali_flag": "0", "patn_id": "P1" }));
    house.accept("MZ1", &[void]);
    house.accept("MZ1", &[order("3", "YP1")]);
    let later: Date = "2027-07-01".parse().unwrap();
    assert_eq!(shown(house.ledger.read(&past::named_by("P1"), Reach::Disk, later).unwrap()), "YP1");
    house.ledger.forget_old(later);
    house.outbox.rewrite_rows(b"A", b"Z").unwrap();
    assert!(!house.rows().iter().any(|it| it.starts_with(b"R")), "gone from the disk too");
    let first = house.ledger.read(&past::named_by("P1"), Reach::Disk, day()).unwrap();
    assert_eq!(shown(first), "YP1");
}

/// Lines that are folded together with what changes them: none of it is on disk yet.
#[test]
fn a_first_use_follows_changes_that_are_folded_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    let void = |line: &'static str| {
        ("outpatient_prescription", line, json!({ "vali_flag": "0", "patn_id": "P1" }))
    };
    house.append("MZ1", &[order("1", "YP1"), order("2", "YP2")]);
    house.append("MZ1", &[void("MZ1|2")]);
    house.fold();
    assert_eq!(house.firsts("P1"), "YP1");
    // Two changes of one line, in one fold.
    let changed = |days: u32| {
        let (entity, key, mut elements) = order("1", "YP1");
        elements["medc_days"] = json!(days);
        (entity, key, elements)
    };
    house.append("MZ1", &[changed(5)]);
    house.append("MZ1", &[changed(3)]);
    house.fold();
    assert_eq!(house.firsts("P1"), "YP1");
    // The line came under another number of the same person.
    let visit = |lane: &'static str, ids: Value| ("outpatient_registration", lane, ids);
    house.accept("MZ7", &[visit("MZ7", json!({ "mdtrt_sn": "MZ7", "psn_no": "N1" }))]);
    let line = json!({ "psn_no": "N1", "rx_detl_id": "YP7", "cnt": 1 });
    house.accept("MZ7", &[("outpatient_prescription", "MZ7|1", line)]);
    let both = json!({ "mdtrt_sn": "MZ8", "patn_id": "P1", "psn_no": "N1" });
    house.accept("MZ8", &[visit("MZ8", both)]);
    assert_eq!(house.firsts("P1"), "YP1 YP7");
    house.accept("MZ8", &[order("8", "YP7")]);
    assert_eq!(house.firsts("P1"), "YP1 YP7", "it was used before");
    house.accept("MZ7", &[void("MZ7|1")]);
    assert_eq!(house.firsts("P1"), "YP1");
}

/// Three patients become one in one fold, the last of the unions over one that is not on disk.
#[test]
fn patients_who_become_one_twice_in_one_fold_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    let line =
        |id: &str, number: &str, item: &str| json!({ id: number, "rx_detl_id": item, "cnt": 1 });
    let prescription = "outpatient_prescription";
    house.accept("A", &[(prescription, "A|1", line("medrcdno", "M1", "YP1"))]);
    house.accept("B", &[(prescription, "B|1", line("psn_no", "N1", "YP2"))]);
    house.accept("C", &[(prescription, "C|1", line("patn_id", "P1", "YP3"))]);
    let visit = |lane: &'static str, ids: Value| ("outpatient_registration", lane, ids);
    house.append("D", &[visit("D", json!({ "mdtrt_sn": "D", "psn_no": "N1", "medrcdno": "M1" }))]);
    house.append("E", &[visit("E", json!({ "mdtrt_sn": "E", "patn_id": "P1", "psn_no": "N1" }))]);
    house.fold();
    for id in ["P1", "N1", "M1"] {
        let mut items: Vec<String> = house.of(id).split(' ').map(str::to_owned).collect();
        items.sort();
        assert_eq!(items, ["YP1", "YP2", "YP3"], "{id}");
    }
}

/// What a HIS writes where it knows no number names nobody, and nobody's past is not empty.
#[test]
fn a_placeholder_leaves_the_past_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP1")]);
    let House { outbox, writer, ledger } = house;
    drop(ledger);
    let config = config(folder.path());
    let history = History::new(&config);
    history.open(&config, &outbox).unwrap();
    for (id, is_known) in
        [("00000000", false), ("1", false), ("null", false), ("无号", false), ("P2", true)]
    {
        let mut facts = asked(id);
        recall(&history, &mut facts);
        assert_eq!(facts.history.present().is_some(), is_known, "{id}");
    }
    drop(writer);
}

/// 200 entries in a few messages, out of memory. The bound is for a build without optimisation on a
/// busy machine; `history_bench` tells what it takes.
#[test]
fn a_past_is_read_fast() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    for batch in 0..40 {
        let lines: Vec<_> = (0..5).map(|it| order(&format!("{batch}-{it}"), "YP1")).collect();
        house.accept("MZ1", &lines);
    }
    let named = past::named_by("P1");
    let read = || house.ledger.read(&named, Reach::Memory, day()).unwrap().unwrap();
    assert_eq!(read().len(), 201);
    let begun = Instant::now();
    for _ in 0..100 {
        let history = past::gather(read(), Some("MZ1"));
        assert_eq!(history.orders.len(), 200);
    }
    let each = begun.elapsed() / 100;
    println!("200 entries: {each:?}");
    assert!(each < Duration::from_millis(500), "{each:?}");
}

struct House {
    outbox: Outbox,
    ledger: Ledger,
    writer: WriterHandle,
}

impl House {
    fn open(folder: &Path) -> House {
        let (outbox, writer) = Outbox::open(&folder.join("outbox"), &Options::default()).unwrap();
        let key = PatientKey::open(&folder.join("patient.key")).unwrap();
        let ledger = Ledger::open(outbox.clone(), key, Arc::from("H1"), 400, day()).unwrap();
        House { outbox, ledger, writer }
    }

    fn open_again(self, folder: &Path) -> House {
        let House { outbox, ledger, writer } = self;
        drop((outbox, ledger));
        drop(writer);
        House::open(folder)
    }

    fn accept(&self, lane: &str, records: &[(&str, &str, Value)]) {
        self.append(lane, records);
        self.fold();
    }

    fn append(&self, lane: &str, records: &[(&str, &str, Value)]) {
        let drafts = records.iter().map(|(entity, key, elements)| {
            let digest = <sha2::Sha256 as sha2::Digest>::digest(elements.to_string()).into();
            let tail = format!(r#""entity":"{entity}","elements":{elements},"findings":[]"#);
            let [entity, lane, key] = [*entity, lane, *key].map(str::to_owned);
            Draft::new(entity, lane, key, digest, tail)
        });
        let submission = Submission {
            channel: Arc::from("c"),
            message_id: clock::new_id(),
            received_at: "20260502080000".to_owned(),
            org: Arc::from("H1"),
            schema: Arc::from("2024.1"),
            drafts: drafts.collect(),
            original: Original::default(),
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(self.outbox.append(submission)).unwrap();
    }

    fn fold(&self) {
        while self.ledger.fold(day()).unwrap().records > 0 {}
    }

    fn of(&self, patient: &str) -> String {
        shown(self.read(patient))
    }

    /// What the rows say; and what is remembered must be the same, whatever happened before.
    fn read(&self, patient: &str) -> Option<Vec<Noted>> {
        let named = past::named_by(patient);
        let found = self.ledger.read(&named, Reach::Disk, day()).unwrap();
        let fresh = found.clone().map(|it| past::gather(it, None)).unwrap_or_default();
        for _ in 0..2 {
            let remembered = self.ledger.past(&named, None, Reach::Disk, day()).unwrap();
            assert_eq!(remembered.as_deref().cloned().unwrap_or_default(), fresh);
        }
        found
    }

    /// The items whose first use is kept.
    fn firsts(&self, patient: &str) -> String {
        let found = self.ledger.read(&past::named_by(patient), Reach::Disk, day()).unwrap();
        let firsts = found.unwrap().into_iter().flat_map(|it| it.notes);
        let mut items: Vec<String> = firsts
            .filter_map(|note| match note {
                past::Note::First(line) => line.hospital_code.clone(),
                _ => None,
            })
            .collect();
        items.sort();
        items.join(" ")
    }

    /// Every row as it is on disk, the key in front.
    fn rows(&self) -> Vec<Vec<u8>> {
        let mut rows = Vec::new();
        let show = |key: &[u8], value: &[u8]| {
            rows.push([key, value].concat());
            std::ops::ControlFlow::Continue(())
        };
        self.outbox.walk_rows([b"A", b"Z"], Reach::Disk, show).unwrap();
        rows
    }
}

fn order<'a>(number: &str, item: &str) -> (&'a str, &'a str, Value) {
    let key: &str = Box::leak(format!("MZ1|{number}").into_boxed_str());
    let elements = json!({ "patn_id": "P1", "rxno": format!("CF{number}"), "rx_srt_no": 1,
        "rx_detl_id": item, "rx_detl_name": "苯磺酸氨氯地平片", "drug_used_sdose": 5, "drug_used_dosunt": "mg",
        "drug_used_frqu": "QD", "medc_days": 7, "cnt": 1, "cnt_unt": "盒", "rx_prsc_time": "20260501090000" });
    ("outpatient_prescription", key, elements)
}

/// The items of a past, in their order.
fn shown(found: Option<Vec<Noted>>) -> String {
    let Some(found) = found else { return "nobody".to_owned() };
    let history = past::gather(found, None);
    let items: Vec<_> =
        history.orders.into_iter().filter_map(|it| it.hospital_code.clone()).collect();
    items.join(" ")
}

fn recall(history: &History, facts: &mut Facts) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(history.recall(facts, Duration::from_secs(30)));
}

fn asked(patient: &str) -> Facts {
    let text = format!(r#"{{"patient":{{"patn_id":"{patient}"}}}}"#);
    rules::request::read(&text).unwrap()
}

fn config(folder: &Path) -> Config {
    let dir = folder.join("outbox");
    let text = format!("[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = {dir:?}\n");
    Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"))
}

fn day() -> Date {
    TODAY.parse().unwrap()
}

#[test]
fn what_a_check_told_is_known_to_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.ask("P1", "MZ1");
    assert_eq!(house.told("P1"), "orders  diagnoses E11 allergies 磺胺");
    assert_eq!(house.told("P2"), "nobody");
    assert_eq!(house.rows_of_checks(), 1);
    assert!(!house.rows().iter().any(|it| it.windows(6).any(|part| part == "磺胺".as_bytes())));
    // The same once more is no new row, nor another writing; another visit is.
    assert_eq!(house.ask("P1", "MZ1"), 0);
    assert_eq!(house.ask("P1", "MZ2"), 1);
    assert_eq!((house.told("P1").matches("E11").count(), house.rows_of_checks()), (2, 2));
    // Records come to know the id: what was asked before and what is asked now are one past.
    house.accept("MZ1", &[order("1", "YP9")]);
    house.ask("P1", "MZ1");
    house.ask("P1", "MZ3");
    assert_eq!(house.told("P1"), "orders YP9 diagnoses E11 E11 E11 allergies 磺胺");
    let removed = house.ledger.forget(&past::named_by("P1")).unwrap();
    // What was asked of one visit is one row, and one says that the patient was asked about before.
    assert_eq!((removed, house.rows_of_checks()), (6, 0));
    assert_eq!(house.told("P1"), "nobody");
}

/// Asked by both ids before any record knew them; one record links both. Whoever forgets by one of them
/// forgets what was asked by the other, and whoever reads by one of them reads both.
#[test]
fn what_was_asked_by_another_id_is_read_and_forgotten_too() {
    for (by, other) in [("P1", "N1"), ("N1", "P1")] {
        let folder = tempfile::tempdir().unwrap();
        let house = House::open(folder.path());
        house.ask_of(other, "MZ1", "E11");
        house.ask_of(by, "MZ2", "I10");
        house.ask_of("P9", "MZ3", "J18");
        let both = json!({ "mdtrt_sn": "C", "patn_id": "P1", "psn_no": "N1" });
        house.accept("C", &[("outpatient_registration", "C", both)]);
        for told in [by, other].map(|it| house.told(it)) {
            assert!(told.contains("E11") && told.contains("I10"), "{told}");
        }
        house.ledger.forget(&past::named_by(by)).unwrap();
        for told in [by, other].map(|it| house.told(it)) {
            assert!(!told.contains("E11") && !told.contains("I10"), "{told}");
        }
        assert_eq!(house.rows_of_checks(), 1, "another patient's stays");
        assert!(house.told("P9").contains("J18"));
        assert!(!house.rows().iter().any(|it| it.starts_with(b"M")));
    }
}

#[test]
fn a_line_that_goes_on_counts_until_its_record_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.ask("P1", "MZ1");
    house.answer("P1", true);
    assert_eq!(house.of("P1"), "YP1");
    // The visit names the patient, and what was asked before is still there.
    let visit = json!({ "mdtrt_sn": "MZ1", "patn_id": "P1" });
    house.accept("MZ1", &[("outpatient_registration", "MZ1", visit)]);
    assert_eq!(house.of("P1"), "YP1");
    house.answer("P1", false);
    assert_eq!(house.of("P1"), "");
    house.answer("P1", true);
    assert_eq!(house.of("P1"), "", "nobody proposes it any more");
    house.ask("P1", "MZ1");
    house.answer("P1", true);
    house.accept("MZ1", &[order("1", "YP1")]);
    assert_eq!(house.of("P1"), "YP1");
    house.accept("MZ1", &[("outpatient_prescription", "MZ1|1", json!({ "vali_flag": "0" }))]);
    assert_eq!(house.of("P1"), "");
}

/// The HIS asks before it sends any record of the patient, the doctor answers, the record comes, and the
/// same is asked once more.
#[test]
fn an_answer_given_before_the_first_record_holds_when_it_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.ask("P1", "MZ1");
    house.answer("P1", true);
    let visit = json!({ "mdtrt_sn": "MZ1", "patn_id": "P1" });
    house.accept("MZ1", &[("outpatient_registration", "MZ1", visit)]);
    house.ask("P1", "MZ1");
    assert_eq!((house.of("P1").as_str(), house.rows_of_checks()), ("YP1", 1), "in one place now");
    assert_eq!(house.ask("P1", "MZ1"), 0);
    house.answer("P1", false);
    assert_eq!(house.of("P1"), "");
}

#[test]
fn of_two_patients_who_became_one_the_later_word_holds() {
    for (first, later) in [("P1", "N1"), ("N1", "P1")] {
        let folder = tempfile::tempdir().unwrap();
        let house = House::open(folder.path());
        let line = |id: &str| json!({ id: if id == "patn_id" { "P1" } else { "N1" }, "rx_detl_id": "YP9", "cnt": 1 });
        house.accept("A", &[("outpatient_prescription", "A|1", line("patn_id"))]);
        house.accept("B", &[("outpatient_prescription", "B|1", line("psn_no"))]);
        house.ask_of(first, "MZ1", "E11");
        house.ask_of(later, "MZ1", "I10");
        house.answer(first, true);
        let both = json!({ "mdtrt_sn": "C", "patn_id": "P1", "psn_no": "N1" });
        house.accept("C", &[("outpatient_registration", "C", both)]);
        house.ask_of(later, "MZ1", "J18");
        for id in [first, later] {
            let expected = "orders YP1 YP9 YP9 diagnoses J18 allergies 磺胺";
            assert_eq!(house.told(id), expected, "{id}");
        }
        house.answer(later, false);
        assert_eq!(house.of(first), "YP9 YP9", "{first}");
    }
}

impl House {
    fn ask(&self, patient: &str, encounter: &str) -> u64 {
        self.ask_of(patient, encounter, "E11")
    }

    fn ask_of(&self, patient: &str, encounter: &str, disease: &str) -> u64 {
        let text = format!(
            r#"{{"patient":{{"patn_id":"{patient}"}},"encounter":{{"mdtrt_id":"{encounter}"}},
            "diagnoses":[{{"dise_codg":"{disease}"}}],"allergies":[{{"algs":"磺胺"}}],
            "orders":[{{"rx_id":"R1","hosplist_code":"YP1"}}]}}"#
        );
        let facts = rules::request::read(&text).unwrap();
        let seen = past::seen(facts, day().at(9, 0, 0, 0)).unwrap();
        self.ledger.see(vec![seen], day()).unwrap()
    }

    fn answer(&self, patient: &str, goes_on: bool) {
        let about = AboutLines {
            patn_id: patient.to_owned(),
            encounter: "MZ1".to_owned(),
            lines: vec!["R1".to_owned()],
            goes_on,
        };
        self.ledger.hear(&about, day()).unwrap();
    }

    fn told(&self, patient: &str) -> String {
        let Some(found) = self.read(patient) else { return "nobody".to_owned() };
        let it = past::gather(found, None);
        let orders = it.orders.into_iter().filter_map(|it| it.hospital_code.clone());
        let diagnoses = it.diagnoses.into_iter().filter_map(|it| it.code);
        let allergies = it.allergies.into_iter().filter_map(|it| it.text);
        let words = |it: Vec<String>| it.join(" ");
        format!(
            "orders {} diagnoses {} allergies {}",
            words(orders.collect()),
            words(diagnoses.collect()),
            words(allergies.collect())
        )
    }

    fn rows_of_checks(&self) -> usize {
        self.rows().iter().filter(|it| it.starts_with(b"T")).count()
    }
}
