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
//! reaches them. A crash forgets them and they are sent once more, under the same record ids.

use std::collections::BTreeSet;

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
    /// Messages parked.
    pub(super) parked: u64,
    /// Settled above the cursor.
    early: Ranges,
    /// First numbers of damaged stretches that are already on their way to the dead letters.
    aside: BTreeSet<u64>,
}

impl Progress {
    /// The state of a store that was just opened.
    pub(super) fn of(at: &Position, floor: u64, lowest: u64) -> Progress {
        let (dead_letters, parked) = (at.letters, at.parked);
        let Position { cursor, next_seq, .. } = *at;
        Progress { cursor, next_seq, floor, lowest, dead_letters, parked, ..Progress::default() }
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
            self.aside = self.aside.split_off(&reached);
        }
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

    /// Whether a record is confirmed, though others before it may not be.
    pub(super) fn is_settled(&self, seq: u64) -> bool {
        seq < self.cursor || self.early.contains(seq)
    }

    /// How many records wait.
    pub(super) fn waiting(&self) -> u64 {
        self.next_seq - self.cursor - self.early.len()
    }

    /// Notes a damaged stretch. False when it is already noted.
    pub(super) fn set_aside(&mut self, first_seq: u64) -> bool {
        first_seq >= self.cursor && self.aside.insert(first_seq)
    }

    /// The stretch could not be handed on; it will be found again.
    pub(super) fn not_set_aside(&mut self, first_seq: u64) {
        self.aside.remove(&first_seq);
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
