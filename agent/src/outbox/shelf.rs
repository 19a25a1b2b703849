//! What is kept beside the queue: on the same disk and under the same promises, but never on its way
//! to the platform by itself. The log of checks lives here.
//!
//! Its owner chooses keys and bytes. Changes are made whole or not at all, by whoever calls, not by
//! the writer: they share no state with the queue. Everything here reads or writes the disk and so
//! belongs on a thread that may block.

use std::ops::ControlFlow;

use tracing::error;

use super::format;
use super::store::{Durability, Family, Store, WalkError};
use super::{Change, Outbox, StoreError};

impl Outbox {
    /// Makes changes, all or nothing. Returns after the disk has synced. While room is short only
    /// what takes none is done.
    pub fn shelve(&self, changes: &[Change]) -> Result<(), StoreError> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let grows = changes.iter().any(|it| matches!(it, Change::Put(..)));
        let room = &self.shared.room;
        if grows { room.admit() } else { room.admit_upkeep() }?;
        self.change(Family::Shelf, changes, Durability::Synced)
    }

    /// Gives other keys to a bounded number of entries under a prefix, from a key on, so that a store of an
    /// earlier release has the form of today. Under a key that is there already stands what came later: it
    /// stays. Behind the last entry the old keys leave the disk; then, and only then, this gives false.
    pub fn rekey_shelf(
        &self,
        prefix: &[u8],
        from: &mut Vec<u8>,
        mut rekeyed: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<bool, StoreError> {
        let (end, mut found) = ([prefix, &[0xff; 40]].concat(), Vec::new());
        self.walk_shelf(from, &end, |key, bytes| {
            found.extend(rekeyed(key).map(|anew| (key.to_vec(), anew, bytes.to_vec())));
            let is_enough = found.len() >= REKEYED_AT_ONCE;
            if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let marker = [REKEYED, prefix].concat();
        let Some((last, ..)) = found.last() else { return self.rekeyed(prefix, &end, marker) };
        *from = [last, &[0][..]].concat();
        let mut changes = vec![Change::Put(marker, Vec::new())];
        for (key, anew, bytes) in found {
            if self.shelved(&anew)?.is_none() {
                changes.push(Change::Put(anew, bytes));
            }
            changes.push(Change::Remove(key));
        }
        self.shared.room.admit_upkeep()?;
        self.change(Family::Shelf, &changes, Durability::Synced)?;
        Ok(true)
    }

    fn rekeyed(&self, prefix: &[u8], end: &[u8], marker: Vec<u8>) -> Result<bool, StoreError> {
        if self.shelved(&marker)?.is_some() {
            self.shared.store()?.compact(Family::Shelf, prefix, end);
            self.change(Family::Shelf, &[Change::Remove(marker)], Durability::Synced)?;
        }
        Ok(false)
    }

    /// What is kept under a key. Damaged bytes count as absent, and are named in the log.
    pub fn shelved(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let store = self.shared.store()?;
        let value = match store.get(Family::Shelf, key) {
            Err(StoreError::Damaged { cause }) => {
                error!(cause, "a block of the shelf is damaged");
                None
            }
            other => other?,
        };
        let mut scratch = Vec::new();
        Ok(value.and_then(|it| open(&store, key, &it, &mut scratch).map(<[u8]>::to_vec)))
    }

    /// Shows what is kept from one key on and below another, in ascending order, until `show` has
    /// enough. Damaged entries are passed over; behind a damaged block nothing more is shown.
    pub fn walk_shelf(
        &self,
        from: &[u8],
        end: &[u8],
        mut show: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (store, mut scratch) = (self.shared.store()?, Vec::new());
        let walked = store.walk_keys(Family::Shelf, from, end, |key, value| {
            let bytes = open(&store, key, value, &mut scratch);
            bytes.map_or(ControlFlow::Continue(()), |bytes| show(key, bytes))
        });
        match walked {
            Ok(()) => Ok(()),
            Err(WalkError::Damaged(cause)) => {
                error!(cause, "a block of the shelf is damaged");
                Ok(())
            }
            Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
        }
    }
}

/// A disk that stands still until this is dropped.
#[cfg(test)]
pub(crate) struct StandsStill(std::sync::mpsc::Sender<()>, Option<std::thread::JoinHandle<()>>);

#[cfg(test)]
impl Drop for StandsStill {
    fn drop(&mut self) {
        let _ = self.0.send(());
        drop(self.1.take().map(std::thread::JoinHandle::join));
    }
}

#[cfg(test)]
impl Outbox {
    /// Has every write wait.
    pub(crate) fn stand_still(&self) -> StandsStill {
        let store = self.shared.store().expect("the outbox is open");
        let (end, ended) = std::sync::mpsc::channel();
        let (ready, is_held) = std::sync::mpsc::channel();
        let holder = std::thread::spawn(move || {
            let _held = store.faults.hold_writes.lock();
            let _ = ready.send(());
            let _ = ended.recv();
        });
        is_held.recv().expect("the holder holds");
        StandsStill(end, Some(holder))
    }

    /// Has the disk fail behind so many writes more, for good: what it has then is what a kill would leave.
    pub(crate) fn fail_behind(&self, writes: u64) {
        let store = self.shared.store().expect("the outbox is open");
        *store.faults.writes_left.lock().expect("nobody panics with it") = Some(writes);
    }
}

/// One change stays small enough not to hold up the queue's own.
const REKEYED_AT_ONCE: usize = 1_000;
/// In front of a prefix whose old keys are on the disk yet.
const REKEYED: &[u8] = b"wk";

fn open<'a>(
    store: &Store,
    key: &[u8],
    value: &'a [u8],
    scratch: &'a mut Vec<u8>,
) -> Option<&'a [u8]> {
    let content = store.open_value((Family::Shelf, key), value, scratch);
    content
        .map(|it| format::read_kept(&it))
        .inspect_err(|damage| error!(%damage, "an entry of the shelf is damaged"))
        .ok()
}
