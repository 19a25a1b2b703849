//! Messages that wait for a local code to be mapped, and those that wait behind them.
//!
//! A parked message is kept whole, in the order in which it came, and its lanes are blocked: what
//! comes later for one of them waits behind it, or the order of the lane would be lost. Only a
//! message that has nothing new passes, since it stores nothing. Whoever judges the parked messages
//! again walks them in their order and [releases](Outbox::release) each: into the queue with the
//! record ids that were promised, to the dead letters, or back to wait on.
//!
//! What the writer must know of them without asking the disk (which lanes are blocked, which bytes
//! came before) is an index in memory, made anew when the store is opened.

mod promise;
mod recovery;

use std::collections::HashMap;
use std::ops::ControlFlow;

use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::task;
use tracing::error;

pub(super) use self::promise::{message, promised, receipt};
pub(super) use self::recovery::recover;
use super::command::{Command, Releasing};
use super::format::{self, Damage};
use super::store::{Family, Store, WalkError};
use super::{Outbox, StoreError, reading, seen};
use crate::envelope::{ParkedMessage, Receipt, Release, Submission, UnknownCode};

impl Outbox {
    /// Keeps a message that has codes nobody has mapped, or finds that it does. Resolves after the
    /// disk has synced.
    pub async fn park(
        &self,
        submission: Submission,
        unknown: Vec<UnknownCode>,
    ) -> Result<Receipt, StoreError> {
        self.hand_in(submission, unknown).await
    }

    /// Carries out what was decided about parked messages, all of it at once or nothing. Numbers
    /// that are no longer parked are passed over. Resolves after the disk has synced.
    ///
    /// For one caller at a time, and in the order of the numbers: a message must not be accepted
    /// while one of its lanes has an earlier one that waits on.
    pub async fn release(&self, releases: Vec<(u64, Release)>) -> Result<(), StoreError> {
        let releasing = releases.into_iter().map(|(number, release)| {
            let identities = match &release {
                Release::Accept(submission) => seen::identities(submission),
                Release::Refuse(_) | Release::Wait(_) => Vec::new(),
            };
            let raw = match &release {
                Release::Accept(submission) => self.shared.raw_row(submission),
                Release::Refuse(_) | Release::Wait(_) => None,
            };
            Releasing { number, release, identities, raw }
        });
        let releasing = releasing.collect();
        let (answer, answered) = oneshot::channel();
        let commands = self.commands.clone();
        // The doors come first: this waits for room instead of being told "busy".
        let sent = move || commands.send(Command::Release(releasing, answer)).is_ok();
        match task::spawn_blocking(sent).await {
            Ok(true) => self.wait_for(answered).await,
            _ => Err(self.shared.reason()),
        }
    }

    /// Parked messages behind the number `after` in their order: at most `messages_max`, and no
    /// more once they have `bytes_max` bytes, but always one.
    pub fn parked(
        &self,
        after: u64,
        messages_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(u64, ParkedMessage)>, StoreError> {
        let (mut messages, mut bytes) = (Vec::new(), 0);
        let store = self.shared.store()?;
        walk(&store, after.saturating_add(1), |number, value| {
            match open(&store, number, value) {
                Ok(message) => {
                    bytes += message.original.raw.len();
                    messages.push((number, message));
                }
                // The next start moves it to the dead letters.
                Err(damage) => error!(number, %damage, "a parked message is damaged"),
            }
            let room = messages.len() < messages_max && bytes < bytes_max;
            if room { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(messages)
    }
}

/// A stored parked message.
pub(super) fn open(store: &Store, number: u64, value: &[u8]) -> Result<ParkedMessage, Damage> {
    let (place, mut scratch) = (number.to_be_bytes(), Vec::new());
    let content = store.open_value((Family::Parked, &place), value, &mut scratch)?;
    format::read_parked(content)
}

/// What the writer knows of the parked messages without asking the disk.
#[derive(Debug, Default)]
pub(super) struct Index {
    messages_by_lane: HashMap<String, u64>,
    number_by_digest: HashMap<Digest, u64>,
}

/// Channel and bytes of a message, cut to what makes chance collisions irrelevant.
pub(super) type Digest = [u8; 16];

impl Index {
    pub(super) fn insert(&mut self, number: u64, message: &ParkedMessage) {
        self.number_by_digest.insert(digest(&message.channel, &message.original.raw), number);
        for lane in lanes(message) {
            *self.messages_by_lane.entry(lane.to_owned()).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, message: &ParkedMessage) {
        self.number_by_digest.remove(&digest(&message.channel, &message.original.raw));
        for lane in lanes(message) {
            if let Some(count) = self.messages_by_lane.get_mut(lane) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.messages_by_lane.remove(lane);
                }
            }
        }
    }

    /// Whether something of this lane waits.
    pub(super) fn holds(&self, lane: &str) -> bool {
        self.messages_by_lane.contains_key(lane)
    }

    /// The parked message with these bytes.
    pub(super) fn number(&self, digest: &Digest) -> Option<u64> {
        self.number_by_digest.get(digest).copied()
    }
}

/// The lanes of a message, each once. What belongs to no encounter has none, and holds nobody up.
fn lanes(message: &ParkedMessage) -> Vec<&str> {
    let lanes = message.records.iter().map(|it| it.lane.as_str());
    let mut lanes: Vec<&str> = lanes.filter(|it| !it.is_empty()).collect();
    lanes.sort_unstable();
    lanes.dedup();
    lanes
}

pub(super) fn digest(channel: &str, raw: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    // With its length, or "ab" + "c" would be "a" + "bc".
    hash.update((channel.len() as u64).to_be_bytes());
    hash.update(channel);
    hash.update(raw);
    let digest: [u8; 32] = hash.finalize().into();
    *digest.first_chunk().expect("32 is more than 16")
}

/// Shows every parked value from the number `from` on, stepping over what the disk cannot give.
/// True when there was such a thing.
fn walk(
    store: &Store,
    from: u64,
    mut show: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> Result<bool, StoreError> {
    let (mut next, mut damaged) = (from, false);
    while next < u64::MAX {
        let walked = store.walk(Family::Parked, [next, next, u64::MAX], |number, value| {
            next = number.saturating_add(1);
            show(number, value)
        });
        match walked {
            Ok(()) => break,
            Err(WalkError::Damaged(cause)) => {
                error!(cause, "a block of parked messages is damaged");
                damaged = true;
                next = reading::next_readable(store, Family::Parked, next, u64::MAX)?;
            }
            Err(WalkError::Failed(cause)) => {
                return Err(StoreError::Failed { operation: "read", cause });
            }
        }
    }
    Ok(damaged)
}
