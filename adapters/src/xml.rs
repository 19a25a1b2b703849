//! XML text to nodes.
//!
//! The common tokens are taken by hand, see `tokens`; all others are quick_xml's, and no other file
//! names it. The tree, the namespaces, the limits and the faults are ours. The walk keeps its own
//! stack, so no depth of nesting can exhaust the program's.
//!
//! What is stricter than many parsers: any DOCTYPE is refused, and of the entities only the five of
//! XML exist, so nothing can be expanded or fetched. What is laxer: names beyond ASCII are not
//! checked letter by letter, line breaks in values stay as they were sent (HL7 in XML needs its
//! carriage returns), and a broken or misplaced XML declaration is ignored with a note.
//!
//! Attributes that speak to XML processors (`xmlns`, `xsi:type`, `xsi:schemaLocation`) make no
//! nodes, and `xsi:nil="true"` makes its element null. Comments and processing instructions are
//! passed over. Blanks between elements are dropped; blanks around a value are kept.

mod attributes;
mod names;
mod namespaces;
mod references;
mod tokens;
mod tree;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::Event;

use crate::codes::{
    BROKEN_ATTRIBUTE, CONTROL_CHARACTER, CodeEntry, DECLARATION_DROPPED, DOCTYPE, MISMATCHED_END,
    NESTED_CDATA, OUTSIDE_ROOT, RAW_AMPERSAND, RAW_LESS_THAN, STRAY_CDATA_END, UNCLOSED_ELEMENT,
    UNFINISHED_MARKUP, UNOPENED_END,
};
use crate::document::{Document, Held, NodeId};
use crate::error::{DecodeError, Note};
use crate::format::BLANKS;
use crate::limits::Limits;

use tokens::Token;
use tree::Tree;

/// Reads an XML document; its root element becomes a child of `under`. Offsets in faults and nodes
/// are those of `text`.
pub(crate) fn read(
    text: &str,
    document: &mut Document,
    under: NodeId,
    limits: &Limits,
    notes: &mut Vec<Note>,
) -> Result<(), DecodeError> {
    let held = document.hold(text);
    read_held(text, held, document, under, limits, notes)
}

/// The same for a text that the document holds already.
pub(crate) fn read_held(
    text: &str,
    held: Held,
    document: &mut Document,
    under: NodeId,
    limits: &Limits,
    notes: &mut Vec<Note>,
) -> Result<(), DecodeError> {
    expect_allowed(text)?;
    let mut tree = Tree::new(text, held, document, under, limits);
    walk(text, &mut tree, notes).map_err(|error| blame_nested_cdata(text, error))
}

/// Refuses what no part of a document may hold.
pub(crate) fn expect_allowed(text: &str) -> Result<(), DecodeError> {
    references::first_forbidden(text).map_or(Ok(()), |at| Err(forbidden_character(text, at)))
}

/// Hands every token to the tree.
fn walk<'a>(
    text: &'a str,
    tree: &mut Tree<'a, '_>,
    notes: &mut Vec<Note>,
) -> Result<(), DecodeError> {
    let mut at = text.len() - text.trim_start_matches(BLANKS).len();
    while at < text.len() {
        at = if let Some((token, end)) = tokens::common(text, at) {
            tree.take(token, at)?;
            end
        } else {
            at + rare_token(&mut full_reader(text, at), text, at, tree, notes)?
        };
    }
    tree.expect_complete(text.len())
}

/// The reader that knows all of XML, at a place of the text.
fn full_reader(text: &str, at: usize) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text.get(at..).unwrap_or_default());
    // End tags are compared by the tree, which knows where the start tag stood.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    reader
}

/// Hands the reader's next token, whatever it is, to the tree. `from` is where the reader began;
/// returned is how far it has come.
fn rare_token<'a>(
    reader: &mut Reader<&[u8]>,
    text: &'a str,
    from: usize,
    tree: &mut Tree<'a, '_>,
    notes: &mut Vec<Note>,
) -> Result<usize, DecodeError> {
    let place = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
    let at = from + place(reader.buffer_position());
    // Tokens borrow from the reader's event; the tree keeps slices of the text itself.
    let slice = |at: usize, len: usize| text.get(at..at + len).unwrap_or_default();
    let token = match reader.read_event() {
        Ok(Event::Start(tag)) => {
            let name_len = expect_name(tag.name().as_ref(), at)?;
            Token::Start { tag: slice(at + 1, tag.len()), name_len }
        }
        Ok(Event::Empty(tag)) => {
            let name_len = expect_name(tag.name().as_ref(), at)?;
            Token::Empty { tag: slice(at + 1, tag.len()), name_len }
        }
        Ok(Event::End(tag)) => Token::End(slice(at + 2, tag.name().as_ref().len())),
        Ok(Event::Text(piece)) => Token::Text(slice(at, piece.len())),
        Ok(Event::CData(piece)) => Token::CData(slice(at + CDATA.len(), piece.len())),
        Ok(Event::GeneralRef(name)) => Token::Reference(slice(at + 1, name.len())),
        Ok(Event::Decl(tag)) => {
            let before = text.get(..at).unwrap_or_default();
            if !before.trim_matches(BLANKS).is_empty() || !is_well_formed_declaration(&tag) {
                notes.push(Note::at(&DECLARATION_DROPPED, at));
            }
            return Ok(place(reader.buffer_position()));
        }
        Ok(Event::Comment(_) | Event::PI(_)) => return Ok(place(reader.buffer_position())),
        Ok(Event::DocType(_)) => return Err(DecodeError::at(&DOCTYPE, at)),
        Ok(Event::Eof) => return Ok(text.len() - from),
        Err(error) => return Err(fault(&error, text, from + place(reader.error_position()))),
    };
    tree.take(token, at)?;
    Ok(place(reader.buffer_position()))
}

