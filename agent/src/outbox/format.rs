//! The bytes of what is stored, and nothing else: no disk, no clock.
//!
//! Every value of `queue`, `dead`, `parked`, `shelf`, `journey` and `raw` is sealed, for it may name a
//! patient; a value of `seen` has a check and is in the clear:
//!
//! ```text
//! 2, 1 byte | data key 4 bytes | nonce 12 bytes | content, AES-256-GCM | tag 16 bytes
//! 1, 1 byte | check 8 bytes (begin of SHA-256 over version and content) | content
//! ```
//!
//! Bound into the tag are the 5 bytes in front of the nonce, the number of the family and the key: a
//! value that was moved is damaged. Until format 2 of the store every value was of the second kind,
//! and such values are still read.
//!
//! In the content, `n` is a number in LEB128 (7 bits a byte, low first), `text` is its length as
//! `n` and its UTF-8, `u64` is 8 bytes, high byte first.
//!
//! ```text
//! queue   bytes_before u64, message_id, received_at, channel, org, schema: text, records n, then each:
//!         record_id 16 bytes, revision n, digest 32 bytes, entity, lane, key, tail: text,
//!         sum: 0, or 1 and 4 bytes (in a sealed value only)
//! seen    takes n, then each, oldest first:
//!         digest 16 bytes, record_id 16 bytes, seq n, revision n, message_id, received_at: text;
//!         1 if the key and the digests are hidden, from format 3 on (`outbox/names.rs`)
//! dead    stage n, message_id, channel, received_at, code, reason, detail: text,
//!         content_type: 0, or 1 and text; raw: length n and bytes
//! parked  message_id, channel, received_at: text, content_type: 0, or 1 and text,
//!         records n, then each: record_id 16 bytes, entity, key, lane: text;
//!         unknown n, then each: map, code, element: text; raw: length n and bytes;
//!         then nothing, as earlier releases leave it, or of each record 0, or 1, identity 16 bytes and digest 16 bytes
//! shelf, journey   the bytes its owner gave, as they are
//!         journey of day 0, letter L: number n, times n, first_id, last_id, last_at: text
//! raw     content_type: 0, or 1 and text; reading: text; length n; deflated bytes: length n and bytes
//! ```
//!
//! `bytes_before` counts the bytes of all queue values ever stored before this one: the bytes that
//! wait are the difference between two numbers, without reading what lies between.
//!
//! A value of a version this program does not know, or whose check does not fit, is *damaged*: it
//! is reported and kept, and the entries beside it go on. Changing any of this takes a new version
//! beside the old one; the fixtures in the tests hold the bytes of every version ever released.

mod bytes;
mod keyring;
mod parked;
mod ranges;
mod raw;

use uuid::Uuid;

#[cfg(test)]
pub(super) use self::bytes::CHECKED;
pub(super) use self::bytes::{Content, Damage, Plain, SEALED};
pub(super) use self::keyring::{Keyring, Wrapped};
pub(super) use self::parked::{parked, read_parked};
pub(super) use self::raw::{raw, read_raw};
use super::copies::Copies;
use crate::envelope::{DeadLetter, Stage, Sum};

/// The newest version of a store as a whole that this program knows. A store of a newer one is refused.
pub(super) const FORMAT: u64 = HIDDEN_SINCE;
/// From this version on values are sealed.
pub(super) const SEALED_SINCE: u64 = 2;
/// From this version on keys of `seen` are hidden, or being hidden.
pub(super) const HIDDEN_SINCE: u64 = 3;

/// One stored submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) bytes_before: u64,
    pub(super) message_id: &'a str,
    pub(super) received_at: &'a str,
    pub(super) channel: &'a str,
    pub(super) org: &'a str,
    pub(super) schema: &'a str,
    pub(super) records: Vec<Stored<'a>>,
}

