//! What one target has been told, and what it is to be told now.
//!
//! Nothing waits in a queue: a notice is the difference between what stands and what the target was last
//! told, made at the moment of sending. A target that cannot be reached for a night is told in the morning
//! what stands then; what came and went meanwhile is in the log and in the events. So nothing piles up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::window::{self, Window};
use super::{Alert, Severity};

/// How a target wants to be told.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) windows: Vec<Window>,
    pub(crate) severity: Severity,
    /// How long news waits for more of it.
    pub(crate) group: Duration,
    /// After how long what still stands is told again; never when zero.
    pub(crate) repeat: Duration,
    /// Notices in an hour.
    pub(crate) hourly_max: usize,
}

/// What is said at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Notice {
    pub(crate) began: Vec<Alert>,
    pub(crate) over: Vec<Alert>,
    /// What was told before and stands still.
    pub(crate) still: Vec<Alert>,
    pub(crate) is_test: bool,
}

/// What one target knows.
#[derive(Debug, Default)]
pub(crate) struct Told {
    by_code: BTreeMap<String, Known>,
    /// Since when there is news.
    news: Option<Duration>,
    not_before: Duration,
    sent: VecDeque<Duration>,
    pub(crate) standing: Standing,
}

#[derive(Debug)]
struct Known {
    alert: Alert,
    at: Duration,
}

/// For whoever asks.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Standing {
    /// Notices that were taken, since start.
    pub(crate) sent: u64,
    pub(crate) last_sent: Option<String>,
    /// Tries in a row that failed.
    pub(crate) failures: u32,
    /// Why, and since when.
    pub(crate) trouble: Option<String>,
    pub(crate) trouble_since: Option<String>,
}

impl Told {
    /// What was told before the agent was stopped.
    pub(crate) fn restore(&mut self, alerts: Vec<Alert>) {
        for alert in alerts {
            let known = Known { at: Duration::ZERO, alert };
            self.by_code.insert(known.alert.code.clone(), known);
        }
    }

    /// What it has been told and was not taken back.
    pub(crate) fn known(&self) -> Vec<Alert> {
        self.by_code.values().map(|it| it.alert.clone()).collect()
    }

    /// What is to be said now, if anything; `raised` is what stands and is not silenced.
    pub(crate) fn due(
        &mut self,
        manner: &Manner,
        (now, wall): (Duration, DateTime),
        raised: &[&Alert],
        standing: &[&Alert],
    ) -> Option<Notice> {
        let least = window::least(&manner.windows, manner.severity, wall)?;
        let notice = self.difference(least, raised, standing);
        let has_news = !notice.began.is_empty() || !notice.over.is_empty();
        if !has_news {
            self.news = None;
            if self.is_to_be_repeated(manner, now, &notice) {
                return self.may_send(manner, now, false).then_some(notice);
            }
            // Nothing is owed, so nothing will show that it can be reached again: the trouble is over.
            if self.standing.failures > 0 && now >= self.not_before {
                self.reached();
            }
            return None;
        }
        let since = *self.news.get_or_insert(now);
        let is_urgent = notice.began.iter().any(|it| it.severity == Severity::Critical);
        let is_due =
            now.saturating_sub(since) >= manner.group && self.may_send(manner, now, is_urgent);
        is_due.then_some(notice)
    }

    /// It was said.
    pub(crate) fn done(&mut self, now: Duration, at: &str, notice: &Notice) {
        for alert in notice.began.iter().chain(&notice.still) {
            let known = Known { alert: alert.clone(), at: now };
            self.by_code.insert(alert.code.clone(), known);
        }
        for alert in &notice.over {
            self.by_code.remove(&alert.code);
        }
        self.news = None;
        self.sent.push_back(now);
        let sent = self.standing.sent + 1;
        self.standing = Standing { sent, last_sent: Some(at.to_owned()), ..Standing::default() };
    }

    /// It can be reached, or nothing is owed to it.
    pub(crate) fn reached(&mut self) {
        self.not_before = Duration::ZERO;
        self.standing.failures = 0;
        (self.standing.trouble, self.standing.trouble_since) = (None, None);
    }

