//! The tries to publish a record, written down by day and number.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Opened, rows, show};
use crate::forward::attempts::{Attempt, Attempts, Told};
use crate::outbox::{Change, StoreError, day_of};

/// The tries of a record on a day: the first ones and the last ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Tries {
    first: Vec<Told>,
    last: Vec<Told>,
    /// Between them.
    skipped: u64,
}

impl Tries {
    fn add(&mut self, told: Told) {
        if self.first.len() < KEPT_EACH && self.last.is_empty() {
            self.first.push(told);
            return;
        }
        self.last.push(told);
        if self.last.len() > KEPT_EACH {
            self.last.remove(0);
            self.skipped += 1;
        }
    }

    fn told(&self) -> Vec<Value> {
        let mut told: Vec<Value> = self.first.iter().map(shown).collect();
        if self.skipped > 0 {
            told.push(json!({ "skipped": self.skipped }));
        }
        told.extend(self.last.iter().map(shown));
        told
    }
}

fn shown(it: &Told) -> Value {
    json!({
        "sent_at": show::stamp(it.sent_ms), "at": show::stamp(it.at_ms), "outcome": it.outcome,
        "code": it.code, "reason": it.reason,
    })
}

impl Opened {
    /// Writes down what became of publishing since the last time.
    pub(super) fn note_attempts(&self, attempts: &Attempts) -> Result<(), StoreError> {
        // One at a time: a row is read and written as one.
        let _turn = self.turn();
        for some in attempts.take().chunks(PARCELS_A_CHANGE) {
            let mut changes = Vec::new();
            for ((day, seq), told) in by_record(some) {
                let key = rows::attempts(day, seq);
                let row = self.outbox.noted(&key)?;
                let mut tries: Tries =
                    row.and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default();
                for one in told {
                    tries.add(one.clone());
                }
                changes.push(Change::Put(key, serde_json::to_vec(&tries).unwrap_or_default()));
            }
            self.outbox.note(&changes, false)?;
        }
        Ok(())
    }

    /// The tries of a record on these days.
    pub(super) fn attempts(
        &self,
        seq: u64,
        days: RangeInclusive<u32>,
    ) -> Result<Vec<Value>, StoreError> {
        let mut told = Vec::new();
        for day in days {
            let row = self.outbox.noted(&rows::attempts(day, seq))?;
            let tries: Option<Tries> = row.and_then(|it| serde_json::from_slice(&it).ok());
            told.extend(tries.iter().flat_map(Tries::told));
        }
        Ok(told)
    }
}

fn by_record(attempts: &[Attempt]) -> BTreeMap<(u32, u64), Vec<&Told>> {
    let mut found: BTreeMap<(u32, u64), Vec<&Told>> = BTreeMap::new();
    for Attempt { seqs, told } in attempts {
        let day = day_of(told.at_ms);
        for seq in seqs {
            found.entry((day, *seq)).or_default().push(told);
        }
    }
    found
}

/// A record that is tried all night is tried for one reason: its first tries and its last tell it.
const KEPT_EACH: usize = 8;
const PARCELS_A_CHANGE: usize = 256;

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tries_and_the_last_are_kept() {
        check(3, "1 2 3");
        check(16, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
        check(100, "1 2 3 4 5 6 7 8 (84) 93 94 95 96 97 98 99 100");
    }

    #[track_caller]
    fn check(times: u64, expected: &str) {
        let mut tries = Tries::default();
        (1..=times).for_each(|it| tries.add(Told { code: it.to_string(), ..Told::default() }));
        let again: Tries = serde_json::to_vec(&tries)
            .and_then(|it| serde_json::from_slice(&it))
            .unwrap_or_default();
        let word = |it: &Value| match it["skipped"].as_u64() {
            Some(skipped) => format!("({skipped})"),
            None => it["code"].as_str().unwrap_or_default().to_owned(),
        };
        assert_eq!(again.told().iter().map(word).collect::<Vec<_>>().join(" "), expected);
    }
}
