//! Records that are held: when each is tried again, and who tries for a routing key whose breaker is open.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::{Held, Record, Window};
use crate::envelope::Envelope;
use crate::forward::parcel::routing_key;

impl Window {
    /// Takes in a held record again, with its bytes, for its next try.
    pub(crate) fn readmit(&mut self, envelope: Envelope, now: Instant) {
        let Some(held) = self.release(envelope.seq) else { return };
        if self.is_first_of_lane(&envelope.lane, envelope.seq) {
            let seq = envelope.seq;
            self.keep(envelope, held.refusals, false);
            if let Some(record) = self.records.get_mut(&seq) {
                record.went_before = held.went_before;
            }
        } else {
            // An elder that goes once more has come before it; the key's try falls to another.
            self.hold(&envelope, held.refusals, None);
            self.pass_on_try(&held.routing_key, now);
        }
    }

    /// Forgets a held record that the outbox no longer has.
    pub(crate) fn forget(&mut self, seq: u64, now: Instant) {
        if let Some(held) = self.release(seq) {
            self.leave_lane(&held.lane, seq);
            self.call_next_of(&held.lane, now);
            // The breaker must not wait for a try that nobody makes any more.
            self.pass_on_try(&held.routing_key, now);
        }
    }

    /// How often a held record has been refused.
    pub(crate) fn refusals(&self, seq: u64) -> u32 {
        self.held.get(&seq).map_or(0, |it| it.refusals)
    }

    /// The held records whose time has come, the earliest first; they stay held.
    pub(crate) fn due(&self, now: Instant) -> Vec<u64> {
        let room = if self.has_room_to_retry() {
            self.limits.records_max.saturating_sub(self.records.len())
        } else {
            0
        };
        let due = self.tries.iter().take_while(|(due, _)| *due <= now);
        due.map(|(_, seq)| *seq).take(room).collect()
    }

