//! What a submission becomes: the entry that is stored, and the receipt for who sent it.

use super::format::{Entry, Stored};
use super::seen::Finding;
use crate::envelope::{Receipt, ReceiptStatus, RecordReceipt, Submission};

/// The queue entry with the submission's new records; resends are in the queue already, or gone.
pub(super) fn entry<'a>(
    submission: &'a Submission,
    findings: &[Finding],
    bytes_before: u64,
) -> Entry<'a> {
    let records = submission.drafts.iter().zip(findings).filter_map(|(draft, finding)| {
        let Finding::New(take) = finding else { return None };
        Some(Stored {
            record_id: take.record_id,
            revision: take.revision,
            digest: draft.digest,
            entity: &draft.entity,
            lane: &draft.lane,
            key: &draft.key,
            tail: &draft.tail,
            sum: Some(draft.sum),
        })
    });
    Entry {
        bytes_before,
        message_id: &submission.message_id,
        received_at: &submission.received_at,
        channel: &submission.channel,
        org: &submission.org,
        schema: &submission.schema,
        records: records.collect(),
    }
}

/// The submission's receipt; the first message's, if this one is a resend of it as a whole.
pub(super) fn receipt(submission: Submission, findings: Vec<Finding>) -> Receipt {
    let (message_id, received_at) =
        resent_message(&findings).unwrap_or((submission.message_id, submission.received_at));
    let records = submission.drafts.into_iter().zip(findings).map(|(draft, finding)| {
        let take = finding.take();
        RecordReceipt {
            record_id: take.record_id.to_string(),
            entity: draft.entity,
            key: draft.key,
            seq: take.seq,
            revision: take.revision,
            status: match finding {
                Finding::New(_) => ReceiptStatus::Accepted,
                Finding::Known(_) => ReceiptStatus::Duplicate,
            },
        }
    });
    Receipt { message_id, received_at, records: records.collect() }
}

fn resent_message(findings: &[Finding]) -> Option<(String, String)> {
    let first = findings.first()?.take();
    let all = findings.iter().all(
        |finding| matches!(finding, Finding::Known(take) if take.message_id == first.message_id),
    );
    all.then(|| (first.message_id.clone(), first.received_at.clone()))
}
