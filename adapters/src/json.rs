//! JSON text to nodes.
//!
//! Written here because values must stay as they were written: a 19-digit order number, `60.90` and
//! a number with 5,000 decimals would all change in a binary float. It is strict RFC 8259 with a
//! stack of its own, and says of the usual slips of string-built JSON which one it is.
//!
//! How JSON becomes a tree:
//!
//! - A member is a node with the member's name. An object's members are its node's children.
//! - A list has no node: each item is a node that carries the name of the member that holds the
//!   list, so one object and a list of one object are the same. Items of the outermost list are
//!   named `item`.
//! - A list directly inside a list is a node of the outer list's name, and its items are named `item`.
//! - An empty list is one node that says so. `null` is a node that says so. `true` and `false` are
//!   text.
//! - The same key twice in one object is refused with both places. Some readers take the first and
//!   some the last, and a check must never see another value than the record that is forwarded.

mod scan;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::codes::{
    AFTER_THE_END, REPEATED_KEY, SCALAR, TOO_DEEP, TOO_MANY_NODES, TRAILING_COMMA, UNEXPECTED,
};
use crate::document::{Content, Document, Held, Kept, Kind, NodeId};
use crate::error::DecodeError;
use crate::limits::Limits;

use scan::{Scanner, Text};

/// Reads a JSON document; the members or items of the outermost value become children of `under`.
/// Offsets in faults and nodes are those of `text`.
pub(crate) fn read(
    text: &str,
    document: &mut Document,
    under: NodeId,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let held = document.hold(text);
    let item = document.keep("item");
    let mut walk = Walk {
        scanner: Scanner::new(text),
        document,
        held,
        limits,
        item,
        open: Vec::with_capacity(16),
        keys: Vec::new(),
    };
    walk.run(under)
}

/// An object or list that has begun and not ended.
struct Open<'a> {
    kind: OpenKind<'a>,
    /// Nothing was read in it yet.
    is_fresh: bool,
}

enum OpenKind<'a> {
    Object {
        node: NodeId,
        /// Where its keys begin in `Walk::keys`.
        keys_from: usize,
        /// The keys, once there are too many to look through.
        index: Option<HashMap<Cow<'a, str>, usize>>,
    },
    List {
        /// The node that the items are children of.
        parent: NodeId,
        /// The name that every item gets.
        name: Kept,
        offset: usize,
        /// A node that stands for the list itself: the outermost list and lists in lists have one.
        own: Option<NodeId>,
    },
}

struct Key<'a> {
    name: Cow<'a, str>,
    offset: usize,
}

