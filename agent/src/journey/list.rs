//! Finding messages. Those that gave records lie in rows by day; what waits, what died and what was
//! decided lie where they are kept. The latest days are looked at first, and only as many as it takes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::query::{Query, State};
use super::rows::{self, Row};
use super::{Opened, Subject};
use crate::envelope::DeadLetter;
use crate::forward::ForwardState;
use crate::outbox::{Copies, StoreError};

/// A message that gave records, with the number of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) first_seq: u64,
    pub(super) row: Row,
}

impl Found {
    /// The numbers of its records.
    pub(super) fn seqs(&self) -> impl Iterator<Item = u64> + use<> {
        self.first_seq..self.first_seq.saturating_add(self.row.records.len() as u64)
    }
}

impl Opened {
    /// The latest messages that are wanted, the latest last, and how many more there are. What has no
    /// time (damage to the store) is told in any case, behind them.
    pub(super) fn list(&self, query: &Query, forward: &ForwardState) -> Result<Value, StoreError> {
        self.catch_up()?;
        let mut causes = BTreeMap::new();
        let waiting = self.waiting(query)?;
        let dead = self.dead(query, &mut causes)?;
        let closed = self.closed(query)?;
        let passed_over = waiting.passed_over + dead.passed_over + closed.passed_over;
        let mut told: Vec<Value> =
            [waiting, dead, closed].into_iter().flat_map(|it| it.found).collect();
        let mut has_older = false;
        if query.wants_records() {
            let read_to = forward.read_to();
            let found = self.accepted(query, read_to)?;
            // No more are looked for than are listed.
            has_older = found.len() >= query.limit;
            told.extend(found.iter().map(|it| told_of(it, self.state_of(it, read_to))));
        }
        let (messages, more) = latest(told, query.limit);
        let more = more + passed_over;
        Ok(json!({
            "messages": messages, "more": more, "has_older": has_older || more > 0, "causes": causes,
        }))
    }

