//! Where the fields of an item stand: looked for once an item, not once a field.
//!
//! A record reads twenty fields, and most of them stand side by side, in the item or in a neighbour
//! that several items share: `quantity`, `../../prescNo`, `../patient/sex`. Following each path for
//! itself looks at the same children twenty times. So the compiler gathers the plain paths that end
//! in the same parent, and the first of them that is asked for finds the places of all; they hold
//! until an item has another parent there.
//!
//! What is found is what [`walk::first`] finds. Paths with predicates, wildcards, namespaces or
//! other axes are not gathered.

use std::cell::RefCell;

use adapters::{Document, Kind, NodeId};

use crate::expression::{Axis, Path, Segment, Start};
use crate::scene::{Lookup, Scene};
use crate::walk;

/// The plain paths of one record's expressions, by the parent they end in.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    parents: Vec<Parent>,
}

/// One of the gathered paths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    parent: usize,
    place: usize,
}

/// A place in which several paths end.
#[derive(Debug)]
struct Parent {
    path: Path,
    /// No path leads to two such parents, so what is not in the first is nowhere.
    is_only: bool,
    /// What is looked for in it; each but once.
    names: Vec<(Kind, String)>,
}

impl Fields {
    /// Takes in a path, if it is a plain one.
    pub(crate) fn take_in(&mut self, path: &Path) -> Option<Field> {
        let (last, before) = path.segments.split_last()?;
        let name = plain_name(last)?;
        if path.start != Start::Here || !is_plain(before) {
            return None;
        }
        let parent = self.parent(before);
        let names = &mut self.parents.get_mut(parent)?.names;
        let place = names.iter().position(|it| *it == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        Some(Field { parent, place })
    }

    fn parent(&mut self, segments: &[Segment]) -> usize {
        let known = self.parents.iter().position(|it| it.path.segments == segments);
        known.unwrap_or_else(|| {
            let path = Path { start: Start::Here, segments: segments.to_vec(), index: None };
            let is_only = segments.iter().all(|it| matches!(it.axis, Axis::Here | Axis::Parent));
            self.parents.push(Parent { path, is_only, names: Vec::new() });
            self.parents.len() - 1
        })
    }
}

/// What a path must end in to be gathered.
fn plain_name(segment: &Segment) -> Option<(Kind, String)> {
    let (kind, name) = match &segment.axis {
        Axis::Child(name) => (Kind::Element, name),
        Axis::Attribute(name) => (Kind::Attribute, name),
        _ => return None,
    };
    let is_plain = segment.predicates.is_empty() && name.namespace.is_none();
    is_plain.then_some((kind, name.local.clone()?))
}

/// Up some levels, then down some: then the first parent tells which others there are.
fn is_plain(segments: &[Segment]) -> bool {
    let ups = segments.iter().take_while(|it| matches!(it.axis, Axis::Here | Axis::Parent));
    let downs = segments.iter().skip(ups.count());
    segments.iter().all(|it| it.predicates.is_empty())
        && downs.into_iter().all(|it| matches!(it.axis, Axis::Child(_)))
}

/// What was found around the item at hand.
#[derive(Debug)]
pub(crate) struct Nearby<'p> {
    fields: &'p Fields,
    tables: RefCell<Vec<Table>>,
}

/// The children of one parent.
#[derive(Debug)]
struct Table {
    /// The item it was looked for from, the last time.
    seen_from: Option<NodeId>,
    /// The first such parent, if there is one.
    at: Option<NodeId>,
    nodes: Vec<Lookup>,
}

impl<'p> Nearby<'p> {
    pub(crate) fn new(fields: &'p Fields) -> Nearby<'p> {
        let tables = fields.parents.iter().map(|it| Table::with_room(it.names.len()));
        Nearby { fields, tables: RefCell::new(tables.collect()) }
    }

    /// The first node that the field's path reaches from the node at hand.
    pub(crate) fn node(&self, field: Field, scene: &Scene<'_>, path: &Path) -> Option<NodeId> {
        let item = scene.item.node;
        let mut tables = self.tables.borrow_mut();
        let (parent, table) =
            self.fields.parents.get(field.parent).zip(tables.get_mut(field.parent))?;
        if scene.reading.budget.is_spent() {
            return None;
        }
        if table.seen_from != Some(item) {
            table.move_to(item, parent, scene);
        }
        let slot = table.nodes.get_mut(field.place)?;
        if let Lookup::Done(node) = *slot {
            return node;
        }
        let node = walk::first(scene, item, path);
        *slot = Lookup::Done(node);
        node
    }
}

impl Table {
    fn with_room(names: usize) -> Table {
        Table { seen_from: None, at: None, nodes: Vec::with_capacity(names) }
    }

    fn move_to(&mut self, item: NodeId, parent: &Parent, scene: &Scene<'_>) {
        let at = walk::first(scene, item, &parent.path);
        if at != self.at || self.seen_from.is_none() {
            self.at = at;
            self.look(parent, scene);
        }
        self.seen_from = Some(item);
    }

