//! Rule packs: folders of data that become one proved set of rules.
//!
//! `packs/<pack>/pack.toml` says what the pack is, `rules.toml` lists its rules, `<rule>.csv` holds
//! the knowledge rows of a rule, `drugs.csv` a drug table, `ingredients.csv` their classes, `cases.toml` inputs with the verdict they
//! must get. A set is loaded whole or not at all, and every fault is told with its place. What a
//! hospital changes one by one is logged in an [`overlay`]. What it writes anew lies in a pack of its
//! own that `overlays` the shipped one: a rule of the same id replaces it (and keeps its rows unless
//! it brings its own), a row or drug of the same key replaces that row or drug.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use schemas::{Files, Problem};

use crate::drug::DrugTable;
use crate::family::Rows;
use crate::index::Index;
use crate::knowledge::{self, Confidence, Key, Row};
use crate::overlay;
use crate::overlay::own::Resting;
use crate::rule::{Action, Rule};
use crate::sets::CodeSets;
use crate::setting;
use crate::tree::{Source, Table};

/// What a pack says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Its folder.
    pub folder: String,
    /// Its name for people.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where its knowledge comes from.
    pub source: String,
    /// In force from this day.
    pub effective: Date,
    /// The pack it changes.
    pub overlays: Option<String>,
}

/// All rules in force, proved and indexed.
#[derive(Debug)]
pub struct RuleSet {
    packs: Vec<Pack>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) drugs: DrugTable,
    pub(crate) sets: CodeSets,
    pub(crate) index: Index,
    resting: Vec<Resting>,
    warnings: Vec<Problem>,
}

impl RuleSet {
    /// Loads every pack under `packs/`; one fault refuses the set, and all faults are told.
    pub fn load(files: &Files) -> Result<RuleSet, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut packs = packs(files, &mut problems);
        let mut rules = Vec::new();
        let mut drugs = DrugTable::default();
        let mut sets = CodeSets::default();
        for pack in &packs {
            add_sets(files, pack, &mut sets, &mut problems);
            add_rules(files, pack, &mut rules, &mut problems);
            let file = format!("packs/{}/drugs.csv", pack.folder);
            if let Some(text) = files.get(&file) {
                drugs.read(&file, text, pack.overlays.is_some(), &mut problems);
            }
            let file = format!("packs/{}/ingredients.csv", pack.folder);
            if let Some(text) = files.get(&file) {
                drugs.atc.read(&file, text, pack.overlays.is_some(), &mut problems);
            }
        }
        packs.extend(overlay::own::pack(files));
        let mut resting = overlay::set::add(files, &mut sets, &mut problems);
        resting.extend(overlay::own::add(files, &mut rules, &mut problems));
        resting.extend(overlay::own::without_their_sets(files, &mut rules, &sets));
        rules.iter_mut().for_each(end_superseded);
        let mut warnings = overlay::apply(files, (&mut rules, &sets), &resting, &mut problems);
        setting::read(files, &packs, (&mut rules, &sets, &resting), &mut problems);
        warnings.extend(overlay::set::rest_with_them(&mut rules, (&sets, &resting)));
        // The hospital's own come last: whatever they cost, no deadline is taken from the others.
        rules.sort_by_key(|rule| rule.family.id() == "custom");
        for rule in &rules {
            unknown_sets(rule, (&sets, &resting), &mut problems);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        warnings.extend(unknown_ingredients(&rules, &drugs));
        warnings.extend(rules.iter().filter_map(weakened));
        warnings.extend(resting.iter().flat_map(Resting::warnings));
        let index = Index::new(&rules, &sets);
        Ok(RuleSet { packs, rules, drugs, sets, index, resting, warnings })
    }

    /// The packs that come with the program.
    pub fn shipped() -> Result<RuleSet, Vec<Problem>> {
        RuleSet::load(&Files::from_shipped(crate::SHIPPED))
    }

    /// The packs, base packs first.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// The rules, in the order in which they are judged.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The drug table.
    pub fn drugs(&self) -> &DrugTable {
        &self.drugs
    }

