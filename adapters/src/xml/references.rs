//! `&amp;` and `&#x674E;`: the five entities of XML and references to characters.

use std::borrow::Cow;

use crate::codes::{BAD_CHARACTER_REFERENCE, CodeEntry, RAW_AMPERSAND, UNKNOWN_ENTITY};
use crate::error::DecodeError;

/// The character that a reference stands for. `name` is what stands between `&` and `;`.
pub(super) fn resolve(name: &str) -> Result<char, &'static CodeEntry> {
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => match name.strip_prefix('#') {
            Some(number) => character(number).ok_or(&BAD_CHARACTER_REFERENCE),
            None if super::names::is_name(name) => Err(&UNKNOWN_ENTITY),
            None => Err(&RAW_AMPERSAND),
        },
    }
}

/// An attribute's value with its references resolved.
pub(super) fn expand(raw: &str, offset: usize) -> Result<Cow<'_, str>, DecodeError> {
    if !raw.as_bytes().contains(&b'&') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut expanded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, behind)) = rest.split_once('&') {
        let at = offset + raw.len() - behind.len() - 1;
        let (name, after) =
            behind.split_once(';').ok_or_else(|| DecodeError::at(&RAW_AMPERSAND, at))?;
        expanded.push_str(before);
        expanded.push(resolve(name).map_err(|entry| DecodeError::at(entry, at))?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(Cow::Owned(expanded))
}

fn character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` takes a sign, XML does not.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let character = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32)?;
    is_allowed(character).then_some(character)
}

/// The characters that XML 1.0 allows in a document.
const fn is_allowed(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}'
        | '\u{FFFE}' | '\u{FFFF}')
}

/// The first character that XML does not allow, wherever it stands.
pub(super) fn first_forbidden(text: &str) -> Option<usize> {
    text.as_bytes().chunks(4096).zip((0..).step_by(4096)).find_map(|(chunk, at)| {
        if !is_suspect(chunk) {
            return None;
        }
        // A character that begins in this chunk may end behind it.
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        let mut places = 0..chunk.len();
        places
            .find(|place| begins_forbidden(rest.get(*place..).unwrap_or_default()))
            .map(|it| at + it)
    })
}

/// Whether there is a control character, or the first byte of U+FFFE, U+FFFF and the full-width
/// forms. It looks at every byte without stopping, which the compiler turns into wide instructions.
fn is_suspect(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | matches!(*byte, 0xEF) | is_control(*byte))
}

fn begins_forbidden(bytes: &[u8]) -> bool {
    match bytes {
        [0xEF, 0xBF, 0xBE | 0xBF, ..] => true,
        [byte, ..] => is_control(*byte),
        [] => false,
    }
}

const fn is_control(byte: u8) -> bool {
    byte < 0x20 && byte != b'\t' && byte != b'\n' && byte != b'\r'
}
