//! Messages that came over MLLP. Answers are in frames where they are acknowledgements.

use std::sync::Arc;
use std::time::Instant;

use adapters::Hl7Header;
use axum::response::Response;
use bytes::Bytes;
use jiff::civil::DateTime;

use super::super::Road;
use super::super::acknowledge::Hl7Sender;
use super::super::answer::{Answer, Dialect, Fault};
use super::{Message, count_busy};
use crate::clock;
use crate::envelope::{DeadLetter, Stage};
use crate::pipeline;

/// The answer to a message.
pub(in super::super) async fn receive_framed(
    road: &Arc<Road>,
    channel: &str,
    bytes: Bytes,
) -> Response {
    let started = Instant::now();
    let (id, received_at) = (clock::new_id(), clock::now());
    let sender = Hl7Sender::new(Hl7Header::of(&bytes), received_at);
    let sets = road.sets.load_full();
    let Some(channel) = sets.channels.get(channel).cloned() else {
        let fault = Fault::unknown_channel(channel, &[]);
        return Answer::fault(&fault).about(&id).say(&Dialect::Hl7(Box::new(sender)));
    };
    let Ok(_room) = road.messages.try_acquire() else {
        count_busy(&channel.name);
        let answer = Answer::fault(&Fault::busy()).about(&id);
        return answer.say(&Dialect::Hl7(Box::new(sender)));
    };
    let message = Message {
        id,
        received_at,
        content_type: None,
        bytes,
        sender: Some(sender),
        again: false,
        unheard: false,
        state: None,
    };
    let response = message.take(road, &channel).await;
    metrics::histogram!("his_agent_receipt_seconds", "channel" => channel.name.to_string())
        .record(started.elapsed().as_secs_f64());
    response
}

/// The answer to a message that there was no room for while it came.
pub(in super::super) fn busy_framed(channel: &str, beginning: &[u8]) -> Response {
    count_busy(channel);
    say(&Fault::busy(), &clock::new_id(), beginning, clock::now())
}

/// The answer to a message that is too long to be looked at. Its sender will not send it again: what is
/// here of it is kept, so that somebody finds out which one it was.
pub(in super::super) async fn refuse_framed(
    road: &Road,
    channel: &str,
    beginning: &[u8],
) -> Response {
    let (id, received_at) = (clock::new_id(), clock::now());
    let fault = Fault::too_large(road.config.listen.limits.body_bytes_max);
    let buried = road.outbox.bury(letter(channel, &fault, &id, beginning)).await;
    let (fault, id, outcome) = match buried {
        Ok(first) => (fault, first, "refused"),
        Err(error) => {
            tracing::warn!(message_id = id, channel, %error, "message not stored");
            let (fault, outcome) = Fault::not_stored(&error);
            (fault, id, outcome)
        }
    };
    tracing::warn!(message_id = id, channel, code = "I101", outcome, "message too long");
    metrics::counter!("his_agent_messages_total", "channel" => channel.to_owned(), "outcome" => outcome).increment(1);
    say(&fault, &id, beginning, received_at)
}

fn letter(channel: &str, fault: &Fault, id: &str, beginning: &[u8]) -> DeadLetter {
    DeadLetter {
        message_id: id.to_owned(),
        channel: channel.to_owned(),
        received_at: pipeline::stamp(clock::now()),
        stage: Stage::Decode,
        code: fault.code().to_owned(),
        reason: "too long: only the beginning is kept".to_owned(),
        detail: fault.detail().to_string(),
        raw: beginning.to_vec(),
        content_type: None,
    }
}

fn say(fault: &Fault, id: &str, beginning: &[u8], received_at: DateTime) -> Response {
    let sender = Hl7Sender::new(Hl7Header::of(beginning), received_at);
    Answer::fault(fault).about(id).say(&Dialect::Hl7(Box::new(sender)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use axum::body::{Body, to_bytes};
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::Config;
    use crate::forward::ForwardState;
    use crate::intake::http::his_routes;
    use crate::outbox::{Options, Outbox, WriterHandle};
    use crate::sets::Sets;

    /// No more than `messages_max` are worked on at a time, whichever door they come by.
    #[tokio::test]
    async fn who_finds_every_place_taken_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = house(folder.path());
        let taken = road.messages.acquire_many(3).await.unwrap();
        assert_eq!(posted(&road).await, 503);
        assert!(framed(&road).await.contains("MSA|AR|7"));
        drop(taken);
        assert_ne!(posted(&road).await, 503);
        assert!(framed(&road).await.contains("MSA|AE|7"));
        assert_eq!(road.messages.available_permits(), 3);
    }

    /// Its sender does not send it again: somebody must be able to see which one it was.
    #[tokio::test]
    async fn of_what_is_too_long_the_beginning_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (road, _writer) = house(folder.path());
        let answer = refuse_framed(&road, "rx", HEADER).await;
        let answer = text(answer).await;
        assert!(answer.contains("MSA|AE|7") && answer.contains("|I101|"), "{answer}");
        let letters = road.outbox.dead_letters(0, 9).unwrap();
        let [(_, letter)] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!((letter.code.as_str(), letter.raw.as_slice()), ("I101", HEADER));
    }

    const HEADER: &[u8] = b"MSH|^~\\&|LIS|H|A|P|20260105||ORU^R01|7|P|2.4\r";

    async fn posted(road: &Arc<Road>) -> u16 {
        let request = http::Request::post("/v1/channels/rx/messages").body(Body::from("<a/>"));
        his_routes(road).oneshot(request.unwrap()).await.unwrap().status().as_u16()
    }

    async fn framed(road: &Arc<Road>) -> String {
        text(receive_framed(road, "rx", Bytes::from_static(HEADER)).await).await
    }

    async fn text(answer: Response) -> String {
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        str::from_utf8(&body).unwrap().to_owned()
    }

    fn house(folder: &Path) -> (Arc<Road>, WriterHandle) {
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[listen]\nmessages_max = 3\n[outbox]\ndir = \"{}/outbox\"\n\
             [[channel]]\nname = \"rx\"\nmappings = [\"hl7/\"]\n",
            folder.display()
        );
        let config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
        let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
        let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
        (Arc::new(Road::new(config, sets, outbox, Arc::new(ForwardState::default()))), writer)
    }
}
