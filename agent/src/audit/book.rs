//! Suspicions, runs and what departments are told, on the shelf beside the queue: written whole or not
//! at all, synced, together with the records that the platform gets of them.
//!
//! | key | what is kept |
//! |---|---|
//! | `us` id | the suspicion |
//! | `uo` id | nothing: it is not closed |
//! | `un` encounter, id | nothing: suspicions by encounter |
//! | `uq` event id | what a department is told |
//! | `ur` run id | the account of a run |
//!
//! An encounter has a name of its own in a key ([`PatientKey::name_in_keys`]); earlier releases wrote its
//! number, under `ue`. Ids of events and runs begin with their time, so they lie in their order.

use std::ops::ControlFlow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::states::State;
use super::suspicion::Suspicion;
use crate::outbox::{Change, Outbox, StoreError};
use crate::patient_key::PatientKey;

/// The suspicion of this id.
pub(super) fn suspicion(outbox: &Outbox, id: &str) -> Result<Option<Suspicion>, StoreError> {
    let bytes = outbox.shelved(&key(b's', id))?;
    Ok(bytes.and_then(|it| serde_json::from_slice(&it).ok()))
}

/// Suspicions in the order of their ids, until `show` has enough.
pub(super) fn suspicions(
    outbox: &Outbox,
    mut show: impl FnMut(Suspicion) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    walk(outbox, b's', "", |_, it| show(it))
}

/// Those that are not closed.
pub(super) fn open(outbox: &Outbox) -> Result<Vec<Suspicion>, StoreError> {
    ids(outbox, &key(b'o', ""))?.iter().filter_map(|id| suspicion(outbox, id).transpose()).collect()
}

/// Those of an encounter.
pub(super) fn of_encounter(
    (outbox, key): (&Outbox, &PatientKey),
    encounter: &str,
) -> Result<Vec<Suspicion>, StoreError> {
    let ids = ids(outbox, &of(key, encounter, ""))?;
    ids.iter().filter_map(|id| suspicion(outbox, id).transpose()).collect()
}

/// What has to be written so that a suspicion is kept as it is now.
pub(super) fn put(names: &PatientKey, it: &Suspicion) -> [Change; 3] {
    let is_open = key(b'o', &it.id);
    [
        Change::Put(key(b's', &it.id), bytes(it)),
        Change::Put(of(names, &it.encounter, &it.id), Vec::new()),
        match it.state {
            State::Closed => Change::Remove(is_open),
            _ => Change::Put(is_open, Vec::new()),
        },
    ]
}

/// What has to be written so that it was never there.
pub(super) fn remove(names: &PatientKey, it: &Suspicion) -> [Change; 3] {
    let keys = [key(b's', &it.id), of(names, &it.encounter, &it.id), key(b'o', &it.id)];
    keys.map(Change::Remove)
}

/// What has to be written so that a department is told.
pub(super) fn event<T: Serialize>(id: &str, it: &T) -> Change {
    Change::Put(key(b'q', id), bytes(it))
}

/// What departments were told after an event, until `show` has enough.
pub(super) fn events<T: DeserializeOwned>(
    outbox: &Outbox,
    after: &str,
    show: impl FnMut(&str, T) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    walk(outbox, b'q', after, show)
}

/// What has to be written so that departments are not told any more what was told before this event.
pub(super) fn forget_events_before(id: &str) -> Change {
    Change::RemoveRange(key(b'q', ""), key(b'q', id))
}

/// What has to be written so that departments are not told of one event any more.
pub(super) fn forget_event(id: &str) -> Change {
    Change::Remove(key(b'q', id))
}

/// What has to be written so that the account of a run is kept.
pub(super) fn run<T: Serialize>(id: &str, it: &T) -> Change {
    Change::Put(key(b'r', id), bytes(it))
}

/// The accounts of runs, the oldest first.
pub(super) fn runs<T: DeserializeOwned>(outbox: &Outbox) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    walk(outbox, b'r', "", |_, it| {
        found.push(it);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Shows what lies behind a key of a letter; what cannot be read is passed over.
fn walk<T: DeserializeOwned>(
    outbox: &Outbox,
    letter: u8,
    after: &str,
    mut show: impl FnMut(&str, T) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let from = [key(letter, after), vec![0]].concat();
    let from = if after.is_empty() { key(letter, "") } else { from };
    outbox.walk_shelf(&from, &[b'u', letter + 1], |key, bytes| {
        let id = key.get(2..).and_then(|it| str::from_utf8(it).ok());
        match (id, serde_json::from_slice(bytes)) {
            (Some(id), Ok(it)) => show(id, it),
            _ => ControlFlow::Continue(()),
        }
    })
}

fn ids(outbox: &Outbox, prefix: &[u8]) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    outbox.walk_shelf(prefix, &[prefix, &[0xff; 40]].concat(), |key, _| {
        let id = key.get(prefix.len()..).and_then(|it| str::from_utf8(it).ok());
        found.extend(id.map(str::to_owned));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn key(letter: u8, id: &str) -> Vec<u8> {
    [&[b'u', letter], id.as_bytes()].concat()
}

fn of(names: &PatientKey, encounter: &str, id: &str) -> Vec<u8> {
    [b"un", &names.name_in_keys(&[encounter])[..], id.as_bytes()].concat()
}

/// The key of today for one of an earlier release.
pub(crate) fn rekeyed(names: &PatientKey, old: &[u8]) -> Option<Vec<u8>> {
    let (encounter, id) = str::from_utf8(old.strip_prefix(b"ue")?).ok()?.split_once('\0')?;
    Some(of(names, encounter, id))
}

fn bytes<T: Serialize>(it: &T) -> Vec<u8> {
    serde_json::to_vec(it).unwrap_or_default()
}
