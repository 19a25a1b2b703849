//! Rules of the hospital's own, made one by one: each version a file, each change a line of the log.
//!
//! ```text
//! overlay/own/changes.csv    8,2026-11-22T09:30:00,赵药师,药事会,define,long-antimicrobial,,,,file=rule-8.toml
//! overlay/own/rule-8.toml    [[rule]], as in a pack
//! ```
//!
//! The latest version in force is the rule. What the same log says of it besides (a trial, a
//! restriction, other settings) stays in force over its versions and ends when it is removed; to take
//! a version back brings the one before back.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemas::{Files, Problem};

use super::log::{Change, Log, What};
use super::log_of;
use crate::pack::Pack;
use crate::rule::Rule;
use crate::tree::{Source, Table};

/// The pack of these rules.
pub const PACK: &str = "own";

/// The path of a file of a change in the tree of rules.
#[must_use]
pub fn file_of(name: &str) -> String {
    format!("overlay/{PACK}/{name}")
}

/// The changes that made the rules there are, by rule.
#[must_use]
pub fn versions(log: &Log) -> BTreeMap<&str, &Change> {
    let defined = log.in_force().filter(|it| it.what == What::Define && !log.is_settled(it));
    defined.map(|it| (it.rule.as_str(), it)).collect()
}

/// The pack of these rules when there is a log of them; its version is the number of changes.
pub(crate) fn pack(files: &Files) -> Option<Pack> {
    let log = read(files)?;
    let last = log.changes().last();
    Some(Pack {
        folder: PACK.to_owned(),
        name: "本院规则".to_owned(),
        version: last.map_or(0, |it| it.no).to_string(),
        source: "本院".to_owned(),
        effective: last.map_or(Date::constant(2026, 1, 1), |it| it.at.date()),
        overlays: None,
    })
}

/// Adds the rules; what the log itself has wrong is told by whoever applies it.
pub(crate) fn add(files: &Files, rules: &mut Vec<Rule>, problems: &mut Vec<Problem>) {
    let Some(log) = read(files) else { return };
    for (id, change) in versions(&log) {
        let name = change.cells.get("file").unwrap_or_default();
        let file = file_of(name);
        let Some(text) = files.get(&file) else {
            let message = format!("the file `{name}` of this rule is missing");
            problems.push(Problem::error("R505", log_of(PACK), (change.line, 1), message));
            continue;
        };
        let Some(rule) = one(Source { file: &file, text }, id, problems) else { continue };
        match rules.iter().find(|it| it.id == rule.id) {
            None => rules.push(rule),
            Some(known) => {
                let message = format!("rule `{id}` is already in pack `{}`", known.pack);
                problems.push(Problem::error("R106", &file, (1, 1), message));
            }
        }
    }
}

/// The one rule of a file.
fn one(source: Source<'_>, id: &str, problems: &mut Vec<Problem>) -> Option<Rule> {
    let tree = source.parse(problems);
    let root = Table { source, members: tree.get_ref(), at: tree.span() };
    root.only(&["rule"], problems);
    let tables = root.tables("rule", problems);
    let [table] = tables.as_slice() else {
        let message = "the file of a rule holds one `[[rule]]`".to_owned();
        problems.push(source.error("R506", &root.at, message));
        return None;
    };
    let rule = Rule::parse(table, PACK, problems)?;
    if rule.id != id {
        let message = format!("the log calls this rule `{id}`, not `{}`", rule.id);
        problems.push(source.error("R506", &table.place_of("id"), message));
        return None;
    }
    Some(rule)
}

