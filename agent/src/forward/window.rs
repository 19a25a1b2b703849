//! Which records may travel now: the part of the outbox that is in hand, and its order.
//!
//! Pure bookkeeping; times come in as arguments. A record in hand is in one of three places:
//!
//! - **ready**: its bytes are here, and it may go as soon as no earlier record of its lane is undecided;
//! - **in flight**: part of a parcel that the broker has not answered;
//! - **held**: refused by the broker, or behind a refused record of its lane. Its bytes are
//!   dropped, since the disk has them, and read again when its time comes.
//!
//! When too many are held, more of the kind are left on the disk (`window/aside.rs`), and the others of
//! the outbox go on.
//!
//! What goes first is decided by class: records that overtake a backlog, then the entities that money
//! and medicine hang on, then the others, then the agent's own telemetry; within a class by age. A
//! routing key that is refused again and again has its breaker open: only one of its records is
//! tried, so that a binding that is missing for a night costs neither the broker nor the others.
//!
//! Order within a lane costs one rule: a record goes into a parcel only when every earlier record
//! of its lane is settled or goes before it in that same parcel. Refusals, lost connections and
//! resends then cannot turn two records of an encounter around, and a refused record keeps only
//! its own lane waiting.

mod aside;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use self::aside::Aside;
use super::breaker::Breakers;
use super::class::{Class, Classes};
use super::parcel::{Parcel, routing_key};
use crate::envelope::Envelope;

/// Bounds of what is in hand.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Parcels that may be unanswered at once.
    pub(crate) parcels_in_flight_max: usize,
    /// Records with their bytes in memory.
    pub(crate) records_max: usize,
    /// Their bytes.
    pub(crate) bytes_max: usize,
    /// Records held; further ones that cannot go are left on the disk.
    pub(crate) held_max: usize,
    /// Whether several records may share a parcel.
    pub(crate) batch: bool,
    /// How long a parcel may stay unanswered.
    pub(crate) confirm_timeout: Duration,
    /// First and longest wait of a refused record.
    pub(crate) retry: (Duration, Duration),
    /// Refusals in a row that open a routing key's breaker.
    pub(crate) breaker_after: u32,
    /// Which entities go first and last.
    pub(crate) classes: Classes,
}

/// The records in hand.
#[derive(Debug)]
pub(crate) struct Window {
    limits: Limits,
    records: BTreeMap<u64, Record>,
    bytes: usize,
    held: BTreeMap<u64, Held>,
    aside: Aside,
    // Held records by the time of their next try. Invariant: holds exactly those with a time.
    tries: BTreeSet<(Instant, u64)>,
    // Unsettled records of each lane, in order. Records without a lane are in none.
    lanes: HashMap<String, BTreeSet<u64>>,
    // By class and routing key, the records that may go now. Invariant: in `records`, first of their lane.
    sendable: BTreeMap<(Class, String), BTreeSet<u64>>,
    flights: BTreeMap<u64, Flight>,
    breakers: Breakers,
    // Records in hand that overtook a backlog, and when the last one came.
    overtakers: usize,
    overtaken_at: Option<Instant>,
    read_to: u64,
    // While the broker objects to a parcel nobody can name, parcels go one by one.
    singly: usize,
}

#[derive(Debug)]
struct Record {
    envelope: Envelope,
    refusals: u32,
    // Sent before on a connection that ended without an answer.
    went_before: bool,
    in_flight: bool,
    overtook: bool,
}

#[derive(Debug)]
struct Held {
    lane: String,
    routing_key: String,
    refusals: u32,
    // None: waits for an earlier record of its lane, or for the breaker of its routing key.
    due: Option<Instant>,
}

/// A parcel that awaits its answer.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) routing_key: String,
    pub(crate) seqs: Vec<u64>,
    /// When it was sent.
    pub(crate) sent: Instant,
    /// One of its records had been refused before.
    pub(crate) was_refused: bool,
    /// One of its records had been sent before, and nobody knows whether it arrived.
    pub(crate) went_before: bool,
    overtook: bool,
    // How long it may be silent: a large one is longer on its way.
    patience: Duration,
    deadline: Instant,
}

