//! Named sets of the hospital's own: each version a file, each change a line of the log of its own rules.
//!
//! ```text
//! overlay/own/changes.csv    9,2026-11-22T09:30:00,赵药师,药事会,define,set:watched,,,,file=set-9.toml
//! overlay/own/set-9.toml     [[set]]
//! ```
//!
//! ```toml
//! [[set]]
//! id = "watched"
//! name = "重点监控药品"
//! source = "药事会2026-11-20纪要"
//! from = "2026-12-01"
//! until = "2027-11-30"
//! members = ["atc:J01", "ingredient:布洛芬", "hospital:YP000502"]
//! ```
//!
//! Unlike a rule, a set keeps all its versions in force, each on its own days: what was ordered before
//! the new list is judged by the old one. Where the days of two meet, the later version holds. A
//! version ends when it is rolled back, all of them when the set is removed. A set that does not fit
//! rests, as a rule does.

use std::sync::Arc;

use jiff::civil::Date;
use schemas::{Files, Problem};

use super::log::{Change, Log, What};
use super::own::{self, Resting};
use crate::knowledge::{Key, Row};
use crate::rule::Rule;
use crate::sets::{CodeSets, Members, PINNED, SetVersion};
use crate::tree::{Source, Table};

/// In front of the id of a set where the log names it.
pub const PREFIX: &str = "set:";

/// The changes that made the versions there are of every set, the earliest first.
pub fn versions(log: &Log) -> impl Iterator<Item = (&str, &Change)> {
    let defined = log.in_force().filter(|it| it.what == What::Define && !log.is_settled(it));
    defined.filter_map(|it| Some((it.rule.strip_prefix(PREFIX)?, it)))
}

/// Adds the versions to the sets of the packs, and gives the sets that rest.
pub(crate) fn add(files: &Files, sets: &mut CodeSets, problems: &mut Vec<Problem>) -> Vec<Resting> {
    let Some(log) = own::read(files) else { return Vec::new() };
    let of_packs: Vec<String> = sets.names().into_iter().map(str::to_owned).collect();
    let mut resting = Vec::new();
    for (id, change) in versions(&log) {
        let Some((file, text)) = own::file(files, change, problems) else { continue };
        let mut faults = Vec::new();
        let version = one(Source { file: &file, text }, (id, change), &mut faults);
        if of_packs.iter().any(|it| it == id) {
            let message = format!("a pack has a set `{id}` already");
            faults.push(Problem::error("R106", &file, (1, 1), message));
        }
        match version.filter(|_| faults.is_empty()) {
            Some(version) => sets.add(id, version),
            None => resting.push(Resting::new(&change.rule, faults)),
        }
    }
    resting
}

/// Whether a set of the hospital's own rests, by its name or that of one of its versions.
pub(crate) fn rests(resting: &[Resting], name: &str) -> bool {
    let set = name.split_once(PINNED).map_or(name, |(set, _)| set);
    resting.iter().any(|it| it.rule.strip_prefix(PREFIX) == Some(set))
}

/// Lets rest what names a set that rests: a row of any pack is left out, a shipped rule whose parameters
/// name one is off. The rest of the rules goes on.
pub(crate) fn rest_with_them(
    rules: &mut [Rule],
    (sets, resting): (&CodeSets, &[Resting]),
) -> Vec<Problem> {
    let mut warnings = Vec::new();
    if !resting.iter().any(|it| it.rule.starts_with(PREFIX)) {
        return warnings;
    }
    let named = |key: &Key| match key {
        Key::Set(name) if rests(resting, name) && sets.fault_of(name).is_some() => {
            Some(name.clone())
        }
        _ => None,
    };
    for rule in rules {
        let file = format!("packs/{}/{}.csv", rule.pack, rule.id);
        let mut warn = |line: u32, message: String| {
            warnings.push(Problem::warning("R305", &file, (line, 1), message));
        };
        if let Some(set) = rule.parameters.all_keys().find_map(named) {
            rule.enabled = false;
            let id = &rule.id;
            warn(1, format!("rule `{id}` is off as long as set `{set}` rests, which it names"));
        }
        let of_row =
            |row: &Row| std::iter::once(&row.key).chain(row.parameters.all_keys()).find_map(named);
        if rule.rows.iter().any(|it| of_row(it).is_some()) {
            Arc::make_mut(&mut rule.rows).retain(|row| {
                let Some(set) = of_row(row) else { return true };
                let (kind, key, id) = (row.key.kind(), row.key.text(), &rule.id);
                let row_of = format!("row `{kind}:{key}` of rule `{id}`");
                warn(row.line, format!("{row_of} rests with set `{set}`, which it names"));
                false
            });
        }
    }
    warnings
}

