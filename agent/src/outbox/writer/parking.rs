//! The writer's part of parking: who must wait, what is kept of it, and how it goes on.

use tracing::error;

use super::super::command::{Append, Releasing};
use super::super::parked::{self, Digest};
use super::super::seen::Seen;
use super::super::store::Family;
use super::super::{PARKED, StoreError, format};
use super::{Durability, Group, Writer};
use crate::envelope::{ParkedMessage, Receipt, Release, UnknownCode};

impl Writer {
    /// A message waits for a code of its own, or behind one of its lane. With nothing new in it,
    /// it has no place in any order.
    pub(super) fn must_wait(&self, seen: &Seen, append: &Append) -> bool {
        let Append { submission, identities, unknown, .. } = append;
        let blocked = || submission.drafts.iter().any(|it| self.parked.holds(&it.lane));
        let mut records = submission.drafts.iter().zip(identities);
        !unknown.is_empty()
            || self.at.parked > 0
                && blocked()
                && !records.all(|(draft, identity)| seen.knows(*identity, draft))
    }

    /// Keeps a message, or finds that the same bytes wait already.
    pub(super) fn park(
        &mut self,
        group: &mut Group<'_>,
        append: Append,
    ) -> Result<Receipt, StoreError> {
        let Append { submission, unknown, .. } = append;
        let digest = parked::digest(&submission.channel, &submission.original.raw);
        if let Some(waiting) = self.waiting(group, &digest)? {
            return Ok(parked::receipt(&waiting));
        }
        let message = parked::message(submission, unknown);
        let number = self.at.next_parked;
        self.at.next_parked += 1;
        self.at.parked += 1;
        self.parked.insert(number, &message);
        group.batch.seal(Family::Parked, &number.to_be_bytes(), format::parked(&message));
        let receipt = parked::receipt(&message);
        group.parked.insert(number, message);
        Ok(receipt)
    }

    /// Carries out one decision about a parked message.
    pub(super) fn release(
        &mut self,
        group: &mut Group<'_>,
        seen: &mut Seen,
        releasing: Releasing,
    ) -> Result<(), StoreError> {
        let Releasing { number, release, identities, raw } = releasing;
        let Some(message) = self.parked_message(group, number)? else { return Ok(()) };
        match release {
            Release::Wait(unknown) => {
                wait_on(group, number, message, unknown);
                return Ok(());
            }
            Release::Accept(submission) => {
                let promised = parked::promised(&message.records, &submission.drafts);
                let before = self.at.next_seq;
                self.enqueue(&mut group.batch, seen, &submission, &identities, &promised);
                self.keep_raw(&mut group.batch, before, raw);
            }
            Release::Refuse(letter) => {
                self.bury(group, &letter);
                self.note_letters(group);
            }
        }
        group.batch.delete(Family::Parked, &number.to_be_bytes());
        group.durability = Durability::Synced;
        self.parked.remove(&message);
        self.at.parked = self.at.parked.saturating_sub(1);
        Ok(())
    }

    /// Puts the figures into the batch.
    pub(super) fn note_parked(&self, group: &mut Group<'_>) {
        let row = format::numbers([self.at.next_parked, self.at.parked]);
        group.batch.put(Family::Meta, PARKED, &row);
        group.durability = Durability::Synced;
    }

    fn waiting(
        &self,
        group: &Group<'_>,
        digest: &Digest,
    ) -> Result<Option<ParkedMessage>, StoreError> {
        match self.parked.number(digest) {
            Some(number) => self.parked_message(group, number),
            None => Ok(None),
        }
    }

    /// What waits under a number; what this group has parked is not on disk yet.
    fn parked_message(
        &self,
        group: &Group<'_>,
        number: u64,
    ) -> Result<Option<ParkedMessage>, StoreError> {
        if let Some(message) = group.parked.get(&number) {
            return Ok(Some(message.clone()));
        }
        let value = self.store.get(Family::Parked, &number.to_be_bytes())?;
        Ok(value.and_then(|it| {
            // The next start moves it to the dead letters; until then its lanes stay blocked.
            let damaged = |damage| error!(number, %damage, "a parked message is damaged");
            parked::open(&self.store, number, &it).map_err(damaged).ok()
        }))
    }
}

/// It waits on, perhaps for other codes than before.
fn wait_on(
    group: &mut Group<'_>,
    number: u64,
    mut message: ParkedMessage,
    unknown: Vec<UnknownCode>,
) {
    if message.unknown != unknown {
        message.unknown = unknown;
        group.batch.seal(Family::Parked, &number.to_be_bytes(), format::parked(&message));
    }
}
