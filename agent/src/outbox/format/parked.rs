//! The bytes of a parked message.

use bytes::Bytes;
use uuid::Uuid;

use super::{Content, Damage, Plain};
use crate::envelope::{ContentId, Original, ParkedMessage, ParkedRecord, UnknownCode};

/// The content to store for a parked message.
pub(in super::super) fn parked(message: &ParkedMessage) -> Plain {
    let ParkedMessage { message_id, channel, received_at, original, records, unknown } = message;
    let mut out = Plain::with_capacity(original.raw.len() + records.len() * 96 + 256);
    for text in [message_id, channel, received_at] {
        out.text(text);
    }
    out.option(original.content_type.as_deref());
    out.count(records.len());
    for record in records {
        out.bytes(record.record_id.as_bytes());
        for text in [&record.entity, &record.key, &record.lane] {
            out.text(text);
        }
    }
    out.count(unknown.len());
    for it in unknown {
        for text in [&it.map, &it.code, &it.element] {
            out.text(text);
        }
    }
    out.count(original.raw.len());
    out.bytes(&original.raw);
    // Each behind everything that earlier releases look for.
    let is_given = records.iter().any(|it| it.given_to.is_some());
    if is_given || records.iter().any(|it| it.content.is_some()) {
        contents(records.iter().map(|it| it.content), &mut out);
    }
    if is_given {
        contents(records.iter().map(|it| it.given_to), &mut out);
    }
    out
}

fn contents(contents: impl Iterator<Item = Option<ContentId>>, out: &mut Plain) {
    for content in contents {
        match content {
            None => out.number(0),
            Some(ContentId { identity, digest }) => {
                out.number(1);
                out.bytes(&identity);
                out.bytes(&digest);
            }
        }
    }
}

fn read_content(content: &mut Content<'_>) -> Result<Option<ContentId>, Damage> {
    match content.number()? {
        0 => Ok(None),
        1 => Ok(Some(ContentId { identity: content.array()?, digest: content.array()? })),
        _ => Err(Damage::Content),
    }
}

/// Reads what [`parked`] wrote.
pub(in super::super) fn read_parked(mut content: Content<'_>) -> Result<ParkedMessage, Damage> {
    let [message_id, channel, received_at] = [content.owned()?, content.owned()?, content.owned()?];
    let content_type = content.option()?;
    let mut records = Vec::new();
    for _ in 0..content.number()? {
        records.push(ParkedRecord {
            record_id: Uuid::from_bytes(content.array()?),
            entity: content.owned()?,
            key: content.owned()?,
            lane: content.owned()?,
            content: None,
            given_to: None,
        });
    }
    let mut unknown = Vec::new();
    for _ in 0..content.number()? {
        unknown.push(UnknownCode {
            map: content.owned()?,
            code: content.owned()?,
            element: content.owned()?,
        });
    }
    let raw = Bytes::copy_from_slice(content.blob()?);
    let original = Original { raw, content_type, reading: String::new() };
    if !content.rest.is_empty() {
        for record in &mut records {
            record.content = read_content(&mut content)?;
        }
    }
    if !content.rest.is_empty() {
        for record in &mut records {
            record.given_to = read_content(&mut content)?;
        }
    }
    Ok(ParkedMessage { message_id, channel, received_at, original, records, unknown })
}