/// One record of a stored submission. Its number is the entry's key plus its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored<'a> {
    pub(super) record_id: Uuid,
    pub(super) revision: u32,
    pub(super) digest: [u8; 32],
    pub(super) entity: &'a str,
    pub(super) lane: &'a str,
    pub(super) key: &'a str,
    pub(super) tail: &'a str,
    /// `None` in what was stored before there were sums.
    pub(super) sum: Option<Sum>,
}

impl<'a> Entry<'a> {
    /// The content to store.
    pub(super) fn plain(&self) -> Plain {
        let tails: usize = self.records.iter().map(|record| record.tail.len() + 160).sum();
        let mut out = Plain::with_capacity(tails + 160);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Plain) {
        out.u64(self.bytes_before);
        for text in [self.message_id, self.received_at, self.channel, self.org, self.schema] {
            out.text(text);
        }
        out.count(self.records.len());
        for record in &self.records {
            out.bytes(record.record_id.as_bytes());
            out.number(record.revision.into());
            out.bytes(&record.digest);
            for text in [record.entity, record.lane, record.key, record.tail] {
                out.text(text);
            }
            out.sum(record.sum);
        }
    }

    /// The value as it was before it was sealed.
    #[cfg(test)]
    pub(super) fn plain_version_1(&self) -> Vec<u8> {
        let mut out = Plain::in_version_1();
        self.write(&mut out);
        out.checked()
    }

