//! Compares each day that is over with the platform by itself, at the configured time, and the HIS's
//! totals with ours where they were sent. Repairs nothing: that is for a person to order.

use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ask::Trouble;
use super::follow::day_of;
use super::results::Outcome;
use super::routes::{Asked, told};
use super::run::with;
use crate::intake::Road;
use crate::outbox::StoreError;
use crate::{clock, pipeline};

/// Works until told to stop; where no time is configured, not at all.
pub(crate) async fn keep_daily(road: Arc<Road>, stop: CancellationToken) {
    let Some(at) = road.config.reconcile.daily_at else { return };
    let mut not_before = Instant::now();
    while !stop.is_cancelled() {
        if Instant::now() >= not_before {
            for day in all_due(&road, at).await {
                let came = if stop.is_cancelled() { Came::Done } else { once(&road, day).await };
                if !matches!(came, Came::Done) {
                    not_before = Instant::now() + TRY_AGAIN;
                }
                if matches!(came, Came::Silent) {
                    break;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// What came of a day.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Done,
    /// It has to be tried again; other days may fare better.
    Again,
    /// The platform is not there for any day.
    Silent,
}

/// What is due, and before it what was not told then: the platform may have been away for longer than the
/// agent goes back by itself, and records may come to a day long after it.
async fn all_due(road: &Arc<Road>, at: Time) -> Vec<String> {
    let due = due(clock::now_for_ageing(), at).map(|it| it.strftime("%Y%m%d").to_string());
    let due: Vec<String> = due.collect();
    let open = with(road, |opened| Ok(opened.results.open_days())).await.unwrap_or_default();
    // Those that come by themselves are due anyway; what is later is not over.
    let is_older = |it: &String| due.first().is_some_and(|first| it < first);
    let mut older: Vec<String> = open.into_iter().filter(is_older).take(OLDER_AT_ONCE).collect();
    older.sort_unstable();
    older.into_iter().chain(due).collect()
}

/// The days that are over and should have been compared by now, the oldest first: the agent may have
/// been away for some.
pub(super) fn due(now: DateTime, at: Time) -> impl Iterator<Item = Date> {
    let first = if now.time() >= at { 1 } else { 2 };
    (first..first + DAYS_BACK)
        .rev()
        .filter_map(move |back| now.date().checked_sub(back.days()).ok())
}

/// Compares a day unless that was done.
async fn once(road: &Arc<Road>, day: String) -> Came {
    match is_open(road, &day).await {
        Ok(true) => {}
        Ok(false) => return Came::Done,
        Err(error) => {
            let result = unanswered(&Trouble::Store(error));
            keep(road, &day, result, serde_json::Value::Null).await;
            return Came::Again;
        }
    }
    let asked = Asked { day: day.clone(), by: BY.to_owned(), ..Asked::default() };
    let (result, told, came) = match told(road, &asked).await {
        Ok(told) => {
            let (result, came) = came_of(&told);
            (result, told, came)
        }
        Err(trouble) => {
            let is_silent = matches!(trouble, Trouble::Broker(_) | Trouble::Silent(_));
            let came = if is_silent { Came::Silent } else { Came::Again };
            (unanswered(&trouble), serde_json::Value::Null, came)
        }
    };
    keep(road, &day, result, told).await;
    came
}

/// What a day came to. What nobody can read is looked at again with the next day, and not in ten minutes.
fn came_of(told: &serde_json::Value) -> (Outcome, Came) {
    let result = Outcome { at: pipeline::stamp(clock::now()), ..Outcome::of(told) };
    let came = if result.is_open() { Came::Again } else { Came::Done };
    (result, came)
}

fn unanswered(trouble: &Trouble) -> Outcome {
    let (code, reason) = (trouble.code().to_owned(), trouble.to_string());
    Outcome { word: "unanswered".to_owned(), code, reason, ..Outcome::default() }
}

async fn keep(road: &Arc<Road>, day: &str, mut result: Outcome, told: serde_json::Value) {
    let day = day.to_owned();
    result.automatic = true;
    result.at = pipeline::stamp(clock::now());
    let wanted = day.clone();
    let differs = with(road, move |opened| Ok(opened.his_differs(&wanted))).await;
    result.his_differs = differs.unwrap_or_default();
    tell(&day, &result);
    let kept = with(road, move |opened| Ok(opened.results.keep(&day, result, told))).await;
    if let Ok(Err(error)) = kept {
        tracing::error!(%error, "the result of a reconciliation could not be kept");
    }
}

/// Whether there is something to compare that has not been compared since the day was over.
async fn is_open(road: &Arc<Road>, day: &str) -> Result<bool, StoreError> {
    let day = day.to_owned();
    with(road, move |opened| {
        let known = opened.results.of(&day);
        let over = known.is_some_and(|it| !it.is_open() && it.is_of_whole(&day));
        if over {
            return Ok(false);
        }
        let number = day_of(&day);
        if number < opened.forgotten()? || !opened.has_account(number)? {
            return Ok(false);
        }
        // A day that cannot be read is told as such, whatever else keeps it from being compared.
        opened.pages(number).map(|_| true)
    })
    .await
}

fn tell(day: &str, result: &Outcome) {
    let Outcome { word: outcome, code, reason, counts, his_differs, .. } = result;
    if result.is_well() {
        tracing::info!(day, "the day balances");
    } else {
        tracing::error!(day, outcome, code, reason, ?counts, ?his_differs, "reconcile: alert");
    }
}

const BY: &str = "daily";
/// So far back what was missed is made up for.
const DAYS_BACK: i32 = 7;
/// Days before them that are looked at in one pass.
const OLDER_AT_ONCE: usize = 31;
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(20);
pub(super) const TRY_AGAIN: Duration = Duration::from_mins(10);

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// A day whose account cannot be read is told, and holds no other up.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_day_that_cannot_be_read_holds_no_other_up() {
        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = super::super::tests::road(folder.path());
        let now = clock::now();
        let day = |back: i32| now.date().checked_sub(back.days()).unwrap();
        let text = |back: i32| day(back).strftime("%Y%m%d").to_string();
        super::super::tests::enter(&road, &text(5)).await;
        road.outbox.misplace_account_rows();
        super::super::tests::enter(&road, &text(3)).await;
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep_daily(Arc::clone(&road), stop.clone()));
        let mut told = String::new();
        for _ in 0..2_400 {
            tokio::time::sleep(Duration::from_millis(25)).await;
            let standing = road.accounts.standing();
            let alerts = standing["alerts"].as_array().cloned().unwrap_or_default();
            let say =
                |it: &serde_json::Value| format!("{} {} {}", it["day"], it["outcome"], it["code"]);
            told = alerts.iter().map(say).collect::<Vec<_>>().join("; ");
            if alerts.len() == 2 {
                break;
            }
        }
        stop.cancel();
        task.await.unwrap();
        let (first, other) = (text(5), text(3));
        let expected =
            format!("\"{first}\" \"unanswered\" \"O104\"; \"{other}\" \"unanswered\" \"O503\"");
        assert_eq!(told, expected);
    }

    /// The platform was away for longer than the agent goes back by itself.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_never_told_stays_due() {
        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = super::super::tests::road(folder.path());
        let now = clock::now();
        let text = |back: i32| {
            let day = now.date().checked_sub(back.days()).unwrap();
            day.strftime("%Y%m%d").to_string()
        };
        let at = Time::constant(0, 0, 0, 0);
        for (back, word) in [(20, "unanswered"), (15, "open"), (12, "balanced"), (9, "different")] {
            let word = word.to_owned();
            let result = Outcome { word, at: pipeline::stamp(now), ..Outcome::default() };
            let day = text(back);
            with(&road, move |it| {
                it.results.keep(&day, result, serde_json::Value::Null).unwrap();
                Ok(())
            })
            .await
            .unwrap();
        }
        let due = all_due(&road, at).await;
        let expected: Vec<String> = [20, 15, 7, 6, 5, 4, 3, 2, 1].into_iter().map(text).collect();
        assert_eq!(due, expected);
    }

    #[test]
    fn what_may_be_better_soon_is_looked_at_again() {
        let came = |told| came_of(&told).1;
        assert_eq!(came(serde_json::json!({ "outcome": "balanced" })), Came::Done);
        assert_eq!(came(serde_json::json!({ "outcome": "waiting", "waiting": 1 })), Came::Again);
        let unread = serde_json::json!({ "outcome": "different", "unread": [[7, 9]] });
        assert_eq!(came(unread), Came::Done, "the platform may name them tomorrow");
    }

    #[test]
    fn a_day_is_due_when_it_is_over_and_it_is_time() {
        check("2026-11-23T06:29:59", "20261121");
        check("2026-11-23T06:30:00", "20261122");
        check("2026-03-01T23:00:00", "20260228");
    }

    #[track_caller]
    fn check(now: &str, latest: &str) {
        let days: Vec<Date> = now
            .parse()
            .map(|now| due(now, Time::constant(6, 30, 0, 0)).collect())
            .unwrap_or_default();
        assert_eq!(days.len(), 7);
        assert!(days.is_sorted(), "the oldest first");
        assert_eq!(
            days.last().map(|it| it.strftime("%Y%m%d").to_string()).as_deref(),
            Some(latest)
        );
    }
}
