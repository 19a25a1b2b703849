//! Tells whether a running daemon has the store open.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::StoreError;

/// Refuses a store that somebody has open: its files change while they are read.
pub(super) fn refuse_held(dir: &Path) -> Result<(), StoreError> {
    match holder(dir) {
        Some(process) => {
            Err(StoreError::Locked { cause: format!("process {process} has it open") })
        }
        None => Ok(()),
    }
}

/// The process that holds the engine's lock, as the kernel tells it. The engine's own way of asking
/// would be to take the lock, and to make a file where there is none.
fn holder(dir: &Path) -> Option<String> {
    let lock = fs::metadata(dir.join("LOCK")).ok()?;
    let (device, inode) = (lock.dev(), lock.ino());
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
    let place = format!("{major:02x}:{minor:02x}:{inode}");
    let locks = fs::read_to_string("/proc/locks").ok()?;
    // 1: POSIX  ADVISORY  WRITE 1234 fe:00:567 0 EOF
    let held = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    held.into_iter().find_map(|words| match words.as_slice() {
        [.., process, found, _, _] if *found == place => Some((*process).to_owned()),
        _ => None,
    })
}
