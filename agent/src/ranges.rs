//! A set of numbers most of which follow one another, such as those of records that went out of turn.

use std::collections::BTreeMap;

/// Numbers as disjoint ranges that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    end_by_start: BTreeMap<u64, u64>,
    len: u64,
}

impl Ranges {
    /// Adds `from..end`.
    pub(crate) fn insert(&mut self, mut from: u64, mut end: u64) {
        if from >= end {
            return;
        }
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

    /// Takes `from..end` out, wherever it cuts.
    pub(crate) fn remove(&mut self, from: u64, end: u64) {
        for (start, stop) in self.within(from, end) {
            let Some(whole) = self.end_of(start) else { continue };
            let Some((&begin, _)) = self.end_by_start.range(..=start).next_back() else { continue };
            self.end_by_start.remove(&begin);
            self.len -= whole - begin;
            self.insert(begin, start);
            self.insert(stop, whole);
        }
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

    /// Where the range ends that holds a number.
    pub(crate) fn end_of(&self, number: u64) -> Option<u64> {
        let (_, &end) = self.end_by_start.range(..=number).next_back()?;
        (number < end).then_some(end)
    }

    /// What of `from..end` is in it.
    pub(crate) fn within(&self, from: u64, end: u64) -> Vec<(u64, u64)> {
        let first = self.end_of(from).map(|stop| (from, stop.min(end)));
        let behind =
            self.end_by_start.range(from.saturating_add(1)..end.max(from.saturating_add(1)));
        let behind = behind.map(|(&start, &stop)| (start, stop.min(end)));
        first.into_iter().chain(behind).filter(|(start, stop)| start < stop).collect()
    }

    /// What of `from..end` is not in it.
    pub(crate) fn without(&self, from: u64, end: u64) -> Vec<(u64, u64)> {
        let (mut free, mut at) = (Vec::new(), from);
        for (start, stop) in self.within(from, end) {
            free.push((at, start));
            at = stop;
        }
        free.push((at, end));
        free.retain(|(start, stop)| start < stop);
        free
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.end_by_start.iter().map(|(start, end)| (*start, *end))
    }

    /// How many numbers there are.
    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many ranges there are.
    pub(crate) fn pieces(&self) -> u64 {
        self.end_by_start.len() as u64
    }
}

impl FromIterator<(u64, u64)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(pieces: I) -> Ranges {
        let mut ranges = Ranges::default();
        for (from, end) in pieces {
            ranges.insert(from, end);
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Any ranges put in and taken out, against a set of the numbers themselves.
    #[test]
    fn ranges_say_what_a_set_says() {
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
        for _ in 0..2_000 {
            let from = draw(40);
            let end = from + draw(9);
            if draw(3) == 0 {
                ranges.remove(from, end);
                set.retain(|it| !(from..end).contains(it));
            } else {
                ranges.insert(from, end);
                set.extend(from..end);
            }
            check(&ranges, &set, (from, end));
        }
    }

    #[track_caller]
    fn check(ranges: &Ranges, set: &BTreeSet<u64>, (from, end): (u64, u64)) {
        let numbers = |pieces: Vec<(u64, u64)>| -> Vec<u64> {
            assert!(pieces.windows(2).all(|it| matches!(it, [one, other] if one.1 < other.0)));
            pieces.into_iter().flat_map(|(from, end)| from..end).collect()
        };
        assert_eq!(numbers(ranges.iter().collect()), set.iter().copied().collect::<Vec<_>>());
        assert_eq!(ranges.len(), set.len() as u64);
        let (within, without): (Vec<u64>, Vec<u64>) = (from..end).partition(|it| set.contains(it));
        assert_eq!(numbers(ranges.within(from, end)), within);
        assert_eq!(numbers(ranges.without(from, end)), without);
        assert!((0..50).all(|it| ranges.contains(it) == set.contains(&it)));
    }
}
