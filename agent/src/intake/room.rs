//! Room for what is coming: so many KiB of all bodies and frames that are not whole yet.
//!
//! Who trickles must not keep others out. When no room is left, those that have been coming for a while
//! make some for an address that holds less, the fullest address first; of one address, a long body
//! makes room for a short one. Who loses its room is told "busy", and sends again.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The room of all doors.
#[derive(Debug)]
pub struct Room(Mutex<Inside>);

/// By number, and so the oldest first.
#[derive(Debug)]
struct Inside {
    free_kib: usize,
    next: u64,
    parts: BTreeMap<u64, Part>,
}

#[derive(Debug)]
struct Part {
    from: Option<IpAddr>,
    kib: usize,
    since: Instant,
    cut: CancellationToken,
}

/// There is no room, or it was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// What one body that is coming takes; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    room: Arc<Room>,
    from: Option<IpAddr>,
    /// None as long as it is shorter than a KiB.
    number: Option<u64>,
    kib: usize,
    /// What it will come to, if that is known.
    announced_kib: usize,
    cut: CancellationToken,
}

impl Room {
    /// For so many bytes.
    pub fn new(bytes: usize) -> Arc<Room> {
        let inside = Inside { free_kib: bytes / 1024, next: 0, parts: BTreeMap::new() };
        Arc::new(Room(Mutex::new(inside)))
    }

    /// For a body that begins to come; 0 where nobody knows how long it will be.
    pub(super) fn enter(self: &Arc<Room>, from: Option<IpAddr>, announced: usize) -> Held {
        let (room, cut) = (Arc::clone(self), CancellationToken::new());
        Held { room, from, number: None, kib: 0, announced_kib: announced / 1024, cut }
    }

    fn locked(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Takes a KiB for each full one of so many bytes in all, however small the parts were. Who finds no
    /// room gives up what it has.
    pub(super) fn grow(&mut self, length: usize) -> Result<(), Full> {
        let kib = length / 1024;
        if kib <= self.kib {
            return Ok(());
        }
        let mut inside = self.room.locked();
        if self.cut.is_cancelled() || !inside.make_room(self, kib) {
            // Of two that fill the room together, one goes on.
            if let Some(number) = self.number.take() {
                inside.remove(number);
            }
            self.kib = 0;
            return Err(Full);
        }
        inside.free_kib -= kib - self.kib;
        self.kib = kib;
        let number = inside.number(self.number);
        let (from, cut) = (self.from, self.cut.clone());
        let new = Part { from, kib, since: Instant::now(), cut };
        inside.parts.entry(number).or_insert(new).kib = kib;
        self.number = Some(number);
        Ok(())
    }

    /// Returns when its room was taken away.
    pub(super) async fn lost(&self) {
        self.cut.cancelled().await;
    }

    /// Gives all of it back, for what comes next.
    pub(super) fn let_go(&mut self) {
        if let Some(number) = self.number.take() {
            self.room.locked().remove(number);
            self.kib = 0;
        }
        if self.cut.is_cancelled() {
            self.cut = CancellationToken::new();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Inside {
    fn number(&mut self, known: Option<u64>) -> u64 {
        known.unwrap_or_else(|| {
            self.next += 1;
            self.next
        })
    }

    /// What was sent away is gone already.
    fn remove(&mut self, number: u64) -> Option<Part> {
        let part = self.parts.remove(&number)?;
        self.free_kib += part.kib;
        Some(part)
    }

    /// Whether there is room for one that is to have so many KiB in all. Nobody goes in vain.
    fn make_room(&mut self, comes: &Held, kib: usize) -> bool {
        let more = kib - comes.kib;
        let mut free = self.free_kib;
        let mut go = Vec::new();
        if free < more {
            for (number, part) in self.dispensable(comes, kib) {
                if free >= more {
                    break;
                }
                free += part.kib;
                go.push(number);
            }
        }
        if free < more {
            return false;
        }
        for part in go.into_iter().filter_map(|it| self.remove(it)) {
            part.cut.cancel();
        }
        true
    }

    /// Who may be sent away for it, whoever goes first at the front.
    fn dispensable(&self, comes: &Held, kib: usize) -> Vec<(u64, &Part)> {
        let mut by_address: HashMap<Option<IpAddr>, usize> = HashMap::new();
        for part in self.parts.values() {
            *by_address.entry(part.from).or_default() += part.kib;
        }
        let held = |it: Option<IpAddr>| by_address.get(&it).copied().unwrap_or(0);
        let whole = kib.max(comes.announced_kib);
        let own = held(comes.from) - comes.kib + whole;
        let gives_way = |(number, part): &(u64, &Part)| {
            let holds_more =
                if part.from == comes.from { part.kib > whole } else { held(part.from) > own };
            comes.number != Some(*number) && holds_more && part.since.elapsed() > SLOW
        };
        let parts = self.parts.iter().map(|(number, part)| (*number, part));
        let mut parts: Vec<_> = parts.filter(gives_way).collect();
        // The sort is stable: of one address, the oldest goes first.
        parts.sort_by_key(|(_, part)| std::cmp::Reverse(held(part.from)));
        parts
    }
}

/// What has been coming for longer may be one of those that never end.
const SLOW: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
