//! Dead letters: reading and discarding them, and those that the outbox itself has to write,
//! because the store did not keep its word.

use std::ops::ControlFlow;

use tracing::error;

use super::command::{Command, Unreadable};
use super::format::{self, Damage};
use super::store::{Family, Store, WalkError};
use super::{Outbox, StoreError};
use crate::envelope::{DeadLetter, Stage};

impl Outbox {
    /// Dead letters behind the number `after_id`, with their numbers: at most `max`, and fewer when their
    /// bytes are many, but always one.
    pub fn dead_letters(
        &self,
        after_id: u64,
        max: usize,
    ) -> Result<Vec<(u64, DeadLetter)>, StoreError> {
        let (mut letters, mut bytes) = (Vec::new(), 0);
        if max == 0 {
            return Ok(letters);
        }
        let from = after_id.saturating_add(1);
        let store = self.shared.store()?;
        let walked = store.walk(Family::Dead, [from, from, u64::MAX], |id, value| {
            letters.push((id, open(&store, id, value)));
            bytes += value.len();
            let more = letters.len() < max && bytes < LETTERS_BYTES_MAX;
            if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        match walked {
            Ok(()) => Ok(letters),
            Err(WalkError::Damaged(cause)) => Err(StoreError::Damaged { cause }),
            Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
        }
    }

    /// One dead letter.
    pub fn dead_letter(&self, id: u64) -> Result<Option<DeadLetter>, StoreError> {
        let store = self.shared.store()?;
        let value = store.get(Family::Dead, &id.to_be_bytes())?;
        Ok(value.map(|value| open(&store, id, &value)))
    }

    /// Removes a dead letter, for good. False when it is not there. Resolves after the disk has
    /// synced.
    pub async fn discard_dead_letter(&self, id: u64) -> Result<bool, StoreError> {
        let answer = self.ask(|answer| Command::Discard(id, answer))?;
        self.wait_for(answer).await
    }
}

/// Bytes of dead letters read at one time: each may be as large as a message may be.
const LETTERS_BYTES_MAX: usize = 8 << 20;

/// Keeps what is left of an unreadable stretch, named, so that the road can go on behind it.
pub(super) fn about(stretch: Unreadable) -> DeadLetter {
    let Unreadable { first_seq, end_seq, value, code, reason } = stretch;
    let last_seq = end_seq - 1;
    error!(first_seq, last_seq, code, "records of the queue were set aside");
    let detail = format!(r#"[{{"first_seq":{first_seq},"last_seq":{last_seq}}}]"#);
    of_the_store(code, reason, detail, value)
}

/// A stored dead letter, or a dead letter about it if it is damaged itself.
pub(super) fn open(store: &Store, id: u64, value: &[u8]) -> DeadLetter {
    let (place, mut scratch) = (id.to_be_bytes(), Vec::new());
    let content = store.open_value((Family::Dead, &place), value, &mut scratch);
    content.and_then(format::read_letter).unwrap_or_else(|damage| {
        let reason = format!("the stored dead letter is damaged: {damage}");
        of_the_store("O204", reason, "[]".to_owned(), value.to_vec())
    })
}

/// A parked message that cannot be read.
pub(super) fn of_parked(number: u64, damage: Damage, value: &[u8]) -> DeadLetter {
    error!(number, %damage, "a parked message is damaged and was set aside");
    let reason = format!("the parked message is damaged: {damage}");
    of_the_store("O205", reason, format!(r#"[{{"parked":{number}}}]"#), value.to_vec())
}

/// Parked messages that are not there.
pub(super) fn of_lost_parked(count: u64) -> DeadLetter {
    let reason = format!("{count} parked messages are missing from the store");
    of_the_store("O206", reason, format!(r#"[{{"count":{count}}}]"#), Vec::new())
}

/// Dead letters that are not there.
pub(super) fn of_lost_letters(count: u64) -> DeadLetter {
    let reason = format!("{count} dead letters are missing from the store");
    of_the_store("O208", reason, format!(r#"[{{"count":{count}}}]"#), Vec::new())
}

fn of_the_store(code: &str, reason: String, detail: String, raw: Vec<u8>) -> DeadLetter {
    DeadLetter {
        message_id: String::new(),
        channel: String::new(),
        received_at: String::new(),
        stage: Stage::Store,
        code: code.to_owned(),
        reason,
        detail,
        raw,
        content_type: None,
    }
}
