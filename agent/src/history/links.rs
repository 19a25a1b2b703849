//! Who is who: the ids of one patient, linked when one record names both.
//!
//! The hospital's id, the insurer's and the number of the medical record say who somebody is; when
//! one record names two of them that were known apart, what is kept of both is one past from then
//! on. An encounter says whose a record is that names nobody, or names somebody by a new id of a
//! kind that its patient has none of. Of two known patients it never makes one, nor gives a patient
//! a second id of a kind: a HIS may give the number of an encounter twice.

use std::collections::HashMap;
use std::ops::ControlFlow;

use rules::past::Named;

use super::keys::{self, Pseudonym};
use crate::outbox::{Change, Outbox, Reach, RowError, StoreError};
use crate::patient_key::PatientKey;

/// An id's patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    patient: Pseudonym,
    /// The kinds of ids by which the patient is known, a bit each; none: by an encounter only.
    kinds: u8,
}

/// Whom a record is about.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// The ids that say who somebody is, the strongest first, with the bit of their kind.
    pub(super) persons: Vec<(Pseudonym, u8)>,
    /// The stand-ins of the same ids, of a record: under them stands what was asked before.
    stand_ins: Vec<Pseudonym>,
    pub(super) encounters: Vec<Pseudonym>,
}

/// Ids and their patients, of which the latest are in memory. For the one who folds.
#[derive(Debug, Default)]
pub(super) struct Links {
    known: HashMap<Pseudonym, Link>,
    /// How strong the id is by which a patient is called; see [`alias`](super::alias).
    pub(super) called: HashMap<Pseudonym, u8>,
    /// The history began anew meanwhile: nothing is written by this one any more.
    pub(super) closed: bool,
}

impl Ids {
    pub(super) fn of(key: &PatientKey, org: &str, named: &Named) -> Ids {
        let ids =
            [("patn_id", &named.patn_id), ("psn_no", &named.psn_no), ("mrn", &named.medrcdno)];
        let persons = ids
            .into_iter()
            .zip([1, 2, 4])
            .filter_map(|((kind, id), bit)| Some((pseudonym(key, org, kind, id.as_deref()?), bit)));
        let encounters = named.encounters.iter().map(|it| pseudonym(key, org, "encounter", it));
        let (persons, encounters) = (persons.collect(), encounters.collect());
        Ids { persons, stand_ins: Vec::new(), encounters }
    }

    /// Of a record, which may be the first to know an id that checks have named before.
    pub(super) fn of_record(key: &PatientKey, org: &str, named: &Named) -> Ids {
        let ids = [&named.patn_id, &named.psn_no, &named.medrcdno].into_iter().flatten();
        let stand_ins = ids.map(|it| stand_in(key, org, it)).collect();
        Ids { stand_ins, ..Ids::of(key, org, named) }
    }

    /// All of them, in the order in which they are asked.
    pub(super) fn all(&self) -> impl Iterator<Item = Pseudonym> {
        let persons = self.persons.iter().map(|(id, _)| *id);
        persons.chain(self.encounters.iter().copied())
    }

    fn kinds(&self) -> u8 {
        self.persons.iter().fold(0, |kinds, (_, bit)| kinds | bit)
    }
}

pub(super) fn pseudonym(key: &PatientKey, org: &str, kind: &str, id: &str) -> Pseudonym {
    let tag = key.derive("history id", &[kind.as_bytes(), org.as_bytes(), id.as_bytes()]);
    tag.first_chunk().copied().unwrap_or_default()
}

/// Who is named by an id that no record knows, whatever kind of id it is.
pub(super) fn stand_in(key: &PatientKey, org: &str, id: &str) -> Pseudonym {
    pseudonym(key, org, "asked", id)
}

/// The patient of an id, read from the store.
pub(super) fn patient_of(
    outbox: &Outbox,
    id: Pseudonym,
    reach: Reach,
    looked_at: &mut Vec<Pseudonym>,
) -> Result<Option<Pseudonym>, RowError> {
    Ok(follow(outbox, id, reach, |it| looked_at.push(it))?.map(|it| it.patient))
}