    /// Messages that gave records, the latest that are wanted.
    fn accepted(&self, query: &Query, read_to: u64) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        for day in (query.days[0]..=query.days[1]).rev() {
            let room = query.limit.saturating_sub(found.len());
            found.extend(self.last_of_day(query, day, read_to, room)?.into_iter().rev());
            if found.len() >= query.limit {
                break;
            }
        }
        Ok(found)
    }

    /// Shows every message of some days that gave records and is wanted, until told to stop.
    pub(super) fn each_accepted(
        &self,
        query: &Query,
        mut show: impl FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut is_over = false;
        for day in query.days[0]..=query.days[1] {
            self.each_of_day(query, day, 0, |found| {
                let told = show(found);
                is_over = told.is_break();
                told
            })?;
            if is_over {
                break;
            }
        }
        Ok(())
    }

    /// The last that are wanted of a day, in their order: a day may have millions.
    fn last_of_day(
        &self,
        query: &Query,
        day: u32,
        read_to: u64,
        at_most: usize,
    ) -> Result<VecDeque<Found>, StoreError> {
        let mut last = Last::of(at_most);
        self.each_of_day(query, day, read_to, |it| {
            last.push(it);
            ControlFlow::Continue(())
        })?;
        Ok(last.found)
    }

    fn each_of_day(
        &self,
        query: &Query,
        day: u32,
        read_to: u64,
        mut show: impl FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let is_wanted = |it: &Found| {
            query.fits(&it.row.received_at, &it.row.channel)
                && query.asked.code.is_none()
                && query.wants(self.state_of(it, read_to))
                && has_entity(&it.row, query.asked.entity.as_deref())
        };
        let mut take =
            |it: Option<Found>| it.filter(is_wanted).map_or(ControlFlow::Continue(()), &mut show);
        let Some(seqs) = self.led_to(query, day)? else {
            let [from, end] = rows::messages(day);
            return self.outbox.walk_journey([&from, &end], |key, row| take(read(key, row)));
        };
        for seq in seqs {
            let key = rows::message(day, seq);
            if take(self.outbox.noted(&key)?.and_then(|row| read(&key, &row))).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The messages of a day that key, encounter and patient lead to; `None` when none of these is
    /// asked for.
    fn led_to(&self, query: &Query, day: u32) -> Result<Option<BTreeSet<u64>>, StoreError> {
        let asked = [
            (Subject::Key, &query.asked.key),
            (Subject::Encounter, &query.asked.encounter),
            (Subject::Patient, &query.asked.patient),
        ];
        let mut common: Option<BTreeSet<u64>> = None;
        for (subject, text) in asked {
            let Some(text) = text else { continue };
            let seqs = self.leads(day, self.hash(subject, text))?;
            common = Some(common.map_or_else(|| seqs.clone(), |it| &it & &seqs));
        }
        Ok(common)
    }

    fn leads(&self, day: u32, hash: [u8; 8]) -> Result<BTreeSet<u64>, StoreError> {
        let [from, end] = rows::leads(day, hash);
        let mut seqs = BTreeSet::new();
        self.outbox.walk_journey([&from, &end], |key, _| {
            seqs.extend(rows::number_of(key));
            ControlFlow::Continue(())
        })?;
        Ok(seqs)
    }

    /// Messages with this id, or with a record of it: a long one comes in several rows.
    pub(super) fn by_id(&self, id: &str) -> Result<Vec<Found>, StoreError> {
        let id_day = rows::day_of_id(id);
        let mut found = Vec::new();
        for seq in self.led_by_id(id, id_day)? {
            // A record's day may be later than its message's: when the message was parked.
            for day in (id_day.saturating_sub(DAYS_PARKED_MAX)..=id_day).rev() {
                let key = rows::message(day, seq);
                if let Some(row) = self.outbox.noted(&key)? {
                    found.extend(read(&key, &row));
                    break;
                }
            }
        }
        Ok(found)
    }

    fn led_by_id(&self, id: &str, day: u32) -> Result<BTreeSet<u64>, StoreError> {
        let mut seqs = BTreeSet::new();
        // Messages' ids are written without hyphens, records' with.
        let simple = super::same_id(id).replace('-', "");
        for text in [id.trim().to_owned(), simple, super::same_id(id)] {
            seqs.append(&mut self.leads(day, self.hash(Subject::Id, &text))?);
        }
        Ok(seqs)
    }

    /// Where a message stands that gave records: as far as the least far of them.
    pub(super) fn state_of(&self, found: &Found, read_to: u64) -> State {
        found.seqs().map(|seq| self.state_of_record(seq, read_to)).min().unwrap_or(State::Confirmed)
    }

    /// Where a record stands.
    pub(super) fn state_of_record(&self, seq: u64, read_to: u64) -> State {
        match self.outbox.has_left(seq) {
            true => State::left(self.outbox.fate(seq)),
            false if seq <= read_to => State::Forwarded,
            false => State::Accepted,
        }
    }

    fn waiting(&self, query: &Query) -> Result<Last<Value>, StoreError> {
        let (mut told, mut after) = (Last::of(query.limit), 0);
        if !query.wants(State::Parked)
            || query.asked.patient.is_some()
            || query.asked.code.is_some()
        {
            return Ok(told);
        }
        loop {
            let chunk = self.outbox.parked(after, CHUNK, CHUNK_BYTES)?;
            let Some((last, _)) = chunk.last() else { return Ok(told) };
            after = *last;
            for (number, it) in chunk {
                let has =
                    |wanted: &Option<String>, of: fn(&crate::envelope::ParkedRecord) -> &str| {
                        let wanted = wanted.as_deref();
                        wanted.is_none_or(|wanted| {
                            it.records.iter().any(|record| of(record) == wanted)
                        })
                    };
                let asked = &query.asked;
                if query.fits(&it.received_at, &it.channel)
                    && has(&asked.entity, |it| &it.entity)
                    && has(&asked.key, |it| &it.key)
                    && has(&asked.encounter, |it| &it.lane)
                {
                    told.push(json!({
                        "state": State::Parked.name(), "message_id": it.message_id, "parked": number,
                        "received_at": it.received_at, "channel": it.channel,
                        "records": counted(it.records.iter().map(|it| it.entity.as_str())),
                        "waits_for": it.unknown.iter().map(|it| format!("{} {}", it.map, it.code)).collect::<Vec<_>>(),
                    }));
                }
            }
        }
    }

    /// Dead letters; and how many there are of each cause, listed or not.
    fn dead(
        &self,
        query: &Query,
        causes: &mut BTreeMap<String, u64>,
    ) -> Result<Last<Value>, StoreError> {
        let (mut told, mut after) = (Last::of(query.limit), 0);
        if !query.wants(State::Dead) || query.asks_of_records() {
            return Ok(told);
        }
        // What was lost has no time that it could be too old by.
        let mut timeless = Vec::new();
        loop {
            let chunk = self.outbox.dead_letters(after, CHUNK)?;
            let Some((last, _)) = chunk.last() else { break };
            after = *last;
            for (number, letter) in chunk {
                let copies = self.outbox.copies(number, &letter)?;
                if query.wants_letter(&letter, copies.as_ref()) {
                    *causes.entry(letter.code.clone()).or_default() += 1;
                    let it = super::letters::told(number, &letter, copies.as_ref());
                    if letter.received_at.is_empty() { timeless.push(it) } else { told.push(it) }
                }
            }
        }
        told.found.extend(timeless);
        Ok(told)
    }

    fn closed(&self, query: &Query) -> Result<Last<Value>, StoreError> {
        let mut told = Last::of(query.limit);
        if !query.wants(State::Discarded) || query.asks_of_records() {
            return Ok(told);
        }
        // Decided on a later day, perhaps, than the message came.
        self.each_closed_since(query.days[0], |it| {
            if query.wants_letter(&it.letter(), None) {
                told.push(it.told());
            }
        })?;
        Ok(told)
    }
}

/// The last of many, in their order.
struct Last<T> {
    at_most: usize,
    /// How many were before them.
    passed_over: usize,
    found: VecDeque<T>,
}

impl<T> Last<T> {
    const fn of(at_most: usize) -> Last<T> {
        Last { at_most, passed_over: 0, found: VecDeque::new() }
    }

    fn push(&mut self, it: T) {
        self.found.push_back(it);
        if self.found.len() > self.at_most {
            self.found.pop_front();
            self.passed_over += 1;
        }
    }
}

/// The latest of some, the latest last, and behind them those without a time; and how many are left
/// out.
fn latest(told: Vec<Value>, limit: usize) -> (Vec<Value>, usize) {
    let at = |it: &Value| it.get("received_at").and_then(Value::as_str).unwrap_or("").to_owned();
    let (mut timed, timeless): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|it| !at(it).is_empty());
    timed.sort_by_cached_key(at);
    let more = timed.len().saturating_sub(limit);
    let mut messages = timed.split_off(more);
    messages.extend(timeless);
    (messages, more)
}