    /// The named sets.
    pub fn sets(&self) -> &CodeSets {
        &self.sets
    }

    /// What somebody should look at, though the set is usable.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Rules of the hospital's own that do not fit, and why.
    pub fn resting(&self) -> &[Resting] {
        &self.resting
    }

    /// The versions of all packs: `starter 2026.1`.
    #[must_use]
    pub fn version(&self) -> String {
        let versions: Vec<_> =
            self.packs.iter().map(|pack| format!("{} {}", pack.folder, pack.version)).collect();
        versions.join(", ")
    }
}

/// What a pack knows of drugs, whichever rules it has.
const DRUG_TABLES: [&str; 2] = ["drugs.csv", "ingredients.csv"];

/// The packs in the order in which they apply: what overlays comes after what it changes.
fn packs(files: &Files, problems: &mut Vec<Problem>) -> Vec<Pack> {
    let folders: BTreeSet<&str> = files
        .iter()
        .filter_map(|(path, _)| path.strip_prefix("packs/")?.split_once('/').map(|(name, _)| name))
        .collect();
    let read = folders.iter().filter_map(|folder| pack(files, folder, problems));
    let mut packs: Vec<Pack> = read.collect();
    packs.sort_by_key(|pack| pack.overlays.is_some());
    for pack in &packs {
        let Some(base) = &pack.overlays else { continue };
        if !folders.contains(base.as_str()) {
            let file = format!("packs/{}/pack.toml", pack.folder);
            problems.push(Problem::error(
                "R109",
                file,
                (1, 1),
                format!("there is no pack `{base}`"),
            ));
        }
    }
    packs
}

fn pack(files: &Files, folder: &str, problems: &mut Vec<Problem>) -> Option<Pack> {
    let file = format!("packs/{folder}/pack.toml");
    let Some(text) = files.get(&file) else {
        problems.push(Problem::error("R107", file, (1, 1), "the pack has no pack.toml"));
        return None;
    };
    let source = Source { file: &file, text };
    let tree = source.parse(problems);
    let root = Table { source, members: tree.get_ref(), at: tree.span() };
    root.only(&["name", "version", "source", "effective", "overlays", "signer"], problems);
    let effective = root.text("effective", problems).and_then(|text| {
        let day = text.parse().ok();
        if day.is_none() {
            problems.push(root.fault("effective", "write a day such as \"2026-01-28\"".to_owned()));
        }
        day
    });
    let name = root.text("name", problems);
    let version = root.text("version", problems);
    let origin = root.text("source", problems);
    Some(Pack {
        folder: folder.to_owned(),
        overlays: root.maybe_text("overlays", problems).map(str::to_owned),
        name: name?.to_owned(),
        version: version?.to_owned(),
        source: origin?.to_owned(),
        effective: effective?,
    })
}

fn add_rules(files: &Files, pack: &Pack, rules: &mut Vec<Rule>, problems: &mut Vec<Problem>) {
    let folder = format!("packs/{}/", pack.folder);
    let file = format!("{folder}rules.toml");
    let mut used = BTreeSet::new();
    if let Some(text) = files.get(&file) {
        let source = Source { file: &file, text };
        let tree = source.parse(problems);
        let root = Table { source, members: tree.get_ref(), at: tree.span() };
        root.only(&["rule"], problems);
        for table in root.tables("rule", problems) {
            if let Some(id) = table.maybe_text("id", &mut Vec::new()) {
                used.insert(format!("{folder}{id}.csv"));
            }
            let Some(mut rule) = Rule::parse(&table, &pack.folder, problems) else { continue };
            read_rows(files, &folder, &mut rule, &table, problems);
            place(rule, pack, &table, rules, problems);
        }
    }
    for (path, _) in files.iter().filter(|(path, _)| path.starts_with(&folder)) {
        let is_rows = path.rsplit_once('.').is_some_and(|(_, kind)| kind == "csv")
            && !DRUG_TABLES.iter().any(|name| *path == format!("{folder}{name}"))
            && !path.starts_with(&format!("{folder}sets/"));
        if is_rows && !used.contains(path) {
            let message = "no rule of this pack has the name of this file";
            problems.push(Problem::error("R108", path, (1, 1), message));
        }
    }
}

