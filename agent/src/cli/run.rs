//! `his-agent run`: the daemon, until SIGTERM or SIGINT; SIGHUP reads the sets again.

use std::path::Path;

use super::{ConfigArgument, Exit, runtime, tell};
use crate::config::Config;
use crate::service::trouble::Trouble;
use crate::sets::{Opened, Sets};
use crate::{codes, service, telemetry};

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
    if let Err(error) = telemetry::log(&config.log) {
        return told(&error, true);
    }
    let in_file = config.log.file.is_some();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    match runtime.block_on(service::serve(config, sets)) {
        Ok(()) => Exit::Ok,
        Err(error) => told(&error, in_file),
    }
}

/// Tells whoever must act, and gives the exit code. Where the log is a file, a person at the terminal
/// would see nothing.
fn told(error: &anyhow::Error, in_file: bool) -> Exit {
    let Trouble { code, exit } = Trouble::of(error);
    let remedy = code.and_then(codes::remedy);
    tracing::error!(code, error = format!("{error:#}"), remedy, "the agent stops");
    if in_file {
        eprintln!("{}{error:#}", code.map(|it| format!("[{it}] ")).unwrap_or_default());
        remedy.into_iter().for_each(|it| eprintln!("{it}"));
    }
    exit
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
