//! One mapping at work: from an opened document to records.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use adapters::{Document, NodeId, Opening};
use schemas::{Catalog, Elements, Entity, Finding, FindingSeverity, ValueRef};

use crate::compiled::{Compiled, From, Variable};
use crate::condition::CompiledCondition;
use crate::datum::{Datum, Kind};
use crate::differ::{self, Differ};
use crate::expression::Path;
use crate::fill::fill;
use crate::nearby::{Fields, Nearby};
use crate::scene::{Budget, Context, Found, Item, Reading, Scene, Slots};
use crate::seal::{Seal, Verify};
use crate::trace::Trace;
use crate::walk;

/// A mapping file, compiled and proved.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The dictionary it was proved against, and its records are validated with.
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) when: Option<CompiledCondition>,
    /// How many of `opens` must be done before `when` can be judged.
    pub(crate) gates: usize,
    pub(crate) opens: Vec<Open>,
    /// In the order of the file, so `opens_above` only grows.
    pub(crate) verifies: Vec<Verify>,
    pub(crate) groups: Vec<Group>,
    /// Texts that are no value in this source.
    pub(crate) null_words: Vec<String>,
    pub(crate) lane: Option<Compiled>,
    /// What is asked once a message, for what it complains of.
    pub(crate) checks: Vec<Compiled>,
    pub(crate) records: Vec<RecordPlan>,
    pub(crate) absolute_paths: usize,
    pub(crate) advice: Vec<schemas::Problem>,
}

/// A field that holds another document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) path: Path,
    pub(crate) opening: Opening,
    /// The cipher that is still without its key, and so missing in `opening`.
    pub(crate) seal: Option<Seal>,
}

/// Flat siblings that belong together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) parent: Path,
    pub(crate) starts: String,
    pub(crate) ends: Vec<String>,
    pub(crate) name: String,
}

/// Which records of one entity a message gives.
#[derive(Debug)]
pub(crate) struct RecordPlan {
    pub(crate) entity: String,
    pub(crate) each: Option<Compiled>,
    pub(crate) filter: Option<CompiledCondition>,
    pub(crate) distinct: Option<Compiled>,
    /// What is said of items that are distinct by nothing, and yet not the same.
    pub(crate) differ: Differ,
    /// One record a row, for each row whose first expression has a value; none for no rows at all.
    pub(crate) slots: Vec<Vec<Compiled>>,
    pub(crate) lane: Option<Compiled>,
    pub(crate) key: Vec<Compiled>,
    /// In the entity's order.
    pub(crate) elements: Vec<ElementPlan>,
    /// What the expressions above look for around the item.
    pub(crate) fields: Fields,
}

/// One element and the expression that fills it.
#[derive(Debug)]
pub(crate) struct ElementPlan {
    pub(crate) position: usize,
    pub(crate) expression: Compiled,
    /// As it stands in the file.
    pub(crate) written: String,
}

impl ElementPlan {
    /// The item's number, which is another for every item.
    pub(crate) fn is_position(&self) -> bool {
        let source = &self.expression.source;
        matches!(source, From::Variable(Variable::Position | Variable::Slot | Variable::Number))
    }
}

/// A local code that waits to be mapped; the element is absent until then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownCode {
    /// The code map's file, as it lies in the mappings' tree.
    pub map: String,
    /// What the HIS sent.
    pub code: String,
    /// English name of the element it was sent for.
    pub element: String,
}

/// One record as a mapping made it, not yet validated.
#[derive(Debug)]
pub struct MappedRecord<'s> {
    /// What it is a record of.
    pub entity: &'s Entity,
    /// The encounter it belongs to; the order of a lane is kept.
    pub lane: String,
    /// The business key: the same fact sent again has the same key.
    pub key: String,
    /// The values, by the entity's order.
    pub elements: Elements,
    /// What could not be restated, and what went on with a word of warning.
    pub findings: Vec<Finding>,
    /// Local codes that nobody has mapped, under maps that let the message wait for it.
    pub unknown: Vec<UnknownCode>,
    /// Where each element was read from in the source, for findings that come later.
    pub sources: Vec<(usize, NodeId)>,
    /// How each value came about, when somebody asked to be told; empty otherwise.
    pub trace: Vec<Trace>,
}

/// The message was too much work: a path of the mapping joins too much with too much.
pub(crate) struct Exhausted;

