//! The rows of the past: written by the fold, read at a check, shown and forgotten for a person.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::{Date, DateTime};
use rules::past::{self, Named, Note, Noted};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::cipher::Cipher;
use super::codec;
use super::firsts::Firsts;
use super::keys::{self, Pseudonym};
use super::links::{self, Ids, Links, store_error};
use super::remembered::Remembered;
use crate::envelope::Envelope;
use crate::outbox::{Accepted, Change, Outbox, Reach, RowError, StoreError};
use crate::patient_key::PatientKey;
use crate::pipeline;

/// The past of the patients of one institution.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) outbox: Outbox,
    pub(super) key: PatientKey,
    pub(super) org: Arc<str>,
    keep_days: u32,
    /// Held by whoever writes.
    links: Mutex<Links>,
    since: Mutex<Option<Date>>,
    pub(super) remembered: Remembered,
    /// Where rows of earlier releases begin that have old keys yet.
    pub(super) earlier: Mutex<Option<Vec<u8>>>,
}

/// What a fold came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    /// Records looked at.
    pub(super) records: u64,
    /// Of these kept.
    pub(super) kept: u64,
    /// Records that say something of a patient, and do not say of whom.
    pub(super) nobodys: u64,
    /// Records that were gone before they were looked at.
    pub(super) missing: u64,
    /// Encounters that were settled.
    pub(super) settled: Vec<String>,
}

/// Why there is no ledger.
#[derive(Debug)]
pub(super) enum NotOpen {
    /// It was written with another key.
    OtherKey,
    Store(StoreError),
}

impl Ledger {
    /// Opens what is there, or begins on `today`.
    pub(super) fn open(
        outbox: Outbox,
        key: PatientKey,
        org: Arc<str>,
        keep_days: u32,
        today: Date,
    ) -> Result<Ledger, NotOpen> {
        let store = |error| NotOpen::Store(store_error(error));
        let proof = key.derive("history proof", &[]);
        let inner = Inner {
            outbox,
            key,
            org,
            keep_days,
            links: Mutex::default(),
            since: Mutex::default(),
            remembered: Remembered::default(),
            earlier: Mutex::default(),
        };
        let ledger = Ledger(Arc::new(inner));
        match ledger.value(keys::KEY).map_err(store)? {
            None => ledger.begin(&proof, today).map_err(NotOpen::Store)?,
            Some(found) if found == proof => {}
            Some(_) => return Err(NotOpen::OtherKey),
        }
        ledger.look_for_earlier().map_err(store)?;
        let since = ledger.value(keys::SINCE).map_err(store)?;
        let number = since.and_then(|it| it.try_into().ok()).map(u32::from_be_bytes);
        *ledger.since_now() = number.and_then(keys::day_of);
        ledger.forget_old(today);
        ledger.0.outbox.hold_from(Some(ledger.cursor().map_err(NotOpen::Store)?));
        Ok(ledger)
    }

    fn begin(&self, proof: &[u8], today: Date) -> Result<(), StoreError> {
        let first = self.0.outbox.lowest_seq();
        let number = keys::day_number(today);
        self.0.outbox.write_rows(&[
            put(keys::KEY, proof),
            put(keys::CURSOR, &first.to_be_bytes()),
            put(keys::SINCE, &number.to_be_bytes()),
        ])
    }

    /// Removes everything, and begins anew with the key there is.
    pub(super) fn begin_anew(
        outbox: &Outbox,
        key: &PatientKey,
        today: Date,
    ) -> Result<(), StoreError> {
        let [from, end] = keys::all();
        let number = keys::day_number(today);
        let proof = key.derive("history proof", &[]);
        outbox.write_rows(&[
            Change::RemoveRange(from.clone(), end.clone()),
            put(keys::KEY, &proof),
            put(keys::CURSOR, &outbox.lowest_seq().to_be_bytes()),
            put(keys::SINCE, &number.to_be_bytes()),
        ])?;
        outbox.rewrite_rows(&from, &end)
    }

    /// From this day on it is complete.
    pub(super) fn since(&self) -> Option<Date> {
        *self.since_now()
    }

    /// Lets days go whose term is over.
    pub(super) fn forget_old(&self, today: Date) {
        self.0.remembered.forget();
        self.0.outbox.forget_rows_before(self.horizon(today));
    }

