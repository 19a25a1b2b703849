//! The store as it is at one moment, taken while it runs; and a store that was brought back, made fit to
//! go on.

use std::path::Path;

use super::aside::Fate;
use super::opening::{self, Opened};
use super::store::{Durability, Family};
use super::witness::Testimony;
use super::{Options, Outbox, StoreError, TAIL, format, keyring};
use crate::master_key::MasterKey;

/// Numbers that a store has left free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leap {
    /// The first of them.
    pub(crate) from: u64,
    /// The number the next record gets.
    pub(crate) next_seq: u64,
}

impl Outbox {
    /// Makes a folder with the store as it is now; its tables are the same files, so it takes no room
    /// and no time. Blocks.
    pub(crate) fn checkpoint(&self, to: &Path) -> Result<(), StoreError> {
        let store = self.shared.store()?;
        store.checkpoint(to)?;
        keyring::keep_file(&store.vault().ring(), to)
    }

    /// The key under which everything is sealed.
    pub(crate) fn master_key(&self) -> Result<MasterKey, StoreError> {
        Ok(self.shared.store()?.vault().master())
    }
}

/// Leaves so many numbers free in a store that nobody has open.
///
/// What was accepted after the backup had some of them, and the platform may know them: none may be
/// given out twice. They count as lost, so that nobody waits for them.
pub(crate) fn leap(dir: &Path, options: &Options, numbers: u64) -> Result<Leap, StoreError> {
    let Opened { store, witness, at, mut left, .. } = opening::open(dir, options)?;
    let (from, next_seq) = (at.next_seq, at.next_seq.saturating_add(numbers));
    left.aside.add((from, next_seq, Fate::Lost));
    let mut batch = store.batch();
    left.aside.store(&mut batch);
    batch.put(Family::Meta, TAIL, &format::numbers([next_seq, at.bytes]));
    batch.write(Durability::Synced)?;
    store.flush()?;
    let said = witness.note(Testimony { next_seq, ..at.testimony() });
    said.and_then(|()| witness.sync()).map_err(|error| StoreError::witness(&error))?;
    Ok(Leap { from, next_seq })
}