    /// It could not be said, and is tried again later. A target that takes notices and answers that it did
    /// not is not to be flooded: a try counts as a notice.
    pub(crate) fn failed(&mut self, now: Duration, at: &str, why: String) {
        self.sent.push_back(now);
        let failures = self.standing.failures;
        let wait = PAUSE.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX);
        self.not_before = now + wait;
        self.standing.failures = failures.saturating_add(1);
        self.standing.trouble = Some(why);
        self.standing.trouble_since.get_or_insert_with(|| at.to_owned());
    }

    fn difference(&self, least: Severity, raised: &[&Alert], standing: &[&Alert]) -> Notice {
        // What has become worse is news.
        let is_known = |it: &Alert| {
            let known = self.by_code.get(&it.code);
            known.is_some_and(|known| known.alert.severity >= it.severity)
        };
        let wanted = |it: &&&Alert| it.severity >= least;
        let (mut still, mut began): (Vec<Alert>, Vec<Alert>) =
            raised.iter().filter(wanted).map(|it| (*it).clone()).partition(|it| is_known(it));
        // Whoever has no room for all of it tells the worst.
        still.sort_by_key(|it| Reverse(it.severity));
        began.sort_by_key(|it| Reverse(it.severity));
        let stands = |code: &str| standing.iter().any(|it| it.code == code);
        let over = self.by_code.values().map(|it| &it.alert);
        let over = over.filter(|it| it.severity >= least && !stands(&it.code)).cloned().collect();
        Notice { began, over, still, is_test: false }
    }

    fn is_to_be_repeated(&self, manner: &Manner, now: Duration, notice: &Notice) -> bool {
        let is_old = |it: &Alert| {
            let known = self.by_code.get(&it.code);
            known.is_some_and(|it| now.saturating_sub(it.at) >= manner.repeat)
        };
        !manner.repeat.is_zero() && notice.still.iter().any(is_old)
    }

    /// What is critical and new does not wait for the hour to end; it is bounded all the same.
    fn may_send(&self, manner: &Manner, now: Duration, is_urgent: bool) -> bool {
        let lately = self.sent.iter().filter(|it| now.saturating_sub(**it) < HOUR).count();
        let times = if is_urgent { URGENT_TIMES } else { 1 };
        now >= self.not_before && lately < manner.hourly_max.saturating_mul(times)
    }

    /// Lets go of what is of no use any more.
    pub(crate) fn tidy(&mut self, now: Duration) {
        self.sent.retain(|it| now.saturating_sub(*it) < HOUR);
    }
}

