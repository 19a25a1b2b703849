//! What goes into the outbox, what comes out of it, and what the caller holds in between.
//!
//! ```text
//! pipeline --Submission--> outbox --Receipt--> HIS
//!                                 --Envelope--> forward --> broker
//! pipeline --DeadLetter--> outbox                          (kept, named, replayable)
//! pipeline --UnknownCode-> outbox --ParkedMessage--> judged again --> released, in its turn
//! ```
//!
//! A [`Draft`] becomes an [`Envelope`] by being stored: only the outbox gives out sequence numbers,
//! record ids and revisions, so whoever holds an envelope holds something that is on disk.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use crc32fast::Hasher;
pub use mappings::UnknownCode;
use uuid::Uuid;

/// A standard record that is not stored yet: everything but its number, id and revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What kind of record it is, as the catalog names it.
    pub entity: String,
    /// Order is kept within a lane; usually one encounter.
    pub lane: String,
    /// Business key. Empty when the entity has none: then a record is only a resend of one with
    /// the same content.
    pub key: String,
    /// SHA-256 of the elements' JSON. Same key and same digest make a resend.
    pub digest: [u8; 32],
    /// Members of the record's JSON behind `revision`, without braces: `"entity":...,"findings":[]`.
    pub tail: String,
    /// Of all the above, made when they were.
    pub sum: Sum,
}

impl Draft {
    /// A draft with its sum.
    #[must_use]
    pub fn new(entity: String, lane: String, key: String, digest: [u8; 32], tail: String) -> Draft {
        let sum = Sum::of([&entity, &lane, &key], &digest, tail.as_bytes());
        Draft { entity, lane, key, digest, tail, sum }
    }
}

/// A CRC-32 that is made when a record is, travels with it, and is compared when the record is taken
/// out to be published: whatever changed it on the way, in memory too, it does not leave the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum(pub u32);

impl Sum {
    /// The sum of a record's parts.
    #[must_use]
    pub fn of(names: [&str; 3], digest: &[u8; 32], tail: &[u8]) -> Sum {
        let mut sum = Hasher::new();
        for name in names {
            // With its length, or "ab" + "c" would be "a" + "bc".
            sum.update(&(name.len() as u64).to_be_bytes());
            sum.update(name.as_bytes());
        }
        sum.update(digest);
        sum.update(tail);
        Sum(sum.finalize())
    }
}

/// All records of one message. They are stored together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The channel the message came in by.
    pub channel: Arc<str>,
    /// Id the agent gave the message.
    pub message_id: String,
    /// When it came, `YYYYMMDDhhmmss`.
    pub received_at: String,
    /// The organisation every record belongs to.
    pub org: Arc<str>,
    /// Version of the catalog the records were made by.
    pub schema: Arc<str>,
    /// The records, in the order the message has them.
    pub drafts: Vec<Draft>,
    /// What came, in case the message has to wait.
    pub original: Original,
}

/// A message as its caller sent it: enough to judge it once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Original {
    /// The bytes as they came.
    pub raw: Bytes,
    /// What the caller said they were.
    pub content_type: Option<String>,
    /// What the reader found out about them, as JSON; empty where nobody asks for it.
    pub reading: String,
}

/// Proof that a message is on disk. It exists only after the disk has synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The message's id; of the first message when this one was a resend of it.
    pub message_id: String,
    /// When that message came, `YYYYMMDDhhmmss`.
    pub received_at: String,
    /// One entry a record, in the order of the submission.
    pub records: Vec<RecordReceipt>,
}

impl Receipt {
    /// Whether the message waits. It does so as a whole, whatever of it was taken in before.
    pub fn is_parked(&self) -> bool {
        self.records.iter().any(|it| it.status == ReceiptStatus::Parked)
    }
}

/// What became of one record of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordReceipt {
    /// The record's id, the same on every resend.
    pub record_id: String,
    /// What kind of record it is.
    pub entity: String,
    /// Business key.
    pub key: String,
    /// The record's number in this outbox; no number is left out. 0 while the record is parked.
    pub seq: u64,
    /// 1 for the first content under a business key, then 2, 3, ... 0 while the record is parked.
    pub revision: u32,
    /// New, seen before, or waiting.
    pub status: ReceiptStatus,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceiptStatus {
    /// It was stored now.
    Accepted,
    /// The same content was stored before; id, number and revision are those of the first.
    Duplicate,
    /// Its message is on disk and waits until a local code is mapped; the id is its own already.
    Parked,
}

impl ReceiptStatus {
    /// The word in the receipt's JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            ReceiptStatus::Accepted => "accepted",
            ReceiptStatus::Duplicate => "duplicate",
            ReceiptStatus::Parked => "parked",
        }
    }
}

impl fmt::Display for ReceiptStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A stored record on its way to the platform. A clone is the same one: several rooms have it in hand
/// at a time, and it was read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope(Arc<Record>);

impl From<Record> for Envelope {
    fn from(record: Record) -> Envelope {
        Envelope(Arc::new(record))
    }
}

impl Deref for Envelope {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.0
    }
}

