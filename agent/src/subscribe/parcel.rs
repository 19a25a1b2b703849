//! Whether a record is one that a subscriber wants, and what is sent of it.

use bytes::Bytes;
use mappings::Catalogs;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::SubscriptionConfig;
use crate::envelope::Envelope;
use crate::sets::dictionary::{self, Elements, plain};

/// Of a record's body; numbers stay the text that they are.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    elements: Elements<'a>,
}

/// Whether the subscriber wants it. What has not the element is not one of the values.
pub(super) fn fits(config: &SubscriptionConfig, record: &Envelope) -> bool {
    if !config.entities.contains(&record.entity) {
        return false;
    }
    if config.when.is_empty() {
        return true;
    }
    let Ok(body) = serde_json::from_slice::<Body<'_>>(&record.body) else { return false };
    config.when.iter().all(|it| {
        let value = body.elements.get(it.element.as_str()).map(|it| plain(it));
        let is_there = value.is_some_and(|value| it.values.contains(&value));
        is_there == it.is_one
    })
}

/// What is sent; an error says what the template asks for in vain.
pub(super) fn body(
    config: &SubscriptionConfig,
    catalogs: &Catalogs,
    record: &Envelope,
) -> Result<Bytes, String> {
    let text = match &config.template {
        None if config.elements.is_empty() => return Ok(record.body.clone()),
        None => chosen(config, catalogs, record),
        Some(template) => return template.say(&whole(config, catalogs, record)).map(Bytes::from),
    };
    Ok(Bytes::from(text))
}

/// The record with its business key, for templates.
fn whole(config: &SubscriptionConfig, catalogs: &Catalogs, record: &Envelope) -> String {
    if !config.elements.is_empty() {
        return chosen(config, catalogs, record);
    }
    let text = str::from_utf8(&record.body).unwrap_or_default();
    let head = text.trim_end().strip_suffix('}').unwrap_or_default();
    format!("{head},\"key\":{}}}", Value::from(record.key.as_str()))
}

/// The record with the elements that go, and no others; without its key and its lane where those would tell
/// a person who does not go.
fn chosen(config: &SubscriptionConfig, catalogs: &Catalogs, record: &Envelope) -> String {
    let elements = serde_json::from_slice::<Body<'_>>(&record.body).map(|it| it.elements);
    let elements = elements.unwrap_or_default();
    let told = config.elements.iter().filter_map(|name| {
        let raw = elements.get(name.as_str())?;
        Some(format!("{}:{}", Value::from(name.as_str()), raw.get()))
    });
    let told = told.collect::<Vec<_>>().join(",");
    let mut head = json!({
        "record_id": record.record_id,
        "seq": record.seq,
        "revision": record.revision,
        "entity": record.entity,
        "key": record.key,
        "org": record.org,
        "channel": record.channel,
        "lane": record.lane,
        "received_at": record.received_at,
    });
    let is_told = |it: &str| config.elements.iter().any(|name| name == it);
    let tells_key = dictionary::key_tells_person(catalogs, record, &elements, is_told);
    let tells_lane = dictionary::tells_person(&record.lane, &elements, is_told);
    if let Some(members) = head.as_object_mut() {
        // Where there is no encounter, the key is the lane.
        members.retain(|_, it| !tells_key || *it != record.key);
        members.retain(|name, _| !tells_lane || name != "lane");
    }
    let mut head = head.to_string();
    head.truncate(head.len().saturating_sub(1)); // the closing brace
    format!("{head},\"elements\":{{{told}}}}}")
}

/// What tells the other system whether it had the record before.
pub(super) fn headers(config: &SubscriptionConfig, record: &Envelope) -> Vec<(String, String)> {
    let mut headers = vec![
        ("Content-Type".to_owned(), config.content_type.clone()),
        ("Idempotency-Key".to_owned(), record.record_id.clone()),
        ("X-Entity".to_owned(), record.entity.clone()),
        ("X-Revision".to_owned(), record.revision.to_string()),
    ];
    if let Some(action) = &config.soap_action {
        headers.push(("SOAPAction".to_owned(), format!("\"{action}\"")));
    }
    headers.extend(config.headers.iter().cloned());
    headers
}
