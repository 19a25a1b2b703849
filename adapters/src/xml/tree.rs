//! From tokens to nodes: open elements, their texts, their attributes.

use std::borrow::Cow;

use crate::codes::{
    MISMATCHED_END, NO_ROOT, OUTSIDE_ROOT, STRAY_CDATA_END, TOO_DEEP, TOO_MANY_NAMESPACES,
    TOO_MANY_NODES, UNBOUND_PREFIX, UNCLOSED_ELEMENT, UNOPENED_END,
};
use crate::document::{Content, Document, Held, Kind, NodeId};
use crate::error::DecodeError;
use crate::limits::Limits;

use super::CDATA;
use super::attributes::{self, Attribute};
use super::names;
use super::namespaces::{Namespaces, Resolved};
use super::references;
use super::tokens::Token;

/// An element that has begun and not ended.
struct OpenElement<'a> {
    node: NodeId,
    /// With its prefix, as the end tag must repeat it.
    name: &'a str,
    offset: usize,
    /// How many namespace declarations are in force outside it.
    namespaces_outside: usize,
    /// Its text, as long as that is one piece of the source, and the piece's place.
    only_piece: &'a str,
    only_piece_at: usize,
    /// Where its text begins in `Tree::joined` once it came in several pieces.
    joined_from: usize,
    has_children: bool,
    is_nil: bool,
}

/// A document growing under one node.
pub(super) struct Tree<'a, 'd> {
    document: &'d mut Document,
    /// The text that is read, as the document holds it.
    held: Held,
    /// Whether `]]>` can stand anywhere in it.
    has_brackets: bool,
    under: NodeId,
    limits: &'d Limits,
    seen_root: bool,
    open: Vec<OpenElement<'a>>,
    namespaces: Namespaces<'a>,
    /// The attributes of the tag at hand, kept to use their memory again.
    attributes: Vec<Attribute<'a>>,
    /// Texts of open elements that came in several pieces, innermost last.
    joined: String,
}

impl<'a, 'd> Tree<'a, 'd> {
    pub(super) fn new(
        text: &'a str,
        held: Held,
        document: &'d mut Document,
        under: NodeId,
        limits: &'d Limits,
    ) -> Self {
        Tree {
            document,
            held,
            has_brackets: text.as_bytes().contains(&b']'),
            under,
            limits,
            seen_root: false,
            open: Vec::with_capacity(16),
            namespaces: Namespaces::default(),
            attributes: Vec::new(),
            joined: String::new(),
        }
    }

    /// A token that begins at `at`.
    pub(super) fn take(&mut self, token: Token<'a>, at: usize) -> Result<(), DecodeError> {
        match token {
            Token::Start { tag, name_len } => self.begin(tag, name_len, at),
            Token::Empty { tag, name_len } => {
                self.begin(tag, name_len, at)?;
                self.finish()
            }
            Token::Leaf { name, value } => self.leaf(name, value, at),
            Token::End(name) => self.end(name, at),
            Token::Text(piece) => self.plain_text(piece, at),
            Token::CData(piece) => self.cdata(piece, at),
            Token::Reference(name) => self.reference(name, at),
        }
    }

    /// A start tag: `tag` is what stands between `<` and `>`, the name first.
    fn begin(&mut self, tag: &'a str, name_len: usize, at: usize) -> Result<(), DecodeError> {
        let name = tag.get(..name_len).unwrap_or_default();
        let parent = self.parent_of_next(at)?;
        let namespaces_outside = self.namespaces.len();
        self.attributes.clear();
        let raw = tag.get(name_len..).unwrap_or_default();
        if !raw.is_empty() {
            let max = self.limits.attributes_max;
            attributes::take_apart(raw, at + 1 + name_len, max, &mut self.attributes)?;
            self.declare_namespaces()?;
        }
        let node = self.add_element(parent, name, at)?;
        self.open.push(OpenElement {
            node,
            name,
            offset: at,
            namespaces_outside,
            only_piece: "",
            only_piece_at: 0,
            joined_from: self.joined.len(),
            has_children: false,
            is_nil: false,
        });
        self.add_attributes(node)
    }

