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

/// Builds the index and sets the position's parked figures. What cannot be read goes to the dead
/// letters here, before anybody can wait behind it: nothing would ever release it.
pub(in super::super) fn recover(
    store: &Store,
    at: &mut Position,
    witnessed: Option<u64>,
) -> Result<Index, StoreError> {
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
    if damaged.is_empty() && kept == found {
        return Ok(index);
    }
    set_aside(store, at, damaged)?;
    Ok(index)
}

fn set_aside(
    store: &Store,
    at: &mut Position,
    damaged: Vec<(u64, DeadLetter)>,
) -> Result<(), StoreError> {
    let mut batch = store.batch();
    for (number, letter) in damaged {
        batch.delete(Family::Parked, &number.to_be_bytes());
        batch.seal(Family::Dead, &at.next_letter.to_be_bytes(), format::letter(&letter));
        at.next_letter += 1;
        at.letters += 1;
    }
    batch.put(Family::Meta, LETTERS, &format::numbers([at.next_letter, at.letters]));
    batch.put(Family::Meta, PARKED, &format::numbers([at.next_parked, at.parked]));
    batch.write(Durability::Synced)
}
