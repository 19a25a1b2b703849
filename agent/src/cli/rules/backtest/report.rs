//! What the comparison came to: counts for each rule, and every hit in a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rules::{Finding, Verdict};
use serde_json::{Value, json};

use super::super::super::Exit;
use super::source::unusable;
use crate::checks::entry::Check;

/// Counts; their number is that of the rules, however many checks there are.
#[derive(Debug, Default)]
pub(super) struct Report {
    only: Option<String>,
    pub(super) checks: u64,
    unreadable: u64,
    rules: BTreeMap<String, Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    before: u64,
    after: u64,
    more: u64,
    fewer: u64,
    unknown_before: u64,
    unknown_after: u64,
}

/// One finding of one check, and which of the two judged so.
#[derive(Debug)]
pub(super) struct Hit {
    change: &'static str,
    cells: [String; 9],
}

impl Report {
    pub(super) fn new(only: Option<String>) -> Report {
        Report { only, ..Report::default() }
    }

    /// A check that cannot be read any more.
    pub(super) fn unreadable(&mut self) {
        self.checks += 1;
        self.unreadable += 1;
    }

    /// Counts a check, and gives what either found. A finding is the same when rule, lines and
    /// content are.
    pub(super) fn compare(&mut self, check: &Check, old: &Verdict, new: &Verdict) -> Vec<Hit> {
        self.checks += 1;
        let mut hits = Vec::new();
        for found in old.findings.iter().filter(|it| is_wanted(self.only.as_deref(), &it.rule_id)) {
            let counts = self.rules.entry(found.rule_id.clone()).or_default();
            counts.before += 1;
            if !has(new, found) {
                counts.fewer += 1;
                hits.push(hit("-", check, found));
            }
        }
        for found in new.findings.iter().filter(|it| is_wanted(self.only.as_deref(), &it.rule_id)) {
            let counts = self.rules.entry(found.rule_id.clone()).or_default();
            counts.after += 1;
            let is_new = !has(old, found);
            counts.more += u64::from(is_new);
            hits.push(hit(if is_new { "+" } else { "=" }, check, found));
        }
        for it in old.unknown.iter().filter(|it| is_wanted(self.only.as_deref(), &it.rule_id)) {
            self.rules.entry(it.rule_id.clone()).or_default().unknown_before += 1;
        }
        for it in new.unknown.iter().filter(|it| is_wanted(self.only.as_deref(), &it.rule_id)) {
            self.rules.entry(it.rule_id.clone()).or_default().unknown_after += 1;
        }
        hits
    }

    pub(super) fn to_text(&self) -> String {
        let mut out = format!("回放 {} 次审查，{} 次读不出\n", self.checks, self.unreadable);
        out.push_str("规则\t现行命中\t候选命中\t新增\t减少\t现行无法判断\t候选无法判断");
        for (rule, it) in &self.rules {
            let numbers =
                [it.before, it.after, it.more, it.fewer, it.unknown_before, it.unknown_after];
            let _ = write!(out, "\n{rule}");
            for number in numbers {
                let _ = write!(out, "\t{number}");
            }
        }
        out
    }

    pub(super) fn to_json(&self) -> String {
        let rules: Vec<Value> = self.rules.iter().map(|(rule, it)| {
            json!({ "rule_id": rule, "before": it.before, "after": it.after, "more": it.more,
                "fewer": it.fewer, "unknown_before": it.unknown_before, "unknown_after": it.unknown_after })
        }).collect();
        let told = json!({ "checks": self.checks, "unreadable": self.unreadable, "rules": rules });
        format!("{told:#}")
    }
}

fn is_wanted(only: Option<&str>, rule: &str) -> bool {
    only.is_none_or(|it| it == rule)
}

fn has(verdict: &Verdict, found: &Finding) -> bool {
    verdict.findings.iter().any(|it| it.id == found.id && it.text == found.text)
}

const COLUMNS: [&str; 9] = [
    "check_id",
    "asked_at",
    "encounter",
    "department",
    "doctor",
    "rule_id",
    "finding_id",
    "action",
    "text",
];

