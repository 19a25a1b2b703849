//! The writer's part of the lanes: what it saves of them, and when.

use std::sync::Arc;

use super::super::lanes::ROW;
use super::super::{StoreError, format};
use super::{Batch, Durability, Family, Writer};

impl Writer {
    /// Saves which lanes wait, once much was stored since the last time and much waits.
    pub(super) fn save_lanes(&mut self, batch: &mut Batch<'_>) {
        let end = self.shared.lanes.end();
        let is_much = |records: u64| records >= MUCH;
        if is_much(end.saturating_sub(self.lanes_saved)) && is_much(self.backlog()) {
            self.put_lanes(batch);
        }
    }

    /// Leaves it for the next start. A short backlog is read as fast.
    pub(super) fn leave_lanes(&mut self) -> Result<(), StoreError> {
        if self.shared.room.admit_upkeep().is_err() {
            return Ok(());
        }
        let store = Arc::clone(&self.store);
        let mut batch = store.batch();
        if self.backlog() >= LITTLE {
            self.put_lanes(&mut batch);
        } else {
            batch.delete(Family::Shelf, ROW);
        }
        batch.write(Durability::Buffered)
    }

    /// In the batch that has the cursor, or after it: what lies below may be missing in the row.
    fn put_lanes(&mut self, batch: &mut Batch<'_>) {
        if let Some(row) = self.shared.lanes.row(self.at.cursor) {
            batch.seal(Family::Shelf, ROW, format::kept(&row));
            self.lanes_saved = self.shared.lanes.end();
        }
    }

    const fn backlog(&self) -> u64 {
        self.at.next_seq.saturating_sub(self.at.cursor)
    }
}

/// Records stored between two rows: so many are read in a fraction of a second after a crash.
const MUCH: u64 = if cfg!(test) { 40 } else { 1 << 18 };
/// Records that wait, for a row to be worth it at the end.
const LITTLE: u64 = if cfg!(test) { 10 } else { 1 << 13 };
