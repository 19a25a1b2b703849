//! `his-agent validate`: loads everything the daemon would load and tells every problem at once.

use super::{ConfigArgument, Exit};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
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
            Exit::Ok
        }
        Err(exit) => exit,
    }
}
