//! HL7 v2 text to nodes.
//!
//! The delimiters are those that the message's own header states. How a message becomes a tree:
//!
//! - A segment is a node with its name (`PID`), in the order of the message. Its fields are children
//!   named by their numbers: `PID/5` is PID-5. MSH-1 is the field separator itself and MSH-2 the
//!   other delimiters.
//! - A repetition is another child of the same number. Components are children `1`, `2` of their
//!   field, and sub-components of their component where there is more than one.
//! - A field that says anything has a component `1`, so `PID/8` and `PID/8/1` read the same. A node's
//!   own value is that of its first component's first sub-component.
//! - A field with nothing in it is empty. `""` is null: the sender deletes what is known.
//! - Segments end at a carriage return, a line feed or both. An MLLP frame around the message is
//!   taken off.
//!
//! What is refused: several messages in one body and batches (one answer cannot speak for many), a
//! header without delimiters, lines that begin with no segment name (a raw line break in a text),
//! and control characters.

mod escapes;
mod frame;

use std::borrow::Cow;

use crate::codes::{
    BAD_DELIMITERS, BAD_SEGMENT, BATCH, CONTROL_CHARACTER, NOT_HL7, SEVERAL_MESSAGES,
    TEXT_TOO_LONG, TOO_MANY_NODES,
};
use crate::document::{Content, Document, Kind, NodeId};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::numbers::Numbers;

pub(crate) use frame::{begins_message, declared_charset, header_line};

/// Reads one message; its segments become children of `under`. Offsets in faults and nodes are
/// those of `text`.
pub(crate) fn read(
    text: &str,
    document: &mut Document,
    under: NodeId,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let (message, start) = frame::content(text)?;
    let delimiters = Delimiters::of(message, start)?;
    let numbers = Numbers::new();
    let mut reader = Reader { document, limits, delimiters, numbers };
    for (segment, at) in lines(message, start) {
        reader.segment(under, segment, at, at == start)?;
    }
    Ok(())
}

/// What the message's own header says about its punctuation.
#[derive(Clone, Copy, Debug)]
struct Delimiters<'a> {
    field: char,
    component: char,
    /// The ones that a header may leave out are then in no text.
    repetition: Option<char>,
    escape: Option<char>,
    subcomponent: Option<char>,
    /// MSH-2 as it was written.
    written: &'a str,
}

impl<'a> Delimiters<'a> {
    /// From the header at the front of `message`, which stands at `start` in the text.
    fn of(message: &'a str, start: usize) -> Result<Delimiters<'a>, DecodeError> {
        if message.starts_with("FHS") || message.starts_with("BHS") {
            return Err(DecodeError::at(&BATCH, start));
        }
        let rest = message.strip_prefix("MSH").ok_or_else(|| DecodeError::at(&NOT_HL7, start))?;
        let at = start + 3;
        let bad = || DecodeError::at(&BAD_DELIMITERS, at);
        let field = rest.chars().next().filter(|it| is_delimiter(*it)).ok_or_else(bad)?;
        let behind = rest.get(1..).unwrap_or_default();
        let end = behind.find([field, '\r', '\n']).unwrap_or(behind.len());
        let written = behind.get(..end).unwrap_or_default();
        let mut others = written.chars();
        let known = Delimiters {
            field,
            component: others.next().ok_or_else(bad)?,
            repetition: others.next(),
            escape: others.next(),
            subcomponent: others.next(),
            written,
        };
        // A fifth says how texts are cut short since version 2.7.
        let all: Vec<char> = written.chars().chain([field]).collect();
        let is_sound = all.len() <= 6
            && all.iter().all(|it| is_delimiter(*it))
            && (1..all.len()).all(|at| !all.iter().skip(at).any(|it| all.get(at - 1) == Some(it)));
        if is_sound { Ok(known) } else { Err(bad()) }
    }
}

const fn is_delimiter(character: char) -> bool {
    character.is_ascii_punctuation()
}

struct Reader<'a, 'd> {
    document: &'d mut Document,
    limits: &'d Limits,
    delimiters: Delimiters<'a>,
    numbers: Numbers,
}

impl Reader<'_, '_> {
    fn segment(
        &mut self,
        under: NodeId,
        segment: &str,
        at: usize,
        is_header: bool,
    ) -> Result<(), DecodeError> {
        if let Some(control) = segment.bytes().position(|it| it < 0x20 && it != b'\t') {
            return Err(DecodeError::at(&CONTROL_CHARACTER, at + control));
        }
        let separator = self.delimiters.field;
        let end = segment.find(separator).unwrap_or(segment.len());
        let name = segment.get(..end).unwrap_or_default();
        if !is_segment_name(name) {
            return Err(DecodeError::at(&BAD_SEGMENT, at));
        }
        if !is_header && matches!(name, "MSH" | "FHS" | "BHS" | "BTS" | "FTS") {
            return Err(DecodeError::at(&SEVERAL_MESSAGES, at));
        }
        let node = self.add(under, None, name, at)?;
        let mut at = at + end + 1;
        let mut number = 1;
        if is_header {
            at += self.header_fields(node, at)?;
            number = 3;
        }
        let skipped = if is_header { end + 2 + self.delimiters.written.len() } else { end + 1 };
        let Some(fields) = segment.get(skipped..) else { return Ok(()) };
        for field in fields.split(separator) {
            self.field(node, number, field, at)?;
            at += field.len() + 1;
            number += 1;
        }
        Ok(())
    }

