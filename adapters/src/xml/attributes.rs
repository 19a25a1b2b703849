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
    let (name, _) = raw.split_once('=').ok_or_else(|| broken(0))?;
    let after_equals = name.len() + 1;
    let name = name.trim_ascii_end();
    if !is_name(name) {
        return Err(broken(0));
    }
    let rest = raw.get(after_equals..).unwrap_or_default();
    let quoted = rest.trim_ascii_start();
    let value_at = after_equals + (rest.len() - quoted.len()) + 1;
    let quote = match quoted.as_bytes().first() {
        Some(b'"') => '"',
        Some(b'\'') => '\'',
        _ => return Err(broken(after_equals)),
    };
    let value = raw.get(value_at..).unwrap_or_default();
    let value = value.find(quote).and_then(|end| value.get(..end)).ok_or_else(|| broken(0))?;
    if let Some(at) = value.find('<') {
        return Err(broken(value_at + at));
    }
    let attribute = Attribute { name, value, offset, value_offset: offset + value_at };
    Ok((attribute, value_at + value.len() + 1))
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
