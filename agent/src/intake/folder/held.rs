//! Files that cannot be moved: a program has them open, or they are not ours. Those behind them go first, and
//! they are tried again now and then.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::{Duration, Instant};

use super::look::Found;

/// They, each with when it was first and last tried.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<OsString, (Instant, Instant)>);

impl Held {
    pub(super) fn add(&mut self, name: &OsStr) {
        let now = Instant::now();
        let first = self.0.get(name).map_or(now, |it| it.0);
        self.0.insert(name.to_owned(), (first, now));
    }

    /// Takes those out of what is ready that were tried just now: a mark that is given back rings, and
    /// would have its file tried again without end.
    pub(super) fn pass_over(&mut self, found: &mut Found) {
        self.0.retain(|name, _| found.ready.iter().any(|it| it.0 == *name));
        found.ready.retain(|(name, _)| {
            let Some((_, last)) = self.0.get(name) else { return true };
            let left = AGAIN_AFTER.saturating_sub(last.elapsed());
            if !left.is_zero() {
                found.next = found.next.min(left);
            }
            left.is_zero()
        });
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// How many have stood so for longer than others wait for anything.
    pub(super) fn long(&self, time: Duration) -> usize {
        self.0.values().filter(|it| it.0.elapsed() >= time).count()
    }
}

const AGAIN_AFTER: Duration = Duration::from_secs(5);
