//! What the changes in force make of the rules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use schemas::{Files, Problem};

use super::log::{Change, What};
use super::{log_of, logs, own, set, unread};
use crate::knowledge::{self, Key, Row};
use crate::parameter::Column;
use crate::rule::{Action, Rule};
use crate::scope::Scope;
use crate::sets::CodeSets;

/// Applies every overlay; warnings are about changes that have nothing left to change. What was said of
/// a rule that rests waits with it.
pub(crate) fn apply(
    files: &Files,
    (rules, sets): (&mut [Rule], &CodeSets),
    resting: &[own::Resting],
    problems: &mut Vec<Problem>,
) -> Vec<Problem> {
    let logs = logs(files, problems);
    let mut warnings = unread(files, &logs);
    for (pack, log) in logs {
        let file = log_of(&pack);
        for change in log.in_force().filter(|it| !log.is_settled(it)) {
            let site = Site { files, sets, resting, file: &file, pack: &pack, change };
            if change.rule.starts_with(set::PREFIX) && change.what == What::Define {
                continue; // the set came of it
            }
            let rule = rules.iter_mut().find(|rule| rule.id == change.rule && rule.pack == pack);
            let Some(rule) = rule else {
                if pack == own::PACK && resting.iter().any(|it| it.rule == change.rule) {
                    continue;
                }
                let message = format!("pack `{pack}` has no rule `{}`", change.rule);
                warnings.push(site.warning(&message));
                continue;
            };
            match site.apply(rule) {
                Ok(()) => {}
                Err(Fault::NothingLeft(message)) => warnings.push(site.warning(&message)),
                Err(Fault::Wrong(found)) => problems.extend(found),
            }
        }
    }
    warnings
}

/// Why a change could not be made.
enum Fault {
    /// What it is about is not there.
    NothingLeft(String),
    /// It says something that cannot be.
    Wrong(Vec<Problem>),
}

struct Site<'a> {
    files: &'a Files,
    sets: &'a CodeSets,
    resting: &'a [own::Resting],
    file: &'a str,
    pack: &'a str,
    change: &'a Change,
}

