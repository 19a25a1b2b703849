//! What a comparison came to: counts for each rule, and every hit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rules::{Finding, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::checks::entry::Check;

/// Counts; their number is that of the rules, however many checks there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    /// Only these rules; all when there are none.
    #[serde(skip)]
    only: BTreeSet<String>,
    pub(crate) checks: u64,
    pub(crate) unreadable: u64,
    rules: BTreeMap<String, Counts>,
}

/// How often one rule hit and could not decide, before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
pub(crate) struct Hit {
    change: &'static str,
    cells: [String; COLUMNS.len()],
}

impl Report {
    pub(crate) fn new(only: impl IntoIterator<Item = String>) -> Report {
        Report { only: only.into_iter().collect(), ..Report::default() }
    }

    /// A check that cannot be read any more.
    pub(crate) fn unreadable(&mut self) {
        self.checks += 1;
        self.unreadable += 1;
    }

    /// Counts a check, and gives what either found. A finding is the same when rule, lines and
    /// content are.
    pub(crate) fn compare(&mut self, check: &Check, old: &Verdict, new: &Verdict) -> Vec<Hit> {
        self.checks += 1;
        let mut hits = Vec::new();
        for found in old.findings.iter().filter(|it| is_wanted(&self.only, &it.rule_id)) {
            let counts = self.rules.entry(found.rule_id.clone()).or_default();
            counts.before += 1;
            if !has(new, found) {
                counts.fewer += 1;
                hits.push(hit("-", check, found));
            }
        }
        for found in new.findings.iter().filter(|it| is_wanted(&self.only, &it.rule_id)) {
            let counts = self.rules.entry(found.rule_id.clone()).or_default();
            counts.after += 1;
            let is_new = !has(old, found);
            counts.more += u64::from(is_new);
            hits.push(hit(if is_new { "+" } else { "=" }, check, found));
        }
        for it in old.unknown.iter().filter(|it| is_wanted(&self.only, &it.rule_id)) {
            self.rules.entry(it.rule_id.clone()).or_default().unknown_before += 1;
        }
        for it in new.unknown.iter().filter(|it| is_wanted(&self.only, &it.rule_id)) {
            self.rules.entry(it.rule_id.clone()).or_default().unknown_after += 1;
        }
        hits
    }

    pub(crate) fn to_text(&self) -> String {
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

    pub(crate) fn to_json(&self) -> String {
        format!("{:#}", self.to_value())
    }

    /// The same for programs.
    pub(crate) fn to_value(&self) -> Value {
        let rules: Vec<Value> = self.rules.iter().map(|(rule, it)| {
            json!({ "rule_id": rule, "before": it.before, "after": it.after, "more": it.more,
                "fewer": it.fewer, "unknown_before": it.unknown_before, "unknown_after": it.unknown_after })
        }).collect();
        json!({ "checks": self.checks, "unreadable": self.unreadable, "rules": rules })
    }
}

fn is_wanted(only: &BTreeSet<String>, rule: &str) -> bool {
    only.is_empty() || only.contains(rule)
}

fn has(verdict: &Verdict, found: &Finding) -> bool {
    verdict.findings.iter().any(|it| it.id == found.id && it.text == found.text)
}

/// What a hit tells, in the order of a table.
pub(crate) const COLUMNS: [&str; 9] = [
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

impl Hit {
    /// A line of a table, after the sign of the change.
    pub(crate) fn to_csv(&self) -> String {
        let cells = self.cells.iter().map(|it| quoted(it));
        let cells: Vec<String> = std::iter::once(self.change.to_owned()).chain(cells).collect();
        cells.join(",")
    }

    /// The same by name.
    pub(crate) fn to_json(&self) -> Value {
        let mut told = json!({ "change": self.change });
        if let Some(members) = told.as_object_mut() {
            for (name, cell) in COLUMNS.iter().zip(&self.cells) {
                members.insert((*name).to_owned(), Value::from(cell.as_str()));
            }
        }
        told
    }
}

/// A cell; what a spreadsheet would take for a formula begins with an apostrophe.
pub(crate) fn quoted(cell: &str) -> String {
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
        let mut report = Report::new(["a".to_owned()]);
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