/// The id of the set that a file holds, or what is wrong with it.
pub fn id_of(file: &str, text: &str) -> Result<String, Vec<Problem>> {
    let (source, mut problems) = (Source { file, text }, Vec::new());
    let tree = source.parse(&mut problems);
    let root = Table { source, members: tree.get_ref(), at: tree.span() };
    let id = match root.tables("set", &mut problems).as_slice() {
        [table] => table.text("id", &mut problems).map(str::to_owned),
        _ => None,
    };
    match id {
        Some(id) if problems.is_empty() => Ok(id),
        _ if problems.is_empty() => Err(vec![source.error("R506", &(0..0), ONE.to_owned())]),
        _ => Err(problems),
    }
}

/// The one set of a file.
fn one(
    source: Source<'_>,
    (id, change): (&str, &Change),
    problems: &mut Vec<Problem>,
) -> Option<SetVersion> {
    let tree = source.parse(problems);
    let root = Table { source, members: tree.get_ref(), at: tree.span() };
    root.only(&["set"], problems);
    let tables = root.tables("set", problems);
    let [table] = tables.as_slice() else {
        problems.push(source.error("R506", &root.at, ONE.to_owned()));
        return None;
    };
    table.only(&["id", "name", "source", "from", "until", "members"], problems);
    let named = table.text("id", problems)?;
    if named != id || id.contains(PINNED) {
        let message = format!("the log calls this set `{id}`, not `{named}`; without `{PINNED}`");
        problems.push(source.error("R506", &table.place_of("id"), message));
    }
    let (from, until) = (day(table, "from", problems), day(table, "until", problems));
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        let message = "`until` is before `from`".to_owned();
        problems.push(source.error("R208", &table.place_of("until"), message));
    }
    let held = members(table, problems);
    Some(SetVersion {
        number: change.no,
        title: table.maybe_text("name", problems).map(str::to_owned),
        source: table.text("source", problems)?.to_owned(),
        author: Some(change.author.clone()),
        from,
        until,
        members: held.items,
        parties: held.parties,
    })
}

fn day(table: &Table<'_>, name: &str, problems: &mut Vec<Problem>) -> Option<Date> {
    let text = table.maybe_text(name, problems)?;
    let day = text.parse().ok();
    if day.is_none() {
        let message = format!("`{text}` is not a day such as 2026-12-01");
        problems.push(table.source.error("R104", &table.place_of(name), message));
    }
    day
}

fn members(table: &Table<'_>, problems: &mut Vec<Problem>) -> Members {
    let written = table.texts("members", problems);
    if written.is_empty() {
        let message = "`members` must name at least one".to_owned();
        problems.push(table.source.error("R103", &table.at, message));
    }
    let mut held = Members::default();
    for (text, at) in written {
        let Some((kind, key)) = text.trim().split_once(':') else {
            let message = format!("`{text}` is not a key such as atc:J01 or doctor:1023");
            problems.push(table.source.error("R104", &at, message));
            continue;
        };
        if let Err((code, message)) = held.add(kind, key) {
            problems.push(table.source.error(code, &at, message));
        }
    }
    held
}

