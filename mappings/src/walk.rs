//! Follows a path through a source document, and counts what it looks at.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow;

use adapters::{Children, Document, Kind, NodeId};

use crate::compiled::text_at;
use crate::expression::{Axis, Name, Operand, Path, Predicate, Segment, Start, State, Test};
use crate::scene::Scene;

mod join;

pub(crate) use join::Index;

/// The first node a path reaches, which is what a single value is read from.
pub(crate) fn first(scene: &Scene<'_>, from: NodeId, path: &Path) -> Option<NodeId> {
    if let Some((rows, behind)) = join::rows(scene, path) {
        let mut see = ControlFlow::Break;
        return rows
            .into_iter()
            .try_for_each(|it| visit(scene, it, behind, &mut see))
            .break_value();
    }
    let start = start(scene, from, path);
    let found = visit(scene, start, &path.segments, &mut ControlFlow::Break);
    found.break_value()
}

/// Every node a path reaches, each once, in document order; siblings before it and ancestors
/// nearest first.
pub(crate) fn all(scene: &Scene<'_>, from: NodeId, path: &Path) -> Vec<NodeId> {
    if let Some((rows, behind)) = join::rows(scene, path) {
        return along_all(scene, rows, behind);
    }
    let start = start(scene, from, path);
    if path.segments.iter().all(Segment::leads_down) {
        return below_all(scene, start, &path.segments);
    }
    along_all(scene, vec![start], &path.segments)
}

fn along_all(scene: &Scene<'_>, mut nodes: Vec<NodeId>, segments: &[Segment]) -> Vec<NodeId> {
    for segment in segments {
        let reached = nodes.iter().flat_map(|node| reach(scene, *node, segment));
        nodes = if nodes.len() > 1 && segment.axis.may_meet_twice() {
            let mut seen = HashSet::new();
            reached.filter(|node| seen.insert(*node)).collect()
        } else {
            reached.collect()
        };
    }
    nodes
}

/// The same where nothing is reached twice: without a list for every step of the way.
fn below_all(scene: &Scene<'_>, from: NodeId, segments: &[Segment]) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    let mut see = |node| -> ControlFlow<()> {
        nodes.push(node);
        ControlFlow::Continue(())
    };
    let _ = visit(scene, from, segments, &mut see);
    nodes
}

fn start(scene: &Scene<'_>, from: NodeId, path: &Path) -> NodeId {
    match path.start {
        Start::Here => from,
        Start::Root => scene.document.root(),
        Start::Item => scene.each.node,
    }
}

/// Shows every node to `see` until it breaks off, without building lists: nearly every value of
/// every record is read this way. Depth is bounded by the length of the path.
fn visit<B>(
    scene: &Scene<'_>,
    node: NodeId,
    segments: &[Segment],
    see: &mut impl FnMut(NodeId) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let Some((segment, rest)) = segments.split_first() else {
        return see(node);
    };
    if segment.predicates.is_empty() {
        match &segment.axis {
            Axis::Here => return visit(scene, node, rest, see),
            Axis::Parent => {
                return scene
                    .document
                    .parent(node)
                    .map_or(ControlFlow::Continue(()), |it| visit(scene, it, rest, see));
            }
            Axis::Child(name) => return children(scene, node, Kind::Element, name, rest, see),
            Axis::Attribute(name) => {
                return children(scene, node, Kind::Attribute, name, rest, see);
            }
            _ => {}
        }
    }
    reach(scene, node, segment).into_iter().try_for_each(|it| visit(scene, it, rest, see))
}

fn children<B>(
    scene: &Scene<'_>,
    node: NodeId,
    kind: Kind,
    name: &Name,
    rest: &[Segment],
    see: &mut impl FnMut(NodeId) -> ControlFlow<B>,
) -> ControlFlow<B> {
    if scene.reading.budget.is_spent() {
        return ControlFlow::Continue(());
    }
    let mut looked_at = 0;
    let found = scene.document.children(node).inspect(|_| looked_at += 1).try_for_each(|it| {
        if is(scene.document, it, kind, name) {
            visit(scene, it, rest, see)
        } else {
            ControlFlow::Continue(())
        }
    });
    scene.reading.budget.spend(looked_at);
    found
}

