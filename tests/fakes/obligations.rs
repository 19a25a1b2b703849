//! What the agent promised: an entry for every record of every receipt that a caller holds.
//!
//! At the end of a proof the platform's folder is held against it: everything promised is there
//! once, unchanged, under its number; nothing is there that nobody was promised; no number is left
//! out; and the records of a lane came in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::cases::{Expected, Message};
use crate::his::Receipt;
use crate::platform::Delivered;

/// Everything promised so far; callers on many threads add to it.
#[derive(Debug, Default)]
pub struct Obligations(Mutex<BTreeMap<String, Owed>>);

/// One record that must arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owed {
    seq: u64,
    channel: String,
    record: Expected,
}

impl Obligations {
    /// Notes what a receipt promises for the message it answers. Fails at once when the receipt
    /// does not fit the message, or contradicts an earlier one.
    #[track_caller]
    pub fn note(&self, message: &Message, receipt: &Receipt) {
        let keys: Vec<_> = message.records.iter().map(|it| (&it.entity, &it.key)).collect();
        let told: Vec<_> = receipt.records.iter().map(|it| (&it.entity, &it.key)).collect();
        assert_eq!(told, keys, "the receipt is not about the message's records");
        let mut owed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (record, promise) in message.records.iter().zip(&receipt.records) {
            let channel = message.channel.clone();
            let now = Owed { seq: promise.seq, channel, record: record.clone() };
            let before = owed.insert(promise.record_id.clone(), now.clone());
            assert!(
                before.is_none() || before == Some(now),
                "{} was promised for something else: {before:?}",
                promise.record_id
            );
        }
    }

    /// How many records were promised.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Fails, with every difference, unless the platform has exactly what was promised.
    #[track_caller]
    pub fn assert_met_by(&self, delivered: &Delivered) {
        let differences = self.differences(delivered);
        assert!(
            differences.is_empty(),
            "{} records were promised, {} arrived; {} differences:\n{}\nthe receiver's account: {}",
            self.count(),
            delivered.records.len(),
            differences.len(),
            differences.iter().take(TOLD_MAX).fold(String::new(), |mut all, it| {
                let _ = writeln!(all, "  {it}");
                all
            }),
            delivered.summary,
        );
    }

    fn differences(&self, delivered: &Delivered) -> Vec<String> {
        let owed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut differences = Vec::new();
        let mut missing: BTreeSet<&str> = owed.keys().map(String::as_str).collect();
        let mut last_of_lane = BTreeMap::new();
        for record in &delivered.records {
            let (id, seq) = (record.record_id.as_str(), record.seq);
            let came = Owed { seq, channel: record.channel.clone(), record: record.expected() };
            match owed.get(id) {
                None => differences.push(format!("seq {seq}: nobody was promised {id}")),
                Some(promise) if !missing.remove(id) => {
                    differences.push(format!("seq {}: {id} came twice", promise.seq));
                }
                Some(promise) if !promise.is_met_by(&came) => {
                    differences.push(format!("promised {promise:?}\n      came {came:?}"));
                }
                Some(_) => {}
            }
            let last = last_of_lane.insert((&record.channel, &record.lane), seq).unwrap_or(0);
            if last > seq {
                differences.push(format!("seq {seq} came behind {last} of its lane"));
            }
        }
        differences.extend(missing.iter().map(|id| format!("lost: {id} {:?}", owed.get(*id))));
        let seqs: BTreeSet<u64> = delivered.records.iter().map(|it| it.seq).collect();
        let gap = (1..).zip(&seqs).find(|(expected, seq)| expected != *seq);
        differences
            .extend(gap.map(|(expected, seq)| format!("seq {expected} is missing, {seq} is next")));
        if delivered.exit_code != Some(0) {
            differences.push(format!("the receiver ended with {:?}", delivered.exit_code));
        }
        differences
    }
}

impl Owed {
    /// The key is not part of a record's JSON; the receipt was compared with it already.
    fn is_met_by(&self, came: &Owed) -> bool {
        let record = Expected { key: self.record.key.clone(), ..came.record.clone() };
        (self.seq, &self.channel, &self.record) == (came.seq, &came.channel, &record)
    }
}

/// Differences that are told; the first few are enough to see what kind they are.
const TOLD_MAX: usize = 8;
