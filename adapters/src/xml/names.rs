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

/// Asked of every letter of every tag, so the answers lie ready.
pub(super) fn continues_name(byte: u8) -> bool {
    CONTINUES.get(usize::from(byte)).is_some_and(|it| *it)
}

const CONTINUES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    let mut rest: &mut [bool] = &mut table;
    while let Some((first, behind)) = rest.split_first_mut() {
        *first = begins_name(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b':');
        byte = byte.wrapping_add(1);
        rest = behind;
    }
    table
};
