//! The model's part of parking: what must wait, in which order it goes, under which ids.

use super::*;
use crate::envelope::Release;

impl World {
    pub(super) fn park(&mut self) {
        self.messages += 1;
        let message = format!("m{}", self.messages);
        let records: Vec<String> = (0..=self.random.below(3)).map(|_| self.record()).collect();
        let texts: Vec<&str> = records.iter().map(String::as_str).collect();
        let receipt = self.house.park(&message, "X", &texts).unwrap();
        assert_eq!(receipt.records.len(), records.len());
        self.model.wait(&records, &receipt);
    }

    /// A pass over some of what is parked, as a release makes it: in order, and nothing past what
    /// waits on in its lanes.
    pub(super) fn release(&mut self) {
        let mut blocked = BTreeSet::new();
        let mut releases = Vec::new();
        let parked: Vec<(u64, Waiting)> =
            self.model.parked.iter().map(|(number, it)| (*number, it.clone())).collect();
        for (number, waiting) in parked {
            let lanes: Vec<String> =
                waiting.records.iter().map(|it| parts(it).2.to_owned()).collect();
            let free = lanes.iter().all(|it| !blocked.contains(it));
            let release = match self.random.below(10) {
                0..6 if free => self.model.let_go(number, &waiting),
                6 => self.model.refuse(number),
                _ => {
                    blocked.extend(lanes);
                    Release::Wait(vec![unknown("Y")])
                }
            };
            releases.push((number, release));
        }
        let outbox = self.house.outbox();
        self.house.runtime.block_on(outbox.release(releases)).unwrap();
    }

    pub(super) fn compare_parked(&self) {
        let outbox = self.house.outbox();
        assert_eq!(outbox.status().parked, self.model.parked.len() as u64);
        let found = outbox.parked(0, usize::MAX, usize::MAX).unwrap();
        let found: Vec<(u64, &str, Vec<String>)> = found
            .iter()
            .map(|(number, it)| {
                let ids = it.records.iter().map(|it| it.record_id.to_string());
                (*number, it.message_id.as_str(), ids.collect())
            })
            .collect();
        let expected = self.model.parked.iter().map(|(number, it)| {
            let ids = it.receipt.records.iter().map(|it| it.record_id.clone());
            (*number, it.receipt.message_id.as_str(), ids.collect::<Vec<_>>())
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}

impl Model {
    pub(super) fn must_wait(&self, records: &[String]) -> bool {
        let blocked: BTreeSet<&str> =
            self.parked.values().flat_map(|it| &it.records).map(|it| parts(it).2).collect();
        let new = |record: &String| {
            let (key, value, _) = parts(record);
            !self.records.values().any(|it| (it.key.as_str(), it.value.as_str()) == (key, value))
        };
        records.iter().any(|it| blocked.contains(parts(it).2)) && records.iter().any(new)
    }

    /// The message is parked now, or its bytes were before and this is the first receipt again.
    pub(super) fn wait(&mut self, records: &[String], receipt: &Receipt) {
        assert!(receipt.is_parked());
        if let Some(before) = self.parked.values().find(|it| it.records == records) {
            assert_eq!(before.receipt, *receipt);
            return;
        }
        for (record, got) in records.iter().zip(&receipt.records) {
            assert_eq!((got.seq, got.revision, got.key.as_str()), (0, 0, parts(record).0));
        }
        let waiting = Waiting { records: records.to_vec(), receipt: receipt.clone() };
        self.parked.insert(self.next_parked, waiting);
        self.next_parked += 1;
    }

    /// It goes on as if it came now, under its own ids.
    fn let_go(&mut self, number: u64, waiting: &Waiting) -> Release {
        self.parked.remove(&number);
        let message = &waiting.receipt.message_id;
        for (record, promise) in waiting.records.iter().zip(&waiting.receipt.records) {
            let (key, value, _) = parts(record);
            let known = self.records.values().filter(|it| it.key == key);
            if known.clone().any(|it| it.value == value) {
                continue;
            }
            let expected = Expected {
                key: key.to_owned(),
                value: value.to_owned(),
                revision: known.map(|it| it.revision).max().unwrap_or(0) + 1,
                record_id: promise.record_id.clone(),
                message_id: message.clone(),
            };
            self.records.insert(self.next_seq(), expected);
        }
        let texts: Vec<&str> = waiting.records.iter().map(String::as_str).collect();
        Release::Accept(submission(message, &texts))
    }

    fn refuse(&mut self, number: u64) -> Release {
        self.parked.remove(&number);
        let reason = format!("r{}", self.next_letter);
        self.letters.insert(self.next_letter, reason.clone());
        self.next_letter += 1;
        Release::Refuse(letter_with(&reason))
    }
}
