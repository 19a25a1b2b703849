//! `his-agent validate`: loads everything the daemon would load and tells every problem at once.

use super::{ConfigArgument, Exit};

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
            Exit::Ok
        }
        Err(exit) => exit,
    }
}
