//! Keys: bytes that are used and never shown.
//!
//! A key is written as text, by people, in a file of its own. Most are used as they are written; some
//! vendors print theirs as hexadecimal digits or base64, and some programs make theirs out of a
//! word in one of two customary ways. The beginning of the text says which.

use std::collections::BTreeMap;
use std::fmt;

use md5::{Digest, Md5};
use sha1::Sha1;

use crate::transfer;

/// Keys by the names that mappings and channels call them.
pub type Keys = BTreeMap<String, Secret>;

/// A key, or an initialisation vector. `Debug` shows its length and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Reads `hex:...`, `base64:...`, `md5:WORD` (the digest of a word), `sha1prng:WORD` (what Java's
    /// key generator makes of a word), or else takes the text as it is. `None` for a text that is
    /// not what it says, and for no text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Secret> {
        let (form, rest) = text.split_once(':').unwrap_or(("", text));
        let bytes = match form {
            "hex" => transfer::from_hex(rest.as_bytes()).ok()?,
            "base64" => transfer::from_base64(rest.as_bytes()).ok()?,
            "md5" => Md5::digest(rest).to_vec(),
            "sha1prng" => {
                let mut bytes = Sha1::digest(Sha1::digest(rest)).to_vec();
                bytes.truncate(16);
                bytes
            }
            _ => text.as_bytes().to_vec(),
        };
        let is_there = !bytes.is_empty() && !rest.is_empty();
        is_there.then_some(Secret(bytes))
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a key has bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, for what is signed together with its key; `None` when the bytes are no text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_says_how_a_key_is_written() {
        check("0123456789abcdef", "30313233343536373839616263646566");
        check("hex:00ffA1", "00ffa1");
        check("base64:AP+h", "00ffa1");
        check("md5:abc", "900150983cd24fb0d6963f7d28e17f72");
        check("sha1prng:abc", "0d3ced9bec10a777aec23ccc353a8c08");
        check("a:b", "613a62");
        check("hex:0", "none");
        check("hex:", "none");
        check("md5:", "none");
        check("", "none");
    }

    #[test]
    fn a_key_does_not_show() {
        assert_eq!(format!("{:?}", Secret::parse("topsecret").unwrap()), "Secret(9 bytes)");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let wanted = transfer::from_hex(expected.as_bytes()).ok().map(Secret);
        assert!(Secret::parse(text) == wanted, "{text}");
    }
}
