//! A past of an earlier release: rows whose keys anybody could have made who knows items and encounters.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::history::cipher::Cipher;
use crate::history::keys::{self, Pseudonym};
use crate::outbox::Change;

#[test]
fn a_past_of_an_earlier_release_gets_the_keys_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.ask("P1", "MZ1");
    house.accept("MZ1", &[order("1", "YP9")]);
    house.ask("P1", "MZ2");
    let visit = json!({ "mdtrt_sn": "MZ1", "patn_id": "P1" });
    house.accept("MZ1", &[("outpatient_registration", "MZ1", visit)]);
    let (told, firsts) = (house.told("P1"), house.firsts("P1"));
    assert!(told.contains("E11") && firsts == "YP9", "{told} / {firsts}");

    let patients = house.ledger.patients(&past::named_by("P1"), Reach::Disk).unwrap();
    let put_back: Vec<Change> = patients
        .iter()
        .flat_map(|patient| {
            let asked =
                ["MZ1", "MZ2"].map(|it| (b'Q', keys::asked(&house.ledger.0.key, patient, it), it));
            let first = (b'F', keys::first(&house.ledger.0.key, patient, "YP9"), "YP9");
            let rows = asked.into_iter().chain([first]);
            rows.flat_map(|(letter, key, text)| house.as_before(patient, (letter, text), &key))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(put_back.len(), 6, "two visits and an item");
    house.outbox.write_rows(&put_back).unwrap();
    assert_eq!((house.rows_of(b"T"), house.rows_of(b"G")), (0, 0));

    let house = house.open_again(folder.path());
    let as_before = (told, firsts);
    assert_eq!((house.told("P1"), house.firsts("P1")), as_before, "read under the old keys");
    assert_eq!((house.rows_of(b"T"), house.rows_of(b"G")), (0, 0));
    house.rekey();
    assert_eq!((house.told("P1"), house.firsts("P1")), as_before);
    let rows = [b"T", b"G", b"Q", b"F"].map(|letter| house.rows_of(letter));
    assert_eq!(rows, [2, 1, 0, 0]);
    let house = house.open_again(folder.path());
    assert_eq!((house.rows_of(b"T"), house.rows_of(b"G")), (2, 1));
    house.ledger.forget(&past::named_by("P1")).unwrap();
    assert_eq!((house.rows_of(b"T"), house.rows_of(b"G")), (0, 0));
}

/// A start that could not write left the rows of an earlier release, and checks and records went on.
#[test]
fn a_row_of_an_earlier_release_does_not_undo_what_came_meanwhile() {
    for (meanwhile, expected) in
        [("20260430090000", "2026-04-30T09:00:00"), ("20260502070000", "2026-05-01T09:00:00")]
    {
        let folder = tempfile::tempdir().unwrap();
        let house = House::open(folder.path());
        house.accept("MZ1", &[order("1", "YP9")]);
        house.ask("P1", "MZ1");
        house.answer("P1", true);
        let patient = house.ledger.patients(&past::named_by("P1"), Reach::Disk).unwrap()[0];
        let asked = keys::asked(&house.ledger.0.key, &patient, "MZ1");
        let first = keys::first(&house.ledger.0.key, &patient, "YP9");
        let mut put_back = house.as_before(&patient, (b'Q', "MZ1"), &asked);
        put_back.extend(house.as_before(&patient, (b'F', "YP9"), &first));
        house.ledger.change_rows(&put_back).unwrap();
        house.ask_of("P1", "MZ1", "I10");
        let (entity, key, mut line) = order("2", "YP9");
        line["rx_prsc_time"] = json!(meanwhile);
        house.accept("MZ1", &[(entity, key, line)]);
        assert_eq!((house.rows_of(b"T"), house.rows_of(b"G")), (1, 1));

        let house = house.open_again(folder.path());
        house.rekey();
        // The doctor's answer is of before, the diagnosis of meanwhile.
        let told = house.told("P1");
        assert!(told.contains("YP1") && told.contains("diagnoses I10 "), "{told}");
        let firsts = house.ledger.firsts(&patient, Reach::Disk).unwrap();
        let begins = firsts.iter().flat_map(|(_, it)| &it.notes).find_map(|it| match it {
            past::Note::First(line) => line.begins,
            _ => None,
        });
        assert_eq!(begins.unwrap().to_string(), expected);
        assert_eq!([b"T", b"G", b"Q", b"F"].map(|it| house.rows_of(it)), [1, 1, 0, 0]);
    }
}

/// Whoever is to be forgotten is, though no row of his has a key of today yet.
#[test]
fn rows_of_an_earlier_release_are_forgotten_as_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.accept("MZ1", &[order("1", "YP9")]);
    house.ask("P1", "MZ1");
    let patient = house.ledger.patients(&past::named_by("P1"), Reach::Disk).unwrap()[0];
    let asked = keys::asked(&house.ledger.0.key, &patient, "MZ1");
    let first = keys::first(&house.ledger.0.key, &patient, "YP9");
    let mut put_back = house.as_before(&patient, (b'Q', "MZ1"), &asked);
    put_back.extend(house.as_before(&patient, (b'F', "YP9"), &first));
    house.ledger.change_rows(&put_back).unwrap();
    let house = house.open_again(folder.path());
    assert_eq!([b"Q", b"F"].map(|it| house.rows_of(it)), [1, 1]);
    house.ledger.forget(&past::named_by("P1")).unwrap();
    house.rekey();
    assert_eq!([b"T", b"G", b"Q", b"F"].map(|it| house.rows_of(it)), [0; 4]);
}

