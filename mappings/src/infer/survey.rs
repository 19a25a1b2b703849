//! What there is in a sample: the documents inside fields, the groups that repeat, the fields.
//!
//! A field is known by its way: the names from the top, without numbers, so that the hundred lines
//! of a fee list have the fields of one line.

use std::collections::{BTreeMap, BTreeSet};

use adapters::{Document, Inner, Kind, Limits, NodeId, Opening};

use super::values::Shape;

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Ways of the fields that hold documents, in the order to open them, and what they hold.
    pub(super) opens: Vec<(Way, &'static str)>,
    /// Ways of the nodes of which one parent has several.
    pub(super) groups: BTreeSet<Way>,
    /// The fields, in the order in which they first came.
    pub(super) fields: Vec<Field>,
}

/// Names from the top; an attribute's begins with `@`.
pub(super) type Way = Vec<String>;

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) way: Way,
    /// What its values are like, all of them together.
    pub(super) shape: Shape,
}

impl Survey {
    /// The group that a way lies in: the longest beginning of it that repeats. Empty: in none.
    pub(super) fn group_of<'w>(&self, way: &'w [String]) -> &'w [String] {
        let lengths = (1..=way.len()).rev();
        lengths.filter_map(|it| way.get(..it)).find(|it| self.groups.contains(*it)).unwrap_or(&[])
    }
}

/// Opens what can be opened and lists what is there.
pub(super) fn survey(document: &mut Document, limits: &Limits) -> Survey {
    let mut survey = Survey::default();
    open_all(document, limits, &mut survey);
    let mut places = BTreeMap::new();
    walk(document, document.root(), &mut Vec::new(), &mut survey, &mut places);
    survey
}

/// Opens fields that hold documents until none is left: what was opened may hold further ones.
fn open_all(document: &mut Document, limits: &Limits, survey: &mut Survey) {
    let mut done = BTreeSet::new();
    for _ in 0..DEPTH_MAX {
        let mut found = Vec::new();
        candidates(document, document.root(), &mut Vec::new(), &mut found);
        let mut opened = false;
        for (node, way, word, inner) in found {
            let opening = Opening::from(inner);
            if done.insert(node) && adapters::open(document, node, &opening, limits).is_ok() {
                opened = true;
                if !survey.opens.iter().any(|(it, _)| *it == way) {
                    survey.opens.push((way, word));
                }
            }
        }
        if !opened {
            return;
        }
    }
}

/// Fields whose text begins as a document does.
fn candidates(
    document: &Document,
    node: NodeId,
    way: &mut Way,
    found: &mut Vec<(NodeId, Way, &'static str, Inner)>,
) {
    for child in document.children(node) {
        way.push(step(document, child));
        let text = document.value(child).unwrap_or_default().trim_start();
        if text.starts_with('<') && text.contains('>') {
            found.push((child, way.clone(), "xml", Inner::Xml));
        } else if text.starts_with("{\"") || text.starts_with("[{") || text.starts_with("{ ") {
            found.push((child, way.clone(), "json", Inner::Json));
        } else if text.starts_with("MSH|") {
            found.push((child, way.clone(), "hl7", Inner::Hl7));
        }
        candidates(document, child, way, found);
        way.pop();
    }
}

fn walk(
    document: &Document,
    node: NodeId,
    way: &mut Way,
    survey: &mut Survey,
    places: &mut BTreeMap<Way, usize>,
) {
    let mut counts = BTreeMap::<String, usize>::new();
    for child in document.children(node) {
        let name = step(document, child);
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        let again = *count > 1;
        way.push(name);
        if document.children(child).next().is_some() {
            if again || is_line(way) {
                survey.groups.insert(way.clone());
            }
            walk(document, child, way, survey, places);
        } else {
            let place = *places.entry(way.clone()).or_insert_with(|| {
                survey.fields.push(Field { way: way.clone(), shape: Shape::default() });
                survey.fields.len() - 1
            });
            if let Some(field) = survey.fields.get_mut(place) {
                field.shape.see(document.value(child));
            }
        }
        way.pop();
    }
}

/// A sample with one line does not show that there may be more; some names say it.
fn is_line(way: &[String]) -> bool {
    let name = way.last().map(|it| it.to_ascii_lowercase()).unwrap_or_default();
    let above = way.len().checked_sub(2).and_then(|it| way.get(it));
    let in_list = above.is_some_and(|it| {
        let it = it.to_ascii_lowercase();
        LISTS.iter().any(|list| it.ends_with(list)) || it.ends_with('s')
    });
    (LINES.contains(&name.as_str()) && way.len() > 1 && in_list) || ROWS.contains(&name.as_str())
}

fn step(document: &Document, node: NodeId) -> String {
    match document.kind(node) {
        Kind::Attribute => format!("@{}", document.name(node)),
        Kind::Element | Kind::Root => document.name(node).to_owned(),
    }
}

/// Names of nodes of which there may be several, when they stand in a list.
const LINES: [&str; 6] = ["item", "row", "record", "detail", "line", "entry"];
/// Names of lines wherever they stand.
const ROWS: [&str; 4] = ["rowitem", "row", "detail", "mx"];
/// How names of lists end.
const LISTS: [&str; 5] = ["list", "items", "details", "mx", "rows"];
/// Documents in documents in documents.
const DEPTH_MAX: usize = 8;
