//! The bytes of what is stored, and nothing else: no disk, no clock.
//!
//! Every value of `queue`, `seen`, `dead`, `parked`, `shelf`, `journey` and `raw` is sealed:
//!
//! ```text
//! version 1 byte | check 8 bytes (begin of SHA-256 over version and content) | content
//! ```
//!
//! In the content, `n` is a number in LEB128 (7 bits a byte, low first), `text` is its length as
//! `n` and its UTF-8, `u64` is 8 bytes, high byte first.
//!
//! ```text
//! queue   bytes_before u64, message_id, received_at, channel, org, schema: text, records n, then each:
//!         record_id 16 bytes, revision n, digest 32 bytes, entity, lane, key, tail: text
//! seen    takes n, then each, oldest first:
//!         digest 16 bytes, record_id 16 bytes, seq n, revision n, message_id, received_at: text
//! dead    stage n, message_id, channel, received_at, code, reason, detail: text,
//!         content_type: 0, or 1 and text; raw: length n and bytes
//! parked  message_id, channel, received_at: text, content_type: 0, or 1 and text,
//!         records n, then each: record_id 16 bytes, entity, key, lane: text;
//!         unknown n, then each: map, code, element: text; raw: length n and bytes
//! shelf, journey   the bytes its owner gave, as they are
//! raw     content_type: 0, or 1 and text; reading: text; length n; deflated bytes: length n and bytes
//! ```
//!
//! `bytes_before` counts the bytes of all queue values ever stored before this one: the bytes that
//! wait are the difference between two numbers, without reading what lies between.
//!
//! A value of a version this program does not know, or whose check does not fit, is *damaged*: it
//! is reported and kept, and the entries beside it go on. Changing any of this takes a new version
//! beside the old one; the fixtures in the tests hold the bytes of every version ever released.

mod parked;
mod raw;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub(super) use self::parked::{open_parked, seal_parked};
pub(super) use self::raw::{open_raw, seal_raw};
use crate::envelope::{DeadLetter, Stage};

/// The version of the store as a whole. A store of a newer one is refused.
pub(super) const FORMAT: u64 = 1;

/// Why bytes are not what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error("the value is shorter than what it should hold")]
    Short,
    #[error("the value is of version {0}, which this program does not know")]
    Version(u8),
    #[error("the value's check does not fit its bytes")]
    Check,
    #[error("a text in the value is not UTF-8, or a number in it is out of range")]
    Content,
}

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
}