    /// Makes changes of rows, and no past that was read before holds any more.
    pub(super) fn change_rows(&self, changes: &[Change]) -> Result<(), StoreError> {
        let made = self.0.outbox.write_rows(changes);
        self.0.remembered.changed(changes);
        made
    }

    pub(super) fn horizon(&self, today: Date) -> u32 {
        keys::day_number(today).saturating_sub(self.0.keep_days)
    }

    /// The number of the next record to fold.
    pub(super) fn cursor(&self) -> Result<u64, StoreError> {
        let value = self.value(keys::CURSOR).map_err(store_error)?;
        let number = value.and_then(|it| it.try_into().ok()).map(u64::from_be_bytes);
        Ok(number.unwrap_or_else(|| self.0.outbox.lowest_seq()))
    }

    /// Records that wait to be folded.
    pub(super) fn lag(&self) -> u64 {
        self.cursor().map_or(0, |it| self.0.outbox.next_seq().saturating_sub(it))
    }

    /// Takes the next records in, a bounded number.
    pub(super) fn fold(&self, today: Date) -> Result<Folded, StoreError> {
        let mut links = self.turn();
        if links.closed {
            return Err(StoreError::Stopped);
        }
        if links.is_full() {
            links.clear();
        }
        let from = self.cursor()?;
        // Behind by more than the disk is asked to keep for this: what lies between is given up.
        let lowest = self.0.outbox.next_seq().saturating_sub(BEHIND_MAX);
        let given_up = lowest.saturating_sub(from);
        let accepted = self.0.outbox.accepted_from(from.max(lowest), RECORDS_AT_ONCE)?;
        let mut folded = Folded { missing: accepted.missing + given_up, ..Folded::default() };
        folded.records = accepted.envelopes.len() as u64;
        if accepted.next == from {
            return Ok(folded);
        }
        let written = self.write(&mut links, &accepted, &mut folded, today);
        // What is in memory may be of a change that was not made.
        written.inspect_err(|_| links.clear())?;
        self.0.outbox.hold_from(Some(accepted.next));
        Ok(folded)
    }

    fn write(
        &self,
        links: &mut Links,
        accepted: &Accepted,
        folded: &mut Folded,
        today: Date,
    ) -> Result<(), StoreError> {
        let mut changes = vec![put(keys::CURSOR, &accepted.next.to_be_bytes())];
        if folded.missing > 0 {
            let number = keys::day_number(today);
            changes.push(put(keys::SINCE, &number.to_be_bytes()));
        }
        let mut rows: BTreeMap<(Pseudonym, &str), Row> = BTreeMap::new();
        let mut firsts = Firsts::default();
        let mut indexed = BTreeMap::new();
        for envelope in &accepted.envelopes {
            let Some((named, noted)) = Self::noted(envelope) else { continue };
            let day = day_received(envelope);
            let ids = Ids::of_record(&self.0.key, &self.0.org, &named);
            let Some(patient) = links.patient(&self.0.outbox, &ids, day, &mut changes)? else {
                folded.nobodys += 1;
                continue;
            };
            folded.kept += 1;
            self.call(&patient, &named, links, &mut changes)?;
            self.index(envelope, &patient, &noted, &mut indexed)?;
            folded.settled.extend(is_settled(&noted).then(|| noted.encounter.clone()));
            firsts.note(self, &patient, (envelope.revision, &noted), &changes)?;
            let row = rows.entry((patient, &envelope.message_id)).or_insert_with(|| Row {
                seq: envelope.seq,
                day,
                content: Vec::new(),
            });
            codec::write(&noted, &mut row.content);
        }
        changes.extend(firsts.changes(self)?);
        for ((patient, _), row) in rows {
            changes.push(self.sealed(
                &patient,
                keys::row(&patient, row.seq),
                row.day,
                row.content,
            )?);
        }
        changes.extend(indexed.into_iter().map(|(key, value)| Change::Put(key, value)));
        self.change_rows(&changes)?;
        if folded.missing > 0 {
            *self.since_now() = Some(today);
        }
        Ok(())
    }

