//! One pass over the parked messages, chunk by chunk.

use std::collections::HashSet;
use std::sync::Arc;

use crate::envelope::{ContentId, ParkedMessage, Release, Submission};
use crate::intake::Road;
use crate::outbox::{StoreError, contents};
use crate::pipeline::{self, Accepted, Inbound, Parked, Verdict};
use crate::sets::Sets;

/// What became of some parked messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Released {
    /// Went on into the queue.
    pub(super) released: u64,
    /// Became dead letters.
    pub(super) refused: u64,
}

/// Judges everything that is parked, in its order, by the set in force now. Whatever is parked
/// meanwhile behind a message of this pass is met before the pass ends.
pub(super) async fn pass(road: &Arc<Road>) -> Result<(), StoreError> {
    let mut pass = Pass {
        road: Arc::clone(road),
        sets: road.sets.load_full(),
        blocked: HashSet::new(),
        after: 0,
        told: Released::default(),
    };
    while !road.parking.stop.is_cancelled() {
        // Judging a chunk takes the time of hundreds of messages: not on a thread of the doors.
        let judging = tokio::task::spawn_blocking(move || {
            let chunk = pass.chunk();
            (pass, chunk)
        });
        let chunk;
        (pass, chunk) = judging.await.expect("judging neither panics nor is cancelled");
        let Some(releases) = chunk? else { break };
        let told = counted(&releases);
        road.outbox.release(releases).await?;
        road.parking.note(told);
        pass.told.released += told.released;
        pass.told.refused += told.refused;
    }
    let Released { released, refused } = pass.told;
    let (parked, set) = (road.outbox.status().parked, &pass.sets.digest);
    tracing::info!(released, refused, parked, %set, "parked messages were judged again");
    Ok(())
}

fn counted(releases: &[(u64, Release)]) -> Released {
    let count = |it: fn(&Release) -> bool| releases.iter().filter(|(_, r)| it(r)).count() as u64;
    Released {
        released: count(|it| matches!(it, Release::Accept(_))),
        refused: count(|it| matches!(it, Release::Refuse(_))),
    }
}

struct Pass {
    road: Arc<Road>,
    sets: Arc<Sets>,
    /// Lanes in which a message waits on: nothing behind it may go.
    blocked: HashSet<String>,
    after: u64,
    told: Released,
}

impl Pass {
    /// Decisions about the next messages, or `None` when there are no more.
    fn chunk(&mut self) -> Result<Option<Vec<(u64, Release)>>, StoreError> {
        let messages = self.road.outbox.parked(self.after, CHUNK_MAX, CHUNK_BYTES_MAX)?;
        let Some((last, _)) = messages.last() else { return Ok(None) };
        self.after = *last;
        let decided = messages
            .into_iter()
            .filter_map(|(number, message)| self.decide(message).map(|release| (number, release)));
        Ok(Some(decided.collect()))
    }

    /// What becomes of one message; `None` if nothing changes.
    fn decide(&mut self, message: ParkedMessage) -> Option<Release> {
        let (unknown, contents) = match self.judge(&message) {
            Some(Verdict::Refuse(refusal)) => {
                let letter = refusal.letter(&message.channel, &self.inbound(&message)?);
                return Some(Release::Refuse(letter));
            }
            Some(Verdict::Accept(accepted)) if self.may_go(&message, &accepted) => {
                return Some(Release::Accept(self.submission(message, accepted)));
            }
            Some(Verdict::Accept(accepted)) => (Vec::new(), contents(&message, &accepted.drafts)),
            Some(Verdict::Park(Parked { unknown, accepted })) => {
                (unknown, contents(&message, &accepted.drafts))
            }
            None => (message.unknown.clone(), contents_of(&message)),
        };
        let changes = unknown != message.unknown || contents != contents_of(&message);
        let lanes = message.records.into_iter().map(|it| it.lane);
        self.blocked.extend(lanes.filter(|it| !it.is_empty()));
        changes.then_some(Release::Wait(unknown, contents))
    }

    /// The judgement of the set in force. `None` when its channel is no longer configured: then
    /// nobody can say what it means, and it waits until it is.
    fn judge(&self, message: &ParkedMessage) -> Option<Verdict> {
        let channel = self.sets.channels.get(&message.channel)?;
        let limits = &self.road.config.listen.limits;
        Some(pipeline::judge(channel, &self.inbound(message)?, limits))
    }

    /// The message as it came, at the time at which it came.
    fn inbound<'a>(&'a self, message: &'a ParkedMessage) -> Option<Inbound<'a>> {
        Some(Inbound {
            message_id: &message.message_id,
            received_at: pipeline::moment(&message.received_at)?,
            org: &self.road.config.hospital.code,
            bytes: &message.original.raw,
            content_type: message.original.content_type.as_deref(),
        })
    }

    /// Nothing before it in one of its lanes waits on, neither in those that its receipt was given
    /// for nor in those that it has now.
    fn may_go(&self, message: &ParkedMessage, accepted: &Accepted) -> bool {
        let before = message.records.iter().map(|it| &it.lane);
        let mut lanes = before.chain(accepted.drafts.iter().map(|it| &it.lane));
        lanes.all(|it| !self.blocked.contains(it))
    }

    fn submission(&self, message: ParkedMessage, accepted: Accepted) -> Submission {
        Submission {
            channel: message.channel.into(),
            message_id: message.message_id,
            received_at: message.received_at,
            org: self.road.config.hospital.code.as_str().into(),
            schema: accepted.schema,
            drafts: accepted.drafts,
            original: message.original,
        }
    }
}

fn contents_of(message: &ParkedMessage) -> Vec<Option<ContentId>> {
    message.records.iter().map(|it| it.content).collect()
}

/// Messages judged before the first of them is released.
const CHUNK_MAX: usize = 256;
/// Their bytes, so that a few large ones do not fill the memory.
const CHUNK_BYTES_MAX: usize = 4 << 20;