fn is(document: &Document, node: NodeId, kind: Kind, name: &Name) -> bool {
    document.kind(node) == kind && name.takes(document, node)
}

fn reach(scene: &Scene<'_>, node: NodeId, segment: &Segment) -> Vec<NodeId> {
    if scene.reading.budget.is_spent() {
        return Vec::new();
    }
    let mut looked_at = 1;
    let mut nodes = along(scene.document, node, &segment.axis, &mut looked_at);
    scene.reading.budget.spend(looked_at);
    for predicate in &segment.predicates {
        nodes = chosen(scene, nodes, predicate);
    }
    nodes
}

/// What an axis leads to, before predicates choose.
fn along(document: &Document, node: NodeId, axis: &Axis, looked_at: &mut usize) -> Vec<NodeId> {
    let parent = document.parent(node);
    let is_element = document.kind(node) == Kind::Element;
    let mut take = |nodes: &mut dyn Iterator<Item = NodeId>, kind, name: &Name| {
        nodes.inspect(|_| *looked_at += 1).filter(|it| is(document, *it, kind, name)).collect()
    };
    match axis {
        Axis::Here => vec![node],
        Axis::Parent => parent.into_iter().collect(),
        Axis::Child(name) => take(&mut document.children(node), Kind::Element, name),
        Axis::Attribute(name) => take(&mut document.children(node), Kind::Attribute, name),
        Axis::Descendant(name) => {
            let mut all = Descendants { document, open: vec![document.children(node)] };
            take(&mut all, Kind::Element, name)
        }
        // Attributes have an order in the document, but nobody means it.
        Axis::FollowingSibling(_) | Axis::PrecedingSibling(_) if !is_element => Vec::new(),
        Axis::FollowingSibling(name) => take(&mut document.following(node), Kind::Element, name),
        Axis::PrecedingSibling(name) => {
            let siblings = parent.into_iter().flat_map(|it| document.children(it));
            let mut before = siblings.take_while(|it| *it != node);
            let mut before: Vec<NodeId> = take(&mut before, Kind::Element, name);
            before.reverse();
            before
        }
        Axis::Ancestor(name) => {
            let mut ancestors = std::iter::successors(parent, |it| document.parent(*it));
            take(&mut ancestors, Kind::Element, name)
        }
    }
}

/// Depth first without recursion: the depth of a document is bounded, the stack need not be.
struct Descendants<'a> {
    document: &'a Document,
    open: Vec<Children<'a>>,
}

impl Iterator for Descendants<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        while let Some(level) = self.open.last_mut() {
            match level.next() {
                Some(node) => {
                    self.open.push(self.document.children(node));
                    return Some(node);
                }
                None => {
                    self.open.pop();
                }
            }
        }
        None
    }
}

fn chosen(scene: &Scene<'_>, nodes: Vec<NodeId>, predicate: &Predicate) -> Vec<NodeId> {
    let nth = |index: usize| nodes.get(index.wrapping_sub(1)).copied().into_iter().collect();
    match predicate {
        Predicate::Index(index) => nth(*index),
        Predicate::Last => nth(nodes.len()),
        Predicate::Position => nth(scene.each.position),
        Predicate::Test { negated, path, test } => {
            let asked = Asked::of(scene, test);
            nodes.into_iter().filter(|it| asked.holds(scene, *it, path) != *negated).collect()
        }
    }
}

