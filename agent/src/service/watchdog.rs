//! Asks the stages of the road whether they move, and pings the service manager while all of them do.
//!
//! The road itself feeds the watchdog: this task only carries the answers, and where it cannot run, no
//! ping is sent either.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::manager::{Manager, status};
use super::stages::{self, NAMES};
use crate::intake::Road;

/// For as long as the daemon serves.
pub(super) async fn watch(road: Arc<Road>, doors: Vec<AbortHandle>, manager: Manager) {
    let pace = manager.watchdog().map_or(UNASKED, |it| it / 3);
    let mut told = BTreeSet::new();
    for name in NAMES {
        show(name, true);
    }
    sleep(pace).await;
    loop {
        let stuck = stages::stuck(&road, &doors, pace).await;
        tell(&mut told, &stuck);
        if stuck.is_empty() {
            manager.tell(&["WATCHDOG=1", &standing(&road)]);
            sleep(pace).await;
        } else {
            manager.tell(&[&status(&format!("standing still: {}", stuck.join(", ")))]);
            // What cannot be asked answers at once; time is what is given it.
            sleep(pace.min(AGAIN)).await;
        }
    }
}

/// Says once that a stage stands still, and once that it moves again.
fn tell(told: &mut BTreeSet<&'static str>, stuck: &[&'static str]) {
    for name in NAMES {
        let is_stuck = stuck.contains(&name);
        if is_stuck && told.insert(name) {
            tracing::error!(code = STANDS_STILL, stage = name, "a stage of the road stands still");
        } else if !is_stuck && told.remove(name) {
            tracing::info!(stage = name, "the stage moves again");
        } else {
            continue;
        }
        show(name, !is_stuck);
    }
}

fn show(stage: &'static str, moves: bool) {
    metrics::gauge!("his_agent_stage_moves", "stage" => stage).set(if moves { 1.0 } else { 0.0 });
}

/// The state of the service in a line, as `systemctl status` shows it.
pub(super) fn standing(road: &Road) -> String {
    let (waiting, forward) = (road.outbox.depth(), road.forward.status());
    status(&format!("serving, forward={}, waiting={waiting}", forward.word()))
}

const STANDS_STILL: &str = "A057";
/// How often they are asked when nobody waits for a ping.
const UNASKED: Duration = Duration::from_secs(40);
const AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_told_of_when_it_stops_and_when_it_moves_again() {
        let mut told = BTreeSet::new();
        tell(&mut told, &["outbox"]);
        tell(&mut told, &["outbox", "forward"]);
        assert_eq!(told, BTreeSet::from(["forward", "outbox"]));
        tell(&mut told, &["forward"]);
        assert_eq!(told, BTreeSet::from(["forward"]));
    }
}
