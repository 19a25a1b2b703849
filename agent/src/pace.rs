//! The pace of those who follow the outbox beside the road: some work at a time, and between two pieces
//! as long a rest as it takes, so that a doctor's check does not wait for them.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Works until told to stop. `work` gives how long to rest; it is told when the rarer part of it is
/// due, every [`LOOK_EVERY`].
pub(crate) async fn keep<F: Future<Output = Duration>>(
    stop: CancellationToken,
    work: impl Fn(bool) -> F,
) {
    let mut look_at = Instant::now();
    while !stop.is_cancelled() {
        let is_due = Instant::now() >= look_at;
        if is_due {
            look_at = Instant::now() + LOOK_EVERY;
        }
        let rest = work(is_due).await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// Lets whoever waits for this processor go first. For what is done behind the answers, by the hundred at a time: a
/// scheduler's turn is some milliseconds, and a check takes less.
pub(crate) fn give_way() {
    std::thread::yield_now();
}

/// So many at a time between two [`give_way`]: half a millisecond. Who waits for a lock that is held meanwhile, as a
/// doctor's answer does, should not wait for a turn of others at every one.
pub(crate) const PIECE: usize = 16;

/// The rest after so much work: as long as it took, or until there may be more.
pub(crate) fn rest(done: u64, took: Duration) -> Duration {
    if done == 0 { FOLLOW_EVERY } else { took.min(PAUSE_MAX) }
}

/// How often to look whether there is anything to do.
pub(crate) const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How often to let go of what is too old.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_millis(100);