impl Site<'_> {
    fn apply(&self, rule: &mut Rule) -> Result<(), Fault> {
        match self.change.what {
            What::Add => self.add(rule),
            What::Edit if self.change.key.is_none() => self.set(rule),
            What::Edit => self.edit(rule),
            What::Disable if self.change.key.is_none() => {
                rule.enabled = false;
                Ok(())
            }
            What::Disable => self.disable(rule),
            What::Enable => {
                rule.enabled = true;
                Ok(())
            }
            What::Restrict => self.restrict(rule),
            What::Import => self.import(rule),
            // The rule came of it; elsewhere there is nothing to make.
            What::Define | What::Remove if self.pack == own::PACK => Ok(()),
            What::Define | What::Remove => {
                Err(self
                    .wrong("R506", format!("only pack `{}` holds rules of this kind", own::PACK)))
            }
            What::Rollback => Ok(()),
        }
    }

    fn add(&self, rule: &mut Rule) -> Result<(), Fault> {
        let text = self.as_file();
        let rows = rows(rule, self.file, &text).map_err(|found| self.moved(found))?;
        Arc::make_mut(&mut rule.rows).extend(rows);
        Ok(())
    }

    fn set(&self, rule: &mut Rule) -> Result<(), Fault> {
        for (name, value) in self.change.cells.iter() {
            rule.set(name, value).map_err(|message| self.wrong("R204", message))?;
        }
        if self.change.cells.get("action").is_some() {
            // What the hospital silences is on trial, wherever a setting would have it speak.
            rule.on_trial = rule.action == Action::Silent;
        }
        Ok(())
    }

    fn edit(&self, rule: &mut Rule) -> Result<(), Fault> {
        let columns = self.columns(rule)?;
        let family = rule.family;
        let (rows, line) = (self.chosen(rule)?, self.change.line);
        let [at] = rows.as_slice() else {
            let message = format!("{} rows have this key; say in `which` which one", rows.len());
            return Err(self.wrong("R503", message));
        };
        let Some(row) = Arc::make_mut(&mut rule.rows).get_mut(*at) else { return Ok(()) };
        for (name, value) in self.change.cells.iter() {
            row.set(columns, name, value).map_err(|message| self.wrong("R204", message))?;
        }
        match family.check_row(&row.parameters) {
            None => Ok(()),
            Some(message) => {
                Err(Fault::Wrong(vec![Problem::error("R208", self.file, (line, 1), message)]))
            }
        }
    }

    fn disable(&self, rule: &mut Rule) -> Result<(), Fault> {
        let gone: HashSet<usize> = self.chosen(rule)?.into_iter().collect();
        let mut at = 0;
        Arc::make_mut(&mut rule.rows).retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
        Ok(())
    }

    fn restrict(&self, rule: &mut Rule) -> Result<(), Fault> {
        let mut scope = Scope::default();
        for (name, value) in self.change.cells.iter() {
            scope.set(name, value).map_err(|message| self.wrong("R204", message))?;
        }
        if let Some(message) = scope.fault(self.sets, self.resting) {
            return Err(self.wrong("R110", message));
        }
        if self.change.key.is_none() {
            rule.scope.get_or_insert_default().narrow(&scope);
            return Ok(());
        }
        for at in self.chosen(rule)? {
            if let Some(row) = Arc::make_mut(&mut rule.rows).get_mut(at) {
                row.scope.get_or_insert_default().narrow(&scope);
            }
        }
        Ok(())
    }

    /// Rows of a published table take the place of rows about the same thing; a table that
    /// supersedes an earlier document ends all its rows the day before.
    fn import(&self, rule: &mut Rule) -> Result<(), Fault> {
        let name = self.change.cells.get("file").unwrap_or_default();
        let file = format!("overlay/{}/{name}", self.pack);
        let Some(text) = self.files.get(&file) else {
            return Err(self.wrong("R505", format!("the file `{name}` of this import is missing")));
        };
        let rows = rows(rule, &file, text).map_err(Fault::Wrong)?;
        let several = rule.family.has_several_rows_per_key();
        let mut new: HashMap<&Key, Vec<&Row>> = HashMap::new();
        for row in &rows {
            new.entry(&row.key).or_default().push(row);
        }
        let ends = self.change.cells.get("supersedes");
        let from = self.change.cells.get("from").and_then(|from| from.parse().ok());
        Arc::make_mut(&mut rule.rows).retain_mut(|row| {
            let is_superseded = ends.is_some_and(|source| row.source.starts_with(source));
            let same = new.get(&row.key).into_iter().flatten();
            let is_replaced = same.clone().any(|it| !several || it.is_for_the_same(row));
            if is_superseded || is_replaced { row.end_before(from) } else { true }
        });
        Arc::make_mut(&mut rule.rows).extend(rows);
        Ok(())
    }

    /// The positions of the rows that a change is about.
    fn chosen(&self, rule: &Rule) -> Result<Vec<usize>, Fault> {
        let columns = self.columns(rule)?;
        let Some((kind, key)) = &self.change.key else { return Ok(Vec::new()) };
        let is_meant = |row: &Row| {
            row.key.kind() == kind
                && row.key.text() == key
                && self.change.which.iter().all(|(name, value)| row.has(columns, name, value))
        };
        let rows = rule.rows.iter().enumerate().filter(|(_, row)| is_meant(row));
        let rows: Vec<_> = rows.map(|(at, _)| at).collect();
        if rows.is_empty() {
            return Err(Fault::NothingLeft(format!("rule `{}` has no such row", rule.id)));
        }
        Ok(rows)
    }

    fn columns(&self, rule: &Rule) -> Result<&'static [Column], Fault> {
        rule.family.rows().columns().ok_or_else(|| {
            let message = format!("family `{}` has no knowledge rows", rule.family.id());
            self.wrong("R108", message)
        })
    }

    /// A new row as a file of one row, so that it is read and proved like every other.
    fn as_file(&self) -> String {
        let (kind, key) = self.change.key.clone().unwrap_or_default();
        let mut cells = vec![("match", kind), ("key", key)];
        cells.extend(self.change.cells.iter().map(|(name, value)| (name, value.to_owned())));
        let said = |name| self.change.cells.get(name).is_some();
        let missing = [
            (!said("source")).then(|| ("source", format!("本院：{}", self.change.reason))),
            (!said("flag")).then(|| ("flag", "B".to_owned())),
        ];
        cells.extend(missing.into_iter().flatten());
        let (names, values): (Vec<_>, Vec<_>) =
            cells.into_iter().map(|(name, value)| (name.to_owned(), value)).unzip();
        format!("{}\n{}\n", crate::table::line(&names), crate::table::line(&values))
    }

    /// The faults of a row that stands in one line of the log.
    fn moved(&self, found: Vec<Problem>) -> Fault {
        let moved = found.into_iter().map(|it| Problem { line: self.change.line, column: 1, ..it });
        Fault::Wrong(moved.collect())
    }

    fn wrong(&self, code: &'static str, message: String) -> Fault {
        Fault::Wrong(vec![Problem::error(code, self.file, (self.change.line, 1), message)])
    }

    fn warning(&self, message: &str) -> Problem {
        let message = format!("change {} has no effect: {message}", self.change.no);
        Problem::warning("R302", self.file, (self.change.line, 1), message)
    }
}

