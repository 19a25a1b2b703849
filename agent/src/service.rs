//! The daemon as a service: what it and the service manager tell each other.
//!
//! ```text
//! systemd --start--> opening ("more time", "opening the store") --> READY
//!         <--WATCHDOG-- while every stage of the road answers; a stage that stands still: no ping
//!         --SIGHUP--> RELOADING, the sets and certificates are read anew, READY
//!         --SIGTERM--> STOPPING, the road stops in its order, and at the latest by its deadline
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `manager` | the datagrams, and what the manager said in the environment |
//! | `stages` | each stage of the road, asked whether it still moves |
//! | `watchdog` | asks them, and pings |
//! | `clock` | a clock that is behind what the disk has seen |
//! | `last_resort` | the end of a stop that would not end |
//! | `thrift` | memory that only the start needed, or the store's engine has let go |
//! | `trouble` | why the daemon ended: code, exit code, what to do |
//!
//! Without a service manager the stages are watched all the same, and told of in the log and the metrics.

mod clock;
mod last_resort;
mod manager;
mod stages;
mod thrift;
pub(crate) mod trouble;
mod watchdog;

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

use self::manager::Manager;
use crate::config::Config;
use crate::intake::Road;
use crate::outbox::Outbox;
use crate::sets::{self, Sets};
use crate::supervise::{self, Running};
use crate::versions::{self, Life};

/// How the road has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Somebody has stopped it.
    Stopped,
    /// Another configuration is to be in force.
    ForAnother,
}

/// Runs the daemon until SIGTERM or SIGINT, until another configuration is to be in force, or until it
/// cannot go on.
pub(crate) async fn serve(config: Config, sets: Sets, life: &Life) -> anyhow::Result<Ended> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hangup = signal(SignalKind::hangup())?;
    let manager = Manager::from_environment();
    clock::doubt(&config.outbox.dir);
    thrift::let_large_blocks_go();
    let deadline = config.stop_deadline;
    let running = match started(&manager, config, sets).await {
        Ok(running) => running,
        Err(error) => {
            manager.tell(&[&manager::status(&format!("cannot start: {error:#}"))]);
            return Err(error);
        }
    };
    when_it_fails(running.road().outbox.clone(), deadline);
    let beside = beside(&running, &manager, hangup);
    let (road, versions) = (Arc::clone(running.road()), versions::keep(running.road(), life));
    let mut ended = Ended::Stopped;
    manager.tell(&["READY=1", "WATCHDOG=1", &watchdog::standing(running.road())]);
    let begun = Arc::clone(running.road());
    let kept = tokio::task::spawn_blocking(move || begun.reloads.keep_begun());
    let thrift = AbortOnDropHandle::new(tokio::spawn(thrift::after_a_start()));
    running
        .until(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = road.versions.again() => ended = Ended::ForAnother,
            }
            drop((beside, versions, thrift, road));
            last_resort::end_after(deadline);
            // What was in force is what the next start may fall back to, however soon this one ends.
            drop(kept.await);
            let state =
                if ended == Ended::Stopped { "STOPPING=1" } else { "RELOADING=1\nWATCHDOG=1" };
            manager.tell(&[state, &manager::more_time(deadline + last_resort::LATER * 2)]);
            tracing::info!("stopping: doors first, then what is in flight, then the store");
        })
        .await?;
    Ok(ended)
}

/// Opening a store after a power cut may take longer than a service manager waits for a start.
async fn started(manager: &Manager, config: Config, sets: Sets) -> anyhow::Result<Running> {
    let manager = manager.clone();
    let _opening = AbortOnDropHandle::new(tokio::spawn(async move {
        for _ in 0..OPENING_MAX.as_secs() / OPENING_TOLD.as_secs() {
            // Under the process id of the configuration before, its watchdog goes on as well.
            manager.tell(&[
                "WATCHDOG=1",
                &manager::more_time(OPENING_TOLD * 3),
                &manager::status("opening the store"),
            ]);
            tokio::time::sleep(OPENING_TOLD).await;
        }
    }));
    supervise::start(config, sets).await
}

/// What goes on beside the road as long as it runs.
fn beside(running: &Running, manager: &Manager, hangup: Signal) -> [AbortOnDropHandle<()>; 2] {
    let road = running.road();
    let reloading = tokio::spawn(reload_on(hangup, Arc::clone(road), manager.clone()));
    let watching =
        tokio::spawn(watchdog::watch(Arc::clone(road), running.doors(), manager.clone()));
    [reloading, watching].map(AbortOnDropHandle::new)
}

/// A disk that has failed may hold up the stop that follows, too.
fn when_it_fails(outbox: Outbox, deadline: Duration) {
    tokio::spawn(async move {
        outbox.failed().await;
        last_resort::end_after(deadline);
    });
}

/// SIGHUP asks for the files to be read again, as it does of most daemons.
async fn reload_on(mut hangup: Signal, road: Arc<Road>, manager: Manager) {
    while hangup.recv().await.is_some() {
        manager.tell(&["RELOADING=1", &manager::status("reading the sets anew")]);
        let reloading = Arc::clone(&road);
        // What came of it is logged and kept for `his-agent sets status`.
        let reload = move || {
            crate::tls::renew(&reloading.config);
            sets::reload(&reloading).is_ok()
        };
        let _ = tokio::task::spawn_blocking(reload).await;
        manager.tell(&["READY=1", &watchdog::standing(&road)]);
    }
}

/// How often more time is asked for; each time it is asked for three times as much.
const OPENING_TOLD: Duration = Duration::from_secs(20);
/// No store takes longer; what does stands still.
const OPENING_MAX: Duration = Duration::from_secs(3_600);
