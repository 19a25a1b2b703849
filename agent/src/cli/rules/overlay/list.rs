//! `his-agent rules overlay list`

use rules::overlay::{Change, What};

use super::super::super::{ConfigArgument, Exit, tell};
use crate::sets::logbook;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 只列这条规则的 | only of this rule
    #[arg(long)]
    rule: Option<String>,
}

pub(super) fn run(config: &ConfigArgument, arguments: &Arguments) -> Result<(), Exit> {
    let (_, sets) = config.load()?;
    let shown = logbook::each(&sets, arguments.rule.as_deref(), |pack, change, standing| {
        say!("{pack} {} {} {}", change.no, standing.zh(), told(change));
    });
    shown.map_err(|problems| tell(&problems))
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
