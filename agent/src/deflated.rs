//! What is kept for long is deflated before it is sealed: nothing below could make what is sealed smaller.

use std::cell::RefCell;
use std::io::Read as _;

use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};

/// A thirtieth of a millisecond for ten kilobytes, which come to a fifth or less.
pub(crate) fn deflate(raw: &[u8]) -> Vec<u8> {
    DEFLATER.with_borrow_mut(|deflater| {
        deflater.reset();
        // What does not shrink grows by a few bytes a block.
        let mut out = Vec::with_capacity(raw.len() + raw.len() / 1_000 + 64);
        while let Some(rest) =
            usize::try_from(deflater.total_in()).ok().and_then(|at| raw.get(at..))
        {
            match deflater.compress_vec(rest, &mut out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) | Err(_) => break,
                Ok(Status::Ok | Status::BufError) => out.reserve(raw.len() / 8 + 64),
            }
        }
        out
    })
}

thread_local! {
    /// Making one takes ten times as long as deflating a message of some kilobytes does.
    static DEFLATER: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
}

/// What [`deflate`] made of so many bytes; nothing when it made it of another number.
pub(crate) fn inflate(deflated: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut raw = Vec::with_capacity(length.min(MESSAGE_BYTES_MAX));
    let bound = length as u64 + 1;
    DeflateDecoder::new(deflated).take(bound).read_to_end(&mut raw).ok()?;
    (raw.len() == length).then_some(raw)
}

/// What is allocated before a byte is read; a longer message grows.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What cannot be made smaller comes back all the same.
    #[test]
    fn noise_comes_back_as_it_came() {
        let noise: Vec<u8> = (0..40_000_u64)
            .flat_map(|it| it.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).to_be_bytes())
            .collect();
        assert_eq!(inflate(&deflate(&noise), noise.len()), Some(noise));
    }

    #[test]
    fn another_length_is_damage() {
        let deflated = deflate(b"abc");
        assert_eq!(inflate(&deflated, 3).as_deref(), Some(&b"abc"[..]));
        assert_eq!((inflate(&deflated, 2), inflate(&deflated, 4)), (None, None));
        assert_eq!(inflate(&deflated[..2], 3), None);
    }
}