impl Window {
    pub(crate) fn new(limits: Limits) -> Window {
        Window {
            breakers: Breakers::new(limits.breaker_after),
            overtakers: 0,
            overtaken_at: None,
            limits,
            records: BTreeMap::new(),
            bytes: 0,
            held: BTreeMap::new(),
            aside: Aside::default(),
            tries: BTreeSet::new(),
            lanes: HashMap::new(),
            sendable: BTreeMap::new(),
            flights: BTreeMap::new(),
            read_to: 0,
            singly: 0,
        }
    }

    /// The last sequence number taken from the outbox.
    pub(crate) fn read_to(&self) -> u64 {
        self.read_to
    }

    /// How many records and bytes may still be taken, or `None`.
    pub(crate) fn room(&self) -> Option<(usize, usize)> {
        let in_hand = self.records.len().saturating_sub(self.overtakers);
        let records = self.limits.records_max.saturating_sub(in_hand);
        let bytes = self.limits.bytes_max.saturating_sub(self.bytes);
        let free = records > 0 && bytes > 0 && !self.aside.is_full();
        free.then_some((records, bytes))
    }

    /// Takes in records that follow those already taken.
    pub(crate) fn admit(&mut self, envelopes: Vec<Envelope>) {
        for envelope in envelopes {
            self.read_to = self.read_to.max(envelope.seq);
            // It may have overtaken those before it and be here already.
            if !self.is_here(envelope.seq) {
                self.take(envelope, false);
            }
        }
    }

    /// Takes in records that were settled before: they go once more, before what is new in their lanes.
    pub(crate) fn admit_again(&mut self, envelopes: Vec<Envelope>, now: Instant) {
        for envelope in envelopes {
            if self.is_here(envelope.seq) {
                continue;
            }
            // Whoever takes one has it from then on: it is never left on the disk.
            if self.must_wait(&envelope) {
                self.hold(&envelope, 0, None);
                self.hold_behind(&envelope.lane, envelope.seq, now);
                self.pass_on_try(&routing_key(&envelope), now);
            } else {
                let behind = self.ready_behind(&envelope.lane, envelope.seq).map(routing_key);
                self.keep(envelope, 0, false);
                if let Some(key) = behind {
                    self.pass_on_try(&key, now);
                }
            }
        }
    }

    /// How many records more may overtake the backlog.
    pub(crate) fn room_to_overtake(&self) -> usize {
        if self.aside.is_full() {
            return 0;
        }
        (self.limits.records_max / OVERTAKERS_PART).max(1).saturating_sub(self.overtakers)
    }

    /// Goes back to what was left on the disk, if it is time; what follows it is read again as well.
    pub(crate) fn turn_back(&mut self, now: Instant) -> bool {
        let there_is_room = self.held.len() <= self.limits.held_max / 2;
        let from = self.aside.turn_back(there_is_room, now);
        if let Some(from) = from {
            // What overtook and was left lies ahead: nothing in between is passed over.
            self.read_to = self.read_to.min(from.saturating_sub(1));
        }
        from.is_some()
    }

    /// Whether a record of this entity is worth it.
    pub(crate) fn may_overtake(&self, entity: &str) -> bool {
        self.limits.classes.may_overtake(entity)
    }

    /// Takes in a fresh record before those that were stored earlier. No record of its lane may be
    /// among the ones it passes.
    pub(crate) fn overtake(&mut self, envelope: Envelope, now: Instant) {
        self.overtaken_at = Some(now);
        self.take(envelope, true);
    }

    fn take(&mut self, envelope: Envelope, overtook: bool) {
        if self.aside.has(&envelope.lane) {
            self.aside.put(&envelope);
        } else if !self.must_wait(&envelope) {
            self.keep(envelope, 0, overtook);
        } else if self.held.len() < self.limits.held_max {
            self.hold(&envelope, 0, None);
        } else {
            self.aside.put(&envelope);
        }
    }

