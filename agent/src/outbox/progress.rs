//! How far delivery has come, in memory.
//!
//! ```text
//!        floor          cursor                         next_seq
//!  removed | settled      | waiting, some settled early   | free
//! ```
//!
//! *Cursor*: the lowest number that is not confirmed; it is what a crash remembers. *Floor*: the key
//! of the first stored entry that may still hold something waiting; reading never looks below it.
//! Confirms come out of order, so those above the cursor are kept here, as ranges, until it
//! reaches them. A crash forgets the latest of them and they are sent once more, under the same
//! record ids; when they become many they are written down.

use std::collections::BTreeSet;

use super::aside::{Aside, Fate};
use super::writer::Position;
use crate::ranges::Ranges;

/// The state that readers, settlers and the writer share.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The lowest number that is not settled.
    pub(super) cursor: u64,
    /// The number the next record will get.
    pub(super) next_seq: u64,
    /// No stored entry below this key holds anything unsettled.
    pub(super) floor: u64,
    /// The first record that may still be there.
    pub(super) lowest: u64,
    /// Dead letters kept.
    pub(super) dead_letters: u64,
    /// The number the next one will get.
    pub(super) next_letter: u64,
    /// Messages parked.
    pub(super) parked: u64,
    /// Settled above the cursor.
    early: Ranges,
    /// How many of these there were when they were written down last.
    said: u64,
    /// Settled without having reached the platform.
    pub(super) aside: Aside,
    /// That has changed since it was written down.
    pub(super) has_arrived: bool,
    /// Refused, and arrived since: whoever keeps the account has passed them perhaps.
    pub(super) late: BTreeSet<u64>,
    /// First numbers of damaged stretches that are already on their way to the dead letters.
    on_their_way: BTreeSet<u64>,
}

/// What the store remembers of records that are settled above the cursor.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) early: Ranges,
    pub(super) aside: Aside,
}

impl Progress {
    /// The state of a store that was just opened.
    pub(super) fn of(at: &Position, floor: u64, lowest: u64, left: Left) -> Progress {
        let (dead_letters, parked) = (at.letters, at.parked);
        let Position { cursor, next_seq, .. } = *at;
        let Left { early, aside } = left;
        let mut progress = Progress {
            cursor,
            next_seq,
            floor,
            lowest,
            dead_letters,
            next_letter: at.next_letter,
            parked,
            ..Progress::default()
        };
        for (from, end) in early.iter().chain(aside.stretches()) {
            progress.settle(from, end);
        }
        (progress.aside, progress.said) = (aside, progress.early.len());
        progress
    }

    /// Marks `from..end` as done. Numbers that are done already, or were never given out, are ignored.
    pub(super) fn settle(&mut self, from: u64, end: u64) {
        let (from, end) = (from.max(self.cursor), end.min(self.next_seq));
        if from >= end {
            return;
        }
        self.early.insert(from, end);
        if let Some(reached) = self.early.take_from(self.cursor) {
            self.cursor = reached;
            self.on_their_way = self.on_their_way.split_off(&reached);
        }
        self.said = self.said.min(self.early.len());
    }

    /// Marks a record as delivered, also one that had been refused before.
    pub(super) fn deliver(&mut self, seq: u64) {
        self.settle(seq, seq.saturating_add(1));
        if self.aside.arrived(seq) {
            self.has_arrived = true;
            self.late.insert(seq);
        }
    }

    /// Marks what was set aside, which is on disk.
    pub(super) fn leave(&mut self, left: &[(u64, u64, Fate)]) {
        for &(from, end, fate) in left {
            self.aside.add((from, end, fate));
            self.settle(from, end);
        }
    }

    /// Whether so much is settled above the cursor that it has to be written down.
    pub(super) fn early_is_due(&self, at_least: u64) -> bool {
        self.early.len() >= self.said.saturating_add(at_least)
    }

    /// Whether anything is settled above the cursor, or was when it was last written down.
    pub(super) const fn has_early(&self) -> bool {
        !self.early.is_empty() || self.said > 0
    }

    /// So many were written, of which the cursor may have passed some meanwhile.
    pub(super) fn early_said(&mut self, said: u64) {
        self.said = said.min(self.early.len());
    }

