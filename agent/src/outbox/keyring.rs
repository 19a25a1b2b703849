//! Where the keyring lies, and what a start makes of it.
//!
//! It lies twice: in a small file in the store's folder, which is read before anything of the store is
//! touched, so that a wrong key changes nothing; and in the store, in case the file is lost or damaged.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use tracing::{error, info};

use super::format::{self, Keyring};
use super::store::{Durability, Family, Store};
use super::vault::Vault;
use super::{FORMAT, KEYRING, StoreError, opening};
use crate::master_key::{KeySource, MasterKey};
use crate::secret_file;

/// Opens what the file tells of. `None` when there is no file, or it is damaged.
pub(super) fn hear(dir: &Path, source: &KeySource) -> Result<Option<Vault>, StoreError> {
    let value = match fs::read(dir.join(NAME)) {
        Ok(value) => value,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::keyring(&error)),
    };
    match Keyring::read(&value) {
        Ok(ring) => unlock(ring, dir, source).map(Some),
        Err(damage) => {
            error!(%damage, "the keyring's file is damaged; the store has another");
            Ok(None)
        }
    }
}

/// Opens what the store itself tells of; a store that holds nothing sealed gets its first key.
pub(super) fn recover(store: &Store, dir: &Path, source: &KeySource) -> Result<Vault, StoreError> {
    let vault = if let Some(value) = store.get(Family::Meta, KEYRING)? {
        let ring = Keyring::read(&value).map_err(|it| StoreError::damaged(&it.to_string()))?;
        unlock(ring, dir, source)?
    } else {
        let format = store.get(Family::Meta, FORMAT)?;
        let format = format.and_then(|it| format::read_numbers(&it)).map_or(0, |[it]| it);
        if format >= format::SEALED_SINCE {
            return Err(StoreError::damaged("the keyring is lost"));
        }
        let master = source.find_or_make(dir).map_err(|it| StoreError::no_key(&it.to_string()))?;
        info!(master = %master.fingerprint(), "the store is sealed from now on");
        Vault::new(&master)?
    };
    keep_file(&vault.ring(), dir)?;
    Ok(vault)
}

/// Opens what is left of the two copies; `None` for a store that was never sealed. Writes nothing.
pub(super) fn of_what_is_left(
    meta: &BTreeMap<Vec<u8>, Vec<u8>>,
    dir: &Path,
    source: &KeySource,
) -> Result<Option<Vault>, StoreError> {
    let kept = fs::read(dir.join(NAME)).ok();
    let copies = [meta.get(KEYRING), kept.as_ref()];
    let rings = copies.into_iter().flatten().filter_map(|it| Keyring::read(it).ok());
    // Keys are only added: the longer one has all of them.
    if let Some(ring) = rings.max_by_key(|it| it.keys.len()) {
        return unlock(ring, dir, source).map(Some);
    }
    let format = meta.get(FORMAT).and_then(|it| format::read_numbers(it)).map(|[it]| it);
    // Where not even the format is known, a file that cannot be read tells that there was a keyring.
    let was_sealed = format.map_or(kept.is_some(), |it| it >= format::SEALED_SINCE);
    if was_sealed {
        return Err(StoreError::damaged("the keyring is lost"));
    }
    Ok(None)
}

fn unlock(ring: Keyring, dir: &Path, source: &KeySource) -> Result<Vault, StoreError> {
    let found = source.find(dir).map_err(|error| StoreError::no_key(&error.to_string()))?;
    let master: MasterKey = found.ok_or_else(|| {
        let file = KeySource::beside(dir);
        StoreError::no_key(&format!("there is no file {}", file.display()))
    })?;
    Vault::unlock(ring, &master)
}

/// Writes the keyring's file; on disk when this returns.
pub(super) fn keep_file(ring: &Keyring, dir: &Path) -> Result<(), StoreError> {
    secret_file::write(&dir.join(NAME), &ring.value()).map_err(|it| StoreError::keyring(&it))
}

/// Writes the other copy, and the format that the store is of now: an older program must not try. A store of
/// before is sealed from now on; what else has changed since comes later (`outbox/names.rs`).
pub(super) fn keep_in(store: &Store, ring: &Keyring) -> Result<(), StoreError> {
    let format = match opening::row(store, FORMAT)? {
        None => format::FORMAT,
        Some([found]) => found.max(format::SEALED_SINCE),
    };
    let (format, ring) = (format::numbers([format]), ring.value());
    let is_kept = |key: &[u8], value: &[u8]| {
        store.get(Family::Meta, key).map(|found| found.as_deref() == Some(value))
    };
    if is_kept(FORMAT, &format)? && is_kept(KEYRING, &ring)? {
        return Ok(());
    }
    let mut batch = store.batch();
    batch.put(Family::Meta, FORMAT, &format);
    batch.put(Family::Meta, KEYRING, &ring);
    batch.write(Durability::Synced)
}

const NAME: &str = "keyring";
