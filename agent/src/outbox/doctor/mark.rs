//! The mark of a store that has ended a run for damage.
//!
//! One rotten block deep in a table is no reason for the engine not to open the store, and reading steps
//! over it. But once files are merged and this one is among them, the engine takes no write any more,
//! and every start would come to the same merge. So who ends for damage says so in the store's folder,
//! and the next start makes the store anew first. The mark goes the way of the folder it lies in: aside,
//! when the new store takes its place, and not before.

use std::fs;
use std::path::Path;

use tracing::error;

use crate::secret_file;

/// Leaves the mark; on disk when this returns.
pub(in super::super) fn mark(dir: &Path, cause: &str) {
    if let Err(error) = secret_file::write(&dir.join(NAME), cause.as_bytes()) {
        // Then it ends for the same once more, and is marked then.
        error!(%error, "the damaged store could not be marked");
    }
}

/// Why an earlier run has ended for damage, if one has.
pub(in super::super) fn marked(dir: &Path) -> Option<String> {
    let cause = fs::read(dir.join(NAME)).ok()?;
    Some(String::from_utf8(cause).unwrap_or_else(|_| "an earlier run ended for damage".to_owned()))
}

const NAME: &str = "damaged";
