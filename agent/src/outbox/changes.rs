//! Changes of what is kept beside the queue: rows of one family, all or nothing.

use super::store::{Durability, Family};
use super::{Outbox, StoreError, format};

/// One change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets a key.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key.
    Remove(Vec<u8>),
    /// Removes all keys from the first on and below the second.
    RemoveRange(Vec<u8>, Vec<u8>),
}

impl Outbox {
    /// Makes changes in one family. A disk without room is waited for; after any other error the outbox
    /// refuses everything, since all families share one log.
    pub(super) fn change(
        &self,
        family: Family,
        changes: &[Change],
        how: Durability,
    ) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let store = self.shared.store()?;
        let mut batch = store.batch();
        for change in changes {
            match change {
                // The past of patients is sealed by its owner, whose key is another.
                Change::Put(key, row) if family == Family::History => batch.put(family, key, row),
                Change::Put(key, row) => {
                    batch.seal(family, key, format::kept(row));
                }
                Change::Remove(key) => batch.delete(family, key),
                Change::RemoveRange(from, end) => batch.delete_keys(family, from, end),
            }
        }
        batch.write(how).inspect_err(|error| self.shared.refused(error))
    }
}
