//! How fast the store has grown in the last day, and so how long an outage it can take.
//!
//! What counts is what is written (records, dead letters, the past, the log of checks), before it is
//! compressed: the true figure is rather longer. The rate is the average over the last 24 hours, or
//! since the start; beside it the busiest hour of them, for an outage that begins at the worst time.
//! Numbers come in and go out; there is no clock in here.

use std::collections::VecDeque;
use std::time::Duration;

/// How long the disk will last when nothing is delivered. `None` is: not known yet, or for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Minutes left at the average rate of the last 24 hours.
    pub minutes_at_average: Option<u64>,
    /// Minutes left at the rate of their busiest hour.
    pub minutes_at_peak: Option<u64>,
    /// How many minutes were measured; below five, nothing is said.
    pub measured_minutes: u64,
}

/// Bytes written, by stretches of five minutes.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// The latest last; at most a day of them.
    stretches: VecDeque<u64>,
    /// Which stretch the last one is, counted from the start.
    current: u64,
    /// Bytes ever written, as last told.
    written: Option<u64>,
}

impl Meter {
    /// Notes the bytes ever written, `now` after the start.
    pub(super) fn note(&mut self, written: u64, now: Duration) {
        let stretch = now.as_secs() / STRETCH_S;
        if self.stretches.is_empty() {
            self.stretches.push_back(0);
            self.current = stretch;
        }
        while self.current < stretch {
            self.current += 1;
            self.stretches.push_back(0);
            if self.stretches.len() > DAY {
                self.stretches.pop_front();
            }
        }
        let more = written.saturating_sub(self.written.unwrap_or(written));
        self.written = Some(written);
        if let Some(last) = self.stretches.back_mut() {
            *last = last.saturating_add(more);
        }
    }

    /// How long `room` bytes will last.
    pub(super) fn outlook(&self, room: Option<u64>, now: Duration) -> Outlook {
        let measured = now.as_secs().min(DAY as u64 * STRETCH_S);
        let measured_minutes = measured / 60;
        let (Some(room), true) = (room, measured >= STRETCH_S) else {
            return Outlook { measured_minutes, ..Outlook::default() };
        };
        let total: u64 = self.stretches.iter().sum();
        let hour = measured.min(HOUR as u64 * STRETCH_S);
        // The stretch that is under way makes an hour of up to thirteen stretches.
        let stretches: Vec<u64> = self.stretches.iter().copied().collect();
        let peak = stretches.windows(HOUR.min(stretches.len())).map(|it| it.iter().sum()).max();
        Outlook {
            minutes_at_average: minutes(room, total, measured),
            // Never rosier than the average.
            minutes_at_peak: minutes(room, peak.unwrap_or(0), hour)
                .min(minutes(room, total, measured)),
            measured_minutes,
        }
    }
}

/// How many minutes `room` lasts at `bytes` in `seconds`.
fn minutes(room: u64, bytes: u64, seconds: u64) -> Option<u64> {
    let lasting = u128::from(room) * u128::from(seconds) / 60;
    lasting.checked_div(u128::from(bytes)).map(|it| u64::try_from(it).unwrap_or(u64::MAX))
}

const STRETCH_S: u64 = 300;
/// Stretches of an hour, and of a day.
const HOUR: usize = 12;
const DAY: usize = 288;

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn nothing_is_said_before_five_minutes() {
        check(&[(0, 0), (4, 100)], 4, "unknown, unknown, 4 measured");
        check(&[(0, 0), (5, 100)], 5, "50, 50, 5 measured");
    }

    #[test]
    fn what_was_there_at_the_start_is_no_growth() {
        check(&[(0, 5_000), (10, 5_100)], 10, "100, 100, 10 measured");
        check(&[(0, 5_000), (10, 5_000)], 10, "unknown, unknown, 10 measured");
    }

    #[test]
    fn the_busiest_hour_is_told_beside_the_average() {
        // 600 MB in the third hour of six, 100 MB in each of the others: 1,100 MB in six hours.
        let rates = [100, 100, 600, 100, 100, 100];
        let mut notes = vec![(0, 0)];
        let mut written = 0;
        for minute in 0..360_u64 {
            // In equal parts a minute.
            written +=
                rates.get(usize::try_from(minute / 60).unwrap_or(0)).copied().unwrap_or(0) * 10;
            notes.push((minute, written / 600));
        }
        check(&notes, 360, "327, 100, 360 measured");
    }

    #[test]
    fn a_day_ago_is_forgotten() {
        check(&[(0, 0), (10, 1_000_000), (1_500, 1_000_144)], 1_500, "10000, 416, 1440 measured");
        check(&[(0, 0), (10, 1_000_000), (2_900, 1_000_144)], 2_900, "10000, 416, 1440 measured");
    }

    /// Minutes and megabytes written by then; how long 1,000 MB last after some minutes.
    #[track_caller]
    fn check(notes: &[(u64, u64)], minutes: u64, expected: &str) {
        let mut meter = Meter::default();
        for (minute, megabytes) in notes {
            meter.note(megabytes * MB, Duration::from_secs(minute * 60));
        }
        let told = meter.outlook(Some(1_000 * MB), Duration::from_secs(minutes * 60));
        let say = |it: Option<u64>| it.map_or("unknown".to_owned(), |it| it.to_string());
        let (average, peak) = (say(told.minutes_at_average), say(told.minutes_at_peak));
        assert_eq!(format!("{average}, {peak}, {} measured", told.measured_minutes), expected);
    }
}
