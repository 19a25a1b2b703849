//! Takes envelopes from the queue in their order, and sees what should be there and is not.
//!
//! Numbers have no gaps, so reading knows which number comes next. Whatever does not come (an entry
//! whose check fails, a block the disk gave back changed, a stretch the log lost) is reported as
//! [`Unreadable`] with its exact numbers, and reading goes on behind it.

use std::mem;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::command::Unreadable;
use super::format::{Damage, Entry, Stored};
use super::store::{Family, Store, WalkError};
use super::{OutboxStatus, StoreError, TAIL, opening};
use crate::envelope::{Envelope, Record, Sum};

/// The part of the queue to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// No entry below this key is wanted.
    pub(super) floor: u64,
    /// The first record wanted.
    pub(super) from: u64,
    /// The first record that is not there yet.
    pub(super) end: u64,
    /// Records wanted at most.
    pub(super) records_max: usize,
    /// Bytes of bodies wanted at most; one record is given however large it is.
    pub(super) bytes_max: usize,
}

impl Span {
    /// What is left to read behind its first records; `None` if that is nothing.
    pub(super) fn behind(self, found: &[Envelope]) -> Option<Span> {
        let Some(last) = found.last() else { return Some(self) };
        let bytes = found.iter().map(|it| it.body.len()).sum();
        let records_max = self.records_max.saturating_sub(found.len());
        let bytes_max = self.bytes_max.saturating_sub(bytes);
        let rest = Span { from: last.seq + 1, records_max, bytes_max, ..self };
        (rest.from < self.end && records_max > 0 && bytes_max > 0).then_some(rest)
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) envelopes: Vec<Envelope>,
    pub(super) unreadable: Vec<Unreadable>,
    /// Reading would go on here.
    pub(super) next: u64,
}

/// Reads a part of the queue.
pub(super) fn read(store: &Store, span: Span) -> Result<Found, StoreError> {
    let mut reading = Reading {
        store,
        span,
        bytes: 0,
        unseen: span.from,
        damaged: None,
        scratch: Vec::new(),
        found: Found { next: span.from, ..Found::default() },
    };
    let mut lowest = span.floor;
    while reading.found.next < span.end && !reading.is_full() {
        let bounds = [lowest, reading.found.next, span.end];
        match store.walk(Family::Queue, bounds, |key, value| reading.take(key, value)) {
            Ok(()) if reading.is_full() => break,
            Ok(()) => reading.reach(span.end),
            Err(WalkError::Damaged(cause)) => {
                let readable = next_readable(store, Family::Queue, reading.unseen, span.end)?;
                reading.damaged.get_or_insert((Vec::new(), "O203", cause));
                reading.reach(readable);
                lowest = readable;
            }
            Err(WalkError::Failed(cause)) => {
                return Err(StoreError::Failed { operation: "read", cause });
            }
        }
    }
    Ok(reading.found)
}