    fn is_here(&self, seq: u64) -> bool {
        self.records.contains_key(&seq) || self.held.contains_key(&seq)
    }

    fn must_wait(&self, envelope: &Envelope) -> bool {
        self.elder_is_held(&envelope.lane, envelope.seq)
            || self.breakers.is_open(&routing_key(envelope))
    }

    /// Takes in a held record again, with its bytes, for its next try.
    pub(crate) fn readmit(&mut self, envelope: Envelope, now: Instant) {
        let Some(held) = self.release(envelope.seq) else { return };
        if self.is_first_of_lane(&envelope.lane, envelope.seq) {
            self.keep(envelope, held.refusals, false);
        } else {
            // An elder that goes once more has come before it; the key's try falls to another.
            self.hold(&envelope, held.refusals, None);
            self.hasten(&held.routing_key, now);
        }
    }

    /// Forgets a held record that the outbox no longer has.
    pub(crate) fn forget(&mut self, seq: u64, now: Instant) {
        if let Some(held) = self.release(seq) {
            self.leave_lane(&held.lane, seq);
            self.call_next_of(&held.lane, now);
            // The breaker must not wait for a try that nobody makes any more.
            self.hasten(&held.routing_key, now);
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

    /// The parcel is stored by the broker: its records leave, and those behind them may go.
    pub(crate) fn confirmed(&mut self, ticket: u64, now: Instant) -> Option<Flight> {
        let mut flight = self.flights.remove(&ticket)?;
        self.singly = self.singly.saturating_sub(1);
        let was_open = self.breakers.passed(&flight.routing_key);
        for seq in &flight.seqs {
            if let Some(record) = self.drop_bytes(*seq) {
                flight.was_refused |= record.refusals > 0;
                flight.went_before |= record.went_before;
                self.leave_lane(&record.envelope.lane, *seq);
                self.call_next_of(&record.envelope.lane, now);
            }
        }
        if flight.was_refused || was_open {
            // What was in the way is gone, so the others need not sit out their wait.
            self.hasten(&flight.routing_key, now);
        }
        Some(flight)
    }

    /// The broker did not take the parcel: its records are held, and their lanes with them.
    /// `disturbed` leaves a part of each wait to chance. A refusal of the record, and not of its
    /// routing key, tells nothing about the others.
    pub(crate) fn refused(
        &mut self,
        ticket: u64,
        now: Instant,
        of_the_key: bool,
        mut disturbed: impl FnMut(Duration) -> Duration,
    ) -> Option<Flight> {
        let flight = self.flights.remove(&ticket)?;
        self.singly = self.singly.saturating_sub(1);
        if of_the_key {
            self.breakers.refused(&flight.routing_key);
        }
        self.landed(&flight.seqs);
        for seq in &flight.seqs {
            if let Some(record) = self.drop_bytes(*seq) {
                let refusals = record.refusals.saturating_add(1);
                let first = self.is_first_of_lane(&record.envelope.lane, *seq);
                let tried = first && self.breakers.may_try(&flight.routing_key);
                let due = tried.then(|| now + disturbed(self.wait_after(refusals)));
                self.hold(&record.envelope, refusals, due);
                self.hold_behind(&record.envelope.lane, *seq, now);
            }
        }
        self.pass_on_try(&flight.routing_key, now);
        Some(flight)
    }

    /// The connection is gone: everything in flight is undecided and goes again, oldest first.
    pub(crate) fn reset(&mut self, now: Instant) {
        let flights = std::mem::take(&mut self.flights);
        for flight in flights.values() {
            self.landed(&flight.seqs);
            for seq in &flight.seqs {
                if let Some(record) = self.records.get_mut(seq) {
                    record.went_before = true;
                }
                self.offer_or_hold(*seq);
            }
        }
        for flight in flights.values() {
            self.pass_on_try(&flight.routing_key, now);
        }
    }

    /// It was sent, and is to be sent again: behind what has come before it in its lane meanwhile.
    fn offer_or_hold(&mut self, seq: u64) {
        let lane = self.records.get(&seq).map(|it| it.envelope.lane.clone());
        if lane.is_none_or(|lane| !self.elder_is_held(&lane, seq)) {
            self.offer(seq);
        } else if let Some(record) = self.drop_bytes(seq) {
            self.hold(&record.envelope, record.refusals, None);
        }
    }

    /// Nothing is awaited for these any more.
    fn landed(&mut self, seqs: &[u64]) {
        for seq in seqs {
            if let Some(record) = self.records.get_mut(seq) {
                record.in_flight = false;
            }
        }
    }

    /// Sends one parcel at a time until as many are answered as are in hand: the broker closes
    /// the channel over one of them, and only a parcel that is alone can be told apart.
    pub(crate) fn go_singly(&mut self) {
        self.singly = self.flights.len().max(1);
    }

    /// What awaits its answer.
    pub(crate) fn flights(&self) -> impl Iterator<Item = &Flight> {
        self.flights.values()
    }

    /// The parcel in flight, when it is the only one.
    pub(crate) fn lone_ticket(&self) -> Option<u64> {
        (self.flights.len() == 1).then(|| self.flights.keys().next().copied()).flatten()
    }

    /// When the oldest unanswered parcel has been silent for too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.flights.values().map(|it| it.deadline).min()
    }

    /// Grants every parcel in flight its whole time again: the broker had asked us to wait, or has
    /// answered one before them, and so is not silent.
    pub(crate) fn postpone_deadlines(&mut self, now: Instant) {
        for flight in self.flights.values_mut() {
            flight.deadline = now + flight.patience;
        }
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

    /// While fresh records come, a backlog leaves the broker time for them.
    fn is_paced(&self, now: Instant) -> bool {
        self.overtaken_at.is_some_and(|it| now.saturating_duration_since(it) < PACED_FOR)
    }

    fn has_paced_enough(&self) -> bool {
        let slow = self.flights.values().filter(|it| !it.overtook).count();
        let parcels_max = if slow < self.flights.len() { 1 } else { PACED_PARCELS };
        slow >= parcels_max
    }

    /// Records in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.flights.values().map(|it| it.seqs.len()).sum()
    }

    /// Records held, and those left on the disk for want of room.
    pub(crate) fn held(&self) -> usize {
        self.held.len() + self.aside.records()
    }

    /// The oldest sendable record of the first class, and under backlog others of its routing key.
    fn choose(&mut self) -> Option<Vec<u64>> {
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
    fn may_share(&self, first: u64, class: Class) -> bool {
        // What overtakes travels singly, unless even of that there is too much.
        let waiting = if class.overtakes() { self.overtakers } else { self.records.len() };
        let backlog = waiting.saturating_sub(self.in_flight()) >= BACKLOG_RECORDS;
        let refused = self.records.get(&first).is_none_or(|it| it.refusals > 0);
        self.limits.batch && backlog && !refused
    }

    fn offer_next_in_parcel(&mut self, lane: &str, seq: u64, queue: &(Class, String)) {
        let Some(next) = self.lanes.get(lane).and_then(|it| it.range(seq + 1..).next()) else {
            return;
        };
        let next_record = self.records.get(next).filter(|it| !it.in_flight);
        if next_record.is_some_and(|it| self.queue_of(it) == *queue) {
            self.sendable.entry(queue.clone()).or_default().insert(*next);
        }
    }

    /// What was offered only because its elder is in this parcel must wait after all.
    fn withdraw_behind(&mut self, queue: &(Class, String), seqs: &[u64]) {
        for seq in seqs {
            let Some(record) = self.records.get(seq) else { continue };
            let lane = self.lanes.get(&record.envelope.lane);
            let behind = lane.and_then(|it| it.range(seq + 1..).next().copied());
            if let Some(behind) = behind.filter(|it| !seqs.contains(it)) {
                self.withdraw(queue, behind);
            }
        }
    }

    fn keep(&mut self, envelope: Envelope, refusals: u32, overtook: bool) {
        let seq = envelope.seq;
        self.bytes += envelope.body.len();
        self.overtakers += usize::from(overtook);
        self.join_lane(&envelope.lane, seq);
        let younger = self.lanes.get(&envelope.lane).and_then(|it| it.range(seq + 1..).next());
        if let Some(younger) = younger.copied() {
            // It is first of its lane no more: what goes once more stands before it.
            self.withdraw_record(younger);
        }
        let (went_before, in_flight) = (false, false);
        self.records.insert(seq, Record { envelope, refusals, went_before, in_flight, overtook });
        self.offer(seq);
    }

    fn drop_bytes(&mut self, seq: u64) -> Option<Record> {
        let record = self.records.remove(&seq)?;
        self.bytes -= record.envelope.body.len();
        self.overtakers -= usize::from(record.overtook);
        Some(record)
    }

    fn queue_of(&self, record: &Record) -> (Class, String) {
        let class = self.limits.classes.of(&record.envelope.entity, record.overtook);
        (class, routing_key(&record.envelope))
    }

    fn hold(&mut self, envelope: &Envelope, refusals: u32, due: Option<Instant>) {
        let seq = envelope.seq;
        self.join_lane(&envelope.lane, seq);
        self.tries.extend(due.map(|due| (due, seq)));
        let (lane, routing_key) = (envelope.lane.clone(), routing_key(envelope));
        if due.is_some() {
            self.breakers.trying(&routing_key);
        }
        self.held.insert(seq, Held { lane, routing_key, refusals, due });
    }

    /// Holds every later record of the lane that is in hand. Those in flight await their answers, or they
    /// would go twice: only what goes once more finds such records behind it.
    fn hold_behind(&mut self, lane: &str, seq: u64, now: Instant) {
        let Some(lane) = self.lanes.get(lane) else { return };
        let behind: Vec<u64> = lane.range(seq + 1..).copied().collect();
        let mut keys = BTreeSet::new();
        for seq in behind {
            if self.records.get(&seq).is_none_or(|it| it.in_flight) {
                continue;
            }
            self.withdraw_record(seq);
            if let Some(record) = self.drop_bytes(seq) {
                keys.insert(routing_key(&record.envelope));
                self.hold(&record.envelope, record.refusals, None);
            }
        }
        for key in &keys {
            self.pass_on_try(key, now);
        }
    }

    /// Lets another record try for the key whose breaker is open, when the one that was to try must wait
    /// in its lane for one that goes once more: nobody else would call it.
    fn pass_on_try(&mut self, routing_key: &str, now: Instant) {
        let tries = self.flights.values().any(|it| it.routing_key == routing_key)
            || self.sendable.keys().any(|(_, key)| key == routing_key);
        if self.breakers.is_open(routing_key) && !tries {
            self.hasten(routing_key, now);
        }
    }

    fn ready_behind(&self, lane: &str, seq: u64) -> Option<&Envelope> {
        let next = self.lanes.get(lane)?.range(seq + 1..).next()?;
        self.records.get(next).map(|it| &it.envelope)
    }

    fn release(&mut self, seq: u64) -> Option<Held> {
        let held = self.held.remove(&seq)?;
        if let Some(due) = held.due {
            self.tries.remove(&(due, seq));
            self.breakers.tried(&held.routing_key);
        }
        Some(held)
    }

    /// Lets the record go if it is the first of its lane.
    fn offer(&mut self, seq: u64) {
        let Some(record) = self.records.get(&seq) else { return };
        if !record.in_flight && self.is_first_of_lane(&record.envelope.lane, seq) {
            let queue = self.queue_of(record);
            self.sendable.entry(queue).or_default().insert(seq);
        }
    }

    fn withdraw(&mut self, queue: &(Class, String), seq: u64) {
        if let Some(seqs) = self.sendable.get_mut(queue) {
            seqs.remove(&seq);
            if seqs.is_empty() {
                self.sendable.remove(queue);
            }
        }
    }

    fn withdraw_record(&mut self, seq: u64) {
        if let Some(queue) = self.records.get(&seq).map(|it| self.queue_of(it)) {
            self.withdraw(&queue, seq);
        }
    }

    /// The lane has a new first record: it may go, or be read again and go.
    fn call_next_of(&mut self, lane: &str, now: Instant) {
        let Some(next) = self.lanes.get(lane).and_then(|it| it.first().copied()) else { return };
        self.offer(next);
        let waits = self.held.get(&next).filter(|it| self.breakers.may_try(&it.routing_key));
        if waits.is_some() {
            self.try_by(next, now);
        }
    }

    /// Lets every record of the key try that waits only for its time, or only for the breaker; while
    /// the breaker is open, one of them.
    fn hasten(&mut self, routing_key: &str, now: Instant) {
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

    fn try_by(&mut self, seq: u64, due: Instant) {
        if let Some(held) = self.held.get_mut(&seq) {
            if let Some(before) = held.due.replace(due) {
                self.tries.remove(&(before, seq));
            } else {
                self.breakers.trying(&held.routing_key);
            }
            self.tries.insert((due, seq));
        }
    }

    fn join_lane(&mut self, lane: &str, seq: u64) {
        if !lane.is_empty() {
            self.lanes.entry(lane.to_owned()).or_default().insert(seq);
        }
    }

    fn leave_lane(&mut self, lane: &str, seq: u64) {
        if let Some(seqs) = self.lanes.get_mut(lane) {
            seqs.remove(&seq);
            if seqs.is_empty() {
                self.lanes.remove(lane);
            }
        }
    }

    fn is_first_of_lane(&self, lane: &str, seq: u64) -> bool {
        self.lanes.get(lane).is_none_or(|seqs| seqs.first() == Some(&seq))
    }

    /// Whether an earlier record of the lane is held: nothing that is ready waits behind one, or memory
    /// would be full of what cannot go before what has no room.
    fn elder_is_held(&self, lane: &str, seq: u64) -> bool {
        let elders = self.lanes.get(lane).into_iter().flat_map(|it| it.range(..seq).rev());
        // What is ready has no held elder; what is in flight may, since one that goes once more.
        let decides = |it: &&u64| self.records.get(it).is_none_or(|record| !record.in_flight);
        elders.into_iter().find(decides).is_some_and(|it| self.held.contains_key(it))
    }

    fn wait_after(&self, refusals: u32) -> Duration {
        let (first, longest) = self.limits.retry;
        let doublings = refusals.saturating_sub(1).min(31);
        first.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(longest)
    }
}

/// A line that is slower than this counts as silent.
const SLOWEST_BYTES_A_SECOND: usize = 16 << 10;
/// From how many waiting records on we speak of a backlog: a quiet road sends records singly,
/// which keeps every message readable on its own.
const BACKLOG_RECORDS: usize = 64;
/// Records in one parcel, at most: beyond it the broker's cost per record hardly falls.
const BATCH_RECORDS_MAX: usize = 16;
/// Overtaking takes at most this part of the records in hand, one in so many.
const OVERTAKERS_PART: usize = 8;
/// Parcels of a backlog in flight while fresh records come; beside a fresh one only one, so that there
/// is always some of it. More of them drain it faster, and a fresh record stands in a queue behind them.
const PACED_PARCELS: usize = 2;
/// How long after a fresh record a backlog still leaves room for the next.
const PACED_FOR: Duration = Duration::from_secs(30);
/// Bytes in one parcel of several records, at most.
const BATCH_BYTES_MAX: usize = 32 << 10;
