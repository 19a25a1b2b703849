//! `his-agent doctor`: looks at everything that the agent needs and says what to do about what is not
//! well. Asks the running daemon, whose user and limits count; looks itself when none runs.
//! `history` tells what the daily patrols have found.

use std::sync::Arc;

use serde_json::{Value, json};

use super::asking::unanswered;
use super::{ConfigArgument, Exit, tell};
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::doctor::{self, Daemon, Report, Site};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 给程序看 | for programs
    #[arg(long, global = true)]
    json: bool,
    /// 只列出要处理的 | only what is not well
    #[arg(long, short)]
    quiet: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// 历次巡检的结果，只列要处理的；前置机停着也能看 | what the daily patrols have found
    History {
        /// 最近多少次 | the last so many
        #[arg(long, default_value_t = 30, value_name = "N")]
        last: usize,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    match arguments.action {
        Some(Action::History { last }) => history(&config, last, arguments.json),
        None => now(config, arguments),
    }
}

fn now(config: Config, arguments: &Arguments) -> Exit {
    let report = match examined(config) {
        Ok(report) => report,
        Err(exit) => return exit,
    };
    if arguments.json {
        say!("{:#}", json!(report));
    } else {
        say!("{}", report.text(!arguments.quiet));
    }
    exit_of(&report)
}

fn examined(config: Config) -> Result<Report, Exit> {
    let locale = doctor::locale();
    let asked = json!({ "locale": locale });
    let daemon = match client::post(&config.control.socket, "/admin/v1/doctor", &asked) {
        Ok(told) => return read(told),
        Err(ControlError::Unreachable { cause, .. }) if is_nobody(&cause) => Daemon::IsDown,
        Err(error) => Daemon::Refuses(error.to_string()),
    };
    Ok(doctor::examine(&Arc::new(Site { config, daemon, locale: Some(locale) })))
}

/// No socket, or one that a killed daemon has left.
fn is_nobody(cause: &std::io::Error) -> bool {
    matches!(cause.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused)
}

fn read(told: Value) -> Result<Report, Exit> {
    serde_json::from_value(told)
        .map_err(|error| unanswered(&ControlError::Garbled(error.to_string())))
}

/// By the first that does not work, as other commands end over the same.
fn exit_of(report: &Report) -> Exit {
    let Some(group) = report.failing().next() else { return Exit::Ok };
    match group.key.as_str() {
        "sets" => Exit::Config,
        "disk" => Exit::Disk,
        "permissions" => Exit::Permission,
        _ => Exit::Unavailable,
    }
}

/// From the files, since one wants to know most when nothing runs.
fn history(config: &Config, last: usize, json: bool) -> Exit {
    let dir = &config.patrol.dir;
    let reports = match doctor::log::reports(dir, last) {
        Ok(reports) => reports,
        Err(error) => {
            eprintln!("{}: {error}", dir.display());
            return Exit::Unavailable;
        }
    };
    if json {
        for it in &reports {
            say!("{}", json!(it));
        }
    } else if reports.is_empty() {
        say!("还没有巡检过：每天 {} 一次，启动一分钟后补一次", config.patrol.daily_at);
    }
    for report in reports.iter().filter(|_| !json) {
        say!("{}\n{}\n", report.at, report.text(false));
    }
    Exit::Ok
}
