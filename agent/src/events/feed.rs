//! The feed: numbered events on disk, the latest of them in memory too.
//!
//! | key on the shelf | what is kept |
//! |---|---|
//! | `ve` number, 8 bytes | the event |
//! | `vn` | the feed's name, and the number that the next event gets |
//!
//! A place in the feed is told as `NAME-NUMBER`. The name is drawn when the feed begins: if the feed is
//! ever lost, the numbers begin anew under another name, and no listener takes them for old ones.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::event::{Event, Kind};
use crate::clock;
use crate::outbox::{Change, Outbox, StoreError};

/// One feed; the log of checks holds its pen.
#[derive(Debug)]
pub(crate) struct Feed {
    name: String,
    is_on: AtomicBool,
    /// The number that the next event gets; listeners wait for it to grow.
    next: watch::Sender<u64>,
    /// The first number that is still kept.
    oldest: AtomicU64,
    ring: RwLock<VecDeque<Numbered>>,
}

/// An event and its number.
pub(crate) type Numbered = (u64, Arc<Event>);

#[derive(Default, Serialize, Deserialize)]
struct Counter {
    name: String,
    next: u64,
}

impl Feed {
    /// Finds the feed, or begins one.
    pub(crate) fn open(outbox: &Outbox) -> Result<Feed, StoreError> {
        let row = outbox.shelved(COUNTER)?;
        let counter = row.and_then(|it| serde_json::from_slice::<Counter>(&it).ok());
        let is_kept = |it: &Counter| !it.name.is_empty() && it.next > 0;
        let Counter { name, next } = match counter.filter(is_kept) {
            Some(counter) => counter,
            None => Counter { name: draw_name(), next: 1 },
        };
        let mut oldest = next;
        outbox.walk_shelf(&key(0), &key(u64::MAX), |key, _| {
            oldest = number_of(key).unwrap_or(next).min(next);
            ControlFlow::Break(())
        })?;
        Ok(Feed {
            name,
            is_on: AtomicBool::new(true),
            next: watch::Sender::new(next),
            oldest: AtomicU64::new(oldest),
            ring: RwLock::default(),
        })
    }

    /// No events are made any more.
    pub(crate) fn turn_off(&self) {
        self.is_on.store(false, Ordering::Relaxed);
    }

    /// What has to be written so that these are the next events. The pen of the log is held, so that
    /// nobody else gets these numbers.
    pub(crate) fn changes(&self, events: &[Event]) -> Vec<Change> {
        if events.is_empty() || !self.is_on.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let next = *self.next.borrow();
        let bytes = |it: &Event| serde_json::to_vec(it).unwrap_or_default();
        let put = |(number, it): (u64, &Event)| Change::Put(key(number), bytes(it));
        let mut changes: Vec<Change> = (next..).zip(events).map(put).collect();
        let counter = Counter { name: self.name.clone(), next: next + events.len() as u64 };
        let counter = serde_json::to_vec(&counter).unwrap_or_default();
        changes.push(Change::Put(COUNTER.to_vec(), counter));
        changes
    }

    /// They are on disk: whoever listens may have them. The pen is still held.
    pub(crate) fn publish(&self, events: Vec<Event>) {
        if events.is_empty() || !self.is_on.load(Ordering::Relaxed) {
            return;
        }
        let count = events.len() as u64;
        let next = *self.next.borrow();
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.extend((next..).zip(events.into_iter().map(Arc::new)));
        let too_many = ring.len().saturating_sub(RING_MAX);
        ring.drain(..too_many);
        drop(ring);
        self.next.send_modify(|it| *it += count);
    }

    /// Grows with every event.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    /// The number that the next event gets.
    pub(crate) fn next(&self) -> u64 {
        *self.next.borrow()
    }

