//! What of a record is told: the elements that the query names, exactly as they are kept. Values that
//! identify a person are masked unless the query names them once more.

use std::fmt::Write as _;

use schemas::mask;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::config::QueryConfig;
use crate::envelope::Envelope;
use crate::intake::Road;
use crate::sets::dictionary::{self, Elements};

/// Of a record's body; numbers stay the text that they are.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    elements: Elements<'a>,
}

/// Whether one of these elements is this value.
pub(super) fn is_about(record: &Envelope, elements: &[String], value: &str) -> bool {
    let Some(body) = read(record) else { return false };
    let is = |raw: &&RawValue| {
        serde_json::from_str::<String>(raw.get()).is_ok_and(|it| it == value) || raw.get() == value
    };
    elements.iter().filter_map(|it| body.elements.get(it.as_str())).any(is)
}

/// One row, as JSON text.
pub(super) fn told(road: &Road, query: &QueryConfig, record: &Envelope) -> String {
    let state = match road.outbox.fate(record.seq) {
        Some(fate) => fate.word(),
        None if road.outbox.has_left(record.seq) => "delivered",
        None => "waiting",
    };
    let head = json!({
        "record_id": record.record_id,
        "seq": record.seq,
        "revision": record.revision,
        "entity": record.entity,
        "key": key(road, query, record),
        "channel": record.channel,
        "received_at": record.received_at,
        "state": state,
    });
    let mut row = head.to_string();
    row.truncate(row.len().saturating_sub(1)); // the closing brace
    let _ = write!(row, ",\"elements\":{{{}}}}}", elements(query, record));
    row
}

/// Who is not told who a person is does not read it from the key either.
fn key(road: &Road, query: &QueryConfig, record: &Envelope) -> String {
    let sets = road.sets.load();
    let elements = read(record).map(|it| it.elements).unwrap_or_default();
    let is_told = |it: &str| query.unmasked.iter().any(|name| name == it);
    let is_hidden = dictionary::key_tells_person(&sets.catalogs, record, &elements, is_told);
    if is_hidden { mask::masked(&record.key) } else { record.key.clone() }
}

fn elements(query: &QueryConfig, record: &Envelope) -> String {
    let Some(body) = read(record) else { return String::new() };
    let mut parts = Vec::new();
    for name in &query.elements {
        let Some(raw) = body.elements.get(name.as_str()) else { continue };
        let is_hidden = mask::is_masked(name) && !query.unmasked.contains(name);
        let value = if is_hidden { hidden(raw) } else { raw.get().to_owned() };
        parts.push(format!("{}:{value}", Value::from(name.as_str())));
    }
    parts.join(",")
}

fn hidden(raw: &RawValue) -> String {
    let text = serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
    Value::from(mask::masked(&text)).to_string()
}

fn read(record: &Envelope) -> Option<Body<'_>> {
    serde_json::from_slice(&record.body).ok()
}
