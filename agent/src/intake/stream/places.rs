//! What long messages may take at one time: passes over files, files, and the files' bytes. One address
//! gets half of the files at most, so that bodies that never end keep nobody else out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// The places of all long messages.
#[derive(Debug)]
pub struct Streams {
    /// Each pass takes a core for as long as it lasts.
    pub(super) turns: Semaphore,
    files: Arc<Shares>,
    kib: Arc<Shares>,
}

/// So much of something.
#[derive(Debug)]
struct Shares {
    all: usize,
    taken: Mutex<HashMap<Option<IpAddr>, usize>>,
}

/// What one message has of it; free again when it is dropped.
#[derive(Debug)]
struct Share {
    of: Arc<Shares>,
    from: Option<IpAddr>,
    amount: usize,
}

/// What one file takes.
#[derive(Debug)]
pub(super) struct FilePlace {
    _file: Share,
    kib: Share,
}

impl Streams {
    /// For files of so many bytes at most.
    pub fn new(file_bytes_max: usize) -> Streams {
        let kib = file_bytes_max.div_ceil(1024).saturating_mul(FULL_FILES_MAX);
        Streams {
            turns: Semaphore::new(TURNS_MAX),
            files: Shares::new(FILES_MAX),
            kib: Shares::new(kib),
        }
    }

    /// A place for a file that begins to come.
    pub(super) fn enter(&self, from: Option<IpAddr>) -> Option<FilePlace> {
        let mut file = self.files.share(from);
        file.grow(1).then(|| FilePlace { _file: file, kib: self.kib.share(from) })
    }
}

impl FilePlace {
    /// Whether there is room for so many bytes in all.
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        self.kib.grow(usize::try_from(bytes / 1024).unwrap_or(usize::MAX))
    }
}

impl Shares {
    fn new(all: usize) -> Arc<Shares> {
        Arc::new(Shares { all, taken: Mutex::default() })
    }

    fn share(self: &Arc<Shares>, from: Option<IpAddr>) -> Share {
        Share { of: Arc::clone(self), from, amount: 0 }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    fn grow(&mut self, amount: usize) -> bool {
        let more = amount.saturating_sub(self.amount);
        if more == 0 {
            return true;
        }
        let mut taken = self.of.taken();
        let own = taken.get(&self.from).copied().unwrap_or(0);
        let all: usize = taken.values().sum();
        if own + more > self.of.all / 2 || all + more > self.of.all {
            return false;
        }
        taken.insert(self.from, own + more);
        self.amount = amount;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        let left = taken.get(&self.from).map_or(0, |it| it.saturating_sub(self.amount));
        if left == 0 {
            taken.remove(&self.from);
        } else {
            taken.insert(self.from, left);
        }
    }
}

const TURNS_MAX: usize = 2;
const FILES_MAX: usize = 16;
/// How many files of the greatest size the disk is to have room for.
const FULL_FILES_MAX: usize = 4;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_half() {
        let streams = Streams::new(10 << 20);
        let at = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
        let mut files: Vec<_> = (0..8).map(|_| streams.enter(at(2)).unwrap()).collect();
        assert!(streams.enter(at(2)).is_none());
        assert!(files[0].grow(10 << 20) && files[1].grow(10 << 20));
        assert!(!files[2].grow(1 << 20), "two of the longest");
        let others: Vec<_> = (0..8).map(|_| streams.enter(at(1)).unwrap()).collect();
        assert!(streams.enter(at(3)).is_none());
        files.truncate(1);
        assert!(streams.enter(at(2)).unwrap().grow(10 << 20));
        drop((files, others));
        assert!(streams.files.taken().is_empty() && streams.kib.taken().is_empty());
    }
}
