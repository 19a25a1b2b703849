//! Everything that can be read, as lines of JSON.

use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::aside::Aside;
use super::super::format::{self, Damage, Entry};
use super::super::reading;
use super::super::store::Family;
use super::left::{Left, number};
use super::{Examined, StoreError, examined, lock, refuse_half};
use crate::envelope::Envelope;
use crate::master_key::KeySource;
use crate::ranges::Ranges;

/// Writes records, dead letters and parked messages, each a line, then a line for each loss. Changes
/// nothing in the store.
///
/// The lines name patients: whoever asks for them chooses where they go.
pub fn export(dir: &Path, key: &KeySource, out: &mut dyn Write) -> Result<Examined, StoreError> {
    let _held = lock::take_to_read(dir)?;
    refuse_half(dir)?;
    let mut left = Left::of(dir, key)?;
    let standing = Standing::of(&left);
    let mut written = Ok(());
    let families = [Family::Queue, Family::Dead, Family::Parked];
    left.each(&families, |left, family, key, value| {
        let lines = lines(left, (family, key), value, &standing).unwrap_or_default();
        for line in lines {
            if written.is_ok() {
                written = writeln!(out, "{line}");
            }
        }
    })?;
    written.map_err(|error| unwritten(&error))?;
    let examined = examined(&mut left)?;
    for lost in &examined.lost {
        let mut line = json!(lost);
        if let Some(members) = line.as_object_mut() {
            members.insert("kind".to_owned(), "lost".into());
        }
        writeln!(out, "{line}").map_err(|error| unwritten(&error))?;
    }
    out.flush().map_err(|error| unwritten(&error))?;
    Ok(examined)
}

/// Which records have left, and how.
struct Standing {
    cursor: u64,
    settled: Ranges,
    aside: Aside,
}

impl Standing {
    fn of(left: &Left) -> Standing {
        let (cursor, settled, aside) = (left.position().cursor, left.settled(), left.aside());
        Standing { cursor, settled, aside }
    }

    fn word(&self, seq: u64) -> &'static str {
        match self.aside.fate(seq) {
            Some(fate) => fate.word(),
            None if seq < self.cursor || self.settled.contains(seq) => "delivered",
            None => "waiting",
        }
    }
}

fn lines(
    left: &Left,
    (family, key): (Family, &[u8]),
    value: &[u8],
    standing: &Standing,
) -> Result<Vec<Value>, Damage> {
    let mut scratch = Vec::new();
    let content = left.open(family, key, value, &mut scratch)?;
    let number = number(key).ok_or(Damage::Content)?;
    Ok(match family {
        Family::Queue => {
            let envelopes = reading::envelopes(number, &Entry::read(content)?);
            envelopes.into_iter().filter_map(|it| it.1).map(|it| record(&it, standing)).collect()
        }
        Family::Dead => {
            let it = format::read_letter(content)?;
            vec![json!({
                "kind": "dead_letter", "number": number, "message_id": it.message_id,
                "channel": it.channel, "received_at": it.received_at, "stage": it.stage.as_str(),
                "code": it.code, "reason": it.reason, "detail": it.detail,
                "content_type": it.content_type, "raw": STANDARD.encode(&it.raw),
            })]
        }
        _ => {
            let it = format::read_parked(content)?;
            let ids: Vec<String> = it.records.iter().map(|it| it.record_id.to_string()).collect();
            vec![json!({
                "kind": "parked", "number": number, "message_id": it.message_id,
                "channel": it.channel, "received_at": it.received_at, "record_ids": ids,
                "content_type": it.original.content_type, "raw": STANDARD.encode(&it.original.raw),
            })]
        }
    })
}

fn record(it: &Envelope, standing: &Standing) -> Value {
    let body: Option<Value> = serde_json::from_slice(&it.body).ok();
    json!({
        "kind": "record", "seq": it.seq, "record_id": it.record_id, "revision": it.revision,
        "state": standing.word(it.seq),
        "channel": it.channel, "org": it.org, "entity": it.entity, "lane": it.lane, "key": it.key,
        "schema": it.schema, "digest": it.digest, "message_id": it.message_id,
        "received_at": it.received_at, "record": body,
    })
}

fn unwritten(error: &io::Error) -> StoreError {
    StoreError::of_disk("write the export", error.to_string())
}
