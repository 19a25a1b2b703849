//! In-stay monitoring (事中) and the audit after discharge (事后): encounters judged as their records tell
//! them, not as a caller sends them.
//!
//! ```text
//! past of patients --walk--> one encounter as it stood --rules--> suspicions --> the book (disk)
//!                                                                                 |  department: feed, list
//! department, office --answer--> open, explained, corrected, escalated, closed <--+  platform: records
//! settlement (record, 3102) --escalate------------------------------------------->+  summaries, CSV, XLSX
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | `run` | [`run()`]: a scene, a day, every encounter it is about |
//! | `walk` | encounters one after the other, at half the time of one core |
//! | `suspicion`, `states` | one suspicion over time, and which answer may follow which |
//! | `book`, `page` | what is on disk, and one change of it |
//! | `settle` | what a settlement escalates, what time forgets |
//! | `answer`, `department` | what departments and the insurance office say, and how a HIS tells it |
//! | `list`, `summary` | suspicions as rows, and counted by person, doctor, department, hospital |
//! | `ratios`, `stock` | the reports F21 and F22, which are no findings |
//! | `table` | rows for people: JSON, CSV, XLSX |
//! | `routes`, `why` | what commands can ask, and why a suspicion is one |
//!
//! Runs belong to whoever plans them: [`run()`] is a function, and blocks.

pub(crate) mod answer;
mod book;
pub(crate) mod department;
mod list;
mod page;
mod ratios;
pub(crate) mod routes;
mod run;
mod settle;
pub mod states;
mod stock;
mod summary;
pub mod suspicion;
pub(crate) mod table;
mod walk;
mod why;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

pub(crate) use self::book::rekeyed;
pub use self::run::{Asked, Ran, run};
pub(crate) use self::settle::{forget, settled};
use crate::history::{History, Unread};
use crate::outbox::StoreError;

/// What runs share.
#[derive(Debug, Default)]
pub struct Audit {
    /// Held by the run that runs.
    turn: Mutex<()>,
    /// Held by whoever changes suspicions, since each change begins with what the one before has left.
    pen: Mutex<()>,
    is_stopped: AtomicBool,
}

/// Why something was not run, counted or answered.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// Another run is not done yet.
    #[error("另一次运行还没有结束")]
    Busy,
    /// The agent is stopping, or not open yet.
    #[error("前置机正在停止；再次运行会接着做完，不会重复")]
    Stopped,
    /// The past of patients is off or cannot be read.
    #[error("患者既往没有打开：看 his-agent history status")]
    NoHistory,
    /// Nobody is known to have had this encounter.
    #[error("没有这次就诊的记录")]
    NoEncounter,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl From<Unread> for NotRun {
    fn from(error: Unread) -> NotRun {
        match error {
            Unread::NotOpen => NotRun::NoHistory,
            Unread::Store(error) => NotRun::Store(error),
        }
    }
}

impl From<NotRun> for StoreError {
    fn from(error: NotRun) -> StoreError {
        match error {
            NotRun::Store(error) => error,
            _ => StoreError::Stopped,
        }
    }
}

impl Audit {
    /// The agent stops: whatever runs ends at the next encounter.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
    }

    fn turn(&self) -> Result<MutexGuard<'_, ()>, NotRun> {
        match self.turn.try_lock() {
            Ok(turn) => Ok(turn),
            Err(TryLockError::Poisoned(turn)) => Ok(turn.into_inner()),
            Err(TryLockError::WouldBlock) => Err(NotRun::Busy),
        }
    }

    fn is_running(&self) -> bool {
        matches!(self.turn.try_lock(), Err(TryLockError::WouldBlock))
    }

    fn pen(&self) -> MutexGuard<'_, ()> {
        // What panicked meanwhile wrote nothing.
        self.pen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets others have the processor, unless the agent stops.
    fn pause(&self, time: Duration) -> Result<(), NotRun> {
        if self.is_stopped.load(Ordering::SeqCst) {
            return Err(NotRun::Stopped);
        }
        std::thread::sleep(time);
        Ok(())
    }

    /// Waits until the past has everything that was accepted, within reason; gives what is missing.
    fn wait_for(&self, history: &History) -> Result<u64, NotRun> {
        let begun = Instant::now();
        while history.behind() > 0 && begun.elapsed() < BEHIND_MAX {
            self.pause(Duration::from_millis(50))?;
        }
        Ok(history.behind())
    }
}

/// A run may be planned right behind a large delivery.
const BEHIND_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
