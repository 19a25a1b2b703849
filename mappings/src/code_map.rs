//! Translates the codes one HIS uses into the codes of one value domain.
//!
//! A code map is a CSV file of one source, read once when the mapping set is loaded; every target
//! is proved to be in the value domain then. At run time a local code is translated or unknown;
//! unknown is something the HIS said, not a failure of the agent.
//!
//! The columns `from` and `to` say on which days a row is in force, both days included; an empty
//! cell is no bound. Judged is the day on which the message arrived.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemas::ValueDomain;

use crate::rows::{Complaints, Row, Rows};

/// What becomes of a local code that the map does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The message is refused and says which code to map.
    #[default]
    Refuse,
    /// The message waits until somebody has mapped the code.
    Park,
    /// The code goes on as it is, with a finding; validation against the value domain still judges
    /// it.
    Pass,
}

/// Local code to standard code.
#[derive(Debug)]
pub(crate) struct CodeMap {
    file: String,
    unknown: Unknown,
    // Invariant: with a domain given to `parse`, every standard code is one of that domain; the
    // days of the entries of one local code do not overlap.
    by_local: BTreeMap<String, Vec<Entry>>,
}

/// One row: a standard code and the days on which it is the right one.
#[derive(Debug)]
struct Entry {
    standard: String,
    from: Option<Date>,
    to: Option<Date>,
}

impl CodeMap {
    /// Reads `local,standard` lines below a header and reports every bad line, with its number.
    pub(crate) fn parse(
        file: &str,
        text: &str,
        domain: Option<&ValueDomain>,
        unknown: Unknown,
    ) -> Result<CodeMap, Complaints> {
        let rows = Rows::read(text, &["local", "standard"])?;
        let mut map = CodeMap { file: file.to_owned(), unknown, by_local: BTreeMap::new() };
        let mut problems: Complaints = unknown_columns(&rows);
        for row in &rows.rows {
            let added = Entry::read(row, &rows, domain).and_then(|(local, it)| map.add(local, it));
            problems.extend(added.err().map(|it| (row.line, it)));
        }
        if problems.is_empty() { Ok(map) } else { Err(problems) }
    }

    fn add(&mut self, local: &str, entry: Entry) -> Result<(), String> {
        let entries = self.by_local.entry(local.to_owned()).or_default();
        if let Some(other) = entries.iter().find(|it| it.overlaps(&entry)) {
            return Err(if other.is_always() || entry.is_always() {
                format!("`{local}` is already mapped above")
            } else {
                format!("`{local}` is already mapped above for some of these days")
            });
        }
        entries.push(entry);
        Ok(())
    }

    /// The standard code on a day, or `None` when nobody has mapped the local one for it.
    #[must_use]
    pub(crate) fn translate(&self, local: &str, day: Date) -> Option<&str> {
        let entries = self.by_local.get(local)?;
        entries.iter().find(|it| it.holds_on(day)).map(|it| it.standard.as_str())
    }

    /// Whether the map has the code, but not for the day that was asked.
    pub(crate) fn knows_for_other_days(&self, local: &str) -> bool {
        self.by_local.contains_key(local)
    }

    /// What becomes of a code that is not here.
    pub(crate) fn unknown(&self) -> Unknown {
        self.unknown
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Every code that the map can yield.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.by_local.values().flatten().map(|it| it.standard.as_str())
    }

    /// The standard codes of a local one, on whatever day.
    pub(crate) fn targets_of(&self, local: &str) -> impl Iterator<Item = &str> {
        self.by_local.get(local).into_iter().flatten().map(|it| it.standard.as_str())
    }

    /// A few of the local codes, for the HIS developer who sent another.
    pub(crate) fn examples(&self) -> String {
        self.by_local.keys().take(6).map(String::as_str).collect::<Vec<_>>().join("、")
    }
}

