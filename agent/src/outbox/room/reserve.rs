//! A file that takes space now, so that there is some when the disk is full.
//!
//! Standing up again after a full disk takes space itself: a new log, what was in memory, and a list
//! of files. Whoever filled the disk will not have left any. So a file holds some, and goes when the
//! engine is refused a write, or when the store cannot be opened for want of space. It comes back when
//! there is plenty.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{info, warn};

use super::volume::{self, Volume};

#[derive(Debug)]
pub(in super::super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    /// The disk does not let space be taken in advance: not tried again.
    is_refused: AtomicBool,
}

impl Reserve {
    /// The file in the store's folder.
    pub(in crate::outbox) const NAME: &str = "reserve";

    pub(in super::super) fn new(dir: &Path, bytes: u64) -> Reserve {
        Reserve { path: dir.join(Reserve::NAME), bytes, is_refused: AtomicBool::new(false) }
    }

    /// Gives the space back. True when there was some.
    pub(in super::super) fn release(&self) -> bool {
        match fs::remove_file(&self.path) {
            Ok(()) => {
                info!("the space held in reserve is given back");
                true
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                warn!(%error, "the space held in reserve could not be given back");
                false
            }
        }
    }

    /// Takes the space when it is not taken, if that leaves more than `high` free.
    pub(super) fn keep(&self, volume: &Volume, high: u64) {
        let bytes = self.bytes.min(volume.total_bytes / PART_OF_DISK);
        if bytes == 0 || self.is_refused.load(Ordering::Relaxed) {
            return;
        }
        let held = fs::metadata(&self.path).map_or(0, |it| it.len());
        if held >= bytes || volume.free_bytes < high.saturating_add(bytes) {
            return;
        }
        if let Err(error) = File::create(&self.path).and_then(|it| volume::take_space(&it, bytes)) {
            self.is_refused.store(true, Ordering::Relaxed);
            warn!(%error, "no space can be held in reserve on this disk");
            drop(fs::remove_file(&self.path));
        }
    }
}

/// On a small disk the reserve is at most this part of it.
const PART_OF_DISK: u64 = 16;
