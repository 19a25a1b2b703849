//! `his-agent rules`: the rules, from the point of view of who looks after them.
//!
//! Each sub-command is one file. What changes a rule changes files first and asks the daemon to
//! take them in afterwards: a rule that cannot be loaded never gets into a file.

mod backtest;
mod books;
mod explain;
mod import;
mod overlay;
mod own;
mod plan;
mod set;
mod shadow;
mod stats;
mod suppress;

use super::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// 全部规则：规则包、标识、在用与否、动作 | all rules
    List(own::List),
    /// 一条规则：TOML、JSON 或表单 | one rule in any form
    Show(own::Show),
    /// 新增一条本院的规则 | a rule of the hospital's own
    Add(own::Define),
    /// 换上本院规则的新版本 | its next version
    Edit(own::Define),
    /// 删去一条本院的规则 | take it away
    Delete(own::Delete),
    /// 规则的 JSON Schema；--form 是表单的说明 | what can be written
    Schema(own::Schema),
    /// 命名集合：一份清单，许多规则和知识点引用；各版有生效日期 | named sets, versioned
    Set(set::Arguments),
    /// 本院对规则和知识点的修改：列出，增、改、停、限，撤销 | the hospital's changes to rules and rows
    Overlay(overlay::Arguments),
    /// 导入公布的知识点表：先预览，再写入 | a published table: preview, then apply
    Import(import::Arguments),
    /// 回放：候选规则在做过的审查里会命中什么 | what a candidate would have found in the checks that were made
    Backtest(backtest::Arguments),
    /// 每条规则的命中、提示、坚持执行、理由 | hits, overrides and reasons of each rule
    Stats(stats::Arguments),
    /// 规则试运行：照常判断和计数，不提示；转正 | a rule on trial: counted, never shown
    Shadow(shadow::Arguments),
    /// 某些科室在某日之前不用某条规则 | a rule that is off in departments until a day
    Suppress(suppress::Arguments),
    /// 计划：按时间表自动运行，执行记录和结果 | what is run by itself, and what came of it
    Plan(plan::Arguments),
    /// 解释一次审查：规则、知识点、输入、计算，该补发什么 | why a check found what it found
    Explain(explain::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match &arguments.command {
        Command::List(it) => own::list(it),
        Command::Show(it) => own::show(it),
        Command::Add(it) => own::add(it),
        Command::Edit(it) => own::edit(it),
        Command::Delete(it) => own::delete(it),
        Command::Schema(it) => own::schema(it),
        Command::Set(it) => set::run(it),
        Command::Overlay(it) => overlay::run(it),
        Command::Import(it) => import::run(it),
        Command::Backtest(it) => backtest::run(it),
        Command::Stats(it) => stats::run(it),
        Command::Shadow(it) => shadow::run(it),
        Command::Suppress(it) => suppress::run(it),
        Command::Plan(it) => plan::run(it),
        Command::Explain(it) => explain::run(it),
    }
}
