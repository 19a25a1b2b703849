//! What was taken in before: tells a resend from a correction from something new.
//!
//! A record's *identity* is its channel, entity and business key; its *content* is the digest of
//! its elements. The same identity and content make a resend, which gets the first record's id,
//! number and revision again. The same identity with other content makes the next revision.
//!
//! A record that was taken in and then lost by damage, or refused by the platform for good, is not
//! there any more: its content sent again is taken in anew, under the id and revision it had.
//!
//! A content is compared with every revision that is remembered, not only with the last, because a
//! HIS that sends late sends old contents. A HIS that takes a correction back by sending the first
//! content once more is therefore answered "duplicate", with the last record of it; only whoever reads the
//! state of a source ([`Outbox::append_state`]) changes back.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::format::Take;
use super::names::{Form, Known, Names};
use super::store::{Batch, Store};
use super::{Outbox, StoreError};
use crate::envelope::{ContentId, Draft, Submission};

/// A record's identity, cut to what makes chance collisions irrelevant. Anybody could make it for a number he
/// guesses, so it is no key of the store ([`Names`]).
pub(super) type Identity = [u8; 16];

/// The identities of a submission's records, in their order.
pub(super) fn identities(submission: &Submission) -> Vec<Identity> {
    submission.drafts.iter().map(|draft| identity(&submission.channel, draft)).collect()
}

/// What a draft is, for whoever has its identity.
pub(super) fn content(identity: Identity, draft: &Draft) -> ContentId {
    ContentId { identity, digest: cut(&draft.digest) }
}

/// What a draft is.
pub(super) fn content_of(channel: &str, draft: &Draft) -> ContentId {
    content(identity(channel, draft), draft)
}

/// That a submission is the state of a source, and of what in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// It is newer than all that was taken below this number.
    pub since: u64,
    /// What the source knows it by. Records whose business key is that, and the encounter, are its own; what else it
    /// says, others say too, not always in the same words. Without it, only a single record is its own.
    pub own: Vec<String>,
}

impl State {
    /// Beside the encounter its key has nothing else, and each part once: `MZ1|1|1|I10` is nobody's who is
    /// known by `MZ1` and `1`.
    fn owns(&self, draft: &Draft, is_single: bool) -> bool {
        if self.own.is_empty() {
            return is_single;
        }
        let mut rest: Vec<&str> = draft.key.split('|').collect();
        let takes = |it: &String| {
            let found = rest.iter().position(|part| part == it);
            found.map(|at| rest.swap_remove(at)).is_some()
        };
        self.own.iter().all(takes) && rest.iter().all(|part| *part == draft.lane)
    }
}

impl Outbox {
    /// The numbers of the records taken in under a business key, as far as they are remembered. The
    /// records themselves may be gone.
    pub fn numbers_of(
        &self,
        channel: &str,
        entity: &str,
        key: &str,
    ) -> Result<Vec<u64>, StoreError> {
        let store = self.shared.store()?;
        let identity = cut(&named([channel, entity, key]).finalize().into());
        let (_, known) = self.shared.names.look_up(&store, &[identity])?;
        let takes = known.into_iter().flat_map(|it| it.takes);
        Ok(takes.map(|take| take.seq).collect())
    }

    /// How often, since the start, what had been seen under a business key could not be read: a resend under
    /// such a key is taken in as a new record.
    pub fn unread_names(&self) -> u64 {
        self.shared.store().map_or(0, |it| it.unread_names())
    }
}

fn named(parts: [&str; 3]) -> Sha256 {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length, or "ab" + "c" would be "a" + "bc".
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash
}

fn identity(channel: &str, draft: &Draft) -> Identity {
    let mut hash = named([channel, &draft.entity, &draft.key]);
    if draft.key.is_empty() {
        // Without a business key nothing is a correction of anything.
        hash.update(draft.digest);
    }
    cut(&hash.finalize().into())
}

fn cut(digest: &[u8; 32]) -> [u8; 16] {
    *digest.first_chunk().expect("32 is more than 16")
}

/// What the store knows about the identities of one group of submissions, and what the group adds.
///
/// It sees the group's own doubles, which are not on disk yet.
pub(super) struct Seen {
    takes_by_identity: HashMap<Identity, Row>,
    /// How they were looked up.
    form: Form,
    /// Numbers of takes whose records never reached the platform, and are not waiting either.
    gone: HashSet<u64>,
}

#[derive(Default)]
struct Row {
    takes: Vec<Take>,
    is_plain: bool,
    changed: bool,
}

impl Row {
    fn next_revision(&self) -> u32 {
        // The last may be an old one that came back.
        self.takes.iter().map(|it| it.revision).max().unwrap_or(0).saturating_add(1)
    }
}

/// What one draft turned out to be.
#[derive(Clone, Debug)]
pub(super) enum Finding {
    /// Store it.
    New(Take),
    /// This one is in the store, or before it in the same group.
    Known(Take),
}

impl Finding {
    pub(super) fn take(&self) -> &Take {
        match self {
            Finding::New(take) | Finding::Known(take) => take,
        }
    }
}

