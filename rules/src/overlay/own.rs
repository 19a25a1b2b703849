//! Rules of the hospital's own, made one by one: each version a file, each change a line of the log.
//!
//! ```text
//! overlay/own/changes.csv    8,2026-11-22T09:30:00,赵药师,药事会,define,long-antimicrobial,,,,file=rule-8.toml
//! overlay/own/rule-8.toml    [[rule]], as in a pack
//! ```
//!
//! The latest version in force is the rule. What the same log says of it besides (a trial, a
//! restriction, other settings) stays in force over its versions and ends when it is removed; to take
//! a version back brings the one before back. A version that does not fit the program any more rests.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemas::{Files, Problem, ProblemSeverity};

use super::log::{Change, Log, What};
use super::{log_of, set};
use crate::knowledge::Key;
use crate::pack::Pack;
use crate::rule::Rule;
use crate::sets::CodeSets;
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
    let rules = defined.filter(|it| !it.rule.starts_with(set::PREFIX));
    rules.map(|it| (it.rule.as_str(), it)).collect()
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

/// A rule of the hospital's own, or a named set, that cannot be used as it is written. It rests, and
/// the others go on: an update of the program, which may bring a rule of the same name, must not stop
/// a hospital.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resting {
    /// The rule, or `set:` and the set, as the log names it.
    pub rule: String,
    /// What is wrong with it.
    pub faults: Vec<Problem>,
}

impl Resting {
    pub(crate) fn new(rule: &str, faults: Vec<Problem>) -> Resting {
        Resting { rule: rule.to_owned(), faults }
    }

    /// What somebody should look at: it forbids nothing but the rule itself.
    pub fn warnings(&self) -> impl Iterator<Item = Problem> {
        self.faults.iter().map(|it| Problem {
            severity: ProblemSeverity::Warning,
            message: format!("`{}` rests until it is edited or deleted: {}", self.rule, it.message),
            ..it.clone()
        })
    }
}

/// Adds the rules, and gives those that rest; what the log itself has wrong is told by whoever applies
/// it.
pub(crate) fn add(
    files: &Files,
    rules: &mut Vec<Rule>,
    problems: &mut Vec<Problem>,
) -> Vec<Resting> {
    let Some(log) = read(files) else { return Vec::new() };
    let mut resting = Vec::new();
    for (id, change) in versions(&log) {
        let Some((file, text)) = file(files, change, problems) else { continue };
        let mut faults = Vec::new();
        let rule = one(Source { file: &file, text }, id, &mut faults);
        if let Some(known) = rules.iter().find(|it| it.id == id) {
            let message = format!("rule `{id}` is already in pack `{}`", known.pack);
            faults.push(Problem::error("R106", &file, (1, 1), message));
        }
        match rule.filter(|_| faults.is_empty()) {
            Some(rule) => rules.push(rule),
            None => resting.push(Resting::new(id, faults)),
        }
    }
    resting
}

/// Takes out the rules that name a set, or a version of one, which there is not: they rest.
pub(crate) fn without_their_sets(
    files: &Files,
    rules: &mut Vec<Rule>,
    sets: &CodeSets,
) -> Vec<Resting> {
    let Some(log) = read(files) else { return Vec::new() };
    let versions = versions(&log);
    let mut resting = Vec::new();
    rules.retain(|rule| {
        let version = versions.get(rule.id.as_str()).filter(|_| rule.pack == PACK);
        let Some((file, text)) = version.and_then(|it| file(files, it, &mut Vec::new())) else {
            return true;
        };
        let source = Source { file: &file, text };
        let of_items = rule.parameters.all_keys().filter_map(|key| match key {
            Key::Set(name) => Some((name.as_str(), sets.fault_of(name)?)),
            _ => None,
        });
        let parties = rule.parameters.party_sets();
        let of_parties =
            parties.filter_map(|(kind, name)| Some((name, sets.fault_of_parties(name, kind)?)));
        let placed = |(name, message): (&str, String)| {
            let at = text.find(&format!("set:{name}")).unwrap_or_default();
            source.error("R110", &(at..at), message)
        };
        let faults: Vec<Problem> = of_items.chain(of_parties).map(placed).collect();
        let fits = faults.is_empty();
        if !fits {
            resting.push(Resting::new(&rule.id, faults));
        }
        fits
    });
    resting
}

