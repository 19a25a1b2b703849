//! Finds, while a backlog drains, the fresh records that may go past it.
//!
//! After an outage a million records may wait, and the prescription written now must not wait for
//! them. The scout reads ahead of the window, once, and notes of every record it passes the number
//! of the last one in its lane. Once it has come to the end, each record that is appended is fresh:
//! it may overtake when no record of its lane is among those still to be read.
//!
//! While nothing is appended there is nobody to let past, and a backlog is read only once.
//!
//! The notes are two tables of fixed size, found by a hash of the lane; both keep the highest number
//! that fell on a place. Lanes that share both their places make each other wait, which costs time
//! and never order.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::time::Instant;

use super::Source;
use super::window::Window;
use crate::outbox::StoreError;

/// Reads ahead of the window.
#[derive(Debug, Default)]
pub(super) struct Scout {
    position: u64,
    // The outbox had nothing more when last asked.
    at_end: bool,
    // What comes now was appended while records could leave.
    fresh: bool,
    notes: Option<Notes>,
    // Calls that something was appended, since records have been leaving.
    appended: u32,
}

impl Scout {
    /// The backlog is in hand as a whole: nobody needs to go past it.
    pub(super) fn rest(&mut self) {
        *self = Scout::default();
    }

    /// Records have not been leaving: what was appended meanwhile is backlog too.
    pub(super) fn begin_anew(&mut self) {
        (self.fresh, self.at_end, self.appended) = (false, false, 0);
    }

    /// It is time to look, because something was appended or because nobody knows.
    pub(super) fn look_again(&mut self, appended: bool) {
        self.at_end = false;
        self.appended = self.appended.saturating_add(u32::from(appended));
    }

    /// Whether there is a backlog, more than can be in hand, and something comes behind it.
    pub(super) fn is_wanted(&self, window: &Window) -> bool {
        self.notes.is_none() && self.comes() && window.room().is_none()
    }

    /// Whether it waits for something to be appended.
    pub(super) fn waits(&self) -> bool {
        self.at_end || !self.comes()
    }

    /// The first call may be about what was appended before records began to leave.
    fn comes(&self) -> bool {
        self.appended > 1
    }

    /// Whether there is something to read and a place for it.
    pub(super) fn is_busy(&self, window: &Window) -> bool {
        self.notes.is_some() && !self.at_end && (!self.fresh || window.room_to_overtake() > 0)
    }

    /// Reads a few records on. Only while records leave can one be fresh.
    pub(super) fn step<S: Source>(
        &mut self,
        source: &S,
        window: &mut Window,
        leaving: bool,
    ) -> Result<(), StoreError> {
        let from = self.position.max(window.read_to());
        let notes = self.notes.get_or_insert_with(|| Notes::from(from));
        let fresh = self.fresh && leaving;
        let records_max = if fresh { window.room_to_overtake().min(STEP) } else { STEP };
        if records_max == 0 {
            return Ok(());
        }
        let found = source.oldest(from, records_max, STEP_BYTES)?;
        self.at_end = found.is_empty();
        self.fresh = leaving && (self.fresh || self.at_end);
        for envelope in found {
            self.position = envelope.seq;
            let alone = notes.last_of(&envelope.lane) <= window.read_to();
            if fresh && alone && window.may_overtake(&envelope.entity) {
                window.overtake(envelope, Instant::now());
            } else {
                notes.note(&envelope.lane, envelope.seq);
            }
        }
        Ok(())
    }
}

/// The last number of each lane, or one that is higher.
#[derive(Debug)]
struct Notes {
    base: u64,
    tables: [Vec<u32>; 2],
}

impl Notes {
    fn from(base: u64) -> Notes {
        Notes { base, tables: [vec![0; PLACES], vec![0; PLACES]] }
    }

    fn note(&mut self, lane: &str, seq: u64) {
        if lane.is_empty() {
            return;
        }
        let number = u32::try_from(seq.saturating_sub(self.base)).unwrap_or(u32::MAX);
        for (table, place) in self.tables.iter_mut().zip(places(lane)) {
            if let Some(noted) = table.get_mut(place) {
                *noted = number.max(*noted);
            }
        }
    }

    /// 0 for a lane that was not met.
    fn last_of(&self, lane: &str) -> u64 {
        if lane.is_empty() {
            return 0;
        }
        let noted = self.tables.iter().zip(places(lane)).map(|(table, it)| table.get(it).copied());
        let lowest = noted.map(Option::unwrap_or_default).min().unwrap_or_default();
        match lowest {
            0 => 0,
            // Too far ahead to be noted: nobody goes past it.
            u32::MAX => u64::MAX,
            number => self.base + u64::from(number),
        }
    }
}

fn places(lane: &str) -> [usize; 2] {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(lane);
    [hash, hash >> 32].map(|it| usize::try_from(it & PLACE_BITS).unwrap_or_default())
}

/// Places of a table: 4 bytes each, two tables, 8 MiB while a backlog drains.
const PLACES: usize = 1 << 20;
const PLACE_BITS: u64 = (1 << 20) - 1;
/// Records read in one go: a fraction of a millisecond.
const STEP: usize = 128;
const STEP_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_was_passed_is_known_by_its_last_number() {
        let mut notes = Notes::from(1_000);
        check(&notes, "A", 0);
        notes.note("A", 1_001);
        notes.note("A", 1_007);
        notes.note("B", 1_009);
        notes.note("", 1_010);
        check(&notes, "A", 1_007);
        check(&notes, "B", 1_009);
        check(&notes, "C", 0);
        check(&notes, "", 0);
        notes.note("D", u64::MAX);
        check(&notes, "D", u64::MAX);
    }

    /// However many lanes there are: the number told is never below the true one.
    #[test]
    fn lanes_that_share_places_wait_too_long_and_never_too_short() {
        let mut notes = Notes::from(0);
        for seq in 1..=3_000_000_u64 {
            notes.note(&(seq % 700_000).to_string(), seq);
        }
        let late = (0..700_000_u64)
            .map(|lane| {
                let last = if lane == 0 {
                    2_800_000
                } else {
                    2_100_000 + lane + if lane <= 200_000 { 700_000 } else { 0 }
                };
                let told = notes.last_of(&lane.to_string());
                assert!(told >= last, "lane {lane}: {told} < {last}");
                usize::from(told > last)
            })
            .sum::<usize>();
        assert!(late < 250_000, "{late} of 700000 lanes wait for others");
    }

    #[track_caller]
    fn check(notes: &Notes, lane: &str, expected: u64) {
        assert_eq!(notes.last_of(lane), expected, "{lane}");
    }
}
