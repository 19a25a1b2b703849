//! Messages that wait for a local code to be mapped, and those that wait behind them.
//!
//! A parked message is kept whole, in the order in which it came, and its lanes are blocked: what
//! comes later for one of them waits behind it, or the order of the lane would be lost. Only a
//! message that has nothing new passes, since it stores nothing. Whoever judges the parked messages
//! again walks them in their order and [releases](Outbox::release) each: into the queue with the
//! record ids that were promised, to the dead letters, or back to wait on.
//!
//! Records of which a receipt was given keep their ids, whatever becomes of their message: what waits
//! already is promised under the same id again, in whatever envelope it comes, and a message that is
//! all there or waiting already is not kept. An id goes to one content: when a record has it, every other
//! message that was promised it is [told](Index::promising) to whom it was given.
//!
//! What the writer must know of them without asking the disk (which lanes are blocked, which contents
//! and which bytes came before) is an index in memory, made anew when the store is opened.

mod promise;
mod recovery;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::task;
use tracing::error;
use uuid::Uuid;

pub(super) use self::promise::{
    Promise, Standing, message, promised, receipt, receipt_as_promised,
};
pub(super) use self::recovery::find;
use super::command::{Command, Releasing};
use super::format::{self, Damage};
use super::store::{Family, Store, WalkError};
use super::{Outbox, StoreError, reading, seen};
use crate::envelope::{ContentId, Draft, ParkedMessage, Receipt, Release, Submission, UnknownCode};

impl Outbox {
    /// Keeps a message that has codes nobody has mapped, or finds that it does. Resolves after the
    /// disk has synced.
    pub async fn park(
        &self,
        submission: Submission,
        unknown: Vec<UnknownCode>,
    ) -> Result<Receipt, StoreError> {
        self.hand_in(submission, unknown, None).await
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
                Release::Refuse(_) | Release::Wait(..) => Vec::new(),
            };
            let raw = match &release {
                Release::Accept(submission) => self.shared.raw_row(submission),
                Release::Refuse(_) | Release::Wait(..) => None,
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
        let (store, mut is_harmed) = (self.shared.store()?, false);
        let is_damaged = walk(&store, after.saturating_add(1), |number, value| {
            match open(&store, number, value) {
                Ok(message) => {
                    bytes += message.original.raw.len();
                    messages.push((number, message));
                }
                Err(damage) => {
                    error!(number, %damage, "a parked message is damaged");
                    is_harmed = true;
                }
            }
            let room = messages.len() < messages_max && bytes < bytes_max;
            if room { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let is_news = is_damaged && !self.shared.parked_harm_told.swap(true, Ordering::SeqCst);
        if (is_harmed || is_news) && self.commands.try_send(Command::LookThroughParked).is_err() {
            // Too much waits for the writer: whoever reads next says so again.
            self.shared.parked_harm_told.store(false, Ordering::SeqCst);
        }
        Ok(messages)
    }

    /// Returns when a parked message that cannot be read was put aside: what has waited behind it may go.
    /// For one listener.
    pub(crate) async fn unblocked(&self) {
        self.shared.unblocked.notified().await;
    }
}

/// What the records of a parked message are, now that it was judged once more.
pub(crate) fn contents(message: &ParkedMessage, drafts: &[Draft]) -> Vec<Option<ContentId>> {
    let mut contents = vec![None; message.records.len()];
    for (place, draft) in promise::places(&message.records, drafts).into_iter().zip(drafts) {
        if let Some(content) = place.and_then(|it| contents.get_mut(it)) {
            *content = Some(seen::content_of(&message.channel, draft));
        }
    }
    contents
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
    /// Which contents wait, in which messages, and under which id: the first message's counts.
    promises: BTreeMap<(ContentId, u64), Promise>,
    /// Which messages were promised an id.
    numbers_by_id: BTreeSet<(Uuid, u64)>,
    /// How many different contents a message has; none if they are not all known.
    contents_by_number: HashMap<u64, usize>,
}

/// Channel and bytes of a message, cut to what makes chance collisions irrelevant.
pub(super) type Digest = [u8; 16];

impl Index {
    pub(super) fn insert(&mut self, number: u64, message: &ParkedMessage) {
        self.number_by_digest.insert(digest(&message.channel, &message.original.raw), number);
        for record in &message.records {
            let promise = Promise::of(record);
            self.numbers_by_id.insert((promise.id, number));
            if let Some(content) = record.content {
                // A content that the message has twice has one id.
                self.promises.entry((content, number)).or_insert(promise);
            }
        }
        let contents: Option<BTreeSet<ContentId>> =
            message.records.iter().map(|it| it.content).collect();
        if let Some(contents) = contents {
            self.contents_by_number.insert(number, contents.len());
        }
        for lane in lanes(message) {
            *self.messages_by_lane.entry(lane.to_owned()).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, number: u64, message: &ParkedMessage) {
        let digest = digest(&message.channel, &message.original.raw);
        if self.number_by_digest.get(&digest) == Some(&number) {
            self.number_by_digest.remove(&digest);
        }
        for record in &message.records {
            self.numbers_by_id.remove(&(record.record_id, number));
            if let Some(content) = record.content {
                self.promises.remove(&(content, number));
            }
        }
        self.contents_by_number.remove(&number);
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

    /// Under which id a content is promised, if it waits.
    pub(super) fn promised(&self, content: ContentId) -> Option<Promise> {
        self.waiting(content).next().map(|(_, promise)| promise)
    }

    /// The messages that were promised an id.
    pub(super) fn promising(&self, id: Uuid) -> Vec<u64> {
        let all = self.numbers_by_id.range((id, 0)..=(id, u64::MAX));
        all.map(|(_, number)| *number).collect()
    }

    /// The messages that a message with these contents need not be kept beside: all that `waits` of it is
    /// in them, and nothing is in them that it does not have. If one of them is refused, it would have
    /// been, too. `None` if it has to be kept.
    pub(super) fn standing_for(
        &self,
        contents: &[ContentId],
        waits: &[ContentId],
    ) -> Option<Vec<u64>> {
        let contents: BTreeSet<ContentId> = contents.iter().copied().collect();
        let mut shared: BTreeMap<u64, usize> = BTreeMap::new();
        for (number, _) in contents.iter().flat_map(|it| self.waiting(*it)) {
            *shared.entry(number).or_default() += 1;
        }
        shared.retain(|number, count| self.contents_by_number.get(number) == Some(count));
        let has = |number: u64, it: &ContentId| self.promises.contains_key(&(*it, number));
        if let Some(one) = shared.keys().find(|one| waits.iter().all(|it| has(**one, it))) {
            return Some(vec![*one]);
        }
        waits.iter().map(|it| shared.keys().copied().find(|one| has(*one, it))).collect()
    }

    fn waiting(&self, content: ContentId) -> impl Iterator<Item = (u64, Promise)> {
        let all = self.promises.range((content, 0)..=(content, u64::MAX));
        all.map(|((_, number), promise)| (*number, *promise))
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
