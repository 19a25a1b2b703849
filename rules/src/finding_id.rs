//! The id of a finding: stable over the years and over machines, so that an acknowledged finding
//! is recognised. A hash of our own choice (FNV-1a, 64 bits): the standard library's may change.

use std::fmt::Write as _;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Collects the parts that a finding is made of.
pub(crate) struct FindingId(u64);

impl FindingId {
    pub(crate) fn new() -> FindingId {
        FindingId(OFFSET)
    }

    /// Adds one part; a byte that no text contains keeps `a, bc` apart from `ab, c`.
    pub(crate) fn add(&mut self, part: &str) {
        for byte in part.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }

    /// The number itself, for what is told apart and never shown.
    pub(crate) fn number(&self) -> u64 {
        self.0
    }

    /// Sixteen hexadecimal digits.
    pub(crate) fn finish(&self) -> String {
        let mut id = String::with_capacity(16);
        write!(id, "{:016x}", self.0).expect("writing to a String cannot fail");
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These values are out in the world; if this test fails, acknowledged findings come back.
    #[test]
    fn stable() {
        check(&[], "cbf29ce484222325");
        check(&["drug-sex", "1"], "98539068fb124ab7");
        check(&["drug-sex1", ""], "14c1b6678dd0d537");
    }

    #[track_caller]
    fn check(parts: &[&str], expected: &str) {
        let mut id = FindingId::new();
        for part in parts {
            id.add(part);
        }
        assert_eq!(id.finish(), expected);
    }
}
