//! Plans: what is run by itself, when, and what came of it (T/CIIA 046, 6.5).
//!
//! ```text
//! plans (disk) --due, by hand, broken off--> runner, one at a time --job--> hits, counts, log (disk)
//! ```
//!
//! A plan survives a restart with the moment up to which it was looked at: what was due while the
//! agent was down is run once after the start, and the run says so. A run that was broken off is run
//! once more. No two run at one time, and none takes more than half of one core, so that a doctor's
//! check does not wait for them.
//!
//! | file | what is in it |
//! |---|---|
//! | `cron` | `Cron`: five fields, and when they are due |
//! | `plan` | a plan and its job, proved |
//! | `execution` | one run: state, counts, log |
//! | `book` | what is on disk |
//! | `runner` | the task that waits, picks up and runs |
//! | `job` | what a run does |
//! | `once` | a back-test that no plan asked for |
//! | `stamped` | moments as they are kept |
//! | `routes` | what commands can ask |

mod book;
mod cron;
mod execution;
mod job;
mod once;
mod plan;
pub(crate) mod routes;
mod runner;
mod stamped;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

pub(crate) use self::cron::Cron;
pub(crate) use self::runner::keep;

/// What the runner and the doors share.
#[derive(Debug, Default)]
pub struct Plans {
    /// Held by whoever changes plans, since each change begins with what the one before has left.
    pen: Mutex<()>,
    /// Plans that somebody wants run now.
    by_hand: Mutex<BTreeSet<String>>,
    /// The plan that runs.
    running: Mutex<Option<String>>,
    /// There may be something to run.
    news: Notify,
    /// Held by a back-test that somebody waits for.
    once: Mutex<()>,
    is_stopped: AtomicBool,
}

impl Plans {
    fn pen(&self) -> MutexGuard<'_, ()> {
        lock(&self.pen)
    }

    /// Has a plan run as soon as nothing else does; gives what it waits for.
    fn run_by_hand(&self, name: &str) -> Option<String> {
        lock(&self.by_hand).insert(name.to_owned());
        self.news.notify_one();
        lock(&self.running).clone()
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }

    /// Lets others have the processor; says whether to go on.
    fn pause(&self, time: Duration) -> bool {
        std::thread::sleep(time);
        !self.is_stopped()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
