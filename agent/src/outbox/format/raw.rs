//! The bytes of a message as it came, kept beside what became of it.
//!
//! They are deflated before they are sealed: nothing below could make what is
//! sealed smaller. Lines of XML come to a fifth.

use std::cell::RefCell;
use std::io::Read as _;

use bytes::Bytes;
use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::{Content, Damage, Plain};
use crate::envelope::Original;

/// The content to store for a message's bytes.
pub(in super::super) fn raw(original: &Original) -> Plain {
    let deflated = deflate(&original.raw);
    let mut out = Plain::with_capacity(deflated.len() + original.reading.len() + 64);
    out.option(original.content_type.as_deref());
    out.text(&original.reading);
    out.count(original.raw.len());
    out.count(deflated.len());
    out.bytes(&deflated);
    out
}

/// Reads what [`raw`] wrote.
pub(in super::super) fn read_raw(mut content: Content<'_>) -> Result<Original, Damage> {
    let content_type = content.option()?;
    let reading = content.owned()?;
    let length = usize::try_from(content.number()?).map_err(|_| Damage::Content)?;
    let raw = inflate(content.blob()?, length).ok_or(Damage::Content)?;
    Ok(Original { raw: Bytes::from(raw), content_type, reading })
}

fn deflate(raw: &[u8]) -> Vec<u8> {
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

fn inflate(deflated: &[u8], length: usize) -> Option<Vec<u8>> {
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

    #[test]
    fn a_message_comes_back_as_it_came() {
        check(b"", None);
        check(b"\xd6\xd0\x00\xff", Some("text/xml; charset=gbk"));
        check("<item>药</item>".repeat(500).as_bytes(), Some("text/xml"));
        check(&vec![b'a'; 3 << 20], None);
    }

    /// What cannot be made smaller comes back all the same.
    #[test]
    fn noise_comes_back_as_it_came() {
        let noise: Vec<u8> = (0..40_000_u64)
            .flat_map(|it| it.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).to_be_bytes())
            .collect();
        assert_eq!(inflate(&deflate(&noise), noise.len()), Some(noise));
    }

    #[track_caller]
    fn check(raw: &[u8], content_type: Option<&str>) {
        let original = Original {
            raw: Bytes::copy_from_slice(raw),
            content_type: content_type.map(str::to_owned),
            reading: r#"{"charset":"UTF-8"}"#.to_owned(),
        };
        let value = super::raw(&original).checked();
        assert!(value.len() < raw.len() / 5 + 100, "{} of {}", value.len(), raw.len());
        assert_eq!(Content::checked(&value).and_then(read_raw), Ok(original));
        let mut damaged = value;
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(Content::checked(&damaged).and_then(read_raw), Err(Damage::Check));
    }
}
