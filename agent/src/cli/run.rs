//! `his-agent run`: the daemon, until SIGTERM or SIGINT; SIGHUP reads the sets again.
//!
//! A configuration that comes into force by command lets the road end as SIGTERM does, and then the
//! program begins anew under the same process id: every key is taken, whoever holds it.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use super::{ConfigArgument, Exit, runtime, tell};
use crate::config::Config;
use crate::service::Ended;
use crate::service::trouble::Trouble;
use crate::sets::{Opened, Sets};
use crate::versions::{self, Begun, Life};
use crate::{codes, service, telemetry};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let Begun { config, life, notes } = match versions::begin(&arguments.config.config) {
        Ok(begun) => begun,
        Err(problems) => return tell(&problems),
    };
    if let Err(error) = telemetry::log(&config.log) {
        return told(&error, true);
    }
    for note in notes {
        tracing::warn!(code = "A033", note, "the configuration");
    }
    let sets = match open(&config) {
        Ok(sets) => sets,
        Err(exit) => {
            return if went_back(&life, "配套文件读不进") { begin_anew() } else { exit };
        }
    };
    let in_file = config.log.file.is_some();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    match runtime.block_on(service::serve(config, sets, &life)) {
        Ok(Ended::Stopped) => {
            runtime.shutdown_timeout(LEFT_OVER);
            Exit::Ok
        }
        Ok(Ended::ForAnother) => {
            runtime.shutdown_timeout(LEFT_OVER);
            begin_anew()
        }
        Err(error) if went_back(&life, &format!("启动失败：{error:#}")) => begin_anew(),
        Err(error) => told(&error, in_file),
    }
}

/// A configuration that is on trial and does not start makes way for the one before.
fn went_back(life: &Life, why: &str) -> bool {
    let went = life.go_back(why).unwrap_or_else(|error| {
        tracing::error!(%error, "the configuration before could not be put in force");
        false
    });
    if went {
        tracing::error!(code = "A034", why, "the configuration is taken back");
    }
    went
}

/// The same program with the same words, under the same process id. It returns when that cannot be.
fn begin_anew() -> Exit {
    telemetry::flush();
    let known = std::env::current_exe().ok().filter(|it| it.exists());
    // A program whose file was replaced or removed meanwhile goes on as it is.
    let program = known.unwrap_or_else(|| "/proc/self/exe".into());
    let error = Command::new(program).args(std::env::args_os().skip(1)).exec();
    tracing::error!(%error, "the program could not begin anew; the service manager starts it");
    Exit::Unavailable
}

/// Tells whoever must act, and gives the exit code. Where the log is a file, a person at the terminal
/// would see nothing.
fn told(error: &anyhow::Error, in_file: bool) -> Exit {
    let Trouble { code, exit } = Trouble::of(error);
    let remedy = code.and_then(codes::remedy);
    tracing::error!(code, error = format!("{error:#}"), remedy, "the agent stops");
    if in_file {
        eprintln!("{}{error:#}", code.map(|it| format!("[{it}] ")).unwrap_or_default());
        if let Some(remedy) = remedy {
            eprintln!("{remedy}");
        }
    }
    exit
}

/// The sets the daemon begins with. Files that cannot be used do not keep it from starting when
/// there is a set that was in force before.
fn open(config: &Config) -> Result<Sets, Exit> {
    let Opened { sets, problems } = Sets::open(config).map_err(|it| tell(&it))?;
    tell(&sets.warnings);
    if !problems.is_empty() {
        tell(&problems);
        eprintln!("the set that was in force last, {}, is in force again", sets.digest);
    }
    Ok(sets)
}

/// What still runs when the road has ended is somebody's file or server that hangs: it goes with the program.
const LEFT_OVER: Duration = Duration::from_millis(500);
