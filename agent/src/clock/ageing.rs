//! A time that a clock set forward does not hurry.
//!
//! ```text
//! clock     ----+1 day----------------------------|
//! ageing    ------as time passes, for a day-------+--follows
//! ```
//!
//! Where a clock that was set, ahead or back, has stood so for a day, it is believed: until then it may
//! be put right. Meanwhile the earlier of both times holds, so that nothing goes too early. What the
//! clock was before a start nobody knows: a start believes it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Where the time stood when it was last looked at.
#[derive(Debug)]
pub(super) struct Ageing {
    lived: Timestamp,
    /// Since the program's begin, by a clock that nobody sets.
    at: Duration,
    step: Option<Step>,
}

/// The clock was set.
#[derive(Debug)]
struct Step {
    since: Duration,
    by: SignedDuration,
}

impl Ageing {
    pub(super) fn new(wall: Timestamp) -> Ageing {
        Ageing { lived: wall, at: Duration::ZERO, step: None }
    }

    /// The time, when the clock says `wall` and so long has passed since the begin.
    pub(super) fn now(&mut self, wall: Timestamp, passed: Duration) -> Timestamp {
        self.lived += passed.saturating_sub(self.at);
        self.at = passed;
        self.look(wall.duration_since(self.lived));
        if self.step.is_none() {
            self.lived = wall;
        }
        wall.min(self.lived)
    }

    fn look(&mut self, by: SignedDuration) {
        if by.abs() <= SLACK {
            if self.step.take().is_some() {
                tracing::info!("the clock is where it was");
            }
            return;
        }
        let step = self.step.take().filter(|it| (by - it.by).abs() <= SLACK);
        if step.is_none() {
            tracing::warn!(code = "O108", seconds = by.as_secs(), "the clock was set");
        }
        let step = step.unwrap_or(Step { since: self.at, by });
        self.step = Some(step).filter(|it| self.at.saturating_sub(it.since) < BELIEVED_AFTER);
    }

    /// How far the clock is ahead, if it is not believed yet.
    pub(super) fn ahead(&self) -> Option<SignedDuration> {
        self.step.as_ref().map(|it| it.by).filter(SignedDuration::is_positive)
    }
}

/// A clock is put right by so much without anybody noticing.
const SLACK: SignedDuration = SignedDuration::from_mins(5);
const BELIEVED_AFTER: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    /// Hours that have passed, and what the clock says: both from the begin on.
    #[test]
    fn a_clock_that_is_set_forward_is_believed_after_a_day() {
        check(&[(1, 1), (2, 2)], "1 2");
        check(&[(1, 1), (2, 26), (3, 27), (4, 4)], "1 2+24 3+24 4");
        check(&[(1, 25), (24, 48), (25, 49), (26, 50)], "1+24 24+24 49 50");
        // Every setting has a day of its own.
        check(&[(1, 25), (2, 100), (3, 27), (26, 50), (27, 51)], "1+24 2+98 3+24 26+24 51");
    }

    #[test]
    fn a_clock_that_is_set_back_hurries_nothing_when_it_returns() {
        check(&[(1, 1), (2, -22), (3, -21), (4, 4)], "1 -22 -21 4");
        check(&[(1, -23), (25, 1), (26, 2), (27, 27)], "-23 1 2 3+24");
    }

    #[track_caller]
    fn check(steps: &[(u64, i64)], expected: &str) {
        let begin = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000);
        let mut ageing = Ageing::new(begin);
        let told = steps.iter().map(|&(passed, says)| {
            let wall = begin + SignedDuration::from_hours(says);
            let told = ageing.now(wall, Duration::from_hours(passed));
            let ahead = ageing.ahead().map(|it| format!("+{}", it.as_hours()));
            format!("{}{}", told.duration_since(begin).as_hours(), ahead.unwrap_or_default())
        });
        assert_eq!(told.collect::<Vec<_>>().join(" "), expected);
    }
}
