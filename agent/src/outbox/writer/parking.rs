//! The writer's part of parking: who must wait, what is kept of it, and how it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use tracing::error;
use uuid::Uuid;

use super::super::command::{Append, Releasing};
use super::super::parked::{self, Promise, Standing};
use super::super::seen::{self, Identity, Seen};
use super::super::store::Family;
use super::super::{PARKED, StoreError, format};
use super::enqueue::Known;
use super::{Durability, Group, Writer};
use crate::envelope::{ContentId, Draft, ParkedMessage, Receipt, Release, Submission, UnknownCode};

impl Writer {
    /// A message waits for a code of its own, or behind one of its lane. With nothing new in it,
    /// it has no place in any order.
    pub(super) fn must_wait(&self, seen: &Seen, append: &Append) -> bool {
        let Append { submission, identities, unknown, .. } = append;
        let mut records = submission.drafts.iter().zip(identities);
        !unknown.is_empty()
            || self.is_blocked(&submission.drafts)
                && !records.all(|(draft, identity)| seen.knows(*identity, draft))
    }

    /// Whether something of their lanes waits.
    pub(super) fn is_blocked(&self, drafts: &[Draft]) -> bool {
        self.at.parked > 0 && drafts.iter().any(|it| self.parked.holds(&it.lane))
    }

    /// Keeps a message, or finds that all of it is there or waits already.
    pub(super) fn park(
        &mut self,
        group: &mut Group<'_>,
        seen: &Seen,
        append: Append,
    ) -> Result<Receipt, StoreError> {
        let Append { submission, unknown, identities, .. } = append;
        let contents = contents(&identities, &submission.drafts);
        let standings = self.standings(seen, &contents);
        if let Some(receipt) = self.promised_before(group, &submission, (&contents, &standings))? {
            return Ok(receipt);
        }
        let own = (&*submission.message_id, &*submission.received_at);
        let receipt = parked::receipt_as_promised(own, &submission.drafts, &standings);
        let message = parked::message(submission, unknown, (&contents, &standings));
        let number = self.at.next_parked;
        self.at.next_parked += 1;
        self.at.parked += 1;
        self.parked.insert(number, &message);
        group.batch.seal(Family::Parked, &number.to_be_bytes(), format::parked(&message));
        group.parked.insert(number, message);
        Ok(receipt)
    }

    /// The ids under which records are promised that are taken in now all the same, as nothing of
    /// their own lane waits.
    pub(super) fn promised(&self, identities: &[Identity], drafts: &[Draft]) -> Vec<Option<Uuid>> {
        if self.at.parked == 0 {
            return Vec::new();
        }
        let id = |content| self.parked.promised(content)?.id_for(content);
        contents(identities, drafts).into_iter().map(id).collect()
    }

    fn standings(&self, seen: &Seen, contents: &[ContentId]) -> Vec<Standing> {
        let mut new: BTreeMap<ContentId, Promise> = BTreeMap::new();
        let standing = |content: &ContentId| {
            let taken = seen.taken(*content);
            if let Some((take, true)) = taken {
                return Standing::Taken(take.clone());
            }
            if let Some(promise) = self.parked.promised(*content) {
                return Standing::Waits(promise);
            }
            let gone = taken.map(|(take, _)| take.record_id);
            let promise = || match gone {
                Some(id) => Promise { id, given_to: Some(*content) },
                None => Promise::anew(),
            };
            Standing::New(*new.entry(*content).or_insert_with(promise))
        };
        contents.iter().map(standing).collect()
    }

    /// The receipt that was given before, if what it promised is kept and can be read.
    fn promised_before(
        &mut self,
        group: &Group<'_>,
        submission: &Submission,
        (contents, standings): (&[ContentId], &[Standing]),
    ) -> Result<Option<Receipt>, StoreError> {
        if let Some(receipt) = self.promised_in(group, submission, (contents, standings))? {
            return Ok(Some(receipt));
        }
        let digest = parked::digest(&submission.channel, &submission.original.raw);
        let Some(number) = self.parked.number(&digest) else { return Ok(None) };
        Ok(self.parked_message(group, number)?.map(|it| parked::receipt(&it)))
    }

