//! What operators should know, made into events: forwarding that stands still for too long, a disk
//! without room, dead letters by their cause. Told once when it begins and once when it is over, also when the agent was started anew
//! between them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::event::{Event, Kind};
use super::feed;
use crate::config::ForwardConfig;
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};
use crate::{alerts, clock, pipeline, subscribe};

/// Looks until told to stop.
pub(crate) async fn watch(road: Arc<Road>, stop: CancellationToken) {
    let since = Instant::now();
    let mut before = None;
    let mut told = BTreeMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let before = match &mut before {
            Some(before) => before,
            none => {
                let Ok(begun) = begun_before(&road).await else { continue };
                told.clone_from(&begun);
                none.insert(begun)
            }
        };
        let conditions = alerts::now(&road).into_iter().map(|it| (it.code, it.text));
        let mut now: BTreeMap<String, String> = conditions.collect();
        if since.elapsed() < settled_after(&road) {
            // What lasts is an alert only after a while: it is not over because the agent was started.
            let still = before.iter().filter(|(code, _)| told.contains_key(*code));
            now.extend(still.map(|(code, text)| (code.clone(), text.clone())));
        }
        let events = compare(&told, &now);
        if events.is_empty() {
            continue;
        }
        // While the disk is full nothing is written: it is told as soon as there is room again.
        if tell(&road, events).await.is_ok() {
            told = now;
        }
    }
}

/// What the feed last told to have begun. Until that is known nothing is told.
async fn begun_before(road: &Arc<Road>) -> Result<BTreeMap<String, String>, StoreError> {
    let outbox = road.outbox.clone();
    blocking(move || feed::alerts(&outbox)).await.inspect_err(|error| {
        tracing::warn!(%error, "the alerts of before are not known yet");
    })
}

/// The longest that a fault may last before it is an alert, and a bit.
pub(crate) fn settled_after(road: &Road) -> Duration {
    let forward = match &road.config.forward {
        ForwardConfig::Amqp(options) => options.alert_after,
        ForwardConfig::Files { .. } => Duration::ZERO,
    };
    forward.max(subscribe::ALERT_AFTER) + Duration::from_mins(1)
}

/// What has begun and what is over, by code.
fn compare(told: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Event> {
    let at = pipeline::stamp(clock::now());
    let event = |what: &str, code: &str, text: &str| Event {
        kind: Kind::Alert,
        what: what.to_owned(),
        at: at.clone(),
        id: code.to_owned(),
        text: Some(text.to_owned()),
        ..Event::default()
    };
    let begun = now.iter().filter(|(code, _)| !told.contains_key(code.as_str()));
    let over = told.iter().filter(|(code, _)| !now.contains_key(code.as_str()));
    let begun = begun.map(|(code, text)| event("began", code, text));
    begun.chain(over.map(|(code, text)| event("over", code, text))).collect()
}

async fn tell(road: &Arc<Road>, events: Vec<Event>) -> Result<(), StoreError> {
    let Some(log) = road.checks.log().cloned() else { return Err(StoreError::Stopped) };
    let telling =
        tokio::task::spawn_blocking(move || log.shelve_and_tell(Vec::new(), None, events));
    telling.await.map_err(|_| StoreError::panicked())?
}

/// An alert is about minutes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_told_when_it_begins_and_when_it_is_over() {
        check(&[], &[("F101", "连不上")], "began F101 连不上");
        check(&[("F101", "连不上")], &[("F101", "还是连不上")], "");
        check(&[("F101", "连不上")], &[("O107", "满")], "began O107 满; over F101 连不上");
    }

    #[track_caller]
    fn check(told: &[(&'static str, &str)], now: &[(&'static str, &str)], expected: &str) {
        let map = |it: &[(&'static str, &str)]| {
            it.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect()
        };
        let events = compare(&map(told), &map(now));
        let say =
            |it: &Event| format!("{} {} {}", it.what, it.id, it.text.as_deref().unwrap_or(""));
        assert_eq!(events.iter().map(say).collect::<Vec<_>>().join("; "), expected);
    }
}
