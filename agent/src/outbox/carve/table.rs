//! The engine's tables: keys in their order, in blocks.
//!
//! A table's index has no double, and without it the engine cannot open a table at all. It is not
//! needed here: a block tells where it ends, because its entries do, and the sum behind it tells
//! whether that is true. So the blocks are read one behind the other from the table's begin, and
//! what is none is stepped over until one fits again. In a block whose sum does not fit but whose
//! entries hang together, each is shown as unsure: what is sealed proves itself.

use std::borrow::Cow;

use super::bytes::{Bytes, u32_at};
use super::lz4;
use super::sums::block_sum;
use super::{Change, Kind};

/// What was found beside the entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The family's number and name.
    pub(super) family: Option<(u32, String)>,
    /// Where bytes that should be blocks are none.
    pub(super) wounds: Vec<usize>,
}

/// Shows the entries; the family in them is the one that the table, or else the list of files, tells.
pub(super) fn read(file: &[u8], listed: Option<u32>, mut show: impl FnMut(Change<'_>)) -> Told {
    let tail = Tail::read(file);
    let mut told = Told { family: tail.family.clone(), wounds: Vec::new() };
    let family = tail.family.as_ref().map(|it| it.0).or(listed);
    let mut reading = Reading { file, base: tail.base, family, told: &mut told, show: &mut show };
    reading.walk(tail.data_end.min(file.len()));
    if let Some(at) = tail.marks {
        reading.block(at, true);
    }
    if tail.is_damaged {
        told.wounds.push(tail.data_end);
    }
    told
}

struct Reading<'a, 'b> {
    file: &'a [u8],
    /// What is mixed into all sums of this file; `None` until a block has told it.
    base: Option<u32>,
    family: Option<u32>,
    told: &'b mut Told,
    show: &'b mut dyn FnMut(Change<'_>),
}

impl Reading<'_, '_> {
    fn walk(&mut self, end: usize) {
        let (mut at, mut is_wound) = (0, false);
        while at < end {
            if let Some(next) = self.block(at, true) {
                (at, is_wound) = (next, false);
                continue;
            }
            if !is_wound {
                self.told.wounds.push(at);
                is_wound = true;
            }
            // What hangs together is shown entry by entry; what follows it is looked for all the same.
            at = self.block(at, false).unwrap_or(at + 1);
        }
    }

    /// Shows the block that begins here; gives the place behind it.
    fn block(&mut self, at: usize, is_sure: bool) -> Option<usize> {
        let block = block_at(self.file, at, if is_sure { Sum::Of(self.base) } else { Sum::Any })?;
        if is_sure {
            self.base = self.base.or(Some(block.base));
        }
        // Looked through first: of what does not hang together nothing is shown.
        let mut is_properties = false;
        let look = |key: &[u8], _: &[u8]| is_properties |= key.starts_with(PROPERTY);
        if each_entry(&block.bytes, look).is_none() {
            return Some(block.end);
        }
        if is_properties {
            self.learn(&block.bytes);
        } else {
            each_entry(&block.bytes, |key, value| self.show_entry(key, value, is_sure));
        }
        Some(block.end)
    }

    fn learn(&mut self, properties: &[u8]) {
        if let Some(family) = family_of(properties) {
            self.family = Some(family.0);
            self.told.family = Some(family);
        }
    }

    fn show_entry(&mut self, key: &[u8], value: &[u8], is_sure: bool) {
        let Some((key, trailer)) = key.split_last_chunk::<8>() else { return };
        let trailer = u64::from_le_bytes(*trailer);
        let kind = match trailer & 0xff {
            0 | 7 => Kind::Delete,
            1 => Kind::Put,
            0xf => Kind::DeleteRange,
            _ => return,
        };
        let Some(family) = self.family else { return };
        (self.show)(Change { family, seqno: trailer >> 8, kind, key, value, is_sure });
    }
}

struct Block<'a> {
    bytes: Cow<'a, [u8]>,
    base: u32,
    /// Behind its sum.
    end: usize,
}

/// What is known of a block's sum.
#[derive(Clone, Copy)]
enum Sum {
    /// It fits, with this mixed in if that is known.
    Of(Option<u32>),
    /// It need not fit.
    Any,
}

