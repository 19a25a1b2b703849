//! Everything of a long document but its items: the ancestors that are open, and what came before.
//!
//! It is kept as text, read into a document when an item needs it, and read again only after it has
//! changed; each item gets a copy. An ancestor that ends takes along what it held.

use crate::codes::{MISMATCHED_END, OUTSIDE_ROOT, PART_TOO_LONG, TOO_DEEP, UNCLOSED_ELEMENT};
use crate::document::{Document, Kind, NodeId};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::xml;

use super::path::StreamPath;
use super::{scanner, unopened};

#[derive(Debug, Default)]
pub(super) struct Skeleton {
    text: String,
    /// Where the pieces of the text come from: their place here, and in the source's text.
    pieces: Vec<(usize, usize)>,
    open: Vec<Ancestor>,
    /// The text as a document, with the node of the innermost ancestor; none since it has changed.
    read: Option<(Document, NodeId)>,
    /// The start tags of all ancestors: what an item needs around it to be read by itself.
    frame: String,
    /// An item with its frame, kept to use its memory again.
    framed: String,
    /// How many bytes were read again so far, or copied and so counted for an eighth.
    effort: usize,
}

/// An element that has begun and not ended.
#[derive(Debug)]
struct Ancestor {
    name: String,
    /// Where its start tag begins in the text, and how long it is.
    tag: (usize, usize),
    /// Where it began in the source's text.
    offset: usize,
    /// It may hold items.
    is_on_path: bool,
}

impl Skeleton {
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the innermost ancestor is what items stand in.
    pub(super) fn is_parent(&self, path: &StreamPath) -> bool {
        self.open.len() == path.depth() && self.open.last().is_none_or(|it| it.is_on_path)
    }

    /// A start tag that begins no item.
    pub(super) fn begin(
        &mut self,
        tag: &str,
        at: usize,
        path: &StreamPath,
        limits: &Limits,
    ) -> Result<(), DecodeError> {
        let depth = self.open.len();
        if depth >= usize::try_from(limits.depth_max).unwrap_or(usize::MAX) {
            return Err(DecodeError::at(&TOO_DEEP, at).with_limit(depth));
        }
        let name = scanner::name(tag);
        let is_on_path = depth < path.depth()
            && self.open.last().is_none_or(|it| it.is_on_path)
            && path.goes_through(depth, name);
        let name = name.to_owned();
        let begin = (self.text.len(), tag.len());
        self.add(tag, at)?;
        self.open.push(Ancestor { name, tag: begin, offset: at, is_on_path });
        Ok(())
    }

    /// An end tag must close what is open.
    pub(super) fn expect_end(&self, tag: &str, at: usize) -> Result<(), DecodeError> {
        let open = self.open.last().ok_or_else(|| unopened(at))?;
        let is_its = tag
            .strip_prefix("</")
            .is_some_and(|it| it.trim_end_matches('>').trim_ascii_end() == open.name);
        if is_its {
            return Ok(());
        }
        Err(DecodeError::at(&MISMATCHED_END, at).with_related(open.offset))
    }

    /// The end of the innermost ancestor. Where items can have stood in it, what it held goes.
    pub(super) fn end(&mut self, tag: &str, at: usize, limits: &Limits) -> Result<(), DecodeError> {
        if !self.open.last().is_some_and(|it| it.is_on_path) && self.open.len() > 1 {
            self.add(tag, at)?;
            self.open.pop();
            return Ok(());
        }
        // What goes has been read before, or is now: nothing unsound goes unseen.
        self.prepare(at, limits)?;
        if let Some(gone) = self.open.pop() {
            self.text.truncate(gone.tag.0);
            self.pieces.retain(|(begin, _)| *begin < gone.tag.0);
        }
        self.read = None;
        Ok(())
    }

    /// A document of one empty element.
    pub(super) fn only(&mut self, tag: &str, at: usize) -> Result<(), DecodeError> {
        self.add(tag, at)
    }

    /// Text, CDATA, or an element that is no ancestor of an item.
    pub(super) fn add(&mut self, piece: &str, at: usize) -> Result<(), DecodeError> {
        if self.text.len() + piece.len() > SKELETON_BYTES_MAX {
            return Err(DecodeError::at(&PART_TOO_LONG, at).with_limit(SKELETON_BYTES_MAX));
        }
        self.pieces.push((self.text.len(), at));
        self.text.push_str(piece);
        self.read = None;
        Ok(())
    }

    /// What there is, without items.
    pub(super) fn whole(&mut self, at: usize, limits: &Limits) -> Result<Document, DecodeError> {
        self.prepare(at, limits).map(|(document, _)| document.clone())
    }