impl Query {
    /// Damage to the store has no time of its own: it is always told. What came again counts by its
    /// last time, too.
    pub(super) fn wants_letter(&self, letter: &DeadLetter, copies: Option<&Copies>) -> bool {
        let timeless = letter.received_at.is_empty() && self.asked.channel.is_none();
        let of_cause = self.asked.code.as_deref().is_none_or(|it| it == letter.code);
        let times = [Some(&letter.received_at), copies.map(|it| &it.last_at)];
        let in_time = times.into_iter().flatten().any(|it| self.fits(it, &letter.channel));
        of_cause && (timeless || in_time)
    }
}

fn read(key: &[u8], row: &[u8]) -> Option<Found> {
    Some(Found { first_seq: rows::number_of(key)?, row: Row::from_bytes(row)? })
}

fn has_entity(row: &Row, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| row.records.iter().any(|it| it.entity == wanted))
}

/// One line of a list.
fn told_of(found: &Found, state: State) -> Value {
    let Found { first_seq, row } = found;
    json!({
        "state": state.name(), "message_id": row.message_id(), "received_at": row.received_at,
        "channel": row.channel, "first_seq": first_seq,
        "records": counted(row.records.iter().map(|it| it.entity.as_str())),
    })
}

fn counted<'a>(entities: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, u64> {
    let mut counts = BTreeMap::new();
    entities.for_each(|it| *counts.entry(it).or_default() += 1);
    counts
}

/// A message may wait for its codes so long, and is found by its records' ids all the same.
const DAYS_PARKED_MAX: u32 = 90;
const CHUNK: usize = 1_024;
const CHUNK_BYTES: usize = 4 << 20;

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_time_is_never_left_out() {
        check("3 1 2", 9, "1 2 3, 0 more");
        check("3 1 2", 2, "2 3, 1 more");
        check("3 - 1 - 2", 2, "2 3 - -, 1 more");
        check("- - -", 1, "- - -, 0 more");
        check("", 1, ", 0 more");
    }

    #[track_caller]
    fn check(told: &str, limit: usize, expected: &str) {
        let line = |it: &str| json!({ "received_at": it.trim_matches('-') });
        let (messages, more) = latest(told.split_whitespace().map(line).collect(), limit);
        let time = |it: &Value| {
            it["received_at"].as_str().filter(|it| !it.is_empty()).unwrap_or("-").to_owned()
        };
        let times: Vec<String> = messages.iter().map(time).collect();
        assert_eq!(format!("{}, {more} more", times.join(" ")), expected);
    }
}
