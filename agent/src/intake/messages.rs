//! The message door: any body a channel understands, answered with a receipt.

mod framed;
mod unattended;
mod untaken;

use std::sync::Arc;
use std::time::Instant;

use adapters::{FaultKind, WireFormat};
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::acknowledge::Hl7Sender;
use super::answer::{Answer, Dialect, Fault};
use super::voice::Voice;
use super::{Road, Upload, feedback, read_body, stream, totals};
use crate::clock;
use crate::envelope::{Original, Receipt, ReceiptStatus, Submission, UnknownCode};
use crate::outbox::{self, StoreError};
use crate::pipeline::{self, Accepted, Inbound, Parked, Reading, Refusal, Verdict};
use crate::quality::{Observed, Outcome};
use crate::sets::{self, Channel, Seen, Sets};
use crate::telemetry::{Laps, Step, spent};

pub(super) use framed::{busy_framed, receive_framed, refuse_framed};
pub(crate) use unattended::receive_fetched;
pub(super) use unattended::{Row, bury_row, receive_file, receive_row};

/// Bodies above this are judged on a thread of their own, so that a fee list of some megabytes does
/// not hold up everybody's prescriptions.
pub(super) const INLINE_BYTES_MAX: usize = 256 * 1024;

/// `POST /v1/channels/{channel}/messages`, and what the SOAP door leads here.
pub(super) async fn receive(
    State(road): State<Arc<Road>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Upload,
) -> Response {
    let started = Instant::now();
    let message_id = clock::new_id();
    let sets = road.sets.load_full();
    let Some(channel) = sets.channels.get(&channel).cloned() else {
        return unknown_channel(&sets, &channel, &message_id);
    };
    let unread = || {
        let content_type = content_type(&headers);
        Dialect::unread(channel.services.called(content_type.as_deref()), content_type.as_deref())
    };
    if channel.stream.is_some() {
        let (received_at, content_type) = (clock::now(), content_type(&headers));
        let head = stream::Head { id: message_id, received_at, content_type };
        return stream::receive(&road, &channel, head, body).await;
    }
    // Who would be refused is told so before it is sent.
    if road.messages.available_permits() == 0 {
        return busy(&channel, &message_id, &unread());
    }
    // Only what is here takes a place: bodies that never end must not have them all.
    let bytes = match read_body(&road, body).await {
        Ok(bytes) => bytes,
        Err(answer) => return answer.about(&message_id).say(&unread()),
    };
    let Ok(_room) = road.messages.try_acquire() else {
        return busy(&channel, &message_id, &unread());
    };
    let message = Message::new(message_id, content_type(&headers), bytes);
    let response = message.take(&road, &channel).await;
    metrics::histogram!("his_agent_receipt_seconds", "channel" => channel.name.to_string())
        .record(started.elapsed().as_secs_f64());
    response
}

/// One message between its door and the disk.
pub(super) struct Message {
    /// Who is to be acknowledged, if it came over MLLP.
    sender: Option<Hl7Sender>,
    pub(super) id: String,
    pub(super) received_at: jiff::civil::DateTime,
    pub(super) content_type: Option<String>,
    pub(super) bytes: Bytes,
    /// Whether it may have been taken before, under this id.
    again: bool,
    /// Whether nobody hears the answer: what is refused is found among the dead letters or nowhere.
    unheard: bool,
    /// It is the state of its source.
    state: Option<outbox::State>,
}

impl Message {
    /// What came in by HTTP just now.
    pub(super) fn new(id: String, content_type: Option<String>, bytes: Bytes) -> Message {
        let received_at = clock::now();
        let (sender, state) = (None, None);
        Message {
            id,
            received_at,
            content_type,
            bytes,
            sender,
            again: false,
            unheard: false,
            state,
        }
    }