    /// What is kept of a record, and whom it names; `None` when it says nothing of the past.
    fn noted(envelope: &Envelope) -> Option<(Named, Noted)> {
        if !past::is_told_by(&envelope.entity) {
            return None;
        }
        let Body { elements } = serde_json::from_slice(&envelope.body).ok()?;
        let received: DateTime = pipeline::moment(&envelope.received_at)?;
        let notes = past::notes_of(&envelope.entity, &elements, received);
        let mut named = past::who_is_it_about(&elements);
        if !envelope.lane.is_empty() && !named.encounters.contains(&envelope.lane) {
            named.encounters.push(envelope.lane.clone());
        }
        // Without a business key nothing can be said of it again.
        let key = if envelope.key.is_empty() { &envelope.record_id } else { &envelope.key };
        let identity = identity(&envelope.entity, key);
        let encounter = envelope.lane.clone();
        (!notes.is_empty()).then_some((named, Noted { identity, encounter, notes }))
    }

    pub(super) fn ids(&self, named: &Named) -> Ids {
        Ids::of(&self.0.key, &self.0.org, named)
    }

    pub(super) fn sealed(
        &self,
        patient: &Pseudonym,
        key: Vec<u8>,
        day: u32,
        content: Vec<u8>,
    ) -> Result<Change, StoreError> {
        let mut value = day.to_be_bytes().to_vec();
        let cipher = Cipher::of(&self.0.key, patient);
        cipher.seal(&key, content, &mut value).ok_or_else(|| StoreError::Failed {
            operation: "seal a row of the history",
            cause: "the system gives no random numbers".to_owned(),
        })?;
        Ok(Change::Put(key, value))
    }

    /// All that is kept of whoever is named so, what checks told first, then records in their order; `None` when nobody is known so.
    pub(super) fn read(
        &self,
        named: &Named,
        reach: Reach,
        today: Date,
    ) -> Result<Option<Vec<Noted>>, RowError> {
        let patients = self.patients(named, reach)?;
        let under = self.places(named, &patients);
        let mut found = self.told_of(&under, (reach, self.horizon(today)))?;
        if patients.is_empty() && found.is_empty() {
            return Ok(None);
        }
        found.extend(self.read_of(&patients, reach, today)?);
        Ok(Some(found))
    }

    /// All that is kept of patients that are one, in its order.
    pub(super) fn read_of(
        &self,
        patients: &[Pseudonym],
        reach: Reach,
        today: Date,
    ) -> Result<Vec<Noted>, RowError> {
        let horizon = self.horizon(today);
        let mut found = Vec::new();
        for patient in patients {
            let cipher = Cipher::of(&self.0.key, patient);
            let firsts = self.spans(keys::FIRST, patient).into_iter();
            let firsts = firsts.map(|it| (keys::FIRST, it));
            for (letter, [from, end]) in [(b'R', keys::rows(patient))].into_iter().chain(firsts) {
                self.0.outbox.walk_rows([&from, &end], reach, |key, value| {
                    if let Some((day, noted)) = open(&cipher, key, value)
                        && day >= horizon
                    {
                        found.push((order_of(letter, key), noted));
                    }
                    ControlFlow::Continue(())
                })?;
            }
        }
        // Of several patients that are one: as it was accepted.
        found.sort_by_key(|(order, _)| *order);
        Ok(found.into_iter().flat_map(|(_, noted)| noted).collect())
    }

    /// The patients that are one, the one first.
    pub(super) fn patients(&self, named: &Named, reach: Reach) -> Result<Vec<Pseudonym>, RowError> {
        self.patients_by(named, reach, &mut Vec::new())
    }

