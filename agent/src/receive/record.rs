//! Takes a message apart into records, each of them proved to be one or refused with the reason.

mod storable;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A message or a segment as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming<'a> {
    pub(super) agent: &'a str,
    pub(super) epoch: &'a str,
    pub(super) message_id: &'a str,
    /// What the message says is the number of its (first) record.
    pub(super) seq: Option<u64>,
    /// Whether it holds one record a line, in place of one record.
    pub(super) lines: bool,
    /// What the message says is how many records it has.
    pub(super) count: Option<u64>,
    /// It is looked at anew: that a record has come before is nobody's fault.
    pub(super) anew: bool,
    pub(super) body: &'a [u8],
}

/// A standard record, as far as every receiver may rely on it.
#[derive(Debug, Deserialize)]
pub struct Record<'a> {
    /// The same on every resend.
    #[serde(borrow)]
    pub record_id: Cow<'a, str>,
    /// Its number in the agent's store.
    pub seq: u64,
    /// What kind of record it is.
    #[serde(borrow)]
    pub entity: Cow<'a, str>,
    /// The channel it came in by.
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    /// Which version of the standard it was made by.
    #[serde(borrow, default)]
    pub profile: Cow<'a, str>,
    /// When the agent got its message, `YYYYMMDDhhmmss`.
    #[serde(borrow, default)]
    pub received_at: Cow<'a, str>,
    /// The data elements: a JSON object, as it was written.
    #[serde(borrow)]
    pub elements: &'a RawValue,
    /// The whole record as it came, on one line.
    #[serde(skip)]
    pub json: Cow<'a, str>,
}

/// A record that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// Its number, as far as it could be read.
    pub(super) seq: Option<u64>,
    pub(super) body: String,
}

impl Refusal {
    pub(super) fn of(record: &Record<'_>, reason: String) -> Refusal {
        Refusal { reason, seq: Some(record.seq), body: record.json.clone().into_owned() }
    }

    fn of_bytes(body: &[u8], reason: String, seq: Option<u64>) -> Refusal {
        let text = std::str::from_utf8(body).map(str::to_owned);
        // Bytes that are no text are kept as such; a replaced character could not be undone.
        let body = text.unwrap_or_else(|_| format!("hex:{}", crate::forward::files::hex(body)));
        Refusal { reason, seq, body }
    }
}

/// The records of a message. A message that contradicts itself is refused as a whole.
pub(super) fn split<'a>(incoming: &Incoming<'a>) -> Vec<Result<Record<'a>, Refusal>> {
    if let Err(reason) = storable::is_name("x-agent or x-epoch", [incoming.agent, incoming.epoch]) {
        return vec![Err(Refusal::of_bytes(incoming.body, reason, incoming.seq))];
    }
    if !incoming.lines {
        return vec![single(incoming)];
    }
    let lines: Vec<&[u8]> =
        incoming.body.split(|it| *it == b'\n').filter(|line| !line.is_empty()).collect();
    if let Some(count) = incoming.count.filter(|it| *it != lines.len() as u64) {
        let reason = format!("the message says {count} records and has {}", lines.len());
        return vec![Err(Refusal::of_bytes(incoming.body, reason, None))];
    }
    let mut records: Vec<_> = lines.into_iter().map(arrived).collect();
    if let Some(Ok(first)) = records.first()
        && incoming.seq.is_some_and(|seq| seq != first.seq)
    {
        let refusal = Refusal::of(first, contradiction("x-seq", first.seq));
        records.splice(..1, [Err(refusal)]);
    }
    records
}

fn single<'a>(incoming: &Incoming<'a>) -> Result<Record<'a>, Refusal> {
    let record = arrived(incoming.body)?;
    if incoming.seq.is_some_and(|seq| seq != record.seq) {
        return Err(Refusal::of(&record, contradiction("x-seq", record.seq)));
    }
    if !incoming.message_id.is_empty() && incoming.message_id != record.record_id {
        return Err(Refusal::of(&record, contradiction("message_id", &record.record_id)));
    }
    Ok(record)
}

/// One record's JSON, as it may be taken in: whatever the records are stored in has to take it, too, or
/// the one that cannot be stored would hold up all behind it.
fn arrived(line: &[u8]) -> Result<Record<'_>, Refusal> {
    let record = read(line)?;
    match storable::check(&record) {
        Ok(()) => Ok(record),
        Err(reason) => {
            // No agent counts so far: what it says is no number that others could be missing from.
            let seq = Some(record.seq).filter(|it| i64::try_from(*it).is_ok());
            Err(Refusal { seq, ..Refusal::of(&record, reason) })
        }
    }
}

/// One record's JSON, as it lies in a file.
pub(super) fn read(line: &[u8]) -> Result<Record<'_>, Refusal> {
    let refuse = |reason: String| Refusal::of_bytes(line, reason, None);
    let text = std::str::from_utf8(line).map_err(|error| refuse(format!("not UTF-8: {error}")))?;
    let mut record: Record<'_> =
        serde_json::from_str(text).map_err(|error| refuse(format!("not a record: {error}")))?;
    record.json = one_line(text);
    let lack = match &record {
        Record { record_id, .. } if record_id.is_empty() => Some("`record_id` is empty"),
        Record { entity, .. } if entity.is_empty() => Some("`entity` is empty"),
        Record { seq: 0, .. } => Some("`seq` is 0; numbers begin with 1"),
        Record { elements, .. } if !elements.get().starts_with('{') => {
            Some("`elements` is not an object")
        }
        _ => None,
    };
    match lack {
        Some(lack) => Err(Refusal::of(&record, lack.to_owned())),
        None => Ok(record),
    }
}

/// A line break in JSON can only be white space between values, so a blank says the same.
fn one_line(json: &str) -> Cow<'_, str> {
    let trimmed = json.trim();
    if trimmed.contains(['\n', '\r']) {
        trimmed.replace(['\n', '\r'], " ").into()
    } else {
        trimmed.into()
    }
}

fn contradiction(header: &str, found: impl std::fmt::Display) -> String {
    format!("the message's {header} does not fit its record, which has {found}")
}