fn hit(change: &'static str, check: &Check, found: &Finding) -> Hit {
    let sent = |it: &Option<String>| it.clone().unwrap_or_default();
    Hit {
        change,
        cells: [
            check.check_id.clone(),
            check.asked_at.clone(),
            sent(&check.encounter),
            sent(&check.department),
            sent(&check.doctor),
            found.rule_id.clone(),
            found.id.clone(),
            found.action.name().to_owned(),
            found.text.clone(),
        ],
    }
}

/// The list of hits, written as they come.
pub(super) struct Hits(Option<(BufWriter<File>, PathBuf, bool)>);

impl Hits {
    pub(super) fn create(path: Option<&Path>) -> Result<Hits, Exit> {
        let Some(path) = path else { return Ok(Hits(None)) };
        // Encounters and doctors are in it: nobody else may read it.
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path).map_err(|error| unusable(path, &error))?;
        let is_csv = path.extension().is_some_and(|it| it == "csv");
        let mut writer = BufWriter::new(file);
        if is_csv {
            // The mark makes spreadsheets read it as UTF-8.
            let header = writeln!(writer, "\u{feff}change,{}", COLUMNS.join(","));
            header.map_err(|error| unusable(path, &error))?;
        }
        Ok(Hits(Some((writer, path.to_owned(), is_csv))))
    }

    pub(super) fn write(&mut self, hit: &Hit) -> Result<(), Exit> {
        let Some((writer, path, is_csv)) = &mut self.0 else { return Ok(()) };
        let line = if *is_csv { hit.to_csv() } else { hit.to_json() };
        writeln!(writer, "{line}").map_err(|error| unusable(path, &error))
    }

    pub(super) fn finish(mut self) -> Result<(), Exit> {
        let Some((writer, path, _)) = &mut self.0 else { return Ok(()) };
        writer.flush().map_err(|error| unusable(path, &error))
    }
}

impl Hit {
    fn to_csv(&self) -> String {
        let cells = self.cells.iter().map(|it| quoted(it));
        let cells: Vec<String> = std::iter::once(self.change.to_owned()).chain(cells).collect();
        cells.join(",")
    }

    fn to_json(&self) -> String {
        let mut told = json!({ "change": self.change });
        if let Some(members) = told.as_object_mut() {
            for (name, cell) in COLUMNS.iter().zip(&self.cells) {
                members.insert((*name).to_owned(), Value::from(cell.as_str()));
            }
        }
        told.to_string()
    }
}

/// A cell; what a spreadsheet would take for a formula begins with an apostrophe.
fn quoted(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn old_against_new() {
        check(&["a"], &["a"], "a\t1\t1\t0\t0\t0\t0", "=");
        check(&[], &["a"], "a\t0\t1\t1\t0\t0\t0", "+");
        check(&["a"], &[], "a\t1\t0\t0\t1\t0\t0", "-");
        check(&["b"], &["b"], "", "");
    }

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }

    #[track_caller]
    fn check(old: &[&str], new: &[&str], row: &str, changes: &str) {
        let mut report = Report::new(Some("a".to_owned()));
        let hits = report.compare(&Check::default(), &verdict(old), &verdict(new));
        let told = report.to_text();
        assert_eq!(told.lines().nth(2).unwrap_or_default(), row, "{told}");
        assert_eq!(hits.iter().map(|it| it.change).collect::<String>(), changes);
    }

    fn verdict(rules: &[&str]) -> Verdict {
        let findings = rules.iter().map(|rule| Finding {
            id: "F".to_owned(),
            rule_id: (*rule).to_owned(),
            official_code: None,
            rule_name: String::new(),
            severity: rules::rule::Severity::High,
            action: rules::rule::Action::Hint,
            behaviour: rules::rule::Behaviour::Item,
            text: "t".to_owned(),
            basis: String::new(),
            amount: None,
            lines: Vec::new(),
            origin: rules::verdict::Origin::Local,
        });
        Verdict { findings: findings.collect(), ..Verdict::default() }
    }
}
