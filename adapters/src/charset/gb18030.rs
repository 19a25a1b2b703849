//! GB18030 as the edition of 2022 has it, where the Encoding standard has it otherwise.
//!
//! The Encoding standard reads eighteen pairs of codes as one character each, because older editions
//! gave the short code to a private-use character that had no place of its own yet: `FE59` and
//! `82359037` are both U+9FB4 to it. The edition of 2022 swapped the two, so each of them is a
//! character, and every character of Unicode has a code again. The same holds for `A3A0`, which is
//! the private-use character U+E5E5 and not another way to write the wide blank.
//!
//! So what was encoded comes back as it was, whatever it is. Nothing else differs.

use std::borrow::Cow;

use encoding_rs::GB18030;

use super::encode;

/// Decodes strictly; `None` when some byte is no GB18030.
pub(super) fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let plain = |bytes| GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    if !may_differ(bytes) {
        return plain(bytes);
    }
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 2);
    let (mut at, mut plain_from) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let code = first_code(rest);
        if let Some(character) = special(code) {
            text.push_str(&plain(bytes.get(plain_from..at)?)?);
            text.push(character);
            plain_from = at + code.len();
        }
        at += code.len();
    }
    text.push_str(&plain(bytes.get(plain_from..)?)?);
    Some(Cow::Owned(text))
}

/// Encodes; there is no character that GB18030 lacks.
pub(super) fn encode(text: &str, bytes: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.find(|it| code_of(it).is_some()) {
        let (before, behind) = rest.split_at(at);
        // Only U+E5E5 would stop the encoder, and it is not in here.
        let _ = encode::plain(GB18030, before, bytes);
        let mut characters = behind.chars();
        bytes.extend(characters.next().and_then(code_of).unwrap_or_default());
        rest = characters.as_str();
    }
    let _ = encode::plain(GB18030, rest, bytes);
}

/// How many bytes more a text takes than the Encoding standard's encoder says.
pub(super) fn longer_by(text: &str) -> usize {
    // Two where the encoder would write two and four are written, two where it writes nothing.
    text.chars().filter(|it| code_of(*it).is_some()).count() * 2
}

/// Looks at every two neighbours without stopping, which the compiler turns into wide instructions.
/// What is found may still be the halves of two characters.
fn may_differ(bytes: &[u8]) -> bool {
    let next = bytes.get(1..).unwrap_or_default();
    let pairs = bytes.chunks(4096).zip(next.chunks(4096));
    let differs =
        |left, right| matches!(u16::from_be_bytes([left, right]), 0xA3A0 | 0x8235 | 0x8431);
    pairs.into_iter().any(|(left, right)| {
        left.iter().zip(right).fold(false, |found, (left, right)| found | differs(*left, *right))
    })
}

/// The bytes of the first character, as far as its length can be told; at least one.
fn first_code(rest: &[u8]) -> &[u8] {
    let len = match rest {
        [0..=0x80, ..] => 1,
        [_, b'0'..=b'9', ..] => 4,
        _ => 2,
    };
    rest.get(..len.min(rest.len())).unwrap_or(rest)
}

fn special(code: &[u8]) -> Option<char> {
    match code {
        [0xA3, 0xA0] => Some('\u{E5E5}'),
        [0x82, 0x35, ..] | [0x84, 0x31, ..] => {
            SWAPPED.iter().find(|(_, it)| it == code).map(|(character, _)| *character)
        }
        _ => None,
    }
}

fn code_of(character: char) -> Option<&'static [u8]> {
    match character {
        '\u{E5E5}' => Some(&[0xA3, 0xA0]),
        '\u{E78D}'..='\u{E864}' => {
            SWAPPED.iter().find(|(it, _)| *it == character).map(|(_, code)| code.as_slice())
        }
        _ => None,
    }
}

