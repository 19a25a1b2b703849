//! What goes next: the oldest of the first class, and under a backlog several of its routing key in a parcel.

use std::time::Duration;

use tokio::time::Instant;

use super::{Class, Flight, Window};
use crate::envelope::Envelope;
use crate::forward::parcel::Parcel;

impl Window {
    /// The next parcel, from then on in flight.
    pub(crate) fn next_parcel(&mut self, now: Instant) -> Option<Parcel> {
        let parcels_max = if self.singly > 0 { 1 } else { self.limits.parcels_in_flight_max };
        if self.flights.len() >= parcels_max {
            return None;
        }
        let (class, _) = self.sendable.keys().next()?;
        let overtook = class.overtakes();
        if !overtook && self.is_paced(now) && self.has_paced_enough() {
            return None;
        }
        let seqs = self.choose()?;
        for seq in &seqs {
            if let Some(record) = self.records.get_mut(seq) {
                record.in_flight = true;
            }
        }
        let chosen: Vec<&Envelope> =
            seqs.iter().filter_map(|seq| self.records.get(seq)).map(|it| &it.envelope).collect();
        let parcel = Parcel::of(&chosen)?;
        let on_its_way = Duration::from_secs((parcel.body.len() / SLOWEST_BYTES_A_SECOND) as u64);
        let patience = self.limits.confirm_timeout + on_its_way;
        let flight = Flight {
            routing_key: parcel.routing_key.clone(),
            seqs,
            sent: now,
            was_refused: false,
            went_before: false,
            overtook,
            patience,
            deadline: now + patience,
        };
        self.flights.insert(parcel.ticket(), flight);
        Some(parcel)
    }

    /// While fresh records come, a backlog leaves the broker time for them.
    pub(super) fn is_paced(&self, now: Instant) -> bool {
        self.overtaken_at.is_some_and(|it| now.saturating_duration_since(it) < PACED_FOR)
    }

    pub(super) fn has_paced_enough(&self) -> bool {
        let slow = self.flights.values().filter(|it| !it.overtook).count();
        let parcels_max = if slow < self.flights.len() { 1 } else { PACED_PARCELS };
        slow >= parcels_max
    }

    /// The oldest sendable record of the first class, and under backlog others of its routing key.
    pub(super) fn choose(&mut self) -> Option<Vec<u64>> {
        let (class, _) = self.sendable.keys().next()?.clone();
        let of_class = self.sendable.iter().take_while(|((it, _), _)| *it == class);
        let by_age = of_class.filter_map(|(queue, seqs)| Some((*seqs.first()?, queue)));
        let (first, queue) = by_age.min().map(|(seq, queue)| (seq, queue.clone()))?;
        let records_max = if self.may_share(first, class) { BATCH_RECORDS_MAX } else { 1 };

        let mut seqs: Vec<u64> = Vec::new();
        let mut bytes = 0;
        while seqs.len() < records_max {
            let Some(seq) = self.sendable.get(&queue).and_then(|it| it.first().copied()) else {
                break;
            };
            let Some(record) = self.records.get(&seq) else { break };
            bytes += record.envelope.body.len() + 1;
            let alone = bytes > BATCH_BYTES_MAX || record.refusals > 0;
            if alone && !seqs.is_empty() {
                break;
            }
            let lane = record.envelope.lane.clone();
            self.withdraw(&queue, seq);
            seqs.push(seq);
            if records_max > 1 {
                self.offer_next_in_parcel(&lane, seq, &queue);
            }
        }
        self.withdraw_behind(&queue, &seqs);
        Some(seqs)
    }

    /// A refused record travels alone, so that the others are not refused with it.
    pub(super) fn may_share(&self, first: u64, class: Class) -> bool {
        // What overtakes travels singly, unless even of that there is too much.
        let waiting = if class.overtakes() { self.overtakers } else { self.records.len() };
        let backlog = waiting.saturating_sub(self.in_flight()) >= BACKLOG_RECORDS;
        let refused = self.records.get(&first).is_none_or(|it| it.refusals > 0);
        self.limits.batch && backlog && !refused
    }

    pub(super) fn offer_next_in_parcel(&mut self, lane: &str, seq: u64, queue: &(Class, String)) {
        let Some(next) = self.lanes.get(lane).and_then(|it| it.range(seq + 1..).next()) else {
            return;
        };
        let next_record = self.records.get(next).filter(|it| !it.in_flight);
        if next_record.is_some_and(|it| self.queue_of(it) == *queue) {
            self.sendable.entry(queue.clone()).or_default().insert(*next);
        }
    }

    /// What was offered only because its elder is in this parcel must wait after all.
    pub(super) fn withdraw_behind(&mut self, queue: &(Class, String), seqs: &[u64]) {
        for seq in seqs {
            let Some(record) = self.records.get(seq) else { continue };
            let lane = self.lanes.get(&record.envelope.lane);
            let behind = lane.and_then(|it| it.range(seq + 1..).next().copied());
            if let Some(behind) = behind.filter(|it| !seqs.contains(it)) {
                self.withdraw(queue, behind);
            }
        }
    }
}

/// A line that is slower than this counts as silent.
const SLOWEST_BYTES_A_SECOND: usize = 16 << 10;
/// From how many waiting records on we speak of a backlog: a quiet road sends records singly,
/// which keeps every message readable on its own.
const BACKLOG_RECORDS: usize = 64;
/// Records in one parcel, at most: beyond it the broker's cost per record hardly falls.
const BATCH_RECORDS_MAX: usize = 16;
/// Parcels of a backlog in flight while fresh records come; beside a fresh one only one, so that there
/// is always some of it. More of them drain it faster, and a fresh record stands in a queue behind them.
const PACED_PARCELS: usize = 2;
/// How long after a fresh record a backlog still leaves room for the next.
const PACED_FOR: Duration = Duration::from_secs(30);
/// Bytes in one parcel of several records, at most.
const BATCH_BYTES_MAX: usize = 32 << 10;