/// What is in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The record's number in this outbox.
    pub seq: u64,
    /// The record's id, the same on every resend.
    pub record_id: String,
    /// 1 for the first content under a business key, then 2, 3, ...
    pub revision: u32,
    /// What kind of record it is.
    pub entity: String,
    /// The organisation it belongs to.
    pub org: String,
    /// The channel its message came in by.
    pub channel: String,
    /// Order is kept within a lane.
    pub lane: String,
    /// Business key.
    pub key: String,
    /// Version of the catalog it was made by.
    pub schema: String,
    /// SHA-256 of the elements' JSON, hexadecimal.
    pub digest: String,
    /// Id of the message it came in.
    pub message_id: String,
    /// When that message came, `YYYYMMDDhhmmss`.
    pub received_at: String,
    /// The standard record's JSON, complete.
    pub body: Bytes,
}

/// A message, or a stored record, that could not go on. It is kept with the bytes it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Id the agent gave the message; empty when that is lost.
    pub message_id: String,
    /// The channel it came in by; empty when that is lost.
    pub channel: String,
    /// When it came, `YYYYMMDDhhmmss`; empty when that is lost.
    pub received_at: String,
    /// Where it stopped.
    pub stage: Stage,
    /// Stable code of what stopped it: `D101`.
    pub code: String,
    /// The same as a sentence, without a patient's values.
    pub reason: String,
    /// What the stage has to say in full, as JSON text: usually a list of findings.
    pub detail: String,
    /// The bytes as they came.
    pub raw: Vec<u8>,
    /// What the caller said they were.
    pub content_type: Option<String>,
}

#[cfg(test)]
impl DeadLetter {
    /// Of a record that the platform has refused.
    pub(crate) fn of_refused(message_id: &str) -> DeadLetter {
        DeadLetter {
            message_id: message_id.to_owned(),
            channel: "his".to_owned(),
            received_at: "20261122101530".to_owned(),
            stage: Stage::Forward,
            code: "F203".to_owned(),
            reason: "too large".to_owned(),
            detail: "[]".to_owned(),
            raw: Vec::new(),
            content_type: None,
        }
    }
}

/// A message that waits: for a code to be mapped, or behind another of its lane that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedMessage {
    /// Id the agent gave the message.
    pub message_id: String,
    /// The channel it came in by.
    pub channel: String,
    /// When it came, `YYYYMMDDhhmmss`.
    pub received_at: String,
    /// What came.
    pub original: Original,
    /// What was promised, in the order of the message.
    pub records: Vec<ParkedRecord>,
    /// What it waits for; nothing, if only for another message of its lane.
    pub unknown: Vec<UnknownCode>,
}

/// One record of a parked message, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedRecord {
    /// The id that the receipt has told, and that the record will have.
    pub record_id: Uuid,
    /// What kind of record it is.
    pub entity: String,
    /// Business key, as far as the codes in it are mapped.
    pub key: String,
    /// Order is kept within a lane.
    pub lane: String,
    /// What the record is, as far as it is known. `None` in what an earlier release has parked, until
    /// it is judged once more.
    pub content: Option<ContentId>,
    /// The content of the record that has the id, once there is one: it came before this message, or
    /// has gone past it. No other content may have the id then, whatever this record turns out to be.
    pub given_to: Option<ContentId>,
}

/// What tells a resend from something new: under which business key, and with which elements. Codes
/// that nobody has mapped count to the elements as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentId {
    /// Of channel, entity and business key.
    pub identity: [u8; 16],
    /// Of the elements.
    pub digest: [u8; 16],
}

/// What is to become of a parked message that was judged once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// It goes on its way. The submission carries the message's own id and time of receipt.
    Accept(Submission),
    /// It cannot go on for another reason.
    Refuse(DeadLetter),
    /// It waits on, for these codes; and what each of its records is by now.
    Wait(Vec<UnknownCode>, Vec<Option<ContentId>>),
}

/// The stage at which a message stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The bytes were no document.
    Decode,
    /// The document did not fit its mapping.
    Map,
    /// A record was against the standard.
    Validate,
    /// The store gave back other bytes than it was given, or none.
    Store,
    /// The platform would not have it.
    Forward,
}

/// All stages, in the order of the road.
pub const STAGES: [Stage; 5] =
    [Stage::Decode, Stage::Map, Stage::Validate, Stage::Store, Stage::Forward];

impl Stage {
    /// The word in logs, metrics and listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Decode => "decode",
            Stage::Map => "map",
            Stage::Validate => "validate",
            Stage::Store => "store",
            Stage::Forward => "forward",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The word is no stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a stage: write decode, map, validate, store or forward")]
pub struct UnknownStage(String);

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(word: &str) -> Result<Stage, UnknownStage> {
        STAGES
            .into_iter()
            .find(|stage| stage.as_str() == word)
            .ok_or_else(|| UnknownStage(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_reads_what_it_wrote() {
        for stage in STAGES {
            assert_eq!(stage.to_string().parse(), Ok(stage));
        }
        assert_eq!("shop".parse::<Stage>(), Err(UnknownStage("shop".to_owned())));
    }
}
