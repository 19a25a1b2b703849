//! Numbers and texts as bytes, and the frame around a value: what tells that it is what was written.

use sha2::{Digest as _, Sha256};

use crate::envelope::Sum;

/// Why bytes are not what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("the value is shorter than what it should hold")]
    Short,
    #[error("the value is of version {0}, which this program does not know")]
    Version(u8),
    #[error("the value's check does not fit its bytes")]
    Check,
    #[error("the value is sealed with data key {0}, which the keyring does not have")]
    Key(u32),
    #[error("a text in the value is not UTF-8, or a number in it is out of range")]
    Content,
}

/// A value whose content is in the clear and has a check.
pub(in super::super) const CHECKED: u8 = 1;
/// A value whose content is sealed with a data key.
pub(in super::super) const SEALED: u8 = 2;
const CHECK_BYTES: usize = 8;

/// A content in the making, with room in front for the frame, so that framing moves nothing.
pub(in super::super) struct Plain {
    bytes: Vec<u8>,
    /// Of the value it is to be.
    version: u8,
}

impl Plain {
    pub(in super::super) fn with_capacity(bytes: usize) -> Plain {
        let mut out = Vec::with_capacity(Plain::ROOM + bytes + Plain::ROOM_BEHIND);
        out.resize(Plain::ROOM, 0);
        Plain { bytes: out, version: SEALED }
    }

    /// As it was before values were sealed.
    #[cfg(test)]
    pub(super) fn in_version_1() -> Plain {
        Plain { version: CHECKED, ..Plain::with_capacity(0) }
    }

    /// Bytes in front of the content: version, key, nonce.
    pub(in super::super) const ROOM: usize = 17;
    const ROOM_BEHIND: usize = 16;

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    pub(super) fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.bytes.push(0x80 | (number & 0x7f) as u8);
            number >>= 7;
        }
        self.bytes.push((number & 0x7f) as u8);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes(text.as_bytes());
    }

    pub(super) fn option(&mut self, text: Option<&str>) {
        match text {
            None => self.number(0),
            Some(text) => {
                self.number(1);
                self.text(text);
            }
        }
    }

    pub(super) fn sum(&mut self, sum: Option<Sum>) {
        if self.version == CHECKED {
            return;
        }
        match sum {
            None => self.number(0),
            Some(Sum(sum)) => {
                self.number(1);
                self.bytes(&sum.to_be_bytes());
            }
        }
    }

    /// The whole buffer, the room in front still to be filled.
    pub(in super::super) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// The value with a check and in the clear: for what names nobody.
    pub(in super::super) fn checked(mut self) -> Vec<u8> {
        self.bytes.drain(..Plain::ROOM - 1 - CHECK_BYTES);
        let (head, content) = self
            .bytes
            .split_at_mut_checked(1 + CHECK_BYTES)
            .expect("`with_capacity` made the room");
        let frame = [CHECKED].into_iter().chain(check(content));
        for (place, byte) in head.iter_mut().zip(frame) {
            *place = byte;
        }
        self.bytes
    }
}

fn check(content: &[u8]) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] =
        Sha256::new().chain_update([CHECKED]).chain_update(content).finalize().into();
    *digest.first_chunk().expect("a SHA-256 has 32 bytes")
}

/// The unread rest of a value that is what was written.
#[derive(Debug)]
pub(in super::super) struct Content<'a> {
    pub(super) rest: &'a [u8],
    /// Of the value it came out of.
    pub(super) version: u8,
}

impl<'a> Content<'a> {
    /// Of a value that is in the clear.
    pub(in super::super) fn checked(value: &'a [u8]) -> Result<Content<'a>, Damage> {
        let (&version, rest) = value.split_first().ok_or(Damage::Short)?;
        if version != CHECKED {
            return Err(Damage::Version(version));
        }
        let (found, rest) = rest.split_first_chunk::<CHECK_BYTES>().ok_or(Damage::Short)?;
        if *found == check(rest) { Ok(Content { rest, version }) } else { Err(Damage::Check) }
    }

    /// Of a value that was sealed, and is open now.
    pub(in super::super) const fn opened(rest: &'a [u8]) -> Content<'a> {
        Content { rest, version: SEALED }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or(Damage::Short)?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Damage> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn number(&mut self) -> Result<u64, Damage> {
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

    pub(super) fn small(&mut self) -> Result<u32, Damage> {
        u32::try_from(self.number()?).map_err(|_| Damage::Content)
    }

    pub(super) fn blob(&mut self) -> Result<&'a [u8], Damage> {
        let len = usize::try_from(self.number()?).map_err(|_| Damage::Content)?;
        let (blob, rest) = self.rest.split_at_checked(len).ok_or(Damage::Short)?;
        self.rest = rest;
        Ok(blob)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Damage> {
        str::from_utf8(self.blob()?).map_err(|_| Damage::Content)
    }

    pub(super) fn owned(&mut self) -> Result<String, Damage> {
        self.text().map(str::to_owned)
    }

    /// A value in the clear is of a time when there were none.
    pub(super) fn sum(&mut self) -> Result<Option<Sum>, Damage> {
        if self.version == CHECKED {
            return Ok(None);
        }
        match self.number()? {
            0 => Ok(None),
            1 => self.array().map(|it| Some(Sum(u32::from_be_bytes(it)))),
            _ => Err(Damage::Content),
        }
    }

    pub(super) fn option(&mut self) -> Result<Option<String>, Damage> {
        match self.number()? {
            0 => Ok(None),
            1 => self.owned().map(Some),
            _ => Err(Damage::Content),
        }
    }
}
