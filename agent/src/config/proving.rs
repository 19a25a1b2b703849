//! How the tests of each table prove it: lines behind the least configuration, and what is told of them.

use super::Config;

/// What is told of these lines has `expected` in it; nothing is told when that is empty.
#[track_caller]
pub(super) fn told_of(lines: &str, expected: &str) {
    let text = format!("[hospital]\ncode = \"H1\"\nname = \"x\"\n{lines}\n");
    let told: Vec<String> = match Config::parse("agent.toml", &text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    let is_told = told.iter().any(|it| it.contains(expected));
    assert!(if expected.is_empty() { told.is_empty() } else { is_told }, "{told:?}");
}
