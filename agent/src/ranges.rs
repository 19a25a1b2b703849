//! A set of numbers most of which follow one another, such as those of records that went out of turn.

use std::collections::BTreeMap;

/// Numbers as disjoint ranges that do not touch.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    end_by_start: BTreeMap<u64, u64>,
    len: u64,
}

impl Ranges {
    /// Adds `from..end`.
    pub(crate) fn insert(&mut self, mut from: u64, mut end: u64) {
        // Swallow every range that overlaps or touches, from the last one on.
        while let Some((&start, &stop)) = self.end_by_start.range(..=end).next_back() {
            if stop < from {
                break;
            }
            self.end_by_start.remove(&start);
            self.len -= stop - start;
            (from, end) = (from.min(start), end.max(stop));
        }
        self.end_by_start.insert(from, end);
        self.len += end - from;
    }

    /// Removes the range that begins at `from` and says where it ends.
    pub(crate) fn take_from(&mut self, from: u64) -> Option<u64> {
        let end = self.end_by_start.remove(&from)?;
        self.len -= end - from;
        Some(end)
    }

    /// Whether a number is in one of them.
    pub(crate) fn contains(&self, number: u64) -> bool {
        self.end_of(number).is_some()
    }

    /// How many numbers there are in all of them.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    /// Where the range ends that holds a number.
    pub(crate) fn end_of(&self, number: u64) -> Option<u64> {
        let (_, &end) = self.end_by_start.range(..=number).next_back()?;
        (number < end).then_some(end)
    }
}
