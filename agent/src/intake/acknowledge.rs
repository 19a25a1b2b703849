//! The words of an MLLP sender: acknowledgements in frames, as many as its header asks for.
//!
//! `AA` and `CA` leave with the receipt, and so after the disk. What was refused is kept as a dead letter
//! and answered `AE`: sending it again unchanged is of no use. What was not taken is answered `AR`:
//! the sender keeps it and sends it again.

use adapters::{Acknowledgement, AnswerCharset, Fate, Hl7Header, Level, Trouble};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header;
use jiff::civil::DateTime;

use super::answer::Answer;
use crate::pipeline;

/// Who waits at the other end.
#[derive(Clone, Debug)]
pub struct Hl7Sender {
    header: Hl7Header,
    charset: AnswerCharset,
    received_at: DateTime,
}

impl Hl7Sender {
    /// The sender of a message with this header.
    pub(super) fn new(header: Hl7Header, received_at: DateTime) -> Hl7Sender {
        Hl7Sender { charset: header.charset, header, received_at }
    }

    /// The same, once the encoding of the whole message is known.
    #[must_use]
    pub(super) fn writing(self, charset: AnswerCharset) -> Hl7Sender {
        Hl7Sender { charset, ..self }
    }

    /// All frames of the answer; `own` is the application's acknowledgement in the channel's own words.
    pub(super) fn say(&self, answer: &Answer, own: Option<&[u8]>) -> Response {
        let fate = answer.fate();
        let mut frames = Vec::with_capacity(512);
        for level in self.header.wanted(fate) {
            let message = match (level, own) {
                (Level::Application, Some(own)) => own.to_vec(),
                _ => self.acknowledgement(level, answer),
            };
            frames.extend(adapters::mllp_frame(&message));
        }
        (answer.status(), [(header::CONTENT_TYPE, FRAMES)], Body::from(frames)).into_response()
    }

    fn acknowledgement(&self, level: Level, answer: &Answer) -> Vec<u8> {
        let troubles: Vec<Trouble> = answer.troubles().collect();
        let told = Acknowledgement {
            fate: answer.fate(),
            message: answer.message(),
            troubles: &troubles,
            id: answer.request_id(),
            time: &pipeline::stamp(self.received_at),
        };
        self.header.acknowledge(level, self.charset, &told)
    }
}

impl Answer {
    /// What became of the message, in the words of HL7.
    fn fate(&self) -> Fate {
        match self.status() {
            it if it.is_success() => Fate::Accepted,
            it if it.is_server_error() => Fate::NotTaken,
            _ => Fate::Refused,
        }
    }
}

/// Frames that only need to be written.
pub(super) const FRAMES: &str = "application/hl7-v2+mllp";
