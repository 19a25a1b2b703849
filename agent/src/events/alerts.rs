//! What operators should know, made into events: forwarding that stands still for too long, a disk
//! without room. Told once when it begins and once when it is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::event::{Event, Kind};
use crate::clock;
use crate::intake::{self, Road};
use crate::outbox::StoreError;
use crate::pipeline;

/// Looks until told to stop.
pub(crate) async fn watch(road: Arc<Road>, stop: CancellationToken) {
    let mut told = BTreeMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now: BTreeMap<&'static str, String> = intake::alerts(&road).into_iter().collect();
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

/// What has begun and what is over, by code.
fn compare(
    told: &BTreeMap<&'static str, String>,
    now: &BTreeMap<&'static str, String>,
) -> Vec<Event> {
    let at = pipeline::stamp(clock::now());
    let event = |what: &str, code: &str, text: &str| Event {
        kind: Kind::Alert,
        what: what.to_owned(),
        at: at.clone(),
        id: code.to_owned(),
        text: Some(text.to_owned()),
        ..Event::default()
    };
    let begun = now.iter().filter(|(code, _)| !told.contains_key(*code));
    let over = told.iter().filter(|(code, _)| !now.contains_key(*code));
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
            it.iter().map(|(code, text)| (*code, (*text).to_owned())).collect()
        };
        let events = compare(&map(told), &map(now));
        let say =
            |it: &Event| format!("{} {} {}", it.what, it.id, it.text.as_deref().unwrap_or(""));
        assert_eq!(events.iter().map(say).collect::<Vec<_>>().join("; "), expected);
    }
}
