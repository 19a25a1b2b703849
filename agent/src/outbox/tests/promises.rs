//! Ids under any order of sending, waiting and releasing: whatever the records of a message turn out to be
//! when their codes are mapped, no id is ever of two contents.
//!
//! The seed is printed; `OUTBOX_SEED=n cargo test -p agent outbox::tests::promises` runs it again.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Random, fresh_seed, println_in_tests};
use super::*;
use crate::envelope::ReceiptStatus;

#[test]
fn no_id_is_ever_of_two_contents() {
    let seeds: Vec<u64> = match std::env::var("OUTBOX_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => KNOWN_SEEDS.chain([fresh_seed()]).collect(),
    };
    for seed in seeds {
        println_in_tests(&format!("OUTBOX_SEED={seed}"));
        let mut ward = Ward::new(seed);
        for _ in 0..120 {
            ward.step();
        }
        assert!(ward.kept > 0 || !KNOWN_SEEDS.contains(&seed), "no promise was kept");
    }
}

/// Each of these is seen to keep promises; another one may have none to keep.
const KNOWN_SEEDS: std::ops::RangeInclusive<u64> = 1..=6;

struct Ward {
    house: House,
    random: Random,
    messages: u32,
    /// Key and value of the record that has an id.
    content_by_id: BTreeMap<String, String>,
    /// What receipts of parked messages have told.
    promised: BTreeSet<String>,
    kept: usize,
}

impl Ward {
    fn new(seed: u64) -> Ward {
        Ward {
            house: House::new(),
            random: Random(seed),
            messages: 0,
            content_by_id: BTreeMap::new(),
            promised: BTreeSet::new(),
            kept: 0,
        }
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..9 => self.send(""),
            9..13 => self.send("qd"),
            13..17 => self.release(),
            17 => self.refuse(),
            18 => self.house.kill(),
            _ => self.house.reopen(),
        }
        for it in self.house.outbox().oldest(0, usize::MAX, usize::MAX).unwrap() {
            let body: serde_json::Value = serde_json::from_slice(&it.body).unwrap();
            let content = format!("{}={}", it.key, body["value"].as_str().unwrap());
            self.is_of(&it.record_id, &content);
        }
    }

    fn send(&mut self, code: &str) {
        self.messages += 1;
        let message = format!("m{}", self.messages);
        let records: Vec<String> = (0..=self.random.below(3)).map(|_| self.record()).collect();
        let texts: Vec<&str> = records.iter().map(String::as_str).collect();
        let receipt = match code {
            "" => self.house.append(&message, &texts),
            code => self.house.park(&message, code, &texts),
        };
        for (told, record) in receipt.unwrap().records.into_iter().zip(&records) {
            if told.status == ReceiptStatus::Parked {
                self.promised.insert(told.record_id);
            } else if code.is_empty() {
                let (content, _) = record.split_once('@').unwrap();
                self.is_of(&told.record_id, content);
            }
        }
    }

    /// Few keys, one of them none, few values; with a lane or without.
    fn record(&mut self) -> String {
        let key = ["", "a", "b", "c"][self.random.up_to(3)];
        let lane = ["", "L"][self.random.up_to(1)];
        format!("{key}={}@{lane}", self.random.below(3))
    }

    /// Each of what is parked goes as it is, or as anything else, or waits on as anything else; one by one, or
    /// all at once.
    fn release(&mut self) {
        let is_at_once = self.random.below(2) == 0;
        let mut releases = Vec::new();
        for (number, message) in self.house.outbox().parked(0, 9, usize::MAX).unwrap() {
            let mut outcome = match self.random.below(10) {
                0 => vec!["refuse".to_owned()],
                1..3 => vec!["wait".to_owned(), "bid".to_owned()],
                _ => vec!["accept".to_owned()],
            };
            if outcome != ["refuse"] {
                for record in message.records {
                    let (key, lane) = match self.random.below(3) {
                        0 => (format!("{}Q", record.key), record.lane),
                        1 => (["", "a", "d"][self.random.up_to(2)].to_owned(), record.lane),
                        _ => (record.key, record.lane),
                    };
                    outcome.push(format!("{key}={}@{lane}", self.random.below(3)));
                }
                if self.random.below(4) == 0 {
                    outcome.push(self.record());
                }
            }
            let outcome: Vec<&str> = outcome.iter().map(String::as_str).collect();
            if is_at_once {
                releases.push((number, self.house.decided(number, &outcome)));
            } else {
                self.house.release(number, &outcome);
            }
        }
        self.house.release_at_once(releases);
    }

    /// The platform will not have one of them: its content may come back.
    fn refuse(&mut self) {
        let found = self.house.outbox().oldest(0, usize::MAX, usize::MAX).unwrap();
        if !found.is_empty() {
            let place = self.random.up_to(found.len() - 1);
            self.house.obey(&format!("refuse {}", found[place].seq));
        }
    }

    fn is_of(&mut self, id: &str, content: &str) {
        self.kept += usize::from(self.promised.remove(id));
        let known = self.content_by_id.entry(id.to_owned()).or_insert_with(|| content.to_owned());
        assert_eq!(*known, content, "{id}");
    }
}
