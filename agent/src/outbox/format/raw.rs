//! The bytes of a message as it came, kept beside what became of it.
//!
//! They are deflated: lines of XML come to a fifth.

use bytes::Bytes;

use super::{Content, Damage, Plain};
use crate::deflated::{deflate, inflate};
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
