//! What must be: plain lists of what the HIS was told, what the platform has, and what became of each record.

use super::*;
use crate::envelope::{Receipt, ReceiptStatus};
use crate::outbox::tests::power::End;

#[derive(Default)]
pub(super) struct Ledger {
    records: BTreeMap<u64, Taken>,
    // Content by id, as receipts have told it.
    told: BTreeMap<String, String>,
    settled: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    // One is being refused, and it is not on the disk for sure.
    pub(super) refusing: Option<u64>,
    // These are to go once more.
    pub(super) again: BTreeSet<u64>,
    stored: BTreeSet<u64>,
    // Of these the agent has heard, in this life, or since they were to go once more.
    confirmed: BTreeSet<u64>,
    letters: u64,
    // No end can take back that these have left, nor that delivery has come so far.
    sure: BTreeSet<u64>,
    sure_cursor: u64,
}

/// A record that was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Taken {
    record_id: String,
    revision: u32,
    key: String,
    value: String,
    message: String,
}

impl Ledger {
    /// The HIS was answered.
    pub(super) fn accept(&mut self, message: &str, records: &[String], receipt: &Receipt) {
        assert_eq!(records.len(), receipt.records.len());
        let cursor = self.cursor();
        for (record, got) in records.iter().zip(&receipt.records) {
            let (key, value) = parts(record);
            if let Some(seq) = self.there(key, value) {
                assert_eq!(got.status, ReceiptStatus::Duplicate, "{record} is {seq}");
            } else {
                assert_eq!(got.status, ReceiptStatus::Accepted, "{record}");
                self.take(message, record, got.seq, (&got.record_id, got.revision));
                // It was synced, and what was written before it as well.
                self.sure_cursor = cursor;
            }
            let it = &self.records[&got.seq];
            assert_eq!((&got.record_id, got.revision), (&it.record_id, it.revision), "{record}");
            self.told.insert(it.record_id.clone(), format!("{key}={value}"));
        }
        let messages: BTreeSet<&str> =
            receipt.records.iter().map(|it| self.records[&it.seq].message.as_str()).collect();
        let is_resent = receipt.records.iter().all(|it| it.status == ReceiptStatus::Duplicate);
        if let Some(first) = messages.first().filter(|_| is_resent && messages.len() == 1) {
            assert_eq!(receipt.message_id, *first);
        }
    }

    /// The number of a record with this content that waits or was delivered.
    fn there(&self, key: &str, value: &str) -> Option<u64> {
        self.last(key, value).map(|(seq, _)| seq).filter(|it| !self.refused.contains(it))
    }

    fn last(&self, key: &str, value: &str) -> Option<(u64, &Taken)> {
        let mut all = self.records.iter().rev().map(|(seq, it)| (*seq, it));
        all.find(|(_, it)| (it.key.as_str(), it.value.as_str()) == (key, value))
    }

    /// What was refused comes back under the id and revision it had; everything else is the next revision.
    fn take(&mut self, message: &str, record: &str, seq: u64, (id, revision): (&str, u32)) {
        let (key, value) = parts(record);
        assert_eq!(seq, self.next_seq(), "{record}");
        let of_key = self.records.values().filter(|it| it.key == key);
        let next = of_key.map(|it| it.revision).max().unwrap_or(0) + 1;
        if let Some((_, it)) = self.last(key, value) {
            assert_eq!((id, revision), (it.record_id.as_str(), it.revision), "{record}");
        } else {
            assert_eq!(revision, next, "{record}");
            assert!(self.records.values().all(|it| it.record_id != id), "{record}: twice {id}");
        }
        let (key, value) = (key.to_owned(), value.to_owned());
        let (record_id, message) = (id.to_owned(), message.to_owned());
        self.records.insert(seq, Taken { record_id, revision, key, value, message });
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.records.last_key_value().map_or(1, |(seq, _)| seq + 1)
    }

    fn cursor(&self) -> u64 {
        self.waiting().next().unwrap_or(self.next_seq())
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = u64> + '_ {
        self.records.keys().copied().filter(|it| !self.has_left(*it))
    }

    fn has_left(&self, seq: u64) -> bool {
        self.settled.contains(&seq) || self.refused.contains(&seq)
    }

    /// Delivered, and not on their way once more.
    pub(super) fn delivered(&self) -> Vec<u64> {
        self.settled.difference(&self.again).copied().collect()
    }

    /// It goes once more: only what is heard from now on counts.
    pub(super) fn offer_again(&mut self, seq: u64) {
        self.again.insert(seq);
        self.confirmed.remove(&seq);
    }

    /// It cannot go once more: it was removed.
    pub(super) fn gone(&mut self, seq: u64, lowest: u64) {
        if self.again.remove(&seq) {
            assert!(
                seq < lowest,
                "{seq} cannot be read, and only what is below {lowest} may be gone"
            );
        }
    }

    pub(super) fn settle(&mut self, seqs: &[u64]) {
        for seq in seqs {
            assert!(
                self.confirmed.contains(seq),
                "{seq} is settled, and the platform has not confirmed it"
            );
            let again = self.again.remove(seq);
            assert!(self.settled.insert(*seq) || again, "{seq} is settled twice");
        }
    }

    /// Its dead letter is on the disk.
    pub(super) fn refused(&mut self) {
        let Some(seq) = self.refusing.take() else { return };
        self.letters += 1;
        self.again.remove(&seq);
        if !self.settled.contains(&seq) {
            self.refused.insert(seq);
            self.sure.insert(seq);
        }
        self.sure_cursor = self.cursor();
    }

