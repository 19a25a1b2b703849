//! Encounters by day: who was there, and all that is kept of whom. An audit walks these; a check never
//! does.
//!
//! A row stands for an encounter and a day on which something was accepted for it, sealed under a key of
//! its own, so that the walk learns nothing of a patient but the pseudonym until it asks.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::ToSpan as _;
use jiff::civil::Date;
use rules::past::{Named, Noted};

use super::History;
use super::alias;
use super::cipher::Cipher;
use super::keys::{self, Kind, Pseudonym};
use super::ledger::{Ledger, day_received};
use super::links;
use crate::clock;
use crate::envelope::Envelope;
use crate::outbox::{Change, Reach, RowError, StoreError};

/// An encounter and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    patient: Pseudonym,
    /// The patient's pseudonym everywhere else: in the log of checks, and at the platform.
    pub(crate) person: String,
    /// What records call it.
    pub(crate) encounter: String,
}

/// Why encounters cannot be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The past is off, or was written with another key.
    NotOpen,
    Store(StoreError),
}

impl From<RowError> for Unread {
    fn from(error: RowError) -> Unread {
        Unread::Store(links::store_error(error))
    }
}

impl Found {
    /// The patient's pseudonym in the past itself: nothing that becomes known later changes it.
    pub(crate) fn patient(&self) -> String {
        alias::hex(&self.patient)
    }
}

impl History {
    /// Encounters of a kind for which something was accepted from one day to another, each once, those
    /// of one patient together. Blocks.
    pub(crate) fn encounters(
        &self,
        kind: Kind,
        from: Date,
        to: Date,
    ) -> Result<Vec<Found>, Unread> {
        let ledger = self.ledger().ok_or(Unread::NotOpen)?;
        let end = to.checked_add(1.day()).map_or(keys::NEVER, keys::day_number);
        let [from, end] = keys::encounters(kind, keys::day_number(from), end);
        // By its pseudonym, so that each is opened once.
        let mut rows: BTreeMap<Pseudonym, (Vec<u8>, Vec<u8>)> = BTreeMap::new();
        ledger.0.outbox.walk_rows([&from, &end], Reach::Disk, |key, value| {
            if let Some(encounter) = keys::encounter_of(key) {
                rows.insert(encounter, (key.to_vec(), value.to_vec()));
            }
            ControlFlow::Continue(())
        })?;
        let opened =
            rows.into_iter().filter_map(|(it, (key, value))| ledger.opened(&it, &key, &value));
        let mut found = opened.collect::<Vec<_>>();
        let mut persons: BTreeMap<Pseudonym, String> = BTreeMap::new();
        for it in &mut found {
            it.patient = ledger.one_of(it.patient)?;
            it.person = match persons.get(&it.patient) {
                Some(person) => person.clone(),
                None => ledger.person(it.patient)?,
            };
            persons.insert(it.patient, it.person.clone());
        }
        found.sort();
        Ok(found)
    }

    /// An encounter by what it is called; `None` when nobody is known to have had it. Blocks.
    pub(crate) fn encounter(&self, name: &str) -> Result<Option<Found>, Unread> {
        let ledger = self.ledger().ok_or(Unread::NotOpen)?;
        let named = Named { encounters: vec![name.to_owned()], ..Named::default() };
        let patients = ledger.patients(&named, Reach::Disk)?;
        let person = ledger.called(&patients, Reach::Disk)?;
        let patient = patients.into_iter().next();
        Ok(patient.map(|patient| Found { patient, person, encounter: name.to_owned() }))
    }

    /// All that is kept of the patient of an encounter, in its order. Blocks.
    pub(crate) fn records_of(&self, found: &Found) -> Result<Vec<Noted>, Unread> {
        let ledger = self.ledger().ok_or(Unread::NotOpen)?;
        let others = links::others(&ledger.0.outbox, &found.patient, Reach::Disk)?;
        let patients: Vec<_> = [found.patient].into_iter().chain(others).collect();
        Ok(ledger.read_of(&patients, Reach::Disk, clock::now().date())?)
    }

    /// From which day on it is complete, when it is open.
    pub(crate) fn since(&self) -> Option<Date> {
        self.ledger().and_then(|it| it.since())
    }

    /// Records that were accepted and are not in it yet.
    pub(crate) fn behind(&self) -> u64 {
        self.ledger().map_or(0, |it| it.lag())
    }
}

impl Ledger {
    /// Adds the row of an encounter and the day on which the record came.
    pub(super) fn index(
        &self,
        envelope: &Envelope,
        patient: &Pseudonym,
        noted: &Noted,
        rows: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), StoreError> {
        let Some(encounter) = self.pseudonym_of(&noted.encounter) else { return Ok(()) };
        let day = day_received(envelope);
        let key = keys::encounter(Kind::of(&envelope.entity), day, &encounter);
        if rows.contains_key(&key) {
            return Ok(());
        }
        let content = [&patient[..], noted.encounter.as_bytes()].concat();
        let sealed = self.sealed(&encounter, key, day, content)?;
        if let Change::Put(key, value) = sealed {
            rows.insert(key, value);
        }
        Ok(())
    }

    /// Removes the rows of all encounters of patients who are forgotten.
    pub(super) fn unindex(
        &self,
        patients: &[Pseudonym],
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let mut found = Vec::new();
        for patient in patients {
            let cipher = Cipher::of(&self.0.key, patient);
            let [from, end] = keys::rows(patient);
            let show = |key: &[u8], value: &[u8]| {
                found.extend(super::ledger::open(&cipher, key, value));
                ControlFlow::Continue(())
            };
            self.0
                .outbox
                .walk_rows([&from, &end], Reach::Disk, show)
                .map_err(links::store_error)?;
        }
        for (day, noted) in found {
            for encounter in noted.iter().filter_map(|it| self.pseudonym_of(&it.encounter)) {
                let keys = [Kind::Stay, Kind::Visit].map(|it| keys::encounter(it, day, &encounter));
                changes.extend(keys.map(Change::Remove));
            }
        }
        Ok(())
    }

    fn pseudonym_of(&self, encounter: &str) -> Option<Pseudonym> {
        let named = Named { encounters: vec![encounter.to_owned()], ..Named::default() };
        let ids = self.ids(&named).encounters;
        ids.into_iter().next().filter(|_| !encounter.is_empty())
    }

    fn opened(&self, encounter: &Pseudonym, key: &[u8], value: &[u8]) -> Option<Found> {
        let (_, sealed) = keys::undated(value)?;
        let mut sealed = sealed.to_vec();
        let content = Cipher::of(&self.0.key, encounter).open(key, &mut sealed)?;
        let (patient, name) = content.split_first_chunk()?;
        let encounter = str::from_utf8(name).ok()?.to_owned();
        Some(Found { patient: *patient, person: String::new(), encounter })
    }

    fn person(&self, patient: Pseudonym) -> Result<String, RowError> {
        let others = links::others(&self.0.outbox, &patient, Reach::Disk)?;
        let patients: Vec<_> = [patient].into_iter().chain(others).collect();
        self.called(&patients, Reach::Disk)
    }

    /// The patient whom this one was found to be.
    fn one_of(&self, patient: Pseudonym) -> Result<Pseudonym, RowError> {
        let one = links::patient_of(&self.0.outbox, patient, Reach::Disk, &mut Vec::new())?;
        Ok(one.unwrap_or(patient))
    }
}
