//! The writer's part of dead letters: each gets a number of its own and stays until it is discarded.

use std::collections::BTreeSet;

use super::super::aside::Fate;
use super::super::command::Work;
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
            self.bury(group, &letter);
        }
        let mut gone = BTreeSet::new();
        for id in discards {
            let there = gone.insert(id) && self.discard(group, id)?;
            group.done.discarded.push(there);
        }
        self.note_letters(group);
        Ok(())
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
        if self.store.get(Family::Dead, &key)?.is_none() {
            return Ok(false);
        }
        group.batch.delete(Family::Dead, &key);
        self.at.letters = self.at.letters.saturating_sub(1);
        Ok(true)
    }
}
