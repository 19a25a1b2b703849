//! The hash of the look-ups that every order line makes, dozens for each: fast, and no more.
//!
//! What lies in these tables comes from packs, never from a caller, so nobody outside can make them
//! degenerate; the standard library's hash guards against that, at a fifth of a whole check. The few
//! dozen paths that one rule misses are told apart by it too. Of what a caller sends only a [`PrintSet`] is made: its
//! bits have no places to crowd in, and at worst it says that one has to look.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table that is filled when a set is loaded and only read afterwards.
pub(crate) type Table<K, V> = HashMap<K, V, BuildHasherDefault<Fast>>;

/// Eight bytes at a time: rotate, mix, multiply.
#[derive(Default)]
pub(crate) struct Fast(u64);

impl Fast {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
}

/// Two to the 64th over the golden ratio, made odd.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Fast {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.mix(word.try_into().map_or(0, u64::from_le_bytes));
        }
        let rest =
            words.remainder().iter().rev().fold(0, |rest, byte| rest << 8 | u64::from(*byte));
        // The length keeps `a` and `a\0` apart.
        self.mix(rest ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, byte: u8) {
        // Texts end in 0xff to keep them apart from what follows; nothing follows here.
        if byte != 0xff {
            self.mix(u64::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        // A table takes its place from the low bits, and a multiplication mixes the high ones.
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(FACTOR);
        mixed ^ (mixed >> 32)
    }
}

/// A number that tells most texts apart, for a first look at many of them; equal ones are compared.
pub(crate) fn print(text: &str) -> u64 {
    let mut hasher = Fast::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// One of 64 bits for a text: of two that differ most have another one.
pub(crate) fn bit(text: &str) -> u64 {
    1 << (print(text) % 64)
}

/// A first look at whether a `print` is among hundreds: no is sure.
#[derive(Debug)]
pub(crate) struct PrintSet([u64; 64]);

impl Default for PrintSet {
    fn default() -> PrintSet {
        PrintSet([0; 64])
    }
}

impl PrintSet {
    pub(crate) fn add(&mut self, print: u64) {
        if let Some(word) = self.0.get_mut(PrintSet::word(print)) {
            *word |= 1 << (print % 64);
        }
    }

    pub(crate) fn may_have(&self, print: u64) -> bool {
        self.0.get(PrintSet::word(print)).is_some_and(|it| it >> (print % 64) & 1 == 1)
    }

    fn word(print: u64) -> usize {
        usize::try_from(print >> 58).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::{BuildHasher as _, BuildHasherDefault};

    use super::*;

    /// Codes differ in a digit or two; they must not crowd in a few places.
    #[test]
    fn codes_that_are_alike_lie_apart() {
        let build = BuildHasherDefault::<Fast>::default();
        let places = |bits: u64| {
            let hashes = (0..4096).map(|n| build.hash_one(format!("XA01AAA001A01010100{n:04}")));
            hashes.map(|hash| hash % bits).collect::<BTreeSet<_>>().len()
        };
        // 4,096 thrown at random into 4,096 places fill 63 % of them.
        assert!(places(4096) > 2400, "{}", places(4096));
        assert_eq!(places(1 << 60), 4096);
        assert_ne!(build.hash_one("a"), build.hash_one("a\0"));
    }
}
