//! All that is known of one message, stage by stage.
//!
//! Values that identify somebody are hidden unless a person asks to see them and says why; that is
//! told in the log, with the message's id and the reason, and without a value.

use adapters::Input;
use serde_json::{Map, Value, json};

use super::list::Found;
use super::query::State;
use super::rows::{self, Record};
use super::{Opened, letters, mask};
use crate::clock;
use crate::envelope::{Envelope, Original, ParkedMessage};
use crate::intake::Road;
use crate::outbox::StoreError;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Values, too.
    pub(super) reveal: bool,
}

impl Shown {
    /// The journey of a message, by its id, by that of one of its records, or by the number of its
    /// dead letter. `None` when nobody knows it.
    pub(super) fn journey(
        self,
        road: &Road,
        opened: &Opened,
        id: &str,
    ) -> Result<Option<Value>, StoreError> {
        opened.catch_up()?;
        opened.note_attempts(road.forward.attempts())?;
        let mut stages = Map::new();
        // A dead letter may have been sent on: then its message has more to tell.
        let of_letter = letters::number(id).map(|it| opened.message_of(it)).transpose()?.flatten();
        let id = of_letter.as_deref().unwrap_or(id);
        self.accepted(road, opened, id, &mut stages)?;
        let message_id =
            text(&stages, "message_id").unwrap_or_else(|| super::same_id(id).replace('-', ""));
        self.parked(road, opened, &message_id, &mut stages)?;
        self.letters(road, opened, id, &message_id, &mut stages)?;
        if stages.is_empty() {
            return Ok(None);
        }
        let message_id = text(&stages, "message_id").unwrap_or(message_id);
        if let Some(channel) = text(&stages, "channel") {
            let raw = opened.outbox.raw(&message_id)?;
            let told: Vec<Value> = raw.iter().map(|it| self.raw(road, &channel, it)).collect();
            stages.insert("raw".to_owned(), Value::from(told));
        }
        Ok(Some(Value::from(stages)))
    }

    fn accepted(
        self,
        road: &Road,
        opened: &Opened,
        id: &str,
        stages: &mut Map<String, Value>,
    ) -> Result<(), StoreError> {
        let found = opened.by_id(id)?;
        let read_to = road.forward.read_to();
        let each = found.iter().map(|it| opened.state_of(it, read_to));
        // Of a long message in several pieces, the one that is least far.
        let Some(state) = each.min() else { return Ok(()) };
        let mut records = Vec::new();
        for it in &found {
            let row = &it.row;
            head(stages, state, (&row.message_id(), &row.received_at, &row.channel));
            for (seq, record) in it.seqs().zip(&row.records) {
                records.push(self.record(road, opened, it, seq, record)?);
            }
        }
        stages.insert("records".to_owned(), Value::from(records));
        stages.insert("forward".to_owned(), forward(road));
        Ok(())
    }

    fn record(
        self,
        road: &Road,
        opened: &Opened,
        found: &Found,
        seq: u64,
        record: &Record,
    ) -> Result<Value, StoreError> {
        let is_delivered = opened.outbox.is_delivered(seq);
        let envelope = opened.outbox.record(seq)?;
        let days = rows::day_of_id(&found.row.message_id())..=rows::today();
        let attempts = opened.attempts(seq, days.clone())?;
        let confirmed = if is_delivered { opened.outbox.confirmed_ms(seq, days)? } else { None };
        let record_id = uuid::Uuid::from_bytes(record.id).to_string();
        let state = opened.state_of_record(seq, road.forward.read_to());
        let mut told = json!({
            "seq": seq, "record_id": record_id, "entity": record.entity, "revision": record.revision,
            "state": state.name(), "confirmed_at": confirmed.map(stamp), "attempts": attempts,
        });
        let more = envelope.map(|it| self.content(road, &it, is_delivered)).unwrap_or_default();
        let platform = confirmed
            .and_then(|at| road.accounts.of_record(&found.row.received_at, &record_id, &stamp(at)));
        if let Some(members) = told.as_object_mut() {
            members.extend(more);
            members.insert("platform".to_owned(), platform.unwrap_or_default());
        }
        Ok(told)
    }

    /// What only the record itself can tell; it is there until its time is over.
    fn content(self, road: &Road, envelope: &Envelope, is_delivered: bool) -> Map<String, Value> {
        let mut body: Value = serde_json::from_slice(&envelope.body).unwrap_or_default();
        if !self.reveal
            && let Some(elements) = body.get_mut("elements").and_then(Value::as_object_mut)
        {
            for (name, value) in elements {
                if let Some(text) = value.as_str() {
                    *value = Value::from(schemas::mask::shown(name, text));
                }
            }
        }
        let routing_key = format!("{}.{}", envelope.org, envelope.entity);
        let held = road.forward.status().held_reasons.get(&routing_key).cloned();
        let mut told = Map::new();
        told.insert("lane".to_owned(), Value::from(envelope.lane.as_str()));
        told.insert("key".to_owned(), Value::from(envelope.key.as_str()));
        told.insert("digest".to_owned(), Value::from(envelope.digest.as_str()));
        told.insert("routing_key".to_owned(), Value::from(routing_key));
        if let Some(held) = held.filter(|_| !is_delivered) {
            told.insert("held".to_owned(), json!(held));
        }
        told.insert("record".to_owned(), body);
        told
    }

