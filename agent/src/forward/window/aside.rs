//! What was read and left on the disk, because as much is held as memory is for.
//!
//! A routing key without a queue may gather records for days. The first thousands of them are held one by
//! one; of the others only this is known: the lowest number, how many, and in which lanes they stand, so
//! that nothing of their lanes goes past them. Everything else flows on. Once there is room, or after a
//! while, the window turns back to the lowest number and reads from there again.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

use tokio::time::Instant;

use crate::envelope::Envelope;

/// Records that wait on the disk, unread.
#[derive(Debug, Default)]
pub(super) struct Aside {
    from: Option<u64>,
    records: usize,
    // Two lanes of one hash wait for each other, which costs them time and nothing else.
    lanes: HashSet<u64>,
    hashing: RandomState,
    since: Option<Instant>,
}

impl Aside {
    pub(super) fn put(&mut self, envelope: &Envelope) {
        self.from = Some(self.from.map_or(envelope.seq, |it| it.min(envelope.seq)));
        self.records += 1;
        if !envelope.lane.is_empty() {
            self.lanes.insert(self.hashing.hash_one(&envelope.lane));
        }
    }

    /// Whether a record of this lane stands among them.
    pub(super) fn has(&self, lane: &str) -> bool {
        !lane.is_empty() && !self.lanes.is_empty() && {
            self.lanes.contains(&self.hashing.hash_one(lane))
        }
    }

    /// How many there are; one that overtook and is read again counts twice.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// Whether no more of them may be left behind.
    pub(super) fn is_full(&self) -> bool {
        self.records >= RECORDS_MAX
    }

    /// From where to read again, if there is room or they have waited long enough; they are forgotten then.
    pub(super) fn turn_back(&mut self, there_is_room: bool, now: Instant) -> Option<u64> {
        let from = self.from?;
        let since = *self.since.get_or_insert(now);
        if !there_is_room && now.saturating_duration_since(since) < LOOK_BACK {
            return None;
        }
        *self = Aside::default();
        Some(from)
    }
}

/// Beyond it the forwarder reads no further: each costs a few bytes here and, once those around it are
/// delivered, an entry in the outbox's list of what left out of turn.
const RECORDS_MAX: usize = 500_000;
/// How long at most a lane waits here although nothing is in its way any more.
const LOOK_BACK: Duration = Duration::from_mins(5);
