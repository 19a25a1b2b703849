//! One AMQP message, made of one record or, under backlog, of several with the same routing key.
//!
//! | | one record | several |
//! |---|---|---|
//! | body | the record's JSON | one record's JSON a line |
//! | content type | `application/json` | `application/x-ndjson` |
//! | `message_id` | the record's id | the first record's id, a dot, the count |
//! | `x-seq` | the record's | the first record's, as is `x-first-seq` |
//! | `x-count` | absent | how many lines |
//! | `x-lane`, `x-revision`, `x-key`, `x-digest` | the record's | absent: they differ from line to line |
//!
//! The message id of several records differs from the id of any record on purpose: a receiver
//! that drops messages whose id it has seen would otherwise drop a whole batch because its first
//! record had once travelled alone.

use bytes::Bytes;

use crate::envelope::Envelope;

/// What goes to the broker as one message.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Names the message; the same on every resend of the same records.
    pub message_id: String,
    /// `{org}.{entity}`.
    pub routing_key: String,
    /// `application/json` or `application/x-ndjson`.
    pub content_type: &'static str,
    /// Entity of every record in it; AMQP `type`.
    pub entity: String,
    /// Organisation of every record in it.
    pub org: String,
    /// Schema version of the first record.
    pub schema: String,
    /// Sequence numbers of the records, ascending.
    pub seqs: Vec<u64>,
    /// What only a single record can have.
    pub single: Option<Single>,
    /// The bytes.
    pub body: Bytes,
}

/// Headers that belong to one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Single {
    /// All records of one encounter share it.
    pub lane: String,
    /// 1 for the first content under a business key, then 2, 3, ...
    pub revision: u32,
    /// Business key.
    pub key: String,
    /// SHA-256 of the elements, hexadecimal.
    pub digest: String,
}

impl Parcel {
    /// Puts the records into one message. They share a routing key and come in order.
    ///
    /// `None` for no records.
    pub fn of(envelopes: &[&Envelope]) -> Option<Parcel> {
        let (first, others) = envelopes.split_first()?;
        let (message_id, content_type, single, body) = if others.is_empty() {
            (first.record_id.clone(), JSON, Some(Single::of(first)), first.body.clone())
        } else {
            let id = format!("{}.{}", first.record_id, envelopes.len());
            (id, NDJSON, None, lines(envelopes))
        };
        Some(Parcel {
            message_id,
            routing_key: routing_key(first),
            content_type,
            entity: first.entity.clone(),
            org: first.org.clone(),
            schema: first.schema.clone(),
            seqs: envelopes.iter().map(|it| it.seq).collect(),
            single,
            body,
        })
    }

    /// The lowest sequence number in it, which names it among the parcels in flight.
    pub fn ticket(&self) -> u64 {
        self.seqs.first().copied().unwrap_or_default()
    }
}

impl Single {
    fn of(envelope: &Envelope) -> Single {
        Single {
            lane: envelope.lane.clone(),
            revision: envelope.revision,
            key: envelope.key.clone(),
            digest: envelope.digest.clone(),
        }
    }
}

/// Where the broker sends a record.
pub(crate) fn routing_key(envelope: &Envelope) -> String {
    format!("{}.{}", envelope.org, envelope.entity)
}

fn lines(envelopes: &[&Envelope]) -> Bytes {
    let mut body = Vec::with_capacity(envelopes.iter().map(|it| it.body.len() + 1).sum());
    for envelope in envelopes {
        push_line(&mut body, &envelope.body);
    }
    body.into()
}

/// Adds a record's JSON as one line. A line break in JSON can only be white space between values,
/// so a blank says the same.
pub(crate) fn push_line(lines: &mut Vec<u8>, json: &[u8]) {
    lines.extend(json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    lines.push(b'\n');
}

/// Content type of one record.
pub const JSON: &str = "application/json";
/// Content type of one record a line.
pub const NDJSON: &str = "application/x-ndjson";