impl<'a> Entry<'a> {
    /// The value to store.
    pub(super) fn seal(&self) -> Vec<u8> {
        let tails: usize = self.records.iter().map(|record| record.tail.len() + 160).sum();
        let mut out = Sealing::with_capacity(tails + 160);
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
        }
        out.seal()
    }

    /// Reads a stored value.
    pub(super) fn open(value: &'a [u8]) -> Result<Entry<'a>, Damage> {
        let mut content = Content::of(value)?;
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
pub(super) fn seal_takes(takes: &[Take]) -> Vec<u8> {
    let mut out = Sealing::with_capacity(takes.len() * 104 + 1);
    out.count(takes.len());
    for take in takes {
        out.bytes(&take.digest);
        out.bytes(take.record_id.as_bytes());
        out.number(take.seq);
        out.number(take.revision.into());
        out.text(&take.message_id);
        out.text(&take.received_at);
    }
    out.seal()
}

/// Reads what [`seal_takes`] wrote.
pub(super) fn open_takes(value: &[u8]) -> Result<Vec<Take>, Damage> {
    let mut content = Content::of(value)?;
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
    Ok(takes)
}

/// The record a business key was last used for. `None` when that cannot be told.
pub(super) fn last_seq(value: &[u8]) -> Option<u64> {
    Some(open_takes(value).ok()?.last()?.seq)
}

/// The value to store for a dead letter.
pub(super) fn seal_letter(letter: &DeadLetter) -> Vec<u8> {
    let mut out = Sealing::with_capacity(letter.raw.len() + letter.detail.len() + 512);
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
    out.seal()
}

/// Reads what [`seal_letter`] wrote.
pub(super) fn open_letter(value: &[u8]) -> Result<DeadLetter, Damage> {
    let mut content = Content::of(value)?;
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

/// The value to store for bytes that only their owner understands.
pub(super) fn seal_kept(bytes: &[u8]) -> Vec<u8> {
    let mut out = Sealing::with_capacity(bytes.len());
    out.bytes(bytes);
    out.seal()
}

/// Reads what [`seal_kept`] wrote.
pub(super) fn open_kept(value: &[u8]) -> Result<&[u8], Damage> {
    Content::of(value).map(|content| content.0)
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

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 8;

/// A value in the making.
struct Sealing(Vec<u8>);

impl Sealing {
    fn with_capacity(bytes: usize) -> Sealing {
        let mut out = Vec::with_capacity(1 + CHECK_BYTES + bytes);
        out.push(VERSION);
        out.extend_from_slice(&[0; CHECK_BYTES]);
        Sealing(out)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(0x80 | (number & 0x7f) as u8);
            number >>= 7;
        }
        self.0.push((number & 0x7f) as u8);
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes(text.as_bytes());
    }

    fn option(&mut self, text: Option<&str>) {
        match text {
            None => self.number(0),
            Some(text) => {
                self.number(1);
                self.text(text);
            }
        }
    }

    fn seal(mut self) -> Vec<u8> {
        let (head, content) =
            self.0.split_at_mut_checked(1 + CHECK_BYTES).expect("`with_capacity` made the head");
        let seal = check(VERSION, content);
        for (place, byte) in head.iter_mut().skip(1).zip(seal) {
            *place = byte;
        }
        self.0
    }
}

fn check(version: u8, content: &[u8]) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] =
        Sha256::new().chain_update([version]).chain_update(content).finalize().into();
    *digest.first_chunk().expect("a SHA-256 has 32 bytes")
}

/// The unread rest of a value whose check fitted.
struct Content<'a>(&'a [u8]);

impl<'a> Content<'a> {
    fn of(value: &'a [u8]) -> Result<Content<'a>, Damage> {
        let (&version, rest) = value.split_first().ok_or(Damage::Short)?;
        if version != VERSION {
            return Err(Damage::Version(version));
        }
        let (seal, content) = rest.split_first_chunk::<CHECK_BYTES>().ok_or(Damage::Short)?;
        if *seal == check(version, content) { Ok(Content(content)) } else { Err(Damage::Check) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(Damage::Short)?;
        self.0 = rest;
        Ok(*array)
    }

    fn u64(&mut self) -> Result<u64, Damage> {
        self.array().map(u64::from_be_bytes)
    }

    fn number(&mut self) -> Result<u64, Damage> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if bits.leading_zeros() < shift {
                return Err(Damage::Content);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damage::Content)
    }

    fn small(&mut self) -> Result<u32, Damage> {
        u32::try_from(self.number()?).map_err(|_| Damage::Content)
    }

    fn blob(&mut self) -> Result<&'a [u8], Damage> {
        let len = usize::try_from(self.number()?).map_err(|_| Damage::Content)?;
        let (blob, rest) = self.0.split_at_checked(len).ok_or(Damage::Short)?;
        self.0 = rest;
        Ok(blob)
    }

    fn text(&mut self) -> Result<&'a str, Damage> {
        str::from_utf8(self.blob()?).map_err(|_| Damage::Content)
    }

    fn owned(&mut self) -> Result<String, Damage> {
        self.text().map(str::to_owned)
    }

    fn option(&mut self) -> Result<Option<String>, Damage> {
        match self.number()? {
            0 => Ok(None),
            1 => self.owned().map(Some),
            _ => Err(Damage::Content),
        }
    }
}

#[cfg(test)]
mod tests;
