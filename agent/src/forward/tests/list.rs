//! An outbox in memory.

use bytes::Bytes;
use tokio::sync::Notify;

use super::*;
use crate::envelope::Record;

pub(super) fn envelope(text: &str) -> Envelope {
    let (name, entity) = text.split_once('.').unwrap();
    let digits = name.find(|it: char| !it.is_ascii_digit()).unwrap();
    let (seq, lane) = name.split_at(digits);
    let lane = lane.trim_start_matches('-').to_owned();
    let body = format!("{{\"record_id\":\"r{seq}\",\"seq\":{seq}}}");
    let record = Record {
        seq: seq.parse().unwrap(),
        record_id: format!("r{seq}"),
        revision: 1,
        entity: entity.to_owned(),
        org: "H1".to_owned(),
        channel: "test".to_owned(),
        lane,
        key: String::new(),
        schema: "2024.1".to_owned(),
        digest: String::new(),
        message_id: "m".to_owned(),
        received_at: "20261122101530".to_owned(),
        body: Bytes::from(body),
    };
    record.into()
}

/// An outbox in memory.
pub(super) struct List {
    pub(super) records: Mutex<BTreeMap<u64, Envelope>>,
    pub(super) settled: Mutex<BTreeSet<u64>>,
    pub(super) buried: Mutex<BTreeSet<u64>>,
    // Settled records that are to go once more: those nobody has taken, and all that did not arrive.
    pub(super) again: Mutex<Vec<Envelope>>,
    pub(super) open_again: Mutex<BTreeSet<u64>>,
    // It is not known yet which lanes wait.
    pub(super) is_learning: Mutex<bool>,
    // What is appended in the course of a script.
    pub(super) later: Mutex<Vec<String>>,
    pub(super) appended: Notify,
}

impl List {
    pub(super) fn new(records: Vec<Envelope>) -> List {
        let records = records.into_iter().map(|it| (it.seq, it)).collect();
        List {
            records: Mutex::new(records),
            settled: Mutex::default(),
            buried: Mutex::default(),
            again: Mutex::default(),
            open_again: Mutex::default(),
            is_learning: Mutex::default(),
            later: Mutex::default(),
            appended: Notify::new(),
        }
    }

    pub(super) fn append(&self, records: &str) {
        let more = records.split(' ').map(envelope).map(|it| (it.seq, it));
        self.records.lock().unwrap().extend(more);
        self.appended.notify_one();
    }

    pub(super) fn append_later(&self, count: usize) {
        let mut later = self.later.lock().unwrap();
        let now: Vec<String> = {
            let count = count.min(later.len());
            later.drain(..count).collect()
        };
        if !now.is_empty() {
            self.append(&now.join(" "));
        }
    }

    /// Offers a record once more, if it was settled before and is no dead letter.
    pub(super) fn offer_again(&self, seq: u64) {
        let Some(record) = self.records.lock().unwrap().get(&seq).cloned() else { return };
        let delivered =
            self.settled().contains(&seq) && !self.buried.lock().unwrap().contains(&seq);
        if delivered && self.open_again.lock().unwrap().insert(seq) {
            self.again.lock().unwrap().push(record);
            self.appended.notify_one();
        }
    }

    pub(super) fn settled(&self) -> BTreeSet<u64> {
        self.settled.lock().unwrap().clone()
    }

    pub(super) fn is_drained(&self) -> bool {
        self.waiting().is_empty() && self.open_again.lock().unwrap().is_empty()
    }

    pub(super) fn waiting(&self) -> Vec<u64> {
        let settled = self.settled.lock().unwrap();
        let records = self.records.lock().unwrap();
        records.keys().copied().filter(|it| !settled.contains(it)).collect()
    }

    pub(super) fn lane(&self, seq: u64) -> String {
        self.records.lock().unwrap()[&seq].lane.clone()
    }
}

impl Onlooker for List {
    fn sent(&self, parcel: &Parcel) {
        // Not a copy: there may be forty thousand, and each parcel is looked at.
        let settled = self.settled.lock().unwrap();
        let again = self.open_again.lock().unwrap();
        let may_go = |it: &u64| !settled.contains(it) || again.contains(it);
        assert!(parcel.seqs.iter().all(may_go), "sent after it was settled");
    }
}

impl Source for List {
    fn oldest(
        &self,
        after: u64,
        records: usize,
        bytes: usize,
    ) -> Result<Vec<Envelope>, StoreError> {
        let mut room = bytes;
        let mut found = Vec::new();
        let settled = self.settled.lock().unwrap();
        let all = self.records.lock().unwrap();
        let waiting = all.range(after + 1..).filter(|(seq, _)| !settled.contains(seq));
        for envelope in waiting.map(|(_, it)| it).take(records) {
            room = room.saturating_sub(envelope.body.len());
            found.push(envelope.clone());
            if room == 0 {
                break;
            }
        }
        Ok(found)
    }

    fn last_seq(&self) -> u64 {
        self.records.lock().unwrap().last_key_value().map_or(0, |(seq, _)| *seq)
    }

    fn may_pass(&self, record: &Envelope, is_in_hand: &dyn Fn(u64) -> bool) -> Option<bool> {
        let records = self.records.lock().unwrap();
        let elder = records.range(..record.seq).rfind(|(_, it)| it.lane == record.lane);
        let may = elder.is_none_or(|(seq, _)| is_in_hand(*seq));
        (!*self.is_learning.lock().unwrap()).then_some(may)
    }

    fn take_again(&self, records_max: usize) -> Vec<Envelope> {
        let mut again = self.again.lock().unwrap();
        let count = records_max.min(again.len());
        again.drain(..count).collect()
    }

    fn once_more(&self, seq: u64) -> Result<Option<Envelope>, StoreError> {
        let open = self.open_again.lock().unwrap().contains(&seq);
        Ok(open.then(|| self.records.lock().unwrap()[&seq].clone()))
    }

    fn settle(&self, seqs: &[u64]) -> Result<(), StoreError> {
        let mut settled = self.settled.lock().unwrap();
        for seq in seqs {
            let again = self.open_again.lock().unwrap().remove(seq);
            assert!(settled.insert(*seq) || again, "{seq} settled twice");
        }
        Ok(())
    }

    async fn refuse(&self, seq: u64, letter: DeadLetter) -> Result<(), StoreError> {
        let detail: serde_json::Value = serde_json::from_str(&letter.detail).unwrap();
        assert_eq!((letter.stage, letter.code.as_str()), (crate::envelope::Stage::Forward, "F203"));
        assert_eq!(detail[0]["seq"], seq);
        self.buried.lock().unwrap().insert(seq);
        self.settle(&[seq])
    }

    async fn appended(&self) {
        self.appended.notified().await;
    }
}
