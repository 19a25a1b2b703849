//! The hospital's changes to a shipped pack, without touching the pack.
//!
//! ```text
//! overlay/<pack>/changes.csv      one line for each change: number, time, author, reason, what
//! overlay/<pack>/import-7.csv     the rows that change 7 brought in
//! ```
//!
//! The log is only appended to; a rollback is a line as well. Changes are applied in order when the
//! set is loaded, so an update of the program keeps them. What a change is about may have gone from
//! the new pack meanwhile: that is a warning, since an update must not stop a hospital. A line that
//! cannot be read refuses the set, as a wrong row does.

mod apply;
mod cells;
mod log;

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
