//! The task that follows the outbox and takes in what was accepted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::ledger::{Folded, Ledger};
use crate::audit;
use crate::clock;
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};

/// Follows until told to stop. What it does not come to is found again at the next start.
pub(crate) async fn follow(road: Arc<Road>, stop: CancellationToken) {
    let mut day = clock::now_for_ageing().date();
    while !stop.is_cancelled() {
        let wait = match road.history.ledger() {
            None => LOOK_AGAIN,
            Some(ledger) => {
                let today = clock::now_for_ageing().date();
                if today != day {
                    day = today;
                    ledger.forget_old(today);
                }
                if ledger.has_earlier() {
                    rekey_some(ledger).await
                } else {
                    fold_some(&road, ledger).await
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            // Only when there was nothing: a backlog is taken at its own pace.
            () = road.outbox.accepted(), if wait == LOOK_AGAIN => {}
        }
    }
}

/// Gives today's keys to rows of an earlier release, and says how long to wait for the next ones.
async fn rekey_some(ledger: Ledger) -> Duration {
    match blocking(move || ledger.rekey_some()).await {
        Ok(()) => REKEY_PAUSE,
        Err(StoreError::Stopped) => LOOK_AGAIN,
        Err(error) => {
            tracing::warn!(%error, "rows of the past keep their old keys for now");
            REKEY_AGAIN
        }
    }
}

/// Takes some in, and says how long to let others have the processor: as long as it took.
async fn fold_some(road: &Arc<Road>, ledger: Ledger) -> Duration {
    let begun = Instant::now();
    match blocking(move || ledger.fold(clock::now_for_ageing().date())).await {
        Ok(folded) => {
            tell(&folded);
            escalate(road, folded.settled).await;
            if folded.records == 0 { LOOK_AGAIN } else { begun.elapsed().min(PAUSE_MAX) }
        }
        Err(StoreError::Stopped) => LOOK_AGAIN,
        Err(error) => {
            tracing::error!(%error, "accepted records were not folded into the past of patients");
            LOOK_AGAIN
        }
    }
}

/// A settlement ends the time in which a department may answer. What is missed here is found by the
/// next run.
async fn escalate(road: &Arc<Road>, settled: Vec<String>) {
    if settled.is_empty() {
        return;
    }
    let road = Arc::clone(road);
    let work = move || settled.iter().try_for_each(|it| audit::settled(&road, it).map(drop));
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "what a settlement escalates waits for the next run");
        }
        Err(_) => tracing::error!("escalating ended in a panic"),
    }
}

fn tell(folded: &Folded) {
    let Folded { records, kept, nobodys, missing, .. } = *folded;
    let others = records - kept - nobodys;
    let counts = [("kept", kept), ("nobodys", nobodys), ("others", others), ("missing", missing)];
    for (outcome, count) in counts {
        if count > 0 {
            metrics::counter!("his_agent_history_records_total", "outcome" => outcome)
                .increment(count);
        }
    }
    if missing > 0 {
        tracing::warn!(
            code = "O303",
            missing,
            "records were gone before they were folded: the past is complete from today on"
        );
    }
}

const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Between two steps, so that checks hardly notice.
const REKEY_PAUSE: Duration = Duration::from_millis(20);
const REKEY_AGAIN: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_millis(100);
