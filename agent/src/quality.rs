//! Data quality: what the sources send, measured by channel, entity, data element and day.
//!
//! Four measures, by the words that hospital platforms use for them: completeness 完整性 (the records
//! that carried the element), conformity 规范性 (the values without a finding), consistency 一致性
//! (values that contradict nothing else in the message) and timeliness 时效性 (from the fact to its
//! receipt). They are counted, never judged again: `pipeline::judge` says what it saw of a message
//! ([`Observed`]), the door hands it in when the message's fate is on disk, and everything else
//! happens beside the road.
//!
//! Counts are kept in memory for at most a minute, then added to a file a day. A crash loses the
//! counts of that minute, never a message. A message that came again unchanged is counted as a
//! resend and its records are not counted twice; one that was told "busy" is not counted, since it
//! comes again. No value of a patient is counted, only that there was one.

mod day;
mod delays;
mod keeper;
mod observed;
mod route;
mod tally;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

pub use self::day::{ChannelDay, Day, ElementDay, EntityDay, Messages};
pub use self::delays::Delays;
pub use self::keeper::{keep, read_day};
pub use self::observed::Observed;
pub(crate) use self::route::tell;
use self::tally::Live;

/// What became of a message, as far as quality is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At least one of its records is new.
    Accepted,
    /// Nothing in it is new.
    Resent,
    /// It waits for a local code to be mapped.
    Parked,
    /// It cannot go on, for this reason.
    Refused(&'static str),
}

/// The counts that are not on disk yet, and the folder of those that are.
#[derive(Debug)]
pub struct Quality {
    folder: PathBuf,
    keep_days: u32,
    live: Mutex<Live>,
    pending: Mutex<Vec<Day>>,
    /// Whoever reads or writes a day's file: one at a time, so that no count is seen twice.
    disk: Mutex<()>,
}

impl Quality {
    /// Counts for a folder; it is made when first written to.
    pub fn new(folder: PathBuf, keep_days: u32) -> Quality {
        let (live, pending, disk) = (Mutex::default(), Mutex::default(), Mutex::default());
        Quality { folder, keep_days, live, pending, disk }
    }

    /// Counts a message whose fate is decided. Cheap: a lock, and an addition for each element.
    pub fn count(&self, day: Date, channel: &str, outcome: Outcome, observed: &Observed) {
        lock(&self.live).count(day, channel, outcome, observed);
    }

    /// Moves what was counted since the last time into the days and the metrics.
    pub fn settle(&self) {
        let live = std::mem::take(&mut *lock(&self.live));
        for day in live.into_days() {
            day.publish();
            self.wait_for_disk(day);
        }
    }

    fn wait_for_disk(&self, day: Day) {
        let mut pending = lock(&self.pending);
        match pending.iter_mut().find(|it| it.day == day.day) {
            Some(there) => there.add(&day),
            None => pending.push(day),
        }
    }

    /// A day up to this moment: its file, and what is not in it yet.
    pub fn day(&self, date: Date) -> std::io::Result<Day> {
        self.settle();
        let _disk = lock(&self.disk);
        let mut day = read_day(&self.folder, date)?;
        if let Some(more) = lock(&self.pending).iter().find(|it| it.day == day.day) {
            day.add(more);
        }
        Ok(day)
    }
}

/// A panic elsewhere makes no count wrong.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
