//! Where a subscriber is in the outbox, and what it refused, on the shelf beside it.
//!
//! | key | what is kept |
//! |---|---|
//! | `ws` name | the place: the number of the next record, and counts |
//! | `wx` name, 0, number, 8 bytes | a record that it refused: its id, entity, when and with what |

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::envelope::Envelope;
use crate::outbox::{Change, Outbox, StoreError};

/// The place of one subscriber.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    /// The store that the number is of.
    pub(super) epoch: String,
    /// The next record to look at.
    pub(super) next: u64,
    pub(super) sent: u64,
    pub(super) set_aside: u64,
    /// Given up by a person.
    pub(super) skipped: u64,
    pub(super) lost: u64,
    /// When records were last given up, by the time that things grow old by.
    pub(super) lost_at: Option<String>,
    /// The first record that was refused and not decided about. The rows say it anew at each start.
    #[serde(skip)]
    pub(super) refused_from: Option<u64>,
}

/// A record that was refused.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) seq: u64,
    pub(super) record_id: String,
    pub(super) entity: String,
    pub(super) at: String,
    /// What was answered, without a value.
    pub(super) reason: String,
}

impl Place {
    /// Where it was left; at the first time, where it is to begin.
    pub(super) fn open(outbox: &Outbox, name: &str, begin: u64) -> Result<Place, StoreError> {
        let bytes = outbox.shelved(&place_key(name))?;
        let known: Option<Place> = bytes.and_then(|it| serde_json::from_slice(&it).ok());
        if let Some(place) = known.as_ref().filter(|it| it.epoch == outbox.epoch()) {
            let first = refused(outbox, name, (0, 1))?.first().map(|it| it.seq);
            return Ok(Place { refused_from: first, ..place.clone() });
        }
        // In another store nothing of this subscriber's was sent: it gets all of it.
        let next = if known.is_some() { outbox.lowest_seq() } else { begin };
        Ok(Place { epoch: outbox.epoch().to_owned(), next, ..known.unwrap_or_default() })
    }

    /// The first record that may still be sent.
    pub(super) fn first(&self) -> u64 {
        self.refused_from.map_or(self.next, |it| it.min(self.next))
    }

    pub(super) fn put(&self, name: &str) -> Change {
        Change::Put(place_key(name), serde_json::to_vec(self).unwrap_or_default())
    }
}

impl Refused {
    pub(super) fn new(record: &Envelope, at: String, reason: String) -> Refused {
        let (record_id, entity) = (record.record_id.clone(), record.entity.clone());
        Refused { seq: record.seq, record_id, entity, at, reason }
    }

    pub(super) fn put(&self, name: &str) -> Change {
        Change::Put(refused_key(name, self.seq), serde_json::to_vec(self).unwrap_or_default())
    }

    pub(super) fn remove(&self, name: &str) -> Change {
        Change::Remove(refused_key(name, self.seq))
    }
}

/// What a subscriber refused, from a number on, in its order.
pub(super) fn refused(
    outbox: &Outbox,
    name: &str,
    (from, at_most): (u64, usize),
) -> Result<Vec<Refused>, StoreError> {
    let mut found = Vec::new();
    outbox.walk_shelf(&refused_key(name, from), &refused_key(name, u64::MAX), |_, bytes| {
        found.extend(serde_json::from_slice::<Refused>(bytes).ok());
        if found.len() < at_most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}

/// A record that a subscriber refused.
pub(super) fn refused_one(
    outbox: &Outbox,
    name: &str,
    seq: u64,
) -> Result<Option<Refused>, StoreError> {
    let bytes = outbox.shelved(&refused_key(name, seq))?;
    Ok(bytes.and_then(|it| serde_json::from_slice(&it).ok()))
}

fn place_key(name: &str) -> Vec<u8> {
    [b"ws", name.as_bytes()].concat()
}

fn refused_key(name: &str, seq: u64) -> Vec<u8> {
    [b"wx", name.as_bytes(), b"\0", &seq.to_be_bytes()].concat()
}
