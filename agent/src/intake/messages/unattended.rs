//! Messages that nobody holds a line open for: dropped files, rows of views, what was fetched. They can wait for room.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use jiff::civil::DateTime;

use super::super::answer::{Answer, Dialect, Fault};
use super::super::{Road, Upload, stream};
use super::{Message, is_buried, unknown_channel};
use crate::clock;
use crate::envelope::{DeadLetter, Stage};
use crate::outbox::{State, StoreError};
use crate::pipeline;

/// What was fetched from the HIS of a channel, in its own words.
pub(crate) async fn receive_fetched(
    road: &Arc<Road>,
    channel: &str,
    content_type: Option<String>,
    bytes: Bytes,
) -> Response {
    let (id, received_at) = (clock::new_id(), clock::now());
    let sets = road.sets.load_full();
    let Some(channel) = sets.channels.get(channel).cloned() else {
        return unknown_channel(&sets, channel, &id);
    };
    // It can wait: nobody holds a line open for it.
    let _room = road.messages.acquire().await;
    let message = unheard(id, received_at, (content_type, bytes), false);
    message.take(road, &channel).await
}

fn unheard(
    id: String,
    received_at: DateTime,
    (content_type, bytes): (Option<String>, Bytes),
    again: bool,
) -> Message {
    let (sender, state) = (None, None);
    Message { id, received_at, content_type, bytes, sender, again, unheard: true, state }
}

/// A file of a drop folder, under the id of its claim. One that is taken `again` may have been taken
/// before a crash. Reads the file on this thread.
pub(in super::super) async fn receive_file(
    road: &Arc<Road>,
    channel: &str,
    id: String,
    file: File,
    again: bool,
) -> Response {
    let started = Instant::now();
    let received_at = clock::now();
    let sets = road.sets.load_full();
    let Some(channel) = sets.channels.get(channel).cloned() else {
        return unknown_channel(&sets, channel, &id);
    };
    let response = if channel.stream.is_some() {
        let head = stream::Head { id, received_at, content_type: None };
        let body = Upload::Coming(Body::from_stream(pieces(file)), None);
        stream::receive(road, &channel, head, body).await
    } else {
        // A file can wait: nobody holds a line open for it.
        let _room = road.messages.acquire().await;
        match whole(file, road.config.listen.limits.body_bytes_max) {
            Ok(bytes) => {
                let message = unheard(id, received_at, (None, bytes), again);
                message.take(road, &channel).await
            }
            Err(fault) => Answer::fault(&fault).about(&id).say(&Dialect::Json),
        }
    };
    metrics::histogram!("his_agent_receipt_seconds", "channel" => channel.name.to_string())
        .record(started.elapsed().as_secs_f64());
    response
}

fn whole(file: File, bytes_max: usize) -> Result<Bytes, Fault> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    match file.take(one_more).read_to_end(&mut bytes) {
        Ok(read) if read > bytes_max => Err(Fault::too_large(bytes_max)),
        Ok(_) => Ok(Bytes::from(bytes)),
        Err(error) => {
            tracing::warn!(%error, "a dropped file could not be read");
            Err(Fault::store_failed())
        }
    }
}

fn pieces(mut file: File) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    let piece = move || {
        let mut bytes = vec![0; PIECE_BYTES];
        match file.read(&mut bytes) {
            Ok(0) => None,
            Ok(read) => {
                bytes.truncate(read);
                Some(Ok(Bytes::from(bytes)))
            }
            Err(error) => Some(Err(error)),
        }
    };
    futures_util::stream::iter(std::iter::from_fn(piece))
}

const PIECE_BYTES: usize = 64 << 10;

/// A row of a view as a message.
#[derive(Debug)]
pub(in super::super) struct Row {
    /// The same row of the same run has the same id.
    pub(in super::super) id: String,
    /// The row as JSON.
    pub(in super::super) bytes: Bytes,
    /// Whether it may have been taken before a crash.
    pub(in super::super) again: bool,
    /// It is the newest state of what it tells of ([`crate::outbox::Outbox::append_state`]).
    pub(in super::super) state: Option<State>,
}

/// Takes a row.
pub(in super::super) async fn receive_row(road: &Arc<Road>, channel: &str, row: Row) -> Response {
    let Row { id, bytes, again, state } = row;
    let (started, received_at) = (Instant::now(), clock::now());
    let sets = road.sets.load_full();
    let Some(channel) = sets.channels.get(channel).cloned() else {
        return unknown_channel(&sets, channel, &id);
    };
    let _room = road.messages.acquire().await;
    let content_type = Some(JSON.to_owned());
    let message = Message { state, ..unheard(id, received_at, (content_type, bytes), again) };
    let response = message.take(road, &channel).await;
    metrics::histogram!("his_agent_receipt_seconds", "channel" => channel.name.to_string())
        .record(started.elapsed().as_secs_f64());
    response
}

/// Keeps a row that could not be read in full, with what there is of it.
pub(in super::super) async fn bury_row(
    road: &Arc<Road>,
    channel: &str,
    row: Row,
    (code, reason): (&str, &str),
) -> Result<(), StoreError> {
    if row.again && is_buried(road, &row.id) {
        return Ok(());
    }
    tracing::warn!(message_id = row.id, channel, code, "row refused");
    metrics::counter!("his_agent_messages_total", "channel" => channel.to_owned(), "outcome" => "refused").increment(1);
    let letter = DeadLetter {
        message_id: row.id,
        channel: channel.to_owned(),
        received_at: pipeline::stamp(clock::now()),
        stage: Stage::Decode,
        code: code.to_owned(),
        reason: reason.to_owned(),
        detail: "[]".to_owned(),
        raw: row.bytes.to_vec(),
        content_type: Some(JSON.to_owned()),
    };
    road.outbox.bury(letter).await.map(drop)
}

const JSON: &str = "application/json; charset=utf-8";