fn read_rows(
    files: &Files,
    folder: &str,
    rule: &mut Rule,
    table: &Table<'_>,
    problems: &mut Vec<Problem>,
) {
    let file = format!("{folder}{}.csv", rule.id);
    match (rule.family.rows(), files.get(&file)) {
        (Rows::None, Some(_)) => {
            let message = format!("family `{}` has no knowledge rows", rule.family.id());
            problems.push(Problem::error("R108", file, (1, 1), message));
        }
        (Rows::Optional(columns) | Rows::Required(columns) | Rows::Beside(columns), Some(text)) => {
            rule.rows = Arc::new(knowledge::read(&file, text, rule.family, columns, problems));
            for row in rule.rows.iter() {
                if let Some(message) = rule.family.check_row(&row.parameters) {
                    problems.push(Problem::error("R208", &file, (row.line, 1), message));
                }
            }
        }
        // An overlay may change a rule and leave its rows where they are: see `place`.
        (Rows::None | Rows::Optional(_) | Rows::Beside(_), None) => {}
        (Rows::Required(_), None) => {
            if !files.iter().any(|(path, _)| path.ends_with(&format!("/{}.csv", rule.id))) {
                let message = format!("`{}.csv` with the knowledge rows is missing", rule.id);
                problems.push(table.source.error("R107", &table.at, message));
            }
        }
    }
}

/// Adds a rule, or lets an overlay's rule take the place of the one it changes.
fn place(
    mut rule: Rule,
    pack: &Pack,
    table: &Table<'_>,
    rules: &mut Vec<Rule>,
    problems: &mut Vec<Problem>,
) {
    let Some(at) = rules.iter_mut().find(|known| known.id == rule.id) else {
        rules.push(rule);
        return;
    };
    if pack.overlays.as_ref() != Some(&at.pack) {
        let message = format!("rule `{}` is already in pack `{}`", rule.id, at.pack);
        problems.push(table.source.error("R106", &table.place_of("id"), message));
        return;
    }
    let changed: BTreeSet<&Key> = rule.rows.iter().map(|row| &row.key).collect();
    let kept: Vec<Row> =
        at.rows.iter().filter(|row| !changed.contains(&row.key)).cloned().collect();
    Arc::make_mut(&mut rule.rows).extend(kept);
    *at = rule;
}

/// A row that supersedes an earlier document ends that document's rows about the same, the day before
/// it begins.
fn end_superseded(rule: &mut Rule) {
    let several = rule.family.has_several_rows_per_key();
    let new: Vec<Row> = rule.rows.iter().filter(|row| row.supersedes.is_some()).cloned().collect();
    let mut by_key: HashMap<&Key, Vec<&Row>> = HashMap::new();
    for row in &new {
        by_key.entry(&row.key).or_default().push(row);
    }
    if by_key.is_empty() {
        return;
    }
    Arc::make_mut(&mut rule.rows).retain_mut(|row| {
        let mut later = by_key.get(&row.key).into_iter().flatten();
        let by = later.find(|it| {
            let is_meant = it.supersedes.as_ref().is_some_and(|it| row.source.starts_with(&**it));
            is_meant && (!several || it.is_for_the_same(row)) && ***it != *row
        });
        by.is_none_or(|by| row.end_before(by.from))
    });
}

