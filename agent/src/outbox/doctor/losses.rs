//! What of a store can be read, and the names of what cannot.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::format::{self, Entry};
use super::super::reading;
use super::super::store::Family;
use super::StoreError;
use super::left::{Left, number};
use crate::ranges::Ranges;

/// A stretch of records that cannot be read.
#[derive(Debug, Serialize)]
pub struct Loss {
    /// The first of them.
    pub first_seq: u64,
    /// The last of them.
    pub last_seq: u64,
    /// As in the manual: O201, O202 or O207.
    pub code: &'static str,
    /// The same as a sentence.
    pub reason: String,
    /// What the memory of business keys knows of them.
    pub records: Vec<Named>,
}

/// A lost record that is still known by name.
#[derive(Debug, Serialize)]
pub struct Named {
    /// Its number.
    pub seq: u64,
    /// Its id.
    pub record_id: String,
    /// Id of the message it came in.
    pub message_id: String,
    /// When that message came.
    pub received_at: String,
}

/// How many of something can be read.
#[derive(Debug, Default, Serialize)]
pub struct Counted {
    /// Those that can.
    pub readable: u64,
    /// The numbers of those that are there and cannot; of business keys, 0 for each.
    pub damaged: Vec<u64>,
    /// How many should be there and are not.
    pub lost: u64,
}

/// The queue by its numbers.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// First number and the number behind the last, of stretches of entries that can be read.
    entries: BTreeMap<u64, u64>,
    /// Entries that cannot, and why.
    damaged: BTreeMap<u64, String>,
    /// Records that are not what was decoded.
    altered: BTreeSet<u64>,
}

impl Queue {
    /// Takes an entry in; one that touches others becomes a stretch with them.
    fn join(&mut self, mut first: u64, mut end: u64) {
        if let Some((&before, _)) =
            self.entries.range(..=first).next_back().filter(|it| *it.1 >= first)
        {
            end = end.max(self.entries.remove(&before).unwrap_or(end));
            first = before;
        }
        if let Some(behind) = self.entries.remove(&end) {
            end = behind;
        }
        self.entries.insert(first, end);
    }

    /// How many records can be read: below the cursor or settled above it, and those that wait.
    pub(super) fn readable(&self, cursor: u64, settled: &Ranges) -> [u64; 2] {
        let (mut delivered, mut waiting) = (0, 0);
        for (&first, &end) in &self.entries {
            let above = settled.within(first.max(cursor), end);
            let above: u64 = above.iter().map(|(from, end)| end - from).sum();
            let left = end.min(cursor).saturating_sub(first) + above;
            delivered += left;
            waiting += end - first - left;
        }
        let has_left = |it: &&u64| **it < cursor || settled.contains(**it);
        let left = self.altered.iter().filter(has_left).count() as u64;
        [delivered - left, waiting - (self.altered.len() as u64 - left)]
    }
}

pub(super) fn queue(left: &mut Left) -> Result<Queue, StoreError> {
    let mut queue = Queue::default();
    left.each(&[Family::Queue], |left, family, key, value| {
        let Some(first) = number(key) else { return };
        let mut scratch = Vec::new();
        match left.open(family, key, value, &mut scratch).and_then(Entry::read) {
            Ok(entry) => {
                queue.join(first, first.saturating_add(entry.records.len() as u64));
                let told = reading::envelopes(first, &entry);
                let altered = told.into_iter().filter_map(|(seq, it)| it.is_none().then_some(seq));
                queue.altered.extend(altered);
            }
            Err(damage) => {
                queue.damaged.insert(first, damage.to_string());
            }
        }
    })?;
    Ok(queue)
}

