//! The source document: what arrived, as a tree in the HIS's own words.
//!
//! One shape serves every wire format, so that a mapping reads XML, JSON and forms by the same
//! paths. An XML element, an XML attribute, a JSON member and a form field are all *nodes* with a
//! name, perhaps a value, perhaps children. What differs between "one object" and "a list of one"
//! in JSON does not differ here: each item of a list is a node of its own that carries the list's
//! name, so it never changes the shape of the result.
//!
//! A field that holds another document (XML in CDATA, JSON in a string) is *opened* in place: the
//! nested document's nodes become children of the field's node, to any depth.
//!
//! Nodes lie in one vector in document order and all text in one string: building a document
//! allocates a handful of times, not once per field. A text that is read is held whole, and most
//! names and values are parts of it; only what stands nowhere in it, such as a value with its
//! references resolved, is added behind.

mod group;
mod place;

pub use place::{Place, Spot, line_column};

/// A node's place in its document. Only meaningful for the document that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// What a node was on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The document itself; node 0 and nothing else.
    Root,
    /// An XML element, a JSON object or list item, a form field, a SOAP parameter.
    Element,
    /// An XML attribute. Paths reach it by `@name`.
    Attribute,
}

/// Whether a node carries a value. Absent is told by there being no node at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Text, a number as it was written, `true` or `false`.
    Value(&'a str),
    /// The element was there with nothing in it: `<a/>`, `""`.
    Empty,
    /// JSON `null` or `xsi:nil="true"`.
    Null,
    /// A JSON list without items: asked, and there are none.
    EmptyList,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u32,
}

#[derive(Clone, Copy, Debug)]
enum Stored {
    Value(Span),
    Empty,
    Null,
    EmptyList,
}

#[derive(Clone, Debug)]
struct Node {
    name: Span,
    namespace: Option<Span>,
    stored: Stored,
    kind: Kind,
    parent: u32,
    first_child: u32,
    last_child: u32,
    next_sibling: u32,
    /// Byte offset in the text this node was read from (the outermost one, or the opened field).
    offset: u32,
}

/// A text the document already holds, to be shared by many nodes: the name of a list's items, the
/// URI of a namespace. Sharing keeps a small message from growing large in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept(Span);

/// A text that a document holds whole, while its names and values are found in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    start: u32,
}

impl Held {
    /// A part of the held text, which must be one: nothing is looked at before it is asked for.
    pub(crate) fn part(self, at: usize, text: &str) -> Kept {
        let at = u32::try_from(at).expect("limits keep a document under 4 GiB");
        let len = u32::try_from(text.len()).expect("limits keep a text under 4 GiB");
        Kept(Span { start: self.start + at, len })
    }
}

/// A state of a document to go back to, so that a nested document that turns out broken leaves
/// nothing behind.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    node: NodeId,
    nodes: usize,
    text: usize,
    stored: Stored,
    first_child: u32,
    last_child: u32,
}

/// No node: 0 is the root, which is nobody's child or sibling.
const NONE: u32 = 0;

/// A decoded message.
#[derive(Clone, Debug)]
pub struct Document {
    text: String,
    nodes: Vec<Node>,
    /// The fields that were opened, in the order of the nodes they brought.
    opened: Vec<place::Opened>,
    /// Which of many it is, where the others are not there.
    numbered: Option<(NodeId, usize)>,
}

impl Document {
    /// A document with only its root. `text_bytes` is how long the text is that will be read.
    pub fn with_capacity(text_bytes: usize) -> Document {
        let mut nodes = Vec::with_capacity(16 + text_bytes / 24);
        nodes.push(Node {
            name: Span { start: 0, len: 0 },
            namespace: None,
            stored: Stored::Empty,
            kind: Kind::Root,
            parent: NONE,
            first_child: NONE,
            last_child: NONE,
            next_sibling: NONE,
            offset: 0,
        });
        // Some room for what does not stand in the text: a value with its references resolved.
        let text = String::with_capacity(text_bytes + text_bytes / 8 + 64);
        Document { text, nodes, opened: Vec::new(), numbered: None }
    }

    /// The document node. Its children are the root element (XML), the members of the outermost
    /// object (JSON), the fields (form) or the parameters (SOAP).
    pub const fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// How many nodes there are, the root and an envelope that was taken off included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True when nothing but the root is there.
    pub fn is_empty(&self) -> bool {
        self.node(self.root()).first_child == NONE
    }

    /// The local name: no prefix, the empty string for the root.
    pub fn name(&self, id: NodeId) -> &str {
        self.slice(self.node(id).name)
    }

