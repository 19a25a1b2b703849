//! The engine's logs: the one that is written before anything else, and the one that lists its files.
//!
//! A log is a row of blocks of 32 KiB; a record lies in one of them or is cut into parts. Each part
//! has a sum, so whatever is damaged is stepped over byte by byte until a part fits again, which
//! saves what lies behind it in the same block.

use super::sums::masked_crc;

/// What was found beside the records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    /// Where bytes that should be a record are none, though records follow.
    pub(super) wounds: Vec<usize>,
    /// Behind the last record there is something that is no record.
    pub(super) torn: bool,
}

/// Shows the records. A log that is used again has records of another number in it: they are old.
pub(super) fn records(file: &[u8], number: u64, mut show: impl FnMut(&[u8])) -> Gaps {
    let (mut gaps, mut parts) = (Gaps::default(), Parts::default());
    for (block, start) in file.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        let mut at = 0;
        while at + HEAD <= block.len() {
            let Some(part) = part_at(block, at) else {
                // Space that was taken in advance.
                if block.get(at..).is_some_and(|rest| rest.iter().all(|it| *it == 0)) {
                    break;
                }
                // One wound, however many bytes are stepped over.
                parts.wound.get_or_insert(start + at);
                parts.begun = None;
                at += 1;
                continue;
            };
            at += part.length;
            if part.number.is_some_and(|it| u64::from(it) != number & 0xffff_ffff) {
                parts.begun = None;
                continue;
            }
            gaps.wounds.extend(parts.wound.take());
            if let Some(record) = parts.take(&part) {
                show(&record);
            }
        }
    }
    gaps.torn = parts.wound.is_some() || parts.begun.is_some();
    gaps
}

#[derive(Default)]
struct Parts {
    begun: Option<Vec<u8>>,
    wound: Option<usize>,
}

impl Parts {
    /// The record that is whole with this part.
    fn take(&mut self, part: &Part<'_>) -> Option<Vec<u8>> {
        match part.kind {
            FULL => return Some(part.bytes.to_vec()),
            FIRST => self.begun = Some(part.bytes.to_vec()),
            MIDDLE | LAST => {
                let mut begun = self.begun.take()?;
                begun.extend_from_slice(part.bytes);
                if part.kind == LAST {
                    return Some(begun);
                }
                self.begun = Some(begun);
            }
            // A newer engine's notes to itself.
            _ => {}
        }
        None
    }
}

struct Part<'a> {
    /// Which of the four, whatever the head's form.
    kind: u8,
    /// Of the log it was written for.
    number: Option<u32>,
    bytes: &'a [u8],
    /// With its head.
    length: usize,
}

fn part_at(block: &[u8], at: usize) -> Option<Part<'_>> {
    let rest = block.get(at..)?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let &kind = rest.first()?;
    let is_long = matches!(kind, 5..=8 | 11 | 131);
    let head = if is_long { 5 } else { 1 };
    if kind == 0 || kind > 131 {
        return None;
    }
    let (head, bytes) = rest.get(..head + length)?.split_at_checked(head)?;
    if u32::from_le_bytes(*sum) != masked_crc([head, bytes]) {
        return None;
    }
    let number = head.get(1..).and_then(|it| it.first_chunk()).map(|it| u32::from_le_bytes(*it));
    let kind = if matches!(kind, 5..=8) { kind - 4 } else { kind };
    Some(Part { kind, number, bytes, length: 6 + head.len() + bytes.len() })
}

const BLOCK: usize = 32 << 10;
/// Of the shorter form: sum, length, kind.
const HEAD: usize = 7;
const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;