    /// MSH-1 and MSH-2, which are punctuation and not to be cut by it. Says how far it reaches.
    fn header_fields(&mut self, header: NodeId, at: usize) -> Result<usize, DecodeError> {
        let Delimiters { field, written, .. } = self.delimiters;
        let mut buffer = [0; 4];
        let separator: &str = field.encode_utf8(&mut buffer);
        for (number, text, at) in [(1, separator, at - 1), (2, written, at)] {
            let node = self.add(header, Some(number), "", at)?;
            let component = self.add(node, Some(1), "", at)?;
            self.document.set_content(node, Content::Value(text));
            self.document.share_content(node, component);
        }
        Ok(written.len() + 1)
    }

    /// One field with all its repetitions.
    fn field(
        &mut self,
        segment: NodeId,
        number: usize,
        field: &str,
        mut at: usize,
    ) -> Result<(), DecodeError> {
        for repetition in parts(field, self.delimiters.repetition) {
            let node = self.add(segment, Some(number), "", at)?;
            if !repetition.is_empty() {
                self.components(node, repetition, at)?;
            }
            at += repetition.len() + 1;
        }
        Ok(())
    }

    fn components(&mut self, field: NodeId, text: &str, mut at: usize) -> Result<(), DecodeError> {
        for (component, number) in text.split(self.delimiters.component).zip(1..) {
            let node = self.add(field, Some(number), "", at)?;
            self.subcomponents(node, component, at)?;
            if number == 1 {
                self.document.share_content(node, field);
            }
            at += component.len() + 1;
        }
        Ok(())
    }

    fn subcomponents(
        &mut self,
        component: NodeId,
        text: &str,
        mut at: usize,
    ) -> Result<(), DecodeError> {
        let mut pieces = parts(text, self.delimiters.subcomponent).peekable();
        let first = pieces.next().unwrap_or_default();
        self.value(component, first, at)?;
        if pieces.peek().is_none() {
            return Ok(());
        }
        let node = self.add(component, Some(1), "", at)?;
        self.document.share_content(component, node);
        at += first.len() + 1;
        for (piece, number) in pieces.zip(2..) {
            let node = self.add(component, Some(number), "", at)?;
            self.value(node, piece, at)?;
            at += piece.len() + 1;
        }
        Ok(())
    }

    fn value(&mut self, node: NodeId, raw: &str, at: usize) -> Result<(), DecodeError> {
        let text = match self.delimiters.escape {
            Some(escape) if raw.contains(escape) => escapes::undo(raw, escape, &self.delimiters),
            _ => Cow::Borrowed(raw),
        };
        let max = self.limits.text_bytes_max;
        if text.len() > max {
            return Err(DecodeError::at(&TEXT_TOO_LONG, at).with_limit(max));
        }
        match raw {
            "" => {}
            "\"\"" => self.document.set_content(node, Content::Null),
            _ => self.document.set_content(node, Content::Value(&text)),
        }
        Ok(())
    }

    /// A node of a given number, or of a given name.
    fn add(
        &mut self,
        parent: NodeId,
        number: Option<usize>,
        name: &str,
        at: usize,
    ) -> Result<NodeId, DecodeError> {
        let max = self.limits.nodes_max;
        if self.document.len() >= max {
            return Err(DecodeError::at(&TOO_MANY_NODES, at).with_limit(max));
        }
        let name = match number {
            Some(number) => self.numbers.name(number, self.document),
            None => self.document.keep(name),
        };
        Ok(self.document.add_kept(parent, Kind::Element, name, at))
    }
}

/// The pieces between delimiters, or the whole where the header names no such delimiter.
fn parts(text: &str, delimiter: Option<char>) -> impl Iterator<Item = &str> {
    // U+0000 is refused before, so nothing is cut at it.
    text.split(delimiter.unwrap_or('\0'))
}

/// Lines that hold something, each with where it begins in the text.
fn lines(message: &str, start: usize) -> impl Iterator<Item = (&str, usize)> {
    let mut at = start;
    let lines = message.split(['\r', '\n']).map(move |line| {
        let begin = at;
        at += line.len() + 1;
        (line, begin)
    });
    lines.filter(|(line, _)| !line.trim_matches([' ', '\t']).is_empty())
}

/// Three capital letters or digits, a letter first: local segments are named like the others.
fn is_segment_name(name: &str) -> bool {
    name.len() == 3
        && name.starts_with(|it: char| it.is_ascii_uppercase())
        && name.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit())
}