    /// The same for a message of which all is there or waits, in whatever bytes it came before.
    fn promised_in(
        &mut self,
        group: &Group<'_>,
        submission: &Submission,
        (contents, standings): (&[ContentId], &[Standing]),
    ) -> Result<Option<Receipt>, StoreError> {
        let waits = |(it, standing): (&ContentId, &Standing)| {
            matches!(standing, Standing::Waits(_)).then_some(*it)
        };
        let waiting: Vec<ContentId> = contents.iter().zip(standings).filter_map(waits).collect();
        if waiting.is_empty() || standings.iter().any(|it| matches!(it, Standing::New(_))) {
            return Ok(None);
        }
        let Some(before) = self.parked.standing_for(contents, &waiting) else { return Ok(None) };
        let mut first = None;
        for number in before {
            let Some(message) = self.parked_message(group, number)? else { return Ok(None) };
            first.get_or_insert(message);
        }
        Ok(first.map(|it| {
            let first = (&*it.message_id, &*it.received_at);
            parked::receipt_as_promised(first, &submission.drafts, standings)
        }))
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
            Release::Wait(unknown, contents) => {
                self.wait_on(group, number, &message, (unknown, &contents));
                return Ok(());
            }
            Release::Accept(submission) => {
                self.parked.remove(number, &message);
                let contents = contents(&identities, &submission.drafts);
                let promised = parked::promised(&message.records, &submission.drafts, &contents);
                let before = self.at.next_seq;
                let known = Known { identities: &identities, promised: &promised, back: &[] };
                self.enqueue(group, seen, &submission, known);
                self.keep_raw(&mut group.batch, before, raw);
            }
            Release::Refuse(letter) => {
                self.parked.remove(number, &message);
                self.bury(group, &letter);
                self.note_letters(group);
            }
        }
        group.batch.delete(Family::Parked, &number.to_be_bytes());
        group.durability = Durability::Synced;
        group.parked.remove(&number);
        self.at.parked = self.at.parked.saturating_sub(1);
        Ok(())
    }

    /// As a start does it: what cannot be read becomes a dead letter, and holds nobody up any more.
    pub(super) fn look_through_parked(&mut self) -> Result<(), StoreError> {
        let found = parked::find(&self.store, &mut self.at, Some(self.parked_witnessed))?;
        found.set_aside(&self.store, &mut self.at)?;
        self.parked = found.index;
        self.shared.unblocked.notify_one();
        Ok(())
    }

    /// Puts the figures into the batch.
    pub(super) fn note_parked(&self, group: &mut Group<'_>) {
        let row = format::numbers([self.at.next_parked, self.at.parked]);
        group.batch.put(Family::Meta, PARKED, &row);
        group.durability = Durability::Synced;
    }

    /// It waits on, perhaps for other codes than before, and perhaps as something else.
    fn wait_on(
        &mut self,
        group: &mut Group<'_>,
        number: u64,
        message: &ParkedMessage,
        (unknown, contents): (Vec<UnknownCode>, &[Option<ContentId>]),
    ) {
        let mut anew = ParkedMessage { unknown, ..message.clone() };
        for (record, content) in anew.records.iter_mut().zip(contents) {
            record.content = *content;
        }
        self.keep_as(group, number, message, anew);
    }

    /// The ids that this group has given have records now. Whatever else was promised one may have it only as
    /// the same content.
    pub(super) fn note_given(&mut self, group: &mut Group<'_>) -> Result<(), StoreError> {
        let given = mem::take(&mut group.given);
        if self.at.parked == 0 {
            return Ok(());
        }
        // Each message once, however many of the ids it was promised and whoever got them: it is sealed whole.
        let numbers: BTreeSet<u64> =
            given.keys().flat_map(|id| self.parked.promising(*id)).collect();
        for number in numbers {
            let Some(message) = self.parked_message(group, number)? else { continue };
            let mut anew = message.clone();
            for record in &mut anew.records {
                if let Some(content) = given.get(&record.record_id) {
                    record.given_to.get_or_insert(*content);
                }
            }
            self.keep_as(group, number, &message, anew);
        }
        Ok(())
    }

    fn keep_as(
        &mut self,
        group: &mut Group<'_>,
        number: u64,
        before: &ParkedMessage,
        anew: ParkedMessage,
    ) {
        if anew == *before {
            return;
        }
        self.parked.remove(number, before);
        self.parked.insert(number, &anew);
        group.batch.seal(Family::Parked, &number.to_be_bytes(), format::parked(&anew));
        group.parked.insert(number, anew);
    }

    /// What waits under a number; what this group has parked is not on disk yet.
    fn parked_message(
        &mut self,
        group: &Group<'_>,
        number: u64,
    ) -> Result<Option<ParkedMessage>, StoreError> {
        if let Some(message) = group.parked.get(&number) {
            return Ok(Some(message.clone()));
        }
        let message = match self.store.get(Family::Parked, &number.to_be_bytes()) {
            Ok(None) => return Ok(None),
            Ok(Some(value)) => {
                parked::open(&self.store, number, &value).map_err(|it| it.to_string())
            }
            Err(StoreError::Damaged { cause }) => Err(cause),
            Err(error) => return Err(error),
        };
        Ok(message
            .inspect_err(|damage| {
                error!(number, damage, "a parked message is damaged");
                // It is put aside before the next group.
                self.parked_is_harmed = true;
            })
            .ok())
    }
}

fn contents(identities: &[Identity], drafts: &[Draft]) -> Vec<ContentId> {
    identities.iter().zip(drafts).map(|(it, draft)| seen::content(*it, draft)).collect()
}