/// A row or parameter that names a set which no pack has would silently be about nothing.
fn unknown_sets(
    rule: &Rule,
    (sets, resting): (&CodeSets, &[Resting]),
    problems: &mut Vec<Problem>,
) {
    let in_rows = rule.rows.iter().flat_map(|row| {
        let keys = std::iter::once(&row.key).chain(row.parameters.all_keys());
        keys.map(move |key| (key, row.line))
    });
    let in_rule = rule.parameters.all_keys().map(|key| (key, 1));
    let of_items = in_rows.chain(in_rule).filter_map(|(key, line)| {
        let Key::Set(name) = key else { return None };
        if overlay::set::rests(resting, name) {
            return None; // and what names it, with it
        }
        Some((line, sets.fault_of(name)?))
    });
    let parties = rule.parameters.party_sets();
    let of_parties =
        parties.filter_map(|(kind, name)| Some((1, sets.fault_of_parties(name, kind)?)));
    for (line, message) in of_items.chain(of_parties) {
        let file = format!("packs/{}/{}.csv", rule.pack, rule.id);
        problems.push(Problem::error("R110", file, (line, 1), message));
    }
}

fn add_sets(files: &Files, pack: &Pack, sets: &mut CodeSets, problems: &mut Vec<Problem>) {
    let folder = format!("packs/{}/sets/", pack.folder);
    for (path, text) in files.iter() {
        let name = path.strip_prefix(&folder).and_then(|name| name.strip_suffix(".csv"));
        if let Some(name) = name {
            sets.read((name, &pack.name), (path, text), problems);
        }
    }
}

/// A rule that says it blocks, of a family that never does.
fn weakened(rule: &Rule) -> Option<Problem> {
    let is_weakened = rule.action == Action::Block && rule.family.never_blocks();
    let file = format!("packs/{}/rules.toml", rule.pack);
    let message = format!(
        "rule `{}` cannot block, since family `{}` never does: the doctor is asked to confirm",
        rule.id,
        rule.family.id()
    );
    is_weakened.then(|| Problem::warning("R304", file, (1, 1), message))
}

