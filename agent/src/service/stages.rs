//! The stages of the road, each asked whether it still moves.
//!
//! Busy is not stuck: a stage answers as soon as it has done one thing more, and a broker that is away,
//! a disk that is full or a hospital that sends nothing are no reasons not to answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::timeout;

use crate::intake::Road;

/// Every stage's name, as the log and the metrics have it.
pub(super) const NAMES: [&str; 4] = ["doors", "threads", "outbox", "forward"];

/// Those that did not answer within the time.
pub(super) async fn stuck(
    road: &Arc<Road>,
    doors: &[AbortHandle],
    within: Duration,
) -> Vec<&'static str> {
    let answered = tokio::join!(
        timeout(within, let_in(road)),
        timeout(within, spawn_blocking(|| ())),
        timeout(within, road.outbox.answers()),
    );
    let serving = doors.iter().all(|it| !it.is_finished());
    let moves = [
        answered.0.is_ok() && serving,
        answered.1.is_ok(),
        answered.2.is_ok(),
        !road.forward.is_overdue(),
    ];
    NAMES.into_iter().zip(moves).filter(|(_, moves)| !moves).map(|(name, _)| name).collect()
}

/// Whoever waits for room gets that of the next message that is done: none for so long, and nothing is.
async fn let_in(road: &Road) {
    drop(road.messages.acquire().await);
}
