//! The words in which one speaks to the store: families of keys, how sure a write is, how far a read
//! goes, and why it ended early.

use super::super::StoreError;

/// One keyspace of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Family {
    /// What waits for the platform, by the number of its first record.
    Queue,
    /// What was taken in under which business key.
    Seen,
    /// The few values there is one of.
    Meta,
    /// What could not go on, by a number of its own.
    Dead,
    /// What waits for a code to be mapped, by a number of its own.
    Parked,
    /// What is kept beside the queue, under keys that its owner chooses.
    Shelf,
    /// The past of patients. A value begins with the day after whose term it may go.
    History,
    /// What became of messages, under keys that begin with a day.
    Journey,
    /// The bytes that messages came in, by the message's id, which begins with a time.
    Raw,
    /// What the platform has confirmed, day by day, under keys that begin with the day.
    Account,
}

pub(in super::super) const FAMILIES: [Family; 10] = [
    Family::Queue,
    Family::Seen,
    Family::Meta,
    Family::Dead,
    Family::Parked,
    Family::Shelf,
    Family::History,
    Family::Journey,
    Family::Raw,
    Family::Account,
];

impl Family {
    /// Is bound into what is sealed: a family may be added, never renumbered.
    pub(in super::super) const fn number(self) -> u8 {
        match self {
            Family::Queue => 1,
            Family::Seen => 2,
            Family::Meta => 3,
            Family::Dead => 4,
            Family::Parked => 5,
            Family::Shelf => 6,
            Family::History => 7,
            Family::Journey => 8,
            Family::Raw => 9,
            Family::Account => 10,
        }
    }

    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Family::Queue => "queue",
            Family::Seen => "seen",
            Family::Meta => "meta",
            Family::Dead => "dead",
            Family::Parked => "parked",
            Family::Shelf => "shelf",
            Family::History => "history",
            Family::Journey => "journey",
            Family::Raw => "raw",
            Family::Account => "account",
        }
    }
}

/// Whether a write returns before or after the disk has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Durability {
    /// In the kernel's hands: survives the process, perhaps not the power.
    Buffered,
    /// On disk.
    Synced,
}

/// How far a read may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To what is in memory; [`RowError::NotInMemory`] when that is not enough.
    Memory,
    /// To the disk.
    Disk,
}

/// Why rows were not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// What is asked for is on the disk, and the disk was not to be asked.
    #[error("the rows are not in memory")]
    NotInMemory,
    /// The store would not read them.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A stretch of keys in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Stretch {
    pub(in super::super) bytes: u64,
    pub(in super::super) first: Vec<u8>,
    pub(in super::super) last: Vec<u8>,
}

/// Why a walk over keys ended early.
#[derive(Debug)]
pub(in super::super) enum WalkError {
    /// A file's checksum does not fit its bytes. Other files and blocks can still be read.
    Damaged(String),
    /// The disk did not answer.
    Failed(String),
}
