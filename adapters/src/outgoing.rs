//! Text to bytes, for answers: in the encoding the caller reads, and never with a `?` for a character
//! that the encoding lacks. Such a character is written as the format's own reference to it.

use crate::charset::{Unencodable, encode_answer};
use crate::{Charset, Decoded};

/// An encoding that answers can be written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AnswerCharset {
    /// UTF-8, without a byte order mark.
    #[default]
    Utf8,
    /// GB18030: every character of Unicode.
    Gb18030,
    /// GBK: at most two bytes a character, so that old clients are never sent four.
    Gbk,
    /// The bytes of GBK under the name that the caller knows.
    Gb2312,
}

impl AnswerCharset {
    /// All of them, by the names they are declared under.
    pub const ALL: [AnswerCharset; 4] =
        [AnswerCharset::Utf8, AnswerCharset::Gb18030, AnswerCharset::Gbk, AnswerCharset::Gb2312];

    /// The name in `charset=` and in an XML declaration.
    pub const fn label(self) -> &'static str {
        match self {
            AnswerCharset::Utf8 => "utf-8",
            AnswerCharset::Gb18030 => "gb18030",
            AnswerCharset::Gbk => "gbk",
            AnswerCharset::Gb2312 => "gb2312",
        }
    }

    /// The encoding of a name, in any case.
    pub fn of_label(label: &str) -> Option<AnswerCharset> {
        AnswerCharset::ALL.into_iter().find(|it| it.label().eq_ignore_ascii_case(label.trim()))
    }

    /// The encoding to answer a caller in: the one it wrote, under the name it gave it.
    pub fn of_caller(read: &Decoded) -> AnswerCharset {
        let declared = read.charset.declared.as_deref().and_then(AnswerCharset::of_label);
        match (read.charset.chosen, declared) {
            (Charset::Gb18030, Some(AnswerCharset::Utf8) | None) => AnswerCharset::Gb18030,
            (Charset::Gb18030, Some(declared)) => declared,
            _ => AnswerCharset::Utf8,
        }
    }

    /// Whether the encoding has a character.
    pub fn has(self, character: char) -> bool {
        let mut text = [0; 4];
        character.is_ascii()
            || encode_answer(character.encode_utf8(&mut text), self.charset()).is_ok()
    }

    /// What its bytes are.
    #[must_use]
    pub const fn charset(self) -> Charset {
        match self {
            AnswerCharset::Utf8 => Charset::Utf8,
            AnswerCharset::Gb18030 => Charset::Gb18030,
            AnswerCharset::Gbk | AnswerCharset::Gb2312 => Charset::Other("GBK"),
        }
    }
}

/// How a format writes a character that the encoding lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `&#x20BB7;`
    Xml,
    /// `\uD842\uDFB7`
    Json,
    /// `U+20BB7`: plain text has no references, so a person is told which character it was.
    Named,
}

impl Reference {
    /// The reference to a character.
    pub fn push(self, character: char, out: &mut String) {
        use std::fmt::Write as _;
        let number = u32::from(character);
        // A String takes any text, so nothing is lost by not asking.
        let _ = match self {
            Reference::Xml => write!(out, "&#x{number:X};"),
            Reference::Named => write!(out, "U+{number:04X}"),
            Reference::Json => {
                let mut units = [0; 2];
                character
                    .encode_utf16(&mut units)
                    .iter()
                    .try_for_each(|unit| write!(out, "\\u{unit:04X}"))
            }
        };
    }
}

/// The text in an encoding; what that lacks is referred to.
pub fn encode_referring(text: &str, charset: AnswerCharset, reference: Reference) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        match encode_answer(rest, charset.charset()) {
            Ok(encoded) => {
                bytes.extend(encoded);
                return bytes;
            }
            Err(Unencodable { character, offset }) => {
                let (before, behind) = rest.split_at(offset);
                bytes.extend(encode_answer(before, charset.charset()).unwrap_or_default());
                let mut told = String::new();
                reference.push(character, &mut told);
                bytes.extend(told.into_bytes());
                rest = behind.get(character.len_utf8()..).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_encoding_lacks_becomes_a_reference() {
        check("药€𠮷z", AnswerCharset::Utf8, Reference::Xml, "药€𠮷z".as_bytes());
        check("药", AnswerCharset::Gbk, Reference::Xml, b"\xD2\xA9");
        check("𠮷z", AnswerCharset::Gb18030, Reference::Xml, b"\x95\x34\xB2\x35z");
        check("a𠮷z", AnswerCharset::Gbk, Reference::Xml, b"a&#x20BB7;z");
        check("a𠮷z", AnswerCharset::Gb2312, Reference::Json, b"a\\uD842\\uDFB7z");
        check("𠮷药", AnswerCharset::Gbk, Reference::Named, b"U+20BB7\xD2\xA9");
    }

    #[test]
    fn what_an_encoding_has() {
        assert!(AnswerCharset::Gbk.has('药') && AnswerCharset::Gb18030.has('𠮷'));
        assert!(!AnswerCharset::Gbk.has('𠮷'));
    }

    #[track_caller]
    fn check(text: &str, charset: AnswerCharset, reference: Reference, expected: &[u8]) {
        assert_eq!(encode_referring(text, charset, reference), expected);
    }
}
