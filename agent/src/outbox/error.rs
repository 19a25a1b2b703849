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
}

impl StoreError {
    /// True when it was the disk, not the door.
    pub(super) const fn is_failure(&self) -> bool {
        !matches!(self, StoreError::Busy | StoreError::Stopped)
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
        }
    }
}

impl StoreError {
    pub(super) fn witness(error: &std::io::Error) -> StoreError {
        StoreError::Failed { operation: "keep the witness file", cause: error.to_string() }
    }

    pub(super) fn damaged(cause: &str) -> StoreError {
        StoreError::Damaged { cause: cause.to_owned() }
    }

    pub(crate) fn panicked() -> StoreError {
        StoreError::Failed { operation: "write", cause: "the writer has panicked".to_owned() }
    }
}
