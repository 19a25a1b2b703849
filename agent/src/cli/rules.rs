//! `his-agent rules`: the rules, from the point of view of who looks after them.
//!
//! Each sub-command is one file. What changes a rule changes files first and asks the daemon to
//! take them in afterwards: a rule that cannot be loaded never gets into a file.

mod books;
mod explain;
mod import;
mod overlay;

use super::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// 本院对规则和知识点的修改：列出，增、改、停、限，撤销 | the hospital's changes to rules and rows
    Overlay(overlay::Arguments),
    /// 导入公布的知识点表：先预览，再写入 | a published table: preview, then apply
    Import(import::Arguments),
    /// 解释一次审查：规则、知识点、输入、计算，该补发什么 | why a check found what it found
    Explain(explain::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match &arguments.command {
        Command::Overlay(it) => overlay::run(it),
        Command::Import(it) => import::run(it),
        Command::Explain(it) => explain::run(it),
    }
}
