//! Tells once when a trouble has lasted too long, and once when it is over.
//!
//! Each failure is logged where it happens; this is the line that somebody should be woken by.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use tokio::time::sleep;

use super::state::{ForwardState, ForwardStatus};

/// Watches for as long as the forwarder works.
pub(super) async fn watch(state: &ForwardState, alert_after: Duration) -> Infallible {
    let mut told = BTreeMap::new();
    loop {
        compare(&mut told, &state.status(), alert_after);
        sleep(LOOK_EVERY).await;
    }
}

/// Logs what began to last and what does no more; gives how many alerts that were.
fn compare(
    told: &mut BTreeMap<&'static str, String>,
    status: &ForwardStatus,
    alert_after: Duration,
) -> (usize, usize) {
    // By code: a hundred routing keys without a binding are one thing to be told.
    let lasting: BTreeMap<&'static str, String> =
        status.lasting(alert_after).iter().map(|it| (it.code, it.reason.clone())).collect();
    let over: Vec<&'static str> =
        told.keys().copied().filter(|code| !lasting.contains_key(code)).collect();
    for code in &over {
        told.remove(code);
        tracing::info!(code, "forwarding: the alert is over");
    }
    let news: Vec<_> = lasting.into_iter().filter(|(code, _)| !told.contains_key(code)).collect();
    for (code, reason) in &news {
        let lasted_at_least_s = alert_after.as_secs();
        tracing::error!(code, reason, lasted_at_least_s, "forwarding: alert");
    }
    let counts = (news.len(), over.len());
    told.extend(news);
    counts
}

/// An alert is about minutes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alert_is_told_once_and_taken_back_once() {
        let state = ForwardState::default();
        let mut told = BTreeMap::new();
        state.trouble("F101", "refused".to_owned());
        check(&mut told, &state, (0, 0));
        sleep(LIMIT).await;
        check(&mut told, &state, (1, 0));
        check(&mut told, &state, (0, 0));
        state.connected("broker");
        check(&mut told, &state, (0, 1));
        check(&mut told, &state, (0, 0));
    }

    #[track_caller]
    fn check(
        told: &mut BTreeMap<&'static str, String>,
        state: &ForwardState,
        expected: (usize, usize),
    ) {
        assert_eq!(compare(told, &state.status(), LIMIT), expected);
    }

    const LIMIT: Duration = Duration::from_secs(300);
}