    /// The namespace URI, if the element was in one.
    pub fn namespace(&self, id: NodeId) -> Option<&str> {
        self.node(id).namespace.map(|span| self.slice(span))
    }

    /// Element, attribute or root.
    pub fn kind(&self, id: NodeId) -> Kind {
        self.node(id).kind
    }

    /// The value, or which kind of nothing stands in its place.
    pub fn content(&self, id: NodeId) -> Content<'_> {
        match self.node(id).stored {
            Stored::Value(span) => Content::Value(self.slice(span)),
            Stored::Empty => Content::Empty,
            Stored::Null => Content::Null,
            Stored::EmptyList => Content::EmptyList,
        }
    }

    /// The value as text; `None` when there is none.
    pub fn value(&self, id: NodeId) -> Option<&str> {
        match self.content(id) {
            Content::Value(text) => Some(text),
            Content::Empty | Content::Null | Content::EmptyList => None,
        }
    }

    /// The node this one stands in; `None` for the root.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        (id.0 != 0).then(|| NodeId(self.node(id).parent))
    }

    /// Where the node began, in bytes of the text it was read from.
    pub fn offset(&self, id: NodeId) -> usize {
        self.node(id).offset as usize
    }

    /// All children in document order, attributes first.
    pub fn children(&self, id: NodeId) -> Children<'_> {
        Children { document: self, next: self.node(id).first_child }
    }

    /// The siblings behind a node, in document order.
    pub fn following(&self, id: NodeId) -> Children<'_> {
        Children { document: self, next: self.node(id).next_sibling }
    }

    /// The way from the root, as a path would write it: `msgBody/root/items/item[2]/@id`. Among
    /// siblings of one name it says which one; an only child needs no number.
    pub fn path(&self, id: NodeId) -> String {
        let mut steps = Vec::new();
        let mut at = id;
        while let Some(parent) = self.parent(at) {
            steps.push(self.step(parent, at));
            at = parent;
        }
        steps.reverse();
        steps.join("/")
    }

    fn step(&self, parent: NodeId, id: NodeId) -> String {
        let name = self.name(id);
        if self.kind(id) == Kind::Attribute {
            return format!("@{name}");
        }
        if let Some(position) = self.position_in_stream(id) {
            return format!("{name}[{position}]");
        }
        let alike = |it: &NodeId| self.kind(*it) == Kind::Element && self.name(*it) == name;
        let mut siblings = self.children(parent).filter(alike);
        let position = siblings.by_ref().take_while(|it| *it != id).count() + 1;
        let is_only = position == 1 && siblings.next().is_none();
        if is_only { name.to_owned() } else { format!("{name}[{position}]") }
    }

    /// Adds a child behind the last one. Its content is empty until it is set.
    pub fn add(&mut self, parent: NodeId, kind: Kind, name: &str, offset: usize) -> NodeId {
        let name = self.keep(name);
        self.add_kept(parent, kind, name, offset)
    }

    /// Adds a child whose name the document already holds.
    pub(crate) fn add_kept(
        &mut self,
        parent: NodeId,
        kind: Kind,
        name: Kept,
        offset: usize,
    ) -> NodeId {
        let id = u32::try_from(self.nodes.len()).expect("limits keep a document under 2^32 nodes");
        self.nodes.push(Node {
            name: name.0,
            namespace: None,
            stored: Stored::Empty,
            kind,
            parent: parent.0,
            first_child: NONE,
            last_child: NONE,
            next_sibling: NONE,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
        });
        let last = self.node(parent).last_child;
        if last == NONE {
            self.node_mut(parent).first_child = id;
        } else {
            self.node_mut(NodeId(last)).next_sibling = id;
        }
        self.node_mut(parent).last_child = id;
        NodeId(id)
    }

    /// Gives a node another name.
    pub(crate) fn rename(&mut self, id: NodeId, name: &str) {
        let name = self.store(name);
        self.node_mut(id).name = name;
    }

    /// Sets a node's namespace URI.
    pub fn set_namespace(&mut self, id: NodeId, uri: &str) {
        let kept = self.keep(uri);
        self.set_namespace_kept(id, kept);
    }

    /// Sets a node's namespace to a URI the document already holds.
    pub(crate) fn set_namespace_kept(&mut self, id: NodeId, uri: Kept) {
        self.node_mut(id).namespace = Some(uri.0);
    }

    /// Holds a text that is about to be read.
    pub(crate) fn hold(&mut self, text: &str) -> Held {
        Held { start: self.store(text).start }
    }

    /// The text of a node's value, from a place in it on.
    pub(crate) fn held_value(&self, id: NodeId, from: usize) -> Held {
        let Stored::Value(span) = self.node(id).stored else { return Held { start: 0 } };
        Held { start: span.start + u32::try_from(from).expect("limits keep a text under 4 GiB") }
    }

    /// Holds a text that several nodes will share.
    pub(crate) fn keep(&mut self, text: &str) -> Kept {
        Kept(self.store(text))
    }

    /// Makes the child elements of `node` the children of the root, in place of what stood there.
    /// What is left out stays in the vector, but nothing leads to it any more.
    pub(crate) fn lift_children(&mut self, node: NodeId) {
        let lifted: Vec<NodeId> =
            self.children(node).filter(|id| self.kind(*id) == Kind::Element).collect();
        let root = self.root();
        for pair in lifted.windows(2) {
            if let [left, right] = pair {
                self.node_mut(*left).next_sibling = right.0;
            }
        }
        for id in &lifted {
            self.node_mut(*id).parent = root.0;
        }
        self.node_mut(root).first_child = lifted.first().map_or(NONE, |id| id.0);
        self.node_mut(root).last_child = lifted.last().map_or(NONE, |id| id.0);
    }

    /// Remembers how `node` and everything behind it looks now.
    pub(crate) fn checkpoint(&self, node: NodeId) -> Checkpoint {
        let Node { stored, first_child, last_child, .. } = *self.node(node);
        let (nodes, text) = (self.nodes.len(), self.text.len());
        Checkpoint { node, nodes, text, stored, first_child, last_child }
    }

    /// Forgets everything that was added under the checkpoint's node since.
    pub(crate) fn go_back(&mut self, to: &Checkpoint) {
        self.nodes.truncate(to.nodes);
        self.text.truncate(to.text);
        if to.last_child != NONE {
            self.node_mut(NodeId(to.last_child)).next_sibling = NONE;
        }
        let node = self.node_mut(to.node);
        node.stored = to.stored;
        node.first_child = to.first_child;
        node.last_child = to.last_child;
    }

    /// How many bytes of text the document holds.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Sets a node's content.
    pub fn set_content(&mut self, id: NodeId, content: Content<'_>) {
        let stored = match content {
            Content::Value(text) => Stored::Value(self.store(text)),
            Content::Empty => Stored::Empty,
            Content::Null => Stored::Null,
            Content::EmptyList => Stored::EmptyList,
        };
        self.node_mut(id).stored = stored;
    }

    /// Gives a node the content of another; the text is held once.
    pub(crate) fn share_content(&mut self, from: NodeId, to: NodeId) {
        self.node_mut(to).stored = self.node(from).stored;
    }

    /// Sets a node's content to a text the document already holds.
    pub(crate) fn set_value_kept(&mut self, id: NodeId, value: Kept) {
        self.node_mut(id).stored = Stored::Value(value.0);
    }

    fn store(&mut self, text: &str) -> Span {
        let start = u32::try_from(self.text.len()).expect("limits keep a document under 4 GiB");
        self.text.push_str(text);
        Span { start, len: u32::try_from(text.len()).expect("limits keep a text under 4 GiB") }
    }

    fn slice(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.text.get(start..start + span.len as usize).expect("spans are made by `store` only")
    }

    fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.0 as usize).expect("a NodeId is used with the document that gave it")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(id.0 as usize).expect("a NodeId is used with the document that gave it")
    }
}

/// Iterator over a node's children.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    document: &'a Document,
    next: u32,
}

impl Iterator for Children<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        if self.next == NONE {
            return None;
        }
        let id = NodeId(self.next);
        self.next = self.document.node(id).next_sibling;
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_keep_their_order_and_know_their_way() {
        let mut document = Document::with_capacity(0);
        let root = document.root();
        let item = document.add(root, Kind::Element, "item", 0);
        let code = document.add(item, Kind::Attribute, "编码", 6);
        document.set_content(code, Content::Value("YP1"));
        let second = document.add(root, Kind::Element, "item", 20);

        let names: Vec<_> = document.children(root).map(|id| document.name(id)).collect();
        assert_eq!(names, ["item", "item"]);
        assert_eq!(document.value(code), Some("YP1"));
        assert_eq!(document.path(code), "item[1]/@编码");
        assert_eq!(document.path(second), "item[2]");
        assert_eq!(document.parent(root), None);
    }
}
