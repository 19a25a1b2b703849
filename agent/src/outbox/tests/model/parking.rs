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
        self.model.wait(&message, &records, "X", &receipt);
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
                    self.wait_on(number, &waiting)
                }
            };
            releases.push((number, release));
        }
        let outbox = self.house.outbox();
        self.house.runtime.block_on(outbox.release(releases)).unwrap();
    }

    /// It waits for another code.
    fn wait_on(&mut self, number: u64, waiting: &Waiting) -> Release {
        let texts: Vec<&str> = waiting.records.iter().map(String::as_str).collect();
        let drafts = submission_with("m", &texts, "Y").drafts;
        let (_, message) = self.house.outbox().parked(number - 1, 1, 1).unwrap().remove(0);
        if let Some(waiting) = self.model.parked.get_mut(&number) {
            waiting.contents = contents(&waiting.records, "Y");
        }
        Release::Wait(vec![unknown("Y")], crate::outbox::contents(&message, &drafts))
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

    /// The message is parked now, or what it says was before and this is the first receipt again.
    pub(super) fn wait(
        &mut self,
        message: &str,
        records: &[String],
        code: &str,
        receipt: &Receipt,
    ) {
        assert!(receipt.is_parked());
        let contents = contents(records, code);
        let taken: Vec<Option<u64>> =
            records.iter().map(|it| self.taken(it).filter(|_| code.is_empty())).collect();
        let waiting: Vec<Option<&str>> =
            contents.iter().zip(&taken).map(|(it, taken)| self.promise(it, *taken)).collect();
        let kept_for = self.kept_for(&contents, &taken, &waiting);
        if let Some(before) = self.parked.values().find(|it| it.records == records)
            && kept_for.is_none()
        {
            assert_eq!(before.receipt.message_id, receipt.message_id);
            assert_eq!(ids(&before.receipt), ids(receipt));
            return;
        }
        let told = kept_for.map_or(message, |it| it.receipt.message_id.as_str());
        assert_eq!(receipt.message_id, told, "{records:?} {code}");
        for ((record, got), (taken, waiting)) in
            records.iter().zip(&receipt.records).zip(taken.iter().zip(&waiting))
        {
            assert_eq!(got.key, parts(record).0);
            if let Some(seq) = taken {
                let it = &self.records[seq];
                assert_eq!(
                    (got.seq, got.revision, &got.record_id),
                    (*seq, it.revision, &it.record_id)
                );
            } else {
                assert_eq!((got.seq, got.revision), (0, 0));
                assert!(waiting.is_none_or(|id| id == got.record_id), "{records:?} {code}");
            }
        }
        if kept_for.is_some() {
            return;
        }
        let waiting = Waiting { records: records.to_vec(), contents, receipt: receipt.clone() };
        self.parked.insert(self.next_parked, waiting);
        self.next_parked += 1;
    }

    fn taken(&self, record: &str) -> Option<u64> {
        let (key, value, _) = parts(record);
        let mut all = self.records.iter();
        all.find(|(_, it)| (it.key.as_str(), it.value.as_str()) == (key, value)).map(|it| *it.0)
    }

    /// The id under which a content waits.
    fn promise(&self, content: &String, taken: Option<u64>) -> Option<&str> {
        let place = |it: &&Waiting| it.contents.contains(content);
        let first = self.parked.values().find(place).filter(|_| taken.is_none())?;
        let place = first.contents.iter().position(|it| it == content)?;
        Some(&first.receipt.records[place].record_id)
    }

    /// The first of the messages that this one need not be kept beside.
    fn kept_for(
        &self,
        contents: &[String],
        taken: &[Option<u64>],
        waiting: &[Option<&str>],
    ) -> Option<&Waiting> {
        if taken.iter().zip(waiting).any(|(taken, waits)| taken.is_none() && waits.is_none()) {
            return None;
        }
        let waits = contents.iter().zip(waiting).filter_map(|(it, id)| id.map(|_| it));
        let waits: Vec<&String> = waits.collect();
        let parts = self.parked.values();
        let parts: Vec<&Waiting> =
            parts.filter(|it| it.contents.iter().all(|it| contents.contains(it))).collect();
        let has = |it: &Waiting, content: &String| it.contents.contains(content);
        let one = parts.iter().find(|part| waits.iter().all(|it| has(part, it)));
        let first = |it: &&String| parts.iter().find(|part| has(part, it));
        let all: Option<Vec<_>> = waits.iter().map(first).collect();
        one.or(all?.first().copied()).copied()
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

/// A record's content does not tell of its lane.
fn contents(records: &[String], code: &str) -> Vec<String> {
    let content = |it: &String| {
        let (key, value, _) = parts(it);
        format!("{key}={value}?{code}")
    };
    records.iter().map(content).collect()
}

fn ids(receipt: &Receipt) -> Vec<&str> {
    receipt.records.iter().map(|it| it.record_id.as_str()).collect()
}
