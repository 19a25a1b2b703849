//! The rows' keys: a letter for what it is, then pseudonyms and numbers; and the days before values.
//!
//! | key | after the day |
//! |---|---|
//! | `R` patient, number of the first record | sealed: what is kept of records of one message |
//! | `G` patient, item | sealed: the first use of an item |
//! | `T` patient, encounter | sealed: what checks told of it |
//! | `L` pseudonym of an id | the kinds of ids the patient is known by, and the patient |
//! | `M` patient, another patient | nothing: what is kept of the other is of this one |
//! | `P` patient | by which kind of id, and what the log of checks calls the patient |
//! | `E` kind, day, encounter | sealed: the patient, and what the encounter is called |
//! | `C` | the number of the next record to fold |
//! | `K` | what tells whether the key is the one the history was written with |
//! | `S` | the day from which on it is complete |
//!
//! A patient is the pseudonym of the first id it came under. Days are counted from 1970. Keys are not sealed,
//! so items and encounters have a tag there that nobody makes without the installation's key. Earlier
//! releases had tags that anybody can make, under `F` and `Q`; [`rekeyed`](super::rekeyed) makes these of those.

use jiff::civil::{Date, date};
use sha2::{Digest as _, Sha256};

use crate::patient_key::PatientKey;

pub(super) type Pseudonym = [u8; 16];

/// The letter of what checks told.
pub(super) const ASKED: u8 = b'T';
/// The letter of first uses.
pub(super) const FIRST: u8 = b'G';
/// Letters of earlier releases, each with the one of today.
pub(super) const EARLIER: [(u8, u8); 2] = [(b'F', FIRST), (b'Q', ASKED)];
pub(super) const CURSOR: &[u8] = b"C";
pub(super) const KEY: &[u8] = b"K";
pub(super) const SINCE: &[u8] = b"S";
/// The day of what never goes by itself.
pub(super) const NEVER: u32 = u32::MAX;

pub(super) fn row(patient: &Pseudonym, seq: u64) -> Vec<u8> {
    [b"R", &patient[..], &seq.to_be_bytes()].concat()
}

pub(super) fn rows(patient: &Pseudonym) -> [Vec<u8>; 2] {
    span(b'R', patient)
}

pub(super) fn first(names: &PatientKey, patient: &Pseudonym, item: &str) -> Vec<u8> {
    tagged(names, FIRST, patient, &public_tag(patient, item))
}

/// What checks told of an encounter.
pub(super) fn asked(names: &PatientKey, patient: &Pseudonym, encounter: &str) -> Vec<u8> {
    tagged(names, ASKED, patient, &public_tag(patient, encounter))
}

/// The same two of an earlier release.
pub(super) fn of_before(letter: u8, patient: &Pseudonym) -> [Vec<u8>; 2] {
    let earlier = EARLIER.into_iter().find(|(_, it)| *it == letter);
    span(earlier.map_or(letter, |(it, _)| it), patient)
}

/// The patient of a row of an earlier release, and the key that the row has today.
pub(super) fn rekeyed(names: &PatientKey, letter: u8, old: &[u8]) -> Option<(Pseudonym, Vec<u8>)> {
    let (patient, tag) = old.get(1..)?.split_first_chunk()?;
    Some((*patient, tagged(names, letter, patient, tag)))
}

/// What tells items and encounters of a patient apart, for whoever may know which they are.
fn public_tag(patient: &Pseudonym, text: &str) -> [u8; 8] {
    let digest = Sha256::digest([&patient[..], text.as_bytes()].concat());
    digest.first_chunk().copied().unwrap_or_default()
}

fn tagged(names: &PatientKey, letter: u8, patient: &Pseudonym, public_tag: &[u8]) -> Vec<u8> {
    let tag = names.derive("tag of a row", &[&[letter], public_tag]);
    [&[letter], &patient[..], tag.get(..8).unwrap_or_default()].concat()
}

pub(super) fn all_asked(patient: &Pseudonym) -> [Vec<u8>; 2] {
    span(ASKED, patient)
}

pub(super) fn link(id: &Pseudonym) -> Vec<u8> {
    [b"L", &id[..]].concat()
}

pub(super) fn member(patient: &Pseudonym, other: &Pseudonym) -> Vec<u8> {
    [b"M", &patient[..], other].concat()
}

/// What the rest of the agent calls a patient.
pub(super) fn alias(patient: &Pseudonym) -> Vec<u8> {
    [b"P", &patient[..]].concat()
}

pub(super) fn members(patient: &Pseudonym) -> [Vec<u8>; 2] {
    span(b'M', patient)
}

/// An encounter that something was accepted for on a day.
pub(super) fn encounter(kind: Kind, day: u32, encounter: &Pseudonym) -> Vec<u8> {
    [b"E", &[kind as u8], &day.to_be_bytes()[..], encounter].concat()
}

/// All encounters of a kind from one day on and before another.
pub(super) fn encounters(kind: Kind, from: u32, end: u32) -> [Vec<u8>; 2] {
    [from, end].map(|day| [b"E", &[kind as u8], &day.to_be_bytes()[..]].concat())
}

/// The encounter of a key that [`encounter`] made.
pub(super) fn encounter_of(key: &[u8]) -> Option<Pseudonym> {
    key.get(6..)?.try_into().ok()
}

/// What was accepted for an encounter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Records of a stay.
    Stay = b'I',
    /// Records of a visit, or that do not say.
    Visit = b'O',
}

impl Kind {
    /// What a record of this entity is about.
    pub(super) fn of(entity: &str) -> Kind {
        let is_of_stay = entity.starts_with("inpatient_")
            || matches!(
                entity,
                "fee_detail_inpatient" | "admission_diagnosis" | "discharge_diagnosis"
            );
        if is_of_stay { Kind::Stay } else { Kind::Visit }
    }
}

/// Whose a row is of those that a past is made of, and its letter.
pub(super) fn owner(key: &[u8]) -> Option<(u8, Pseudonym)> {
    let (letter, rest) = key.split_first()?;
    let is_read = matches!(*letter, b'R' | FIRST | ASKED | b'L' | b'M');
    Some((*letter, *rest.first_chunk()?)).filter(|_| is_read)
}

/// The other patient of a key that [`member`] made.
pub(super) fn other_of(key: &[u8]) -> Option<Pseudonym> {
    key.get(17..)?.try_into().ok()
}

/// All keys of one letter and patient.
pub(super) fn span(letter: u8, patient: &Pseudonym) -> [Vec<u8>; 2] {
    let from = [&[letter], &patient[..]].concat();
    let end = [&from[..], &[0xff; 17]].concat();
    [from, end]
}

/// Everything there is.
pub(super) fn all() -> [Vec<u8>; 2] {
    [vec![b'A'], vec![b'Z']]
}

pub(super) fn day_number(day: Date) -> u32 {
    let days = date(1970, 1, 1).until(day).map_or(0, |it| it.get_days());
    u32::try_from(days).unwrap_or(0)
}

pub(super) fn day_of(number: u32) -> Option<Date> {
    let days = jiff::Span::new().try_days(i64::from(number)).ok()?;
    date(1970, 1, 1).checked_add(days).ok()
}

/// A value: its day, and the rest.
pub(super) fn dated(day: u32, rest: &[u8]) -> Vec<u8> {
    [&day.to_be_bytes()[..], rest].concat()
}

/// The day of a value, and the rest.
pub(super) fn undated(value: &[u8]) -> Option<(u32, &[u8])> {
    let (day, rest) = value.split_first_chunk()?;
    Some((u32::from_be_bytes(*day), rest))
}
