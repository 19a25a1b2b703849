//! Form posts: `name=value&name=value`, the fields being the nodes.
//!
//! Clients send values percent-encoded, half encoded, or not at all, so:
//!
//! - Percent escapes are undone in the bytes, and the bytes of all fields together decide the
//!   encoding. A `%` without two hexadecimal digits behind it stays. `+` is a blank.
//! - A value whose first byte is `<` was never encoded: it is taken raw, `%` and `+` included. Since
//!   XML has `&` of its own, such a value ends only at an `&` that stands directly behind `>`,
//!   blanks aside, and has a plain field name and `=` behind it; otherwise at the end of the body.
//! - A field named `charset` declares the encoding when the Content-Type header does not.
//! - A field that stands twice makes two nodes. A field without `=` is there and empty.

use std::ops::Range;

use crate::charset::{self, Charset, CharsetDecision, Declared};
use crate::codes::{CONTROL_CHARACTER, TEXT_TOO_LONG, TOO_MANY_NODES, UNNAMED_FIELD};
use crate::document::{Content, Document, Kind, NodeId};
use crate::error::{DecodeError, Note};
use crate::format::is_field_name;
use crate::limits::Limits;
use crate::prepare::{self, Prepare};

/// Reads a whole form; its fields become the children of the document's root.
pub(crate) fn read(
    body: &[u8],
    http_charset: Option<&str>,
    prepare: &Prepare,
    limits: &Limits,
    notes: &mut Vec<Note>,
) -> Result<(Document, CharsetDecision), DecodeError> {
    let mut form = Form::default();
    form.take_apart(body, limits)?;
    let declared = Declared { http: http_charset, form: form.charset_field() };
    let (_, decision) = charset::decode(&form.bytes, declared, notes)
        .map_err(|error| form.place_in_body(&error))?;
    let mut document = Document::with_capacity(form.bytes.len());
    let root = document.root();
    let how = How { charset: decision.chosen, prepare, limits };
    for field in &form.fields {
        form.add(field, &how, &mut document, root, notes)?;
    }
    Ok((document, decision))
}

/// Reads a form that stands in a field; its fields become children of `under`. Offsets are those of
/// `text`.
pub(crate) fn read_field(
    text: &str,
    document: &mut Document,
    under: NodeId,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let mut form = Form::default();
    form.take_apart(text.as_bytes(), limits)?;
    let declared = Declared { http: None, form: form.charset_field() };
    let mut notes = Vec::new();
    let (_, decision) = charset::decode(&form.bytes, declared, &mut notes)
        .map_err(|error| form.place_in_body(&error))?;
    let how = How { charset: decision.chosen, prepare: &prepare::NOTHING, limits };
    for field in &form.fields {
        form.add(field, &how, document, under, &mut notes)?;
    }
    Ok(())
}

/// How the bytes of every field become text.
struct How<'a> {
    charset: Charset,
    prepare: &'a Prepare,
    limits: &'a Limits,
}

/// The fields with their escapes undone, not yet decoded.
#[derive(Default)]
struct Form {
    /// Names and values, each followed by a line feed: no encoding lets a character reach across
    /// one, so the encoding can be decided for all of them at once.
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

/// Where a field's name and value lie in the form's bytes.
struct Field {
    name: Range<usize>,
    value: Range<usize>,
    /// Where the field begins in the body.
    offset: usize,
}

impl Form {
    fn take_apart(&mut self, body: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        let mut at = if body.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        while at < body.len() {
            if self.fields.len() >= limits.nodes_max {
                let max = limits.nodes_max;
                return Err(DecodeError::at(&TOO_MANY_NODES, at).with_limit(max));
            }
            let end = self.take_field(body, at)?;
            at = end + 1;
        }
        Ok(())
    }

    /// Takes in the field at `at` and says where it ends.
    fn take_field(&mut self, body: &[u8], at: usize) -> Result<usize, DecodeError> {
        let rest = body.get(at..).unwrap_or_default();
        let name_end = rest.iter().position(|byte| matches!(byte, b'=' | b'&'));
        let name_end = name_end.unwrap_or(rest.len());
        let name = rest.get(..name_end).unwrap_or_default().trim_ascii();
        let has_value = rest.get(name_end) == Some(&b'=');
        if name.is_empty() && !has_value {
            return Ok(at + name_end);
        }
        if name.is_empty() {
            return Err(DecodeError::at(&UNNAMED_FIELD, at));
        }
        let value_at = if has_value { name_end + 1 } else { name_end };
        let after_name = rest.get(value_at..).unwrap_or_default();
        let is_raw = after_name.first() == Some(&b'<');
        let end = if is_raw { raw_end(after_name) } else { plain_end(after_name) };
        let value = after_name.get(..end).unwrap_or_default();
        let name = self.push(name, false);
        let value = self.push(value, is_raw);
        self.fields.push(Field { name, value, offset: at });
        Ok(at + value_at + end)
    }

