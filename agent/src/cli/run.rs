//! `his-agent run`: the daemon, until SIGTERM or SIGINT; SIGHUP reads the sets again.

use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigArgument, Exit, runtime, tell};
use crate::config::Config;
use crate::intake::Road;
use crate::outbox::StoreError;
use crate::sets::{self, Opened, Sets};
use crate::{supervise, telemetry};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let (config, sets) = match open(&arguments.config.config) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    telemetry::log(&config.log);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    match runtime.block_on(serve(config, sets)) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the agent stops");
            exit_of(&error)
        }
    }
}

/// What a disk has done is told from a port that is taken: the service manager starts the agent anew
/// after both, a person acts differently.
fn exit_of(error: &anyhow::Error) -> Exit {
    match error.chain().find_map(|it| it.downcast_ref::<StoreError>()) {
        Some(StoreError::Failed { .. } | StoreError::Damaged { .. } | StoreError::Full { .. }) => {
            Exit::Disk
        }
        // Nothing gets better by starting again until somebody brings the right key.
        Some(StoreError::OtherKey { .. } | StoreError::NoKey { .. }) => Exit::Config,
        _ => Exit::Unavailable,
    }
}

/// Everything the daemon begins with. Files that cannot be used do not keep it from starting when
/// there is a set that was in force before.
fn open(path: &Path) -> Result<(Config, Sets), Exit> {
    let config = Config::load(path).map_err(|it| tell(&it))?;
    let Opened { sets, problems } = Sets::open(&config).map_err(|it| tell(&it))?;
    tell(&sets.warnings);
    if !problems.is_empty() {
        tell(&problems);
        eprintln!("the set that was in force last, {}, is in force again", sets.digest);
    }
    Ok((config, sets))
}

/// SIGHUP asks for the files to be read again, as it does of most daemons.
async fn reload_on(mut hangup: Signal, road: Arc<Road>) {
    while hangup.recv().await.is_some() {
        let road = Arc::clone(&road);
        // What came of it is logged and kept for `his-agent sets status`.
        let _ = tokio::task::spawn_blocking(move || sets::reload(&road).is_ok()).await;
    }
}

async fn serve(config: Config, sets: Sets) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hangup = signal(SignalKind::hangup())?;
    let running = supervise::start(config, sets).await?;
    let reloading = tokio::spawn(reload_on(hangup, Arc::clone(running.road())));
    // The service manager learns it here; without one this does nothing.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    running
        .until(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            reloading.abort();
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
            tracing::info!("stopping: doors first, then what is in flight, then the store");
        })
        .await
}
