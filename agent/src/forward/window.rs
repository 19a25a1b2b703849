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
mod choice;
mod lane;
mod wait;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use self::aside::Aside;
use super::breaker::Breakers;
use super::class::{Class, Classes};
use super::parcel::routing_key;
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
    went_before: bool,
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
    pub(crate) fn admit(&mut self, envelopes: Vec<Envelope>, now: Instant) {
        for envelope in envelopes {
            self.read_to = self.read_to.max(envelope.seq);
            // It may have overtaken those before it and be here already.
            if !self.is_here(envelope.seq) {
                self.take(envelope, false, now);
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
        self.take(envelope, true, now);
    }

    fn take(&mut self, envelope: Envelope, overtook: bool, now: Instant) {
        if self.aside.has(&envelope.lane) {
            self.aside.put(&envelope);
        } else if !self.must_wait(&envelope) {
            self.keep(envelope, 0, overtook);
        } else if self.is_wanted(&envelope) {
            self.hold(&envelope, 0, Some(now));
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
                self.offer_or_hold(*seq, now);
            }
        }
        for flight in flights.values() {
            self.pass_on_try(&flight.routing_key, now);
        }
    }

    /// It was sent, and is to be sent again: behind what has come before it in its lane meanwhile, and as
    /// its routing key allows.
    fn offer_or_hold(&mut self, seq: u64, now: Instant) {
        if self.records.get(&seq).is_some_and(|it| self.must_wait(&it.envelope)) {
            self.put_off(seq, now);
        } else {
            self.offer(seq);
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

    /// Records in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.flights.values().map(|it| it.seqs.len()).sum()
    }

    /// Records held, and those left on the disk for want of room.
    pub(crate) fn held(&self) -> usize {
        self.held.len() + self.aside.records()
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
}

/// Overtaking takes at most this part of the records in hand, one in so many.
const OVERTAKERS_PART: usize = 8;
