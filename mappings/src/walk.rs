//! Follows a path through a source document.

use adapters::{Document, Kind, NodeId};

use crate::expression::{Axis, Path, Predicate, Segment, Test};

/// The first node a path reaches, which is what a single value is read from.
pub(crate) fn first(document: &Document, from: NodeId, path: &Path) -> Option<NodeId> {
    let start = if path.absolute { document.root() } else { from };
    first_of(document, start, &path.segments)
}

/// Every node a path reaches, in document order.
pub(crate) fn all(document: &Document, from: NodeId, path: &Path) -> Vec<NodeId> {
    let mut nodes = vec![if path.absolute { document.root() } else { from }];
    for segment in &path.segments {
        nodes = nodes.into_iter().flat_map(|node| reach(document, node, segment)).collect();
        nodes.dedup(); // two children have one parent
    }
    nodes
}

/// The same as `all(...).first()`, but without building lists: nearly every value of every record
/// is read this way. Depth is bounded by the length of the path.
fn first_of(document: &Document, node: NodeId, segments: &[Segment]) -> Option<NodeId> {
    let Some((segment, rest)) = segments.split_first() else {
        return Some(node);
    };
    if segment.predicates.is_empty() {
        match &segment.axis {
            Axis::Here => return first_of(document, node, rest),
            Axis::Parent => return first_of(document, document.parent(node)?, rest),
            Axis::Child(name) => return first_child(document, node, Kind::Element, name, rest),
            Axis::Attribute(name) => {
                return first_child(document, node, Kind::Attribute, name, rest);
            }
            Axis::AnyChild | Axis::Descendant(_) => {}
        }
    }
    reach(document, node, segment).into_iter().find_map(|it| first_of(document, it, rest))
}

fn first_child(
    document: &Document,
    node: NodeId,
    kind: Kind,
    name: &str,
    rest: &[Segment],
) -> Option<NodeId> {
    document
        .children(node)
        .filter(|it| document.kind(*it) == kind && document.name(*it) == name)
        .find_map(|it| first_of(document, it, rest))
}

fn reach(document: &Document, node: NodeId, segment: &Segment) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = match &segment.axis {
        Axis::Here => vec![node],
        Axis::Parent => document.parent(node).into_iter().collect(),
        Axis::AnyChild => elements(document, node).collect(),
        Axis::Child(name) => {
            elements(document, node).filter(|it| document.name(*it) == name).collect()
        }
        Axis::Attribute(name) => document
            .children(node)
            .filter(|it| document.kind(*it) == Kind::Attribute && document.name(*it) == name)
            .collect(),
        Axis::Descendant(name) => descendants(document, node, name),
    };
    for predicate in &segment.predicates {
        nodes = match predicate {
            Predicate::Index(index) => nodes.into_iter().skip(index - 1).take(1).collect(),
            Predicate::Test { path, test } => {
                nodes.into_iter().filter(|it| holds(document, *it, path, test)).collect()
            }
        };
    }
    nodes
}

fn elements(document: &Document, node: NodeId) -> impl Iterator<Item = NodeId> {
    document.children(node).filter(|it| document.kind(*it) == Kind::Element)
}

/// Depth first without recursion: the depth of a document is bounded, the stack need not be.
fn descendants(document: &Document, node: NodeId, name: &str) -> Vec<NodeId> {
    let mut found = Vec::new();
    let mut open: Vec<_> = vec![elements(document, node).collect::<Vec<_>>().into_iter()];
    while let Some(level) = open.last_mut() {
        match level.next() {
            None => {
                open.pop();
            }
            Some(node) => {
                if document.name(node) == name {
                    found.push(node);
                }
                open.push(elements(document, node).collect::<Vec<_>>().into_iter());
            }
        }
    }
    found
}

fn holds(document: &Document, node: NodeId, path: &Path, test: &Test) -> bool {
    match test {
        Test::Exists => first(document, node, path).is_some(),
        // As in XPath: it holds when any node that the path reaches has the value.
        Test::Is(wanted) => {
            all(document, node, path).iter().any(|it| document.value(*it) == Some(wanted))
        }
        Test::IsNot(wanted) => {
            all(document, node, path).iter().all(|it| document.value(*it) != Some(wanted))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use adapters::{Inner, Input, Limits, WireFormat};

    use super::*;
    use crate::expression::{Expression, Source};

    const DOCUMENT: &str =
        r#"<r><p no="1"><i k="a">x</i><i k="b">y</i></p><p no="2"><i k="b">z</i></p></r>"#;

    #[test]
    fn axes() {
        check("r/p/i", "x y z");
        check("r/p[2]/i", "z");
        check("r/p/@no", "1 2");
        check("//i", "x y z");
        check("r/*/i[1]", "x z");
        check("r/p/i/../@no", "1 2");
        check("/r/p/./i[2]", "y");
        check("r/q", "");
    }

    #[test]
    fn predicates() {
        check("r/p/i[@k=\"b\"]", "y z");
        check("r/p[i/@k=\"a\"]/@no", "1");
        check("r/p[i!=\"x\"]/@no", "2");
        check("r/p[@nothing]/@no", "");
    }

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let input = Input::new(DOCUMENT.as_bytes(), WireFormat::Xml, None);
        let document = adapters::decode(&input, &Limits::default()).unwrap().document;
        let Source::Path(path) = Expression::parse(path).unwrap().source else { panic!("no path") };
        let root = document.root();
        let values: Vec<_> = all(&document, root, &path)
            .iter()
            .map(|it| document.value(*it).unwrap_or(""))
            .collect();
        assert_eq!(values.join(" "), expected);
        assert_eq!(first(&document, root, &path), all(&document, root, &path).first().copied());
    }

    #[test]
    fn opened_documents_are_walked_like_any_other() {
        let text = r#"{"a":"<b><c>1</c></b>"}"#;
        let input = Input::new(text.as_bytes(), WireFormat::Json, None);
        let mut document = adapters::decode(&input, &Limits::default()).unwrap().document;
        let field = document.children(document.root()).next().unwrap();
        adapters::open(&mut document, field, &Inner::Xml.into(), &Limits::default()).unwrap();
        let Source::Path(path) = Expression::parse("a/b/c").unwrap().source else { panic!() };
        let node = first(&document, document.root(), &path).unwrap();
        assert_eq!(document.value(node), Some("1"));
    }
}
