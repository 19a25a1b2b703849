//! Text to bytes, for answers to callers that read only their own encoding.
//!
//! Strictly: a character that the encoding lacks is told with its place, and whoever writes the answer
//! writes it as the answer's format can (`&#x20BB7;`, `\ud842\udfb7`) or says something else. No `?`
//! is ever put in its place.

use encoding_rs::{EncoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::declared::{self, Candidate};
use super::{Charset, gb18030};

/// A character that an encoding lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the encoding has no U+{code:04X}, at byte {offset} of the text", code = u32::from(*.character))]
pub struct Unencodable {
    /// The character. It may be part of a name: not for logs.
    pub character: char,
    /// Where it stands, in bytes of the text.
    pub offset: usize,
}

/// Encodes an answer, without a byte order mark.
pub fn encode_answer(text: &str, charset: Charset) -> Result<Vec<u8>, Unencodable> {
    let mut bytes = Vec::new();
    match charset {
        Charset::Utf8 => bytes.extend_from_slice(text.as_bytes()),
        Charset::Gb18030 => gb18030::encode(text, &mut bytes),
        Charset::Utf16Le => bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
        Charset::Utf16Be => bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
        Charset::Other(_) => {
            if let Some(encoding) = charset.encoding() {
                plain(encoding, text, &mut bytes)?;
            }
        }
    }
    Ok(bytes)
}

/// Encodes what the Encoding standard's encoder can.
pub(super) fn plain(
    encoding: &'static Encoding,
    text: &str,
    bytes: &mut Vec<u8>,
) -> Result<(), Unencodable> {
    let mut encoder = encoding.new_encoder();
    let (mut rest, mut is_done) = (text, false);
    while !is_done {
        let room = encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
        bytes.reserve(room.unwrap_or(rest.len()).max(16));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, bytes, true);
        rest = rest.get(read..).unwrap_or_default();
        match result {
            EncoderResult::InputEmpty => is_done = true,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(character) => {
                let offset = text.len() - rest.len() - character.len_utf8();
                return Err(Unencodable { character, offset });
            }
        }
    }
    Ok(())
}

impl Charset {
    /// The encoding that a label means, as senders and configuration write it: `gbk`, `GB2312`,
    /// `utf-8`. GB2312 and GBK mean GB18030, which contains them.
    pub fn for_label(label: &str) -> Option<Charset> {
        match declared::value_of(label) {
            Candidate::Utf8 => Some(Charset::Utf8),
            Candidate::Trusted(charset) | Candidate::ProvesNothing(Some(charset)) => Some(charset),
            Candidate::Unknown => None,
            Candidate::ProvesNothing(None) => match Encoding::for_label(label.trim().as_bytes()) {
                Some(it) if it == UTF_16BE => Some(Charset::Utf16Be),
                Some(it) if it == UTF_16LE => Some(Charset::Utf16Le),
                Some(it) if it == UTF_8 => Some(Charset::Utf8),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_the_callers_encoding() {
        check("成功", "utf-8", "E6 88 90 E5 8A 9F");
        check("成功", "GBK", "B3 C9 B9 A6");
        check("a𠮷\u{E5E5}", "gb2312", "61 95 34 B2 35 A3 A0");
        check("成", "utf-16le", "10 62");
        check("成", "UTF-16BE", "62 10");
        check("醫院", "big5", "C2 E5 B0 7C");
        check("é", "iso-8859-1", "E9");
        check("", "big5", "");
    }

    #[test]
    fn what_an_encoding_lacks_is_told() {
        check("醫院镕a", "big5", "no U+9555 at 6");
        check("成", "iso-8859-1", "no U+6210 at 0");
        check("成", "no such", "no such encoding");
    }

    #[track_caller]
    fn check(text: &str, label: &str, expected: &str) {
        let actual = match Charset::for_label(label).map(|it| encode_answer(text, it)) {
            None => "no such encoding".to_owned(),
            Some(Err(Unencodable { character, offset })) => {
                format!("no U+{:04X} at {offset}", u32::from(character))
            }
            Some(Ok(bytes)) => {
                bytes.iter().map(|it| format!("{it:02X}")).collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(actual, expected);
    }
}
