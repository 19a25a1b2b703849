//! `his-agent codes`: the local codes that messages wait for, and what they mean.
//!
//! `list` asks the running daemon. `map` writes the code map itself, since the daemon need not be
//! allowed to write its own mappings: it proves the whole set with the new lines first, replaces the
//! file in one step, and then has the daemon take it in and release what waited.

mod export;
mod list;
mod map;

use super::{ConfigArgument, Exit};
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// 列出待对照的院内代码：每个一行，有多少报文在等 | local codes that nobody has mapped, each once
    List(list::Arguments),
    /// 写入对照，重新加载，放行等它的报文 | map codes, reload, release what waited
    Map(map::Arguments),
    /// 把程序自带的映射和码表写到一个目录，供修改 | write the shipped mappings into a folder
    Export(export::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match &arguments.command {
        Command::List(it) => list::run(it),
        Command::Map(it) => map::run(it),
        Command::Export(it) => export::run(it),
    }
}

fn load(config: &ConfigArgument) -> Result<Config, Exit> {
    Config::load(&config.config).map_err(|it| super::tell(&it))
}