impl Seen {
    /// Looks the identities up, all at once.
    pub(super) fn look_up(
        (store, names): (&Store, &Names),
        mut identities: Vec<Identity>,
        is_gone: impl Fn(u64) -> bool,
    ) -> Result<Seen, StoreError> {
        identities.sort_unstable();
        identities.dedup();
        let (form, known) = names.look_up(store, &identities)?;
        let found = |Known { takes, is_plain }| Row { takes, is_plain, changed: false };
        let takes = known.into_iter().map(found);
        let takes_by_identity: HashMap<_, _> = identities.into_iter().zip(takes).collect();
        let all = takes_by_identity.values().flat_map(|it| &it.takes);
        let gone = all.map(|take| take.seq).filter(|seq| is_gone(*seq)).collect();
        Ok(Seen { takes_by_identity, form, gone })
    }

    /// Whether this very content was taken in before, and is there.
    pub(super) fn knows(&self, identity: Identity, draft: &Draft) -> bool {
        self.taken(content(identity, draft)).is_some_and(|(_, is_there)| is_there)
    }

    /// As what a content was taken in before, and whether it is there. What is not there any more has
    /// its id all the same.
    pub(super) fn taken(&self, content: ContentId) -> Option<(&Take, bool)> {
        let known = self.takes_by_identity.get(&content.identity)?;
        let take = known.takes.iter().rfind(|take| take.digest == content.digest)?;
        Some((take, !self.gone.contains(&take.seq)))
    }

    /// Which drafts of a state are changes back: its own, not what was taken last under their identity, and
    /// that was below [`State::since`]. What brings a record that was never seen tells of something new, and
    /// what else it says stands beside that.
    pub(super) fn changes_back(
        &self,
        identities: &[Identity],
        drafts: &[Draft],
        state: &State,
    ) -> Vec<bool> {
        let apart: HashSet<_> = identities.iter().collect();
        let lasts: Vec<_> = identities.iter().filter_map(|it| self.last(*it)).collect();
        if apart.len() < identities.len() || lasts.len() < identities.len() {
            return vec![false; identities.len()];
        }
        let is_single = drafts.len() == 1;
        let is_back = |(last, draft): (&Take, &Draft)| {
            last.digest != cut(&draft.digest)
                && last.seq < state.since
                && state.owns(draft, is_single)
        };
        lasts.into_iter().zip(drafts).map(is_back).collect()
    }

    /// By its revision: an old one that was lost and came back stands behind it.
    fn last(&self, identity: Identity) -> Option<&Take> {
        self.takes_by_identity.get(&identity)?.takes.iter().max_by_key(|it| it.revision)
    }

    /// Finds one draft, or takes it in under the number `seq`, and under the id that was promised
    /// if there is one. A change back is taken in whatever is known.
    pub(super) fn find_or_take(
        &mut self,
        identity: Identity,
        (draft, is_change_back): (&Draft, bool),
        (seq, promised): (u64, Option<Uuid>),
        submission: &Submission,
    ) -> Finding {
        let known = self.takes_by_identity.entry(identity).or_default();
        let digest = cut(&draft.digest);
        let is_same = |take: &Take| take.digest == digest && !is_change_back;
        let place = known.takes.iter().rposition(is_same);
        let is_there = |take: &&Take| !self.gone.contains(&take.seq);
        if let Some(take) = place.and_then(|it| known.takes.get(it)).filter(is_there) {
            return Finding::Known(take.clone());
        }
        let (record_id, revision) = if let Some(gone) = place.map(|it| known.takes.remove(it)) {
            (gone.record_id, gone.revision)
        } else {
            // What was promised before may have become the record of another content meanwhile.
            let is_free = |id: &Uuid| known.takes.iter().all(|it| it.record_id != *id);
            (promised.filter(is_free).unwrap_or_else(Uuid::now_v7), known.next_revision())
        };
        let (message_id, received_at) =
            (submission.message_id.clone(), submission.received_at.clone());
        let take = Take { digest, record_id, seq, revision, message_id, received_at };
        known.takes.push(take.clone());
        known.changed = true;
        Finding::New(take)
    }

    /// Adds what the group took in to its batch.
    pub(super) fn store(self, names: &Names, batch: &mut Batch<'_>) {
        for (identity, mut known) in self.takes_by_identity {
            if known.changed {
                let excess = known.takes.len().saturating_sub(TAKES_MAX);
                let takes = known.takes.split_off(excess);
                let known = Known { takes, is_plain: known.is_plain };
                names.keep(batch, self.form, identity, known);
            }
        }
    }
}

/// Contents remembered under one business key. A mapping that takes a constant for the key must
/// not make a value that grows with every message.
const TAKES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_channel_entity_and_key_and_nothing_else() {
        check(("rx", "drug", "1", 7), ("rx", "drug", "1", 8), true);
        check(("rx", "drug", "1", 7), ("lab", "drug", "1", 7), false);
        check(("rx", "drug", "1", 7), ("rx", "fee", "1", 7), false);
        check(("rx", "drug", "1", 7), ("rx", "drug", "2", 7), false);
        check(("rx", "drug", "1", 7), ("rx", "dru", "g1", 7), false);
    }

    #[test]
    fn without_a_key_the_content_is_the_identity() {
        check(("rx", "drug", "", 7), ("rx", "drug", "", 7), true);
        check(("rx", "drug", "", 7), ("rx", "drug", "", 8), false);
    }

    #[track_caller]
    fn check(one: (&str, &str, &str, u8), other: (&str, &str, &str, u8), same: bool) {
        let [one, other] = [one, other].map(|(channel, entity, key, digest)| {
            let [entity, lane, key] = [entity, "", key].map(str::to_owned);
            let draft = Draft::new(entity, lane, key, [digest; 32], String::new());
            identity(channel, &draft)
        });
        assert_eq!(one == other, same);
    }
}
