//! Golden cases: a message and the records it must become, beside the mapping they belong to.
//!
//! `cases/NAME.in.EXT` holds the message exactly as it arrives, byte for byte. `cases/NAME.out.json`
//! holds what must come of it: a list of records with entity, lane, key and elements, or
//! `{"refused": ["M203 gend", ...]}` when the message must be refused, code by code, or
//! `{"parked": ["vendor/codes/sex.csv X gend", ...]}` when it must wait for codes to be mapped.
//! `cases/NAME.type` may hold the Content-Type header; without it there is none. `cases/keys.toml` holds
//! the keys that the cases' messages were encrypted and signed with, a name and a text a line: keys
//! made up for them, never a hospital's.

use std::collections::BTreeMap;

use adapters::{Document, Input, Keys, Limits, Secret, WireFormat};
use schemas::{Finding, FindingSeverity};

use crate::mapping::MappedRecord;
use crate::scene::Context;
use crate::set::{Mapped, MappingSet};

/// The time of receipt in every case, so that what depends on it can be expected.
pub(crate) const RECEIVED_AT: jiff::civil::DateTime = jiff::civil::datetime(2026, 1, 2, 3, 4, 5, 0);

/// The keys of a folder of cases.
pub fn read_keys(text: &str) -> Result<Keys, String> {
    let texts: BTreeMap<String, String> =
        toml::from_str(text).map_err(|it| it.message().to_owned())?;
    let keys = texts.into_iter().map(|(name, text)| match Secret::parse(&text) {
        Some(secret) => Ok((name, secret)),
        None => Err(format!("the key `{name}` is not what it says, or empty")),
    });
    keys.collect()
}

/// What a message becomes, written the way a case expects it: JSON, two blanks deep, a member a line.
pub fn outcome(set: &MappingSet, bytes: &[u8], content_type: Option<&str>) -> String {
    match translate(set, bytes, content_type) {
        Ok(text) => text,
        Err(reasons) => listed("refused", &reasons),
    }
}

/// Why there are no records to show.
fn listed(fate: &str, reasons: &[String]) -> String {
    let mut text = format!("{{\n  \"{fate}\": [");
    write_lines(&mut text, reasons.iter().map(|it| format!("\n    {}", quoted(it))));
    text.push_str("\n  ]\n}\n");
    text
}

fn translate(
    set: &MappingSet,
    bytes: &[u8],
    content_type: Option<&str>,
) -> Result<String, Vec<String>> {
    let input = Input::new(bytes, WireFormat::Auto, content_type);
    let limits = Limits::default();
    let mut decoded = adapters::decode(&input, &limits).map_err(|it| vec![it.code().to_owned()])?;
    let context = Context {
        channel: "case",
        org: "H99999900001",
        message_id: "case",
        received_at: RECEIVED_AT,
        operation: decoded.call.as_ref().map(|it| it.operation.as_str()),
    };
    let document = &mut decoded.document;
    let mapped = set.map(document, &context, &limits).map_err(|it| vec![it.code().to_owned()])?;
    let refused: Vec<String> =
        mapped.records.iter().flat_map(|it| rejections(&mapped, it, document)).collect();
    if !refused.is_empty() {
        return Err(refused);
    }
    let waiting: Vec<String> = mapped
        .records
        .iter()
        .flat_map(|it| &it.unknown)
        .map(|it| format!("{} {} {}", it.map, it.code, it.element))
        .collect();
    if !waiting.is_empty() {
        return Ok(listed("parked", &waiting));
    }
    let mut text = "[".to_owned();
    write_lines(&mut text, mapped.records.iter().map(|it| format!("\n  {}", record(it))));
    text.push_str("\n]\n");
    Ok(text)
}

fn rejections(mapped: &Mapped<'_>, record: &MappedRecord<'_>, document: &Document) -> Vec<String> {
    let told = |it: &Finding| format!("{} {}", it.code, it.element).trim_end().to_owned();
    let findings = mapped.findings(record, document);
    findings.iter().filter(|it| it.severity == FindingSeverity::Reject).map(told).collect()
}

/// One record a line: a diff then names the record, and a long fee list stays readable.
fn record(record: &MappedRecord<'_>) -> String {
    let mut text = format!(
        "{{\"entity\":{},\"lane\":{},\"key\":{},\"elements\":",
        quoted(record.entity.name()),
        quoted(&record.lane),
        quoted(&record.key)
    );
    schemas::write_record_elements(record.entity, &record.elements, &mut text);
    text.push('}');
    text
}

fn write_lines(text: &mut String, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    text.push_str(&lines.join(","));
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
