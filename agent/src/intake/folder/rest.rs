//! Whether a file in hand rests. One that never does holds up those behind it only so long.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::look::Look;
use super::place::Claim;
use super::{BREATH, Keeper};
use crate::config::Ready;

/// What waiting for a file has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Whole,
    /// It changes for longer than others wait.
    Restless,
    /// The agent stops.
    Stopped,
}

/// Files in hand that are waited for, by their ids.
#[derive(Debug, Default)]
pub(super) struct Resting {
    watched: BTreeMap<String, Watched>,
    /// How the last one was when it had rested: told "busy", it comes again at once.
    rested: Option<(String, Look)>,
}

/// One of them: how it looks, since when, and since when it is waited for.
#[derive(Clone, Copy, Debug)]
struct Watched {
    look: Option<Look>,
    since: Instant,
    first: Instant,
}

impl Watched {
    fn begin() -> Watched {
        let now = Instant::now();
        Watched { look: None, since: now, first: now }
    }

    /// Whether it has looked the same for so long.
    fn rested(&mut self, now: Option<Look>, settle: Duration) -> bool {
        if now.is_none() || now != self.look {
            *self = Watched { look: now, since: Instant::now(), ..*self };
        }
        self.look.is_some() && self.since.elapsed() >= settle
    }
}

impl Resting {
    /// How many are not waited for any more.
    pub(super) fn restless(&self) -> usize {
        self.watched.len()
    }
}

impl Keeper {
    /// Waits until a file in hand rests, or others have waited long enough. `seen` is how it has rested
    /// already; what a crash left must show it anew.
    pub(super) fn rest(&mut self, claim: &Claim, seen: Option<Look>) -> Rest {
        if self.config.ready != Ready::Rest {
            return Rest::Whole;
        }
        let known = self.resting.rested.as_ref().filter(|it| it.0 == claim.id).map(|it| it.1);
        let now = claim.look();
        if now.is_some() && now == seen.or(known) {
            return self.rested(claim, now);
        }
        let watched = self.resting.watched.remove(&claim.id);
        let mut watched = watched.unwrap_or_else(Watched::begin);
        loop {
            let now = claim.look();
            if watched.rested(now, self.config.settle) {
                return self.rested(claim, now);
            }
            if self.stop.is_cancelled() {
                return Rest::Stopped;
            }
            if watched.first.elapsed() >= self.config.rest_max {
                self.resting.watched.insert(claim.id.clone(), watched);
                return Rest::Restless;
            }
            self.pause(self.config.settle);
        }
    }

    fn rested(&mut self, claim: &Claim, look: Option<Look>) -> Rest {
        self.resting.watched.remove(&claim.id);
        self.resting.rested = look.map(|it| (claim.id.clone(), it));
        Rest::Whole
    }

    fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.stop.is_cancelled() && Instant::now() < until {
            thread::sleep(BREATH);
        }
    }
}