    /// When the next held record is due, if there is room for it.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let room = self.has_room_to_retry();
        self.tries.first().filter(|_| room).map(|(due, _)| *due)
    }

    /// Whether one more refused record may be read again. However large, one always may.
    pub(crate) fn has_room_to_retry(&self) -> bool {
        let fits = self.bytes < self.limits.bytes_max || self.records.is_empty();
        fits && self.records.len() < self.limits.records_max
    }

    pub(super) fn hold(&mut self, envelope: &Envelope, refusals: u32, due: Option<Instant>) {
        let seq = envelope.seq;
        self.join_lane(&envelope.lane, seq);
        self.tries.extend(due.map(|due| (due, seq)));
        let (lane, routing_key) = (envelope.lane.clone(), routing_key(envelope));
        if due.is_some() {
            self.breakers.trying(&routing_key);
        }
        let went_before = false;
        self.held.insert(seq, Held { lane, routing_key, refusals, went_before, due });
    }

    /// Holds every later record of the lane that is in hand. Those in flight await their answers, or they
    /// would go twice: only what goes once more finds such records behind it.
    pub(super) fn hold_behind(&mut self, lane: &str, seq: u64, now: Instant) {
        let Some(lane) = self.lanes.get(lane) else { return };
        let behind: Vec<u64> = lane.range(seq + 1..).copied().collect();
        let keys: BTreeSet<String> =
            behind.into_iter().filter_map(|it| self.lay_down(it)).collect();
        for key in &keys {
            self.pass_on_try(key, now);
        }
    }

    /// Holds a record that is ready, and what is behind it.
    pub(super) fn put_off(&mut self, seq: u64, now: Instant) {
        let lane = self.records.get(&seq).map(|it| it.envelope.lane.clone());
        if let (Some(lane), Some(_)) = (lane, self.lay_down(seq)) {
            self.hold_behind(&lane, seq, now);
        }
    }

    /// Holds a record that is ready without a time of its own; its routing key.
    fn lay_down(&mut self, seq: u64) -> Option<String> {
        self.records.get(&seq).filter(|it| !it.in_flight)?;
        self.withdraw_record(seq);
        let record = self.drop_bytes(seq)?;
        self.hold(&record.envelope, record.refusals, None);
        self.held.get_mut(&seq)?.went_before = record.went_before;
        Some(routing_key(&record.envelope))
    }

    /// Parcels of these keys have been silent for too long: until one of a key is answered it is tried by one
    /// record, so that a queue that cannot confirm does not take all places from the others. The keys.
    pub(crate) fn fell_silent(&mut self, now: Instant) -> BTreeSet<String> {
        let silent = self.flights.values().filter(|it| it.deadline <= now);
        let keys: BTreeSet<String> = silent.map(|it| it.routing_key.clone()).collect();
        for key in &keys {
            self.breakers.open(key);
        }
        let of_these = |(_, it): &(&u64, &Record)| keys.contains(&routing_key(&it.envelope));
        let seqs: Vec<u64> = self.records.iter().filter(of_these).map(|(seq, _)| *seq).collect();
        for seq in seqs {
            self.put_off(seq, now);
        }
        keys
    }

    /// Keys of parcels that are out for longer than they may be, whatever was answered meanwhile.
    pub(crate) fn late(&self, now: Instant) -> BTreeSet<String> {
        let late = self.flights.values().filter(|it| now >= it.sent + it.patience);
        late.map(|it| it.routing_key.clone()).collect()
    }

    /// Lets another record try for the key whose breaker is open, when the one that was to try must wait
    /// in its lane for one that goes once more: nobody else would call it.
    pub(super) fn pass_on_try(&mut self, routing_key: &str, now: Instant) {
        if self.nobody_tries(routing_key) {
            self.hasten(routing_key, now);
        }
    }

    /// Whether a new record, first of its lane, is the one to try for its key.
    pub(super) fn is_wanted(&self, envelope: &Envelope) -> bool {
        !self.lanes.contains_key(&envelope.lane) && self.nobody_tries(&routing_key(envelope))
    }

    /// Whether the breaker of the key is open and no record is on its way to close it.
    fn nobody_tries(&self, routing_key: &str) -> bool {
        self.breakers.is_open(routing_key)
            && self.breakers.may_try(routing_key)
            && !self.flights.values().any(|it| it.routing_key == routing_key)
            && !self.sendable.keys().any(|(_, key)| key == routing_key)
    }

    pub(super) fn release(&mut self, seq: u64) -> Option<Held> {
        let held = self.held.remove(&seq)?;
        if let Some(due) = held.due {
            self.tries.remove(&(due, seq));
            self.breakers.tried(&held.routing_key);
        }
        Some(held)
    }

    /// The lane has a new first record: it may go, or be read again and go.
    pub(super) fn call_next_of(&mut self, lane: &str, now: Instant) {
        let Some(next) = self.lanes.get(lane).and_then(|it| it.first().copied()) else { return };
        self.offer(next);
        // One that was refused keeps its own time.
        let waits = self.held.get(&next).filter(|it| it.due.is_none());
        if waits.is_some_and(|it| self.breakers.may_try(&it.routing_key)) {
            self.try_by(next, now);
        }
    }

    /// Lets every record of the key try that waits only for its time, or only for the breaker; while
    /// the breaker is open, one of them.
    pub(super) fn hasten(&mut self, routing_key: &str, now: Instant) {
        let waiting = self
            .held
            .iter()
            .filter(|(_, it)| it.due.is_none_or(|due| due > now) && it.routing_key == routing_key);
        let waiting: Vec<u64> = waiting
            .filter(|(seq, it)| self.is_first_of_lane(&it.lane, **seq))
            .map(|(seq, _)| *seq)
            .collect();
        for seq in waiting {
            if self.breakers.may_try(routing_key) {
                self.try_by(seq, now);
            }
        }
    }

    pub(super) fn try_by(&mut self, seq: u64, due: Instant) {
        if let Some(held) = self.held.get_mut(&seq) {
            if let Some(before) = held.due.replace(due) {
                self.tries.remove(&(before, seq));
            } else {
                self.breakers.trying(&held.routing_key);
            }
            self.tries.insert((due, seq));
        }
    }

    pub(super) fn wait_after(&self, refusals: u32) -> Duration {
        let (first, longest) = self.limits.retry;
        let doublings = refusals.saturating_sub(1).min(31);
        first.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(longest)
    }
}
