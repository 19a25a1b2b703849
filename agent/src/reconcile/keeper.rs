//! The task that keeps our account up, and lets go of days that are too old.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::ToSpan as _;
use tokio_util::sync::CancellationToken;

use super::follow::day_of;
use crate::intake::Road;
use crate::outbox::StoreError;
use crate::{clock, pipeline};

/// Follows until told to stop. What it does not come to is found at the next start.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    let mut forget_at = Instant::now();
    while !stop.is_cancelled() {
        let is_due = Instant::now() >= forget_at;
        if is_due {
            forget_at = Instant::now() + FORGET_EVERY;
        }
        let wait = work(&road, is_due).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Some work, and how long to let others have the processor.
async fn work(road: &Arc<Road>, is_due: bool) -> Duration {
    let (road, begun) = (Arc::clone(road), Instant::now());
    let working = move || {
        let opened = road.accounts.opened()?;
        if is_due {
            opened.forget_before(oldest(road.config.messages.keep_days))?;
        }
        opened.follow()
    };
    match tokio::task::spawn_blocking(working).await.map_err(|_| StoreError::panicked()).flatten() {
        Ok(0) | Err(StoreError::Stopped) => FOLLOW_EVERY,
        Ok(_) => begun.elapsed().min(PAUSE_MAX),
        // Room comes back by itself, and then the account goes on where it is.
        Err(StoreError::Full { .. }) => FORGET_EVERY,
        Err(error) => {
            tracing::error!(%error, "the account with the platform was not kept up");
            FORGET_EVERY
        }
    }
}

/// The first day whose account stays.
pub(super) fn oldest(keep_days: u32) -> u32 {
    let today = clock::now();
    let oldest = today.checked_sub(i64::from(keep_days).days()).unwrap_or(today);
    day_of(&pipeline::stamp(oldest))
}

const FOLLOW_EVERY: Duration = Duration::from_secs(1);
const FORGET_EVERY: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_millis(100);