impl Mapping {
    /// Every record that the document gives, in the order of the file and then of the document.
    /// `reader` is told every node that is read.
    pub(crate) fn records<'s>(
        &'s self,
        document: &Document,
        context: &Context<'_>,
        reader: Option<&dyn Fn(NodeId)>,
    ) -> Result<Vec<MappedRecord<'s>>, Exhausted> {
        let found = Found::new(self.absolute_paths);
        let reading = Reading { reader, ..self.reading(document) };
        let root = Item::root(document);
        let whole = Scene::new(document, context, &root, &found, &reading);
        let mut records = Vec::new();
        for plan in &self.records {
            let Some(entity) = self.catalog.entity(&plan.entity) else { continue };
            self.gather(plan, entity, &whole, &mut records);
        }
        if let Some(first) = records.first_mut() {
            self.check(&whole, &mut first.findings);
        }
        if reading.budget.is_spent() { Err(Exhausted) } else { Ok(records) }
    }

    /// Asks what `checks` say of the whole message. One item of a stream is not the whole.
    fn check(&self, whole: &Scene<'_>, findings: &mut Vec<Finding>) {
        if whole.document.is_of_stream() {
            return;
        }
        for check in &self.checks {
            whole.found.take_notes();
            let path = check.node(whole).map(|it| whole.document.path(it)).unwrap_or_default();
            let fault = check.evaluate(whole).err().map(|it| (it, FindingSeverity::Reject));
            let notes = whole.found.take_notes().into_iter().map(|it| (it, FindingSeverity::Warn));
            for (fault, severity) in fault.into_iter().chain(notes) {
                let told = fault.told();
                // No element says whether it is a name: only numbers are shown.
                let is_number = check.kind == Kind::Number;
                let found = &told.found;
                findings.push(Finding {
                    code: told.code,
                    severity,
                    element: String::new(),
                    path: path.clone(),
                    found: if is_number { found.clone() } else { schemas::mask::masked(found) },
                    expected: told.expected,
                });
            }
        }
    }

    /// How this mapping reads values, with a budget of its own.
    pub(crate) fn reading(&self, document: &Document) -> Reading<'_> {
        Reading {
            null_words: &self.null_words,
            budget: Budget::of(document),
            reader: None,
            sent: &[],
        }
    }

    fn gather<'s>(
        &'s self,
        plan: &'s RecordPlan,
        entity: &'s Entity,
        whole: &Scene<'_>,
        records: &mut Vec<MappedRecord<'s>>,
    ) {
        let nearby = Nearby::new(&plan.fields);
        let whole = &Scene { nearby: Some(&nearby), ..*whole };
        let mut first_by_key = HashMap::new();
        let before = records.len();
        let mut take = |scene: &Scene<'_>| {
            let scene = &Scene { number: records.len() - before + 1, ..*scene };
            if scene.reading.budget.is_spent() || !plan.wants(scene) {
                return;
            }
            match plan.distinct_key(scene).map(|it| first_by_key.entry(it)) {
                Some(Entry::Occupied(first)) => {
                    let Some(first) = records.get_mut(*first.get()) else { return };
                    if let Some(severity) = plan.differ.severity() {
                        let later = self.record(plan, entity, scene);
                        differ::compare(first, &later, plan, scene.document, severity);
                    }
                    return;
                }
                Some(Entry::Vacant(vacant)) => {
                    vacant.insert(records.len());
                }
                None => {}
            }
            records.push(self.record(plan, entity, scene));
        };
        for item in plan.items(whole) {
            let of_item = whole.of_item(&item);
            if plan.slots.is_empty() {
                take(&of_item);
            }
            for slots in plan.rows(&of_item) {
                take(&Scene { slots: Some(slots), ..of_item });
            }
        }
    }

    fn record<'s>(
        &'s self,
        plan: &'s RecordPlan,
        entity: &'s Entity,
        scene: &Scene<'_>,
    ) -> MappedRecord<'s> {
        let mut record = MappedRecord {
            entity,
            lane: String::new(),
            key: String::new(),
            elements: Elements::with_capacity(plan.elements.len()),
            findings: Vec::new(),
            unknown: Vec::new(),
            trace: Vec::new(),
            sources: Vec::with_capacity(plan.elements.len()),
        };
        scene.found.take_notes(); // of conditions and keys: they were asked, not written
        for element in &plan.elements {
            fill(&mut record, element, scene);
        }
        let lane = plan.lane.as_ref().or(self.lane.as_ref());
        record.lane = lane.and_then(|it| text_of(it, scene)).unwrap_or_default();
        record.key = plan.key_of(&record, scene);
        if record.lane.is_empty() {
            record.findings.push(no_lane());
        }
        record
    }
}

