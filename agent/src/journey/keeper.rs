//! The task that follows the outbox and lets go of what is too old or too much.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::Opened;
use crate::clock;
use crate::config::MessagesConfig;
use crate::intake::Road;
use crate::outbox::{StoreError, blocking, day_of};
use crate::pace::{self, FOLLOW_EVERY};

/// Follows and looks after until told to stop. What it does not come to is found at the next start.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    pace::keep(stop, |is_due| work(Arc::clone(&road), is_due)).await;
}

/// Some work, and how long to let others have the processor.
async fn work(road: Arc<Road>, is_due: bool) -> Duration {
    let begun = Instant::now();
    let working = move || {
        let Some(opened) = road.journeys.opened() else { return Ok(0) };
        let followed = opened.follow()?;
        opened.note_attempts(road.forward.attempts())?;
        if is_due {
            let room = !road.outbox.room().accepting;
            opened.causes.look(&opened.outbox)?;
            opened.let_go(&road.config.messages, room, ageing_ms())?;
        }
        Ok(followed)
    };
    match blocking(working).await {
        Ok(followed) => pace::rest(followed as u64, begun.elapsed()),
        Err(StoreError::Stopped) => FOLLOW_EVERY,
        Err(error) => {
            tracing::error!(%error, "the journeys of messages were not looked after");
            FOLLOW_EVERY
        }
    }
}

impl Opened {
    /// Lets go of what is older or more than it should be; with `make_room`, of more. (Delivered records
    /// then go by themselves: the writer gives them back first.)
    pub(super) fn let_go(
        &self,
        config: &MessagesConfig,
        make_room: bool,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let today = day_of(now_ms);
        self.outbox.keep_from(self.first_to_keep(config, today)?);
        // Of the bytes of messages, the last day stays: that is when somebody asks for them.
        let days = u64::from(config.raw_keep_days.min(if make_room { 1 } else { u32::MAX }));
        let mut raw_from = now_ms.saturating_sub(days * DAY_MS);
        if let Some(fits_from) = self.outbox.raw_fits_from(config.raw_bytes_max)? {
            raw_from = raw_from.max(fits_from);
        }
        self.outbox.drop_raw_below(raw_from)?;
        self.outbox.drop_journey_below(today.saturating_sub(config.keep_days))
    }

    /// The first delivered record that stays: young and small enough, or not followed yet.
    fn first_to_keep(&self, config: &MessagesConfig, today: u32) -> Result<u64, StoreError> {
        let followed = self.followed()?;
        if config.records_keep_days == 0 {
            return Ok(followed);
        }
        let oldest = today.saturating_sub(config.records_keep_days);
        let by_age = self.outbox.first_delivered_on(oldest, today)?;
        let by_size = self.outbox.first_within(config.records_bytes_max)?;
        let wanted_by_replay = self.lowest_to_replay()?.unwrap_or(u64::MAX);
        Ok(by_age.max(by_size).min(followed).min(wanted_by_replay))
    }

    /// When the oldest day begins whose rows are there.
    pub(super) fn since(&self) -> Result<Option<u32>, StoreError> {
        let mut first = None;
        self.outbox.walk_journey([&1_u32.to_be_bytes(), &[0xff; 5]], |key, _| {
            first = key.first_chunk().map(|it| u32::from_be_bytes(*it));
            ControlFlow::Break(())
        })?;
        Ok(first)
    }
}

/// The time by which what is kept grows old.
fn ageing_ms() -> u64 {
    let now = clock::instant(clock::now_for_ageing());
    u64::try_from(now.as_millisecond()).unwrap_or(0)
}

pub(super) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

const DAY_MS: u64 = 86_400_000;
