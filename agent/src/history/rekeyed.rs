//! Rows of earlier releases, whose keys named items and encounters by a digest that anybody can make: each
//! gets the key of today when the past is opened, and is sealed for it.

use std::ops::ControlFlow;

use super::cipher::Cipher;
use super::keys;
use super::ledger::Ledger;
use super::links::store_error;
use crate::outbox::{Change, Reach, StoreError};

impl Ledger {
    /// Gives today's keys to all rows. What cannot be written now is for the next start, and unknown until then.
    pub(super) fn rekey(&self) {
        for (earlier, letter) in keys::EARLIER {
            match self.rekey_letter(earlier, letter) {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "rows of the past have new keys"),
                Err(error) => tracing::warn!(%error, "rows of the past keep their old keys"),
            }
        }
    }

    fn rekey_letter(&self, earlier: u8, letter: u8) -> Result<u64, StoreError> {
        let (mut from, end) = (vec![earlier], [earlier + 1]);
        let mut count = 0;
        loop {
            let (mut rows, mut last) = (Vec::new(), None);
            let note = |key: &[u8], value: &[u8]| {
                rows.push((key.to_vec(), value.to_vec()));
                last = Some([key, &[0]].concat());
                let is_enough = rows.len() >= ROWS_AT_ONCE;
                if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            self.0.outbox.walk_rows([&from, &end], Reach::Disk, note).map_err(store_error)?;
            let Some(next) = last else { break };
            let mut changes = Vec::new();
            for (key, value) in &rows {
                changes.extend(self.resealed(letter, key, value)?);
                changes.push(Change::Remove(key.clone()));
            }
            self.0.outbox.write_rows(&changes)?;
            (from, count) = (next, count + rows.len() as u64);
        }
        if count > 0 {
            // The old keys are gone from the disk, too.
            self.0.outbox.rewrite_rows(&[earlier], &end)?;
        }
        Ok(count)
    }

    /// The row as it stands today; nothing of one that is damaged and could not be read before either.
    fn resealed(&self, letter: u8, key: &[u8], value: &[u8]) -> Result<Option<Change>, StoreError> {
        let Some((patient, anew)) = keys::rekeyed(&self.0.key, letter, key) else {
            return Ok(None);
        };
        let Some((day, sealed)) = keys::undated(value) else { return Ok(None) };
        let mut sealed = sealed.to_vec();
        let Some(content) = Cipher::of(&self.0.key, &patient).open(key, &mut sealed) else {
            return Ok(None);
        };
        self.sealed(&patient, anew, day, content.to_vec()).map(Some)
    }
}

/// One change stays small enough not to hold up the queue's own.
const ROWS_AT_ONCE: usize = 1_000;