    /// It was closed in peace: everything is on the disk.
    pub(super) fn closed(&mut self) {
        (self.sure_cursor, self.sure) = (self.cursor(), &self.settled | &self.refused);
        self.begin_anew();
    }

    /// It has ended in the midst: all that was promised is there, and what nobody was told of is there as a whole
    /// or not at all.
    pub(super) fn ended(
        &mut self,
        outbox: &Outbox,
        unanswered: Option<(&str, &[String])>,
        end: Option<End>,
    ) {
        let found = outbox.oldest(0, usize::MAX, usize::MAX).unwrap();
        if outbox.last_seq() >= self.next_seq() {
            let (message, records) = unanswered.expect("more is there than was sent");
            self.adopt(message, records, &found);
        }
        let status = outbox.status();
        let surely = if end == Some(End::Kill) { self.cursor() } else { self.sure_cursor };
        assert!(status.cursor >= surely, "delivery is at {}, and was at {surely}", status.cursor);
        if status.dead_letters > self.letters {
            self.refused();
        }
        self.refusing = None;
        let waiting: BTreeSet<u64> = found.iter().map(|it| it.seq).collect();
        assert!(self.sure.is_disjoint(&waiting), "one waits again that has left for good");
        self.settled.retain(|it| !waiting.contains(it));
        (self.sure_cursor, self.sure) = (status.cursor, &self.settled | &self.refused);
        self.begin_anew();
    }

    fn adopt(&mut self, message: &str, records: &[String], found: &[Envelope]) {
        let from = self.next_seq();
        let mut found = found.iter().filter(|it| it.seq >= from);
        for record in records {
            let (key, value) = parts(record);
            if self.there(key, value).is_none() {
                let it = found.next().expect("a part of a message");
                self.take(message, record, it.seq, (&it.record_id, it.revision));
            }
        }
        assert_eq!(found.next(), None, "nobody has sent it");
    }

    fn begin_anew(&mut self) {
        self.again.clear();
        self.confirmed.clear();
    }

    /// The outbox says the same.
    pub(super) fn compare(&self, outbox: &Outbox) {
        let found = outbox.oldest(0, usize::MAX, usize::MAX).unwrap();
        let expected: Vec<u64> = self.waiting().collect();
        assert_eq!(found.iter().map(|it| it.seq).collect::<Vec<_>>(), expected, "waiting");
        for it in &found {
            self.prove_same(it.seq, &it.body);
        }
        let it = outbox.status();
        let figures = [it.next_seq, it.cursor, it.waiting, it.dead_letters];
        let waiting = expected.len() as u64;
        assert_eq!(figures, [self.next_seq(), self.cursor(), waiting, self.letters]);
        assert_eq!(outbox.open_again(), self.again, "on their way once more");
    }

    /// A copy is what was taken in, to the last member.
    fn prove_same(&self, seq: u64, body: &[u8]) -> &Taken {
        let it = self.records.get(&seq).unwrap_or_else(|| panic!("nobody has sent {seq}"));
        let Taken { record_id, revision, key, value, .. } = it;
        let expected = serde_json::json!({
            "record_id": record_id, "seq": seq, "revision": revision, "key": key, "entity": entity(key),
            "value": value, "findings": [],
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(body).unwrap(), expected);
        it
    }

    /// In the end each record that the HIS was told of lies at the platform, or has its dead letter.
    pub(super) fn prove_end(&self) {
        assert_eq!(self.waiting().next(), None, "left: {:?}", self.waiting().collect::<Vec<_>>());
        assert!(self.again.is_empty(), "{:?} did not go once more", self.again);
        let arrived = |id: &str, content: &str| {
            let of_id = self.records.iter().filter(|(_, it)| it.record_id == id);
            let of_id: Vec<_> = of_id.collect();
            assert!(of_id.iter().all(|(_, it)| format!("{}={}", it.key, it.value) == content));
            of_id.iter().any(|(seq, _)| self.stored.contains(seq) || self.refused.contains(seq))
        };
        for (id, content) in &self.told {
            assert!(arrived(id, content), "{content} was promised as {id} and is nowhere");
        }
    }
}

impl Onlooker for Mutex<Ledger> {
    fn sent(&self, parcel: &Parcel) {
        let ledger = self.lock().unwrap();
        let may_go = |it: &u64| !ledger.has_left(*it) || ledger.again.contains(it);
        assert!(parcel.seqs.iter().all(may_go), "{:?} sent after it has left", parcel.seqs);
    }

    /// Nothing that nobody sent, nothing changed, and nothing before an elder of its lane.
    fn stored(&self, parcel: &Parcel) {
        let mut ledger = self.lock().unwrap();
        let bodies = parcel.body.split(|it| *it == b'\n').filter(|it| !it.is_empty());
        assert_eq!(bodies.clone().count(), parcel.seqs.len());
        for (seq, body) in parcel.seqs.iter().zip(bodies) {
            let lane = lane(&ledger.prove_same(*seq, body).key).to_owned();
            let elders = ledger.records.range(..seq).filter(|(_, it)| super::lane(&it.key) == lane);
            let left_out = elders
                .map(|(elder, _)| elder)
                .find(|it| !ledger.stored.contains(it) && !ledger.refused.contains(it));
            assert_eq!(left_out, None, "{seq} has jumped over it");
            ledger.stored.insert(*seq);
        }
    }

    fn confirmed(&self, parcel: &Parcel) {
        self.lock().unwrap().confirmed.extend(&parcel.seqs);
    }
}