    /// The same, and all ids and patients that say so.
    pub(super) fn patients_by(
        &self,
        named: &Named,
        reach: Reach,
        looked_at: &mut Vec<Pseudonym>,
    ) -> Result<Vec<Pseudonym>, RowError> {
        for id in self.ids(named).all() {
            if let Some(patient) = links::patient_of(&self.0.outbox, id, reach, looked_at)? {
                let others = links::others(&self.0.outbox, &patient, reach)?;
                looked_at.extend([patient].iter().chain(&others));
                return Ok([patient].into_iter().chain(others).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Removes all that is kept of whoever is named so, from the disk too. Says of how many rows.
    pub(super) fn forget(&self, named: &Named) -> Result<u64, StoreError> {
        let mut links = self.turn();
        if links.closed {
            return Err(StoreError::Stopped);
        }
        let patients = self.patients(named, Reach::Disk).map_err(store_error)?;
        let mut changes: Vec<Change> =
            self.ids(named).all().map(|it| Change::Remove(keys::link(&it))).collect();
        let mut removed = 0;
        self.unindex(&patients, &mut changes)?;
        let stand_in = self.as_asked(named).filter(|it| !patients.contains(it));
        let all: Vec<Pseudonym> = patients.iter().copied().chain(stand_in).collect();
        for patient in &all {
            for [from, end] in self.all_of(patient).chain([keys::members(patient)]) {
                let count = |_: &[u8], _: &[u8]| {
                    removed += 1;
                    ControlFlow::Continue(())
                };
                self.0.outbox.walk_rows([&from, &end], Reach::Disk, count).map_err(store_error)?;
                changes.push(Change::RemoveRange(from, end));
            }
            changes.push(Change::Remove(keys::link(patient)));
            changes.push(Change::Remove(keys::alias(patient)));
        }
        self.change_rows(&changes)?;
        self.0.remembered.forget();
        links.clear();
        for patient in &all {
            for [from, end] in self.all_of(patient) {
                self.0.outbox.rewrite_rows(&from, &end)?;
            }
        }
        Ok(removed)
    }

    pub(super) fn firsts(
        &self,
        patient: &Pseudonym,
        reach: Reach,
    ) -> Result<Vec<(Vec<u8>, Noted)>, RowError> {
        let cipher = Cipher::of(&self.0.key, patient);
        let mut found = Vec::new();
        for [from, end] in self.spans(keys::FIRST, patient) {
            self.0.outbox.walk_rows([&from, &end], reach, |key, value| {
                let noted = open(&cipher, key, value);
                let noted = noted.and_then(|(_, noted)| noted.into_iter().next());
                found.extend(noted.map(|it| (key.to_vec(), it)));
                ControlFlow::Continue(())
            })?;
        }
        Ok(found)
    }

    /// Where all rows of a patient are.
    fn all_of(&self, patient: &Pseudonym) -> impl Iterator<Item = [Vec<u8>; 2]> {
        let dated = [keys::FIRST, keys::ASKED].map(|letter| self.spans(letter, patient));
        [keys::rows(patient)].into_iter().chain(dated.into_iter().flatten())
    }

    /// Whoever changes rows does so alone.
    pub(super) fn turn(&self) -> MutexGuard<'_, Links> {
        self.0.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nobody write any more, once whoever does has come to an end. Until what comes back is
    /// dropped they wait.
    pub(super) fn close(&self) -> MutexGuard<'_, Links> {
        let mut links = self.turn();
        links.closed = true;
        links
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        let value = self.0.outbox.row(key, Reach::Disk)?;
        Ok(value.and_then(|it| keys::undated(&it).map(|(_, rest)| rest.to_vec())))
    }

    fn since_now(&self) -> MutexGuard<'_, Option<Date>> {
        self.0.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_settled(noted: &Noted) -> bool {
    noted.notes.iter().any(|it| matches!(it, Note::Settled(_)))
}

/// What is read of a record's JSON.
#[derive(Deserialize)]
struct Body {
    elements: Value,
}

/// What came of one patient in one message.
struct Row {
    seq: u64,
    day: u32,
    content: Vec<u8>,
}

/// First uses come before everything; they stand for what is not there any more.
fn order_of(letter: u8, key: &[u8]) -> u64 {
    let seq = key.last_chunk().map_or(0, |it| u64::from_be_bytes(*it));
    if letter == b'R' { seq } else { 0 }
}

pub(super) fn open(cipher: &Cipher, key: &[u8], value: &[u8]) -> Option<(u32, Vec<Noted>)> {
    let (day, sealed) = keys::undated(value)?;
    let mut sealed = sealed.to_vec();
    let Some(content) = cipher.open(key, &mut sealed) else {
        metrics::counter!("his_agent_history_rows_unreadable_total").increment(1);
        return None;
    };
    let mut noted = Vec::new();
    codec::read(content, &mut noted);
    Some((day, noted))
}

fn identity(entity: &str, key: &str) -> u64 {
    let digest = Sha256::digest([entity.as_bytes(), b"\0", key.as_bytes()].concat());
    digest.first_chunk().map_or(0, |it| u64::from_be_bytes(*it))
}

pub(super) fn day_received(envelope: &Envelope) -> u32 {
    pipeline::moment(&envelope.received_at).map_or(keys::NEVER, |it| keys::day_number(it.date()))
}

fn put(key: &[u8], rest: &[u8]) -> Change {
    Change::Put(key.to_vec(), keys::dated(keys::NEVER, rest))
}

/// Records folded in one change.
const RECORDS_AT_ONCE: usize = 256;
/// Records that the disk keeps for the fold at most, when it cannot follow.
const BEHIND_MAX: u64 = 2_000_000;