/// Patients whose pasts are this one's too.
pub(super) fn others(
    outbox: &Outbox,
    patient: &Pseudonym,
    reach: Reach,
) -> Result<Vec<Pseudonym>, RowError> {
    let [from, end] = keys::members(patient);
    let mut others = Vec::new();
    outbox.walk_rows([&from, &end], reach, |key, _| {
        others.extend(keys::other_of(key));
        if others.len() < OTHERS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(others)
}

/// The same, with whoever became this one in a change that is still in the making.
pub(super) fn others_now(
    outbox: &Outbox,
    patient: &Pseudonym,
    changes: &[Change],
) -> Result<Vec<Pseudonym>, StoreError> {
    let mut others = others(outbox, patient, Reach::Disk).map_err(store_error)?;
    others.extend(joining(patient, changes));
    Ok(others)
}

/// Whoever becomes this one in a change that is still in the making.
pub(super) fn joining(patient: &Pseudonym, changes: &[Change]) -> impl Iterator<Item = Pseudonym> {
    let [members, _] = keys::members(patient);
    let joined = changes.iter().filter_map(move |it| match it {
        Change::Put(key, _) if key.starts_with(&members) => keys::other_of(key),
        _ => None,
    });
    joined.take(OTHERS_MAX)
}

/// Follows an id to its patient, and the patient to the one it was found to be.
fn stored(outbox: &Outbox, id: Pseudonym, reach: Reach) -> Result<Option<Link>, RowError> {
    follow(outbox, id, reach, |_| {})
}

fn follow(
    outbox: &Outbox,
    id: Pseudonym,
    reach: Reach,
    mut look_at: impl FnMut(Pseudonym),
) -> Result<Option<Link>, RowError> {
    let mut found = None;
    let mut next = id;
    for _ in 0..FOLLOWED_MAX {
        look_at(next);
        let Some(value) = outbox.row(&keys::link(&next), reach)? else { break };
        let Some(link) = keys::undated(&value).and_then(|(_, rest)| read(rest)) else { break };
        found = Some(link);
        if link.patient == next {
            break;
        }
        next = link.patient;
    }
    Ok(found)
}

impl Links {
    /// The patient of a record with these ids, and what has to be written to know it again; `None`
    /// when there is no id at all.
    pub(super) fn patient(
        &mut self,
        outbox: &Outbox,
        ids: &Ids,
        day: u32,
        changes: &mut Vec<Change>,
    ) -> Result<Option<Pseudonym>, StoreError> {
        let mut patient: Option<Link> = None;
        let mut asked_before = Vec::new();
        for (at, (id, _)) in ids.persons.iter().enumerate() {
            // Links of earlier releases did not take in what was asked: looked for once, not only when new.
            if !self.known.contains_key(id) {
                asked_before.extend(ids.stand_ins.get(at));
            }
            let Some(link) = self.find(outbox, *id)? else { continue };
            match patient {
                None => patient = Some(link),
                Some(first) => patient = Some(self.unite(outbox, first, link, changes)?),
            }
        }
        for id in &ids.encounters {
            let Some(link) = self.find(outbox, *id)? else { continue };
            match patient {
                None if link.kinds & ids.kinds() == 0 => patient = Some(link),
                // What came under the encounter before anybody was named is that person's.
                Some(first) if link.kinds == 0 => {
                    patient = Some(self.unite(outbox, first, link, changes)?);
                }
                None | Some(_) => {}
            }
        }
        let new = || ids.all().next().map(|patient| Link { patient, kinds: 0 });
        let Some(mut patient) = patient.or_else(new) else { return Ok(None) };
        patient.kinds |= ids.kinds();
        self.set(patient.patient, patient, keys::NEVER, changes);
        for (id, _) in &ids.persons {
            self.set(*id, patient, keys::NEVER, changes);
        }
        for id in ids.encounters.iter().filter(|it| **it != patient.patient) {
            self.set(*id, patient, day, changes);
        }
        for stand_in in asked_before {
            take_in(outbox, &patient.patient, stand_in, changes)?;
        }
        Ok(Some(patient.patient))
    }

    /// Forgets what is in memory, before it becomes much and when the store was changed.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.called.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.known.len() > KNOWN_MAX
    }

    fn find(&self, outbox: &Outbox, id: Pseudonym) -> Result<Option<Link>, StoreError> {
        let Some(mut link) = self.known.get(&id).copied() else {
            return stored(outbox, id, Reach::Disk).map_err(store_error);
        };
        for _ in 0..FOLLOWED_MAX {
            match self.known.get(&link.patient) {
                Some(next) if *next != link => link = *next,
                Some(_) | None => break,
            }
        }
        Ok(Some(link))
    }

    /// Makes two patients one: the first.
    fn unite(
        &mut self,
        outbox: &Outbox,
        first: Link,
        other: Link,
        changes: &mut Vec<Change>,
    ) -> Result<Link, StoreError> {
        if first.patient == other.patient {
            return Ok(first);
        }
        let others = others_now(outbox, &other.patient, changes)?;
        for it in others.into_iter().chain([other.patient]) {
            let key = keys::member(&first.patient, &it);
            changes.push(Change::Put(key, keys::dated(keys::NEVER, &[])));
        }
        let one = Link { kinds: first.kinds | other.kinds, ..first };
        self.set(other.patient, one, keys::NEVER, changes);
        Ok(one)
    }

    fn set(&mut self, id: Pseudonym, link: Link, day: u32, changes: &mut Vec<Change>) {
        if self.known.get(&id) == Some(&link) {
            return;
        }
        self.known.insert(id, link);
        let rest = [&[link.kinds], &link.patient[..]].concat();
        changes.push(Change::Put(keys::link(&id), keys::dated(day, &rest)));
    }
}

/// What checks told under an id before any record knew it is of its patient now, and is read and forgotten
/// with it by whatever id.
fn take_in(
    outbox: &Outbox,
    patient: &Pseudonym,
    stand_in: &Pseudonym,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    // Rows of an earlier release have the keys of today before any record is folded.
    let [from, end] = keys::all_asked(stand_in);
    let mut was_asked = false;
    let note = |_: &[u8], _: &[u8]| {
        was_asked = true;
        ControlFlow::Break(())
    };
    outbox.walk_rows([&from, &end], Reach::Disk, note).map_err(store_error)?;
    if was_asked {
        let key = keys::member(patient, stand_in);
        changes.push(Change::Put(key, keys::dated(keys::NEVER, &[])));
    }
    Ok(())
}

fn read(rest: &[u8]) -> Option<Link> {
    let (kinds, patient) = rest.split_first()?;
    Some(Link { patient: patient.try_into().ok()?, kinds: *kinds })
}

pub(super) fn store_error(error: RowError) -> StoreError {
    match error {
        RowError::Store(error) => error,
        RowError::NotInMemory => {
            StoreError::Failed { operation: "read", cause: "the disk was not asked".to_owned() }
        }
    }
}

/// Ids in memory.
const KNOWN_MAX: usize = 20_000;
/// A patient was found to be another so often at most.
const FOLLOWED_MAX: usize = 8;
/// So many patients can be one; more is a HIS that gives one number to everybody.
const OTHERS_MAX: usize = 16;