    /// What there is as text, all ancestors open.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Ends all ancestors in a text that began with this one's.
    pub(super) fn close(&self, text: &mut String) {
        for ancestor in self.open.iter().rev() {
            close(ancestor, text);
        }
    }

    /// What the end of the source cuts off.
    pub(super) fn unfinished(&self, at: usize) -> Option<DecodeError> {
        let open = self.open.last()?;
        Some(DecodeError::at(&UNCLOSED_ELEMENT, at).with_related(open.offset))
    }

    /// An item, which stands at `start`, inside a copy of the skeleton.
    pub(super) fn item(
        &mut self,
        text: &str,
        start: usize,
        position: usize,
        limits: &Limits,
    ) -> Result<Document, DecodeError> {
        let depth = self.open.len();
        let (document, parent) = self.prepare(start, limits)?;
        let (mut document, parent) = (document.clone(), *parent);
        self.framed.clear();
        self.framed.push_str(&self.frame);
        self.framed.push_str(text);
        for ancestor in self.open.iter().rev() {
            close(ancestor, &mut self.framed);
        }
        let first = document.len();
        let frame = self.frame.len();
        let before = document.checkpoint(parent);
        xml::read(&self.framed, &mut document, parent, limits, &mut Vec::new())
            .map_err(|error| error.mapped(|at| start + at.saturating_sub(frame).min(text.len())))?;
        let item = last_inside(&document, parent, depth + 1);
        document.move_under(item, &before);
        // The frame's own nodes stay behind, out of reach, so their places do not matter.
        document.move_offsets(first, start.saturating_sub(frame));
        document.number(item, position);
        Ok(document)
    }

    /// Reads the text as it is now, all ancestors closed.
    fn prepare(&mut self, at: usize, limits: &Limits) -> Result<&(Document, NodeId), DecodeError> {
        self.effort += self.text.len() / 8;
        if self.effort > at.saturating_mul(EFFORT_RATIO_MAX).saturating_add(EFFORT_SLACK_BYTES) {
            return Err(DecodeError::at(&PART_TOO_LONG, at).with_limit(EFFORT_RATIO_MAX));
        }
        if self.read.is_none() {
            self.effort += self.text.len();
            let mut text = self.text.clone();
            self.close(&mut text);
            let mut document = Document::with_capacity(text.len());
            let root = document.root();
            let place = |at: usize| place(&self.pieces, at);
            // There is nothing where the item itself is the root.
            if !text.is_empty() {
                xml::read(&text, &mut document, root, limits, &mut Vec::new())
                    .map_err(|error| error.mapped(place))?;
            }
            document.map_offsets(place);
            let parent = last_inside(&document, root, self.open.len());
            self.frame.clear();
            for ancestor in &self.open {
                let (begin, len) = ancestor.tag;
                self.frame.push_str(self.text.get(begin..begin + len).unwrap_or_default());
            }
            self.read = Some((document, parent));
        }
        self.read.as_ref().ok_or_else(|| DecodeError::new(&OUTSIDE_ROOT))
    }
}

/// The place in the source's text of a place in the skeleton.
fn place(pieces: &[(usize, usize)], at: usize) -> usize {
    let next = pieces.partition_point(|(begin, _)| *begin <= at);
    let piece = next.checked_sub(1).and_then(|it| pieces.get(it));
    piece.map_or(at, |(begin, offset)| offset + (at - begin))
}

fn close(ancestor: &Ancestor, text: &mut String) {
    text.push_str("</");
    text.push_str(&ancestor.name);
    text.push('>');
}

/// So many levels down from `node`, always into the last element: what was open last.
fn last_inside(document: &Document, node: NodeId, levels: usize) -> NodeId {
    (0..levels).fold(node, |node, _| {
        let elements = document.children(node).filter(|it| document.kind(*it) == Kind::Element);
        elements.last().unwrap_or(node)
    })
}

/// What is passed over must be text that XML allows, too.
pub(super) fn expect_allowed(piece: &str, at: usize) -> Result<(), DecodeError> {
    xml::expect_allowed(piece).map_err(|error| error.mapped(|it| it + at))
}

const SKELETON_BYTES_MAX: usize = 128 << 10;

/// What stands beside the items is copied for each and read again whenever it has changed. A document
/// made to change it all the time must not cost more than so many times its own length.
const EFFORT_RATIO_MAX: usize = 32;
const EFFORT_SLACK_BYTES: usize = 64 << 20;