/// The stretches of `cursor..end` that cannot be read, as a running daemon would name them.
pub(super) fn lost(
    left: &mut Left,
    queue: &Queue,
    (cursor, end): (u64, u64),
    settled: &Ranges,
) -> Result<Vec<Loss>, StoreError> {
    let mut lost = Vec::new();
    let mut at = cursor;
    let holding = queue.entries.range(..=cursor).next_back().map(|it| *it.1);
    at = at.max(holding.unwrap_or(0).min(end));
    while at < end {
        let next = queue.entries.range(at..).next().map(|it| (*it.0, *it.1));
        let (first, behind) = next.unwrap_or((end, end));
        gap(queue, at, first.min(end), &mut lost);
        at = behind.max(at + 1);
    }
    for &seq in queue.altered.range(cursor..) {
        let reason = "the record is not what was decoded";
        lost.push(loss(seq, seq + 1, "O207", reason.to_owned()));
    }
    let mut lost: Vec<Loss> = lost.into_iter().flat_map(|it| waiting(&it, settled)).collect();
    lost.sort_by_key(|it| it.first_seq);
    name(left, &mut lost)?;
    Ok(lost)
}

/// What of a stretch was waiting: the rest had left, and may have been removed.
fn waiting(it: &Loss, settled: &Ranges) -> Vec<Loss> {
    let pieces = settled.without(it.first_seq, it.last_seq + 1);
    let pieces = pieces.into_iter().map(|(from, end)| loss(from, end, it.code, it.reason.clone()));
    pieces.collect()
}

fn gap(queue: &Queue, mut from: u64, end: u64, lost: &mut Vec<Loss>) {
    for (&key, reason) in queue.damaged.range(from..end) {
        if key > from {
            lost.push(missing(from, key));
        }
        let behind = queue.damaged.range(key + 1..end).next().map_or(end, |it| *it.0);
        lost.push(loss(key, behind, "O201", reason.clone()));
        from = behind;
    }
    if from < end {
        lost.push(missing(from, end));
    }
}

fn missing(first: u64, end: u64) -> Loss {
    loss(first, end, "O202", "the records are missing from the store".to_owned())
}

const fn loss(first_seq: u64, end: u64, code: &'static str, reason: String) -> Loss {
    Loss { first_seq, last_seq: end - 1, code, reason, records: Vec::new() }
}

fn name(left: &mut Left, lost: &mut [Loss]) -> Result<(), StoreError> {
    if lost.is_empty() {
        return Ok(());
    }
    left.each(&[Family::Seen], |_, _, _, value| {
        for take in format::open_takes(value).unwrap_or_default() {
            let place = lost.partition_point(|it| it.last_seq < take.seq);
            let stretch = lost.get_mut(place).filter(|it| it.first_seq <= take.seq);
            if let Some(stretch) = stretch {
                let record_id = take.record_id.to_string();
                let (message_id, received_at) = (take.message_id, take.received_at);
                stretch.records.push(Named { seq: take.seq, record_id, message_id, received_at });
            }
        }
    })?;
    for it in lost {
        it.records.sort_by_key(|it| it.seq);
    }
    Ok(())
}

pub(super) fn counted(left: &mut Left, family: Family) -> Result<Counted, StoreError> {
    let mut counted = Counted::default();
    left.each(&[family], |left, family, key, value| {
        let mut scratch = Vec::new();
        let content = left.open(family, key, value, &mut scratch);
        let is_whole = match family {
            Family::Dead => content.and_then(format::read_letter).is_ok(),
            _ => content.and_then(format::read_parked).is_ok(),
        };
        if is_whole {
            counted.readable += 1;
        } else {
            counted.damaged.push(number(key).unwrap_or(0));
        }
    })?;
    counted.damaged.sort_unstable();
    let position = left.position();
    let should_be = if family == Family::Dead { position.letters } else { position.parked };
    let found = counted.readable + counted.damaged.len() as u64;
    counted.lost = should_be.unwrap_or(0).saturating_sub(found);
    Ok(counted)
}

pub(super) fn remembered(left: &mut Left) -> Result<Counted, StoreError> {
    let mut counted = Counted::default();
    left.each(&[Family::Seen], |_, _, _, value| match format::open_takes(value) {
        Ok(_) => counted.readable += 1,
        Err(_) => counted.damaged.push(0),
    })?;
    Ok(counted)
}
