//! What the receipt of a parked message promises, and how the promise is kept.

use uuid::Uuid;

use crate::envelope::{
    Draft, ParkedMessage, ParkedRecord, Receipt, ReceiptStatus, RecordReceipt, Submission,
    UnknownCode,
};

/// The message as it is kept; its records get their ids here.
pub(in super::super) fn message(
    submission: Submission,
    unknown: Vec<UnknownCode>,
) -> ParkedMessage {
    let records = submission.drafts.into_iter().map(|draft| ParkedRecord {
        record_id: Uuid::now_v7(),
        entity: draft.entity,
        key: draft.key,
        lane: draft.lane,
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

/// The receipt, the same for the first sending and every resend while the message waits.
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
/// an unmapped code in it has changed by now; those that are left over pair up in their order.
pub(in super::super) fn promised(records: &[ParkedRecord], drafts: &[Draft]) -> Vec<Option<Uuid>> {
    let mut open: Vec<&ParkedRecord> = records.iter().collect();
    let mut take = |fits: &dyn Fn(&ParkedRecord) -> bool| {
        let place = open.iter().position(|it| fits(it))?;
        Some(open.remove(place).record_id)
    };
    let mut ids: Vec<Option<Uuid>> = drafts
        .iter()
        .map(|draft| take(&|it| it.entity == draft.entity && it.key == draft.key))
        .collect();
    for (id, draft) in ids.iter_mut().zip(drafts) {
        *id = id.or_else(|| take(&|it| it.entity == draft.entity));
    }
    ids
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
            ParkedRecord { record_id, entity, key, lane: lane() }
        });
        let drafts = pairs(judged)
            .into_iter()
            .map(|(entity, key)| Draft::new(entity, lane(), key, [0; 32], String::new()));
        let (records, drafts): (Vec<_>, Vec<_>) = (records.collect(), drafts.collect());
        let ids = promised(&records, &drafts);
        let told = ids.iter().map(|it| it.map_or("-".to_owned(), |it| it.as_u128().to_string()));
        assert_eq!(told.collect::<Vec<_>>().join(" "), expected);
    }
}