    async fn take(&self, road: &Arc<Road>, channel: &Arc<Channel>) -> Response {
        let verdict = self.judge(road, channel).await;
        if sets::is_noting(road) {
            sets::note(road, self.seen(channel), &verdict);
        }
        match verdict {
            Verdict::Accept(accepted) => self.accept(road, channel, accepted, Vec::new()).await,
            Verdict::Park(Parked { accepted, unknown }) => {
                self.accept(road, channel, accepted, unknown).await
            }
            Verdict::Refuse(refusal) => self.refuse(road, channel, refusal).await,
        }
    }

    pub(super) fn is_long(&self) -> bool {
        self.bytes.len() > INLINE_BYTES_MAX
    }

    pub(super) async fn judge(&self, road: &Arc<Road>, channel: &Arc<Channel>) -> Verdict {
        if !self.is_long() {
            return self.judge_here(road, channel);
        }
        let (road, channel, message) = (Arc::clone(road), Arc::clone(channel), self.clone());
        tokio::task::spawn_blocking(move || message.judge_here(&road, &channel))
            .await
            .expect("judging neither panics nor is cancelled")
    }

    fn judge_here(&self, road: &Road, channel: &Channel) -> Verdict {
        let mut laps = Laps::begin();
        let limits = &road.config.listen.limits;
        pipeline::judge_by_stages(channel, &self.inbound(road), limits, &mut |it| laps.end(it))
    }

    fn inbound<'a>(&'a self, road: &'a Road) -> Inbound<'a> {
        Inbound {
            message_id: &self.id,
            received_at: self.received_at,
            org: &road.config.hospital.code,
            bytes: &self.bytes,
            content_type: self.content_type.as_deref(),
        }
    }

    fn seen(&self, channel: &Arc<Channel>) -> Seen {
        Seen {
            channel: Arc::clone(channel),
            message_id: self.id.clone(),
            received_at: self.received_at,
            content_type: self.content_type.clone(),
            bytes: self.bytes.clone(),
        }
    }

    fn clone(&self) -> Message {
        Message {
            id: self.id.clone(),
            received_at: self.received_at,
            content_type: self.content_type.clone(),
            bytes: self.bytes.clone(),
            sender: self.sender.clone(),
            again: self.again,
            unheard: self.unheard,
            state: self.state.clone(),
        }
    }

    /// Stores the message, to go on or to wait for the `unknown` codes.
    async fn accept(
        &self,
        road: &Arc<Road>,
        channel: &Channel,
        mut accepted: Accepted,
        unknown: Vec<UnknownCode>,
    ) -> Response {
        let voice = self.voice(road, channel, Some(&accepted.reading));
        let answers = feedback::take_records(road, &mut accepted.drafts, &channel.name);
        if let Err(fault) = answers.await {
            return self.untaken(road, channel, &fault, &voice).await;
        }
        let taken = totals::take_records(road, &accepted.drafts, &channel.name);
        if let Err(fault) = taken.await {
            return self.untaken(road, channel, &fault, &voice).await;
        }
        let awaited = road.checks.awaited(&accepted.drafts);
        let submission = Submission {
            channel: Arc::clone(&channel.name),
            message_id: self.id.clone(),
            received_at: pipeline::stamp(self.received_at),
            org: Arc::from(road.config.hospital.code.as_str()),
            schema: Arc::clone(&accepted.schema),
            drafts: accepted.drafts,
            original: Original {
                raw: self.bytes.clone(),
                content_type: self.content_type.clone(),
                reading: accepted.reading.told(),
            },
        };
        let begun = Instant::now();
        let stored = match &self.state {
            _ if !unknown.is_empty() => road.outbox.park(submission, unknown).await,
            Some(it) => road.outbox.append_state(submission, it.clone()).await,
            None => road.outbox.append(submission).await,
        };
        spent(Step::Store, begun);
        match stored {
            Ok(receipt) => {
                road.checks.uploaded(awaited, &receipt);
                self.count(road, channel, outcome_of(&receipt, &self.id), &accepted.observed);
                if receipt.is_parked() {
                    road.parking.came(road, &channel.set);
                }
                self.note_receipt(channel, &receipt, &accepted.reading.charset);
                let begun = Instant::now();
                let answer =
                    voice.say(Answer::receipt(&receipt, &accepted.warnings).about(&self.id));
                spent(Step::Answer, begun);
                answer
            }
            Err(error) => self.not_stored(channel, &error, &voice),
        }
    }

