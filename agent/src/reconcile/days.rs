//! Where the records of a day lie among those that are accepted and not entered yet. Each record is looked
//! at once: a backlog of millions is asked about every few seconds, for a week of days.

use std::collections::BTreeMap;

use super::follow::{RECORDS_AT_ONCE, day_of};
use crate::outbox::{Outbox, StoreError};

/// The first and the last number of each day.
#[derive(Debug, Default)]
pub(super) struct Days {
    /// The next record to look at.
    next: u64,
    by_day: BTreeMap<u32, [u64; 2]>,
    /// How many were looked at.
    #[cfg(test)]
    pub(super) looked_at: usize,
}

impl Days {
    /// Looks at what has come since the last time, and lets go of what is entered. Blocks.
    pub(super) fn look(&mut self, outbox: &Outbox, entered_to: u64) -> Result<(), StoreError> {
        self.next = self.next.max(entered_to);
        self.by_day.retain(|_, [_, last]| *last >= entered_to);
        while self.next < outbox.next_seq() {
            let accepted = outbox.accepted_from(self.next, RECORDS_AT_ONCE)?;
            for it in &accepted.envelopes {
                let known = self.by_day.entry(day_of(&it.received_at)).or_insert([it.seq; 2]);
                known[1] = known[1].max(it.seq);
            }
            #[cfg(test)]
            {
                self.looked_at += accepted.envelopes.len();
            }
            self.next = accepted.next.max(self.next + 1);
        }
        Ok(())
    }

    /// Between which numbers the records of a day lie; nothing when there are none.
    pub(super) fn of(&self, day: u32) -> Option<[u64; 2]> {
        self.by_day.get(&day).copied()
    }
}
