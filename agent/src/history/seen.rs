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
        let _turn = self.turn();
        let mut rows = Rows::new();
        for it in seen {
            let Some(patient) = self.whose(&past::named_by(&it.patn_id))? else { continue };
            let key = keys::asked(&patient, &it.encounter);
            if !rows.contains_key(&key) {
                rows.insert(key.clone(), (patient, self.told_before(&patient, &key)?, false));
            }
            if let Some((_, known, is_changed)) = rows.get_mut(&key) {
                let all = it.onto(known);
                *is_changed |= all != *known;
                *known = all;
            }
        }
        self.write_told(rows, today)
    }

    pub(super) fn hear(&self, about: &AboutLines, today: Date) -> Result<(), StoreError> {
        let _turn = self.turn();
        let named = past::named_by(&about.patn_id);
        let mut rows = Rows::new();
        // It may have been asked before anybody knew whose id it is.
        for patient in self.whose(&named)?.into_iter().chain(self.as_asked(&named)) {
            let key = keys::asked(&patient, &about.encounter);
            let mut known = self.told_before(&patient, &key)?;
            let is_changed = past::answered(&mut known, &about.lines, about.goes_on);
            rows.insert(key, (patient, known, is_changed));
        }
        self.write_told(rows, today).map(drop)
    }

    /// What checks told of these patients, and of whoever was named so before records knew the id.
    pub(super) fn told_of(
        &self,
        named: &Named,
        patients: &[Pseudonym],
        (reach, horizon): (Reach, u32),
    ) -> Result<Vec<Noted>, RowError> {
        let mut found = Vec::new();
        for patient in self.as_asked(named).iter().chain(patients) {
            let cipher = Cipher::of(&self.0.key, patient);
            let [from, end] = keys::all_asked(patient);
            self.0.outbox.walk_rows([&from, &end], reach, |key, value| {
                let told = open(&cipher, key, value).filter(|(day, _)| *day >= horizon);
                found.extend(told.into_iter().flat_map(|(_, noted)| noted));
                ControlFlow::Continue(())
            })?;
        }
        Ok(found)
    }

    /// The stand-in for a patient whom no record knows by this id.
    pub(super) fn as_asked(&self, named: &Named) -> Option<Pseudonym> {
        let id = named.patn_id.as_deref()?;
        Some(links::pseudonym(&self.0.key, &self.0.org, "asked", id))
    }

    fn whose(&self, named: &Named) -> Result<Option<Pseudonym>, StoreError> {
        let known = self.patients(named, Reach::Disk).map_err(store_error)?;
        Ok(known.into_iter().next().or_else(|| self.as_asked(named)))
    }

    fn told_before(&self, patient: &Pseudonym, key: &[u8]) -> Result<Vec<Noted>, StoreError> {
        let value = self.0.outbox.row(key, Reach::Disk).map_err(store_error)?;
        let cipher = Cipher::of(&self.0.key, patient);
        let opened = value.and_then(|it| open(&cipher, key, &it));
        Ok(opened.map(|(_, noted)| noted).unwrap_or_default())
    }

    fn write_told(&self, rows: Rows, today: Date) -> Result<u64, StoreError> {
        let day = keys::day_number(today);
        let new = rows.into_iter().filter(|(_, (_, _, is_changed))| *is_changed);
        let change = |(key, (patient, noted, _)): (Vec<u8>, (Pseudonym, Vec<Noted>, bool))| {
            if noted.is_empty() {
                return Ok(Change::Remove(key));
            }
            let mut content = Vec::new();
            for it in &noted {
                codec::write(it, &mut content);
            }
            self.sealed(&patient, key, day, content)
        };
        let changes: Vec<Change> = new.map(change).collect::<Result<_, StoreError>>()?;
        self.0.outbox.write_rows(&changes)?;
        Ok(changes.len() as u64)
    }
}

/// By their keys: whose row it is, what stands in it, and whether that is new.
type Rows = BTreeMap<Vec<u8>, (Pseudonym, Vec<Noted>, bool)>;
