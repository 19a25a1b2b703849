//! Room on the disk: when there is too little, nothing new is taken in; what was taken goes on.
//!
//! ```text
//! free bytes   |....low water........high water............................
//!              doors close here      doors open again here
//! ```
//!
//! Between the two nothing changes, so that the doors do not flap. Below low water the disk still has
//! what the store needs to work on: its log, its compactions, the cursor. Delivered records are given
//! back at once then, and not a sweep at a time.
//!
//! Somebody else may fill the disk all the same. Then a write is refused, wholly or not at all, and
//! the store itself takes nothing more: it *has run out*. A file that was held in reserve
//! (`room/reserve.rs`) goes, the engine finds the space and stands up again, and the writer tries one
//! small write until one has gone through. Reading, delivering and answering checks go on meanwhile. A
//! failed *sync* is something else, full disk or not: after it nothing may be believed, and the agent
//! starts anew.

mod discards;
pub(super) mod marks;
mod meter;
mod reserve;
mod volume;
mod watch;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing::{error, info, warn};

pub use self::marks::Mark;
use self::marks::Waters;
use self::meter::Meter;
pub use self::meter::Outlook;
pub(super) use self::reserve::Reserve;
use self::volume::Volume;
pub(super) use self::watch::{Watcher, start};
#[cfg(test)]
use super::store;
use super::{Options, Outbox, StoreError};

/// How much room there is, for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomStatus {
    /// New messages are taken in.
    pub accepting: bool,
    /// The disk was full to the last byte, and no write has gone through since.
    pub has_run_out: bool,
    /// Bytes free on the store's disk. `None` until it was asked, and when it does not say.
    pub free_bytes: Option<u64>,
    /// Below this the doors close.
    pub low_water_bytes: Option<u64>,
    /// From this on they open again.
    pub high_water_bytes: Option<u64>,
    /// How long the platform may stay away.
    pub outlook: Outlook,
}

/// How much of a disk is free, and how much has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Free {
    pub(crate) bytes: u64,
    pub(crate) low_water_bytes: u64,
}

/// What the disk of a folder has free, whether or not a store is open there.
pub(crate) fn free_on(dir: &Path, low: Mark, high: Mark) -> io::Result<Free> {
    let volume = Volume::of(dir)?;
    let (low_water_bytes, _) = Waters { low, high }.bytes(&volume);
    Ok(Free { bytes: volume.free_bytes, low_water_bytes })
}

/// What the disk of a folder has free, and what must be free for doors that were closed to open.
pub(crate) fn high_water_on(dir: &Path, low: Mark, high: Mark) -> io::Result<(u64, u64)> {
    let volume = Volume::of(dir)?;
    let (_, high_water_bytes) = Waters { low, high }.bytes(&volume);
    Ok((volume.free_bytes, high_water_bytes))
}

/// What the doors, the writer and the watcher share.
#[derive(Debug)]
pub(super) struct Room {
    dir: PathBuf,
    waters: Waters,
    reserve: Reserve,
    /// Nothing new is taken in.
    is_short: AtomicBool,
    /// The engine has refused a write for want of space, and none has gone through since.
    has_run_out: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    volume: Option<Volume>,
    meter: Meter,
    began: Instant,
    #[cfg(test)]
    pretended: Option<Volume>,
}

impl Room {
    pub(super) fn new(dir: &Path, options: &Options) -> Room {
        Room {
            dir: dir.to_owned(),
            waters: Waters { low: options.low_water, high: options.high_water },
            reserve: Reserve::new(dir, options.reserve_bytes),
            is_short: AtomicBool::new(false),
            has_run_out: AtomicBool::new(false),
            seen: Mutex::new(Seen {
                volume: None,
                meter: Meter::default(),
                began: Instant::now(),
                #[cfg(test)]
                pretended: None,
            }),
        }
    }

    /// Fails when nothing new may be taken in.
    pub(super) fn admit(&self) -> Result<(), StoreError> {
        if self.is_short.load(Ordering::SeqCst) {
            return Err(StoreError::Full {
                cause: "the doors are closed until there is room".to_owned(),
            });
        }
        Ok(())
    }

