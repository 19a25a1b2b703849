//! Dead letters: told, sent on once more as they are or edited, or discarded for a reason.
//!
//! Whoever decides about one leaves a row with the letter as it was, the bytes it was sent on with, who
//! it was and why. The row is written before the letter goes: a crash between leaves both, and the same
//! decision taken once more changes nothing.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Opened, keeper, rows};
use crate::envelope::{DeadLetter, Original, Receipt, Stage, Submission};
use crate::intake::{self, Road};
use crate::outbox::{Change, Copies, StoreError, blocking};
use crate::pipeline::{self, Accepted, Inbound, Parked, Verdict};
use crate::sets::Channel;

/// What was decided about a letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    /// It is of no use.
    #[default]
    Discarded,
    /// It was taken in after all.
    Retried,
}

/// Who decides, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) by: String,
    pub(super) reason: String,
}

/// A letter that somebody has decided about, with all versions of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Closed {
    pub(super) number: u64,
    pub(super) decision: Decision,
    /// When, `YYYYMMDDhhmmss`.
    pub(super) at: String,
    #[serde(flatten)]
    pub(super) said: Said,
    pub(super) message_id: String,
    pub(super) channel: String,
    pub(super) received_at: String,
    pub(super) stage: String,
    pub(super) code: String,
    pub(super) cause: String,
    pub(super) findings: String,
    pub(super) content_type: Option<String>,
    /// How many bytes came, whether they are kept or not.
    pub(super) bytes: usize,
    /// The bytes as they came; of what was discarded while the disk was short of room, none.
    #[serde(skip)]
    pub(super) raw: Bytes,
    /// The bytes it was sent on with, if they are others.
    #[serde(skip)]
    pub(super) edited: Bytes,
}

/// What became of a try.
#[derive(Debug)]
pub(super) enum Tried {
    /// It is on disk, and the letter is closed.
    Taken(Receipt),
    /// It was refused again and stays as it is: code, sentence, findings.
    Refused(&'static str, String, String),
    /// It is no message, or its channel is gone.
    Impossible(String),
}

impl Closed {
    fn of(
        number: u64,
        letter: &DeadLetter,
        said: &Said,
        decision: Decision,
        edited: Bytes,
    ) -> Closed {
        Closed {
            number,
            decision,
            at: super::show::stamp(keeper::now_ms()),
            said: said.clone(),
            message_id: letter.message_id.clone(),
            channel: letter.channel.clone(),
            received_at: letter.received_at.clone(),
            stage: letter.stage.to_string(),
            code: letter.code.clone(),
            cause: letter.reason.clone(),
            findings: letter.detail.clone(),
            content_type: letter.content_type.clone(),
            bytes: letter.raw.len(),
            raw: Bytes::copy_from_slice(&letter.raw),
            edited,
        }
    }

    /// Without the bytes: discarding is to make room, and must not take some first.
    fn without_bytes(self) -> Closed {
        Closed { raw: Bytes::new(), ..self }
    }

    /// Length of the JSON, length of the first bytes, and all three.
    fn to_bytes(&self) -> Vec<u8> {
        let told = serde_json::to_vec(self).unwrap_or_default();
        let length = |bytes: &[u8]| (bytes.len() as u64).to_be_bytes();
        [&length(&told)[..], &length(&self.raw), &told, &self.raw, &self.edited].concat()
    }

    /// Reads what `to_bytes` wrote.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Closed> {
        let (told, rest) = bytes.split_first_chunk::<8>()?;
        let (raw, rest) = rest.split_first_chunk::<8>()?;
        let (told, rest) = rest.split_at_checked(length(*told)?)?;
        let (raw, edited) = rest.split_at_checked(length(*raw)?)?;
        let closed: Closed = serde_json::from_slice(told).ok()?;
        let [raw, edited] = [raw, edited].map(Bytes::copy_from_slice);
        Some(Closed { raw, edited, ..closed })
    }