/// A row about an ingredient that no product contains can never match: most likely a typing error.
fn unknown_ingredients(rules: &[Rule], drugs: &DrugTable) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for rule in rules {
        let in_use = rule.rows.iter().filter(|row| row.flag != Confidence::Unconfirmed);
        for row in in_use {
            let Key::Ingredient(name) = &row.key else { continue };
            if !drugs.has_ingredient(name) {
                let file = format!("packs/{}/{}.csv", rule.pack, rule.id);
                let message = format!("no drug table has the ingredient `{name}`");
                warnings.push(Problem::warning("R301", file, (row.line, 1), message));
            }
        }
    }
    warnings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::families;

    const PACK: &str =
        "name = \"t\"\nversion = \"1\"\nsource = \"s\"\neffective = \"2026-01-01\"\n";
    const RULE: &str = "[[rule]]\nid = \"r\"\nfamily = \"sex\"\nname = \"n\"\nbasis = \"b\"\nseverity = 1\naction = \"confirm\"\n";
    const ROWS: &str = "match,key,item,sex,source,flag\n";
    const ROW: &str = "code,XG04CBD247E002010101503,度他雄胺,男,batch 1,A\n";

    #[test]
    fn what_is_shipped_has_no_fault() {
        let set = RuleSet::shipped()
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(set.as_ref().err(), None);
        assert_eq!(set.unwrap().warnings(), []);
    }

    #[test]
    fn every_bad_row_is_told_with_its_place() {
        let rows = format!(
            "{ROWS}{ROW}code,XG04,a,男,s,A\nprefix,XG04CBD247,b,雄,s,D\n{ROW}drug,1,,女,s,A\nprefix,XG04CBD24\n"
        );
        check(
            &[("pack.toml", PACK), ("rules.toml", RULE), ("r.csv", &rows)],
            "packs/t/r.csv:3:6: error[R205]: `XG04` has 4 characters; a code has 23 (X), 20 (Z), 10 (T) or 15 digits
packs/t/r.csv:4:25: error[R204]: `D` is not A, B or C
packs/t/r.csv:4:21: error[R204]: `雄` is not one of 男, 女
packs/t/r.csv:5:6: error[R206]: this key already has a row above
packs/t/r.csv:6:1: error[R204]: `drug` is not one of hospital, code, prefix, ingredient, class, atc, set, diagnosis, surgery
packs/t/r.csv:6:8: error[R203]: `item` must not be empty
packs/t/r.csv:7:1: error[R207]: 2 cells, the header has 6",
        );
    }

    #[test]
    fn bad_rules() {
        let rules = "[[rule]]\nid = \"r\"\nfamily = \"sexx\"\nname = \"n\"\nbasis = 3\nseverity = 4\naction = \"stop\"\nscenes = [\"x\"]\ncolour = 1\n[[rule]]\nid = \"d\"\nfamily = \"prescription_days\"\nname = \"n\"\nbasis = \"b\"\nseverity = 1\naction = \"reason\"\nparameters = { outpatient_days_max = \"seven\", speed = 1 }\n";
        check(
            &[("pack.toml", PACK), ("rules.toml", rules)],
            "packs/t/rules.toml:9:1: error[R102]: unknown key `colour`; known are id, family, official_code, name, basis, severity, action, behaviour, enabled, scenes, exempt_self_pay, on_missing, parameters
packs/t/rules.toml:3:10: error[R105]: no family `sexx`; known are FAMILIES
packs/t/rules.toml:6:12: error[R104]: `severity` must be one of 1, 2, 3
packs/t/rules.toml:7:10: error[R104]: `action` must be one of block, reason, self_pay, confirm, hint, silent
packs/t/rules.toml:5:9: error[R104]: `basis` must be a text in quotes
packs/t/rules.toml:8:11: error[R104]: no scene `x`; known are outpatient, inpatient, discharge, internet, pharmacist, nurse, pre_settlement, settlement, daily_batch, monthly_batch
packs/t/rules.toml:17:47: error[R102]: unknown key `speed`; known are outpatient_days_max, emergency_days_max, long_days_max, min_pack_ok, kinds_apart
packs/t/rules.toml:17:38: error[R104]: `seven` is not a whole number up to 100000
packs/t/rules.toml:10:1: error[R103]: parameter `emergency_days_max` is missing
packs/t/rules.toml:10:1: error[R103]: parameter `long_days_max` is missing",
        );
    }

    #[test]
    fn bad_packs() {
        check(
            &[("rules.toml", RULE)],
            "packs/t/pack.toml:1:1: error[R107]: the pack has no pack.toml",
        );
        check(
            &[("pack.toml", "name = \"t\"\nversion = \noverlays = \"none\"\n")],
            "packs/t/pack.toml:2:11: error[R101]: string values must be quoted, expected literal string
packs/t/pack.toml:1:1: error[R103]: `effective` is missing
packs/t/pack.toml:1:1: error[R103]: `source` is missing",
        );
        check(
            &[("pack.toml", PACK), ("rules.toml", RULE), ("x.csv", ROWS)],
            "packs/t/rules.toml:1:1: error[R107]: `r.csv` with the knowledge rows is missing
packs/t/x.csv:1:1: error[R108]: no rule of this pack has the name of this file",
        );
        let twice = format!("{RULE}{RULE}");
        check(
            &[("pack.toml", PACK), ("rules.toml", &twice), ("r.csv", ROWS)],
            "packs/t/rules.toml:9:6: error[R106]: rule `r` is already in pack `t`",
        );
        check(
            &[("pack.toml", PACK), ("rules.toml", RULE), ("r.csv", "match,key,item,colour,source,flag\n")],
            "packs/t/r.csv:1:16: error[R201]: unknown column `colour`; known are match, key, item, sex, source, flag, from, to, supersedes, document_row, hash
packs/t/r.csv:1:1: error[R202]: column `sex` is missing",
        );
    }

    #[test]
    fn bad_drugs() {
        let drugs = "match,key,name,ingredients,strengths,piece,form,tier\nhospital,Y1,药,甲+乙,5 mg,片,口服,\nhospital,Y2,药,甲,5,片,吞服,高级\nhospital,Y1,药,甲,?,勺,口服,\nprefix,XG,药,甲,?,片,口服,\n";
        check(
            &[("pack.toml", PACK), ("drugs.csv", drugs)],
            "packs/t/drugs.csv:2:19: error[R204]: 1 strengths for 2 ingredients; write ? for an unknown one
packs/t/drugs.csv:3:17: error[R204]: `5` is not a dose with its unit, such as 325 mg, nor ?
packs/t/drugs.csv:3:21: error[R204]: `吞服` is not one of 口服, 注射, 外用, 吸入, 其他
packs/t/drugs.csv:3:24: error[R204]: `高级` is not one of 非限制, 限制, 特殊
packs/t/drugs.csv:4:19: error[R204]: `勺` is not a piece such as 片
packs/t/drugs.csv:5:8: error[R205]: `XG` is no prefix; write 10 or 14 characters (X) or 11 (Z)",
        );
    }

    #[test]
    fn an_overlay_changes_a_rule_and_keeps_its_rows() {
        let mut files = Files::default();
        for (path, text) in
            [("pack.toml", PACK), ("rules.toml", RULE), ("r.csv", &format!("{ROWS}{ROW}"))]
        {
            files.insert(format!("packs/t/{path}"), text);
        }
        let over = format!("{PACK}overlays = \"t\"\n");
        files.insert("packs/a-site/pack.toml", over);
        files.insert("packs/a-site/rules.toml", RULE.replace("confirm", "hint"));
        let more = format!(
            "{ROWS}code,XG04CBD247E002010101503,度他雄胺,女,site,A\nprefix,XG04CBD248,x,男,site,C\n"
        );
        files.insert("packs/a-site/r.csv", more);
        let set = RuleSet::load(&files).unwrap();
        let rule = &set.rules()[0];
        let rows: Vec<_> = rule
            .rows
            .iter()
            .map(|row| format!("{} {}", row.parameters.text("sex"), row.source))
            .collect();
        assert_eq!(rule.action.name(), "hint");
        assert_eq!(rows, ["女 site", "男 site"]);
        assert_eq!(set.version(), "t 1, a-site 1");
    }

    #[test]
    fn a_revision_ends_what_it_supersedes() {
        let rows = "match,key,item,sex,source,flag,from,to,supersedes\ncode,XG04CBD247E002010101503,甲,男,第1批,A,,,\nhospital,Y2,乙,男,第1批,A,,,\ncode,XG04CBD247E002010101503,甲,女,修订,A,2026-01-28,,第1批\nhospital,Y3,丙,男,修订,A,,,第1批\nhospital,Y3,丙,女,第1批,A,2025-01-01,,\n";
        let texts = [("pack.toml", PACK), ("rules.toml", RULE), ("r.csv", rows)];
        let files: Files =
            texts.iter().map(|(name, text)| (format!("packs/t/{name}"), *text)).collect();
        let set = RuleSet::load(&files).unwrap();
        let rows = set.rules()[0].rows.iter().map(|row| {
            let day = |it: Option<Date>| it.map(|it| it.to_string()).unwrap_or_default();
            let sex = row.parameters.text("sex");
            format!("{} {sex} {}..{}", row.key.text(), day(row.from), day(row.to))
        });
        assert_eq!(
            rows.collect::<Vec<_>>(),
            [
                "XG04CBD247E002010101503 男 ..2026-01-27",
                "Y2 男 ..",
                "XG04CBD247E002010101503 女 2026-01-28..",
                "Y3 男 ..",
            ]
        );
    }

    #[track_caller]
    fn check(pack: &[(&str, &str)], expected: &str) {
        let mut files = Files::default();
        for (path, text) in pack {
            files.insert(format!("packs/t/{path}"), *text);
        }
        let problems = RuleSet::load(&files).err().unwrap_or_default();
        let actual: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let families: Vec<_> = families::all().map(crate::family::Family::id).collect();
        assert_eq!(actual.join("\n"), expected.replace("FAMILIES", &families.join(", ")));
    }
}