    async fn refuse(&self, road: &Road, channel: &Channel, refusal: Refusal) -> Response {
        let dialect = self.dialect_of(channel, &refusal);
        let voice = Voice { dialect, ..self.voice(road, channel, refusal.reading.as_ref()) };
        // An empty body is a health probe more often than a message: there is nothing to keep.
        let mut first_id = self.id.clone();
        let is_empty = self.bytes.iter().all(u8::is_ascii_whitespace);
        let is_kept = self.again && is_buried(road, &self.id);
        if !is_empty && !is_kept {
            match road.outbox.bury(refusal.letter(&channel.name, &self.inbound(road))).await {
                Ok(id) => first_id = id,
                Err(error) => return self.not_stored(channel, &error, &voice),
            }
            tracing::warn!(
                message_id = self.id, first_id, channel = %channel.name, stage = %refusal.stage,
                code = refusal.code, bytes = self.bytes.len(), reason = refusal.log,
                "message refused"
            );
        }
        // As with a resend of what was accepted: under the first id there is something to be found.
        let voice = Voice { message_id: &first_id, ..voice };
        self.count(road, channel, Outcome::Refused(refusal.code), &refusal.observed);
        metrics::counter!("his_agent_messages_total", "channel" => channel.name.to_string(), "outcome" => "refused").increment(1);
        let fault = Fault::unacceptable(refusal.status(), refusal.code, refusal.message.clone());
        voice.say(Answer::findings(&fault, &refusal.findings).about(&first_id))
    }

    fn voice<'v>(
        &'v self,
        road: &'v Road,
        channel: &'v Channel,
        reading: Option<&'v Reading>,
    ) -> Voice<'v> {
        let dialect = reading.map_or(Dialect::Json, |it| Dialect::of(it.format, it.call.as_ref()));
        Voice {
            dialect: self.acknowledgement(reading).unwrap_or(dialect),
            channel,
            org: &road.config.hospital.code,
            message_id: &self.id,
            received_at: self.received_at,
            reading,
            door: "message",
        }
    }

    /// What is not HL7 and came over MLLP all the same is answered in its own format.
    fn acknowledgement(&self, reading: Option<&Reading>) -> Option<Dialect> {
        let sender = self.sender.clone()?;
        let sender = match reading {
            None => sender,
            Some(reading) if reading.format == WireFormat::Hl7 => sender.writing(reading.caller),
            Some(_) => return None,
        };
        Some(Dialect::Hl7(Box::new(sender)))
    }

    fn dialect_of(&self, channel: &Channel, refusal: &Refusal) -> Dialect {
        if let Some(acknowledgement) = self.acknowledgement(refusal.reading.as_ref()) {
            return acknowledgement;
        }
        if let Some(reading) = &refusal.reading {
            Dialect::of(reading.format, reading.call.as_ref())
        } else {
            let content_type = self.content_type.as_deref();
            unread_dialect(channel, &self.bytes, content_type, refusal.fault)
        }
    }

    /// Quality is counted once a message's fate is on disk: what comes again is then seen as such.
    fn count(&self, road: &Road, channel: &Channel, outcome: Outcome, observed: &Observed) {
        road.quality.count(self.received_at.date(), &channel.name, outcome, observed);
    }

    fn not_stored(&self, channel: &Channel, error: &StoreError, voice: &Voice<'_>) -> Response {
        let (fault, outcome) = Fault::not_stored(error);
        tracing::warn!(message_id = self.id, channel = %channel.name, %error, "message not stored");
        metrics::counter!("his_agent_messages_total", "channel" => channel.name.to_string(), "outcome" => outcome).increment(1);
        voice.say(Answer::fault(&fault).about(&self.id))
    }

    fn note_receipt(&self, channel: &Channel, receipt: &Receipt, charset: &str) {
        let outcome = if receipt.is_parked() { "parked" } else { "accepted" };
        tracing::info!(
            message_id = self.id, channel = %channel.name, records = receipt.records.len(),
            bytes = self.bytes.len(), charset, "message {outcome}"
        );
        metrics::counter!("his_agent_messages_total", "channel" => channel.name.to_string(), "outcome" => outcome).increment(1);
        for record in &receipt.records {
            metrics::counter!("his_agent_records_total", "status" => record.status.as_str())
                .increment(1);
        }
    }
}