    /// The letter, as far as a list asks of it.
    pub(super) fn letter(&self) -> DeadLetter {
        DeadLetter {
            message_id: self.message_id.clone(),
            channel: self.channel.clone(),
            received_at: self.received_at.clone(),
            stage: self.stage.parse().unwrap_or(Stage::Store),
            code: self.code.clone(),
            reason: self.cause.clone(),
            detail: self.findings.clone(),
            raw: Vec::new(),
            content_type: self.content_type.clone(),
        }
    }

    /// One line of a list.
    pub(super) fn told(&self) -> Value {
        json!({
            "state": "discarded", "letter": self.number, "message_id": self.message_id,
            "received_at": self.received_at, "channel": self.channel, "stage": self.stage,
            "code": self.code, "cause": self.cause, "decision": self.decision, "at": self.at,
            "by": self.said.by, "reason": self.said.reason,
            "bytes": self.bytes.max(self.raw.len()), "edited": !self.edited.is_empty(),
        })
    }

    /// The same with all versions, each told by `tell`.
    pub(super) fn versions(&self, tell: impl Fn(&Original) -> Value) -> Value {
        let mut told = self.told();
        let version = |raw: &Bytes| {
            let content_type = self.content_type.clone();
            tell(&Original { raw: raw.clone(), content_type, reading: String::new() })
        };
        if let Some(members) = told.as_object_mut() {
            let findings = serde_json::from_str(&self.findings).unwrap_or_default();
            members.insert("findings".to_owned(), findings);
            members.insert("raw".to_owned(), version(&self.raw));
            if !self.edited.is_empty() {
                members.insert("sent_on_as".to_owned(), version(&self.edited));
            }
        }
        told
    }
}

