//! What has been seen: which records, and which sequence numbers of which agent and store.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Sequence numbers that lie between numbers that have come, and have not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// `x-agent`.
    pub agent: String,
    /// `x-epoch`.
    pub epoch: String,
    /// The first missing number.
    pub from: u64,
    /// The last missing number.
    pub to: u64,
}

/// Everything seen so far.
#[derive(Debug, Default)]
pub(super) struct Account {
    ids: HashSet<u128>,
    streams: BTreeMap<(String, String), Numbers>,
    entities: BTreeMap<String, u64>,
    distinct: u64,
}

impl Account {
    /// Counts a record. False when it was counted before.
    pub(super) fn record(
        &mut self,
        agent: &str,
        epoch: &str,
        seq: u64,
        id: &str,
        entity: &str,
    ) -> bool {
        let new = self.ids.insert(short(id));
        if new {
            self.distinct += 1;
            *self.entities.entry(entity.to_owned()).or_default() += 1;
            self.number(agent, epoch, seq);
        }
        new
    }

    /// Counts a refused record: its number has come, though the record is none. False when the
    /// same was refused before.
    pub(super) fn refusal(
        &mut self,
        agent: &str,
        epoch: &str,
        seq: Option<u64>,
        body: &str,
    ) -> bool {
        if let Some(seq) = seq {
            self.number(agent, epoch, seq);
        }
        self.ids.insert(short(&format!("refused:{body}")))
    }

    /// Whether a record was counted.
    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains(&short(id))
    }

    pub(super) fn distinct(&self) -> u64 {
        self.distinct
    }

    pub(super) fn entities(&self) -> &BTreeMap<String, u64> {
        &self.entities
    }

    /// Agent, epoch, lowest and highest number of each store that was heard of.
    pub(super) fn streams(&self) -> impl Iterator<Item = (&str, &str, u64, u64)> {
        self.streams.iter().filter_map(|((agent, epoch), numbers)| {
            Some((agent.as_str(), epoch.as_str(), numbers.lowest()?, numbers.highest()?))
        })
    }

    pub(super) fn gaps(&self) -> Vec<Gap> {
        let of_stream = |((agent, epoch), numbers): (&(String, String), &Numbers)| {
            let gap = |(from, to)| Gap { agent: agent.clone(), epoch: epoch.clone(), from, to };
            numbers.gaps().map(gap).collect::<Vec<_>>()
        };
        self.streams.iter().flat_map(of_stream).collect()
    }

    fn number(&mut self, agent: &str, epoch: &str, seq: u64) {
        self.streams.entry((agent.to_owned(), epoch.to_owned())).or_default().insert(seq);
    }
}

/// Numbers as ranges, since nearly all of them follow one another.
#[derive(Debug, Default)]
struct Numbers {
    // First number to last number of each range. Invariant: no two ranges touch.
    last_by_first: BTreeMap<u64, u64>,
}

impl Numbers {
    fn insert(&mut self, number: u64) {
        let before = self.last_by_first.range(..=number).next_back().map(|(f, l)| (*f, *l));
        let first = match before {
            Some((_, last)) if last >= number => return,
            Some((first, last)) if last + 1 == number => first,
            _ => number,
        };
        let joined = number.checked_add(1).and_then(|next| self.last_by_first.remove(&next));
        self.last_by_first.insert(first, joined.unwrap_or(number));
    }

    fn lowest(&self) -> Option<u64> {
        self.last_by_first.keys().next().copied()
    }

    fn highest(&self) -> Option<u64> {
        self.last_by_first.values().next_back().copied()
    }

    fn gaps(&self) -> impl Iterator<Item = (u64, u64)> {
        let lasts = self.last_by_first.values();
        let firsts = self.last_by_first.keys().skip(1);
        lasts.zip(firsts).map(|(last, first)| (last + 1, first - 1))
    }
}

/// 16 bytes that stand for an id: the UUID it is, or a digest of whatever it is.
fn short(id: &str) -> u128 {
    if let Ok(uuid) = Uuid::try_parse(id) {
        return uuid.as_u128();
    }
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_arrivals_close_gaps() {
        check(&[1, 2, 3], "1-3 without");
        check(&[1, 4, 9], "1-9 without 2-3 5-8");
        check(&[9, 4, 1], "1-9 without 2-3 5-8");
        check(&[1, 4, 3, 2], "1-4 without");
        check(&[5, 7, 6, 6, 5], "5-7 without");
        check(
            &[u64::MAX, u64::MAX - 2],
            "18446744073709551613-18446744073709551615 without 18446744073709551614-18446744073709551614",
        );
    }

    #[test]
    fn a_record_counts_once_per_id_whatever_the_id_looks_like() {
        let mut account = Account::default();
        let uuid = "0193a1b2-0000-7000-8000-000000000001";
        assert!(account.record("a", "e", 1, uuid, "rx"));
        assert!(!account.record("a", "e", 1, uuid, "rx"));
        assert!(account.record("a", "e", 2, "not a uuid", "rx"));
        assert!(!account.record("a", "e", 2, "not a uuid", "rx"));
        assert_eq!((account.distinct(), account.entities().get("rx")), (2, Some(&2)));
    }

    #[track_caller]
    fn check(numbers: &[u64], expected: &str) {
        let mut seen = Numbers::default();
        for number in numbers {
            seen.insert(*number);
        }
        let (lowest, highest) = (seen.lowest().unwrap_or(0), seen.highest().unwrap_or(0));
        let gaps: Vec<_> = seen.gaps().map(|(from, to)| format!("{from}-{to}")).collect();
        assert_eq!(format!("{lowest}-{highest} without {}", gaps.join(" ")).trim_end(), expected);
    }
}