/// Whether a dead letter of this message is there already. Only after a crash, so that all may be
/// looked through.
fn is_buried(road: &Road, id: &str) -> bool {
    let mut after = 0;
    loop {
        let Ok(letters) = road.outbox.dead_letters(after, LETTERS_AT_ONCE) else {
            return false;
        };
        let Some((last, _)) = letters.last() else { return false };
        after = *last;
        if letters.iter().any(|(_, it)| it.message_id == id) {
            return true;
        }
    }
}

/// A resend gets the first receipt, and with it the id of the first message.
fn outcome_of(receipt: &Receipt, message_id: &str) -> Outcome {
    let resent = receipt.records.iter().all(|it| it.status == ReceiptStatus::Duplicate);
    match receipt.is_parked() {
        _ if resent || (receipt.message_id != message_id && receipt.is_parked()) => Outcome::Resent,
        true => Outcome::Parked,
        false => Outcome::Accepted,
    }
}

impl Refusal {
    /// Not readable is 400 and its kin, readable but not acceptable 422.
    pub(super) fn status(&self) -> StatusCode {
        match self.code {
            WRONG_CONTENT_TYPE | WRONG_FORMAT => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ if self.reading.is_none() => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

const LETTERS_AT_ONCE: usize = 256;

/// `adapters` codes that HTTP has a status of its own for.
const WRONG_CONTENT_TYPE: &str = "D103";
const WRONG_FORMAT: &str = "D104";

pub(super) fn unknown_channel(sets: &Sets, name: &str, message_id: &str) -> Response {
    let known: Vec<&str> = sets.channels.keys().map(String::as_str).collect();
    Answer::fault(&Fault::unknown_channel(name, &known)).about(message_id).say(&Dialect::Json)
}

fn count_busy(channel: &str) {
    metrics::counter!("his_agent_messages_total", "channel" => channel.to_owned(), "outcome" => "busy").increment(1);
}

fn busy(channel: &Channel, message_id: &str, dialect: &Dialect) -> Response {
    count_busy(&channel.name);
    Answer::fault(&Fault::busy()).about(message_id).say(dialect)
}

/// How to answer what nobody could read: what its bytes look like, then what its headers say.
pub(super) fn unread_dialect(
    channel: &Channel,
    bytes: &[u8],
    content_type: Option<&str>,
    fault: FaultKind,
) -> Dialect {
    if let Some(version) = adapters::soap_version_of(bytes) {
        return Dialect::SoapFault(version, fault);
    }
    let is_tagged = bytes.trim_ascii_start().starts_with(b"<");
    let is_xml = content_type.is_some_and(|it| it.to_ascii_lowercase().contains("xml"));
    match Dialect::unread(channel.services.called(content_type), content_type) {
        // Neither by its head nor by its bytes a SOAP client's: a fault would be told as an error of ours.
        Dialect::SoapFault(..) if !is_tagged && !is_xml => Dialect::Json,
        Dialect::Json if is_tagged => Dialect::Xml,
        Dialect::SoapFault(version, _) => Dialect::SoapFault(version, fault),
        other => other,
    }
}

/// A header that is no text is as good as none: the bytes decide anyway. Chinese is text: operations
/// are called by it.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    str::from_utf8(headers.get(header::CONTENT_TYPE)?.as_bytes()).ok().map(str::to_owned)
}
