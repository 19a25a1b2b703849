//! Records that left the queue without reaching the platform: damaged on the disk, or refused by the
//! platform for good. They are settled, so that the road goes on, and they are not delivered.
//!
//! Three rows of `meta` tell of them, written in the batch that has the dead letter. A resend of such a
//! record is taken in anew, under the id it had (`outbox/seen.rs`), and delivery of it tells so.

use std::collections::BTreeMap;

use tracing::error;

use super::again::End;
use super::store::{Batch, Family, Store};
use super::{LOST, MISSED, Outbox, REFUSED, StoreError};
use crate::envelope::DeadLetter;
use crate::outbox::command::Command;
use crate::ranges::Ranges;

/// Why a record left without reaching the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The disk did not give it back as it was.
    Lost,
    /// The platform will not take it.
    Refused,
}

impl Fate {
    /// The same as a word.
    pub const fn word(self) -> &'static str {
        match self {
            Fate::Lost => "lost",
            Fate::Refused => "refused",
        }
    }
}

/// All of them that are remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Aside {
    lost: Ranges,
    refused: Ranges,
    /// Found missing when the store was made anew: lost as well, and still to get a dead letter.
    missed: Ranges,
}

impl Aside {
    /// What a store tells.
    pub(super) fn of(store: &Store) -> Result<Aside, StoreError> {
        let row = |key| Ok::<_, StoreError>(read(store.get(Family::Meta, key)?.as_deref()));
        Ok(Aside { lost: row(LOST)?, refused: row(REFUSED)?, missed: row(MISSED)? })
    }

    /// The same of what is left of one.
    pub(super) fn of_rows(rows: &BTreeMap<Vec<u8>, Vec<u8>>) -> Aside {
        let row = |key: &[u8]| read(rows.get(key).map(Vec::as_slice));
        Aside { lost: row(LOST), refused: row(REFUSED), missed: row(MISSED) }
    }

    pub(super) fn store(&self, batch: &mut Batch<'_>) {
        batch.put(Family::Meta, LOST, &self.lost.to_bytes());
        batch.put(Family::Meta, REFUSED, &self.refused.to_bytes());
        batch.put(Family::Meta, MISSED, &self.missed.to_bytes());
    }

    pub(super) fn add(&mut self, (from, end, fate): (u64, u64, Fate)) {
        match fate {
            Fate::Lost => self.lost.insert(from, end),
            Fate::Refused => self.refused.insert(from, end),
        }
    }

    pub(super) fn miss(&mut self, from: u64, end: u64) {
        self.missed.insert(from, end);
    }

    pub(super) fn fate(&self, seq: u64) -> Option<Fate> {
        if self.lost.contains(seq) || self.missed.contains(seq) {
            return Some(Fate::Lost);
        }
        self.refused.contains(seq).then_some(Fate::Refused)
    }

    /// What was refused has reached the platform after all. False when it was not refused.
    pub(super) fn arrived(&mut self, seq: u64) -> bool {
        let was_refused = self.refused.contains(seq);
        self.refused.remove(seq, seq.saturating_add(1));
        was_refused
    }

    /// Resends of records below this number are not known any more.
    pub(super) fn forget_below(&mut self, seq: u64) {
        self.lost.remove(0, seq);
        self.refused.remove(0, seq);
        self.missed.remove(0, seq);
    }

    /// Those that have their dead letter, and do not wait any more.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.lost.iter().chain(self.refused.iter())
    }
}

/// At worst what was lost is found missing once more.
pub(super) fn read(row: Option<&[u8]>) -> Ranges {
    let Some(row) = row else { return Ranges::default() };
    Ranges::from_bytes(row).unwrap_or_else(|damage| {
        error!(%damage, "a row of numbers that left the queue is damaged");
        Ranges::default()
    })
}

impl Outbox {
    /// Keeps a dead letter about a record that the platform will not take, and lets the record leave.
    /// Resolves after the disk has synced.
    pub async fn refuse(&self, seq: u64, letter: DeadLetter) -> Result<(), StoreError> {
        self.shared.room.admit()?;
        let answer = self.ask(|answer| Command::Refuse(seq, Box::new(letter), answer))?;
        self.wait_for(answer).await?;
        self.shared.again.failed(seq, End::Refused);
        Ok(())
    }

    /// Why a record left the queue without reaching the platform; `None` for every other.
    pub fn fate(&self, seq: u64) -> Option<Fate> {
        self.shared.progress().aside.fate(seq)
    }
}
