//! The task that keeps our account up, and lets go of days that are too old.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::ToSpan as _;
use tokio_util::sync::CancellationToken;

use super::follow::day_of;
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};
use crate::pace::{self, FOLLOW_EVERY, LOOK_EVERY};
use crate::{clock, pipeline};

/// Follows until told to stop. What it does not come to is found at the next start.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    pace::keep(stop, |is_due| work(Arc::clone(&road), is_due)).await;
}

/// Some work, and how long to let others have the processor.
async fn work(road: Arc<Road>, is_due: bool) -> Duration {
    let begun = Instant::now();
    let working = move || {
        let opened = road.accounts.opened()?;
        if is_due {
            let oldest = oldest(road.config.messages.keep_days);
            opened.forget_before(oldest)?;
            opened.results.forget_before(oldest);
            if let Err(error) = opened.forget_totals_before(oldest) {
                tracing::warn!(%error, "old totals of the HIS were not removed");
            }
        }
        opened.follow()
    };
    match blocking(working).await {
        Ok(followed) => pace::rest(followed, begun.elapsed()),
        Err(StoreError::Stopped) => FOLLOW_EVERY,
        // Room comes back by itself, and then the account goes on where it is.
        Err(StoreError::Full { .. }) => LOOK_EVERY,
        Err(error) => {
            tracing::error!(%error, "the account with the platform was not kept up");
            LOOK_EVERY
        }
    }
}

/// The first day whose account stays.
pub(super) fn oldest(keep_days: u32) -> u32 {
    let today = clock::now_for_ageing();
    let oldest = today.checked_sub(i64::from(keep_days).days()).unwrap_or(today);
    day_of(&pipeline::stamp(oldest))
}
