//! `his-agent run`: the daemon, until SIGTERM or SIGINT.

use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigArgument, Exit, runtime};
use crate::config::Config;
use crate::sets::Sets;
use crate::{supervise, telemetry};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let (config, sets) = match arguments.config.load() {
        Ok(loaded) => loaded,
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
            Exit::Unavailable
        }
    }
}

async fn serve(config: Config, sets: Sets) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = supervise::start(config, sets).await?;
    // The service manager learns it here; without one this does nothing.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    running
        .until(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
            tracing::info!("stopping: doors first, then what is in flight, then the store");
        })
        .await
}
