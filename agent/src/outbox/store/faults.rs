//! What tests make the disk do.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Durability, StoreError, failed};

#[derive(Default)]
pub(in super::super) struct Faults {
    /// The next write gives an I/O error.
    pub(in super::super) fail_next_write: std::sync::atomic::AtomicBool,
    /// Every write finds the disk full.
    pub(in super::super) is_full: std::sync::atomic::AtomicBool,
    /// A write waits while this is held.
    pub(in super::super) hold_writes: std::sync::Mutex<()>,
    /// Writes so far: those that were synced, and the others.
    pub(in super::super) synced: AtomicU64,
    pub(in super::super) buffered: AtomicU64,
}

impl Faults {
    pub(super) fn before_write(&self, how: Durability) -> Result<(), StoreError> {
        drop(self.hold_writes.lock());
        match how {
            Durability::Synced => self.synced.fetch_add(1, Ordering::SeqCst),
            Durability::Buffered => self.buffered.fetch_add(1, Ordering::SeqCst),
        };
        if self.is_full.load(Ordering::SeqCst) {
            return Err(failed("write", &io::Error::from_raw_os_error(libc::ENOSPC)));
        }
        if self.fail_next_write.swap(false, Ordering::SeqCst) {
            return Err(failed("write", &io::Error::from_raw_os_error(libc::EIO)));
        }
        Ok(())
    }
}
