//! Rows that repeat one thing and do not agree on it: the header on every line of a flat export,
//! one visit joined to each of its diagnoses.
//!
//! `distinct` keeps the first of them. What a later one says otherwise would be lost without a
//! word, so it is told. What a later one leaves out contradicts nothing.

use adapters::Document;
use schemas::{Finding, FindingSeverity};

use crate::mapping::{MappedRecord, RecordPlan, key_text};

/// What becomes of a contradiction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Differ {
    #[default]
    Refuse,
    Warn,
    Ignore,
}

impl Differ {
    pub(crate) const ALL: &[(&str, Differ)] =
        &[("refuse", Differ::Refuse), ("warn", Differ::Warn), ("ignore", Differ::Ignore)];

    /// None where nobody wants to know.
    pub(crate) const fn severity(self) -> Option<FindingSeverity> {
        match self {
            Differ::Refuse => Some(FindingSeverity::Reject),
            Differ::Warn => Some(FindingSeverity::Warn),
            Differ::Ignore => None,
        }
    }
}

/// Tells the first record of every element on which a later one says otherwise, once each.
pub(crate) fn compare(
    first: &mut MappedRecord<'_>,
    later: &MappedRecord<'_>,
    plan: &RecordPlan,
    document: &Document,
    severity: FindingSeverity,
) {
    for element in plan.elements.iter().filter(|it| !it.is_position()) {
        let position = element.position;
        let Some(found) = contradiction(first, later, position) else { continue };
        let (here, there) = (path(first, position, document), path(later, position, document));
        tell(first, name(first, position), &found, &here, there, severity);
    }
    if !later.lane.is_empty() && later.lane != first.lane {
        tell(first, String::new(), &later.lane, "", String::new(), severity);
    }
}

/// What the later record holds, if it cannot stand beside the first.
fn contradiction(
    first: &MappedRecord<'_>,
    later: &MappedRecord<'_>,
    position: usize,
) -> Option<String> {
    let name = name(first, position);
    let unfit = |of: &MappedRecord<'_>| {
        let finding = of.findings.iter().find(|it| it.element == name).map(|it| it.found.clone());
        finding
            .or_else(|| of.unknown.iter().find(|it| it.element == name).map(|it| it.code.clone()))
    };
    match (first.elements.get(position), later.elements.get(position)) {
        (mine, Some(theirs)) if mine != Some(theirs) => Some(key_text(theirs).into_owned()),
        (_, Some(_)) => None,
        (_, None) => unfit(later).filter(|it| unfit(first).as_ref() != Some(it)),
    }
}

fn name(record: &MappedRecord<'_>, position: usize) -> String {
    let element = record.entity.elements().get(position);
    element.map_or("", schemas::DataElement::name).to_owned()
}

fn path(record: &MappedRecord<'_>, position: usize, document: &Document) -> String {
    let source = record.sources.iter().find(|(it, _)| *it == position);
    source.map(|(_, node)| document.path(*node)).unwrap_or_default()
}

fn tell(
    first: &mut MappedRecord<'_>,
    element: String,
    found: &str,
    here: &str,
    there: String,
    severity: FindingSeverity,
) {
    if first.findings.iter().any(|it| it.code == CODE && it.element == element) {
        return;
    }
    let at = if here.is_empty() { "前一处".to_owned() } else { format!(" {here} ") };
    let what = if element.is_empty() { "就诊号" } else { "" };
    let expected = format!(
        "这几行说的是同一件事，{what}应与{at}相同；请核对这两处，如果本来就是两件事，映射的 distinct 要能区分它们"
    );
    let found = schemas::mask::shown(&element, found);
    first.findings.push(Finding { code: CODE, severity, element, path: there, found, expected });
}

const CODE: &str = "M207";
