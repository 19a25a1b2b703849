//! Names of elements and attributes.

/// True for a name that a tag or an attribute may have.
///
/// ASCII is held to the letter of XML. Beyond ASCII everything passes: HIS programs use full-width
/// brackets in element names, and other parsers let them.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(begins_name) && bytes.all(continues_name) && !name.ends_with(':')
}

/// Takes a name apart into its prefix, perhaps empty, and its local part.
pub(super) fn split(name: &str) -> (&str, &str) {
    match name.bytes().position(|byte| byte == b':') {
        Some(colon) => {
            (name.get(..colon).unwrap_or_default(), name.get(colon + 1..).unwrap_or_default())
        }
        None => ("", name),
    }
}

pub(super) const fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

pub(super) const fn continues_name(byte: u8) -> bool {
    begins_name(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b':')
}