fn read(files: &Files) -> Option<Log> {
    let file = log_of(PACK);
    files.get(&file).map(|text| Log::read(&file, text, &mut Vec::new()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pack::RuleSet;

    const RULE: &str = "[[rule]]\nid = \"long\"\nfamily = \"custom\"\nname = \"N\"\nbasis = \"b\"\nseverity = 3\n\
        action = \"reason\"\n[rule.parameters]\nfor = \"order\"\ntext = \"t\"\n\
        when = { element = \"orders.medc_days\", is = \">\", value = 7 }\n";

    #[test]
    fn the_latest_version_in_force_is_the_rule() {
        check("define,long,file=1.toml", "own 1: long N1 reason on");
        check("define,long,file=1.toml\ndefine,long,file=2.toml", "own 2: long N2 reason on");
        check(
            "define,long,file=1.toml\ndefine,long,file=2.toml\nrollback,,no=2",
            "own 3: long N1 reason on",
        );
        check("define,long,file=1.toml\nremove,long,", "own 2:");
        check("define,long,file=1.toml\nremove,long,\nrollback,,no=2", "own 3: long N1 reason on");
        // A trial goes on over a new version, and not over a removal.
        let trial = "define,long,file=1.toml\nedit,long,action=silent\n";
        check(&format!("{trial}define,long,file=2.toml"), "own 3: long N2 silent on");
        check(&format!("{trial}remove,long,\ndefine,long,file=2.toml"), "own 4: long N2 reason on");
        check("define,long,file=1.toml\ndisable,long,", "own 2: long N1 reason off");
    }

    #[test]
    fn what_is_wrong_is_told_and_refuses_the_set() {
        check(
            "define,long,file=9.toml",
            "overlay/own/changes.csv:2:1: error[R505]: the file `9.toml` of this rule is missing",
        );
        check(
            "define,other,file=1.toml",
            "overlay/own/1.toml:2:6: error[R506]: the log calls this rule `other`, not `long`",
        );
        check(
            "define,drug-sex,file=3.toml",
            "overlay/own/3.toml:1:1: error[R106]: rule `drug-sex` is already in pack `starter`",
        );
        check(
            "define,long,",
            "overlay/own/changes.csv:2:42: error[R504]: `define` says nothing in `cells`",
        );
        check(
            "define,long,file=4.toml",
            "overlay/own/4.toml:1:1: error[R506]: the file of a rule holds one `[[rule]]`",
        );
        // The part of the condition, not the whole of it.
        check(
            "define,long,file=5.toml",
            "overlay/own/5.toml:12:35: error[R104]: `when.all[1].not`: no element `orders.medc_day`; did you mean `orders.medc_days`?",
        );
    }

    #[track_caller]
    fn check(changes: &str, expected: &str) {
        let mut files = Files::from_shipped(crate::SHIPPED);
        let named = |name: &str| RULE.replace("\"N\"", &format!("\"{name}\""));
        let broken = RULE.replace(
            "when = { element = \"orders.medc_days\", is = \">\", value = 7 }",
            "when = { all = [\n  { item = [\"atc:J01\"] }, { not = { element = \"orders.medc_day\", is = \">\", value = 7 } }\n] }",
        );
        let texts = [
            named("N1"),
            named("N2"),
            named("N3").replace("long", "drug-sex"),
            String::new(),
            broken,
        ];
        let mut log = Log::header();
        for (no, line) in (1..).zip(changes.lines()) {
            let mut parts = line.split(',');
            let mut part = || parts.next().unwrap();
            let (what, rule, cells) = (part(), part(), part());
            let line = format!("{no},2026-11-22T09:00:00,a,b,{what},{rule},,,,{cells}\n");
            log.push_str(&line);
        }
        for (no, text) in (1..).zip(texts).filter(|(no, _)| log.contains(&format!("{no}.toml"))) {
            files.insert(file_of(&format!("{no}.toml")), text);
        }
        files.insert(log_of(PACK), log);
        let told = match RuleSet::load(&files) {
            Err(problems) => problems.first().unwrap().to_string(),
            Ok(set) => {
                assert!(set.warnings().iter().all(|it| it.code != "R302"), "{:?}", set.warnings());
                let ours = set.rules().iter().filter(|it| it.pack == PACK).map(|it| {
                    let on = if it.enabled { "on" } else { "off" };
                    format!(" {} {} {} {on}", it.id, it.name, it.action.name())
                });
                let version = set.version();
                let version = version.split(", ").find(|it| it.starts_with(PACK)).unwrap();
                format!("{version}:{}", ours.collect::<String>())
            }
        };
        assert_eq!(told, expected, "{changes}");
    }
}
