//! Compares each day that is over with the platform by itself, at the configured time, and the HIS's
//! totals with ours where they were sent. Repairs nothing: that is for a person to order.

use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::follow::day_of;
use super::results::Outcome;
use super::routes::{Asked, told};
use super::run::with;
use crate::intake::Road;
use crate::{clock, pipeline};

/// Works until told to stop; where no time is configured, not at all.
pub(crate) async fn keep_daily(road: Arc<Road>, stop: CancellationToken) {
    let Some(at) = road.config.reconcile.daily_at else { return };
    let mut not_before = Instant::now();
    while !stop.is_cancelled() {
        if Instant::now() >= not_before {
            for day in due(clock::now(), at) {
                if !stop.is_cancelled() && !once(&road, day).await {
                    not_before = Instant::now() + TRY_AGAIN;
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

/// The days that are over and should have been compared by now, the oldest first: the agent may have
/// been away for some.
fn due(now: DateTime, at: Time) -> impl Iterator<Item = Date> {
    let first = if now.time() >= at { 1 } else { 2 };
    (first..first + DAYS_BACK)
        .rev()
        .filter_map(move |back| now.date().checked_sub(back.days()).ok())
}

/// Compares a day unless that was done. False when it has to be tried again.
async fn once(road: &Arc<Road>, day: Date) -> bool {
    let day = day.strftime("%Y%m%d").to_string();
    match is_open(road, &day).await {
        Ok(true) => {}
        Ok(false) => return true,
        Err(reason) => {
            tracing::error!(day, reason, "the account of a day cannot be read");
            return false;
        }
    }
    let asked = Asked { day: day.clone(), by: BY.to_owned(), ..Asked::default() };
    let (mut result, told, answered) = match told(road, &asked).await {
        Ok(told) => (Outcome::of(&told), told, true),
        Err(trouble) => {
            let (code, reason) = (trouble.code().to_owned(), trouble.to_string());
            let word = "unanswered".to_owned();
            (Outcome { word, code, reason, ..Outcome::default() }, serde_json::Value::Null, false)
        }
    };
    result.automatic = true;
    result.at = pipeline::stamp(clock::now());
    let wanted = day.clone();
    let differs = with(road, move |opened| Ok(opened.his_differs(&wanted))).await;
    result.his_differs = differs.unwrap_or_default();
    tell(&day, &result);
    let is_done = answered && result.waiting == 0;
    let kept = with(road, move |opened| Ok(opened.results.keep(&day, result, told))).await;
    if let Ok(Err(error)) = kept {
        tracing::error!(%error, "the result of a reconciliation could not be kept");
    }
    is_done
}

/// Whether there is something to compare that has not been compared since the day was over.
async fn is_open(road: &Arc<Road>, day: &str) -> Result<bool, String> {
    let day = day.to_owned();
    let found = with(road, move |opened| {
        let over = opened.results.of(&day).is_some_and(|it| {
            it.word != "unanswered" && it.waiting == 0 && it.at.get(..8) > Some(day.as_str())
        });
        if over {
            return Ok(false);
        }
        let number = day_of(&day);
        let snapshot = opened.snapshot(number)?;
        let is_known = number >= opened.forgotten()?;
        Ok(is_known && !(snapshot.pages.is_empty() && snapshot.waiting.is_empty()))
    });
    found.await.map_err(|error| error.to_string())
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
const LOOK_EVERY: Duration = Duration::from_secs(20);
const TRY_AGAIN: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

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
