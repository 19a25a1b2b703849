//! The numbers of the records of a replay, in ranges.
//!
//! Few ranges lie in the replay's own row, which is written anew at each step. Many lie in rows of their
//! own that are written once, each under the last number it tells of: whoever has come to a number
//! finds what is left from there on without reading what is done.

use std::ops::ControlFlow;

use super::{Opened, rows};
use crate::outbox::{Change, StoreError};

/// First and last number.
pub(super) type Range = [u64; 2];

/// Puts a number behind those that are there; numbers come in their order.
pub(super) fn add(ranges: &mut Vec<Range>, seq: u64) {
    match ranges.last_mut().filter(|it| it[1].saturating_add(1) == seq) {
        Some(range) => range[1] = seq,
        None => ranges.push([seq, seq]),
    }
}

/// The first numbers from `next` on, so many at most.
pub(super) fn from(ranges: &[Range], next: u64, at_most: usize) -> Vec<u64> {
    let begun = ranges.partition_point(|it| it[1] < next);
    let left = ranges.get(begun..).unwrap_or_default().iter();
    left.flat_map(|[first, last]| next.max(*first)..=*last).take(at_most).collect()
}

impl Opened {
    /// Keeps the ranges of a replay in rows of their own.
    pub(super) fn keep_apart(&self, replay: u64, ranges: &[Range]) -> Result<(), StoreError> {
        // What a crash has left of a beginning has no row of a replay and is written over.
        self.forget_apart([replay, replay.saturating_add(1)])?;
        for some in ranges.chunks(RANGES_A_ROW * ROWS_A_CHANGE) {
            let put = |it: &[Range]| {
                let last = it.last().map_or(0, |range| range[1]);
                Change::Put(rows::stretch(replay, last), packed(it))
            };
            let changes: Vec<Change> = some.chunks(RANGES_A_ROW).map(put).collect();
            self.outbox.note(&changes, false)?;
        }
        Ok(())
    }

    /// The first numbers from `next` on of those kept apart.
    pub(super) fn apart_from(
        &self,
        replay: u64,
        next: u64,
        at_most: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let mut found = Vec::new();
        let [begin, end] =
            [rows::stretch(replay, next), rows::stretch(replay.saturating_add(1), 0)];
        self.outbox.walk_journey([&begin, &end], |_, row| {
            found.extend(from(&unpacked(row), next, at_most - found.len()));
            if found.len() < at_most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    /// Lets the ranges of replays go, from the first number to before the second.
    pub(super) fn forget_apart(&self, [from, end]: [u64; 2]) -> Result<(), StoreError> {
        let gone = Change::RemoveRange(rows::stretch(from, 0), rows::stretch(end, 0));
        self.outbox.note(&[gone], false)
    }
}

fn packed(ranges: &[Range]) -> Vec<u8> {
    ranges.iter().flatten().flat_map(|it| it.to_be_bytes()).collect()
}

fn unpacked(row: &[u8]) -> Vec<Range> {
    let (numbers, _) = row.as_chunks::<8>();
    let (pairs, _) = numbers.as_chunks::<2>();
    pairs.iter().map(|pair| pair.map(u64::from_be_bytes)).collect()
}

/// Ranges that lie in the replay's own row.
pub(super) const RANGES_INSIDE: usize = 256;
const RANGES_A_ROW: usize = 1_024;
/// So that one change stays small.
const ROWS_A_CHANGE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_again_from_any_place() {
        check(&[], 0, "");
        check(&[1, 2, 3, 7, 9, 10], 0, "1 2 3 7");
        check(&[1, 2, 3, 7, 9, 10], 2, "2 3 7 9");
        check(&[1, 2, 3, 7, 9, 10], 4, "7 9 10");
        check(&[1, 2, 3, 7, 9, 10], 10, "10");
        check(&[1, 2, 3, 7, 9, 10], 11, "");
        check(&[u64::MAX], 3, "18446744073709551615");
    }

    #[track_caller]
    fn check(seqs: &[u64], next: u64, expected: &str) {
        let mut ranges = Vec::new();
        for seq in seqs {
            add(&mut ranges, *seq);
        }
        let again = unpacked(&packed(&ranges));
        let told: Vec<String> = from(&again, next, 4).iter().map(u64::to_string).collect();
        assert_eq!(told.join(" "), expected);
    }
}
