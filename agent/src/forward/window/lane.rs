//! The order within a lane, and what may go by it.

use super::{Class, Record, Window};
use crate::envelope::Envelope;
use crate::forward::parcel::routing_key;

impl Window {
    /// Lets the record go if it is the first of its lane.
    pub(super) fn offer(&mut self, seq: u64) {
        let Some(record) = self.records.get(&seq) else { return };
        if !record.in_flight && self.is_first_of_lane(&record.envelope.lane, seq) {
            let queue = self.queue_of(record);
            self.sendable.entry(queue).or_default().insert(seq);
        }
    }

    pub(super) fn withdraw(&mut self, queue: &(Class, String), seq: u64) {
        if let Some(seqs) = self.sendable.get_mut(queue) {
            seqs.remove(&seq);
            if seqs.is_empty() {
                self.sendable.remove(queue);
            }
        }
    }

    pub(super) fn withdraw_record(&mut self, seq: u64) {
        if let Some(queue) = self.records.get(&seq).map(|it| self.queue_of(it)) {
            self.withdraw(&queue, seq);
        }
    }

    pub(super) fn queue_of(&self, record: &Record) -> (Class, String) {
        let class = self.limits.classes.of(&record.envelope.entity, record.overtook);
        (class, routing_key(&record.envelope))
    }

    pub(super) fn join_lane(&mut self, lane: &str, seq: u64) {
        if !lane.is_empty() {
            self.lanes.entry(lane.to_owned()).or_default().insert(seq);
        }
    }

    pub(super) fn leave_lane(&mut self, lane: &str, seq: u64) {
        if let Some(seqs) = self.lanes.get_mut(lane) {
            seqs.remove(&seq);
            if seqs.is_empty() {
                self.lanes.remove(lane);
            }
        }
    }

    pub(super) fn is_first_of_lane(&self, lane: &str, seq: u64) -> bool {
        self.lanes.get(lane).is_none_or(|seqs| seqs.first() == Some(&seq))
    }

    /// Whether an earlier record of the lane is held: nothing that is ready waits behind one, or memory
    /// would be full of what cannot go before what has no room.
    pub(super) fn elder_is_held(&self, lane: &str, seq: u64) -> bool {
        let elders = self.lanes.get(lane).into_iter().flat_map(|it| it.range(..seq).rev());
        // What is ready has no held elder; what is in flight may, since one that goes once more.
        let decides = |it: &&u64| self.records.get(it).is_none_or(|record| !record.in_flight);
        elders.into_iter().find(decides).is_some_and(|it| self.held.contains_key(it))
    }

    pub(super) fn ready_behind(&self, lane: &str, seq: u64) -> Option<&Envelope> {
        let next = self.lanes.get(lane)?.range(seq + 1..).next()?;
        self.records.get(next).map(|it| &it.envelope)
    }
}
