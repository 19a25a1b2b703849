//! Whether there is room for a backup. It takes as much again as it keeps, for it is read back; and where it shares a
//! disk with the store, it must not be what closes the doors.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::BackupError;
use crate::config::Config;
use crate::outbox::{Mark, high_water_on};

/// The disks that a backup is made on.
#[derive(Clone, Copy)]
pub(super) struct Room<'a> {
    pub(super) config: &'a Config,
    /// The folder of backups.
    pub(super) to: &'a Path,
}

impl Room<'_> {
    /// Refuses when so many more bytes have no room. While a copy of the store is held, nothing of it is given
    /// back, so that its own disk is looked at even when the backup goes to another one.
    pub(super) fn prove(&self, left: u64) -> Result<(), BackupError> {
        let outbox = &self.config.outbox;
        let device = |it: &Path| fs::metadata(it).map(|it| it.dev());
        let at = |it: &Path, error: &std::io::Error| BackupError::at(it, error);
        let is_same = device(&outbox.dir).map_err(|it| at(&outbox.dir, &it))?
            == device(self.to).map_err(|it| at(self.to, &it))?;
        let store = high_water_on(&outbox.dir, outbox.low_water, outbox.high_water);
        let (free, high) = store.map_err(|it| at(&outbox.dir, &it))?;
        if is_same {
            return missing((free, high), left, self.to);
        }
        missing((free, high), 0, &outbox.dir)?;
        let free = high_water_on(self.to, Mark::Auto, Mark::Auto).map_err(|it| at(self.to, &it))?.0;
        missing((free, 0), left, self.to)
    }
}

fn missing((free, kept): (u64, u64), left: u64, place: &Path) -> Result<(), BackupError> {
    match kept.saturating_add(left).saturating_sub(free) {
        0 => Ok(()),
        missing => Err(BackupError::NoRoom { place: place.to_owned(), missing }),
    }
}

/// For what the engine writes when it opens what was read back, and for the list.
pub(super) const SLACK: u64 = 16 << 20;
