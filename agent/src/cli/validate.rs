//! `his-agent validate`: loads everything the daemon would load and tells every problem at once.

use std::path::Path;

use super::{ConfigArgument, Exit};
use crate::config::Config;
use crate::daemon_user::DaemonUser;
use crate::doctor;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 另外列出映射没有填的可选数据元 | also lists optional elements that no mapping fills
    #[arg(long)]
    advice: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match arguments.config.load() {
        Ok((config, sets)) => {
            let mappings: usize =
                sets.channels.values().map(|it| it.mappings.names().count()).sum();
            say!(
                "{}: ok, {} channels with {mappings} mappings, {} rules, profile {}",
                arguments.config.config.display(),
                sets.channels.len(),
                sets.rules.rules().len(),
                config.hospital.profile
            );
            if arguments.advice {
                // Two channels may use one mapping; once is enough to tell of it.
                let lines = sets.channels.values().flat_map(|it| it.mappings.advice());
                for line in lines.collect::<std::collections::BTreeSet<_>>() {
                    say!("{line}");
                }
            }
            unreadable(&config, &arguments.config.config)
        }
        Err(exit) => exit,
    }
}

/// What root can read is no proof that the service can.
fn unreadable(config: &Config, file: &Path) -> Exit {
    let Some(daemon) = DaemonUser::of(&config.outbox.dir) else { return Exit::Ok };
    // A draft lies wherever its author has it.
    let own = Some(file).filter(|it| it.starts_with("/etc/his-agent"));
    let all = own.into_iter().chain(config.named.iter().map(Path::new));
    let hidden: Vec<_> = all.filter(|it| !daemon.can_read(it)).collect();
    for file in &hidden {
        eprintln!("H055 {}", doctor::hidden_from(file, &daemon));
    }
    if hidden.is_empty() { Exit::Ok } else { Exit::Permission }
}
