//! A record that the platform can never take as it is: it closes the channel over it.
//!
//! It is found by sending it alone (`window`), tried once more, and then becomes a dead letter with
//! its bytes and the broker's words, so that the records behind it go on.

use super::error::Confirm;
use super::state::ForwardState;
use crate::envelope::{DeadLetter, Envelope, Record, Stage};

/// What is kept of it.
pub(super) fn letter(envelope: &Envelope, answer: &Confirm) -> DeadLetter {
    let Record { record_id, seq, revision, entity, .. } = &**envelope;
    let bytes = envelope.body.len();
    let detail = serde_json::json!([{
        "record_id": record_id, "seq": seq, "revision": revision, "entity": entity, "bytes": bytes,
    }]);
    DeadLetter {
        message_id: envelope.message_id.clone(),
        channel: envelope.channel.clone(),
        received_at: envelope.received_at.clone(),
        stage: Stage::Forward,
        code: answer.code().unwrap_or_default().to_owned(),
        reason: format!("{answer} ({entity}, {bytes} bytes)"),
        detail: detail.to_string(),
        raw: envelope.body.to_vec(),
        content_type: Some(super::parcel::JSON.to_owned()),
    }
}

/// Says that it is done.
pub(super) fn tell(state: &ForwardState, envelope: &Envelope, answer: &Confirm) {
    let Record { record_id, seq, entity, .. } = &**envelope;
    tracing::error!(code = answer.code(), record_id, seq, entity, %answer, "set aside as a dead letter");
    state.set_aside();
}
