//! Dead letters that the outbox itself has to write, because the store did not keep its word.

use tracing::error;

use super::command::Unreadable;
use super::format;
use crate::envelope::{DeadLetter, Stage};

/// Keeps what is left of an unreadable stretch, named, so that the road can go on behind it.
pub(super) fn about(stretch: Unreadable) -> DeadLetter {
    let Unreadable { first_seq, end_seq, value, code, reason } = stretch;
    let last_seq = end_seq - 1;
    error!(first_seq, last_seq, code, "records of the queue were set aside");
    let detail = format!(r#"[{{"first_seq":{first_seq},"last_seq":{last_seq}}}]"#);
    of_the_store(code, reason, detail, value)
}

/// A stored dead letter, or a dead letter about it if it is damaged itself.
pub(super) fn open(value: &[u8]) -> DeadLetter {
    format::open_letter(value).unwrap_or_else(|damage| {
        let reason = format!("the stored dead letter is damaged: {damage}");
        of_the_store("O204", reason, "[]".to_owned(), value.to_vec())
    })
}

fn of_the_store(code: &str, reason: String, detail: String, raw: Vec<u8>) -> DeadLetter {
    DeadLetter {
        message_id: String::new(),
        channel: String::new(),
        received_at: String::new(),
        stage: Stage::Store,
        code: code.to_owned(),
        reason,
        detail,
        raw,
        content_type: None,
    }
}