const ONE: &str = "the file of a set holds one `[[set]]`";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::overlay::log_of;
    use crate::overlay::own::{PACK, file_of};
    use crate::pack::RuleSet;
    use crate::{evaluate, explain, request};

    const DOCTOR: &str =
        "{ element = \"prescriber.drord_dr_codg\", is = \"in\", value = \"set:watched\" }";

    #[test]
    fn each_version_holds_on_its_days() {
        let two = "define,set:watched,1\ndefine,set:watched,2";
        for (day, expected) in [
            ("20251231", "A no, B no"),
            ("20260101", "A hit 版本1（2026-01-01–…，药事会1，赵药师）, B no"),
            ("20260630", "A hit 版本1（2026-01-01–…，药事会1，赵药师）, B no"),
            ("20260701", "A no, B hit 版本2（2026-07-01–2026-12-31，药事会2，赵药师）"),
            ("20270101", "A hit 版本1（2026-01-01–…，药事会1，赵药师）, B no"),
        ] {
            check(two, "set:watched", day, expected);
        }
    }

    #[test]
    fn a_rule_may_name_one_version() {
        let two = "define,set:watched,1\ndefine,set:watched,2";
        check(two, "set:watched@1", "20260801", "A hit 版本1（…–…，药事会1，赵药师）, B no");
        let none = "overlay/own/rule.toml:11:19: warning[R110]: `long` rests until it is edited or deleted: set `watched` has no version `9`; it has 1, 2";
        check(two, "set:watched@9", "20260801", none);
        let none = "overlay/own/rule.toml:11:19: warning[R110]: `long` rests until it is edited or deleted: no pack has a set `other` (sets/other.csv), nor has the hospital";
        check(two, "set:other", "20260801", none);
    }

    #[test]
    fn a_version_is_taken_back_and_a_set_removed() {
        let two = "define,set:watched,1\ndefine,set:watched,2";
        let first = "A hit 版本1（2026-01-01–…，药事会1，赵药师）, B no";
        check(&format!("{two}\nrollback,,2"), "set:watched", "20260801", first);
        let gone = "overlay/own/rule.toml:11:19: warning[R110]: `long` rests until it is edited or deleted: no pack has a set `watched` (sets/watched.csv), nor has the hospital";
        check(&format!("{two}\nremove,set:watched,"), "set:watched", "20260801", gone);
        check(
            &format!("{two}\nremove,set:watched,\nrollback,,3\nrollback,,2"),
            "set:watched",
            "20260801",
            first,
        );
    }

    #[test]
    fn a_set_that_does_not_fit_rests_with_its_place() {
        let rests = "warning[R104]: `set:watched` rests until it is edited or deleted";
        check(
            "define,set:watched,3",
            "set:watched",
            "20260801",
            &format!(
                "overlay/own/set-1.toml:4:8: {rests}: `morgen` is not a day such as 2026-12-01"
            ),
        );
        let rests = "warning[R204]: `set:watched` rests until it is edited or deleted";
        check(
            "define,set:watched,4",
            "set:watched",
            "20260801",
            &format!("overlay/own/set-1.toml:4:13: {rests}: a set does not hold other sets"),
        );
        let rests = "warning[R106]: `set:aconite` rests until it is edited or deleted";
        check(
            "define,set:aconite,5",
            "hospital:A",
            "20260801",
            &format!("overlay/own/set-1.toml:1:1: {rests}: a pack has a set `aconite` already"),
        );
    }

    /// A set may come to rest by an update of the program: what a hospital hung on it in a shipped pack rests
    /// with it, and the other rules go on.
    #[test]
    fn a_row_that_names_a_set_which_rests_rests_with_it() {
        for (set, key) in [("1", "watched"), ("3", "watched"), ("3", "watched@1")] {
            let mut files = files(&format!("define,set:watched,{set}"), "hospital:A");
            let row = |no: u32, key: &str| {
                format!(
                    "{no},2026-11-22T09:00:00,赵药师,b,add,drug-sex,set,{key},,item=甲; sex=女\n"
                )
            };
            let log = Log::header() + &row(1, key);
            files.insert(log_of("starter"), log);
            let told = RuleSet::load(&files).unwrap_or_else(|it| panic!("{it:?}"));
            let rule = told.rules().iter().find(|it| it.id == "drug-sex").unwrap();
            let is_there = rule.rows.iter().any(|it| it.key.text() == key);
            assert_eq!((is_there, rule.enabled), (set == "1", true), "{set}");
            let warned = told.warnings().iter().filter(|it| it.code == "R305");
            let warned: Vec<String> = warned.map(ToString::to_string).collect();
            let expected = format!(
                "packs/starter/drug-sex.csv:2:1: warning[R305]: row `set:{key}` of rule `drug-sex` rests with set `{key}`, which it names"
            );
            let expected = if set == "1" { vec![] } else { vec![expected] };
            assert_eq!(warned, expected);
            assert!(told.rules().iter().any(|it| it.id == "long"), "the others go on");
            // So does a shipped rule, as a whole, whose own parameters the hospital hung on it.
            let edit =
                format!("1,2026-11-22T09:00:00,赵药师,b,edit,early-refill,,,,exempt=set:{key}\n");
            files.insert(log_of("insurance"), Log::header() + &edit);
            let told = RuleSet::load(&files).unwrap_or_else(|it| panic!("{it:?}"));
            let rule = told.rules().iter().find(|it| it.id == "early-refill").unwrap();
            assert_eq!(rule.enabled, set == "1", "{set}");
            // A set that nobody has ever made is a mistake, and no update's fault.
            files.insert(log_of("starter"), Log::header() + &row(1, "never"));
            let told = RuleSet::load(&files).map(drop).unwrap_err();
            assert_eq!(told.iter().map(|it| it.code).collect::<Vec<_>>(), ["R110"]);
        }
    }

    #[test]
    fn diagnoses_of_a_set() {
        check(
            "define,set:watched,6",
            "diagnosis",
            "20260801",
            "A hit 版本1（…–…，药事会6，赵药师）, B hit 版本1（…–…，药事会6，赵药师）",
        );
        check("define,set:watched,7", "diagnosis", "20260801", "A no, B no");
    }

    #[test]
    fn doctors_of_a_set() {
        let of = |version: &str| format!("版本1（…–…，药事会{version}，赵药师）");
        let (by, other) = (of("8"), of("9"));
        check("define,set:watched,8", "doctor", "20260801", &format!("A hit {by}, B hit {by}"));
        check("define,set:watched,9", "doctor", "20260801", "A no, B no");
        check(
            "define,set:watched,9",
            "not doctor",
            "20260801",
            &format!("A hit {other}, B hit {other}"),
        );
        let rests = "overlay/own/rule.toml:11:68: warning[R110]: `long` rests until it is edited or deleted";
        let none = format!("{rests}: set `watched` holds no doctor: a member such as doctor:1023");
        check("define,set:watched,6", "doctor", "20260801", &none);
        let rests = "overlay/own/rule.toml:11:19: warning[R110]: `long` rests until it is edited or deleted";
        let none = format!("{rests}: set `watched` holds people and places, and no item");
        check("define,set:watched,8", "set:watched", "20260801", &none);
    }

    /// What a rule says of two drugs that were ordered on a day, or the first warning.
    #[track_caller]
    fn check(changes: &str, key: &str, day: &str, expected: &str) {
        let set = RuleSet::load(&files(changes, key)).unwrap_or_else(|it| panic!("{it:?}"));
        let warning = set.resting().iter().flat_map(Resting::warnings).next();
        let told =
            warning.map_or_else(|| judged(&set, &files(changes, key), day), |it| it.to_string());
        assert_eq!(told, expected, "{changes} {key} {day}");
    }

    fn files(changes: &str, key: &str) -> Files {
        let mut files = Files::from_shipped(crate::SHIPPED);
        let text = |no: usize| {
            let rest = [
                "from = \"2026-01-01\"\nmembers = [\"hospital:A\"]",
                "from = \"2026-07-01\"\nuntil = \"2026-12-31\"\nmembers = [\"hospital:B\"]",
                "from = \"morgen\"\nmembers = [\"hospital:B\"]",
                "members = [ \"set:b\"]",
                "members = [\"hospital:B\"]",
                "members = [\"diagnosis:J18\"]",
                "members = [\"diagnosis:J19\"]",
                "members = [\"doctor:10*\", \"campus:东院\"]",
                "members = [\"doctor:102\", \"department:1023\"]",
            ];
            let id = if no == 5 { "aconite" } else { "watched" };
            format!(
                "[[set]]\nid = \"{id}\"\nsource = \"药事会{no}\"\n{}\n",
                rest.get(no - 1).unwrap()
            )
        };
        let mut log = Log::header();
        let rule = "define,long,rule".to_owned();
        for (no, line) in (1..).zip(changes.lines().map(str::to_owned).chain([rule])) {
            let [what, rule, which]: [&str; 3] =
                line.split(',').collect::<Vec<_>>().try_into().unwrap();
            let cells = match (what, which) {
                ("define", "rule") => "file=rule.toml".to_owned(),
                ("define", _) => format!("file=set-{no}.toml"),
                ("rollback", of) => format!("no={of}"),
                _ => String::new(),
            };
            if let (true, Ok(which)) = (what == "define", which.parse()) {
                files.insert(file_of(&format!("set-{no}.toml")), text(which));
            }
            writeln!(log, "{no},2026-11-22T09:00:00,赵药师,b,{what},{rule},,,,{cells}").unwrap();
        }
        let when = match key {
            "diagnosis" => "{ diagnosis = [\"set:watched\"] }".to_owned(),
            "doctor" => DOCTOR.to_owned(),
            "not doctor" => format!("{{ not = {DOCTOR} }}"),
            key => format!("{{ item = [\"{key}\"] }}"),
        };
        let rule = format!(
            "[[rule]]\nid = \"long\"\nfamily = \"custom\"\nname = \"N\"\nbasis = \"b\"\nseverity = 3\n\
            action = \"reason\"\n[rule.parameters]\nfor = \"order\"\ntext = \"t\"\nwhen = {when}\n"
        );
        files.insert(file_of("rule.toml"), rule);
        files.insert(log_of(PACK), log);
        files
    }

    fn judged(set: &RuleSet, files: &Files, day: &str) -> String {
        let order = |code: &str| {
            format!(r#"{{"rx_id":"{code}","hosplist_code":"{code}","drord_begn_date":"{day}"}}"#)
        };
        let text = format!(
            r#"{{"diagnoses":[{{"dise_codg":"J18.9"}}],"prescriber":{{"drord_dr_codg":"1023"}},"orders":[{},{}]}}"#,
            order("A"),
            order("B")
        );
        let facts = request::read(&text).unwrap();
        let now = "2026-11-22T09:00:00".parse().unwrap();
        let verdict = evaluate(set, &facts, now);
        let of = |code: &str| {
            let mut ours = verdict.findings.iter().filter(|it| it.rule_id == "long");
            let found = ours.find(|it| it.lines.iter().any(|it| it.rx_id == code));
            let Some(found) = found else { return format!("{code} no") };
            let why = explain::explain(set, files, &facts, now, found).unwrap();
            assert_eq!(why.rule_at, "overlay/own/rule.toml");
            let version = why.sets.first().and_then(|it| it.split_once(' ')).unwrap().1.to_owned();
            format!("{code} hit {version}")
        };
        format!("{}, {}", of("A"), of("B"))
    }
}
