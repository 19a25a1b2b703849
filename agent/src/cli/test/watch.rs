//! Waits until a file below the given folders is saved.
//!
//! By looking every third of a second: an implementer's folder is small, may lie on a share or in a
//! container, and nothing is lost if a change is seen late.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// Returns when something has changed and then stayed the same for one look.
pub(super) fn wait(folders: &[PathBuf], seen: &[Stamp]) -> Vec<Stamp> {
    let mut last = seen.to_vec();
    loop {
        sleep(LOOK_EVERY);
        let now = stamps(folders);
        if now == last && now != seen {
            return now;
        }
        last = now;
    }
}

/// A file, its size, and when it was written.
pub(super) type Stamp = (PathBuf, u64, Option<SystemTime>);

/// All files below the folders, in order.
pub(super) fn stamps(folders: &[PathBuf]) -> Vec<Stamp> {
    let mut found = Vec::new();
    let mut open = folders.to_vec();
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(it) if it.is_dir() => open.push(entry.path()),
                Ok(it) => found.push((entry.path(), it.len(), it.modified().ok())),
                Err(_) => {} // it went while we looked
            }
        }
    }
    found.sort();
    found
}

const LOOK_EVERY: Duration = Duration::from_millis(300);
