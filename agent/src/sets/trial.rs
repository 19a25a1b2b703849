//! A new set on trial: it goes back by itself when it refuses what the set before it would have
//! taken.
//!
//! The first messages of each channel are counted. One that the new set refuses is judged once more
//! by the old set, off the road: what both refuse is the HIS's doing and says nothing of the new
//! set. When those that only the new set refuses exceed the configured share of the messages counted,
//! the old set is in force again, in memory and on disk, and the new one stays out until its files
//! change. Its messages are in the dead letters; the notice names them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{SetDigest, Sets};
use crate::config;
use crate::intake::Road;
use crate::pipeline::{self, Verdict};
use crate::sets::Seen;

/// The trial under way, if any.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    new: SetDigest,
    old: Arc<Sets>,
    /// Messages of a channel that count.
    messages_max: u32,
    /// Of these, how many may be refused by the new set alone.
    worse_max: u32,
    channels: BTreeMap<String, Count>,
}

/// What one channel has shown so far.
#[derive(Clone, Debug, Default)]
struct Count {
    judged: u32,
    /// Ids of the messages that only the new set refused.
    worse: Vec<String>,
}

/// The new set has failed in one channel.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) new: SetDigest,
    pub(crate) old: Arc<Sets>,
    pub(crate) channel: String,
    pub(crate) judged: u32,
    pub(crate) message_ids: Vec<String>,
}

/// How the trial stands in one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The channel.
    pub channel: String,
    /// Messages counted.
    pub judged: u32,
    /// Those that only the new set refused.
    pub worse: usize,
    /// Messages after which the channel's trial is over.
    pub of: u32,
}

impl Trial {
    /// Begins, in place of whatever trial there was.
    pub(crate) fn begin(&self, bounds: &config::Sets, new: SetDigest, old: Arc<Sets>) {
        if bounds.fallback_messages == 0 {
            return self.end();
        }
        let worse_max = bounds.fallback_messages * bounds.fallback_refused_percent / 100;
        let messages_max = bounds.fallback_messages;
        let channels = BTreeMap::new();
        *self.lock() = Some(Running { new, old, messages_max, worse_max, channels });
    }

    pub(crate) fn end(&self) {
        *self.lock() = None;
    }

    /// The set to go back to, if the one in force has proved itself nowhere yet. What a hasty second
    /// edit replaces is no way back.
    pub(crate) fn way_back(&self) -> Option<Arc<Sets>> {
        let running = self.lock();
        let running = running.as_ref()?;
        let proved = running.channels.values().any(|it| it.judged >= running.messages_max);
        (!proved).then(|| Arc::clone(&running.old))
    }

    /// How it stands, channel by channel; `None` when nothing is on trial.
    pub(crate) fn standing(&self) -> Option<Vec<Standing>> {
        let running = self.lock();
        let running = running.as_ref()?;
        let standing = |(channel, count): (&String, &Count)| Standing {
            channel: channel.clone(),
            judged: count.judged,
            worse: count.worse.len(),
            of: running.messages_max,
        };
        Some(running.channels.iter().map(standing).collect())
    }

    /// Counts a message that was judged. Costs a lock of some nanoseconds; what takes longer is done
    /// elsewhere.
    pub(crate) fn note(&self, road: &Arc<Road>, seen: &Seen, refused: bool) {
        let Some(old) = self.count(seen, refused) else {
            if let Some(passed) = self.passed() {
                let road = Arc::clone(road);
                tokio::task::spawn_blocking(move || super::reload::trial_passed(&road, &passed));
            }
            return;
        };
        let (road, seen) = (Arc::clone(road), seen.clone());
        tokio::task::spawn_blocking(move || {
            let channel = old.channels.get(&*seen.channel.name);
            let would_have = channel.is_some_and(|it| {
                let verdict = pipeline::judge(
                    it,
                    &seen.inbound(&road.config.hospital.code),
                    &road.config.listen.limits,
                );
                !matches!(verdict, Verdict::Refuse(_))
            });
            if would_have && let Some(failure) = road.reloads.trial().hold_against(&seen) {
                super::reload::fall_back(&road, &failure);
            }
        });
    }

    pub(crate) fn is_running(&self) -> bool {
        self.lock().is_some()
    }

    /// Ends a trial that every channel has passed, and gives the set that is proved by it.
    fn passed(&self) -> Option<SetDigest> {
        let mut running = self.lock();
        let passed = |it: &Running| {
            let over = it.channels.values().filter(|count| count.judged >= it.messages_max);
            over.count() == it.old.channels.len()
        };
        if !running.as_ref().is_some_and(passed) {
            return None;
        }
        running.take().map(|it| it.new)
    }

    /// The old set, if it must be asked about this message.
    fn count(&self, seen: &Seen, refused: bool) -> Option<Arc<Sets>> {
        let mut running = self.lock();
        let running = running.as_mut().filter(|it| it.is_about(seen))?;
        let count = running.channels.entry(seen.channel.name.to_string()).or_default();
        if count.judged >= running.messages_max {
            return None;
        }
        count.judged += 1;
        refused.then(|| Arc::clone(&running.old))
    }

    fn hold_against(&self, seen: &Seen) -> Option<Failure> {
        let mut running = self.lock();
        let running = running.as_mut().filter(|it| it.is_about(seen))?;
        let count = running.channels.get_mut(&*seen.channel.name)?;
        count.worse.push(seen.message_id.clone());
        let too_many = count.worse.len() > running.worse_max as usize;
        too_many.then(|| Failure {
            new: running.new.clone(),
            old: Arc::clone(&running.old),
            channel: seen.channel.name.to_string(),
            judged: count.judged,
            message_ids: count.worse.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// A message that began with an older set says nothing of this one.
    fn is_about(&self, seen: &Seen) -> bool {
        *seen.channel.set == *self.new.short()
    }
}
