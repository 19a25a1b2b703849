//! Fills one element of a record, or tells why it cannot be filled.

use adapters::NodeId;
use schemas::{Elements, Finding, FindingSeverity, Format, Number, Value};

use crate::compiled::Plainly;
use crate::datum::{Datum, Fault};
use crate::mapping::{ElementPlan, MappedRecord, UnknownCode};
use crate::scene::Scene;
use crate::step::text;
use crate::trace;

/// Evaluates the element's expression and puts what comes of it.
pub(crate) fn fill(record: &mut MappedRecord<'_>, plan: &ElementPlan, scene: &Scene<'_>) {
    let node = plan.expression.node(scene);
    let Some(element) = record.entity.elements().get(plan.position) else { return };
    if !put_plainly(&mut record.elements, plan, element.format(), node, scene) {
        match plan.expression.evaluate_at(node, scene) {
            Ok(datum) => put(&mut record.elements, plan.position, element.format(), datum),
            Err(fault) => tell(record, plan.position, node, scene, fault, FindingSeverity::Reject),
        }
        for note in scene.found.take_notes() {
            tell(record, plan.position, node, scene, note, FindingSeverity::Warn);
        }
    }
    if scene.reading.reader.is_some() {
        let way = trace::of(plan.position, &plan.expression, &plan.written, node, scene);
        record.trace.push(way);
    }
    record.sources.extend(node.map(|it| (plan.position, it)));
}

/// A fault becomes a finding, unless the message is to wait for a code.
fn tell(
    record: &mut MappedRecord<'_>,
    position: usize,
    node: Option<NodeId>,
    scene: &Scene<'_>,
    fault: Fault,
    severity: FindingSeverity,
) {
    let element = record.entity.elements().get(position).map_or("", schemas::DataElement::name);
    let told = fault.told();
    if let Some(map) = told.waits_for {
        let element = element.to_owned();
        record.unknown.push(UnknownCode { map, code: told.found, element });
        return;
    }
    record.findings.push(Finding {
        code: told.code,
        severity,
        element: element.to_owned(),
        path: node.map(|it| scene.document.path(it)).unwrap_or_default(),
        found: schemas::mask::shown(element, &told.found),
        expected: told.expected,
    });
}

/// Puts what evaluating the expression would give, where that is plainly the node's text; false
/// where it is not, and nothing is put.
fn put_plainly(
    elements: &mut Elements,
    plan: &ElementPlan,
    format: &Format,
    node: Option<NodeId>,
    scene: &Scene<'_>,
) -> bool {
    // Whoever listens is to hear of every value once.
    let Some(plainly) = plan.expression.plainly().filter(|_| scene.reading.reader.is_none()) else {
        return false;
    };
    let Some(text) = node.and_then(|it| scene.value(it)) else { return true };
    match (plainly, format) {
        (Plainly::Decimal, Format::Number { .. }) => match Number::parse(text) {
            Some(number) => elements.set(plan.position, Value::Number(number)),
            None => return false,
        },
        (Plainly::Decimal, _) | (_, Format::Number { .. }) => return false,
        (Plainly::AsItIs, _) => elements.set_text(plan.position, text),
        (Plainly::Trimmed, _) => match text::trim(text) {
            "" => {}
            text => elements.set_text(plan.position, text),
        },
    }
    true
}

/// The compiler has proved that the kind fits the format, or can be written as it.
fn put(elements: &mut Elements, position: usize, format: &Format, datum: Datum<'_>) {
    let value = match datum {
        Datum::Absent | Datum::List(_) => return,
        Datum::Text(text) => match format {
            Format::Number { .. } => match Number::parse(&text) {
                Some(number) => Value::Number(number),
                None => return,
            },
            _ => return elements.set_text(position, &text),
        },
        Datum::Number(number) => match format {
            Format::Text { .. } => return elements.set_text(position, number.as_str()),
            _ => Value::Number(number),
        },
        Datum::Date(date) => Value::Date(date),
        Datum::Time(time) => Value::Time(time),
        Datum::DateTime(moment) => Value::DateTime(moment),
        Datum::Boolean(yes) => Value::Boolean(yes),
    };
    elements.set(position, value);
}