/// Shows number and lane of the records of a part of the queue, settled or not, which costs a fraction of
/// taking them. Gives the number to go on from; `None` when something is damaged or missing, which
/// [`read`] names.
pub(super) fn lanes(
    store: &Store,
    span: Span,
    show: &mut dyn FnMut(u64, &str),
) -> Result<Option<u64>, StoreError> {
    let (mut next, mut is_whole, mut scratch) = (span.from, true, Vec::new());
    let enough = span.end.min(span.from.saturating_add(span.records_max as u64));
    let walked = store.walk(Family::Queue, [span.floor, span.from, span.end], |key, value| {
        let place = (Family::Queue, &key.to_be_bytes()[..]);
        let entry = store.open_value(place, value, &mut scratch).and_then(Entry::read);
        let Some(entry) = entry.ok().filter(|_| key <= next) else {
            is_whole = false;
            return ControlFlow::Break(());
        };
        for (seq, record) in (key..).zip(&entry.records) {
            show(seq, record.lane);
            next = next.max(seq + 1);
        }
        if next < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    match walked {
        Ok(()) => Ok((is_whole && next >= enough).then_some(next)),
        Err(WalkError::Damaged(_)) => Ok(None),
        Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

/// The difference between all bytes ever stored and those before the cursor's entry.
pub(super) fn waiting_bytes(
    store: &Store,
    floor: u64,
    status: &OutboxStatus,
) -> Result<u64, StoreError> {
    if status.waiting == 0 {
        return Ok(0);
    }
    let [_, bytes] = opening::row(store, TAIL)?.unwrap_or([1, 0]);
    let mut before = bytes;
    let bounds = [floor, status.cursor, status.next_seq];
    let mut scratch = Vec::new();
    let walked = store.walk(Family::Queue, bounds, |key, value| {
        let place = (Family::Queue, &key.to_be_bytes()[..]);
        let entry = store.open_value(place, value, &mut scratch).and_then(Entry::read);
        before = entry.map_or(bytes, |entry| entry.bytes_before);
        ControlFlow::Break(())
    });
    match walked {
        Ok(()) | Err(WalkError::Damaged(_)) => Ok(bytes.saturating_sub(before)),
        Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

struct Reading<'a> {
    store: &'a Store,
    span: Span,
    bytes: usize,
    /// The disk has shown nothing from this key on.
    unseen: u64,
    /// An entry that could not be read; how far it went is known when the next one is seen.
    damaged: Option<(Vec<u8>, &'static str, String)>,
    /// Where entries are opened, one after the other.
    scratch: Vec<u8>,
    found: Found,
}

impl Reading<'_> {
    fn take(&mut self, key: u64, value: &[u8]) -> ControlFlow<()> {
        self.unseen = self.unseen.max(key + 1);
        let (place, mut scratch) = (key.to_be_bytes(), mem::take(&mut self.scratch));
        let opened = self.store.open_value((Family::Queue, &place), value, &mut scratch);
        match opened.and_then(Entry::read) {
            Ok(entry) => {
                // The entry with the first wanted record may begin before it.
                self.reach(key);
                self.take_records(key, &entry);
            }
            Err(damage) => {
                self.reach(key);
                self.damaged = Some((value.to_vec(), "O201", told(damage)));
            }
        }
        self.scratch = scratch;
        if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn take_records(&mut self, key: u64, entry: &Entry<'_>) {
        for (seq, record) in (key..).zip(&entry.records) {
            if seq < self.found.next || seq >= self.span.end {
                continue;
            }
            if self.is_full() {
                return;
            }
            let envelope = envelope(seq, entry, record);
            if !is_what_was_decoded(&envelope, record) {
                self.quarantine(seq, record);
                continue;
            }
            self.bytes += envelope.body.len();
            self.found.envelopes.push(envelope);
            self.found.next = seq + 1;
        }
    }

    /// A record that is not what it was made to be is named by its number, and never published.
    fn quarantine(&mut self, seq: u64, record: &Stored<'_>) {
        let value = record.tail.as_bytes().to_vec();
        let reason = format!("record {} is not what was decoded", record.record_id);
        let (first_seq, end_seq, code) = (seq, seq + 1, "O207");
        self.found.unreadable.push(Unreadable { first_seq, end_seq, value, code, reason });
        self.found.next = end_seq;
    }

    /// The next thing that can be read begins at `seq`: what lies between is not there.
    fn reach(&mut self, seq: u64) {
        let damaged = self.damaged.take();
        let first_seq = self.found.next;
        if seq <= first_seq {
            return;
        }
        let (value, code, reason) = damaged.unwrap_or_else(|| {
            (Vec::new(), "O202", "the records are missing from the store".to_owned())
        });
        self.found.unreadable.push(Unreadable { first_seq, end_seq: seq, value, code, reason });
        self.found.next = seq;
    }

    fn is_full(&self) -> bool {
        let count = self.found.envelopes.len();
        count >= self.span.records_max || (count > 0 && self.bytes >= self.span.bytes_max)
    }
}

/// All records of an entry by number; none for one that is not what was decoded.
pub(super) fn envelopes(key: u64, entry: &Entry<'_>) -> Vec<(u64, Option<Envelope>)> {
    let made = (key..).zip(&entry.records).map(|(seq, record)| {
        let envelope = envelope(seq, entry, record);
        let is_right = is_what_was_decoded(&envelope, record);
        (seq, is_right.then_some(envelope))
    });
    made.collect()
}

/// Compares the sum with the very bytes that are to be published.
fn is_what_was_decoded(envelope: &Envelope, record: &Stored<'_>) -> bool {
    let Some(sum) = record.sum else { return true };
    let end = envelope.body.len().saturating_sub(1);
    let tail = envelope.body.get(end.saturating_sub(record.tail.len())..end).unwrap_or_default();
    sum == Sum::of([&envelope.entity, &envelope.lane, &envelope.key], &record.digest, tail)
}

fn told(damage: Damage) -> String {
    format!("the stored records are damaged: {damage}")
}

/// The first key at or behind `from` that the disk gives back, or `end`: steps that double over
/// the damage, then halves back to its edge.
pub(super) fn next_readable(
    store: &Store,
    family: Family,
    from: u64,
    end: u64,
) -> Result<u64, StoreError> {
    let (mut bad, mut good, mut step) = (from, from, 1);
    let mut key = loop {
        if let Some(key) = first_key(store, family, good, end)? {
            break key;
        }
        bad = good;
        good = good.saturating_add(step).min(end);
        step = step.saturating_mul(2);
    };
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        match first_key(store, family, middle, end)? {
            Some(first) => (good, key) = (middle, first),
            None => bad = middle,
        }
    }
    Ok(key)
}

/// The first key in `from..end`, `end` if there is none, `None` if the disk's answer is damaged.
fn first_key(
    store: &Store,
    family: Family,
    from: u64,
    end: u64,
) -> Result<Option<u64>, StoreError> {
    if from >= end {
        return Ok(Some(end));
    }
    let mut first = end;
    let walked = store.walk(family, [from, from, end], |key, _| {
        first = key;
        ControlFlow::Break(())
    });
    match walked {
        Ok(()) => Ok(Some(first)),
        Err(WalkError::Damaged(_)) => Ok(None),
        Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
    }
}

fn envelope(seq: u64, entry: &Entry<'_>, record: &Stored<'_>) -> Envelope {
    let record_id = record.record_id.to_string();
    let record = Record {
        seq,
        revision: record.revision,
        entity: record.entity.to_owned(),
        org: entry.org.to_owned(),
        channel: entry.channel.to_owned(),
        lane: record.lane.to_owned(),
        key: record.key.to_owned(),
        schema: entry.schema.to_owned(),
        digest: hexadecimal(&record.digest),
        message_id: entry.message_id.to_owned(),
        received_at: entry.received_at.to_owned(),
        body: body(&record_id, seq, record.revision, record.tail),
        record_id,
    };
    record.into()
}

fn body(record_id: &str, seq: u64, revision: u32, tail: &str) -> Bytes {
    let comma = if tail.is_empty() { "" } else { "," };
    format!(r#"{{"record_id":"{record_id}","seq":{seq},"revision":{revision}{comma}{tail}}}"#)
        .into()
}

fn hexadecimal(digest: &[u8; 32]) -> String {
    let digit =
        |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_is_one_json_object() {
        assert_eq!(
            body("01", 1042, 2, r#""entity":"fee","findings":[]"#),
            r#"{"record_id":"01","seq":1042,"revision":2,"entity":"fee","findings":[]}"#
        );
        assert_eq!(body("01", 1, 1, ""), r#"{"record_id":"01","seq":1,"revision":1}"#);
    }

    #[test]
    fn digest_is_hexadecimal() {
        let mut digest = [0; 32];
        digest[0] = 0xf0;
        digest[31] = 0x1a;
        assert_eq!(hexadecimal(&digest), format!("f0{}1a", "0".repeat(60)));
    }
}
