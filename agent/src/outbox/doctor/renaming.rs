//! Renames, and what tests make of them.

use std::fs;
use std::io;
use std::path::Path;

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::before_rename()?;
    fs::rename(from, to)
}

#[cfg(test)]
pub(in super::super) mod faults {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        /// So many renames of this thread are made yet, and no other: each finds the disk full.
        static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// What `work` gives when the disk takes so many renames.
    pub(in super::super::super) fn with_renames<T>(left: u64, work: impl FnOnce() -> T) -> T {
        LEFT.set(Some(left));
        let done = work();
        LEFT.set(None);
        done
    }

    pub(super) fn before_rename() -> io::Result<()> {
        let left = LEFT.get();
        LEFT.set(left.map(|it| it.saturating_sub(1)));
        if left == Some(0) { Err(io::Error::from_raw_os_error(libc::ENOSPC)) } else { Ok(()) }
    }
}
