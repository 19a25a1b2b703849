//! What the receipt of a parked message promises, and how the promise is kept.

use uuid::Uuid;

use super::super::format::Take;
use crate::envelope::{
    ContentId, Draft, ParkedMessage, ParkedRecord, Receipt, ReceiptStatus, RecordReceipt,
    Submission, UnknownCode,
};

/// How a record of a message stands that has to wait.
#[derive(Clone, Debug)]
pub(in super::super) enum Standing {
    /// It was taken in before, and is there.
    Taken(Take),
    /// It waits already, in an earlier message.
    Waits(Promise),
    /// It waits from now on.
    New(Promise),
}

/// An id that a receipt has told, and the content of the record that has it, if there is one by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Promise {
    pub(in super::super) id: Uuid,
    pub(in super::super) given_to: Option<ContentId>,
}

impl Promise {
    /// Nobody has had it yet.
    pub(in super::super) fn anew() -> Promise {
        Promise { id: Uuid::now_v7(), given_to: None }
    }

    /// A record's that waits.
    pub(super) const fn of(record: &ParkedRecord) -> Promise {
        Promise { id: record.record_id, given_to: record.given_to }
    }

    /// The id, if this content may have it.
    pub(in super::super) fn id_for(self, content: ContentId) -> Option<Uuid> {
        self.given_to.is_none_or(|it| it == content).then_some(self.id)
    }
}

impl Standing {
    const fn record_id(&self) -> Uuid {
        match self {
            Standing::Taken(take) => take.record_id,
            Standing::Waits(it) | Standing::New(it) => it.id,
        }
    }

    const fn given_to(&self, content: ContentId) -> Option<ContentId> {
        match self {
            Standing::Taken(_) => Some(content),
            Standing::Waits(it) | Standing::New(it) => it.given_to,
        }
    }

    fn receipt(&self, draft: &Draft) -> RecordReceipt {
        let (seq, revision, status) = match self {
            Standing::Taken(take) => (take.seq, take.revision, ReceiptStatus::Duplicate),
            Standing::Waits(_) | Standing::New(_) => (0, 0, ReceiptStatus::Parked),
        };
        let (record_id, entity, key) =
            (self.record_id().to_string(), draft.entity.clone(), draft.key.clone());
        RecordReceipt { record_id, entity, key, seq, revision, status }
    }
}

/// The receipt of a message, under the id and time of the message that is kept for it.
pub(in super::super) fn receipt_as_promised(
    (message_id, received_at): (&str, &str),
    drafts: &[Draft],
    standings: &[Standing],
) -> Receipt {
    Receipt {
        message_id: message_id.to_owned(),
        received_at: received_at.to_owned(),
        records: drafts.iter().zip(standings).map(|(draft, it)| it.receipt(draft)).collect(),
    }
}

/// The message as it is kept.
pub(in super::super) fn message(
    submission: Submission,
    unknown: Vec<UnknownCode>,
    (contents, standings): (&[ContentId], &[Standing]),
) -> ParkedMessage {
    let known = contents.iter().zip(standings);
    let records = submission.drafts.into_iter().zip(known).map(|(draft, (content, standing))| {
        let (record_id, given_to) = (standing.record_id(), standing.given_to(*content));
        let Draft { entity, key, lane, .. } = draft;
        ParkedRecord { record_id, entity, key, lane, content: Some(*content), given_to }
    });
    ParkedMessage {
        message_id: submission.message_id,
        channel: submission.channel.to_string(),
        received_at: submission.received_at,
        original: submission.original,
        records: records.collect(),
        unknown,
    }
}

/// The receipt of a message whose bytes wait already, though its records are not known one by one: an
/// earlier release has parked it, or it is judged otherwise by now.
pub(in super::super) fn receipt(message: &ParkedMessage) -> Receipt {
    let records = message.records.iter().map(|it| RecordReceipt {
        record_id: it.record_id.to_string(),
        entity: it.entity.clone(),
        key: it.key.clone(),
        seq: 0,
        revision: 0,
        status: ReceiptStatus::Parked,
    });
    Receipt {
        message_id: message.message_id.clone(),
        received_at: message.received_at.clone(),
        records: records.collect(),
    }
}

/// The id that was promised for each draft: the record's with the same entity and key. A key with
/// an unmapped code in it has changed by now; those that are left over pair up in their order. An id
/// that another content has is promised no more.
pub(in super::super) fn promised(
    records: &[ParkedRecord],
    drafts: &[Draft],
    contents: &[ContentId],
) -> Vec<Option<Uuid>> {
    let id = |(place, content): (Option<usize>, &ContentId)| {
        let record = records.get(place?)?;
        Promise::of(record).id_for(*content)
    };
    places(records, drafts).into_iter().zip(contents).map(id).collect()
}

/// Where among the records that of each draft is.
pub(super) fn places(records: &[ParkedRecord], drafts: &[Draft]) -> Vec<Option<usize>> {
    let mut open: Vec<(usize, &ParkedRecord)> = records.iter().enumerate().collect();
    let mut take = |fits: &dyn Fn(&ParkedRecord) -> bool| {
        let place = open.iter().position(|it| fits(it.1))?;
        Some(open.remove(place).0)
    };
    let mut places: Vec<Option<usize>> = drafts
        .iter()
        .map(|draft| take(&|it| it.entity == draft.entity && it.key == draft.key))
        .collect();
    for (place, draft) in places.iter_mut().zip(drafts) {
        *place = place.or_else(|| take(&|it| it.entity == draft.entity));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_by_key_and_else_by_order() {
        check("fee a, fee b", "fee a, fee b", "1 2");
        check("fee a, fee b", "fee b, fee a", "2 1");
        check("fee a?, fee b", "fee aQD, fee b", "1 2");
        check("fee a?, fee b?", "fee aQD, fee bQD", "1 2");
        check("visit v, fee a?", "fee aQD, visit v", "2 1");
        check("fee a", "fee a, fee b", "1 -");
        check("visit v", "fee v", "-");
    }

    #[track_caller]
    fn check(parked: &str, judged: &str, expected: &str) {
        let pairs = |text: &str| -> Vec<(String, String)> {
            let words = text.split(", ").filter_map(|it| it.split_once(' '));
            words.map(|(entity, key)| (entity.to_owned(), key.to_owned())).collect()
        };
        let lane = || "lane".to_owned();
        let records = (1u128..).zip(pairs(parked)).map(|(n, (entity, key))| {
            let record_id = Uuid::from_u128(n);
            let (content, given_to) = (None, None);
            ParkedRecord { record_id, entity, key, lane: lane(), content, given_to }
        });
        let drafts = pairs(judged)
            .into_iter()
            .map(|(entity, key)| Draft::new(entity, lane(), key, [0; 32], String::new()));
        let (records, drafts): (Vec<_>, Vec<_>) = (records.collect(), drafts.collect());
        let contents = vec![ContentId { identity: [0; 16], digest: [0; 16] }; drafts.len()];
        let ids = promised(&records, &drafts, &contents);
        let told = ids.iter().map(|it| it.map_or("-".to_owned(), |it| it.as_u128().to_string()));
        assert_eq!(told.collect::<Vec<_>>().join(" "), expected);
    }
}