    /// Fails when not even what was taken in can be written about.
    pub(super) fn admit_upkeep(&self) -> Result<(), StoreError> {
        if self.has_run_out() {
            return Err(StoreError::Full { cause: "no write has gone through yet".to_owned() });
        }
        Ok(())
    }

    pub(super) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::SeqCst)
    }

    pub(super) fn has_run_out(&self) -> bool {
        self.has_run_out.load(Ordering::SeqCst)
    }

    /// The engine has refused a write for want of space.
    pub(super) fn runs_out(&self, error: &StoreError) {
        self.is_short.store(true, Ordering::SeqCst);
        if !self.has_run_out.swap(true, Ordering::SeqCst) {
            error!(code = "O107", %error, "the disk is full: nothing is taken in");
            self.reserve.release();
        }
    }

    /// A write has gone through again. The doors stay closed until there is more room.
    pub(super) fn stands_again(&self) {
        if self.has_run_out.swap(false, Ordering::SeqCst) {
            info!("the disk takes writes again");
        }
    }

    /// Looks at the disk, and opens or closes the doors. `written` are the bytes ever written.
    pub(super) fn look(&self, written: u64) {
        let volume = self.volume();
        {
            let mut seen = self.seen();
            let now = seen.began.elapsed();
            seen.meter.note(written, now);
            seen.volume = volume;
        }
        let Some(volume) = volume else { return };
        let was_short = self.is_short();
        let is_short = self.has_run_out() || self.waters.is_short(&volume, was_short);
        self.is_short.store(is_short, Ordering::SeqCst);
        let (low, high) = self.waters.bytes(&volume);
        match (was_short, is_short) {
            (false, true) => warn!(
                code = "O107",
                free_bytes = volume.free_bytes,
                low_water_bytes = low,
                names_free = volume.names_free,
                "the disk is nearly full: the doors are closed; forwarding and checks go on"
            ),
            (true, false) => info!(
                free_bytes = volume.free_bytes,
                high_water_bytes = high,
                "there is room on the disk again: the doors are open"
            ),
            _ => {}
        }
        if !is_short {
            self.reserve.keep(&volume, high);
        }
    }

    pub(super) fn status(&self) -> RoomStatus {
        let seen = self.seen();
        let waters = seen.volume.as_ref().map(|it| self.waters.bytes(it));
        let room =
            seen.volume.zip(waters).map(|(volume, (low, _))| volume.free_bytes.saturating_sub(low));
        RoomStatus {
            accepting: !self.is_short(),
            has_run_out: self.has_run_out(),
            free_bytes: seen.volume.map(|it| it.free_bytes),
            low_water_bytes: waters.map(|(low, _)| low),
            high_water_bytes: waters.map(|(_, high)| high),
            outlook: seen.meter.outlook(room, seen.began.elapsed()),
        }
    }

    fn volume(&self) -> Option<Volume> {
        #[cfg(test)]
        if let Some(pretended) = self.seen().pretended {
            return Some(pretended);
        }
        Volume::of(&self.dir)
            .inspect_err(|error| warn!(%error, "the disk does not tell how much is free"))
            .ok()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Whoever panicked while it was held left plain numbers.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the disk look as a test wants it, at the next look.
    #[cfg(test)]
    pub(super) fn pretend(&self, free_bytes: u64, total_bytes: u64) {
        self.seen().pretended = Some(Volume { free_bytes, total_bytes, names_free: None });
    }
}

impl Outbox {
    /// How much room there is on the disk, and for how long.
    pub fn room(&self) -> RoomStatus {
        self.shared.room.status()
    }
}

#[cfg(test)]
impl Outbox {
    /// Has the disk look as a test wants it.
    pub(crate) fn pretend_room(&self, free_mebibytes: u64) {
        self.shared.room.pretend(free_mebibytes << 20, 1 << 40);
        self.shared.room.look(0);
    }

    /// Has a record lost by the disk; it is missing when it is read from there.
    #[allow(clippy::unwrap_used)]
    pub(crate) fn lose(&self, seq: u64) {
        let store = self.shared.store().unwrap();
        let mut batch = store.batch();
        batch.delete(store::Family::Queue, &seq.to_be_bytes());
        batch.write(store::Durability::Synced).unwrap();
    }
}