/// A block that begins here.
fn block_at(file: &[u8], at: usize, sum: Sum) -> Option<Block<'_>> {
    let rest = file.get(at..)?;
    let fits = |length: usize, kind: u8| fitting(file, at, length, kind, sum);
    for length in lengths(rest) {
        if let Some(base) = fits(length, 0) {
            let bytes = Cow::Borrowed(rest.get(..length)?);
            return Some(Block { bytes, base, end: at + length + TRAILER });
        }
    }
    let mut head = Bytes(rest);
    let length = head.length().filter(|it| (8..=BLOCK_BYTES_MAX).contains(it))?;
    let (bytes, taken) = lz4::inflate(head.0, length)?;
    let length = rest.len() - head.0.len() + taken;
    let base = fits(length, LZ4)?;
    each_entry(&bytes, |_, _| ())?;
    Some(Block { bytes: Cow::Owned(bytes), base, end: at + length + TRAILER })
}

/// What is mixed into the sum behind a block, if it can be the sum of this one.
fn fitting(file: &[u8], at: usize, length: usize, kind: u8, sum: Sum) -> Option<u32> {
    let (block, rest) = file.get(at..)?.split_at_checked(length)?;
    let (&found, rest) = rest.split_first()?;
    let stored = u32::from_le_bytes(*rest.first_chunk()?);
    if found != kind {
        return None;
    }
    let Sum::Of(known) = sum else { return Some(0) };
    let mixed = stored.wrapping_sub(block_sum(block, kind));
    let base = if mixed == 0 { 0 } else { mixed ^ place(at) };
    known.is_none_or(|it| it == base).then_some(base)
}

#[allow(clippy::cast_possible_truncation)] // both halves are taken
fn place(at: usize) -> u32 {
    let at = at as u64;
    (at as u32).wrapping_add((at >> 32) as u32)
}

/// How long a block that is not compressed may be that begins here: its entries end where the list
/// of restarts does, which begins with a zero and ends with its own length.
fn lengths(bytes: &[u8]) -> Vec<usize> {
    let mut rest = Bytes(bytes);
    let mut entries = 0;
    loop {
        if rest.0.starts_with(&[0; 4]) {
            break;
        }
        if skip_entry(&mut rest).is_none() {
            return Vec::new();
        }
        entries += 1;
    }
    let begin = bytes.len() - rest.0.len();
    let (mut found, mut last) = (Vec::new(), 0);
    for restarts in 1..=entries.max(1) {
        let count = u32_at(rest.0, 4 * restarts);
        if (count & RESTARTS) as usize == restarts && count & !(RESTARTS | UNIFORM) == 0 {
            found.push(begin + 4 * restarts + 4);
        }
        // The next restart lies behind the last.
        if count <= last || count as usize >= begin {
            break;
        }
        last = count;
    }
    found
}

fn skip_entry(rest: &mut Bytes<'_>) -> Option<()> {
    let (_shared, own, value) = (rest.length()?, rest.length()?, rest.length()?);
    rest.take(own)?;
    rest.take(value).map(drop)
}

/// Shows the entries of a block; `None` if they do not hang together.
///
/// A key is written as what is new of it behind what it shares with the one before. Damage may make
/// a small block spell out keys without end, so that what they come to has a bound: the engine
/// writes every so many keys in full.
fn each_entry<'a>(block: &'a [u8], mut show: impl FnMut(&[u8], &'a [u8])) -> Option<()> {
    let restarts = (u32_at(block, block.len().checked_sub(4)?) & RESTARTS) as usize;
    let end = block.len().checked_sub(restarts.checked_mul(4)?.checked_add(4)?)?;
    let (mut key, mut spelled) = (Vec::new(), 0_usize);
    let mut rest = Bytes(block.get(..end)?);
    while !rest.0.is_empty() {
        let (shared, own, value) = (rest.length()?, rest.length()?, rest.length()?);
        if shared > key.len() {
            return None;
        }
        key.truncate(shared);
        key.extend_from_slice(rest.take(own)?);
        spelled = spelled.saturating_add(key.len());
        if spelled > block.len().saturating_mul(KEYS_OF_ONE_SPELLING) {
            return None;
        }
        show(&key, rest.take(value)?);
    }
    Some(())
}

/// The value of a key in a block that is looked through once or twice.
fn value_of<'a>(block: &'a [u8], name: &[u8]) -> Option<Bytes<'a>> {
    let mut found = None;
    each_entry(block, |key, value| {
        if key == name {
            found = found.or(Some(Bytes(value)));
        }
    })?;
    found
}