/// Private-use characters whose short codes now belong to characters of Unicode.
const SWAPPED: &[(char, [u8; 4])] = &[
    ('\u{E78D}', [0x84, 0x31, 0x82, 0x36]),
    ('\u{E78E}', [0x84, 0x31, 0x82, 0x38]),
    ('\u{E78F}', [0x84, 0x31, 0x82, 0x37]),
    ('\u{E790}', [0x84, 0x31, 0x82, 0x39]),
    ('\u{E791}', [0x84, 0x31, 0x83, 0x30]),
    ('\u{E792}', [0x84, 0x31, 0x83, 0x31]),
    ('\u{E793}', [0x84, 0x31, 0x83, 0x32]),
    ('\u{E794}', [0x84, 0x31, 0x83, 0x33]),
    ('\u{E795}', [0x84, 0x31, 0x83, 0x34]),
    ('\u{E796}', [0x84, 0x31, 0x83, 0x35]),
    ('\u{E81E}', [0x82, 0x35, 0x90, 0x37]),
    ('\u{E826}', [0x82, 0x35, 0x90, 0x38]),
    ('\u{E82B}', [0x82, 0x35, 0x90, 0x39]),
    ('\u{E82C}', [0x82, 0x35, 0x91, 0x30]),
    ('\u{E832}', [0x82, 0x35, 0x91, 0x31]),
    ('\u{E843}', [0x82, 0x35, 0x91, 0x32]),
    ('\u{E854}', [0x82, 0x35, 0x91, 0x33]),
    ('\u{E864}', [0x82, 0x35, 0x91, 0x34]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charset::{Charset, decode_as};

    /// Every character there is, alone and behind half a character that could lead astray.
    #[test]
    fn every_character_comes_back() {
        for character in (0..=0x0010_FFFF).filter_map(char::from_u32) {
            let text = format!("{character}\u{E7C7}{character}");
            let mut bytes = Vec::new();
            encode(&text, &mut bytes);
            assert_eq!(decode(&bytes).as_deref(), Some(text.as_str()), "{character:?}");
            let counted = Charset::Gb18030.bytes_of(&text);
            assert_eq!(counted, bytes.len(), "{character:?}");
        }
    }

    /// All of them in one text, which is cut into pieces where the two standards differ.
    #[test]
    fn all_characters_together_come_back() {
        let text: String = (0..=0x0010_FFFF).filter_map(char::from_u32).collect();
        let mut bytes = Vec::new();
        encode(&text, &mut bytes);
        assert!(decode(&bytes).as_deref() == Some(&text));
    }

    #[test]
    fn codes_are_those_of_2022() {
        check(b"\xFE\x59\x82\x35\x90\x37", "\u{9FB4}\u{E81E}");
        check(b"\xA6\xD9\x84\x31\x82\x36", "\u{FE10}\u{E78D}");
        check(b"\xA6\xDA\x84\x31\x82\x38", "\u{FE12}\u{E78E}");
        check(b"\xA8\xBC\x81\x35\xF4\x37", "\u{1E3F}\u{E7C7}");
        check(b"\xA3\xA0\xA1\xA1", "\u{E5E5}\u{3000}");
        // The end of one character and the beginning of the next are no character.
        check(b"\xB0\xA3\xA0\x40", "埃燖");
        check(b"\x81\x30\x84\x36\x82\x35\x90\x37", "\u{A5}\u{E81E}");
    }

    #[test]
    fn a_piece_that_cannot_be_read_spoils_the_whole() {
        assert_eq!(decode(b"\xA3\xA0\xFF\x41"), None);
        assert_eq!(decode(b"\xB0\x20\xA3\xA0"), None);
        assert_eq!(decode(b"\xA3\xA0\xB0"), None);
        let fault = decode_as(Charset::Gb18030, b"\xA3\xA0\xFF\x41").map(|_| ());
        assert!(format!("{fault:?}").contains("offset: 2"), "{fault:?}");
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(decode(bytes).as_deref(), Some(expected));
    }
}