    fn push(&mut self, encoded: &[u8], is_raw: bool) -> Range<usize> {
        let start = self.bytes.len();
        if is_raw {
            self.bytes.extend_from_slice(encoded);
        } else {
            undo_escapes(encoded, &mut self.bytes);
        }
        let end = self.bytes.len();
        self.bytes.push(b'\n');
        start..end
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    fn charset_field(&self) -> Option<&str> {
        let field = self.fields.iter().find(|field| self.slice(&field.name) == b"charset")?;
        std::str::from_utf8(self.slice(&field.value)).ok()
    }

    /// A fault in the joined bytes is told at the field where it is: escapes have moved the rest.
    fn place_in_body(&self, error: &DecodeError) -> DecodeError {
        let at = error.offset().unwrap_or_default();
        let field = self.fields.iter().rev().find(|field| field.name.start <= at);
        DecodeError::at(error.entry(), field.map_or(0, |field| field.offset))
    }

    fn add(
        &self,
        field: &Field,
        how: &How<'_>,
        document: &mut Document,
        under: NodeId,
        notes: &mut Vec<Note>,
    ) -> Result<(), DecodeError> {
        let fault = |error: charset::Fault| self.place_in_body(&error.into());
        let decoded = |range| charset::decode_as(how.charset, self.slice(range)).map_err(fault);
        let (name, value) = (decoded(&field.name)?, decoded(&field.value)?);
        let value = how.prepare.strip(&value, false, notes);
        let Limits { text_bytes_max, nodes_max, .. } = *how.limits;
        if value.len() > text_bytes_max {
            let error = DecodeError::at(&TEXT_TOO_LONG, field.offset);
            return Err(error.with_limit(text_bytes_max));
        }
        if name.chars().chain(value.chars()).any(is_forbidden) {
            return Err(DecodeError::at(&CONTROL_CHARACTER, field.offset));
        }
        if document.len() > nodes_max {
            return Err(DecodeError::at(&TOO_MANY_NODES, field.offset).with_limit(nodes_max));
        }
        let node = document.add(under, Kind::Element, &name, field.offset);
        if !value.is_empty() {
            document.set_content(node, Content::Value(&value));
        }
        Ok(())
    }
}

/// The body as a text in which its fields' places can be counted: byte for byte.
pub(crate) fn as_places(body: &[u8]) -> String {
    let unreadable = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '?' };
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => body.iter().map(unreadable).collect(),
    }
}

/// Where a percent-encoded value ends.
fn plain_end(value: &[u8]) -> usize {
    value.iter().position(|byte| *byte == b'&').unwrap_or(value.len())
}

/// Where a value of raw XML ends.
fn raw_end(value: &[u8]) -> usize {
    let ampersands = value.iter().enumerate().filter(|(_, byte)| **byte == b'&');
    let mut ends = ampersands.map(|(at, _)| at).filter(|at| {
        let (before, behind) = value.split_at(*at);
        before.trim_ascii_end().ends_with(b">") && begins_field(behind.get(1..).unwrap_or_default())
    });
    ends.next().unwrap_or(value.len())
}

fn begins_field(rest: &[u8]) -> bool {
    let name = rest.iter().take(RAW_NAME_BYTES_MAX).position(|byte| *byte == b'=');
    name.and_then(|end| rest.get(..end)).is_some_and(is_field_name)
}

fn undo_escapes(encoded: &[u8], to: &mut Vec<u8>) {
    let mut rest = encoded;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'+', _) => to.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    to.push(high << 4 | low);
                    rest = after;
                }
                _ => to.push(b'%'),
            },
            _ => to.push(*first),
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn is_forbidden(character: char) -> bool {
    character < ' ' && !matches!(character, '\t' | '\r' | '\n')
}

const RAW_NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests;