    /// One look at the children: the first of each name counts.
    fn look(&mut self, parent: &Parent, scene: &Scene<'_>) {
        let is_settled = parent.is_only || self.at.is_none();
        let missing = if is_settled { Lookup::Done(None) } else { Lookup::NotYet };
        self.nodes.clear();
        self.nodes.resize(parent.names.len(), missing);
        let Some(at) = self.at else { return };
        let (mut left, mut next, mut looked_at) = (parent.names.len(), 0, 0);
        for child in scene.document.children(at) {
            looked_at += 1;
            let Some(place) = parent.place_of(scene.document, child, next) else { continue };
            next = place + 1;
            if let Some(slot @ (Lookup::NotYet | Lookup::Done(None))) = self.nodes.get_mut(place) {
                *slot = Lookup::Done(Some(child));
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        scene.reading.budget.spend(looked_at);
    }
}

impl Parent {
    /// Which of the names a child has. Mappings mostly follow the order of the message, so the one
    /// behind the last is tried first.
    fn place_of(&self, document: &Document, child: NodeId, next: usize) -> Option<usize> {
        let (kind, name) = (document.kind(child), document.name(child));
        let is_it = |wanted: &(Kind, String)| wanted.0 == kind && wanted.1 == name;
        if self.names.get(next).is_some_and(is_it) {
            return Some(next);
        }
        self.names.iter().position(is_it)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fmt::Write as _;

    use adapters::{Input, Limits, WireFormat};
    use jiff::civil::datetime;

    use super::*;
    use crate::expression::{Expression, Source};
    use crate::scene::{Budget, Context, Found, Item, Reading};

    const PATHS: &[&str] = &[
        "a",
        "b",
        "c",
        "@a",
        "./a",
        "../a",
        "../@b",
        "../../a",
        "a/b",
        "../a/b",
        "../b/c/a",
        "../../b/@a",
    ];

    #[test]
    fn only_plain_paths_are_gathered() {
        for path in ["a[1]", "../*", "{urn:x}a", "//a", "/r/a", ".", "..", "a/../b", "ancestor::a"]
        {
            assert!(Fields::default().take_in(&parsed(path)).is_none(), "{path}");
        }
        let mut fields = Fields::default();
        assert!(PATHS.iter().all(|it| fields.take_in(&parsed(it)).is_some()));
    }

    /// Whatever the document, whatever is asked first: what is found is what the path finds.
    #[test]
    fn fields_are_where_their_paths_lead() {
        let mut random = Random(20_240_515);
        let mut reached = 0;
        for _ in 0..300 {
            let mut text = String::from("<r>");
            random.elements(&mut text, 4);
            text.push_str("</r>");
            reached += check(&text);
        }
        assert!(reached > 10_000, "{reached}");
    }

    /// How many of the paths lead somewhere, over all nodes of the text.
    fn check(text: &str) -> usize {
        let input = Input::new(text.as_bytes(), WireFormat::Xml, None);
        let document = adapters::decode(&input, &Limits::default()).unwrap().document;
        let context = Context {
            channel: "c",
            org: "o",
            message_id: "m",
            received_at: datetime(2026, 1, 2, 3, 4, 5, 0),
            operation: None,
        };
        let found = Found::new(0);
        let reading = Reading { budget: Budget::of(&document), ..Reading::default() };
        let mut fields = Fields::default();
        let paths: Vec<_> = PATHS.iter().map(|it| parsed(it)).collect();
        let fielded: Vec<_> = paths.iter().map(|it| (fields.take_in(it).unwrap(), it)).collect();
        let nearby = Nearby::new(&fields);
        let mut reached = 0;
        for node in everything(&document) {
            let item = Item { node, text: None, position: 1 };
            let scene = Scene::new(&document, &context, &item, &found, &reading);
            for (field, path) in &fielded {
                let expected = walk::first(&scene, node, path);
                assert_eq!(nearby.node(*field, &scene, path), expected, "{path:?} in {text}");
                reached += usize::from(expected.is_some());
            }
        }
        reached
    }

    fn everything(document: &Document) -> Vec<NodeId> {
        let mut nodes = vec![document.root()];
        let mut at = 0;
        while let Some(node) = nodes.get(at).copied() {
            nodes.extend(document.children(node));
            at += 1;
        }
        nodes
    }

    fn parsed(path: &str) -> Path {
        let Source::Path(path) = Expression::parse(path).unwrap().source else { panic!("{path}") };
        path
    }

    /// Numbers that look random and are the same every time.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) % bound
        }

        fn name(&mut self) -> &'static str {
            ["a", "b", "c"].into_iter().nth(usize::try_from(self.below(3)).unwrap()).unwrap()
        }

        fn elements(&mut self, out: &mut String, depth: u64) {
            for _ in 0..self.below(depth + 1) {
                let name = self.name();
                let attribute = self.name();
                let _ = write!(out, "<{name} {attribute}=\"1\">");
                self.elements(out, depth - 1);
                let _ = write!(out, "</{name}>");
            }
        }
    }
}