    /// A whole element: what [`Tree::begin`], [`Tree::plain_text`] and [`Tree::finish`] do to one
    /// without anything in it but text.
    fn leaf(&mut self, name: &str, value: &str, at: usize) -> Result<(), DecodeError> {
        let parent = self.parent_of_next(at)?;
        let node = self.add_element(parent, name, at)?;
        let value_at = at + name.len() + "<>".len();
        self.expect_no_cdata_end(value, value_at)?;
        self.limits.expect_text(value, at)?;
        if !value.is_empty() {
            self.document.set_value_kept(node, self.held.part(value_at, value));
        }
        Ok(())
    }

    /// An end tag.
    fn end(&mut self, name: &str, at: usize) -> Result<(), DecodeError> {
        match self.open.last() {
            None => Err(DecodeError::at(&UNOPENED_END, at)),
            Some(open) if open.name != name => {
                Err(DecodeError::at(&MISMATCHED_END, at).with_related(open.offset))
            }
            Some(_) => self.finish(),
        }
    }

    /// Ends the innermost element: its text is complete now.
    fn finish(&mut self) -> Result<(), DecodeError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        self.namespaces.leave(open.namespaces_outside);
        let is_one_piece = !open.only_piece.is_empty();
        let text = if is_one_piece {
            open.only_piece
        } else {
            self.joined.get(open.joined_from..).unwrap_or_default()
        };
        self.limits.expect_text(text, open.offset)?;
        if open.is_nil {
            self.document.set_content(open.node, Content::Null);
        } else if text.is_empty() || (open.has_children && is_blank(text)) {
            // Blanks between elements are no value.
        } else if is_one_piece {
            let kept = self.held.part(open.only_piece_at, text);
            self.document.set_value_kept(open.node, kept);
        } else {
            self.document.set_content(open.node, Content::Value(text));
        }
        self.joined.truncate(open.joined_from);
        Ok(())
    }

    /// Text between tags, up to the next reference.
    fn plain_text(&mut self, piece: &'a str, at: usize) -> Result<(), DecodeError> {
        self.expect_no_cdata_end(piece, at)?;
        if self.open.is_empty() && is_blank(piece) {
            return Ok(());
        }
        self.add_text(piece, at, at)
    }

    /// The content of a CDATA section, `at` being where the section begins.
    fn cdata(&mut self, piece: &'a str, at: usize) -> Result<(), DecodeError> {
        self.add_text(piece, at + CDATA.len(), at)
    }

    /// A reference, by what stands between `&` and `;`.
    fn reference(&mut self, name: &str, at: usize) -> Result<(), DecodeError> {
        let character = references::resolve(name).map_err(|entry| DecodeError::at(entry, at))?;
        let Some(open) = self.open.last_mut() else {
            return Err(outside(self.seen_root, at));
        };
        self.joined.push_str(std::mem::take(&mut open.only_piece));
        self.joined.push(character);
        Ok(())
    }

    /// The end of the text, `at` being its length.
    pub(super) fn expect_complete(&self, at: usize) -> Result<(), DecodeError> {
        match self.open.last() {
            Some(open) => Err(DecodeError::at(&UNCLOSED_ELEMENT, at).with_related(open.offset)),
            None if self.seen_root => Ok(()),
            None => Err(DecodeError::at(&NO_ROOT, at)),
        }
    }

    fn add_text(&mut self, piece: &'a str, piece_at: usize, at: usize) -> Result<(), DecodeError> {
        let Some(open) = self.open.last_mut() else {
            return Err(outside(self.seen_root, at));
        };
        let is_first = open.only_piece.is_empty() && self.joined.len() == open.joined_from;
        if is_first {
            if !(open.has_children && is_blank(piece)) {
                open.only_piece = piece;
                open.only_piece_at = piece_at;
            }
        } else {
            self.joined.push_str(std::mem::take(&mut open.only_piece));
            self.joined.push_str(piece);
        }
        Ok(())
    }

    /// Where an element that begins here belongs.
    fn parent_of_next(&mut self, at: usize) -> Result<NodeId, DecodeError> {
        let depth_max = self.limits.depth_max;
        if self.open.len() >= usize::try_from(depth_max).unwrap_or(usize::MAX) {
            let limit = self.open.len();
            return Err(DecodeError::at(&TOO_DEEP, at).with_limit(limit));
        }
        match self.open.last_mut() {
            Some(open) => {
                if is_blank(open.only_piece) {
                    open.only_piece = "";
                }
                open.has_children = true;
                Ok(open.node)
            }
            None if self.seen_root => Err(DecodeError::at(&OUTSIDE_ROOT, at)),
            None => {
                self.seen_root = true;
                Ok(self.under)
            }
        }
    }

    fn add_element(
        &mut self,
        parent: NodeId,
        name: &str,
        at: usize,
    ) -> Result<NodeId, DecodeError> {
        self.expect_room(at)?;
        let (prefix, local) = names::split(name);
        let namespace = if prefix.is_empty() {
            self.namespaces.unprefixed()
        } else {
            self.resolve(prefix, at)?
        };
        let local = self.held.part(at + 1 + name.len() - local.len(), local);
        let node = self.document.add_kept(parent, Kind::Element, local, at);
        if let Resolved::Uri(uri) = namespace {
            self.document.set_namespace_kept(node, uri);
        }
        Ok(node)
    }

    /// Takes in `xmlns` and `xmlns:prefix`, and leaves the other attributes.
    fn declare_namespaces(&mut self) -> Result<(), DecodeError> {
        for attribute in &self.attributes {
            let Some(prefix) = declared_prefix(attribute.name) else { continue };
            let uri = references::expand(attribute.value, attribute.value_offset)?;
            let kept = match &uri {
                Cow::Borrowed(uri) => self.held.part(attribute.value_offset, uri),
                Cow::Owned(uri) => self.document.keep(uri),
            };
            if !self.namespaces.bind(prefix, &uri, kept) {
                return Err(DecodeError::at(&TOO_MANY_NAMESPACES, attribute.offset));
            }
        }
        Ok(())
    }

    fn add_attributes(&mut self, node: NodeId) -> Result<(), DecodeError> {
        for position in 0..self.attributes.len() {
            let Some(attribute) = self.attributes.get(position).copied() else { break };
            if declared_prefix(attribute.name).is_none() {
                self.add_attribute(node, &attribute)?;
            }
        }
        Ok(())
    }

    fn add_attribute(&mut self, to: NodeId, attribute: &Attribute<'a>) -> Result<(), DecodeError> {
        let at = attribute.offset;
        let value = references::expand(attribute.value, attribute.value_offset)?;
        let (prefix, local) = names::split(attribute.name);
        // An attribute without a prefix is in no namespace, whatever the default is.
        let namespace = if prefix.is_empty() { Resolved::None } else { self.resolve(prefix, at)? };
        if matches!(namespace, Resolved::Instance) {
            let is_nil = local == "nil" && matches!(value.trim(), "true" | "1");
            if let Some(open) = self.open.last_mut() {
                open.is_nil |= is_nil;
            }
            return Ok(());
        }
        self.expect_room(at)?;
        self.limits.expect_text(&value, at)?;
        let local = self.held.part(at + attribute.name.len() - local.len(), local);
        let node = self.document.add_kept(to, Kind::Attribute, local, at);
        if let Resolved::Uri(uri) = namespace {
            self.document.set_namespace_kept(node, uri);
        }
        match value {
            Cow::Borrowed("") => {}
            Cow::Borrowed(value) => {
                self.document.set_value_kept(node, self.held.part(attribute.value_offset, value));
            }
            // A reference always stands for a character, so this is not empty.
            Cow::Owned(value) => self.document.set_content(node, Content::Value(&value)),
        }
        Ok(())
    }

    fn resolve(&self, prefix: &str, at: usize) -> Result<Resolved, DecodeError> {
        self.namespaces.resolve(prefix).ok_or_else(|| DecodeError::at(&UNBOUND_PREFIX, at))
    }

    fn expect_no_cdata_end(&self, piece: &str, at: usize) -> Result<(), DecodeError> {
        if self.has_brackets
            && piece.as_bytes().contains(&b']')
            && let Some(end) = piece.find("]]>")
        {
            return Err(DecodeError::at(&STRAY_CDATA_END, at + end));
        }
        Ok(())
    }

    fn expect_room(&self, at: usize) -> Result<(), DecodeError> {
        let max = self.limits.nodes_max;
        if self.document.len() < max {
            Ok(())
        } else {
            Err(DecodeError::at(&TOO_MANY_NODES, at).with_limit(max))
        }
    }
}

/// Text where no element is open.
const fn outside(seen_root: bool, at: usize) -> DecodeError {
    DecodeError::at(if seen_root { &OUTSIDE_ROOT } else { &NO_ROOT }, at)
}

/// The prefix that an `xmlns` attribute declares: empty for the default namespace.
fn declared_prefix(attribute: &str) -> Option<&str> {
    let rest = attribute.strip_prefix("xmlns")?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix(':') }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}
