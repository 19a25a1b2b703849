//! What checks told of their patients, written behind their answers and read with the past.
//!
//! A caller names a patient by one id and does not say whose id it is. When records know that id, what
//! the check told is kept under their patient; until then it stands under the id as it was sent, and
//! nobody becomes somebody else by it. A reader looks in both places.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::civil::Date;
use rules::past::{self, Named, Noted, Seen};

use super::History;
use super::cipher::Cipher;
use super::codec;
use super::keys::{self, Pseudonym};
use super::ledger::{Ledger, open};
use super::links::{self, store_error};
use crate::clock;
use crate::outbox::{Change, Reach, RowError, StoreError};
use crate::pace::{PIECE, give_way};

/// Lines of an encounter about which a doctor has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AboutLines {
    /// The patient, as the check named it.
    pub(crate) patn_id: String,
    /// The encounter, as the check named it.
    pub(crate) encounter: String,
    /// The lines' ids.
    pub(crate) lines: Vec<String>,
    /// They go on; else they do not, as they were.
    pub(crate) goes_on: bool,
}

impl History {
    /// Keeps what checks told. Blocks.
    pub(crate) fn see(&self, seen: Vec<Seen>) -> Result<(), StoreError> {
        let Some(ledger) = self.ledger() else { return Ok(()) };
        let written = ledger.see(seen, clock::now().date())?;
        metrics::counter!("his_agent_history_checks_total").increment(written);
        Ok(())
    }

    /// Takes in what a doctor answered. Blocks.
    pub(crate) fn hear(&self, about: &AboutLines) -> Result<(), StoreError> {
        self.ledger().map_or(Ok(()), |it| it.hear(about, clock::now().date()))
    }
}

impl Ledger {
    /// Keeps what checks told, all or nothing. Gives how many rows that changed.
    pub(super) fn see(&self, seen: Vec<Seen>, today: Date) -> Result<u64, StoreError> {
        let turn = self.turn();
        if turn.closed {
            return Ok(0);
        }
        let mut rows = Rows::new();
        for (at, it) in seen.into_iter().enumerate() {
            if at.is_multiple_of(PIECE) {
                give_way();
            }
            let named = past::named_by(&it.patn_id);
            if let Some(row) = self.row_of(&mut rows, &named, &it.encounter)? {
                row.now = it.onto(&row.now);
            }
        }
        self.write_told(rows, today)
    }

    pub(super) fn hear(&self, about: &AboutLines, today: Date) -> Result<(), StoreError> {
        let turn = self.turn();
        if turn.closed {
            return Ok(());
        }
        let mut rows = Rows::new();
        let named = past::named_by(&about.patn_id);
        if let Some(row) = self.row_of(&mut rows, &named, &about.encounter)? {
            past::answered(&mut row.now, &about.lines, about.goes_on);
        }
        self.write_told(rows, today).map(drop)
    }

    /// What checks told of a patient, in all [places](Ledger::places) where it stands.
    pub(super) fn told_of(
        &self,
        places: &[Pseudonym],
        (reach, horizon): (Reach, u32),
    ) -> Result<Vec<Noted>, RowError> {
        let mut found = Vec::new();
        for patient in places {
            let cipher = Cipher::of(&self.0.key, patient);
            for [from, end] in self.spans(keys::ASKED, patient) {
                self.0.outbox.walk_rows([&from, &end], reach, |key, value| {
                    let told = open(&cipher, key, value).filter(|(day, _)| *day >= horizon);
                    found.extend(told.into_iter().flat_map(|(_, noted)| noted));
                    ControlFlow::Continue(())
                })?;
            }
        }
        Ok(past::told_in_all(found))
    }

    /// The stand-in for a patient whom no record knows by this id.
    pub(super) fn as_asked(&self, named: &Named) -> Option<Pseudonym> {
        let id = named.patn_id.as_deref()?;
        Some(links::stand_in(&self.0.key, &self.0.org, id))
    }

    /// Where it may stand what checks told of a patient, the place where it is written now last: before
    /// records knew the id it was written elsewhere, and so it was before two patients were found to
    /// be one.
    pub(super) fn places(&self, named: &Named, patients: &[Pseudonym]) -> Vec<Pseudonym> {
        let as_asked = self.as_asked(named);
        let others = patients.iter().rev().filter(|it| as_asked.as_ref() != Some(it));
        as_asked.into_iter().chain(others.copied()).collect()
    }

    /// The row of an encounter, with everything that was told of it under other names of the patient.
    fn row_of<'a>(
        &self,
        rows: &'a mut Rows,
        named: &Named,
        encounter: &str,
    ) -> Result<Option<&'a mut Row>, StoreError> {
        let patients = self.patients(named, Reach::Disk).map_err(store_error)?;
        let places = self.places(named, &patients);
        let Some(patient) = places.last().copied() else { return Ok(None) };
        let row = rows
            .entry(keys::asked(&self.0.key, &patient, encounter))
            .or_insert_with(|| Row::of(patient));
        let mut told_before = Vec::new();
        for place in places {
            let key = keys::asked(&self.0.key, &place, encounter);
            if row.before.contains_key(&key) {
                continue;
            }
            let told = self.told_before(&place, &key)?;
            told_before.extend(told.iter().cloned());
            row.before.insert(key, told);
        }
        told_before.append(&mut row.now);
        row.now = past::told_in_all(told_before);
        Ok(Some(row))
    }

    fn told_before(&self, patient: &Pseudonym, key: &[u8]) -> Result<Vec<Noted>, StoreError> {
        let value = self.0.outbox.row(key, Reach::Disk).map_err(store_error)?;
        let cipher = Cipher::of(&self.0.key, patient);
        let opened = value.and_then(|it| open(&cipher, key, &it));
        Ok(opened.map(|(_, noted)| noted).unwrap_or_default())
    }

    /// Writes what is new, and takes away what stood in other places: it stands in one now.
    fn write_told(&self, rows: Rows, today: Date) -> Result<u64, StoreError> {
        let day = keys::day_number(today);
        let (mut changes, mut written) = (Vec::new(), 0);
        for (key, row) in rows {
            let elsewhere = row.before.iter().filter(|(it, told)| **it != key && !told.is_empty());
            let gone = elsewhere.map(|(it, _)| Change::Remove(it.clone()));
            let before = changes.len();
            changes.extend(gone);
            if row.before.get(&key) != Some(&row.now) {
                changes.push(self.told(&row, key, day)?);
            }
            written += u64::from(changes.len() > before);
        }
        self.change_rows(&changes)?;
        Ok(written)
    }

    fn told(&self, row: &Row, key: Vec<u8>, day: u32) -> Result<Change, StoreError> {
        if row.now.is_empty() {
            return Ok(Change::Remove(key));
        }
        let mut content = Vec::new();
        for it in &row.now {
            codec::write(it, &mut content);
        }
        self.sealed(&row.patient, key, day, content)
    }
}

/// By their keys.
type Rows = BTreeMap<Vec<u8>, Row>;

/// What checks told of one encounter.
struct Row {
    patient: Pseudonym,
    /// What stands on disk, by the keys of all places that were looked at.
    before: BTreeMap<Vec<u8>, Vec<Noted>>,
    now: Vec<Noted>,
}

impl Row {
    fn of(patient: Pseudonym) -> Row {
        Row { patient, before: BTreeMap::new(), now: Vec::new() }
    }
}