impl RecordPlan {
    fn items<'d>(&'d self, scene: &Scene<'d>) -> Vec<Item<'d>> {
        let Some(each) = &self.each else { return vec![scene.item.clone()] };
        if each.kind == Kind::List {
            return list_items(each, scene);
        }
        let (From::Relative(path) | From::Absolute(_, path)) = &each.source else {
            return Vec::new();
        };
        let nodes = walk::all(scene, scene.item.node, path);
        let items = nodes.into_iter().zip(1..);
        items
            .map(|(node, position)| {
                // In a stream an item comes alone, but knows which of all it is.
                let position = scene.document.position_in_stream(node).unwrap_or(position);
                Item { node, text: None, position }
            })
            .collect()
    }

    /// The rows of slots that hold something.
    fn rows<'d>(&'d self, scene: &Scene<'d>) -> Vec<Slots<'d>> {
        let rows = self.slots.iter().zip(1..).filter(|(row, _)| {
            // What cannot be restated is there all the same; its finding will say so.
            row.first().is_some_and(|it| it.evaluate(scene) != Ok(Datum::Absent))
        });
        rows.map(|(row, number)| Slots { row, number }).collect()
    }

    fn wants(&self, scene: &Scene<'_>) -> bool {
        self.filter.as_ref().is_none_or(|it| it.holds(scene))
    }

    fn distinct_key(&self, scene: &Scene<'_>) -> Option<String> {
        self.distinct.as_ref().map(|it| text_of(it, scene).unwrap_or_default())
    }

    /// The mapping's own key, or the values of the entity's key elements.
    fn key_of(&self, record: &MappedRecord<'_>, scene: &Scene<'_>) -> String {
        let mut key = String::with_capacity(record.lane.len() + KEY_BYTES);
        for (position, part) in self.key.iter().enumerate() {
            if position > 0 {
                key.push('|');
            }
            if let Some(text) = part.evaluate(scene).ok().as_ref().and_then(Datum::to_text) {
                key.push_str(&text);
            }
        }
        if !self.key.is_empty() {
            return key;
        }
        // The standard's keys tell records of one encounter apart: the encounter comes first.
        key.push_str(&record.lane);
        for position in record.entity.key_positions() {
            key.push('|');
            if let Some(value) = record.elements.get(*position) {
                key.push_str(&key_text(value));
            }
        }
        key
    }
}

/// What a key takes behind the encounter: enough for most.
const KEY_BYTES: usize = 24;

fn list_items<'d>(each: &'d Compiled, scene: &Scene<'d>) -> Vec<Item<'d>> {
    let Ok(Datum::List(texts)) = each.evaluate(scene) else { return Vec::new() };
    let node = each.node(scene).unwrap_or(scene.item.node);
    // A hole in a list is no item, but those behind it keep their places: another list may be read
    // beside this one.
    let parts = texts.into_iter().zip(1..).filter(|(text, _)| !text.is_empty());
    parts.map(|(text, position)| Item { node, text: Some(text), position }).collect()
}

fn text_of(expression: &Compiled, scene: &Scene<'_>) -> Option<String> {
    expression.evaluate(scene).ok()?.to_text().map(Cow::into_owned)
}

/// A value as part of a key: the standard's own notation.
pub(crate) fn key_text(value: ValueRef<'_>) -> Cow<'_, str> {
    let written = |datum: Datum<'_>| datum.to_text().map(Cow::into_owned).unwrap_or_default();
    match value {
        ValueRef::Text(text) => Cow::Borrowed(text),
        ValueRef::Number(number) => Cow::Borrowed(number.as_str()),
        ValueRef::Date(date) => Cow::Owned(written(Datum::Date(date))),
        ValueRef::Time(time) => Cow::Owned(written(Datum::Time(time))),
        ValueRef::DateTime(moment) => Cow::Owned(written(Datum::DateTime(moment))),
        ValueRef::Boolean(yes) => Cow::Borrowed(if yes { "y" } else { "n" }),
        ValueRef::Node(_) => Cow::Borrowed(""),
    }
}

fn no_lane() -> Finding {
    Finding {
        code: "M206",
        severity: FindingSeverity::Reject,
        element: String::new(),
        path: String::new(),
        found: String::new(),
        expected: "缺少就诊号：请送门诊号、住院号或就诊流水号，同一次就诊的记录靠它保持顺序"
            .to_owned(),
    }
}