/// Where a rule of the hospital's own is written; nowhere here when it is of another pack.
pub(crate) fn path_of(files: &Files, rule: &Rule) -> Option<String> {
    let log = read(files).filter(|_| rule.pack == PACK)?;
    let version = versions(&log).get(rule.id.as_str()).copied()?;
    version.cells.get("file").map(file_of)
}

/// The file of a version, and its text.
pub(super) fn file<'a>(
    files: &'a Files,
    change: &Change,
    problems: &mut Vec<Problem>,
) -> Option<(String, &'a str)> {
    let name = change.cells.get("file").unwrap_or_default();
    let file = file_of(name);
    let Some(text) = files.get(&file) else {
        let message = format!("the file `{name}` of this rule is missing");
        problems.push(Problem::error("R505", log_of(PACK), (change.line, 1), message));
        return None;
    };
    Some((file, text))
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

pub(super) fn read(files: &Files) -> Option<Log> {
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
    fn a_log_that_is_wrong_refuses_the_set() {
        check(
            "define,long,file=9.toml",
            "overlay/own/changes.csv:2:1: error[R505]: the file `9.toml` of this rule is missing",
        );
        check(
            "define,long,",
            "overlay/own/changes.csv:2:42: error[R504]: `define` says nothing in `cells`",
        );
    }

    #[test]
    fn a_rule_that_does_not_fit_rests_and_the_others_go_on() {
        rests(
            "define,other,file=1.toml",
            "overlay/own/1.toml:2:6: warning[R506]: `other` rests until it is edited or deleted: the log calls this rule `other`, not `long`",
        );
        rests(
            "define,drug-sex,file=3.toml",
            "overlay/own/3.toml:1:1: warning[R106]: `drug-sex` rests until it is edited or deleted: rule `drug-sex` is already in pack `starter`",
        );
        // Whatever else was said of it rests with it.
        rests(
            "define,drug-sex,file=3.toml\nedit,drug-sex,severity=2",
            "overlay/own/3.toml:1:1: warning[R106]: `drug-sex` rests until it is edited or deleted: rule `drug-sex` is already in pack `starter`",
        );
        rests(
            "define,long,file=4.toml",
            "overlay/own/4.toml:1:1: warning[R506]: `long` rests until it is edited or deleted: the file of a rule holds one `[[rule]]`",
        );
        // The part of the condition, not the whole of it.
        rests(
            "define,long,file=5.toml",
            "overlay/own/5.toml:12:35: warning[R104]: `long` rests until it is edited or deleted: `when.all[1].not`: no element `orders.medc_day`; did you mean `orders.medc_days`?",
        );
        rests(
            "define,long,file=6.toml",
            "overlay/own/6.toml:11:28: warning[R110]: `long` rests until it is edited or deleted: no pack has a set `gone` (sets/gone.csv), nor has the hospital",
        );
        check("define,long,file=5.toml\nremove,long,", "own 2:");
        check("define,long,file=5.toml\ndefine,long,file=1.toml", "own 2: long N1 reason on");
    }

    #[track_caller]
    fn rests(changes: &str, expected: &str) {
        let set = load(changes).unwrap_or_else(|it| panic!("{it:?}"));
        assert!(set.rules().iter().all(|it| it.pack != PACK));
        assert!(set.rules().iter().any(|it| it.id == "drug-sex" && it.pack == "starter"));
        let told: Vec<_> = set.resting().iter().flat_map(Resting::warnings).collect();
        assert_eq!(told.first().unwrap().to_string(), expected, "{changes}");
        assert!(set.warnings().contains(told.first().unwrap()), "{:?}", set.warnings());
        assert!(set.warnings().iter().all(|it| it.code != "R302"), "{:?}", set.warnings());
    }

    fn load(changes: &str) -> Result<RuleSet, Vec<Problem>> {
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
            RULE.replace("{ element", "{ any = [{ item = [\"set:gone\"] }, { element")
                .replace("7 }", "7 }] }"),
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
        RuleSet::load(&files)
    }

    #[track_caller]
    fn check(changes: &str, expected: &str) {
        let told = match load(changes) {
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