    /// What is settled of `from..end`.
    pub(super) fn settled_in(&self, from: u64, end: u64) -> Vec<(u64, u64)> {
        let below = (from, end.min(self.cursor));
        let above = self.early.within(from.max(self.cursor), end);
        [below].into_iter().filter(|(from, end)| from < end).chain(above).collect()
    }

    /// What is not.
    pub(super) fn unsettled_in(&self, from: u64, end: u64) -> Vec<(u64, u64)> {
        self.early.without(from.max(self.cursor), end)
    }

    /// The first number at or behind this one that may wait.
    pub(super) fn unsettled_from(&self, seq: u64) -> u64 {
        let seq = seq.max(self.cursor);
        self.early.end_of(seq).unwrap_or(seq)
    }

    /// Settled above the cursor.
    pub(super) const fn early(&self) -> &Ranges {
        &self.early
    }

    /// Where the cursor will be once these are settled too.
    pub(super) fn cursor_with(&self, also: &[(u64, u64)]) -> u64 {
        let mut cursor = self.cursor;
        loop {
            let of_these = also.iter().find(|(from, end)| (*from..*end).contains(&cursor));
            let end = of_these.map(|(_, end)| (*end).min(self.next_seq));
            let Some(end) = end.or_else(|| self.early.end_of(cursor)) else { return cursor };
            if end <= cursor {
                return cursor;
            }
            cursor = end;
        }
    }

    /// Whether a record has left the queue, though others before it may not have.
    pub(super) fn is_settled(&self, seq: u64) -> bool {
        seq < self.cursor || self.early.contains(seq)
    }

    /// How many records wait.
    pub(super) fn waiting(&self) -> u64 {
        self.next_seq - self.cursor - self.early.len()
    }

    /// Notes a damaged stretch. False when it is already noted.
    pub(super) fn set_aside(&mut self, first_seq: u64) -> bool {
        first_seq >= self.cursor && self.on_their_way.insert(first_seq)
    }

    /// The stretch could not be handed on; it will be found again.
    pub(super) fn not_set_aside(&mut self, first_seq: u64) {
        self.on_their_way.remove(&first_seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_waits_for_the_lowest() {
        check(&[(2, 3)], "cursor 1, waiting 8");
        check(&[(2, 3), (4, 6)], "cursor 1, waiting 6");
        check(&[(2, 3), (4, 6), (1, 2)], "cursor 3, waiting 5");
        check(&[(2, 3), (4, 6), (1, 2), (3, 4)], "cursor 6, waiting 4");
    }

    #[test]
    fn what_was_settled_or_never_given_out_changes_nothing() {
        check(&[(1, 4), (2, 3), (0, 2)], "cursor 4, waiting 6");
        check(&[(5, 99)], "cursor 1, waiting 4");
        check(&[(10, 12), (7, 7)], "cursor 1, waiting 9");
        check(&[(0, u64::MAX)], "cursor 10, waiting 0");
    }

    #[test]
    fn ranges_join_whatever_order_they_come_in() {
        check(&[(2, 4), (6, 8), (3, 7)], "cursor 1, waiting 3");
        check(&[(6, 8), (2, 4), (4, 6), (1, 2)], "cursor 8, waiting 2");
    }

    #[track_caller]
    fn check(settled: &[(u64, u64)], expected: &str) {
        let mut progress = Progress { cursor: 1, next_seq: 10, floor: 1, ..Progress::default() };
        for &(from, end) in settled {
            progress.settle(from, end);
        }
        let actual = format!("cursor {}, waiting {}", progress.cursor, progress.waiting());
        assert_eq!(actual, expected);
        let mut before = Progress { cursor: 1, next_seq: 10, floor: 1, ..Progress::default() };
        assert_eq!(before.cursor_with(settled), progress.cursor, "all at once");
        if let Some((&(from, end), rest)) = settled.split_last() {
            for &(from, end) in rest {
                before.settle(from, end);
            }
            assert_eq!(before.cursor_with(&[(from, end)]), progress.cursor, "the last one");
        }
        for seq in 0..10 {
            let marked = settled.iter().any(|&(from, end)| (from..end).contains(&seq));
            assert_eq!(progress.is_settled(seq), marked || seq == 0, "seq {seq}");
        }
    }
}