struct Walk<'a, 'd> {
    scanner: Scanner<'a>,
    document: &'d mut Document,
    /// The text that is read, as the document holds it.
    held: Held,
    limits: &'d Limits,
    /// The name of items that have no member to be named after.
    item: Kept,
    open: Vec<Open<'a>>,
    /// Keys of open objects, innermost last.
    keys: Vec<Key<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn run(&mut self, under: NodeId) -> Result<(), DecodeError> {
        self.scanner.skip_blanks();
        let at = self.scanner.at();
        match self.scanner.peek() {
            Some(b'{') => self.open_object(under)?,
            Some(b'[') => self.open_list(under, self.item, Some(under))?,
            Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                return Err(DecodeError::at(&SCALAR, at));
            }
            _ => return Err(self.scanner.misfit()),
        }
        while !self.open.is_empty() {
            self.step()?;
        }
        self.scanner.skip_blanks();
        match self.scanner.peek() {
            None => Ok(()),
            Some(_) => Err(DecodeError::at(&AFTER_THE_END, self.scanner.at())),
        }
    }

    /// Reads the next member or item of the innermost object or list, or its end.
    fn step(&mut self) -> Result<(), DecodeError> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let is_object = matches!(open.kind, OpenKind::Object { .. });
        let end = if is_object { b'}' } else { b']' };
        let is_fresh = std::mem::replace(&mut open.is_fresh, false);
        self.scanner.skip_blanks();
        if self.scanner.take(end) {
            return self.close(is_fresh);
        }
        if !is_fresh {
            self.expect_comma(end)?;
        }
        if is_object { self.member() } else { self.next_item() }
    }

    fn expect_comma(&mut self, end: u8) -> Result<(), DecodeError> {
        let comma = self.scanner.at();
        if !self.scanner.take(b',') {
            return Err(self.scanner.unexpected());
        }
        self.scanner.skip_blanks();
        if self.scanner.peek() == Some(end) {
            return Err(DecodeError::at(&TRAILING_COMMA, comma));
        }
        Ok(())
    }

    fn member(&mut self) -> Result<(), DecodeError> {
        let at = self.scanner.at();
        if self.scanner.peek() != Some(b'"') {
            return Err(self.scanner.misfit());
        }
        let (name, kept) = match self.scanner.string()? {
            Text::Plain(name) => (Cow::Borrowed(name), self.held.part(at + 1, name)),
            Text::Unescaped(name) => (Cow::Owned(name.to_owned()), self.document.keep(name)),
        };
        self.expect_new_key(name, at)?;
        self.scanner.skip_blanks();
        if !self.scanner.take(b':') {
            return Err(self.scanner.unexpected());
        }
        match self.open.last() {
            Some(Open { kind: OpenKind::Object { node, .. }, .. }) => {
                let node = *node;
                self.value(node, kept, false)
            }
            _ => Err(DecodeError::at(&UNEXPECTED, at)),
        }
    }

    fn next_item(&mut self) -> Result<(), DecodeError> {
        match self.open.last() {
            Some(Open { kind: OpenKind::List { parent, name, .. }, .. }) => {
                let (parent, name) = (*parent, *name);
                self.value(parent, name, true)
            }
            _ => Err(self.scanner.unexpected()),
        }
    }

    /// Reads a value that belongs to `parent` under `name`; objects and lists are only begun.
    fn value(&mut self, parent: NodeId, name: Kept, in_list: bool) -> Result<(), DecodeError> {
        self.scanner.skip_blanks();
        let at = self.scanner.at();
        match self.scanner.peek() {
            Some(b'[') if in_list => {
                let node = self.add(parent, name, at)?;
                self.open_list(node, self.item, Some(node))
            }
            Some(b'[') => self.open_list(parent, name, None),
            Some(b'{') => {
                let node = self.add(parent, name, at)?;
                self.open_object(node)
            }
            _ => self.scalar(parent, name, at),
        }
    }

    fn scalar(&mut self, parent: NodeId, name: Kept, at: usize) -> Result<(), DecodeError> {
        let node = self.add(parent, name, at)?;
        match self.scanner.peek() {
            Some(b'"') => self.string(node, at),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => {
                let number = self.scanner.number()?;
                self.value_as_written(node, number, at, at)
            }
            _ => match self.scanner.word()? {
                "null" => {
                    self.document.set_content(node, Content::Null);
                    Ok(())
                }
                word => self.value_as_written(node, word, at, at),
            },
        }
    }

    fn string(&mut self, node: NodeId, at: usize) -> Result<(), DecodeError> {
        match self.scanner.string()? {
            Text::Plain("") => Ok(()),
            Text::Plain(text) => self.value_as_written(node, text, at + 1, at),
            Text::Unescaped(text) => {
                self.limits.expect_text(text, at)?;
                self.document.set_content(node, Content::Value(text));
                Ok(())
            }
        }
    }

    /// A value that stands in the text as it is meant, from `text_at` on.
    fn value_as_written(
        &mut self,
        node: NodeId,
        text: &str,
        text_at: usize,
        at: usize,
    ) -> Result<(), DecodeError> {
        self.limits.expect_text(text, at)?;
        self.document.set_value_kept(node, self.held.part(text_at, text));
        Ok(())
    }

    fn open_object(&mut self, node: NodeId) -> Result<(), DecodeError> {
        let keys_from = self.keys.len();
        self.push(OpenKind::Object { node, keys_from, index: None })
    }

    fn open_list(
        &mut self,
        parent: NodeId,
        name: Kept,
        own: Option<NodeId>,
    ) -> Result<(), DecodeError> {
        let offset = self.scanner.at();
        self.push(OpenKind::List { parent, name, offset, own })
    }

    fn push(&mut self, kind: OpenKind<'a>) -> Result<(), DecodeError> {
        let max = usize::try_from(self.limits.depth_max).unwrap_or(usize::MAX);
        if self.open.len() >= max {
            return Err(DecodeError::at(&TOO_DEEP, self.scanner.at()).with_limit(max));
        }
        self.scanner.skip_byte();
        self.open.push(Open { kind, is_fresh: true });
        Ok(())
    }

    fn close(&mut self, is_empty: bool) -> Result<(), DecodeError> {
        match self.open.pop().map(|open| open.kind) {
            Some(OpenKind::Object { keys_from, .. }) => self.keys.truncate(keys_from),
            Some(OpenKind::List { parent, name, offset, own }) if is_empty => {
                let node = match own {
                    Some(node) => node,
                    None => self.add(parent, name, offset)?,
                };
                self.document.set_content(node, Content::EmptyList);
            }
            Some(OpenKind::List { .. }) | None => {}
        }
        Ok(())
    }

    fn add(&mut self, parent: NodeId, name: Kept, at: usize) -> Result<NodeId, DecodeError> {
        let max = self.limits.nodes_max;
        if self.document.len() >= max {
            return Err(DecodeError::at(&TOO_MANY_NODES, at).with_limit(max));
        }
        Ok(self.document.add_kept(parent, Kind::Element, name, at))
    }

    /// Takes in a key of the innermost object, which must not have it yet.
    fn expect_new_key(&mut self, name: Cow<'a, str>, offset: usize) -> Result<(), DecodeError> {
        let Some(Open { kind: OpenKind::Object { keys_from, index, .. }, .. }) =
            self.open.last_mut()
        else {
            return Ok(());
        };
        let earlier = if let Some(index) = index {
            index.insert(name, offset)
        } else {
            let keys = self.keys.get(*keys_from..).unwrap_or_default();
            let earlier = keys.iter().find(|key| key.name == name).map(|key| key.offset);
            self.keys.push(Key { name, offset });
            if self.keys.len() - *keys_from > FEW_KEYS {
                let keys = self.keys.drain(*keys_from..);
                *index = Some(keys.map(|key| (key.name, key.offset)).collect());
            }
            earlier
        };
        match earlier {
            Some(first) => Err(DecodeError::at(&REPEATED_KEY, offset).with_related(first)),
            None => Ok(()),
        }
    }
}

/// Up to so many keys, looking through them is quicker than hashing.
const FEW_KEYS: usize = 24;

#[cfg(test)]
mod tests;