    /// Reads what is stored.
    pub(super) fn read(mut content: Content<'a>) -> Result<Entry<'a>, Damage> {
        let bytes_before = content.u64()?;
        let message_id = content.text()?;
        let received_at = content.text()?;
        let channel = content.text()?;
        let org = content.text()?;
        let schema = content.text()?;
        let mut records = Vec::new();
        for _ in 0..content.number()? {
            records.push(Stored::read(&mut content)?);
        }
        Ok(Entry { bytes_before, message_id, received_at, channel, org, schema, records })
    }
}

impl<'a> Stored<'a> {
    fn read(content: &mut Content<'a>) -> Result<Stored<'a>, Damage> {
        Ok(Stored {
            record_id: Uuid::from_bytes(content.array()?),
            revision: content.small()?,
            digest: content.array()?,
            entity: content.text()?,
            lane: content.text()?,
            key: content.text()?,
            tail: content.text()?,
            sum: content.sum()?,
        })
    }
}

/// One content that was taken in under a business key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Take {
    pub(super) digest: [u8; 16],
    pub(super) record_id: Uuid,
    pub(super) seq: u64,
    pub(super) revision: u32,
    pub(super) message_id: String,
    pub(super) received_at: String,
}

/// The value to store for all contents under one business key, oldest first.
pub(super) fn seal_takes(takes: &[Take], are_hidden: bool) -> Vec<u8> {
    let mut out = Plain::with_capacity(takes.len() * 104 + 2);
    out.count(takes.len());
    for take in takes {
        out.bytes(&take.digest);
        out.bytes(take.record_id.as_bytes());
        out.number(take.seq);
        out.number(take.revision.into());
        out.text(&take.message_id);
        out.text(&take.received_at);
    }
    if are_hidden {
        out.number(HIDDEN);
    }
    out.checked()
}

/// Reads what [`seal_takes`] wrote; digests may be hidden.
pub(super) fn open_takes(value: &[u8]) -> Result<Vec<Take>, Damage> {
    Ok(open_named_takes(value)?.0)
}

/// The same, and whether digests and key are hidden.
pub(super) fn open_named_takes(value: &[u8]) -> Result<(Vec<Take>, bool), Damage> {
    let mut content = Content::checked(value)?;
    let mut takes = Vec::new();
    for _ in 0..content.number()? {
        takes.push(Take {
            digest: content.array()?,
            record_id: Uuid::from_bytes(content.array()?),
            seq: content.number()?,
            revision: content.small()?,
            message_id: content.text()?.to_owned(),
            received_at: content.text()?.to_owned(),
        });
    }
    let are_hidden = !content.rest.is_empty() && content.number()? == HIDDEN;
    Ok((takes, are_hidden))
}

const HIDDEN: u64 = 1;

/// The record a business key was last used for. `None` when that cannot be told.
pub(super) fn last_seq(value: &[u8]) -> Option<u64> {
    Some(open_takes(value).ok()?.last()?.seq)
}

/// The content to store for a dead letter.
pub(super) fn letter(letter: &DeadLetter) -> Plain {
    let mut out = Plain::with_capacity(letter.raw.len() + letter.detail.len() + 512);
    out.number(stage_number(letter.stage));
    out.text(&letter.message_id);
    out.text(&letter.channel);
    out.text(&letter.received_at);
    out.text(&letter.code);
    out.text(&letter.reason);
    out.text(&letter.detail);
    out.option(letter.content_type.as_deref());
    out.count(letter.raw.len());
    out.bytes(&letter.raw);
    out
}

/// Reads what [`letter`] wrote.
pub(super) fn read_letter(mut content: Content<'_>) -> Result<DeadLetter, Damage> {
    Ok(DeadLetter {
        stage: stage_of(content.number()?)?,
        message_id: content.text()?.to_owned(),
        channel: content.text()?.to_owned(),
        received_at: content.text()?.to_owned(),
        code: content.text()?.to_owned(),
        reason: content.text()?.to_owned(),
        detail: content.text()?.to_owned(),
        content_type: content.option()?,
        raw: content.blob()?.to_vec(),
    })
}

/// The content to store for how often a refused message came.
pub(super) fn copies(copies: &Copies) -> Plain {
    let mut out = Plain::with_capacity(160);
    out.number(copies.number);
    out.number(copies.times);
    for text in [&copies.first_id, &copies.last_id, &copies.last_at] {
        out.text(text);
    }
    out
}

/// Reads what [`copies`] wrote.
pub(super) fn read_copies(mut content: Content<'_>) -> Result<Copies, Damage> {
    Ok(Copies {
        number: content.number()?,
        times: content.number()?,
        first_id: content.text()?.to_owned(),
        last_id: content.text()?.to_owned(),
        last_at: content.text()?.to_owned(),
    })
}

// The numbers are on disk: a stage may be added, never renumbered.
const fn stage_number(stage: Stage) -> u64 {
    match stage {
        Stage::Decode => 1,
        Stage::Map => 2,
        Stage::Validate => 3,
        Stage::Store => 4,
        Stage::Forward => 5,
    }
}

fn stage_of(number: u64) -> Result<Stage, Damage> {
    crate::envelope::STAGES
        .into_iter()
        .find(|stage| stage_number(*stage) == number)
        .ok_or(Damage::Content)
}

/// The content to store for bytes that only their owner understands.
pub(super) fn kept(bytes: &[u8]) -> Plain {
    let mut out = Plain::with_capacity(bytes.len());
    out.bytes(bytes);
    out
}

/// Reads what [`kept`] wrote.
pub(super) const fn read_kept<'a>(content: &Content<'a>) -> &'a [u8] {
    content.rest
}

/// A content as it would be stored now, whatever the version it was stored in.
pub(super) fn anew(content: Content<'_>, is_entry: bool) -> Result<Plain, Damage> {
    if is_entry { Entry::read(content).map(|it| it.plain()) } else { Ok(kept(content.rest)) }
}

/// A value of [`Family::Meta`](super::store::Family::Meta) that is a row of numbers.
pub(super) fn numbers<const N: usize>(row: [u64; N]) -> Vec<u8> {
    row.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Reads what [`numbers`] wrote.
pub(super) fn read_numbers<const N: usize>(value: &[u8]) -> Option<[u64; N]> {
    let (row, []) = value.as_chunks::<8>() else { return None };
    let row: &[[u8; 8]; N] = row.try_into().ok()?;
    Some(row.map(u64::from_be_bytes))
}

#[cfg(test)]
mod tests;
