//! How long after the fact its record came: a histogram, small enough to keep for every entity and
//! day, exact enough to tell "within the hour" from "the next morning".

use serde::{Deserialize, Serialize};

/// Upper bounds in seconds, from a minute to thirty days; one more bucket has what took longer.
const BOUNDS: [u64; 13] = [
    60, 300, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 172_800, 259_200, 604_800, 2_592_000,
];

/// A clock may go a little fast without anything being wrong.
const AHEAD_TOLERATED_S: i64 = 60;

/// Delays of many records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delays {
    /// Records whose time is known and not in the future.
    pub counted: u64,
    /// Records from the future: their source's clock or field is wrong.
    pub ahead: u64,
    /// The longest delay, in seconds.
    pub max_s: u64,
    /// How many took at most so long: one for each of the bounds, one for the rest.
    buckets: [u64; BOUNDS.len() + 1],
}

impl Delays {
    /// Counts one delay in seconds.
    pub fn count(&mut self, seconds: i64) {
        if seconds < -AHEAD_TOLERATED_S {
            self.ahead += 1;
            return;
        }
        let seconds = u64::try_from(seconds).unwrap_or(0);
        self.counted += 1;
        self.max_s = self.max_s.max(seconds);
        let place = BOUNDS.iter().position(|it| seconds <= *it).unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket += 1;
        }
    }

    /// Adds the delays of other records.
    pub fn add(&mut self, more: &Delays) {
        self.counted += more.counted;
        self.ahead += more.ahead;
        self.max_s = self.max_s.max(more.max_s);
        for (bucket, more) in self.buckets.iter_mut().zip(more.buckets) {
            *bucket += more;
        }
    }

    /// So many percent of the records took at most this long: the bound of a bucket, or the longest
    /// delay if that is less. None without records.
    pub fn within_s(&self, percent: u64) -> Option<u64> {
        let wanted = (self.counted * percent).div_ceil(100).max(1);
        let mut sum = 0;
        for (place, bucket) in self.buckets.iter().enumerate() {
            sum += bucket;
            if sum >= wanted {
                return Some(BOUNDS.get(place).map_or(self.max_s, |it| self.max_s.min(*it)));
            }
        }
        None
    }

    /// Bounds with their counts, for a histogram of somebody else's; what took longer than every
    /// bound has the longest delay.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let bounds = BOUNDS.into_iter().chain([self.max_s]);
        bounds.zip(self.buckets).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_most_of_them() {
        check(&[], "0 counted, 0 ahead, within None None, max 0");
        check(&[0, 30, -59], "3 counted, 0 ahead, within Some(30) Some(30), max 30");
        check(&[-61, 5], "1 counted, 1 ahead, within Some(5) Some(5), max 5");
        check(&[60, 61, 300, 301], "4 counted, 0 ahead, within Some(300) Some(301), max 301");
        check(
            &[10, 10, 9_000_000],
            "3 counted, 0 ahead, within Some(60) Some(9000000), max 9000000",
        );
    }

    #[test]
    fn of_two_days() {
        let (mut all, mut one) = (Delays::default(), Delays::default());
        for seconds in [1, 4_000, -100] {
            all.count(seconds);
            one.count(seconds);
        }
        let mut two = Delays::default();
        two.count(100_000);
        all.count(100_000);
        one.add(&two);
        assert_eq!(one, all);
    }

    #[track_caller]
    fn check(seconds: &[i64], expected: &str) {
        let mut delays = Delays::default();
        for seconds in seconds {
            delays.count(*seconds);
        }
        let Delays { counted, ahead, max_s, .. } = delays;
        let (half, most) = (delays.within_s(50), delays.within_s(95));
        let actual =
            format!("{counted} counted, {ahead} ahead, within {half:?} {most:?}, max {max_s}");
        assert_eq!(actual, expected);
    }
}
