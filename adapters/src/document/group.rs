//! Flat siblings to groups: the segments of an HL7 order belong together though nothing encloses
//! them, and so do header and lines of some flat exports.

use super::{Checkpoint, Document, Kind, NONE, NodeId};

impl Document {
    /// Puts the child elements of `parent` into groups: each child named `starts` begins one, and
    /// what follows it belongs to it up to the next such child or one named in `ends`. Every group
    /// is a new child `name` of the parent. What stands before the first group, or behind an end,
    /// stays where it is, in order, and so do attributes.
    pub fn group(&mut self, parent: NodeId, starts: &str, ends: &[String], name: &str) {
        let children: Vec<NodeId> = self.children(parent).collect();
        let is_element = |document: &Document, id| document.kind(id) == Kind::Element;
        let begins = |id: &NodeId| is_element(self, *id) && self.name(*id) == starts;
        let Some(first) = children.iter().copied().find(begins) else { return };
        let name = self.keep(name);
        let groups_from = self.len();
        let held_by = self.opened_field(first);
        self.forget_children(parent);
        let mut group = None;
        for child in children {
            if is_element(self, child) {
                if self.name(child) == starts {
                    let offset = self.offset(child);
                    group = Some(self.add_kept(parent, Kind::Element, name, offset));
                } else if ends.iter().any(|it| it == self.name(child)) {
                    group = None;
                }
            }
            let is_grouped = is_element(self, child);
            self.adopt(group.filter(|_| is_grouped).unwrap_or(parent), child);
        }
        if let Some(field) = held_by {
            self.note_opened(field, groups_from, 0);
        }
    }

    /// Hangs the child elements of `node` behind the last child of the root.
    pub(crate) fn raise_children(&mut self, node: NodeId) {
        let children: Vec<NodeId> = self.children(node).collect();
        self.forget_children(node);
        for child in children {
            let is_element = self.kind(child) == Kind::Element;
            self.adopt(if is_element { self.root() } else { node }, child);
        }
    }

    /// Makes a node the last child of the checkpoint's node, in place of what was added there since.
    pub(crate) fn move_under(&mut self, node: NodeId, parent: &Checkpoint) {
        if parent.last_child != NONE {
            self.node_mut(NodeId(parent.last_child)).next_sibling = NONE;
        }
        let holder = self.node_mut(parent.node);
        holder.first_child = parent.first_child;
        holder.last_child = parent.last_child;
        self.adopt(parent.node, node);
    }

    fn forget_children(&mut self, parent: NodeId) {
        let parent = self.node_mut(parent);
        parent.first_child = NONE;
        parent.last_child = NONE;
    }

    /// Hangs an existing node behind the last child of `parent`.
    fn adopt(&mut self, parent: NodeId, child: NodeId) {
        let last = self.node(parent).last_child;
        if last == NONE {
            self.node_mut(parent).first_child = child.0;
        } else {
            self.node_mut(NodeId(last)).next_sibling = child.0;
        }
        self.node_mut(parent).last_child = child.0;
        let child = self.node_mut(child);
        child.parent = parent.0;
        child.next_sibling = NONE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_become_groups() {
        check("MSH PID ORC RXO RXR ORC RXO", &[], "MSH PID (ORC RXO RXR) (ORC RXO)");
        check("ORC", &[], "(ORC)");
        check("ORC ORC", &[], "(ORC) (ORC)");
        check("MSH PID", &[], "MSH PID");
        check("", &[], "");
        check("ORC RXO ZDG NTE ORC", &["ZDG"], "(ORC RXO) ZDG NTE (ORC)");
        check("@a ORC @b RXO", &[], "@a (ORC RXO) @b");
    }

    #[test]
    fn a_group_stands_where_its_first_child_stood() {
        let (mut document, parent) = flat("MSH ORC RXO");
        document.group(parent, "ORC", &[], "order");
        let group = document.children(parent).last().expect("there is a group");
        assert_eq!(document.offset(group), 4);
        let last = document.children(group).last().expect("it holds two");
        assert_eq!(document.path(last), "m/order/RXO");
        // Another call finds nothing left to group.
        document.group(parent, "ORC", &[], "order");
        assert_eq!(document.path(last), "m/order/RXO");
    }

    fn flat(children: &str) -> (Document, NodeId) {
        let mut document = Document::with_capacity(0);
        let parent = document.add(document.root(), Kind::Element, "m", 0);
        let mut offset = 0;
        for name in children.split_ascii_whitespace() {
            let kind = if name.starts_with('@') { Kind::Attribute } else { Kind::Element };
            document.add(parent, kind, name, offset);
            offset += name.len() + 1;
        }
        (document, parent)
    }

    #[track_caller]
    fn check(children: &str, ends: &[&str], expected: &str) {
        let (mut document, parent) = flat(children);
        let ends: Vec<String> = ends.iter().map(ToString::to_string).collect();
        document.group(parent, "ORC", &ends, "order");
        let shown: Vec<String> = document
            .children(parent)
            .map(|id| match document.name(id) {
                "order" => {
                    let inside: Vec<_> =
                        document.children(id).map(|it| document.name(it)).collect();
                    format!("({})", inside.join(" "))
                }
                name => name.to_owned(),
            })
            .collect();
        assert_eq!(shown.join(" "), expected);
    }
}
