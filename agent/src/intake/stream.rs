//! The way of very long messages through the message door: to a file, and from there item by item.
//!
//! A channel with `stream` takes fee lists of hundreds of megabytes in memory that does not grow with
//! them. The body is spooled to a file beside the outbox. A first pass judges every item and stores
//! nothing: the message is accepted as a whole or not at all. A second pass stores the records in
//! submissions of at most a thousand. A crash in between leaves a part of them stored, without a
//! receipt: the caller sends again, and what is stored already is found to be a duplicate.
//!
//! The body takes no place of those that are judged while it comes: it may be slow. Once it is here it
//! waits for its turn.
//!
//! Of a refused message the beginning lies in the dead letters; the whole stays in the spool folder,
//! under `refused`, by its id.

mod passes;
mod places;
mod spool;

use std::sync::Arc;

use axum::response::Response;
use jiff::civil::DateTime;
use tokio::runtime::Handle;

use self::passes::{Counts, Ended, Long};
use self::spool::Spool;
use super::answer::{Answer, Dialect, Fault};
use super::voice::Voice;
use super::{Road, Upload};
use crate::outbox::StoreError;
use crate::pipeline::{Inbound, Refusal};
use crate::quality::{Observed, Outcome};
use crate::sets::Channel;

pub(super) use self::places::Streams;
pub(super) use self::spool::clear;

/// What is known of a message before its body.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) received_at: DateTime,
    pub(super) content_type: Option<String>,
}

/// Takes a message whose channel streams.
pub(super) async fn receive(
    road: &Arc<Road>,
    channel: &Arc<Channel>,
    head: Head,
    body: Upload,
) -> Response {
    let id = head.id.clone();
    // A body of some hundred megabytes is not even spooled.
    if !road.outbox.room().accepting {
        count(channel, "no_room");
        return Answer::fault(&Fault::no_room()).about(&id).say(&Dialect::Xml);
    }
    let (body, from) = body.apart();
    let Some(place) = road.streams.enter(from) else {
        count(channel, "busy");
        return Answer::fault(&Fault::busy()).about(&id).say(&Dialect::Xml);
    };
    let spool = match Spool::take(road, &id, body, place).await {
        Ok(spool) => spool,
        Err(answer) => return answer.about(&id).say(&Dialect::Xml),
    };
    // Nobody who has sent that much is sent away now.
    let _turn = road.streams.turns.acquire().await;
    let (road_here, channel_here, runtime) =
        (Arc::clone(road), Arc::clone(channel), Handle::current());
    let passing = tokio::task::spawn_blocking(move || {
        let long = Long { road: &road_here, channel: &channel_here, head: &head, spool: &spool };
        let outcome = long.take(&runtime);
        let refused = match &outcome {
            Err(Ended::Refused(refusal, _)) => Some(long.letter(refusal)),
            _ => None,
        };
        (outcome, refused, head, spool)
    });
    let (outcome, letter, head, mut spool) = passing.await.expect("no pass panics or is cancelled");
    let mut reading = None;
    let answer = match outcome {
        Ok((counts, judged)) => {
            reading = judged.reading;
            accepted(road, channel, &head, &counts, &judged.observed)
        }
        Err(Ended::Refused(refusal, observed)) => {
            spool.keep();
            reading.clone_from(&refusal.reading);
            match road
                .outbox
                .bury(letter.unwrap_or_else(|| empty_letter(&refusal, &head, channel)))
                .await
            {
                Ok(_) => refused(road, channel, &head, &refusal, &observed, spool.bytes),
                Err(error) => not_stored(channel, &head, &error),
            }
        }
        Err(Ended::Store(error)) => not_stored(channel, &head, &error),
        Err(Ended::Spool(error)) => {
            tracing::error!(message_id = head.id, channel = %channel.name, %error, "spool not readable");
            count(channel, "failed");
            Answer::fault(&Fault::store_failed())
        }
    };
    let voice = Voice {
        dialect: Dialect::Xml,
        channel,
        org: &road.config.hospital.code,
        message_id: &head.id,
        received_at: head.received_at,
        reading: reading.as_ref(),
        door: "message",
    };
    voice.say(answer.about(&head.id))
}

fn accepted(
    road: &Road,
    channel: &Channel,
    head: &Head,
    counts: &Counts,
    observed: &Observed,
) -> Answer {
    let outcome = match counts {
        Counts { parked: 1.., .. } => Outcome::Parked,
        Counts { accepted: 0, .. } => Outcome::Resent,
        _ => Outcome::Accepted,
    };
    road.quality.count(head.received_at.date(), &channel.name, outcome, observed);
    tracing::info!(
        message_id = head.id, channel = %channel.name, records = counts.records,
        accepted = counts.accepted, duplicate = counts.duplicate, parked = counts.parked,
        charset = counts.charset, "long message accepted"
    );
    count(channel, if counts.parked > 0 { "parked" } else { "accepted" });
    Answer::counts(&head.id, head.received_at, &counts.told())
}

fn refused(
    road: &Road,
    channel: &Channel,
    head: &Head,
    refusal: &Refusal,
    observed: &Observed,
    bytes: u64,
) -> Answer {
    tracing::warn!(
        message_id = head.id, channel = %channel.name, stage = %refusal.stage,
        code = refusal.code, bytes, reason = refusal.log, "long message refused"
    );
    let outcome = Outcome::Refused(refusal.code);
    road.quality.count(head.received_at.date(), &channel.name, outcome, observed);
    count(channel, "refused");
    let fault = Fault::unacceptable(refusal.status(), refusal.code, refusal.message.clone());
    Answer::findings(&fault, &refusal.findings)
}

fn not_stored(channel: &Channel, head: &Head, error: &StoreError) -> Answer {
    let (fault, outcome) = Fault::not_stored(error);
    tracing::warn!(message_id = head.id, channel = %channel.name, %error, "long message not stored");
    count(channel, outcome);
    Answer::fault(&fault)
}

fn empty_letter(refusal: &Refusal, head: &Head, channel: &Channel) -> crate::envelope::DeadLetter {
    let inbound = Inbound {
        message_id: &head.id,
        received_at: head.received_at,
        org: "",
        bytes: &[],
        content_type: head.content_type.as_deref(),
    };
    refusal.letter(&channel.name, &inbound)
}

fn count(channel: &Channel, outcome: &'static str) {
    metrics::counter!("his_agent_messages_total", "channel" => channel.name.to_string(), "outcome" => outcome)
        .increment(1);
}
