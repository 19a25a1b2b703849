//! `his-agent rules shadow`: a rule on trial runs, finds, is counted, and shows nothing.
//!
//! To put a rule on trial is a change of the hospital's like any other: `action=silent`, and the rule
//! switched on. To promote it is to take exactly these changes back, or to leave it switched on with
//! the action it was made with; to stop it is to take all of them back.

use rules::overlay::{CellList, Change, Log, What};
use rules::rule::Action;

use super::super::{ConfigArgument, Exit};
use super::books::Books;
use super::overlay::By;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// 试运行：规则照常判断、计数，不提示医生 | runs and counts, and shows nothing
    Start(One),
    /// 转正：恢复规则本来的处置方式，保持启用 | shows what it finds from now on
    Promote(One),
    /// 结束试运行：恢复到试运行之前 | as it was before
    Stop(One),
}

#[derive(Debug, clap::Args)]
struct One {
    /// 规则标识；--pack 时是规则包 | the rule, or the pack with --pack
    name: String,
    /// 规则包里的全部规则 | all rules of the pack
    #[arg(long)]
    pack: bool,
    #[command(flatten)]
    by: By,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let done = match &arguments.command {
        Command::Start(it) => start(&arguments.config, it),
        Command::Promote(it) => {
            take_back(&arguments.config, it, |change| change.what == What::Edit)
        }
        Command::Stop(it) => take_back(&arguments.config, it, |_| true),
    };
    done.err().unwrap_or(Exit::Ok)
}

fn start(config: &ConfigArgument, one: &One) -> Result<(), Exit> {
    let books = Books::open(&config.config)?;
    let pack = pack_of(&books, one)?;
    let mut changes = Vec::new();
    for rule in books.sets().rules.rules().iter().filter(|it| is_meant(one, &it.id, &it.pack)) {
        let about = |what| Change { rule: rule.id.clone(), ..one.by.begin(what) };
        if rule.action != Action::Silent {
            let mut cells = CellList::default();
            cells.push("action", Action::Silent.name());
            changes.push(Change { cells, ..about(What::Edit) });
        }
        if !rule.enabled {
            changes.push(about(What::Enable));
        }
    }
    record(books, &pack, changes, "已在试运行，或没有规则")
}

/// Takes back the changes that put it on trial: the latest of each kind.
fn take_back(
    config: &ConfigArgument,
    one: &One,
    is_wanted: impl Fn(&Change) -> bool,
) -> Result<(), Exit> {
    let books = Books::open(&config.config)?;
    let pack = pack_of(&books, one)?;
    let log = books.log(&pack)?;
    let rules = books.sets().rules.rules().iter().filter(|it| is_meant(one, &it.id, &it.pack));
    let begun: Vec<&Change> = rules.flat_map(|rule| trial_of(&log, &rule.id)).collect();
    let changes = begun.into_iter().filter(|it| is_wanted(it)).map(|begun| {
        let mut cells = CellList::default();
        cells.push("no", &begun.no.to_string());
        Change { cells, ..one.by.begin(What::Rollback) }
    });
    let changes = changes.collect();
    record(books, &pack, changes, "没有在试运行的规则")
}

/// The change that silenced a rule, and the one that switched it on with it.
fn trial_of<'a>(log: &'a Log, rule: &str) -> Vec<&'a Change> {
    let gone = log.rolled_back();
    let standing =
        || log.changes().iter().rev().filter(|it| it.rule == rule && !gone.contains(&it.no));
    let is_trial = |it: &&Change| {
        let is_silent =
            |(name, value): (&str, &str)| (name, value) == ("action", Action::Silent.name());
        it.what == What::Edit && it.key.is_none() && it.cells.iter().any(is_silent)
    };
    let Some(silenced) = standing().find(is_trial) else { return Vec::new() };
    let next = silenced.no.saturating_add(1);
    let switched_on = standing().find(|it| it.what == What::Enable && it.no == next);
    std::iter::once(silenced).chain(switched_on).collect()
}

fn record(books: Books, pack: &str, changes: Vec<Change>, nothing: &str) -> Result<(), Exit> {
    if changes.is_empty() {
        eprintln!("{nothing}");
        return Err(Exit::Usage);
    }
    let first = books.log(pack)?.next();
    let numbered = (first..).zip(changes).map(|(no, change)| Change { no, ..change });
    let changes: Vec<Change> = numbered.collect();
    books.append(pack, &changes, &[])?;
    for change in &changes {
        say!("修改 {}（规则包 {pack}）{}", change.no, change.rule);
    }
    Ok(())
}

fn is_meant(one: &One, rule: &str, pack: &str) -> bool {
    one.name == if one.pack { pack } else { rule }
}

fn pack_of(books: &Books, one: &One) -> Result<String, Exit> {
    if one.pack { Ok(one.name.clone()) } else { books.pack_of(&one.name) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_put_a_rule_on_trial() {
        check("edit,r,action=silent\nenable,r,", "1 2");
        check("edit,r,action=silent", "1");
        check("edit,r,action=hint", "");
        check("edit,s,action=silent\nenable,r,", "");
        check("edit,r,action=silent\nrollback,,no=1", "");
        // Switched on long before it was silenced.
        check("enable,r,\nedit,r,action=silent", "2");
        // Promoted: only its being on is left, and nobody takes that back.
        check("edit,r,action=silent\nenable,r,\nrollback,,no=1", "");
    }

    #[track_caller]
    fn check(changes: &str, expected: &str) {
        let mut text = Log::header();
        for (no, line) in (1..).zip(changes.lines()) {
            let mut parts = line.split(',');
            let mut part = || parts.next().unwrap();
            let (what, rule, cells) = (part(), part(), part());
            let line = format!("{no},2026-11-22T09:00:00,a,b,{what},{rule},,,,{cells}\n");
            text.push_str(&line);
        }
        let mut problems = Vec::new();
        let log = Log::read("changes.csv", &text, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let found: Vec<_> = trial_of(&log, "r").iter().map(|it| it.no.to_string()).collect();
        assert_eq!(found.join(" "), expected, "{changes}");
    }
}
