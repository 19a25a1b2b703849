//! Messages that were refused and come again: a HIS whose program sends the same refused bytes over and
//! over has one dead letter, and a count. Only what a sender was told of is counted so: what was
//! promised and then could not go on has a letter each.
//!
//! A row of the family `journey`, of day 0 and the letter `L`, leads from what was refused to its letter.

use sha2::{Digest as _, Sha256};

use super::store::{Family, Store};
use super::{Outbox, StoreError, format, journey};
use crate::envelope::{DeadLetter, Stage};

/// How often a message came that was refused each time for the same cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// Its dead letter.
    pub number: u64,
    /// How often it came.
    pub times: u64,
    /// The id of the first, which the letter has.
    pub first_id: String,
    /// The id of the last.
    pub last_id: String,
    /// When the last came, `YYYYMMDDhhmmss`.
    pub last_at: String,
}

impl Copies {
    /// Those of a letter that is new.
    pub(super) fn first(number: u64, letter: &DeadLetter) -> Copies {
        let (id, last_at) = (letter.message_id.clone(), letter.received_at.clone());
        Copies { number, times: 1, first_id: id.clone(), last_id: id, last_at }
    }

    /// One more came; what is looked at again after a crash is none.
    pub(super) fn count(&mut self, letter: &DeadLetter) {
        if [&self.first_id, &self.last_id].contains(&&letter.message_id) {
            return;
        }
        self.times = self.times.saturating_add(1);
        self.last_id.clone_from(&letter.message_id);
        self.last_at.clone_from(&letter.received_at);
    }
}

impl Outbox {
    /// How often the message of a letter came. `None` for a letter that no sender was told of, and for
    /// one of before there was a count.
    pub fn copies(&self, number: u64, letter: &DeadLetter) -> Result<Option<Copies>, StoreError> {
        if !is_told(letter) {
            return Ok(None);
        }
        let found = read(&*self.shared.store()?, &key(letter))?;
        Ok(found.filter(|it| it.number == number))
    }
}

/// Whether its sender was told that it was refused, so that it may be dropped one day. What was
/// released from waiting had been promised, and is not handed in as a letter of its own.
pub(super) const fn is_told(letter: &DeadLetter) -> bool {
    !matches!(letter.stage, Stage::Store | Stage::Forward)
}

/// Where the count of a letter's message lies: by channel, bytes, what they were said to be, and cause.
pub(super) fn key(letter: &DeadLetter) -> Vec<u8> {
    let mut hash = Sha256::new();
    // The content type decides how the bytes are read when they are tried again.
    let content_type = letter.content_type.as_deref().unwrap_or_default();
    for part in [&*letter.channel, &*letter.code, &*letter.reason, content_type].map(str::as_bytes)
    {
        // With its length, or "ab" + "c" would be "a" + "bc".
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(&letter.raw);
    let digest: [u8; 32] = hash.finalize().into();
    let (cut, _) = digest.split_at(16);
    [&journey::day_and_letter(0, b'L')[..], cut].concat()
}

/// The row of a key. One that cannot be read counts as absent: at worst there is one more letter.
pub(super) fn read(store: &Store, key: &[u8]) -> Result<Option<Copies>, StoreError> {
    let value = match store.get(Family::Journey, key) {
        Err(StoreError::Damaged { cause }) => {
            tracing::error!(cause, "a block of journeys is damaged");
            None
        }
        other => other?,
    };
    let mut scratch = Vec::new();
    Ok(value.and_then(|value| {
        let content = store.open_value((Family::Journey, key), &value, &mut scratch);
        let damaged = |damage| tracing::error!(%damage, "the count of a dead letter is damaged");
        content.and_then(format::read_copies).map_err(damaged).ok()
    }))
}
