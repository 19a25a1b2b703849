//! The hospital's changes to a shipped pack, without touching the pack.
//!
//! ```text
//! overlay/<pack>/changes.csv      one line for each change: number, time, author, reason, what
//! overlay/<pack>/import-7.csv     the rows that change 7 brought in
//! overlay/own/rule-8.toml         the rule of the hospital's own that change 8 made
//! overlay/own/set-9.toml          the version of a named set that change 9 made
//! ```
//!
//! The log is only appended to; a rollback is a line as well. Changes are applied in order when the
//! set is loaded, so an update of the program keeps them. What a change is about may have gone from
//! the new pack meanwhile: that is a warning, since an update must not stop a hospital. A line that
//! cannot be read refuses the set, as a wrong row does.

mod apply;
mod cells;
mod log;
pub mod own;
pub mod set;

use std::collections::BTreeMap;

use schemas::{Files, Problem};

pub(crate) use apply::apply;
pub use cells::CellList;
pub use log::{Change, Log, What};

/// The path of a pack's log in the tree of rules.
#[must_use]
pub fn log_of(pack: &str) -> String {
    format!("overlay/{pack}/changes.csv")
}

/// Files that nothing reads: most likely the name of one that should be read, mistyped.
pub(crate) fn unread(files: &Files, logs: &BTreeMap<String, Log>) -> Vec<Problem> {
    let mut unread = Vec::new();
    for (path, _) in files.under("overlay/") {
        let (pack, name) =
            path.trim_start_matches("overlay/").split_once('/').unwrap_or(("", path));
        let imported =
            |log: &Log| log.changes().iter().any(|change| change.cells.get("file") == Some(name));
        let is_read = ["changes.csv", "settings.toml"].contains(&name);
        if !is_read && !logs.get(pack).is_some_and(imported) {
            let message = "nothing reads this file; changes.csv and settings.toml are read here";
            unread.push(Problem::warning("R303", path, (1, 1), message));
        }
    }
    unread
}

/// The logs in a tree of rules, by pack.
pub fn logs(files: &Files, problems: &mut Vec<Problem>) -> BTreeMap<String, Log> {
    let mut logs = BTreeMap::new();
    for (path, text) in files.under("overlay/") {
        let name = path.strip_prefix("overlay/").and_then(|it| it.strip_suffix("/changes.csv"));
        if let Some(pack) = name {
            logs.insert(pack.to_owned(), Log::read(path, text, problems));
        }
    }
    logs
}
