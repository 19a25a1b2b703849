//! Seals anew, with the newest data key, what was sealed with another or not at all.

use std::ops::ControlFlow;
use std::sync::PoisonError;

use super::{Batch, Family, Store, StoreError, WalkError, refused};
use crate::outbox::format;

/// What one step came to.
#[derive(Debug, Default)]
pub(in super::super) struct Chunk {
    /// Values looked at.
    pub(in super::super) looked_at: u64,
    /// Of these sealed, or named, anew.
    pub(in super::super) sealed: u64,
    /// Of these damaged; they stay as they are.
    pub(in super::super) damaged: u64,
    /// The key to go on from; `None` at the end of the family.
    pub(in super::super) next: Option<Vec<u8>>,
}

impl Store {
    /// Takes a bounded number of values from a key on. Meanwhile nobody else writes, or a value that
    /// was removed after it was read would come back.
    pub(in super::super) fn reseal(
        &self,
        family: Family,
        from: &[u8],
    ) -> Result<Chunk, StoreError> {
        let turn = self.turn.write().unwrap_or_else(PoisonError::into_inner);
        let (mut chunk, mut batch) = (Chunk::default(), self.batch());
        let (mut scratch, mut bytes) = (Vec::new(), 0);
        let walked = self.walk_keys(family, from, &END, |key, value| {
            chunk.looked_at += 1;
            if !self.vault().is_newest(value) {
                let content = self.vault().open(family, key, value, &mut scratch);
                match content.and_then(|it| format::anew(it, family == Family::Queue)) {
                    Ok(plain) => {
                        bytes += batch.seal(family, key, plain);
                        chunk.sealed += 1;
                    }
                    // Whoever reads it says so, and sets it aside.
                    Err(_) => chunk.damaged += 1,
                }
            }
            if chunk.looked_at < VALUES_A_STEP && bytes < BYTES_A_STEP {
                return ControlFlow::Continue(());
            }
            chunk.next = Some([key, &[0]].concat());
            ControlFlow::Break(())
        });
        match walked {
            Ok(()) => {}
            Err(WalkError::Damaged(_)) => chunk.damaged += 1,
            Err(WalkError::Failed(cause)) => {
                return Err(StoreError::Failed { operation: "read", cause });
            }
        }
        let written = self.db.write_opt(batch.inner, &self.buffered);
        drop(turn);
        written.map_err(|error| refused("write", &error))?;
        Ok(chunk)
    }
}

impl Store {
    /// Gives other keys and values to a bounded number of entries from a key on, and whatever `mark` adds, in
    /// one change. Meanwhile nobody else writes. Damage ends it: what lies behind is not looked at.
    pub(in super::super) fn rename(
        &self,
        (family, from): (Family, &[u8]),
        anew: impl Fn(&[u8], &[u8]) -> Option<(Vec<u8>, Vec<u8>)>,
        mark: impl FnOnce(&mut Batch<'_>, &Chunk),
    ) -> Result<Chunk, StoreError> {
        let turn = self.turn.write().unwrap_or_else(PoisonError::into_inner);
        let (mut chunk, mut batch) = (Chunk::default(), self.batch());
        let walked = self.walk_keys(family, from, &END, |key, value| {
            chunk.looked_at += 1;
            if let Some((name, value)) = anew(key, value) {
                batch.delete(family, key);
                batch.put(family, &name, &value);
                chunk.sealed += 1;
            }
            if chunk.looked_at < VALUES_A_STEP {
                return ControlFlow::Continue(());
            }
            chunk.next = Some([key, &[0]].concat());
            ControlFlow::Break(())
        });
        match walked {
            Ok(()) => mark(&mut batch, &chunk),
            Err(WalkError::Damaged(_)) => chunk.damaged += 1,
            Err(WalkError::Failed(cause)) => {
                return Err(StoreError::Failed { operation: "read", cause });
            }
        }
        let written = self.db.write_opt(batch.inner, &self.buffered);
        drop(turn);
        written.map_err(|error| refused("write", &error))?;
        Ok(chunk)
    }
}

/// Behind every key there is.
const END: [u8; 64] = [0xff; 64];
/// A step is over in a few milliseconds: messages wait for it.
const VALUES_A_STEP: u64 = 2_048;
const BYTES_A_STEP: usize = 256 << 10;
