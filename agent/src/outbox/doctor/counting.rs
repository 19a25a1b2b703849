//! Which change of each key counts, in memory that has a bound.
//!
//! A store may hold more keys than there is memory. So a key is remembered by a fingerprint only, and
//! where there are too many even for that, a part of them at a time: the files are then read once
//! more for each part.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};

use super::super::carve::Kind;
use super::super::store::Family;

/// The last change of each key, as far as the files that were read tell.
pub(super) struct Counting {
    /// By fingerprint: 128 bits under keys of this process, so that no two are the same.
    last: HashMap<u128, Last>,
    hashers: [RandomState; 2],
    part: Part,
    /// How often the keys have been gone through.
    round: u32,
}

#[derive(Clone, Copy)]
struct Last {
    seqno: u64,
    /// The round in which it was shown.
    shown: u32,
    is_there: bool,
}

/// One of so many parts of all keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) number: u64,
    pub(super) of: u64,
}

impl Part {
    pub(super) const WHOLE: Part = Part { number: 0, of: 1 };

    /// As many parts as it takes so that each fits.
    pub(super) fn all(changes: u64, at_once: u64) -> impl Iterator<Item = Part> {
        let of = changes.div_ceil(at_once.max(1)).max(1);
        (0..of).map(move |number| Part { number, of })
    }
}

impl Counting {
    pub(super) fn of(part: Part) -> Counting {
        let hashers = [RandomState::new(), RandomState::new()];
        Counting { last: HashMap::new(), hashers, part, round: 0 }
    }

    /// Takes a change in, unless its key belongs to another part.
    pub(super) fn note(&mut self, family: Family, key: &[u8], seqno: u64, kind: Kind) {
        let Some(print) = self.fingerprint(family, key) else { return };
        let found = Last { seqno, shown: 0, is_there: kind == Kind::Put };
        let known = self.last.entry(print).or_insert(found);
        if known.seqno < seqno {
            *known = found;
        }
    }

    /// Begins to go through the keys, each of which is shown once.
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    /// Whether this change is the one that counts, and is not shown yet.
    pub(super) fn counts(&mut self, family: Family, key: &[u8], seqno: u64) -> bool {
        let Some(print) = self.fingerprint(family, key) else { return false };
        let round = self.round;
        match self.last.get_mut(&print) {
            Some(last) if last.is_there && last.seqno == seqno && last.shown < round => {
                last.shown = round;
                true
            }
            _ => false,
        }
    }

    /// `None` if the key belongs to another part. What tells the parts apart must be the same for all
    /// of them, and is not random therefore.
    fn fingerprint(&self, family: Family, key: &[u8]) -> Option<u128> {
        let place = (family.number(), key);
        if self.part.of > 1 && fold(place.0, key) % self.part.of != self.part.number {
            return None;
        }
        let [high, low] = self.hashers.each_ref().map(|it| it.hash_one(place));
        Some(u128::from(high) << 64 | u128::from(low))
    }
}

/// FNV-1a, which spreads keys well enough to part them.
fn fold(family: u8, key: &[u8]) -> u64 {
    let bytes = std::iter::once(&family).chain(key);
    let folded = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    });
    folded ^ (folded >> 32)
}

/// How many keys of so many changes are held at a time: a quarter of the memory that is free, within bounds.
pub(super) fn keys_at_once(changes: u64) -> u64 {
    if cfg!(test) {
        return KEYS_AT_ONCE_IN_TESTS.max(changes / PARTS_IN_TESTS);
    }
    let told = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = told.lines().find_map(|it| it.strip_prefix("MemAvailable:"));
    let free_kb = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    let share = free_kb.unwrap_or(0).saturating_mul(1024) / 4;
    (share / BYTES_A_KEY).clamp(KEYS_AT_LEAST, KEYS_AT_MOST)
}

const PRIME: u64 = 0x0100_0000_01b3;
/// An entry of the map, twice: while it grows, the old one is still there.
const BYTES_A_KEY: u64 = 96;
const KEYS_AT_LEAST: u64 = 1 << 20;
const KEYS_AT_MOST: u64 = 1 << 26;
/// Few enough that the tests' stores come in parts.
const KEYS_AT_ONCE_IN_TESTS: u64 = 20;
/// For each the whole store is read: a large one that came in hundreds took minutes.
const PARTS_IN_TESTS: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_of_a_key_counts_once_and_in_one_part() {
        check("a=1 b=2", "a=1 b=2");
        check("a=1 a=3 a=2", "a=3");
        check("a=1 a=1", "a=1");
        check("a=1 a-2", "");
        check("a-1 a=2", "a=2");
        check("a=1 b=2 c=3 d=4 e=5 f=6 g=7", "a=1 b=2 c=3 d=4 e=5 f=6 g=7");
    }

    #[track_caller]
    fn check(changes: &str, expected: &str) {
        for parts in [1, 2, 5] {
            let mut shown = Vec::new();
            for part in Part::all(parts, 1) {
                let mut counting = Counting::of(part);
                each(changes, |key, seqno, kind| counting.note(Family::Seen, key, seqno, kind));
                for _ in 0..2 {
                    counting.begin();
                    each(changes, |key, seqno, _| {
                        if counting.counts(Family::Seen, key, seqno) {
                            shown.push(format!("{}={seqno}", str::from_utf8(key).unwrap()));
                        }
                    });
                }
            }
            shown.sort();
            let twice: Vec<&str> = expected.split_whitespace().flat_map(|it| [it, it]).collect();
            assert_eq!(shown, twice, "in {parts} parts");
        }
    }

    fn each(changes: &str, mut show: impl FnMut(&[u8], u64, Kind)) {
        for change in changes.split_whitespace() {
            let kind = if change.contains('=') { Kind::Put } else { Kind::Delete };
            let (key, seqno) = change.split_once(['=', '-']).unwrap_or_default();
            show(key.as_bytes(), seqno.parse().unwrap_or(0), kind);
        }
    }
}