/// A test whose right side has been looked up, once for all nodes it is asked of.
enum Asked<'a> {
    Exists,
    Is(Option<Cow<'a, str>>),
    IsNot(Option<Cow<'a, str>>),
    In(&'a [String]),
    State(State),
}

impl<'a> Asked<'a> {
    fn of(scene: &Scene<'a>, test: &'a Test) -> Asked<'a> {
        match test {
            Test::Exists => Asked::Exists,
            Test::Is(operand) => Asked::Is(wanted(scene, operand)),
            Test::IsNot(operand) => Asked::IsNot(wanted(scene, operand)),
            Test::In(words) => Asked::In(words),
            Test::State(state) => Asked::State(*state),
        }
    }

    /// As in XPath: it holds when any node that the path reaches has the value.
    fn holds(&self, scene: &Scene<'_>, node: NodeId, path: &Path) -> bool {
        let node = start(scene, node, path);
        let any = |fits: &dyn Fn(&str) -> bool| {
            let mut see = |it| match scene.value(it).filter(|value| fits(value)) {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            };
            visit(scene, node, &path.segments, &mut see).is_break()
        };
        match self {
            Asked::Exists => first(scene, node, path).is_some(),
            Asked::Is(wanted) => any(&|value| wanted.as_deref() == Some(value)),
            Asked::IsNot(wanted) => !any(&|value| wanted.as_deref() == Some(value)),
            Asked::In(words) => any(&|value| words.iter().any(|it| it == value)),
            Asked::State(state) => scene.is(first(scene, node, path), *state),
        }
    }
}

/// The text that a predicate compares with.
fn wanted<'a>(scene: &Scene<'a>, operand: &'a Operand) -> Option<Cow<'a, str>> {
    match operand {
        Operand::Literal(text) => Some(text.as_str().into()),
        Operand::Item(path) if path.is_here() && scene.each.text.is_some() => text_at(path, scene),
        Operand::Item(path) => {
            first(scene, scene.each.node, path).and_then(|it| scene.value(it)).map(Into::into)
        }
    }
}

impl Name {
    fn takes(&self, document: &Document, node: NodeId) -> bool {
        let local_fits = self.local.as_deref().is_none_or(|it| document.name(node) == it);
        local_fits
            && self
                .namespace
                .as_deref()
                .is_none_or(|it| document.namespace(node).unwrap_or_default() == it)
    }
}

impl Segment {
    /// Only to what stands in a node, and to all of it that has the name: in order, and each once.
    fn leads_down(&self) -> bool {
        let is_down = matches!(self.axis, Axis::Here | Axis::Child(_) | Axis::Attribute(_));
        is_down && self.predicates.is_empty()
    }
}

impl Axis {
    /// Whether two nodes may lead to the same one. Attributes and children have one parent.
    fn may_meet_twice(&self) -> bool {
        !matches!(self, Axis::Here | Axis::Child(_) | Axis::Attribute(_))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use adapters::{Inner, Input, Limits, WireFormat};

    use super::*;
    use crate::expression::{Expression, Source};
    use crate::scene::{Budget, Context, Found, Item, Reading};

    const DOCUMENT: &str = r#"<r xmlns:u="urn:u"><p no="1"><i k="a">x</i><i k="b">y</i></p><p no="2"
        ><i k="b">z</i><金额_元>9</金额_元></p><e k="e"/><n k="n" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xsi:nil="true"/><u:p no="3" u:nr="33">null</u:p></r>"#;

    #[test]
    fn axes() {
        check("r/p/i", "x y z");
        check("r/p[2]/i", "z");
        check("r/p/@no", "1 2 3");
        check("//i", "x y z");
        check("//p//i", "x y z");
        check("r/*/i[1]", "x z");
        check("r/p/i/../@no", "1 2");
        check("/r/p/./i[2]", "y");
        check("r/p/@*", "1 2 3 33");
        check("r/p/`金额_元`", "9");
        check("r/q", "");
    }

    #[test]
    fn siblings_and_ancestors() {
        check("r/p/i/following-sibling::i", "y");
        check("r/p/i[1]/following-sibling::*", "y 9");
        check("r/p[1]/i[2]/preceding-sibling::i", "x");
        check("r/u/preceding-sibling::p", "");
        check("r/e/preceding-sibling::p/@no", "2 1");
        check("r/e/preceding-sibling::p[1]/@no", "2");
        check("r/p/i[. = \"z\"]/ancestor::p/@no", "2");
        check("r/p/i/ancestor::*[1]/@no", "1 2");
        check("r/p/@no/following-sibling::*", "");
    }

    #[test]
    fn namespaces() {
        check("r/{urn:u}p/@no", "3");
        check("r/{}p/@no", "1 2");
        check("r/{urn:u}*/@{urn:u}nr", "33");
        check("r/{urn:u}p/@{}*", "3");
        check("//{urn:u}p/@{urn:u}*", "33");
        check("r/following-sibling::{urn:u}p", "");
        check("r/e/following-sibling::{urn:u}p/@no", "3");
    }

    #[test]
    fn predicates() {
        check("r/p/i[@k=\"b\"]", "y z");
        check("r/p[i/@k=\"a\"]/@no", "1");
        check("r/p[i!=\"x\"]/@no", "2 3");
        check("r/p[@nothing]/@no", "");
        check("r/p[not i]/@no", "3");
        check("r/p[not i = \"x\"][i]/@no", "2");
        check("r/p[last]/@no", "3");
        check("r/p/i[last]", "y z");
        check("r/p[@no in (\"1\", \"3\")]/@no", "1 3");
        check("r/*[. is empty]/@k", "e");
        check("r/*[. is null]/@k", "n");
        check("r/p[i is present]/@no", "1 2");
        check("r/p[i is absent]/@no", "3");
        check("r/p[. is null]/@no", "3");
        check("r/p[. = \"null\"]/@no", "");
    }

    #[test]
    fn what_a_path_may_look_at_is_bounded() {
        let document = document(&format!("<r>{}</r>", "<a/>".repeat(1500)));
        // Each of these squares what it looks at: 1500 x 1500 siblings, one behind the other.
        let all_pairs = path("//a[following-sibling::a[following-sibling::a = \"x\"]]");
        with_scene(&document, |scene| {
            assert!(all(scene, document.root(), &all_pairs).is_empty());
            assert!(scene.reading.budget.is_spent());
        });
        with_scene(&document, |scene| {
            assert_eq!(all(scene, document.root(), &path("//a[following-sibling::a]")).len(), 1499);
            assert!(!scene.reading.budget.is_spent());
        });
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let document = document(DOCUMENT);
        let (path, root) = (path(text), document.root());
        let values = with_scene(&document, |scene| {
            let all = all(scene, root, &path);
            assert_eq!(first(scene, root, &path), all.first().copied());
            all.iter().map(|it| document.value(*it).unwrap_or("")).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(values, expected);
    }

    fn with_scene<T>(document: &Document, ask: impl FnOnce(&Scene<'_>) -> T) -> T {
        let context = Context {
            channel: "c",
            org: "o",
            message_id: "m",
            received_at: jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 0),
            operation: None,
        };
        let item = Item { node: document.root(), text: None, position: 1 };
        let words = ["null".to_owned()];
        let reading =
            Reading { null_words: &words, budget: Budget::of(document), ..Reading::default() };
        ask(&Scene::new(document, &context, &item, &Found::new(0), &reading))
    }

    fn document(text: &str) -> Document {
        let input = Input::new(text.as_bytes(), WireFormat::Xml, None);
        adapters::decode(&input, &Limits::default()).unwrap().document
    }

    fn path(text: &str) -> Path {
        let Source::Path(path) = Expression::parse(text).unwrap().source else { panic!("no path") };
        path
    }

    #[test]
    fn opened_documents_are_walked_like_any_other() {
        let text = r#"{"a":"<b><c>1</c></b>"}"#;
        let input = Input::new(text.as_bytes(), WireFormat::Json, None);
        let mut document = adapters::decode(&input, &Limits::default()).unwrap().document;
        let field = document.children(document.root()).next().unwrap();
        adapters::open(&mut document, field, &Inner::Xml.into(), &Limits::default()).unwrap();
        let node = with_scene(&document, |it| first(it, document.root(), &path("a/b/c"))).unwrap();
        assert_eq!(document.value(node), Some("1"));
    }
}
