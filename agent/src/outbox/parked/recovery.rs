//! Finds the parked messages of a store that was just opened, and says which of them are lost.

use std::ops::ControlFlow;

use tracing::error;

use super::super::letters;
use super::super::opening;
use super::super::store::{Durability, Store};
use super::super::writer::Position;
use super::super::{LETTERS, PARKED, StoreError, format};
use super::{Family, Index, open, walk};
use crate::envelope::DeadLetter;

/// What is parked, and what of it cannot be read.
#[derive(Debug)]
pub(in super::super) struct Found {
    pub(in super::super) index: Index,
    damaged: Vec<(u64, DeadLetter)>,
    /// There is damage, or the figures on disk are others.
    pub(in super::super) is_harmed: bool,
}

/// Builds the index and sets the position's parked figures. Nobody waits behind what cannot be read, as
/// nothing would ever release it.
pub(in super::super) fn find(
    store: &Store,
    at: &mut Position,
    witnessed: Option<u64>,
) -> Result<Found, StoreError> {
    let [next, kept] = opening::row(store, PARKED)?.unwrap_or([1, 0]);
    let mut index = Index::default();
    let (mut damaged, mut found, mut highest) = (Vec::new(), 0, 0);
    walk(store, 0, |number, value| {
        highest = number;
        match open(store, number, value) {
            Ok(message) => {
                index.insert(number, &message);
                found += 1;
            }
            Err(damage) => damaged.push((number, letters::of_parked(number, damage, value))),
        }
        ControlFlow::Continue(())
    })?;
    at.next_parked = next.max(highest + 1).max(witnessed.unwrap_or(0));
    at.parked = found;
    // The count tells what is gone from the middle, the witness what is gone from the end.
    let read = found + damaged.len() as u64;
    let lost = kept.saturating_sub(read) + at.next_parked.saturating_sub(next.max(highest + 1));
    if lost > 0 {
        error!(lost, "the store has lost parked messages");
        damaged.push((0, letters::of_lost_parked(lost)));
    }
    let is_harmed = !damaged.is_empty() || kept != found;
    Ok(Found { index, damaged, is_harmed })
}

impl Found {
    /// Moves what cannot be read to the dead letters.
    pub(in super::super) fn set_aside(
        &self,
        store: &Store,
        at: &mut Position,
    ) -> Result<(), StoreError> {
        if !self.is_harmed {
            return Ok(());
        }
        let mut batch = store.batch();
        let mut then = *at;
        for (number, letter) in &self.damaged {
            batch.delete(Family::Parked, &number.to_be_bytes());
            batch.seal(Family::Dead, &then.next_letter.to_be_bytes(), format::letter(letter));
            then.next_letter += 1;
            then.letters += 1;
        }
        batch.put(Family::Meta, LETTERS, &format::numbers([then.next_letter, then.letters]));
        batch.put(Family::Meta, PARKED, &format::numbers([then.next_parked, then.parked]));
        batch.write(Durability::Synced)?;
        *at = then;
        Ok(())
    }

    /// The same, unless there is no room for it: that ends nobody, and is done when there is. True if
    /// nothing is left to be done.
    pub(in super::super) fn set_aside_if_there_is_room(
        &self,
        store: &Store,
        at: &mut Position,
    ) -> Result<bool, StoreError> {
        match self.set_aside(store, at) {
            Err(error) if error.is_full() => {
                let damaged = self.damaged.len();
                error!(%error, damaged, "damaged parked messages are named when there is room");
                Ok(false)
            }
            done => done.map(|()| true),
        }
    }
}