impl Opened {
    /// Shows every dead letter.
    pub(super) fn each_letter(
        &self,
        mut show: impl FnMut(u64, DeadLetter),
    ) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let chunk = self.outbox.dead_letters(after, CHUNK)?;
            let Some((last, _)) = chunk.last() else { return Ok(()) };
            after = *last;
            for (number, letter) in chunk {
                show(number, letter);
            }
        }
    }

    /// The message of a letter, closed or not; nothing when the letter is of no message.
    pub(super) fn message_of(&self, number: u64) -> Result<Option<String>, StoreError> {
        if let Some(letter) = self.outbox.dead_letter(number)? {
            return Ok(Some(letter.message_id).filter(|it| !it.is_empty()));
        }
        let mut found = None;
        self.each_closed_since(0, |closed| {
            if closed.number == number {
                found = Some(closed.message_id);
            }
        })?;
        Ok(found.filter(|it| !it.is_empty()))
    }

    /// Shows letters that were decided about from a day on.
    pub(super) fn each_closed_since(
        &self,
        day: u32,
        mut show: impl FnMut(Closed),
    ) -> Result<(), StoreError> {
        let today = rows::today();
        // An id that is none of ours has no day worth looking at.
        let first = if day > today { today } else { day.max(self.since()?.unwrap_or(today)) };
        for day in first..=today {
            let [from, end] = rows::closed_on(day);
            self.outbox.walk_journey([&from, &end], |_, row| {
                Closed::from_bytes(row).into_iter().for_each(&mut show);
                std::ops::ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }

    /// Discards letters. Gives how many there were.
    pub(super) async fn discard(&self, numbers: &[u64], said: &Said) -> Result<u64, StoreError> {
        let _decision = self.decision.lock().await;
        let mut gone = 0;
        for number in numbers {
            if let Some(letter) = self.letter(*number).await? {
                let closed = Closed::of(*number, &letter, said, Decision::Discarded, Bytes::new());
                let has_room = self.outbox.room().accepting;
                let closed = if has_room { closed } else { closed.without_bytes() };
                gone += u64::from(self.close(closed).await?);
            }
        }
        Ok(gone)
    }

    /// Sends a letter on once more, with other bytes if some are given.
    pub(super) async fn retry(
        &self,
        road: &Arc<Road>,
        number: u64,
        edited: Option<Bytes>,
        said: &Said,
    ) -> Result<Option<Tried>, StoreError> {
        let _decision = self.decision.lock().await;
        let Some(letter) = self.letter(number).await? else { return Ok(None) };
        let original = Original {
            raw: edited.clone().unwrap_or_else(|| letter.raw.clone().into()),
            ..original(&letter)
        };
        let tried = send_on(road, &letter, original).await?;
        if let Tried::Taken(_) = &tried {
            let edited = edited.unwrap_or_default();
            self.close(Closed::of(number, &letter, said, Decision::Retried, edited)).await?;
        }
        Ok(Some(tried))
    }

    async fn letter(&self, number: u64) -> Result<Option<DeadLetter>, StoreError> {
        let outbox = self.outbox.clone();
        blocking(move || outbox.dead_letter(number)).await
    }

    async fn close(&self, closed: Closed) -> Result<bool, StoreError> {
        let (outbox, number) = (self.outbox.clone(), closed.number);
        let (code, decision) = (closed.code.clone(), closed.decision);
        let row = Change::Put(rows::closed(rows::today(), number), closed.to_bytes());
        blocking(move || outbox.note(&[row], true)).await?;
        let was_there = self.outbox.discard_dead_letter(number).await?;
        if was_there {
            self.causes.closed(&code);
            tracing::warn!(
                number,
                code,
                ?decision,
                by = closed.said.by,
                "a dead letter was decided about"
            );
        }
        Ok(was_there)
    }
}

/// Judges bytes by the sets in force, at the time at which the message came, and hands them in.
async fn send_on(
    road: &Arc<Road>,
    letter: &DeadLetter,
    original: Original,
) -> Result<Tried, StoreError> {
    let impossible = |why: &str| Ok(Tried::Impossible(why.to_owned()));
    match letter.stage {
        Stage::Store => return impossible("这封死信说的是存储的损坏，不是报文：请 HIS 重送"),
        Stage::Forward => {
            return impossible(
                "这封死信是平台拒收的记录，不是报文：平台放行后用 messages replay 重发，或请 HIS 重送",
            );
        }
        Stage::Decode | Stage::Map | Stage::Validate => {}
    }
    // A report whose end is missing could be read all the same, and be taken for the whole.
    if letter.code == ONLY_BEGUN && original.raw == letter.raw {
        return impossible(
            "这封死信只有报文的开头：请 HIS 分批重送，或由医院调大 body_bytes_max 后重送",
        );
    }
    let sets = road.sets.load_full();
    let Some(channel) = sets.channels.get(&letter.channel).cloned() else {
        return impossible("它的通道已不在配置里");
    };
    if channel.stream.is_some() {
        return impossible("流式通道的报文请 HIS 重送");
    }
    let judged = judge(road, &channel, letter, &original).await?;
    let (mut accepted, unknown) = match judged {
        None => return impossible("死信没有收到时间，无法重新判断"),
        Some(Verdict::Refuse(refusal)) => {
            let mut findings = String::new();
            pipeline::findings_json(&refusal.findings, &mut findings);
            return Ok(Tried::Refused(refusal.code, refusal.message, findings));
        }
        Some(Verdict::Accept(accepted)) => (accepted, Vec::new()),
        Some(Verdict::Park(Parked { accepted, unknown })) => (accepted, unknown),
    };
    if !intake::take_brought(road, &mut accepted.drafts, &channel.name).await {
        return impossible("其中的处置反馈或日合计没有被接收");
    }
    let submission = submission(road, &channel, letter, original, accepted);
    let stored = if unknown.is_empty() {
        road.outbox.append(submission).await?
    } else {
        road.outbox.park(submission, unknown).await?
    };
    if stored.is_parked() {
        road.parking.came(road, &channel.set);
    }
    Ok(Tried::Taken(stored))
}

async fn judge(
    road: &Arc<Road>,
    channel: &Arc<Channel>,
    letter: &DeadLetter,
    original: &Original,
) -> Result<Option<Verdict>, StoreError> {
    let (road, channel, original) = (Arc::clone(road), Arc::clone(channel), original.clone());
    let (message_id, received_at) =
        (letter.message_id.clone(), pipeline::moment(&letter.received_at));
    blocking(move || {
        let Some(received_at) = received_at else { return Ok(None) };
        let inbound = Inbound {
            message_id: &message_id,
            received_at,
            org: &road.config.hospital.code,
            bytes: &original.raw,
            content_type: original.content_type.as_deref(),
        };
        Ok(Some(pipeline::judge(&channel, &inbound, &road.config.listen.limits)))
    })
    .await
}

/// Under the id that its caller was told.
fn submission(
    road: &Road,
    channel: &Channel,
    letter: &DeadLetter,
    original: Original,
    accepted: Accepted,
) -> Submission {
    Submission {
        channel: Arc::clone(&channel.name),
        message_id: letter.message_id.clone(),
        received_at: letter.received_at.clone(),
        org: road.config.hospital.code.as_str().into(),
        schema: accepted.schema,
        original: Original { reading: accepted.reading.told(), ..original },
        drafts: accepted.drafts,
    }
}

/// The bytes of a letter as a message.
pub(super) fn original(letter: &DeadLetter) -> Original {
    Original {
        raw: Bytes::copy_from_slice(&letter.raw),
        content_type: letter.content_type.clone(),
        reading: String::new(),
    }
}

/// One line of a list.
pub(super) fn told(number: u64, letter: &DeadLetter, copies: Option<&Copies>) -> Value {
    let mut told = json!({
        "state": "dead", "letter": number, "message_id": letter.message_id,
        "received_at": letter.received_at, "channel": letter.channel,
        "stage": letter.stage.as_str(), "code": letter.code, "cause": letter.reason,
        "bytes": letter.raw.len(),
    });
    // What the store has lost has no message any more: its numbers are all that names it.
    let detail: Value = serde_json::from_str(&letter.detail).unwrap_or_default();
    let numbers = ["first_seq", "last_seq"].map(|it| detail.pointer(&format!("/0/{it}")).cloned());
    if let ([Some(first), Some(last)], Some(members)) = (numbers, told.as_object_mut()) {
        members.extend([("first_seq".to_owned(), first), ("last_seq".to_owned(), last)]);
    }
    if let (Some(copies), Some(members)) = (copies.filter(|it| it.times > 1), told.as_object_mut())
    {
        members.insert("times".to_owned(), copies.times.into());
        members.insert("last_at".to_owned(), copies.last_at.clone().into());
    }
    told
}

/// The number of a dead letter as people write it: `D12`, or `12`.
pub(super) fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.strip_prefix(['D', 'd']).unwrap_or(text).parse().ok()
}

fn length(bytes: [u8; 8]) -> Option<usize> {
    usize::try_from(u64::from_be_bytes(bytes)).ok()
}

const CHUNK: usize = 256;
/// Of what was too long only the beginning is kept.
const ONLY_BEGUN: &str = "I101";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_kept_with_all_versions() {
        let closed = Closed {
            number: 7,
            decision: Decision::Retried,
            said: Said { by: "信息科".to_owned(), reason: "补了性别".to_owned() },
            code: "V203".to_owned(),
            bytes: 7,
            raw: Bytes::from_static(b"\xff\x00<a/>"),
            edited: Bytes::from_static(b"<a>1</a>"),
            ..Closed::default()
        };
        let bytes = closed.to_bytes();
        assert_eq!(Closed::from_bytes(&bytes), Some(closed));
        assert_eq!(Closed::from_bytes(bytes.get(..20).unwrap()), None);
    }

    #[test]
    fn numbers_are_written_with_and_without_a_letter() {
        assert_eq!(
            [number("D12"), number(" 12"), number("0199"), number("x")],
            [Some(12), Some(12), Some(199), None]
        );
    }
}
