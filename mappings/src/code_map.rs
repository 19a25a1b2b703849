//! Translates the codes one HIS uses into the codes of one value domain.
//!
//! A code map is a CSV file of one source, read once when the mapping set is loaded; every target
//! is proved to be in the value domain then. At run time a local code is translated or unknown;
//! unknown is something the HIS said, not a failure of the agent.

use std::collections::BTreeMap;

use schemas::ValueDomain;

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
    domain: Option<String>,
    unknown: Unknown,
    // Invariant: with a domain, every value is a code of that domain.
    standard_by_local: BTreeMap<String, String>,
}

impl CodeMap {
    /// Reads `local,standard` lines below a header and reports every bad line, with its number.
    pub(crate) fn parse(
        file: &str,
        text: &str,
        domain: Option<&ValueDomain>,
        unknown: Unknown,
    ) -> Result<CodeMap, Vec<(u32, String)>> {
        let mut standard_by_local = BTreeMap::new();
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            match Line::read(number, line) {
                Line::Nothing => {}
                Line::Wrong(message) => problems.push((number, message)),
                Line::Pair(local, standard) => {
                    if let Some(domain) = domain.filter(|it| it.code(standard).is_none()) {
                        problems.push((number, not_in_domain(standard, domain)));
                    } else if standard_by_local
                        .insert(local.to_owned(), standard.to_owned())
                        .is_some()
                    {
                        problems.push((number, format!("`{local}` is already mapped above")));
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let domain = domain.map(|it| it.name().to_owned());
        Ok(CodeMap { file: file.to_owned(), domain, unknown, standard_by_local })
    }

    /// The standard code, or `None` when the HIS sent a code that nobody has mapped.
    #[must_use]
    pub(crate) fn translate(&self, local: &str) -> Option<&str> {
        self.standard_by_local.get(local).map(String::as_str)
    }

    /// What becomes of a code that is not here.
    pub(crate) fn unknown(&self) -> Unknown {
        self.unknown
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// Every code that the map can yield.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.standard_by_local.values().map(String::as_str)
    }

    /// A few of the local codes, for the HIS developer who sent another.
    pub(crate) fn examples(&self) -> String {
        self.standard_by_local.keys().take(6).map(String::as_str).collect::<Vec<_>>().join("、")
    }
}

enum Line<'a> {
    Nothing,
    Wrong(String),
    Pair(&'a str, &'a str),
}

impl Line<'_> {
    fn read(number: u32, line: &str) -> Line<'_> {
        let line = line.trim_end_matches('\r');
        if number == 1 {
            let is_header = line.split(',').take(2).eq(["local", "standard"]);
            let wrong = || Line::Wrong("the first line must be `local,standard`".to_owned());
            return if is_header { Line::Nothing } else { wrong() };
        }
        if line.trim().is_empty() || line.starts_with('#') {
            return Line::Nothing;
        }
        // A third column is the implementer's own note.
        let mut cells = line.splitn(3, ',').map(str::trim);
        match (cells.next(), cells.next()) {
            (Some(local), Some(standard)) if !local.is_empty() && !standard.is_empty() => {
                Line::Pair(local, standard)
            }
            _ => Line::Wrong("a line needs a local code, a comma and a standard code".to_owned()),
        }
    }
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

    #[track_caller]
    fn check(text: &str, local: &str, expected: &str) {
        let actual = match CodeMap::parse("codes/frequency.csv", text, None, Unknown::Refuse) {
            Ok(map) => map.translate(local).unwrap_or("unknown").to_owned(),
            Err(problems) => {
                let told: Vec<_> =
                    problems.iter().map(|(line, it)| format!("{line}: {it}")).collect();
                told.join("; ")
            }
        };
        assert_eq!(actual, expected);
    }
}
