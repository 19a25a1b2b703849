//! What the writer does when the disk has no room.
//!
//! A write for which there was no room has changed nothing: the engine shows none of it, and will not
//! bring it back, for it leaves that log behind before it takes another write. So nobody is answered
//! "stored", the writer reads from the store again where it stands, as a start does, and waits. Only
//! when the store then shows less than was promised is this a failure like any other.

use std::sync::atomic::Ordering;

use tracing::warn;

use super::super::command::{Waiting, Work};
use super::super::{StoreError, opening, parked};
use super::Writer;
use crate::ranges::Ranges;

impl Writer {
    /// The disk has refused this group for want of room. `aside` are the stretches it was to set aside.
    pub(super) fn run_out(
        &mut self,
        error: &StoreError,
        waiting: Waiting,
        aside: &[u64],
    ) -> Result<(), StoreError> {
        // Close the door first: whoever is told of it must find it closed.
        self.shared.room.runs_out(error);
        waiting.fail(error);
        self.leave_aside(aside);
        self.stand_where_the_store_does().map_err(StoreError::for_good).inspect_err(|error| {
            self.shared.refuse(error.clone());
        })
    }

    /// Answers a group that came after that. What it asked for will be asked for again.
    pub(super) fn put_off(&self, waiting: Waiting, work: &Work) {
        let full = self.shared.room.admit_upkeep();
        if let Err(error) = full {
            waiting.fail(&error);
        }
        self.leave_aside(&work.aside());
        if work.look_through_parked {
            self.shared.parked_harm_told.store(false, Ordering::SeqCst);
        }
    }

    fn leave_aside(&self, aside: &[u64]) {
        let mut progress = self.shared.progress();
        for first_seq in aside {
            progress.not_set_aside(*first_seq);
        }
    }

    fn stand_where_the_store_does(&mut self) -> Result<(), StoreError> {
        let promised = {
            let mut progress = self.shared.progress();
            // What the refused write was to say of them may be left to say.
            progress.has_arrived = true;
            self.lowest = progress.lowest;
            (progress.next_seq, progress.dead_letters)
        };
        let (mut at, _) = opening::position(&self.store, None)?;
        // What cannot be read is put aside with the next write that there is room for.
        let found = parked::find(&self.store, &mut at, Some(self.parked_witnessed))?;
        self.parked_is_harmed |= found.is_harmed;
        self.parked = found.index;
        if (at.next_seq, at.letters) < promised {
            return Err(StoreError::Failed {
                operation: "stand again after a full disk",
                cause: format!("the store ends at {}, {} was promised", at.next_seq, promised.0),
            });
        }
        if at.next_seq > promised.0 {
            warn!(at.next_seq, "the refused write was made after all; a resend will find it");
        }
        self.at = at;
        // What was refused may have been made all the same; otherwise these numbers are given out again.
        self.new.retain(|(_, seq)| *seq < at.next_seq);
        // What was to be removed may not have been.
        self.swept = 0;
        (self.swept_early, self.early_seen) = (Ranges::default(), 0);
        self.publish(None);
        Ok(())
    }
}