/// How long the name of a tag is, which must be one.
fn expect_name(name: &str, at: usize) -> Result<usize, DecodeError> {
    if names::is_name(name) { Ok(name.len()) } else { Err(DecodeError::at(&RAW_LESS_THAN, at)) }
}

/// What the tokens could not be made of.
fn fault(error: &Error, text: &str, at: usize) -> DecodeError {
    let entry: &'static CodeEntry = match error {
        Error::Syntax(SyntaxError::UnclosedDoctype)
        | Error::IllFormed(IllFormedError::MissingDoctypeName) => &DOCTYPE,
        Error::IllFormed(IllFormedError::UnclosedReference) => &RAW_AMPERSAND,
        Error::Syntax(_) if !begins_markup(text, at) => &RAW_LESS_THAN,
        _ => &UNFINISHED_MARKUP,
    };
    DecodeError::at(entry, at)
}

/// True when what stands at `at` could become a tag, a comment, CDATA or an instruction.
fn begins_markup(text: &str, at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    rest.starts_with("<!--")
        || rest.starts_with(CDATA)
        || matches!(rest.as_bytes(), [b'<', b'/' | b'?', ..])
        || matches!(rest.as_bytes(), [b'<', byte, ..] if names::begins_name(*byte))
}

/// A DOCTYPE is the graver fault, so it is named first even when both are there.
fn forbidden_character(text: &str, at: usize) -> DecodeError {
    match text.get(..at).and_then(|before| before.find("<!DOCTYPE")) {
        Some(doctype) => DecodeError::at(&DOCTYPE, doctype),
        None => DecodeError::at(&CONTROL_CHARACTER, at),
    }
}

/// When a CDATA section held the beginning of another, its first `]]>` ended it, and whatever fault
/// comes behind has that cause.
fn blame_nested_cdata(text: &str, error: DecodeError) -> DecodeError {
    if !MAY_COME_FROM_NESTED_CDATA.contains(&error.code()) {
        return error;
    }
    let before = text.get(..error.offset().unwrap_or_default()).unwrap_or(text);
    let mut at = 0;
    while let Some(begin) = before.get(at..).and_then(|rest| rest.find(CDATA)) {
        let content_at = at + begin + CDATA.len();
        let Some(len) = text.get(content_at..).and_then(|rest| rest.find("]]>")) else { break };
        if text.get(content_at..content_at + len).is_some_and(|content| content.contains(CDATA)) {
            return DecodeError::at(&NESTED_CDATA, content_at + len).with_related(at + begin);
        }
        at = content_at + len;
    }
    error
}

/// `version`, `encoding` and `standalone`, in this order, each with a quoted value.
fn is_well_formed_declaration(declaration: &str) -> bool {
    let mut found = Vec::new();
    let raw = declaration.strip_prefix("xml").unwrap_or(declaration);
    if attributes::take_apart(raw, 0, 3, &mut found).is_err() {
        return false;
    }
    let mut allowed = ["version", "encoding", "standalone"].into_iter();
    found.first().is_some_and(|first| first.name == "version")
        && found.iter().all(|attribute| allowed.any(|name| name == attribute.name))
}

pub(super) const CDATA: &str = "<![CDATA[";

const MAY_COME_FROM_NESTED_CDATA: &[&str] = &[
    BROKEN_ATTRIBUTE.code,
    MISMATCHED_END.code,
    OUTSIDE_ROOT.code,
    RAW_AMPERSAND.code,
    RAW_LESS_THAN.code,
    STRAY_CDATA_END.code,
    UNCLOSED_ELEMENT.code,
    UNFINISHED_MARKUP.code,
    UNOPENED_END.code,
];

#[cfg(test)]
mod tests;