    /// The first number that is still kept.
    pub(crate) fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Relaxed)
    }

    /// How a place is told to listeners.
    pub(crate) fn place(&self, number: u64) -> String {
        format!("{}-{number}", self.name)
    }

    /// The number of a place; nothing for a place in another feed.
    pub(crate) fn number(&self, place: &str) -> Option<u64> {
        let number = place.strip_prefix(&self.name)?.strip_prefix('-')?.parse().ok()?;
        (number < self.next()).then_some(number)
    }

    /// Events from a number on, when memory has them all.
    pub(crate) fn at_hand(&self, from: u64) -> Option<Vec<Numbered>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let (first, _) = ring.front()?;
        let skipped = usize::try_from(from.checked_sub(*first)?).unwrap_or(usize::MAX);
        Some(ring.iter().skip(skipped).take(PAGE).cloned().collect())
    }

    /// Forgets what was told before a moment, `YYYYMMDDhhmmss`, and whatever else is meant. Blocks.
    pub(crate) fn forget_before(&self, outbox: &Outbox, at: &str) -> Result<(), StoreError> {
        let mut oldest = self.next();
        walk(outbox, 0, |number, event| {
            let is_old = event.at.as_str() < at;
            oldest = if is_old { number + 1 } else { number };
            if is_old { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if oldest > self.oldest() {
            outbox.shelve(&[Change::RemoveRange(key(0), key(oldest))])?;
            self.oldest.store(oldest, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Forgets all events about these suspicions: their patient is forgotten. Blocks.
    pub(crate) fn forget(
        &self,
        outbox: &Outbox,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        walk(outbox, 0, |number, event| {
            if is_meant(&event.id) {
                changes.push(Change::Remove(key(number)));
            }
            ControlFlow::Continue(())
        })?;
        outbox.shelve(&changes)?;
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        // What is left out of the middle would be taken for numbers that are not there.
        ring.clear();
        Ok(())
    }
}

/// Events from a number on, of those on disk: a page, and where the next one begins. Blocks.
pub(crate) fn page(
    outbox: &Outbox,
    from: u64,
    end: u64,
) -> Result<(Vec<Numbered>, u64), StoreError> {
    let mut found = Vec::new();
    walk(outbox, from, |number, event| {
        if number >= end {
            return ControlFlow::Break(());
        }
        found.push((number, Arc::new(event)));
        if found.len() < PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let is_whole = found.len() < PAGE;
    let next = if is_whole { end } else { found.last().map_or(end, |(number, _)| number + 1) };
    Ok((found, next))
}

/// The alerts that have begun and are not over, by code. Blocks.
pub(crate) fn alerts(outbox: &Outbox) -> Result<BTreeMap<String, String>, StoreError> {
    let mut standing = BTreeMap::new();
    walk(outbox, 0, |_, event| {
        match (event.kind, event.what.as_str()) {
            (Kind::Alert, "began") => {
                standing.insert(event.id, event.text.unwrap_or_default());
            }
            (Kind::Alert, _) => drop(standing.remove(&event.id)),
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok(standing)
}

/// Shows what is kept from a number on; what cannot be read is passed over.
fn walk(
    outbox: &Outbox,
    from: u64,
    mut show: impl FnMut(u64, Event) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    outbox.walk_shelf(&key(from), &key(u64::MAX), |key, bytes| {
        match (number_of(key), serde_json::from_slice(bytes)) {
            (Some(number), Ok(event)) => show(number, event),
            _ => ControlFlow::Continue(()),
        }
    })
}

fn key(number: u64) -> Vec<u8> {
    [b"ve", &number.to_be_bytes()[..]].concat()
}

fn number_of(key: &[u8]) -> Option<u64> {
    key.strip_prefix(b"ve")?.try_into().ok().map(u64::from_be_bytes)
}

/// The end of an id is drawn by chance.
fn draw_name() -> String {
    let id = clock::new_id();
    id.get(id.len().saturating_sub(8)..).unwrap_or(&id).to_owned()
}

const COUNTER: &[u8] = b"vn";
/// Events in memory: some hundred kilobytes.
const RING_MAX: usize = 1024;
/// Events that a listener is given at one time.
const PAGE: usize = 128;
