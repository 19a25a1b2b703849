//! `his-agent rules overlay list`

use std::collections::BTreeSet;

use rules::overlay::{Change, What, logs};

use super::super::super::{ConfigArgument, Exit, tell};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 只列这条规则的 | only of this rule
    #[arg(long)]
    rule: Option<String>,
}

pub(super) fn run(config: &ConfigArgument, arguments: &Arguments) -> Result<(), Exit> {
    let (_, sets) = config.load()?;
    let mut problems = Vec::new();
    let idle: BTreeSet<(&str, u32)> =
        sets.rules.warnings().iter().map(|it| (it.file.as_str(), it.line)).collect();
    for (pack, log) in logs(&sets.texts.rules, &mut problems) {
        let file = rules::overlay::log_of(&pack);
        let rolled_back = log.rolled_back();
        let wanted = |it: &&Change| arguments.rule.as_ref().is_none_or(|rule| it.rule == *rule);
        for change in log.changes().iter().filter(wanted) {
            let standing = if rolled_back.contains(&change.no) {
                "已撤销"
            } else if idle.contains(&(file.as_str(), change.line)) {
                "无对象"
            } else {
                "在用"
            };
            say!("{pack} {} {standing} {}", change.no, told(change));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(tell(&problems)) }
}

fn told(change: &Change) -> String {
    let row = change.key.as_ref().map(|(kind, key)| format!(" {kind}={key}")).unwrap_or_default();
    let said = [change.which.text(), change.cells.text()];
    let [which, cells] = said.map(|it| if it.is_empty() { it } else { format!(" [{it}]") });
    let rule = match change.what {
        What::Rollback => String::new(),
        _ => format!(" {}", change.rule),
    };
    let Change { at, author, reason, .. } = change;
    format!("{at} {author} {}{rule}{row}{which}{cells}：{reason}", change.what.word())
}
