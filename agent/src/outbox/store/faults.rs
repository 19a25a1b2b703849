//! What tests make the disk do, and a newer release.

use std::io;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use rocksdb::statistics::Ticker;

use super::{DB, Durability, Mains, Options, StoreError, failed};

#[derive(Default)]
pub(in super::super) struct Faults {
    /// The next write gives an I/O error.
    pub(in super::super) fail_next_write: std::sync::atomic::AtomicBool,
    /// So many writes are made yet, and no other: each gives an I/O error.
    pub(in super::super) writes_left: std::sync::Mutex<Option<u64>>,
    /// Every write finds the disk full.
    pub(in super::super) is_full: std::sync::atomic::AtomicBool,
    /// A write waits while this is held.
    pub(in super::super) hold_writes: std::sync::Mutex<()>,
    /// Writes so far: those that were synced, and the others.
    pub(in super::super) synced: AtomicU64,
    pub(in super::super) buffered: AtomicU64,
    /// What of the store is on the disk, if somebody is to know.
    pub(in super::super) mains: std::sync::Mutex<Option<Mains>>,
    /// They lead to what the engine counts.
    engine: Options,
}

impl Faults {
    /// Of a store that was opened with these.
    pub(super) fn of(engine: Options) -> Faults {
        Faults { engine, ..Faults::default() }
    }

    /// How often the engine has synced a log so far.
    pub(super) fn syncs(&self) -> u64 {
        self.engine.get_ticker_count(Ticker::WalFileSynced)
    }

    /// Gives how often the engine had synced before it.
    pub(super) fn before_write(&self, how: Durability) -> Result<u64, StoreError> {
        drop(self.hold_writes.lock());
        match how {
            Durability::Synced => self.synced.fetch_add(1, Ordering::SeqCst),
            Durability::Buffered => self.buffered.fetch_add(1, Ordering::SeqCst),
        };
        if self.is_full.load(Ordering::SeqCst) {
            return Err(failed("write", &io::Error::from_raw_os_error(libc::ENOSPC)));
        }
        if self.fail_next_write.swap(false, Ordering::SeqCst) || !self.may_write() {
            return Err(failed("write", &io::Error::from_raw_os_error(libc::EIO)));
        }
        self.minded(Mains::before_write);
        Ok(self.syncs())
    }

    /// What was to be synced is believed to be so only if the engine has synced since.
    pub(super) fn after_write(&self, how: Durability, syncs: u64) {
        let is_synced = how == Durability::Synced && self.syncs() > syncs;
        self.minded(|it| it.after_write(is_synced));
    }

    pub(super) fn after_sync(&self, syncs: u64) {
        if self.syncs() > syncs {
            self.minded(Mains::all_synced);
        }
    }

    /// Does it to the mains, if somebody minds them.
    pub(in super::super) fn minded<T>(&self, work: impl FnOnce(&mut Mains) -> T) -> Option<T> {
        let mut mains = self.mains.lock().unwrap_or_else(PoisonError::into_inner);
        mains.as_mut().map(work)
    }

    fn may_write(&self) -> bool {
        let mut left = self.writes_left.lock().unwrap_or_else(PoisonError::into_inner);
        let is_none_left = *left == Some(0);
        *left = left.map(|it| it.saturating_sub(1));
        !is_none_left
    }
}

/// Puts a family into a closed store that only a newer release knows, with one key.
pub(in super::super) fn add_later_family(dir: &Path) {
    let options = Options::default();
    let families = DB::list_cf(&options, dir).expect("a store");
    let mut db = DB::open_cf(&options, dir, families).expect("it is closed");
    db.create_cf("later", &options).expect("a new name");
    let later = db.cf_handle("later").expect("it was just made");
    db.put_cf(later, b"key", b"value").expect("our own disk");
}

/// Whether the key that a newer release has put in is there.
pub(in super::super) fn has_later_family(dir: &Path) -> bool {
    let options = Options::default();
    let families = DB::list_cf(&options, dir).expect("a store");
    let db = DB::open_cf(&options, dir, families).expect("it is closed");
    let later = db.cf_handle("later");
    later.is_some_and(|it| db.get_cf(it, b"key").is_ok_and(|it| it.is_some()))
}
