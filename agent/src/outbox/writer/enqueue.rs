//! The writer's part of taking in: what is new of a submission gets its number and goes into the queue.

use uuid::Uuid;

use super::super::accept;
use super::super::lanes;
use super::super::seen::{self, Finding, Identity, Seen};
use super::super::store::Family;
use super::{Group, Writer};
use crate::envelope::{Draft, Submission};

/// What is known of a submission's records, in their order.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) identities: &'a [Identity],
    /// The ids that were promised; none behind the last of these.
    pub(super) promised: &'a [Option<Uuid>],
    /// Which are changes back; none behind the last of these.
    pub(super) back: &'a [bool],
}

/// A draft that may be a new record.
struct Candidate<'a> {
    draft: &'a Draft,
    identity: Identity,
    promised: Option<Uuid>,
    is_change_back: bool,
}

impl<'a> Known<'a> {
    fn candidates(self, drafts: &'a [Draft]) -> impl Iterator<Item = Candidate<'a>> {
        drafts.iter().zip(self.identities).enumerate().map(move |(place, (draft, identity))| {
            Candidate {
                draft,
                identity: *identity,
                promised: self.promised.get(place).copied().flatten(),
                is_change_back: self.back.get(place).copied().unwrap_or_default(),
            }
        })
    }
}

impl Writer {
    /// Adds the new records of one submission to the queue.
    pub(super) fn enqueue(
        &mut self,
        group: &mut Group<'_>,
        seen: &mut Seen,
        submission: &Submission,
        known: Known<'_>,
    ) -> Vec<Finding> {
        let first_seq = self.at.next_seq;
        let candidates = known.candidates(&submission.drafts);
        let findings: Vec<Finding> =
            candidates.map(|it| self.number(group, seen, submission, &it)).collect();
        if self.at.next_seq > first_seq {
            let plain = accept::entry(submission, &findings, self.at.bytes).plain();
            let bytes = group.batch.seal(Family::Queue, &first_seq.to_be_bytes(), plain);
            self.at.bytes += bytes as u64;
        }
        findings
    }

    /// Finds one record, or gives it the next number, and the id that was promised.
    fn number(
        &mut self,
        group: &mut Group<'_>,
        seen: &mut Seen,
        submission: &Submission,
        it: &Candidate<'_>,
    ) -> Finding {
        let content = seen::content(it.identity, it.draft);
        // What was promised one id as one content may be two by now, in one message or in several.
        let is_free = |id: &Uuid| group.given.get(id).is_none_or(|given| *given == content);
        let next = (self.at.next_seq, it.promised.filter(is_free));
        let draft = (it.draft, it.is_change_back);
        let finding = seen.find_or_take(it.identity, draft, next, submission);
        if let Finding::New(take) = &finding {
            group.given.insert(take.record_id, content);
            if !it.draft.lane.is_empty() {
                self.new.push((lanes::hash(&it.draft.lane), self.at.next_seq));
            }
            self.at.next_seq += 1;
        }
        finding
    }
}
