//! One record in the account: its number, its id, and a digest of all it says.
//!
//! Both sides make it from the record's JSON alone, so it needs no header, and whatever is changed in
//! a record on its way (an element, its lane, its channel) gives another digest.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::outbox::id_bytes;

/// A record as the account has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leaf {
    pub(crate) seq: u64,
    pub(crate) id: [u8; 16],
    pub(crate) digest: [u8; 16],
}

impl Leaf {
    /// Of a record's JSON on one line.
    pub(crate) fn of(seq: u64, record_id: &str, json: &[u8]) -> Leaf {
        Leaf { seq, id: id_bytes(record_id), digest: digest(json) }
    }

    /// The id as the record has it.
    pub(crate) fn record_id(&self) -> String {
        Uuid::from_bytes(self.id).to_string()
    }

    /// As it is kept: always so many bytes.
    pub(super) fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let parts = self.seq.to_be_bytes().into_iter().chain(self.id).chain(self.digest);
        bytes.iter_mut().zip(parts).for_each(|(place, byte)| *place = byte);
        bytes
    }

    /// Reads what was kept; what is left over at the end is none.
    pub(super) fn all(bytes: &[u8]) -> Vec<Leaf> {
        let (leaves, _) = bytes.as_chunks::<BYTES>();
        leaves.iter().filter_map(Leaf::read).collect()
    }

    fn read(bytes: &[u8; BYTES]) -> Option<Leaf> {
        let (seq, rest) = bytes.split_first_chunk::<8>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        Some(Leaf { seq: u64::from_be_bytes(*seq), id: *id, digest: *rest.first_chunk()? })
    }
}

/// The begin of a SHA-256 over the record's JSON. A line break in JSON is only white space, and a
/// batch writes a blank for it; so does this.
pub(crate) fn digest(json: &[u8]) -> [u8; 16] {
    let json = json.trim_ascii();
    let hash: [u8; 32] = if json.iter().any(|it| matches!(it, b'\n' | b'\r')) {
        let blank = |it: &u8| if matches!(it, b'\n' | b'\r') { b' ' } else { *it };
        Sha256::digest(json.iter().map(blank).collect::<Vec<u8>>()).into()
    } else {
        Sha256::digest(json).into()
    };
    hash.first_chunk().copied().unwrap_or_default()
}

/// Sixteen bytes as hexadecimal text.
pub(crate) fn hex(bytes: &[u8; 16]) -> String {
    crate::forward::files::hex(bytes)
}

/// Reads what [`hex`] wrote.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty())?.try_into().ok()
}

/// `[seq, record id, digest]`: there are many of them in an answer.
impl Serialize for Leaf {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.seq, self.record_id(), hex(&self.digest)).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Leaf, D::Error> {
        let (seq, id, digest): (u64, String, String) = Deserialize::deserialize(from)?;
        let digest = unhex(&digest).ok_or_else(|| D::Error::custom("a digest has 32 digits"))?;
        Ok(Leaf { seq, id: id_bytes(&id), digest })
    }
}

/// Number, id and digest.
pub(super) const BYTES: usize = 40;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_reads_what_it_wrote() {
        let leaf = Leaf::of(7, "01a20199-ed78-71b8-9d1e-45f695da4cc9", b"{\"seq\":7}");
        assert_eq!(Leaf::all(&[leaf.to_bytes(), leaf.to_bytes()].concat()), [leaf, leaf]);
        let json = serde_json::to_string(&leaf).unwrap();
        assert!(json.starts_with("[7,\"01a20199-ed78-71b8-9d1e-45f695da4cc9\",\""), "{json}");
        assert_eq!(serde_json::from_str::<Leaf>(&json).unwrap(), leaf);
    }

    #[test]
    fn white_space_between_lines_is_no_difference_and_anything_else_is() {
        assert_eq!(digest(b"{\"a\":1,\n\"b\":2}\n"), digest(b"{\"a\":1, \"b\":2}"));
        assert_ne!(digest(b"{\"a\":1,\"b\":2}"), digest(b"{\"a\":1,\"b\":3}"));
    }
}