/// Links of an earlier release know an id, and not what was asked under it.
#[test]
fn what_was_asked_is_found_under_links_of_an_earlier_release() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path());
    house.ask("P1", "MZ1");
    house.accept("MZ1", &[order("1", "YP9")]);
    let members = house.rows().into_iter().filter(|it| it.starts_with(b"M"));
    let members: Vec<_> = members.map(|it| Change::Remove(it[..33].to_vec())).collect();
    assert_eq!(members.len(), 1);
    house.outbox.write_rows(&members).unwrap();

    let house = house.open_again(folder.path());
    let both = json!({ "mdtrt_sn": "C", "patn_id": "P1", "psn_no": "N1" });
    house.accept("C", &[("outpatient_registration", "C", both)]);
    assert!(house.told("N1").contains("E11"), "{}", house.told("N1"));
}

/// Who has the files and a list of all items cannot say which of them a patient has used.
#[test]
fn a_key_is_not_made_without_the_key_of_the_installation() {
    let (ours, patient) = (PatientKey::of_tests(), [7; 16]);
    let public = public(&patient, "YP9");
    for key in [keys::first(&ours, &patient, "YP9"), keys::asked(&ours, &patient, "YP9")] {
        assert_eq!(key[1..17], patient);
        assert_ne!(key[17..], public);
    }
}

impl House {
    /// What makes of a row of today one of an earlier release, if it is there.
    fn as_before(
        &self,
        patient: &Pseudonym,
        (letter, text): (u8, &str),
        key: &[u8],
    ) -> Vec<Change> {
        let Some(value) = self.outbox.row(key, Reach::Disk).unwrap() else { return Vec::new() };
        let (day, sealed) = keys::undated(&value).unwrap();
        let mut sealed = sealed.to_vec();
        let content =
            Cipher::of(&self.ledger.0.key, patient).open(key, &mut sealed).unwrap().to_vec();
        let old = [&[letter], &patient[..], &public(patient, text)].concat();
        let put = self.ledger.sealed(patient, old, day, content).unwrap();
        vec![put, Change::Remove(key.to_vec())]
    }

    fn rekey(&self) {
        while self.ledger.has_earlier() {
            self.ledger.rekey_some().unwrap();
        }
    }

    fn rows_of(&self, letter: &[u8]) -> usize {
        self.rows().iter().filter(|it| it.starts_with(letter)).count()
    }
}

fn public(patient: &Pseudonym, text: &str) -> Vec<u8> {
    Sha256::digest([&patient[..], text.as_bytes()].concat())[..8].to_vec()
}
