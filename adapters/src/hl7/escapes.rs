//! What is written with escapes because the plain character would be a delimiter, a line break or
//! no text at all.
//!
//! An escape that is unknown here, or of local meaning, stays as it was written: the mapping may
//! know it. Highlighting and layout without a text of its own is dropped.

use std::borrow::Cow;

use super::Delimiters;
use crate::charset::{self, Charset};

/// The text that `raw` stands for.
pub(super) fn undo<'a>(raw: &'a str, escape: char, known: &Delimiters<'_>) -> Cow<'a, str> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, behind)) = rest.split_once(escape) {
        text.push_str(before);
        let Some((name, after)) = behind.split_once(escape) else {
            text.push(escape);
            text.push_str(behind);
            return Cow::Owned(text);
        };
        if !write(name, escape, known, &mut text) {
            text.push(escape);
            text.push_str(name);
            text.push(escape);
        }
        rest = after;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Writes what one escape stands for; false when that is not known.
fn write(name: &str, escape: char, known: &Delimiters<'_>, text: &mut String) -> bool {
    let delimiter = match name {
        "F" => Some(known.field),
        "S" => Some(known.component),
        "T" => known.subcomponent,
        "R" => known.repetition,
        "E" => Some(escape),
        _ => None,
    };
    if let Some(delimiter) = delimiter {
        text.push(delimiter);
        return true;
    }
    if let Some(digits) = name.strip_prefix('X') {
        return write_bytes(digits, text);
    }
    match name.strip_prefix('.') {
        Some(layout) => write_layout(layout, text),
        None => matches!(name, "H" | "N"),
    }
}

/// `\.br\` and its like, with how many of it.
fn write_layout(layout: &str, text: &mut String) -> bool {
    let word_end = layout.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(layout.len());
    let (word, count) = layout.split_at(word_end);
    let count = if count.is_empty() { Some(1) } else { count.trim().parse::<usize>().ok() };
    match (word, count) {
        ("br" | "ce", Some(1)) => text.push('\n'),
        ("sp", Some(lines @ 0..=COUNT_MAX)) => text.extend(std::iter::repeat_n('\n', lines)),
        ("sk", Some(blanks @ 0..=COUNT_MAX)) => text.extend(std::iter::repeat_n(' ', blanks)),
        ("fi" | "nf" | "in" | "ti", _) => {}
        _ => return false,
    }
    true
}

/// `\X0D0A\`: the bytes of characters that no text should hold raw, or of characters in the
/// encoding of the message, which here can be UTF-8 or GB18030.
fn write_bytes(digits: &str, text: &mut String) -> bool {
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.as_bytes().chunks(2) {
        let [high, low] = pair else { return false };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return false };
        bytes.push(high << 4 | low);
    }
    let is_text = |byte: &u8| *byte >= b' ' || matches!(*byte, b'\t' | b'\r' | b'\n');
    if bytes.is_empty() || !bytes.iter().all(is_text) {
        return false;
    }
    let decoded = [Charset::Utf8, Charset::Gb18030]
        .into_iter()
        .find_map(|charset| charset::decode_as(charset, &bytes).ok());
    decoded.map(|it| text.push_str(&it)).is_some()
}

/// Few enough that a short message cannot become a long one.
const COUNT_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        check(r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f");
        check(r"饭后\T\多饮水\.br\监测\F\7.0", "饭后&多饮水\n监测|7.0");
        check(r"a\X0D0A\b\X41\\XC0EE\\XE69D8E\", "a\r\nbA李李");
        check(r"1\.sp\2\.sp2\3\.sk3\4\.in+5\5\H\6\N\", "1\n2\n\n3   456");
    }

    #[test]
    fn what_is_unknown_stays() {
        check(r"a\Zx\b\C2842\c\.sp99\d", r"a\Zx\b\C2842\c\.sp99\d");
        check(r"C:\data", r"C:\data");
        check(r"\X00\\X4\\XZZ\\X\\XFF\", r"\X00\\X4\\XZZ\\X\\XFF\");
        check(r"\\", r"\\");
    }

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        let known = Delimiters {
            field: '|',
            component: '^',
            repetition: Some('~'),
            escape: Some('\\'),
            subcomponent: Some('&'),
            written: r"^~\&",
        };
        assert_eq!(undo(raw, '\\', &known), expected);
    }
}
