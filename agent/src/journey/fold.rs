//! Follows the outbox, behind the receipts and never in their way, and writes a row for each message
//! that gave records. One change holds the rows and the number up to which they were made: a crash
//! loses nothing, since until then the outbox keeps the records.

use serde::Deserialize;

use super::rows::{self, Record, Row};
use super::{Opened, Subject};
use crate::envelope::Envelope;
use crate::outbox::{Change, StoreError, id_bytes};

impl Opened {
    /// The number of the next record to follow.
    pub(super) fn followed(&self) -> Result<u64, StoreError> {
        let row = self.outbox.noted(&rows::followed())?;
        let number = row.and_then(|it| it.try_into().ok()).map(u64::from_be_bytes);
        Ok(number.unwrap_or_else(|| self.outbox.lowest_seq()))
    }

    /// Follows to where the outbox is now.
    pub(super) fn catch_up(&self) -> Result<(), StoreError> {
        while self.follow()? > 0 {}
        Ok(())
    }

    /// Takes the next records in, a bounded number; gives how many.
    pub(super) fn follow(&self) -> Result<usize, StoreError> {
        // One at a time: two would follow the same records.
        let _turn = self.turn();
        let from = self.followed()?;
        let accepted = self.outbox.accepted_from(from, RECORDS_AT_ONCE)?;
        if accepted.next == from {
            return Ok(0);
        }
        let mut changes = vec![Change::Put(rows::followed(), accepted.next.to_be_bytes().to_vec())];
        let mut leads = Vec::with_capacity(accepted.envelopes.len() * 3);
        for message in accepted.envelopes.chunk_by(is_of_one_message) {
            self.write(message, &mut changes, &mut leads);
        }
        // In the order in which they will lie: keys that are far apart each find their place anew.
        leads.sort_unstable();
        leads.dedup();
        changes.extend(leads.into_iter().map(|key| Change::Put(key, Vec::new())));
        self.outbox.note(&changes, false)?;
        Ok(accepted.envelopes.len().max(1))
    }

    fn write(&self, envelopes: &[Envelope], changes: &mut Vec<Change>, leads: &mut Vec<Vec<u8>>) {
        let Some(first) = envelopes.first() else { return };
        let (day, seq) = (rows::day_of_id(&first.message_id), first.seq);
        let record = |it: &Envelope| Record {
            entity: it.entity.clone(),
            id: id_bytes(&it.record_id),
            revision: it.revision,
        };
        let row = Row {
            id: id_bytes(&first.message_id),
            received_at: first.received_at.clone(),
            channel: first.channel.clone(),
            records: envelopes.iter().map(record).collect(),
        };
        changes.push(Change::Put(rows::message(day, seq), row.to_bytes()));
        leads.push(rows::lead(day, self.hash(Subject::Id, &first.message_id), seq));
        for it in envelopes {
            let of_record = rows::day_of_id(&it.record_id);
            leads.push(rows::lead(of_record, self.hash(Subject::Id, &it.record_id), seq));
            let mut lead = |subject, text: &str| {
                if !text.is_empty() {
                    leads.push(rows::lead(day, self.hash(subject, text), seq));
                }
            };
            lead(Subject::Key, &it.key);
            lead(Subject::Encounter, &it.lane);
            patients(it).for_each(|id| lead(Subject::Patient, &id));
        }
    }
}

/// Records of one submission have numbers in a row; two submissions of one long message do, too.
fn is_of_one_message(one: &Envelope, next: &Envelope) -> bool {
    one.message_id == next.message_id && one.seq + 1 == next.seq
}

/// The ids by which a record names its patient.
fn patients(envelope: &Envelope) -> impl Iterator<Item = String> {
    let body: Option<Body> = serde_json::from_slice(&envelope.body).ok();
    let Named { patn_id, psn_no, medrcdno } = body.unwrap_or_default().elements;
    [patn_id, psn_no, medrcdno].into_iter().flatten().filter(|it| !it.trim().is_empty())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    elements: Named,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    patn_id: Option<String>,
    psn_no: Option<String>,
    medrcdno: Option<String>,
}

/// One change stays small enough not to hold up the outbox's own.
const RECORDS_AT_ONCE: usize = 1_000;
