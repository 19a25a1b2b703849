//! The rows of the account: what the platform has confirmed, day by day. Their owner follows the
//! cursor and writes them with the number up to which it has come, in one change; from that number on
//! nothing is removed, so no record leaves unaccounted for.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use tracing::error;

use super::format;
use super::store::{Durability, Family, WalkError};
use super::{Change, Outbox, Shared, StoreError};
use crate::ranges::Ranges;

/// The row in which the owner keeps how far it has come. A store that was made anew of a damaged one has
/// none: what else it has of the account may be short.
pub(crate) const FOLLOWED: &[u8] = &[0, 0, 0, 0, b'n'];

impl Outbox {
    /// The first record that is not confirmed; all before it are.
    pub fn confirmed_to(&self) -> u64 {
        self.shared.progress().cursor
    }

    /// What is settled of `from..end`: confirmed, or set aside.
    pub(crate) fn settled_in(&self, from: u64, end: u64) -> Vec<(u64, u64)> {
        self.shared.progress().settled_in(from, end)
    }

    /// Records that had been refused and have arrived since, sent once more; until somebody says that they
    /// are entered. Memory: after a crash they are found when the account is compared.
    pub(crate) fn arrived_late(&self) -> Vec<u64> {
        self.shared.progress().late.iter().copied().collect()
    }

    pub(crate) fn entered_late(&self, seqs: &[u64]) {
        let mut progress = self.shared.progress();
        for seq in seqs {
            progress.late.remove(seq);
        }
    }

    /// Keeps records from a number on, also when they are delivered, except for those that are
    /// accounted for ahead of others.
    pub(crate) fn account_from(&self, seq: u64, beyond: Ranges) {
        self.shared.accounted_from.store(seq, Ordering::SeqCst);
        *self.shared.accounted_beyond() = beyond;
    }

    /// Makes changes, all or nothing, without waiting for the disk: they are made of records that are
    /// on it, and what a power cut takes is made again.
    pub fn enter(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.may_keep_house()?;
        self.change(Family::Account, changes, Durability::Buffered)
    }

    /// A row. Unlike a journey's, a damaged one is an error: an account must not be short in silence.
    pub fn entered(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (store, mut scratch) = (self.shared.store()?, Vec::new());
        let Some(value) = store.get(Family::Account, key)? else { return Ok(None) };
        let content = store.open_value((Family::Account, key), &value, &mut scratch);
        let content = content.map_err(|it| StoreError::damaged(&it.to_string()))?;
        Ok(Some(format::read_kept(&content).to_vec()))
    }

    /// Whether there are rows from one key on and below another, damaged or not.
    pub fn has_entered(&self, [from, end]: [&[u8]; 2]) -> Result<bool, StoreError> {
        self.shared.store()?.has_any(Family::Account, from, end)
    }

    /// Shows the rows from one key on and below another; of a damaged one, nothing.
    pub fn walk_account(
        &self,
        [from, end]: [&[u8]; 2],
        mut show: impl FnMut(&[u8], Option<&[u8]>),
    ) -> Result<(), StoreError> {
        let (store, mut scratch) = (self.shared.store()?, Vec::new());
        let walked = store.walk_keys(Family::Account, from, end, |key, value| {
            let content = store.open_value((Family::Account, key), value, &mut scratch);
            match content {
                Ok(content) => show(key, Some(format::read_kept(&content))),
                Err(damage) => {
                    error!(%damage, "a row of the account is damaged");
                    show(key, None);
                }
            }
            ControlFlow::Continue(())
        });
        match walked {
            Ok(()) => Ok(()),
            Err(WalkError::Damaged(cause)) => Err(StoreError::Damaged { cause }),
            Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
        }
    }
}

impl Shared {
    /// The first record that somebody still has to see, whatever became of it.
    pub(super) fn first_held(&self) -> u64 {
        let held = self.held_from.load(Ordering::SeqCst);
        held.min(self.accounted_from.load(Ordering::SeqCst))
    }

    fn accounted_beyond(&self) -> MutexGuard<'_, Ranges> {
        // Plain ranges: whoever panicked has left them whole.
        self.accounted_beyond.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What of a delivered stretch nobody needs any more; while room is short, what is only kept to be
    /// asked for again is not needed either.
    pub(super) fn unneeded_in(&self, (from, end): (u64, u64), reclaim: bool) -> Vec<(u64, u64)> {
        let held = self.held_from.load(Ordering::SeqCst);
        let end = end.min(if reclaim { held } else { held.min(self.first_wanted()) });
        let accounted = self.accounted_from.load(Ordering::SeqCst);
        let below = (from, end.min(accounted));
        let beyond = self.accounted_beyond().within(from.max(accounted), end);
        [below].into_iter().filter(|it| it.0 < it.1).chain(beyond).collect()
    }

    /// From here on delivered records are wanted by somebody, as long as there is room for them.
    pub(super) fn first_wanted(&self) -> u64 {
        let kept = self.kept_from.load(Ordering::SeqCst);
        kept.min(self.pushed_from.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
impl Outbox {
    /// Puts bytes that are no records in the place of what was taken in from a number on.
    pub(crate) fn spoil(&self, first_seq: u64) {
        let store = self.shared.store().unwrap();
        let mut batch = store.batch();
        batch.put(Family::Queue, &first_seq.to_be_bytes(), b"\x01nonsense");
        batch.write(Durability::Buffered).unwrap();
        self.shared.recent.forget();
    }

    /// Takes all room from the disk, or gives it back.
    pub(crate) fn fill_disk(&self, is_full: bool) {
        self.shared.store().unwrap().faults.is_full.store(is_full, Ordering::SeqCst);
    }

    /// Puts the bytes of another place into every row of a page.
    pub(crate) fn misplace_account_rows(&self) {
        let store = self.shared.store().unwrap();
        let mut keys = Vec::new();
        let all = |key: &[u8], _: Option<&[u8]>| keys.push(key.to_vec());
        self.walk_account([&[0, 0, 0, 1], &[0xff; 5]], all).unwrap();
        let mut batch = store.batch();
        for key in keys {
            let sealed = store.vault().seal(Family::Account, b"elsewhere", format::kept(b"{}"));
            batch.put(Family::Account, &key, &sealed);
        }
        batch.write(Durability::Buffered).unwrap();
    }
}
