//! The rows of patients' pasts, and the reading of what was accepted from which they are made.
//!
//! The owner chooses keys and bytes, as on the shelf; a value begins with the number of its day, and
//! goes by itself when that day is forgotten. Rows are written without a sync: they are made of
//! records that are on disk already, in the same change as the number up to which that was done, and
//! what a power cut takes is made again.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use super::reading::{self, Span};
use super::store::{Durability, Family, Reach, RowError};
use super::{Change, Outbox, StoreError};
use crate::envelope::Envelope;

/// A stretch of what was accepted.
#[derive(Debug, Default)]
pub struct Accepted {
    /// The records, delivered or not.
    pub envelopes: Vec<Envelope>,
    /// Reading goes on here.
    pub next: u64,
    /// How many records of the stretch are not there any more.
    pub missing: u64,
}

impl Outbox {
    /// The number that the next record will get.
    pub fn next_seq(&self) -> u64 {
        self.shared.progress().next_seq
    }

    /// The lowest number that may still be there.
    pub fn lowest_seq(&self) -> u64 {
        self.shared.progress().lowest
    }

    /// Records that were accepted from a number on, whatever became of them since.
    pub fn accepted_from(&self, from: u64, records_max: usize) -> Result<Accepted, StoreError> {
        let store = self.shared.store()?;
        let (lowest, end) = {
            let progress = self.shared.progress();
            (progress.lowest, progress.next_seq)
        };
        if from >= end {
            return Ok(Accepted { next: from, ..Accepted::default() });
        }
        // Whatever lies below is removed or known: an entry that began there is looked for.
        let span = Span { floor: 0, from, end, records_max, bytes_max: ACCEPTED_BYTES_MAX };
        // What is removed is gone, also for whoever could still find it in memory.
        let found = if from < lowest {
            reading::read(&store, span)?
        } else {
            self.shared.read(&store, span)?
        };
        let missing = found.unreadable.iter().map(|it| it.end_seq - it.first_seq).sum();
        Ok(Accepted { envelopes: found.envelopes, next: found.next, missing })
    }

    /// Returns when something was accepted since the last time this returned. For one listener.
    pub async fn accepted(&self) {
        self.shared.accepted.notified().await;
    }

    /// Keeps records from a number on, also when they are delivered; `None` keeps none.
    pub fn hold_from(&self, seq: Option<u64>) {
        self.shared.held_from.store(seq.unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Makes changes of rows, all or nothing, without waiting for the disk.
    pub fn write_rows(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.may_keep_house()?;
        self.change(Family::History, changes, Durability::Buffered)
    }

    /// A row.
    pub fn row(&self, key: &[u8], reach: Reach) -> Result<Option<Vec<u8>>, RowError> {
        self.shared.store()?.get_within(Family::History, key, reach)
    }

    /// Shows the rows from one key on and below another.
    pub fn walk_rows(
        &self,
        [from, end]: [&[u8]; 2],
        reach: Reach,
        show: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), RowError> {
        self.shared.store()?.walk_within(Family::History, [from, end], reach, show)
    }

    /// Lets rows of days before this one go.
    pub fn forget_rows_before(&self, day: u32) {
        if let Ok(store) = self.shared.store() {
            store.forget_before(day);
        }
    }

    /// Writes a stretch of rows anew, so that what was removed from it is gone from the disk. Blocks.
    pub fn rewrite_rows(&self, from: &[u8], end: &[u8]) -> Result<(), StoreError> {
        self.shared.store()?.compact(Family::History, from, end);
        Ok(())
    }
}

/// Bytes of records taken at one time, so that a backlog is folded in flat memory.
const ACCEPTED_BYTES_MAX: usize = 1 << 20;
