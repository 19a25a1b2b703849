//! What a case expected and what came out, record by record and element by element.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One record of a case; values stay as they are written, so that 1.0 is not taken for 1.00.
#[derive(Deserialize)]
struct Record<'a> {
    entity: &'a str,
    lane: String,
    key: String,
    #[serde(borrow)]
    elements: BTreeMap<&'a str, &'a RawValue>,
}

/// The difference of two outcomes, for a person; never empty.
pub(super) fn difference(expected: &str, actual: &str) -> String {
    let mut out = String::new();
    match (records(expected), records(actual)) {
        (Some(expected), Some(actual)) => by_record(&expected, &actual, &mut out),
        _ => by_line(expected, actual, &mut out),
    }
    if out.is_empty() {
        out.push_str("  the same records in another order or with other blanks\n");
    }
    out
}

fn records(text: &str) -> Option<Vec<Record<'_>>> {
    serde_json::from_str(text).ok()
}

/// Records are the same record when entity, key and their count under it agree.
fn by_record(expected: &[Record<'_>], actual: &[Record<'_>], out: &mut String) {
    let (left, right) = (by_identity(expected), by_identity(actual));
    for (identity, wanted) in &left {
        match right.get(identity) {
            Some(got) => by_element(identity, wanted, got, out),
            None => _ = writeln!(out, "  - {} is missing", told(identity)),
        }
    }
    for identity in right.keys().filter(|it| !left.contains_key(*it)) {
        let _ = writeln!(out, "  + {} was not expected", told(identity));
    }
}

type Identity<'a> = (&'a str, &'a str, usize);

fn by_identity<'r, 'a>(records: &'r [Record<'a>]) -> BTreeMap<Identity<'r>, &'r Record<'a>> {
    let mut found = BTreeMap::new();
    for record in records {
        let free = |n: &usize| !found.contains_key(&(record.entity, record.key.as_str(), *n));
        let again = (0..records.len()).find(free);
        found.insert((record.entity, record.key.as_str(), again.unwrap_or(0)), record);
    }
    found
}

fn told((entity, key, again): &Identity<'_>) -> String {
    let which = if *again > 0 { format!(" (no. {})", again + 1) } else { String::new() };
    format!("{entity} {key}{which}")
}

fn by_element(identity: &Identity<'_>, wanted: &Record<'_>, got: &Record<'_>, out: &mut String) {
    let mut lines = String::new();
    if wanted.lane != got.lane {
        let _ = writeln!(lines, "      lane: expected {}, got {}", wanted.lane, got.lane);
    }
    for (name, value) in &wanted.elements {
        match got.elements.get(name) {
            Some(other) if other.get() == value.get() => {}
            Some(other) => _ = writeln!(lines, "      {name}: expected {value}, got {other}"),
            None => _ = writeln!(lines, "      {name}: expected {value}, got nothing"),
        }
    }
    for (name, value) in got.elements.iter().filter(|(it, _)| !wanted.elements.contains_key(*it)) {
        let _ = writeln!(lines, "      {name}: expected nothing, got {value}");
    }
    if !lines.is_empty() {
        let _ = write!(out, "    {}\n{lines}", told(identity));
    }
}

/// Lines that are only expected and lines that only came out: refusals, and files that are no JSON.
fn by_line(expected: &str, actual: &str, out: &mut String) {
    for line in expected.lines().filter(|it| !actual.lines().any(|other| other == *it)) {
        let _ = writeln!(out, "  - {line}");
    }
    for line in actual.lines().filter(|it| !expected.lines().any(|other| other == *it)) {
        let _ = writeln!(out, "  + {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_told_by_name() {
        check(
            r#"[{"entity":"e","lane":"L","key":"1","elements":{"a":"x","n":1.00,"gone":"1"}}]"#,
            r#"[{"entity":"e","lane":"M","key":"1","elements":{"a":"y","n":1.0,"new":"2"}}]"#,
            "    e 1\n      lane: expected L, got M\n      a: expected \"x\", got \"y\"\n      gone: expected \"1\", got nothing\n      n: expected 1.00, got 1.0\n      new: expected nothing, got \"2\"\n",
        );
    }

    #[test]
    fn records_are_told_by_entity_and_key() {
        let one = r#"{"entity":"e","lane":"L","key":"1","elements":{}}"#;
        let two = r#"{"entity":"e","lane":"L","key":"2","elements":{}}"#;
        check(
            &format!("[{one}]"),
            &format!("[{two}]"),
            "  - e 1 is missing\n  + e 2 was not expected\n",
        );
        check(&format!("[{one}]"), &format!("[{one},{one}]"), "  + e 1 (no. 2) was not expected\n");
        check(
            &format!("[{one},{two}]"),
            &format!("[{two},{one}]"),
            "  the same records in another order or with other blanks\n",
        );
    }

    #[test]
    fn refusals_are_told_by_line() {
        check(
            "{\n  \"refused\": [\n    \"M202 begntime\"\n  ]\n}\n",
            "[]\n",
            "  - {\n  -   \"refused\": [\n  -     \"M202 begntime\"\n  -   ]\n  - }\n  + []\n",
        );
    }

    #[track_caller]
    fn check(expected: &str, actual: &str, told: &str) {
        assert_eq!(difference(expected, actual), told);
    }
}
