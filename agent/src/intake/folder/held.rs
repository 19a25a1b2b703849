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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::folder::look::Look;

    /// A mark that is given back rings at once: its file is not tried before its time.
    #[test]
    fn what_was_tried_just_now_is_passed_over_and_remembered_while_it_is_there() {
        let mut held = Held::default();
        held.add(OsStr::new("a"));
        assert_eq!(passed(&mut held, &["a", "b"]), ["b"]);
        assert_eq!((held.count(), held.long(Duration::ZERO), held.long(AGAIN_AFTER)), (1, 1, 0));
        assert_eq!(passed(&mut held, &["b"]), ["b"]);
        assert_eq!(held.count(), 0, "it is gone");
    }

    fn passed(held: &mut Held, names: &[&str]) -> Vec<OsString> {
        let look = Look::of(&std::env::temp_dir().metadata().expect("it is there"));
        let ready = names.iter().map(|it| (OsString::from(it), look)).collect();
        let next = Duration::from_hours(1);
        let mut found = Found { ready, waiting: 2, foreign: 0, unreadable: 0, restless: 0, next };
        held.pass_over(&mut found);
        assert_eq!(found.next < next, found.ready.len() < names.len(), "it is looked at again");
        found.ready.into_iter().map(|it| it.0).collect()
    }
}