const HOUR: Duration = Duration::from_hours(1);
/// How many times the notices of an hour there are for what is critical and new.
const URGENT_TIMES: usize = 2;
/// The first wait after a failure, and the longest.
const PAUSE: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_mins(15);

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn news_is_grouped_and_what_stands_is_repeated() {
        let told = run(
            &[
                (0, "F101"),
                (4, "F101 O107"),
                (6, "F101 O107"),
                (40, "F101 O107"),
                (106, "F101 O107"),
                (150, "O107"),
                (156, "O107"),
            ],
            |_| true,
        );
        assert_eq!(
            told,
            "6: began F101 O107 over  still \n106: began  over  still F101 O107\n156: began  over F101 still O107\n"
        );
    }

    #[test]
    fn what_was_not_taken_is_tried_again_later_and_told_as_it_is_then() {
        let told =
            run(&[(0, "F101"), (6, "F101"), (7, "F101"), (16, "F101 O107"), (17, "")], |second| {
                second > 6
            });
        // At 6 it fails and ten seconds pass; F101 is told together with what has come meanwhile.
        assert_eq!(told, "6: failed\n16: began F101 O107 over  still \n");
        // What was never told is never taken back.
        assert_eq!(run(&[(0, "F101"), (6, "F101"), (30, "")], |_| false), "6: failed\n");
    }

    #[test]
    fn no_more_than_so_many_in_an_hour() {
        let mut looks = Vec::new();
        for at in 0..200 {
            looks.push((at * 12, if at % 2 == 0 { "F101" } else { "" }));
            looks.push((at * 12 + 6, if at % 2 == 0 { "F101" } else { "" }));
        }
        assert_eq!(run(&looks, |_| true).lines().count(), 5);
    }

    #[test]
    fn the_hour_does_not_hold_back_what_is_critical_and_new() {
        let (mut told, now) = (Told::default(), Duration::from_secs(60));
        for _ in 0..5 {
            told.failed(Duration::ZERO, "", "away".to_owned());
        }
        told.not_before = Duration::ZERO;
        let manner = Manner { group: Duration::ZERO, ..manner() };
        let due = |told: &mut Told, all: &[&Alert]| told.due(&manner, (now, wall()), all, all);
        let (small, mut bad) = (alert("V203"), alert("F101"));
        assert_eq!(due(&mut told, &[&small]), None, "tries that failed are counted");
        bad.severity = Severity::Critical;
        let notice = due(&mut told, &[&small, &bad]).unwrap_or_default();
        let codes: Vec<&str> = notice.began.iter().map(|it| it.code.as_str()).collect();
        assert_eq!(codes, ["F101", "V203"], "the worst first");
        told.sent.extend([now; 5]);
        assert_eq!(due(&mut told, &[&small, &bad]), None, "bounded all the same");
    }

    #[test]
    fn a_target_to_whom_nothing_is_owed_is_in_no_trouble() {
        let (alert, mut told) = (alert("F101"), Told::default());
        told.restore(vec![alert.clone()]);
        told.failed(Duration::ZERO, "20261122101530", "away".to_owned());
        let look = |told: &mut Told, second, all: &[&Alert]| {
            let notice = told.due(&manner(), (Duration::from_secs(second), wall()), all, all);
            (notice.is_some(), told.standing.failures, told.standing.trouble_since.is_some())
        };
        assert_eq!(look(&mut told, 9, &[&alert]), (false, 1, true), "not before it may be tried");
        told.sent.extend([Duration::from_secs(100); 5]);
        assert_eq!(look(&mut told, 100, &[&alert]), (false, 1, true), "owed, but not in this hour");
        told.by_code.values_mut().for_each(|it| it.at = Duration::from_secs(90));
        assert_eq!(look(&mut told, 100, &[&alert]), (false, 0, false));
    }

    #[test]
    fn what_is_silenced_is_not_told_and_not_taken_back() {
        let (alert, mut told) = (alert("F101"), Told::default());
        told.restore(vec![alert.clone()]);
        let later = Duration::from_secs(500);
        assert_eq!(told.due(&manner(), (later, wall()), &[], &[&alert]), None);
        assert!(told.due(&manner(), (later, wall()), &[&alert], &[&alert]).is_some(), "repeated");
    }

    #[track_caller]
    fn run(looks: &[(u64, &str)], is_taken: impl Fn(u64) -> bool) -> String {
        let (mut told, mut out) = (Told::default(), String::new());
        for (second, standing) in looks {
            let now = Duration::from_secs(*second);
            let alerts: Vec<Alert> = standing.split_whitespace().map(alert).collect();
            let alerts: Vec<&Alert> = alerts.iter().collect();
            let Some(notice) = told.due(&manner(), (now, wall()), &alerts, &alerts) else {
                continue;
            };
            if !is_taken(*second) {
                told.failed(now, "", "away".to_owned());
                let _ = writeln!(out, "{second}: failed");
                continue;
            }
            let codes =
                |it: &[Alert]| it.iter().map(|it| it.code.as_str()).collect::<Vec<_>>().join(" ");
            let [began, over, still] =
                [&notice.began, &notice.over, &notice.still].map(|it| codes(it));
            let _ = writeln!(out, "{second}: began {began} over {over} still {still}");
            told.done(now, "", &notice);
        }
        out
    }

    fn manner() -> Manner {
        Manner {
            windows: Vec::new(),
            severity: Severity::Warning,
            group: Duration::from_secs(5),
            repeat: Duration::from_secs(100),
            hourly_max: 5,
        }
    }

    fn alert(code: &str) -> Alert {
        Alert { code: code.to_owned(), ..Alert::default() }
    }

    fn wall() -> DateTime {
        jiff::civil::date(2026, 11, 22).at(12, 0, 0, 0)
    }
}
