//! The ZIP container of an Excel file, read by the directory at its end.
//!
//! Only what Excel and its kin write: parts stored or deflated, no encryption, no parts of more than
//! four gigabytes. A part is unfolded up to the bound on a body and no further.

use std::io::Read as _;

use flate2::read::DeflateDecoder;

use crate::codes::{NOT_A_WORKBOOK, UNFOLDS_TOO_FAR};
use crate::error::DecodeError;
use crate::limits::Limits;

/// An opened container.
pub(super) struct Container<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry<'a>>,
    bytes_max: usize,
}

struct Entry<'a> {
    name: &'a [u8],
    method: u16,
    flags: u16,
    packed: usize,
    /// Where the entry's own head begins.
    head: usize,
}

impl<'a> Container<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Container<'a>, DecodeError> {
        let entries = directory(bytes).ok_or(DecodeError::new(&NOT_A_WORKBOOK))?;
        Ok(Container { bytes, entries, bytes_max: limits.body_bytes() })
    }

    /// The bytes of a part, unfolded; `None` when there is no such part.
    pub(super) fn part(&self, name: &str) -> Result<Option<Vec<u8>>, DecodeError> {
        let mut entries = self.entries.iter();
        let Some(entry) = entries.find(|it| it.name == name.as_bytes()) else { return Ok(None) };
        let packed = self.packed(entry).ok_or(DecodeError::new(&NOT_A_WORKBOOK))?;
        match entry.method {
            STORED if packed.len() <= self.bytes_max => Ok(Some(packed.to_vec())),
            STORED => Err(self.too_long()),
            DEFLATED => self.unfold(packed).map(Some),
            _ => Err(DecodeError::new(&NOT_A_WORKBOOK)),
        }
    }

    fn packed(&self, entry: &Entry<'_>) -> Option<&'a [u8]> {
        if entry.flags & ENCRYPTED != 0 {
            return None;
        }
        let head = self.bytes.get(entry.head..)?;
        if !head.starts_with(HEAD) {
            return None;
        }
        let names = usize::from(u16_at(head, 26)?) + usize::from(u16_at(head, 28)?);
        let begin = 30 + names;
        head.get(begin..begin.checked_add(entry.packed)?)
    }

    fn unfold(&self, packed: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let bound = u64::try_from(self.bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let mut unfolded = Vec::new();
        let read = DeflateDecoder::new(packed).take(bound).read_to_end(&mut unfolded);
        read.map_err(|_| DecodeError::new(&NOT_A_WORKBOOK))?;
        if unfolded.len() > self.bytes_max { Err(self.too_long()) } else { Ok(unfolded) }
    }

    fn too_long(&self) -> DecodeError {
        DecodeError::new(&UNFOLDS_TOO_FAR).with_limit(self.bytes_max)
    }
}

/// The entries that the directory lists; the end record stands within the last 64 KiB.
fn directory(bytes: &[u8]) -> Option<Vec<Entry<'_>>> {
    let tail = bytes.len().saturating_sub(END_LONGEST);
    let end = bytes.get(tail..)?.windows(END.len()).rposition(|it| it == END)? + tail;
    let end = bytes.get(end..)?;
    let count = u16_at(end, 10)?;
    let mut at = usize::try_from(u32_at(end, 16)?).ok()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry = bytes.get(at..)?;
        if !entry.starts_with(ENTRY) {
            return None;
        }
        let name = usize::from(u16_at(entry, 28)?);
        let rest = usize::from(u16_at(entry, 30)?) + usize::from(u16_at(entry, 32)?);
        entries.push(Entry {
            name: entry.get(46..46 + name)?,
            flags: u16_at(entry, 8)?,
            method: u16_at(entry, 10)?,
            packed: usize::try_from(u32_at(entry, 20)?).ok()?,
            head: usize::try_from(u32_at(entry, 42)?).ok()?,
        });
        at += 46 + name + rest;
    }
    Some(entries)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

const HEAD: &[u8] = b"PK\x03\x04";
const ENTRY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_LONGEST: usize = 22 + 65_535;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const ENCRYPTED: u16 = 1;