impl Entry {
    fn read<'r>(
        row: &'r Row,
        rows: &Rows,
        domain: Option<&ValueDomain>,
    ) -> Result<(&'r str, Entry), String> {
        let (Some(local), Some(standard)) = (row.cell(0), row.cell(1)) else {
            return Err("a line needs a local code, a comma and a standard code".to_owned());
        };
        if let Some(domain) = domain.filter(|it| it.closed() && !it.contains(standard)) {
            return Err(not_in_domain(standard, domain));
        }
        let day = |name: &str| {
            rows.column(name).and_then(|it| row.cell(it)).map(|it| day(name, it)).transpose()
        };
        let entry = Entry { standard: standard.to_owned(), from: day("from")?, to: day("to")? };
        match (entry.from, entry.to) {
            (Some(from), Some(to)) if to < from => {
                Err(format!("`to` {to} is before `from` {from}"))
            }
            _ => Ok((local, entry)),
        }
    }

    fn holds_on(&self, day: Date) -> bool {
        self.from.is_none_or(|it| it <= day) && self.to.is_none_or(|it| day <= it)
    }

    fn overlaps(&self, other: &Entry) -> bool {
        let ends_before = |a: &Entry, b: &Entry| match (a.to, b.from) {
            (Some(to), Some(from)) => to < from,
            _ => false,
        };
        !ends_before(self, other) && !ends_before(other, self)
    }

    fn is_always(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }
}

/// A misspelt `from` would silently make a row hold for ever.
fn unknown_columns(rows: &Rows) -> Complaints {
    let known = ["local", "standard", "from", "to", "note", ""];
    let stray = rows.columns.iter().find(|it| !known.contains(&it.as_str()));
    stray
        .map(|it| {
            (1, format!("there is no column `{it}`; behind standard may stand from, to, note"))
        })
        .into_iter()
        .collect()
}

fn day(column: &str, text: &str) -> Result<Date, String> {
    let shaped = text.len() == 10 && text.bytes().all(|it| it.is_ascii_digit() || it == b'-');
    let day = text.parse::<Date>().ok().filter(|_| shaped);
    day.ok_or_else(|| format!("`{column}` is a day such as 2026-01-31, not `{text}`"))
}

fn not_in_domain(standard: &str, domain: &ValueDomain) -> String {
    let codes: Vec<_> =
        domain.codes().take(8).map(|(code, name)| format!("{} {name}", code.as_str())).collect();
    format!("`{standard}` is not a code of {} ({} ...)", domain.name(), codes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_translated_or_unknown() {
        check("local,standard\nQD,QD\nqd,QD\n每日一次,QD", "qd", "QD");
        check("local,standard\nQD,QD", "BID", "unknown");
        check("local,standard\n# the pharmacy's own\nQD,QD,once a day", "QD", "QD");
        check("local,standard,note\n\"a,b\",QD,two times", "a,b", "QD");
    }

    #[test]
    fn a_row_holds_on_its_days() {
        // Asked is 2026-01-02.
        let file = "local,standard,from,to\nA,1,,2026-01-01\nA,2,2026-01-02,\nB,1,2026-01-03,\nC,1,,2026-01-02";
        check(file, "A", "2");
        check(file, "B", "unknown");
        check(file, "C", "1");
    }

    #[test]
    fn every_bad_line_is_told() {
        check("QD,QD", "QD", "1: the first line must be `local,standard`");
        check(
            "local,standard\nQD",
            "QD",
            "2: a line needs a local code, a comma and a standard code",
        );
        check(
            "local,standard\nQD,QD\nQD,BID\n,x",
            "QD",
            "3: `QD` is already mapped above; 4: a line needs a local code, a comma and a standard code",
        );
    }

    #[test]
    fn days_that_cannot_be_are_told() {
        check(
            "local,standard,from,to\nA,1,,2026-02-01\nA,2,2026-02-01,",
            "A",
            "3: `A` is already mapped above for some of these days",
        );
        check(
            "local,standard,from,to\nA,1,2026-02-30,\nB,1,20260101,\nC,1,2026-02-02,2026-02-01",
            "A",
            "2: `from` is a day such as 2026-01-31, not `2026-02-30`; \
             3: `from` is a day such as 2026-01-31, not `20260101`; \
             4: `to` 2026-02-01 is before `from` 2026-02-02",
        );
        check(
            "local,standard,form\nA,1,2026-01-01",
            "A",
            "1: there is no column `form`; behind standard may stand from, to, note",
        );
    }

    #[track_caller]
    fn check(text: &str, local: &str, expected: &str) {
        let day = jiff::civil::date(2026, 1, 2);
        let actual = match CodeMap::parse("codes/frequency.csv", text, None, Unknown::Refuse) {
            Ok(map) => map.translate(local, day).unwrap_or("unknown").to_owned(),
            Err(problems) => {
                let told: Vec<_> =
                    problems.iter().map(|(line, it)| format!("{line}: {it}")).collect();
                told.join("; ")
            }
        };
        assert_eq!(actual, expected);
    }
}
