//! Tells whether a running daemon has the store open, and keeps one from opening it meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use super::StoreError;

/// The engine's own lock. It is given back when this goes.
#[derive(Debug)]
pub(super) struct Held {
    _file: Option<File>,
}

/// Takes the store for whoever changes it; the lock's file is made where there is none.
pub(super) fn take(dir: &Path) -> Result<Held, StoreError> {
    refuse_held(dir)?;
    let mut how = OpenOptions::new();
    let file = how.create(true).truncate(false).read(true).write(true).open(dir.join(LOCK));
    let file = file.map_err(|error| unlocked(&error))?;
    own_like(dir, &file).map_err(|error| unlocked(&error))?;
    lock(file, libc::F_WRLCK)
}

/// Gives what root has made to whom the store belongs: else the daemon could not open it. Whoever is not root
/// has made it its own, or takes it as it is.
fn own_like(dir: &Path, made: &File) -> io::Result<()> {
    let (owner, is) = (fs::metadata(dir)?, made.metadata()?);
    if is.uid() == owner.uid() {
        return Ok(());
    }
    match fchown(made, Some(owner.uid()), Some(owner.gid())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

/// The same for whoever only reads: nothing is made, several may read.
pub(super) fn take_to_read(dir: &Path) -> Result<Held, StoreError> {
    refuse_held(dir)?;
    match File::open(dir.join(LOCK)) {
        Ok(file) => lock(file, libc::F_RDLCK),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Held { _file: None }),
        Err(error) => Err(unlocked(&error)),
    }
}

/// The kind of lock that the engine takes: a lock of a process on the whole file.
#[allow(unsafe_code)]
fn lock(file: File, kind: libc::c_int) -> Result<Held, StoreError> {
    // SAFETY: all zeros is a valid `flock`; the descriptor is open; the call reads the struct only.
    let told = unsafe {
        let mut wanted: libc::flock = std::mem::zeroed();
        wanted.l_type = libc::c_short::try_from(kind).unwrap_or_default();
        wanted.l_whence = libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default();
        libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const wanted)
    };
    if told == 0 {
        return Ok(Held { _file: Some(file) });
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => {
            Err(StoreError::Locked { cause: "another process has just opened it".to_owned() })
        }
        _ => Err(unlocked(&error)),
    }
}

fn unlocked(error: &io::Error) -> StoreError {
    StoreError::of_disk("lock the store", error.to_string())
}

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
    let lock = fs::metadata(dir.join(LOCK)).ok()?;
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

const LOCK: &str = "LOCK";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// As the kernel tells it: another process would be refused.
    #[test]
    fn who_works_on_a_store_holds_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        assert!(take_to_read(dir.path()).is_ok() && !dir.path().join(LOCK).exists());
        let held = take(dir.path()).unwrap();
        assert_eq!(take(dir.path()).unwrap_err().code(), "O106");
        assert_eq!(take_to_read(dir.path()).unwrap_err().code(), "O106");
        drop(held);
        let read = take_to_read(dir.path()).unwrap();
        assert_eq!(take(dir.path()).unwrap_err().code(), "O106", "while it is read");
        drop(read);
        assert!(take(dir.path()).is_ok());
    }
}
