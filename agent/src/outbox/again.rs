//! Delivered records that are to go out once more, as they are: the same bytes under the same id and
//! number. They are offered here by whoever replays, taken by the forwarder between those that wait,
//! and done when it settles them, when the platform refuses them, or when they turn out to be removed. All of
//! it is memory: whoever replays remembers how far it has come, and what a crash takes is offered again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Outbox, StoreError};
use crate::envelope::Envelope;

/// What is on its way once more.
#[derive(Debug, Default)]
pub(super) struct Again(Mutex<Offered>);

#[derive(Debug, Default)]
struct Offered {
    /// Nobody has taken these yet.
    waiting: VecDeque<Envelope>,
    /// All that were offered and have come to no end.
    open: BTreeSet<u64>,
    /// What became of the latest that did not arrive, until they are offered once more.
    failed: BTreeMap<u64, End>,
    /// Their numbers, the oldest end first.
    failed_in_order: VecDeque<u64>,
}

/// The end of a record that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The platform will not take it.
    Refused,
    /// It was removed meanwhile, for want of room.
    Gone,
}

impl Again {
    fn offered(&self) -> MutexGuard<'_, Offered> {
        // Plain lists: what panicked meanwhile left them whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These have arrived.
    pub(super) fn settled(&self, seqs: &[u64]) {
        let mut offered = self.offered();
        if !offered.open.is_empty() {
            for seq in seqs {
                offered.open.remove(seq);
            }
        }
    }

    /// This one will not arrive.
    pub(super) fn failed(&self, seq: u64, end: End) {
        let mut offered = self.offered();
        if offered.open.remove(&seq) && offered.failed.insert(seq, end).is_none() {
            offered.failed_in_order.push_back(seq);
            if offered.failed_in_order.len() > FAILED_MAX
                && let Some(oldest) = offered.failed_in_order.pop_front()
            {
                offered.failed.remove(&oldest);
            }
        }
    }
}

impl Outbox {
    /// Offers records that have left, delivered or refused, to the forwarder once more. One that is on its way already, or that
    /// waits in the queue, is passed over.
    pub fn offer_again(&self, envelopes: Vec<Envelope>) {
        let mut offered = self.shared.again.offered();
        for envelope in envelopes {
            if self.has_left(envelope.seq) && offered.open.insert(envelope.seq) {
                if offered.failed.remove(&envelope.seq).is_some() {
                    offered.failed_in_order.retain(|it| *it != envelope.seq);
                }
                offered.waiting.push_back(envelope);
            }
        }
        drop(offered);
        self.shared.appended.notify_one();
    }

    /// Records to send once more, at most so many. For the forwarder, who has them from then on.
    pub fn take_again(&self, records_max: usize) -> Vec<Envelope> {
        let mut offered = self.shared.again.offered();
        let count = records_max.min(offered.waiting.len());
        offered.waiting.drain(..count).collect()
    }

    /// A record that is on its way once more, read anew.
    pub fn once_more(&self, seq: u64) -> Result<Option<Envelope>, StoreError> {
        let is_open = self.shared.again.offered().open.contains(&seq);
        let found = if is_open { self.record(seq)? } else { None };
        if is_open && found.is_none() {
            // Whoever waits for it would wait for ever.
            self.shared.again.failed(seq, End::Gone);
        }
        Ok(found)
    }

    /// The numbers that were offered and are still on their way.
    pub fn open_again(&self) -> BTreeSet<u64> {
        self.shared.again.offered().open.clone()
    }

    /// Why a record did not arrive that was offered; `None` when it did, or is on its way.
    pub(crate) fn failed_again(&self, seq: u64) -> Option<End> {
        self.shared.again.offered().failed.get(&seq).copied()
    }
}

/// More ends than any replay has on its way.
const FAILED_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    /// A replay of an earlier week has lower numbers than one that was done before it.
    #[test]
    fn the_oldest_ends_are_forgotten_and_not_the_lowest_numbers() {
        let again = Again::default();
        let fail = |seq: u64| {
            again.offered().open.insert(seq);
            again.failed(seq, End::Refused);
        };
        (5_000..5_000 + FAILED_MAX as u64).for_each(fail);
        fail(1);
        let told = |seq: u64| again.offered().failed.get(&seq).copied();
        assert_eq!(
            [told(1), told(5_000), told(5_001)],
            [Some(End::Refused), None, Some(End::Refused)]
        );
    }
}
