//! The attributes of one tag, taken apart with a place for every fault.

use crate::codes::{BROKEN_ATTRIBUTE, REPEATED_ATTRIBUTE, TOO_MANY_ATTRIBUTES};
use crate::error::DecodeError;

use super::names::is_name;

/// One attribute as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    pub(super) offset: usize,
    pub(super) value_offset: usize,
}

/// Appends the attributes of a tag to `found`. `raw` is what stands behind the tag's name, and
/// `offset` is its place in the text.
pub(super) fn take_apart<'a>(
    raw: &'a str,
    offset: usize,
    max: usize,
    found: &mut Vec<Attribute<'a>>,
) -> Result<(), DecodeError> {
    let mut at = 0;
    loop {
        let rest = raw.get(at..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_ascii_start().len();
        if blanks == rest.len() {
            return expect_different(found);
        }
        if blanks == 0 {
            return Err(DecodeError::at(&BROKEN_ATTRIBUTE, offset + at));
        }
        at += blanks;
        if found.len() >= max {
            return Err(DecodeError::at(&TOO_MANY_ATTRIBUTES, offset + at).with_limit(max));
        }
        let (attribute, len) = take_one(raw.get(at..).unwrap_or_default(), offset + at)?;
        found.push(attribute);
        at += len;
    }
}

/// The attribute at the start of `raw`, and how long it is.
fn take_one(raw: &str, offset: usize) -> Result<(Attribute<'_>, usize), DecodeError> {
    let broken = |at: usize| DecodeError::at(&BROKEN_ATTRIBUTE, offset + at);
    let bytes = raw.as_bytes();
    let name_end = find(bytes, 0, |byte| byte == b'=' || byte.is_ascii_whitespace());
    let name_end = name_end.ok_or_else(|| broken(0))?;
    let name = raw.get(..name_end).unwrap_or_default();
    let equals = find(bytes, name_end, |byte| !byte.is_ascii_whitespace());
    let equals = equals.filter(|at| bytes.get(*at) == Some(&b'=') && is_name(name));
    let equals = equals.ok_or_else(|| broken(0))?;
    let opening = find(bytes, equals + 1, |byte| !byte.is_ascii_whitespace());
    let opening = opening.ok_or_else(|| broken(equals + 1))?;
    let quote = match bytes.get(opening) {
        Some(quote @ (b'"' | b'\'')) => *quote,
        _ => return Err(broken(equals + 1)),
    };
    let value_at = opening + 1;
    let value_end = find(bytes, value_at, |byte| byte == quote || byte == b'<');
    let value_end = value_end.ok_or_else(|| broken(0))?;
    if bytes.get(value_end) == Some(&b'<') {
        return Err(broken(value_end));
    }
    let value = raw.get(value_at..value_end).unwrap_or_default();
    let attribute = Attribute { name, value, offset, value_offset: offset + value_at };
    Ok((attribute, value_end + 1))
}

/// Found byte by byte: attributes are too short for anything cleverer to pay.
fn find(bytes: &[u8], from: usize, is_meant: impl Fn(u8) -> bool) -> Option<usize> {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|byte| is_meant(*byte)).map(|at| from + at)
}

/// Refuses a name that stands twice in one tag.
fn expect_different(found: &[Attribute<'_>]) -> Result<(), DecodeError> {
    let repeated = if found.len() <= FEW {
        first_repeated(found)
    } else {
        let mut sorted = found.to_vec();
        sorted.sort_by_key(|attribute| (attribute.name, attribute.offset));
        sorted.windows(2).find_map(|pair| match pair {
            [left, right] if left.name == right.name => Some((left.offset, right.offset)),
            _ => None,
        })
    };
    match repeated {
        Some((first, second)) => {
            Err(DecodeError::at(&REPEATED_ATTRIBUTE, second).with_related(first))
        }
        None => Ok(()),
    }
}

fn first_repeated(found: &[Attribute<'_>]) -> Option<(usize, usize)> {
    found.iter().enumerate().find_map(|(position, attribute)| {
        let earlier = found.get(..position)?.iter().find(|it| it.name == attribute.name)?;
        Some((earlier.offset, attribute.offset))
    })
}

/// Up to so many attributes, comparing each with each is quicker than sorting.
const FEW: usize = 24;