/// What the table's end tells; where it is damaged, as much as can be guessed.
struct Tail {
    base: Option<u32>,
    data_end: usize,
    /// Where marks that remove ranges lie.
    marks: Option<usize>,
    family: Option<(u32, String)>,
    is_damaged: bool,
}

impl Tail {
    fn read(file: &[u8]) -> Tail {
        let lost =
            Tail { base: None, data_end: file.len(), marks: None, family: None, is_damaged: true };
        Tail::told(file).unwrap_or(lost)
    }

    fn told(file: &[u8]) -> Option<Tail> {
        let foot = file.len().checked_sub(FOOT)?;
        let footer = file.get(foot..)?;
        if !footer.ends_with(&MAGIC) || footer.get(1..5)? != EXTENDED {
            return None;
        }
        let (base, length) = (u32_at(footer, 9), u32_at(footer, 13) as usize);
        let at = foot.checked_sub(TRAILER)?.checked_sub(length)?;
        let of = |at, length| {
            let base = fitting(file, at, length, 0, Sum::Of(Some(base)))?;
            Some((file.get(at..at + length)?, base))
        };
        let index = of(at, length)?.0;
        let handle = |name: &[u8]| {
            let mut handle = value_of(index, name)?;
            Some((handle.length()?, handle.length()?))
        };
        let (at, length) = handle(b"rocksdb.properties")?;
        let properties = of(at, length)?.0;
        let data_end = value_of(properties, b"rocksdb.data.size").and_then(|mut it| it.length())?;
        let family = Some(family_of(properties)?);
        let marks = handle(b"rocksdb.range_del").map(|it| it.0);
        Some(Tail { base: Some(base), data_end, marks, family, is_damaged: false })
    }
}

fn family_of(properties: &[u8]) -> Option<(u32, String)> {
    let mut number = value_of(properties, b"rocksdb.column.family.id")?;
    let name = value_of(properties, b"rocksdb.column.family.name")?;
    let number = u32::try_from(number.number()?).ok()?;
    Some((number, str::from_utf8(name.0).ok()?.to_owned()))
}

/// Where a lost tail's family is to be had from.
pub(super) fn family(file: &[u8]) -> Option<(u32, String)> {
    Tail::read(file).family
}

const TRAILER: usize = 5;
const FOOT: usize = 53;
const MAGIC: [u8; 8] = 0x88e2_41b7_85f4_cff7_u64.to_le_bytes();
const EXTENDED: &[u8] = &[0x3e, 0x00, 0x7a, 0x00];
const LZ4: u8 = 4;
const PROPERTY: &[u8] = b"rocksdb.";
const RESTARTS: u32 = (1 << 28) - 1;
/// The engine's note that keys are spread evenly.
const UNIFORM: u32 = 1 << 29;
/// A block holds at least one value, however large.
const BLOCK_BYTES_MAX: usize = 256 << 20;
/// The engine writes every 16th key in full; no block has more of keys than so many times its bytes.
const KEYS_OF_ONE_SPELLING: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_put_together_from_what_they_share() {
        check(&[(0, "ab", "1"), (1, "c", "2"), (2, "", "3")], "ab=1 ac=2 ac=3");
        check(&[(0, "ab", "1"), (3, "c", "2")], "none");
    }

    #[test]
    fn a_small_block_does_not_spell_out_keys_without_end() {
        let long = "k".repeat(1 << 12);
        let mut entries = vec![(0, long.as_str(), "")];
        entries.extend(std::iter::repeat_n((1 << 12, "", ""), 1 << 12));
        check(&entries, "none");
    }

    #[track_caller]
    fn check(entries: &[(usize, &str, &str)], expected: &str) {
        let mut block = Vec::new();
        for (shared, own, value) in entries {
            for length in [*shared, own.len(), value.len()] {
                put_length(&mut block, length);
            }
            block.extend_from_slice(own.as_bytes());
            block.extend_from_slice(value.as_bytes());
        }
        block.extend([[0; 4], 1_u32.to_le_bytes()].concat());
        let mut shown = Vec::new();
        let told = each_entry(&block, |key, value| {
            let [key, value] = [key, value].map(|it| str::from_utf8(it).unwrap());
            shown.push(format!("{key}={value}"));
        });
        assert_eq!(told.map_or("none".to_owned(), |()| shown.join(" ")), expected);
    }

    fn put_length(block: &mut Vec<u8>, mut length: usize) {
        while length > 0x7f {
            block.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
            length >>= 7;
        }
        block.push(u8::try_from(length).unwrap_or(0));
    }
}