    fn parked(
        self,
        road: &Road,
        opened: &Opened,
        message_id: &str,
        stages: &mut Map<String, Value>,
    ) -> Result<(), StoreError> {
        let Some((number, message)) = find_parked(opened, message_id)? else { return Ok(()) };
        let ParkedMessage { message_id, channel, received_at, original, records, unknown } =
            message;
        head(stages, State::Parked, (&message_id, &received_at, &channel));
        let promised = records.iter().map(|it| {
            json!({ "record_id": it.record_id.to_string(), "entity": it.entity, "key": it.key, "lane": it.lane })
        });
        let waits_for = unknown
            .iter()
            .map(|it| json!({ "map": it.map, "code": it.code, "element": it.element }));
        let parked = json!({
            "number": number,
            "promised": promised.collect::<Vec<_>>(),
            "waits_for": waits_for.collect::<Vec<_>>(),
            "raw": self.raw(road, &channel, &original),
        });
        stages.insert("parked".to_owned(), parked);
        Ok(())
    }

    fn letters(
        self,
        road: &Road,
        opened: &Opened,
        id: &str,
        message_id: &str,
        stages: &mut Map<String, Value>,
    ) -> Result<(), StoreError> {
        let wanted = letters::number(id);
        let mut told = Vec::new();
        opened.each_letter(|number, letter| {
            if Some(number) == wanted || same(&letter.message_id, message_id) {
                head(
                    stages,
                    State::Dead,
                    (&letter.message_id, &letter.received_at, &letter.channel),
                );
                let copies = opened.outbox.copies(number, &letter).ok().flatten();
                let mut it = letters::told(number, &letter, copies.as_ref());
                let raw = self.raw(road, &letter.channel, &letters::original(&letter));
                let detail: Value = serde_json::from_str(&letter.detail).unwrap_or_default();
                if let Some(members) = it.as_object_mut() {
                    members.extend([("findings".to_owned(), detail), ("raw".to_owned(), raw)]);
                }
                told.push(it);
            }
        })?;
        opened.each_closed_since(rows::day_of_id(message_id), |closed| {
            if Some(closed.number) == wanted || same(&closed.message_id, message_id) {
                let (id, at, channel) = (&closed.message_id, &closed.received_at, &closed.channel);
                head(stages, State::Discarded, (id, at, channel));
                told.push(closed.versions(|it| self.raw(road, &closed.channel, it)));
            }
        })?;
        if !told.is_empty() {
            stages.insert("letters".to_owned(), Value::from(told));
        }
        Ok(())
    }

    /// Bytes as they came: what the reader said of them, and their text.
    fn raw(self, road: &Road, channel: &str, original: &Original) -> Value {
        let reading: Value = serde_json::from_str(&original.reading).unwrap_or_default();
        let text = decoded(road, channel, original);
        let shown =
            text.as_deref().map(|it| if self.reveal { it.to_owned() } else { mask::text(it) });
        let mut told = json!({
            "bytes": original.raw.len(), "content_type": original.content_type, "reading": reading,
            "text": shown,
        });
        if self.reveal
            && text.is_none()
            && let Some(members) = told.as_object_mut()
        {
            let hex = crate::forward::files::hex(&original.raw);
            members.insert("hex".to_owned(), Value::from(hex));
        }
        told
    }
}

/// The text of a message, as its channel reads it; `None` when it is none.
fn decoded(road: &Road, channel: &str, original: &Original) -> Option<String> {
    let sets = road.sets.load();
    let Some(channel) = sets.channels.get(channel) else {
        return str::from_utf8(&original.raw).ok().map(str::to_owned);
    };
    let content_type = original.content_type.as_deref();
    let input = Input {
        prepare: &channel.prepare,
        service: channel.services.called(content_type),
        ..Input::new(&original.raw, channel.format, content_type)
    };
    adapters::source_text(&input, &road.config.listen.limits).ok()
}

fn find_parked(
    opened: &Opened,
    message_id: &str,
) -> Result<Option<(u64, ParkedMessage)>, StoreError> {
    let mut after = 0;
    loop {
        let chunk = opened.outbox.parked(after, CHUNK, CHUNK_BYTES)?;
        let Some((last, _)) = chunk.last() else { return Ok(None) };
        after = *last;
        let is_it = |(_, it): &(u64, ParkedMessage)| {
            let of_record = |id: &uuid::Uuid| same(&id.to_string(), message_id);
            same(&it.message_id, message_id) || it.records.iter().any(|it| of_record(&it.record_id))
        };
        if let Some(found) = chunk.into_iter().find(is_it) {
            return Ok(Some(found));
        }
    }
}

/// What the forwarder says of itself.
fn forward(road: &Road) -> Value {
    let status = road.forward.status();
    json!({
        "connected": status.connected, "peer": status.peer, "blocked": status.blocked,
        "last_error": status.last_error.filter(|_| !status.connected),
    })
}

/// Said once, by the stage that is farthest from dead.
fn head(stages: &mut Map<String, Value>, state: State, (id, at, channel): (&str, &str, &str)) {
    if !stages.contains_key("message_id") {
        let said = [
            ("state", state.name()),
            ("message_id", id),
            ("received_at", at),
            ("channel", channel),
        ];
        stages.extend(said.map(|(name, text)| (name.to_owned(), Value::from(text))));
    }
}

fn same(one: &str, other: &str) -> bool {
    !one.is_empty() && super::same_id(one) == super::same_id(other)
}

fn text(stages: &Map<String, Value>, name: &str) -> Option<String> {
    stages.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A moment in China, as people read it.
pub(super) fn stamp(ms: u64) -> String {
    let moment =
        jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap_or(0)).unwrap_or_default();
    crate::pipeline::stamp(clock::china(moment))
}

const CHUNK: usize = 1_024;
const CHUNK_BYTES: usize = 4 << 20;
