//! The doctor: looks at the machine, the disk, the way to the platform and the agent itself, and says of
//! each whether it is well and, if not, what to do.
//!
//! A check is one file here and one line in [`CHECKS`]: it looks at the [`Site`] and tells [`Line`]s. All of
//! them run side by side, each bounded in time, since a disk that hangs and a name server that is silent
//! are just what one wants to hear of; what they told stands in the order of the table. Whatever is not
//! well has a code, and the cure stands with the code in the register.
//!
//! With the daemon running the checks run inside it: its user, its limits and its view of the network are
//! what counts. Without it the command runs them itself. Nothing is changed, and nothing is sent.

mod backup;
mod broker;
mod certificates;
mod charset;
pub(crate) mod clock;
mod daemon;
mod disk;
mod kernel;
pub(crate) mod log;
mod names;
mod patrol;
mod peers;
mod permissions;
mod ports;
mod report;
pub(crate) mod routes;
mod sets;
mod site;

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) use self::charset::of_environment as locale;
pub(crate) use self::patrol::{Patrol, keep};
pub(crate) use self::permissions::hidden_from;
pub(crate) use self::report::{Group, Line, Report, State};
pub(crate) use self::site::{Daemon, Site};

/// Something that is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    /// As programs know it.
    key: &'static str,
    /// As people read it.
    zh: &'static str,
    /// How long it may take.
    bound: Duration,
    look: fn(&Site) -> Vec<Line>,
}

/// Everything that is looked at, in the order in which it is told.
const CHECKS: &[Check] = &[
    daemon::CHECK,
    sets::CHECK,
    clock::CHECK,
    disk::CHECK,
    permissions::CHECK,
    backup::CHECK,
    ports::CHECK,
    names::CHECK,
    broker::CHECK,
    certificates::CHECK,
    peers::CHECK,
    kernel::CHECK,
    charset::CHECK,
];

/// Looks at everything. Blocks, never longer than the slowest check may take.
pub(crate) fn examine(site: &Arc<Site>) -> Report {
    examine_by(CHECKS, site)
}

fn examine_by(checks: &[Check], site: &Arc<Site>) -> Report {
    let begun = Instant::now();
    let looking: Vec<_> = checks.iter().map(|it| it.begin(site)).collect();
    let groups = checks.iter().zip(looking).map(|(check, told)| Group {
        key: check.key.to_owned(),
        zh: check.zh.to_owned(),
        lines: check.told(told, begun),
    });
    Report::of(groups.collect(), begun.elapsed())
}

/// A check under way.
struct Looking {
    told: Receiver<Vec<Line>>,
    thread: Option<JoinHandle<()>>,
}

impl Check {
    /// On a thread of its own. One that hangs is left behind: nobody can end it. Over years of patrols it is one:
    /// as long as it hangs, the check tells that and begins no other.
    fn begin(&self, site: &Arc<Site>) -> Looking {
        let (tell, told) = channel();
        if self.hangs() {
            drop(tell.send(self.late()));
            return Looking { told, thread: None };
        }
        let (look, site) = (self.look, Arc::clone(site));
        let thread = thread::Builder::new().name(format!("doctor-{}", self.key));
        // A thread that cannot be had drops `tell`, as one does that panics.
        let thread = thread.spawn(move || drop(tell.send(look(&site)))).ok();
        Looking { told, thread }
    }

    fn told(&self, looking: Looking, begun: Instant) -> Vec<Line> {
        match looking.told.recv_timeout(self.bound.saturating_sub(begun.elapsed())) {
            Ok(lines) => lines,
            Err(RecvTimeoutError::Timeout) => {
                hanging().extend(looking.thread.map(|it| (self.key, it)));
                self.late()
            }
            Err(RecvTimeoutError::Disconnected) => {
                vec![Line::fail("H002", "这项检查自己出错，没有结果")]
            }
        }
    }

    fn late(&self) -> Vec<Line> {
        vec![Line::fail("H001", format!("{} 秒内没有看完", self.bound.as_secs()))]
    }

    fn hangs(&self) -> bool {
        let mut all = hanging();
        all.retain(|(_, it)| !it.is_finished());
        all.iter().any(|(key, _)| *key == self.key)
    }
}

/// Checks that were left behind, of the whole process.
fn hanging() -> MutexGuard<'static, Vec<(&'static str, JoinHandle<()>)>> {
    static LEFT: Mutex<Vec<(&'static str, JoinHandle<()>)>> = Mutex::new(Vec::new());
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at several things at a time, so that a silent one hides none of the others; one that does not
/// answer in time is told by `late`.
fn side_by_side<T: Clone + Send + 'static>(
    things: &[T],
    bound: Duration,
    look: fn(&T) -> Line,
    late: fn(&T) -> Line,
) -> Vec<Line> {
    let begun = Instant::now();
    let looking: Vec<_> = things
        .iter()
        .map(|thing| {
            let (tell, told) = channel();
            let thing = thing.clone();
            drop(thread::Builder::new().spawn(move || drop(tell.send(look(&thing)))));
            told
        })
        .collect();
    let told = things.iter().zip(looking).map(|(thing, told)| {
        told.recv_timeout(bound.saturating_sub(begun.elapsed())).unwrap_or_else(|_| late(thing))
    });
    told.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
