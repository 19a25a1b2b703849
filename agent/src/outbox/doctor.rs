//! The buffer doctor: what a store still holds, whatever happened to its files, and a store made new
//! of it.
//!
//! All of it works on a store that nobody has open, and reads its files without the engine
//! (`outbox/carve.rs`), which would not open a damaged store, or would tidy away what it does not
//! know of.
//!
//! - [`examine`] reads everything and says what is lost: each record by its number, and by its id
//!   where the memory of business keys still knows that.
//! - [`export`] writes everything that can be read as lines of JSON.
//! - [`salvage`] makes a new store beside the old one, moves the old one aside and takes its place.
//!   Nothing of the old one is removed.
//!
//! [`Outbox::open`](super::Outbox::open) salvages by itself when the engine refuses a store, would lose
//! part of it, or has ended an earlier run for damage (`doctor/mark.rs`); of a hole in a log it brings
//! back what the engine would drop (`doctor/relog.rs`). The daemon stands up with whatever is left. What is missing then shows as in any damaged store: numbers have no gaps, so
//! reading names what is not there.

mod counting;
mod export;
mod left;
mod lock;
mod losses;
mod mark;
mod marks;
mod relog;
mod renaming;
mod salvage;
mod within;

use std::path::Path;

use serde::Serialize;

pub use self::export::export;
use self::left::Left;
pub use self::losses::{Counted, Loss, Named};
pub(super) use self::mark::{mark, marked};
pub(super) use self::relog::{keep_logs, kept_logs, replay};
#[cfg(test)]
pub(super) use self::renaming::faults;
pub(super) use self::salvage::{Danger, danger, finish, is_half, mend};
pub use self::salvage::{Salvaged, salvage};
use super::StoreError;
use super::store::Family;
use crate::master_key::KeySource;

/// What a store holds and what it has lost.
#[derive(Debug, Serialize)]
pub struct Examined {
    /// Files that are not what was written.
    pub files: Vec<Harm>,
    /// The store's id, if that is left.
    pub epoch: Option<String>,
    /// The lowest number that is not known to be delivered.
    pub cursor: u64,
    /// The number the next record would get.
    pub next_seq: u64,
    /// Records that wait and can be read.
    pub waiting: u64,
    /// Delivered records that are kept and can be read.
    pub delivered: u64,
    /// Records that wait and cannot be read, in the order of their numbers.
    pub lost: Vec<Loss>,
    /// Dead letters.
    pub dead_letters: Counted,
    /// Messages that wait for a code to be mapped.
    pub parked: Counted,
    /// Business keys that are remembered.
    pub remembered: Counted,
}

/// A file that is not what was written.
#[derive(Debug, Serialize)]
pub struct Harm {
    /// Its name in the store's folder.
    pub file: String,
    /// The byte from which on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl Examined {
    /// Nothing is lost and nothing is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let counts = [&self.dead_letters, &self.parked, &self.remembered];
        self.files.is_empty()
            && self.lost.is_empty()
            && counts.iter().all(|it| it.damaged.is_empty() && it.lost == 0)
    }

    /// How many records that wait are lost.
    #[must_use]
    pub fn lost_records(&self) -> u64 {
        self.lost.iter().map(|it| it.last_seq + 1 - it.first_seq).sum()
    }
}

/// Reads everything of a store that nobody has open. Changes nothing.
pub fn examine(dir: &Path, key: &KeySource) -> Result<Examined, StoreError> {
    let _held = lock::take_to_read(dir)?;
    refuse_half(dir)?;
    examined(&mut Left::of(dir, key)?)
}

/// Refuses a store whose files lie in two folders: most of it would be told as lost.
fn refuse_half(dir: &Path) -> Result<(), StoreError> {
    if !is_half(dir) {
        return Ok(());
    }
    let cause = "a salvage was cut off: start the agent, or salvage again, and it is finished";
    Err(StoreError::Failed { operation: "read the store", cause: cause.to_owned() })
}

fn examined(left: &mut Left) -> Result<Examined, StoreError> {
    let queue = losses::queue(left)?;
    let remembered = losses::remembered(left)?;
    let dead_letters = losses::counted(left, Family::Dead)?;
    let parked = losses::counted(left, Family::Parked)?;
    let position = left.position();
    let settled = left.settled();
    let lost = losses::lost(left, &queue, (position.cursor, position.next_seq), &settled)?;
    let [delivered, waiting] = queue.readable(position.cursor, &settled);
    let mut files = left.harms();
    files.sort_by(|one, other| (&one.file, one.at).cmp(&(&other.file, other.at)));
    let epoch = left.epoch().map(|it| it.to_string());
    let (cursor, next_seq) = (position.cursor, position.next_seq);
    Ok(Examined {
        files,
        epoch,
        cursor,
        next_seq,
        waiting,
        delivered,
        lost,
        dead_letters,
        parked,
        remembered,
    })
}
