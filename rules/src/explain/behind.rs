//! Which rows a finding hangs on, and where they are written.

use schemas::Files;

use crate::family::{Case, Hit, Outcome};
use crate::knowledge::{Confidence, Row};
use crate::overlay::own;
use crate::rule::Rule;

/// A knowledge row behind a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowBehind {
    /// Where it is written, `packs/starter/drug-sex.csv:14`.
    pub at: String,
    /// What it hangs on, `ingredient:布洛芬`.
    pub key: String,
    /// The item in words.
    pub item: String,
    /// Its cells: name for people and value.
    pub cells: Vec<(&'static str, String)>,
    /// Where it was read.
    pub source: String,
    /// How sure it is: A, B or C.
    pub flag: &'static str,
    /// From when to when it is in force, where that is bounded.
    pub in_force: Option<String>,
}

/// The rows that the hit needs; when several rows each suffice, all of them.
pub(super) fn rows(files: &Files, case: &Case<'_>, hit: &Hit) -> Vec<RowBehind> {
    let matched = matched(case);
    let needed = |row: &&Row| !still_hits(case, hit, |it| !std::ptr::eq(it, *row));
    let mut behind: Vec<&Row> = matched.iter().copied().filter(needed).collect();
    if behind.is_empty() {
        let suffices = |row: &&Row| still_hits(case, hit, |it| std::ptr::eq(it, *row));
        behind = matched.iter().copied().filter(suffices).collect();
    }
    behind.into_iter().map(|row| told(files, case.rule, row)).collect()
}

/// Every row that is about something of this check, once; bounded, since each is judged by again.
fn matched<'a>(case: &Case<'a>) -> Vec<&'a Row> {
    let of_lines = case.matches.iter().map(|it| it.row);
    let of_diagnoses = case.diagnosis_matches.iter().map(|(row, _)| *row);
    let of_surgeries = case.surgery_matches.iter().map(|(row, _)| *row);
    let mut rows: Vec<&Row> = Vec::new();
    for row in of_lines.chain(of_diagnoses).chain(of_surgeries) {
        if rows.len() < ROWS_MAX && !rows.iter().any(|it| std::ptr::eq(*it, row)) {
            rows.push(row);
        }
    }
    rows
}

/// Whether the same is hit when only these rows are known.
fn still_hits(case: &Case<'_>, hit: &Hit, keep: impl Fn(&Row) -> bool) -> bool {
    let matches: Vec<_> = case.matches.iter().filter(|it| keep(it.row)).copied().collect();
    let diagnoses: Vec<_> =
        case.diagnosis_matches.iter().filter(|(row, _)| keep(row)).copied().collect();
    let surgeries: Vec<_> =
        case.surgery_matches.iter().filter(|(row, _)| keep(row)).copied().collect();
    let fewer = Case {
        matches: &matches,
        diagnosis_matches: &diagnoses,
        surgery_matches: &surgeries,
        ..*case
    };
    fewer.rule.family.judge(&fewer).iter().any(|it| matches!(it, Outcome::Hit(it) if it == hit))
}

fn told(files: &Files, rule: &Rule, row: &Row) -> RowBehind {
    let columns = rule.family.rows().columns().unwrap_or_default();
    let zh =
        |name: &'static str| columns.iter().find(|it| it.name == name).map_or(name, |it| it.zh);
    let day = |day: Option<jiff::civil::Date>| day.map_or("…".to_owned(), |it| it.to_string());
    let is_bounded = row.from.is_some() || row.to.is_some();
    RowBehind {
        at: row_at(files, rule, row),
        key: row.key.to_string(),
        item: row.item.to_string(),
        cells: row.parameters.iter().map(|(name, it)| (zh(name), it.to_string())).collect(),
        source: row.source.to_string(),
        flag: match row.flag {
            Confidence::Official => "A",
            Confidence::Secondary => "B",
            Confidence::Unconfirmed => "C",
        },
        in_force: is_bounded.then(|| format!("{}–{}", day(row.from), day(row.to))),
    }
}

/// A row knows its line, and a rule may have rows of several packs: the file is the one that has
/// the row's key on that line.
fn row_at(files: &Files, rule: &Rule, row: &Row) -> String {
    let name = format!("/{}.csv", rule.id);
    let position = usize::try_from(row.line).unwrap_or_default().saturating_sub(1);
    let has = |text: &str| text.lines().nth(position).is_some_and(|it| it.contains(row.key.text()));
    let found = files.iter().find(|(path, text)| path.ends_with(&name) && has(text));
    match found {
        Some((path, _)) => format!("{path}:{}", row.line),
        None => format!("overlay/{}/changes.csv", rule.pack),
    }
}

/// Where the rule is written.
pub(super) fn rule_at(files: &Files, rule: &Rule) -> String {
    if let Some(path) = own::path_of(files, rule) {
        return path;
    }
    let path = format!("packs/{}/rules.toml", rule.pack);
    let quoted = format!("\"{}\"", rule.id);
    let is_id = |line: &str| {
        let rest = line.trim_start().strip_prefix("id");
        rest.is_some_and(|it| it.trim_start().trim_start_matches('=').trim().starts_with(&quoted))
    };
    let line = files.get(&path).and_then(|text| text.lines().position(is_id));
    line.map_or_else(|| path.clone(), |line| format!("{path}:{}", line + 1))
}

const ROWS_MAX: usize = 256;
