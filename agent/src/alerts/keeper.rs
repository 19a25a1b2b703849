//! The task: looks at what is wrong, and has each target told what it is to be told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::board::{Change, Patience};
use super::notice::Sender;
use super::target::Notice;
use super::{Alert, conditions, stamp};
use crate::clock;
use crate::config::AlertTarget;
use crate::events;
use crate::intake::Road;

/// A notice on its way.
type OnItsWay = JoinHandle<(Notice, Result<Option<String>, String>)>;

/// Looks until told to stop.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    let targets = road.config.alerts.targets.clone();
    let mut on_their_way: Vec<Option<OnItsWay>> = targets.iter().map(|_| None).collect();
    let every = road.config.alerts.hold.clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        let mut has_changed = look(&road);
        for (target, slot) in targets.iter().zip(&mut on_their_way) {
            has_changed |= settle(&road, target, slot).await;
            if slot.is_none() {
                *slot = due(&road, target).map(|notice| set_out(&road, target, notice));
            }
        }
        if has_changed {
            write_down(&road).await;
        }
    }
}

/// What stands now. True when something was raised or is over.
fn look(road: &Road) -> bool {
    let conditions = conditions::now(road);
    let now = road.alerts.begun.elapsed();
    let config = &road.config.alerts;
    let is_settled = now >= events::settled_after(road);
    let patience = Patience { hold: config.hold, clear: config.clear, is_settled };
    let changes = road.alerts.inside().board.look(now, &stamp(), conditions, patience);
    for change in &changes {
        match change {
            Change::Raised(Alert { code, severity, text, .. }) => {
                tracing::warn!(code, severity = severity.as_str(), text, "alert");
            }
            Change::Over(Alert { code, .. }) => tracing::info!(code, "the alert is over"),
        }
    }
    !changes.is_empty()
}

fn due(road: &Road, target: &AlertTarget) -> Option<Notice> {
    let (now, wall) = (road.alerts.begun.elapsed(), clock::now());
    let mut inside = road.alerts.inside();
    inside.silences.retain(|it| it.holds(wall));
    let standing: Vec<Alert> = inside.board.raised().cloned().collect();
    let heard = standing.iter().filter(|it| !inside.is_silenced(&it.code, wall));
    let heard: Vec<&Alert> = heard.collect();
    let standing: Vec<&Alert> = standing.iter().collect();
    let told = inside.told.get_mut(&target.name)?;
    told.tidy(now);
    told.due(&target.manner, (now, wall), &heard, &standing)
}

fn set_out(road: &Arc<Road>, target: &AlertTarget, notice: Notice) -> OnItsWay {
    let (road, target) = (Arc::clone(road), target.clone());
    tokio::task::spawn_blocking(move || {
        let sent = say(&road, &target, &notice);
        (notice, sent)
    })
}

/// Says it now. Blocks, no longer than the target may take.
pub(super) fn say(
    road: &Road,
    target: &AlertTarget,
    notice: &Notice,
) -> Result<Option<String>, String> {
    let until = Instant::now() + target.timeout;
    let sent = Sender::of(&road.config).send(target, notice, until);
    let outcome = if sent.is_ok() { "sent" } else { "failed" };
    let name = target.name.clone();
    metrics::counter!("his_agent_alert_notices_total", "target" => name, "outcome" => outcome)
        .increment(1);
    match &sent {
        Ok(None) => tracing::info!(to = target.name, "a notice was sent"),
        Ok(Some(but)) => tracing::warn!(to = target.name, but, "a notice was sent in part"),
        Err(reason) => {
            tracing::warn!(code = "I242", to = target.name, reason, "a notice was not sent");
        }
    }
    sent
}

/// What became of a notice that has come back. True when the target has been told.
async fn settle(road: &Road, target: &AlertTarget, slot: &mut Option<OnItsWay>) -> bool {
    let Some(done) = slot.take_if(|it| it.is_finished()) else { return false };
    // A panic is a fault of ours; the notice is made anew at the next look.
    let Ok((notice, sent)) = done.await else { return false };
    let now = road.alerts.begun.elapsed();
    let mut inside = road.alerts.inside();
    let Some(told) = inside.told.get_mut(&target.name) else { return false };
    match sent {
        Ok(_) => {
            told.done(now, &stamp(), &notice);
            true
        }
        Err(why) => {
            told.failed(now, &stamp(), why);
            false
        }
    }
}

/// Keeps what stands and was told. A full disk costs a notice that is told twice, after a restart.
pub(super) async fn write_down(road: &Road) {
    let book = road.alerts.inside().book();
    let path = road.alerts.path.clone();
    let written = tokio::task::spawn_blocking(move || book.write(&path)).await;
    if let Ok(Err(error)) = written {
        tracing::warn!(%error, "what was told of alerts could not be written down");
    }
}

/// An alert is about minutes; somebody who holds for less looks more often.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(5);
const LOOK_EVERY_MIN: Duration = Duration::from_millis(200);
