//! A page of the account: the records of one day, entity and channel, as counts, sums and digests.
//!
//! Numbers are cut into fixed ranges of [`RANGE`]. The digest of a range is over its records in their
//! order; the page's root is a Merkle tree over the ranges. Two pages with one root are equal; of two
//! that are not, the ranges that differ say where to look.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::leaf::{Leaf, hex};
use super::sums::{Sums, told};

/// Which page of a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) entity: String,
    pub(crate) channel: String,
}

/// A page, without its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) count: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) sums: Sums,
    /// Digests by the number of the range.
    pub(crate) ranges: BTreeMap<u64, [u8; 16]>,
}

/// A page as it travels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) sums: BTreeMap<String, String>,
    pub(crate) root: String,
}

impl Page {
    /// Counts records of one range and takes in the range's digest.
    pub(crate) fn take(&mut self, range: u64, leaves: &[Leaf]) {
        let (Some(first), Some(last)) = (leaves.first(), leaves.last()) else { return };
        self.first_seq = if self.count == 0 { first.seq } else { self.first_seq.min(first.seq) };
        self.last_seq = self.last_seq.max(last.seq);
        self.count += leaves.len() as u64;
        self.ranges.insert(range, digest(range, leaves));
    }

    /// The root of the tree over its ranges.
    pub(crate) fn root(&self) -> [u8; 16] {
        let mut level: Vec<[u8; 16]> = self.ranges.values().copied().collect();
        while level.len() > 1 {
            level = level.chunks(2).map(joined).collect();
        }
        level.first().copied().unwrap_or_default()
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            count: self.count,
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            sums: told(&self.sums),
            root: hex(&self.root()),
        }
    }
}

/// Which range a number is in.
pub(crate) const fn range_of(seq: u64) -> u64 {
    seq / RANGE
}

/// The digest of a range. Its leaves are in their order.
pub(crate) fn digest(range: u64, leaves: &[Leaf]) -> [u8; 16] {
    let mut hash = Sha256::new_with_prefix([b'r']);
    hash.update(range.to_be_bytes());
    for it in leaves {
        hash.update(it.to_bytes());
    }
    cut(&hash.finalize().into())
}

fn joined(pair: &[[u8; 16]]) -> [u8; 16] {
    match pair {
        // One without a neighbour goes up as it is.
        [one] => *one,
        both => {
            let mut hash = Sha256::new_with_prefix([b'n']);
            hash.update(both.concat());
            cut(&hash.finalize().into())
        }
    }
}

fn cut(hash: &[u8; 32]) -> [u8; 16] {
    hash.first_chunk().copied().unwrap_or_default()
}

/// Numbers in one range: few enough to be looked through one by one, many enough that a day of a
/// million records is four thousand digests.
pub(crate) const RANGE: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_records_have_one_root_and_any_change_has_another() {
        let base: Vec<u64> = (1..=2_000).collect();
        let without = |gone: u64| base.iter().copied().filter(|it| *it != gone).collect::<Vec<_>>();
        check(&base, &base, &[]);
        check(&base, &without(700), &[2]);
        check(&without(1), &base, &[0]);
        check(&base, &base.iter().copied().chain([2_001]).collect::<Vec<_>>(), &[7]);
        check(&base, &[], &[0, 1, 2, 3, 4, 5, 6, 7]);
        check(&[], &[], &[]);
    }

    #[track_caller]
    fn check(one: &[u64], other: &[u64], expected: &[u64]) {
        let [one, other] = [one, other].map(page);
        assert_eq!(one.root() == other.root(), expected.is_empty());
        let differ = |it: &u64| one.ranges.get(it) != other.ranges.get(it);
        let found: Vec<u64> = (0..10).filter(differ).collect();
        assert_eq!(found, expected);
        assert_eq!(one.count == other.count, one.totals().count == other.totals().count);
    }

    fn page(seqs: &[u64]) -> Page {
        let mut ranges: BTreeMap<u64, Vec<Leaf>> = BTreeMap::new();
        for seq in seqs {
            let leaf = Leaf::of(*seq, &seq.to_string(), b"{}");
            ranges.entry(range_of(*seq)).or_default().push(leaf);
        }
        let mut page = Page::default();
        for (range, leaves) in &ranges {
            page.take(*range, leaves);
        }
        page
    }
}
