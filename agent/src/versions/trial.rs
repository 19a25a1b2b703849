//! Watches a configuration that was put in force by command, and takes it back when the agent is not as well
//! as before.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Life;
use super::health::Baseline;
use crate::intake::Road;

/// Watches until it is known how it is; returns at once where nothing is on trial.
pub(crate) async fn watch(road: Arc<Road>, life: Life) {
    let Some(trial) = life.book.state().trial else { return };
    let health = road.config.versions.health;
    if health.is_zero() {
        return passed(&life); // it is not to be watched
    }
    let patience = PATIENCE_MAX.min((health / 3).max(PATIENCE_MIN));
    let (begun, mut worse_since) = (Instant::now(), None);
    loop {
        let why = Baseline::of(&road).worse_than(&trial.before);
        match why {
            None if begun.elapsed() >= health => return passed(&life),
            None => worse_since = None,
            Some(why) => {
                let since: &mut Instant = worse_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= patience && take_back(&life, &why) {
                    road.versions.again.notify_one();
                    return;
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn passed(life: &Life) {
    let mut state = life.book.state();
    if state.trial.take().is_none() {
        return;
    }
    tracing::info!(version = state.in_force, "the configuration has passed its trial");
    if let Err(error) = life.book.keep_state(&state) {
        tracing::error!(%error, "the end of the trial was not noted");
    }
}

/// False when it could not be, for want of a disk: then it is tried again.
fn take_back(life: &Life, why: &str) -> bool {
    tracing::error!(code = "A034", why, "the configuration is taken back");
    match life.go_back(why) {
        Ok(went) => went,
        Err(error) => {
            tracing::error!(%error, "the configuration before could not be put in force");
            false
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A start connects anew and reads its folders; what is worse for longer than this is worse.
const PATIENCE_MAX: Duration = Duration::from_secs(15);
/// No start is ready at once, however short the trial.
const PATIENCE_MIN: Duration = Duration::from_secs(2);
