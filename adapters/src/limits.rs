//! Bounds on what one message may cost.
//!
//! A message comes from another program's bug or from an attacker, so everything that grows with
//! it has a bound, and passing a bound is a refusal with a place, never a crash. The bounds hold
//! for the body and, counted afresh, for each field that is opened as a document.

use crate::codes::TEXT_TOO_LONG;
use crate::error::DecodeError;

/// How large one message may be, in each direction in which it can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body as it arrived, after any content encoding was undone.
    pub body_bytes_max: usize,
    /// Levels of elements, objects and lists inside each other.
    pub depth_max: u32,
    /// Elements, attributes, members, items and fields in one document, opened fields included.
    pub nodes_max: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes_max: usize,
    /// Bytes of one value, after decoding to UTF-8.
    pub text_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes_max: 10 << 20,
            depth_max: 100,
            nodes_max: 2_000_000,
            attributes_max: 256,
            text_bytes_max: 10 << 20,
        }
    }
}

impl Limits {
    /// The body limit in force. A document counts its bytes in 32 bits and a body can grow by half
    /// when it is decoded, so no setting raises the limit beyond a gigabyte.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body_bytes_max.min(BODY_BYTES_CEILING)
    }

    /// Refuses a value that is too long; `at` is its place.
    pub(crate) fn expect_text(&self, text: &str, at: usize) -> Result<(), DecodeError> {
        let max = self.text_bytes_max;
        if text.len() > max {
            return Err(DecodeError::at(&TEXT_TOO_LONG, at).with_limit(max));
        }
        Ok(())
    }
}

/// Text that one document may hold over all fields opened in it, names included.
pub(crate) const DOCUMENT_BYTES_CEILING: usize = 3 << 30;

const BODY_BYTES_CEILING: usize = 1 << 30;
