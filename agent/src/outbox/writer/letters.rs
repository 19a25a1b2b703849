//! The writer's part of dead letters: each gets a number of its own and stays until it is discarded. A
//! refused message that comes again is counted to the letter it has.

use std::collections::BTreeSet;

use super::super::aside::Fate;
use super::super::command::Work;
use super::super::copies::{self, Copies};
use super::super::store::Family;
use super::super::{LETTERS, StoreError, format, letters};
use super::{Durability, Group, Writer};
use crate::envelope::DeadLetter;

impl Writer {
    pub(super) fn keep_letters(
        &mut self,
        group: &mut Group<'_>,
        Work { letters, refused, discards, unreadable, .. }: Work,
    ) -> Result<(), StoreError> {
        if letters.is_empty() && discards.is_empty() && unreadable.is_empty() {
            return Ok(());
        }
        let before = self.at.next_letter;
        let asks = !discards.is_empty() || !refused.is_empty();
        for stretch in unreadable {
            // Settled in the same batch as the letter, so that it is reported once.
            group.aside.push((stretch.first_seq, stretch.end_seq, Fate::Lost));
            self.bury(group, &letters::about(stretch));
        }
        for seq in refused {
            // One that was sent once more has reached the platform before.
            if !self.shared.progress().is_settled(seq) {
                group.aside.push((seq, seq.saturating_add(1), Fate::Refused));
            }
        }
        for letter in letters {
            let id = self.keep_letter(group, letter)?;
            group.done.letters.push(id);
        }
        let mut gone = BTreeSet::new();
        for id in discards {
            let there = gone.insert(id) && self.discard(group, id)?;
            group.done.discarded.push(there);
        }
        if self.at.next_letter > before || asks {
            self.note_letters(group);
        }
        Ok(())
    }

    /// Buries a letter, or counts it to the one that its message has. Gives the id of the first message:
    /// under that it is found.
    fn keep_letter(
        &mut self,
        group: &mut Group<'_>,
        letter: DeadLetter,
    ) -> Result<String, StoreError> {
        if !copies::is_told(&letter) {
            self.bury(group, &letter);
            return Ok(letter.message_id);
        }
        let key = copies::key(&letter);
        let known = if let Some(mut known) = self.known(group, &key)? {
            known.count(&letter);
            known
        } else {
            let new = Copies::first(self.at.next_letter, &letter);
            self.bury(group, &letter);
            new
        };
        // A count is no promise, and waits for no disk: its letter is there.
        group.batch.seal(Family::Journey, &key, format::copies(&known));
        let id = known.first_id.clone();
        group.copies.insert(key, known);
        Ok(id)
    }

    /// What there is of a message, in this group or on disk. A letter that was mended away since, or
    /// got another number, is none.
    fn known(&self, group: &Group<'_>, key: &[u8]) -> Result<Option<Copies>, StoreError> {
        if let Some(known) = group.copies.get(key) {
            return Ok(Some(known.clone()));
        }
        let Some(known) = copies::read(&self.store, key)? else { return Ok(None) };
        let value = self.store.get(Family::Dead, &known.number.to_be_bytes())?;
        let letter = value.map(|it| letters::open(&self.store, known.number, &it));
        Ok(letter.is_some_and(|it| it.message_id == known.first_id).then_some(known))
    }

    /// Puts the figures into the batch.
    pub(super) fn note_letters(&self, group: &mut Group<'_>) {
        let row = format::numbers([self.at.next_letter, self.at.letters]);
        group.batch.put(Family::Meta, LETTERS, &row);
        group.durability = Durability::Synced;
    }

    pub(super) fn bury(&mut self, group: &mut Group<'_>, letter: &DeadLetter) {
        let id = self.at.next_letter.to_be_bytes();
        group.batch.seal(Family::Dead, &id, format::letter(letter));
        self.at.next_letter += 1;
        self.at.letters += 1;
    }

    fn discard(&mut self, group: &mut Group<'_>, id: u64) -> Result<bool, StoreError> {
        let key = id.to_be_bytes();
        let Some(value) = self.store.get(Family::Dead, &key)? else { return Ok(false) };
        let count = copies::key(&letters::open(&self.store, id, &value));
        if copies::read(&self.store, &count)?.is_some_and(|it| it.number == id) {
            group.batch.delete(Family::Journey, &count);
        }
        group.batch.delete(Family::Dead, &key);
        self.at.letters = self.at.letters.saturating_sub(1);
        Ok(true)
    }
}
