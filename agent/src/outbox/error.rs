//! What can go wrong between the outbox and its disk.

/// Why the outbox did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// O101: too much waits for the disk. The caller should come again; nothing was stored.
    #[error("too many messages wait for the disk")]
    Busy,
    /// O102: the outbox is closing or closed. Nothing was stored.
    #[error("the outbox is closed")]
    Stopped,
    /// O103: the disk refused. What was on its way is not known to be stored; stop, and start anew.
    #[error("cannot {operation}: {cause}")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        cause: String,
    },
    /// O107: the disk has too little room. Nothing was stored; it will be taken when there is room.
    #[error("there is too little room on the disk: {cause}")]
    Full {
        /// What the system said, or why the doors are closed.
        cause: String,
    },
    /// O104: the store as a whole cannot be opened or read.
    #[error("the store is damaged: {cause}")]
    Damaged {
        /// What the store said.
        cause: String,
    },
    /// O105: a newer release has written this store.
    #[error(
        "the store has format {found}, this program knows formats up to {known}: use the newer program"
    )]
    TooNew {
        /// Format of the store.
        found: u64,
        /// The newest format this program knows.
        known: u64,
    },
    /// O106: another process has the store open.
    #[error("another process uses the store: {cause}")]
    Locked {
        /// What the store said.
        cause: String,
    },
    /// O121: the key given is not the one the store was sealed with. Nothing was touched.
    #[error(
        "the store was sealed under the key with fingerprint {stored}, and the key given has {given}"
    )]
    OtherKey {
        /// Fingerprint of the key the store wants.
        stored: String,
        /// Fingerprint of the key it got.
        given: String,
    },
    /// O122: the key of the store cannot be had. Nothing was touched.
    #[error("the key of the store cannot be read: {cause}")]
    NoKey {
        /// Why.
        cause: String,
    },
}

impl StoreError {
    /// True when it was the disk, not the door.
    pub(super) const fn is_failure(&self) -> bool {
        !matches!(self, StoreError::Busy | StoreError::Stopped | StoreError::Full { .. })
    }

    /// The same where waiting for room would not help.
    pub(super) fn for_good(self) -> StoreError {
        match self {
            StoreError::Full { cause } => {
                StoreError::Failed { operation: "stand again after a full disk", cause }
            }
            other => other,
        }
    }

    /// True when all that is missing is room on the disk.
    pub const fn is_full(&self) -> bool {
        matches!(self, StoreError::Full { .. })
    }

    /// Stable code, as listed in the manual.
    pub const fn code(&self) -> &'static str {
        match self {
            StoreError::Busy => "O101",
            StoreError::Stopped => "O102",
            StoreError::Failed { .. } => "O103",
            StoreError::Damaged { .. } => "O104",
            StoreError::TooNew { .. } => "O105",
            StoreError::Locked { .. } => "O106",
            StoreError::Full { .. } => "O107",
            StoreError::OtherKey { .. } => "O121",
            StoreError::NoKey { .. } => "O122",
        }
    }
}

impl StoreError {
    pub(super) fn witness(error: &std::io::Error) -> StoreError {
        StoreError::of_disk("keep the witness file", error.to_string())
    }

    /// What a disk said when it refused. A write for which there is no room was not made; a *sync* that
    /// failed for the same reason leaves open what was, and is a failure like any other.
    pub(super) fn of_disk(operation: &'static str, cause: String) -> StoreError {
        let synced = ["fsync", "fdatasync", "sync_file_range"].iter().any(|it| cause.contains(it));
        if cause.contains(NO_SPACE) && !synced {
            StoreError::Full { cause }
        } else {
            StoreError::Failed { operation, cause }
        }
    }

    pub(super) fn keyring(error: &std::io::Error) -> StoreError {
        StoreError::of_disk("keep the keyring's file", error.to_string())
    }

    pub(super) fn no_key(cause: &str) -> StoreError {
        StoreError::NoKey { cause: cause.to_owned() }
    }

    pub(super) fn damaged(cause: &str) -> StoreError {
        StoreError::Damaged { cause: cause.to_owned() }
    }

    pub(crate) fn panicked() -> StoreError {
        StoreError::Failed { operation: "write", cause: "the writer has panicked".to_owned() }
    }
}

/// What the system calls `ENOSPC`, in the engine's words as in ours.
const NO_SPACE: &str = "No space left on device";