/// Reads rows and proves them as those of a pack are.
fn rows(rule: &Rule, file: &str, text: &str) -> Result<Vec<Row>, Vec<Problem>> {
    let mut problems = Vec::new();
    let columns = rule.family.rows().columns().unwrap_or_default();
    let rows = knowledge::read(file, text, rule.family, columns, &mut problems);
    for row in &rows {
        if let Some(message) = rule.family.check_row(&row.parameters) {
            problems.push(Problem::error("R208", file, (row.line, 1), message));
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fmt::Write as _;

    use super::super::Log;
    use crate::evaluate;
    use crate::pack::RuleSet;
    use crate::request;
    use schemas::Files;

    const PACK: &str =
        "name = \"t\"\nversion = \"1\"\nsource = \"s\"\neffective = \"2026-01-01\"\n";
    const RULE: &str = "[[rule]]\nid = \"r\"\nfamily = \"sex\"\nname = \"n\"\nbasis = \"b\"\nseverity = 1\naction = \"confirm\"\n[[rule]]\nid = \"d\"\nfamily = \"daily_dose\"\nname = \"n\"\nbasis = \"b\"\nseverity = 1\naction = \"reason\"\n";
    const SEX: &str = "match,key,item,sex,source,flag\ncode,XG04CBD247E002010101503,度他雄胺,男,第1批,A\nhospital,Y2,乙,女,第1批,A\nhospital,Y3,丙,女,书,C\n";
    const DOSE: &str = "match,key,item,max_day,source,flag\ningredient,甲,甲,2 g,s,B\n";
    const FIRST: &str = "r: code XG04CBD247E002010101503 男 第1批; hospital Y2 女 第1批; hospital Y3 女 书 | d: ingredient 甲 2g s";

    #[test]
    fn rows_are_added_edited_and_disabled() {
        check("", FIRST);
        check(
            "add,r,hospital,Y9,,item=院内制剂; sex=女",
            &FIRST.replace(" | d", "; hospital Y9 女 本院：药事会 | d"),
        );
        check(
            "edit,r,hospital,Y2,,sex=男; source=药事会",
            &FIRST.replace("Y2 女 第1批", "Y2 男 药事会"),
        );
        check("edit,d,ingredient,甲,max_day=2000 mg,max_day=1.5 g", &FIRST.replace("2g", "1.5g"));
        check("disable,r,hospital,Y2,,", &FIRST.replace("; hospital Y2 女 第1批", ""));
        check("disable,r,hospital,Y2,,\nrollback,,,,,no=1", FIRST);
        check("disable,r,,,,", &FIRST.replace("r:", "r off:"));
        check("disable,r,,,,\nenable,r,,,,", FIRST);
        check("edit,r,,,,severity=3; action=hint", &FIRST.replace("r:", "r 3 hint:"));
    }

    #[test]
    fn a_pharmacist_signs_a_row() {
        let request = r#"{"patient":{"gend":"1"},"orders":[{"rx_id":"1","hosplist_code":"Y3","hosplist_name":"丙","hilist_code":"XA"}]}"#;
        judge("", request, "nothing");
        judge("edit,r,hospital,Y3,,flag=B", request, "【丙】限女性使用，患者性别为男");
    }

    #[test]
    fn a_restriction_holds_only_there_and_says_when_it_cannot_tell() {
        let request = |department: &str| {
            format!(
                r#"{{"patient":{{"gend":"1"}},"encounter":{{"med_mdtrt_type":"1"{department}}},"orders":[{{"rx_id":"1","hosplist_code":"Y2","hosplist_name":"乙","hilist_code":"XA"}}]}}"#
            )
        };
        let hit = "【乙】限女性使用，患者性别为男";
        for change in ["restrict,r,hospital,Y2,,departments=妇科", "restrict,r,,,,departments=妇科"]
        {
            judge(change, &request(r#","adm_dept_name":"妇科""#), hit);
            judge(change, &request(r#","adm_dept_name":"外科""#), "nothing");
            judge(change, &request(""), "unknown encounter.adm_dept_codg");
        }
        judge("restrict,r,hospital,Y2,,to=2026-05-14", &request(""), "nothing");
        judge("restrict,r,,,,scenes=inpatient", &request(""), "nothing");
    }

    #[test]
    fn an_import_takes_the_place_of_what_it_supersedes() {
        let table = "match,key,item,sex,source,flag,from\nhospital,Y2,乙,男,第2批,A,2026-03-01\nhospital,Y4,丁,女,第2批,A,2026-03-01\n";
        let new = "hospital Y2 男 第2批; hospital Y4 女 第2批 | d";
        let import = "import,r,,,,file=import-1.csv; from=2026-03-01";
        let expected = FIRST
            .replace("Y2 女 第1批", "Y2 女 第1批 to 2026-02-28")
            .replace(" | d", &format!("; {new}"));
        check_with(table, import, &expected);
        let import = format!("{import}; supersedes=第1批");
        let expected = expected.replace("男 第1批", "男 第1批 to 2026-02-28");
        check_with(table, &import, &expected);
        check_with(table, &format!("{import}\nrollback,,,,,no=1"), FIRST);
        check_with(
            &table.replace("男", "雄"),
            &import,
            "overlay/t/import-1.csv:2:15: error[R204]: `雄` is not one of 男, 女",
        );
        check(
            &import,
            "overlay/t/changes.csv:2:1: error[R505]: the file `import-1.csv` of this import is missing",
        );
    }

    #[test]
    fn a_change_that_cannot_be_refuses_the_set() {
        let fault = |rest: &str| format!("overlay/t/changes.csv:2:1: error{rest}");
        check("edit,r,hospital,Y2,,sex=雄", &fault("[R204]: `雄` is not one of 男, 女"));
        check(
            "edit,r,hospital,Y2,,colour=red",
            &fault("[R204]: unknown column `colour`; known are item, sex, source, flag, from, to"),
        );
        check("edit,r,,,,severity=9", &fault("[R204]: `severity` must be one of 1, 2, 3"));
        check("add,r,hospital,Y9,,item=x", &fault("[R202]: column `sex` is missing"));
        check(
            "add,r,code,XG,,item=x; sex=女",
            &fault("[R205]: `XG` has 2 characters; a code has 23 (X), 20 (Z), 10 (T) or 15 digits"),
        );
        check(
            "restrict,r,,,,departments=儿科; colour=red",
            &fault(
                "[R204]: `colour` is not one of scenes, from, to, regions, campuses, departments, doctors",
            ),
        );
    }

    #[test]
    fn what_is_gone_from_the_pack_is_a_warning() {
        let warning = |rest: &str| {
            format!(
                "{FIRST} ! overlay/t/changes.csv:2:1: warning[R302]: change 1 has no effect: {rest}"
            )
        };
        check("disable,r,hospital,Y7,,", &warning("rule `r` has no such row"));
        check("disable,r,hospital,Y2,sex=男,", &warning("rule `r` has no such row"));
        check("disable,x,,,,", &warning("pack `t` has no rule `x`"));
        let unread = "overlay/t/import-1.csv:1:1: warning[R303]: nothing reads this file; changes.csv and settings.toml are read here";
        check_with("x", "", &format!("{FIRST} ! {unread}"));
    }

    fn files(import: &str, changes: &str) -> Files {
        let mut log = Log::header();
        for (no, change) in (1..).zip(changes.lines()) {
            let (what, rest) = change.split_once(',').unwrap();
            writeln!(log, "{no},2026-01-05T09:30:00,赵药师,药事会,{what},{rest}").unwrap();
        }
        let texts = [("pack.toml", PACK), ("rules.toml", RULE), ("r.csv", SEX), ("d.csv", DOSE)];
        let mut files: Files =
            texts.iter().map(|(name, text)| (format!("packs/t/{name}"), *text)).collect();
        files.insert("overlay/t/changes.csv", log);
        if !import.is_empty() {
            files.insert("overlay/t/import-1.csv", import);
        }
        files
    }

    #[track_caller]
    fn check(changes: &str, expected: &str) {
        check_with("", changes, expected);
    }

    /// The rules that come of it, and after `!` the warnings; or the problems.
    #[track_caller]
    fn check_with(import: &str, changes: &str, expected: &str) {
        let shown = match RuleSet::load(&files(import, changes)) {
            Ok(set) => shown(&set),
            Err(found) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        };
        assert_eq!(shown, expected, "{changes}");
    }

    fn shown(set: &RuleSet) -> String {
        let rules: Vec<_> = set.rules().iter().map(shown_rule).collect();
        let own = set.warnings().iter().filter(|it| ["R302", "R303"].contains(&it.code));
        let warnings: Vec<_> = own.map(|it| format!(" ! {it}")).collect();
        format!("{}{}", rules.join(" | "), warnings.concat())
    }

    fn shown_rule(rule: &crate::rule::Rule) -> String {
        let rows = rule.rows.iter().map(|row| {
            let value = match row.parameters.maybe_text("sex") {
                Some(sex) => sex.to_owned(),
                None => row.parameters.dose("max_day").to_string(),
            };
            let to = row.to.map(|to| format!(" to {to}")).unwrap_or_default();
            format!("{} {} {value} {}{to}", row.key.kind(), row.key.text(), row.source)
        });
        let rows = rows.collect::<Vec<_>>().join("; ");
        let off = if rule.enabled { "" } else { " off" };
        let changed = if rule.action.name() == "hint" {
            format!(" {} hint", rule.severity.code())
        } else {
            String::new()
        };
        format!("{}{off}{changed}: {rows}", rule.id)
    }

    #[track_caller]
    fn judge(changes: &str, request: &str, expected: &str) {
        let set = RuleSet::load(&files("", changes)).unwrap();
        let facts = request::read(request).unwrap();
        let verdict = evaluate(&set, &facts, "2026-05-15T09:20:00".parse().unwrap());
        let of_sex = verdict.unknown.iter().filter(|it| it.rule_id == "r");
        let unknown = of_sex.map(|it| format!("unknown {}", it.missing.join(",")));
        let said: Vec<_> =
            verdict.findings.iter().map(|it| it.text.clone()).chain(unknown).collect();
        let said = if said.is_empty() { "nothing".to_owned() } else { said.join("; ") };
        assert_eq!(said, expected, "{changes}");
    }
}
