//! The codes that messages wait for, each once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::envelope::{ParkedMessage, UnknownCode};
use crate::outbox::{Outbox, StoreError};

/// Everything that is parked, by what it waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The codes, by map and code.
    pub codes: BTreeMap<(String, String), WaitingCode>,
    /// Messages parked.
    pub messages: u64,
    /// Those of them that have no unknown code and wait only for their turn.
    pub behind: u64,
}

/// One local code that nobody has mapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitingCode {
    /// The data elements that it should fill.
    pub elements: BTreeSet<String>,
    /// The channels it came in by.
    pub channels: BTreeSet<String>,
    /// Messages that wait for it.
    pub messages: u64,
    /// The first of them.
    pub first_message_id: String,
    /// When that came, `YYYYMMDDhhmmss`.
    pub first_received_at: String,
}

impl Listing {
    /// Reads all that is parked. Blocks.
    pub fn read(outbox: &Outbox) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        let mut after = 0;
        loop {
            let chunk = outbox.parked(after, CHUNK_MAX, CHUNK_BYTES_MAX)?;
            let Some((last, _)) = chunk.last() else { return Ok(listing) };
            after = *last;
            for (_, message) in &chunk {
                listing.add(message);
            }
        }
    }

    fn add(&mut self, message: &ParkedMessage) {
        self.messages += 1;
        if message.unknown.is_empty() {
            self.behind += 1;
        }
        let mut counted = BTreeSet::new();
        for UnknownCode { map, code, element } in &message.unknown {
            let waiting = self.codes.entry((map.clone(), code.clone())).or_default();
            waiting.elements.insert(element.clone());
            // A code that fills two elements of a message holds up one message.
            if !counted.insert((map, code)) {
                continue;
            }
            if waiting.messages == 0 {
                waiting.first_message_id.clone_from(&message.message_id);
                waiting.first_received_at.clone_from(&message.received_at);
            }
            waiting.messages += 1;
            waiting.channels.insert(message.channel.clone());
        }
    }

    /// For commands and the console.
    pub fn to_json(&self) -> Value {
        let codes = self.codes.iter().map(|((map, code), it)| {
            json!({
                "map": map,
                "local": code,
                "elements": it.elements,
                "channels": it.channels,
                "messages": it.messages,
                "first_message_id": it.first_message_id,
                "first_received_at": it.first_received_at,
            })
        });
        let codes: Vec<Value> = codes.collect();
        json!({ "codes": codes, "messages": self.messages, "behind": self.behind })
    }
}

const CHUNK_MAX: usize = 1024;
const CHUNK_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::envelope::Original;

    #[test]
    fn each_code_stands_once_with_its_first_message() {
        check(&["f.csv:qd:frqu"], "f.csv qd frqu 1 m1");
        check(
            &["f.csv:qd:frqu", "f.csv:qd:frqu", "f.csv:bid:frqu"],
            "f.csv bid frqu 1 m3; f.csv qd frqu 2 m1",
        );
        check(&["f.csv:qd:frqu f.csv:qd:way"], "f.csv qd frqu,way 1 m1");
        check(
            &["a.csv:1:x b.csv:1:y", "", "b.csv:1:y"],
            "a.csv 1 x 1 m1; b.csv 1 y 2 m1; 1 behind",
        );
        check(&[], "");
    }

    /// Messages m1, m2, ..., each with its codes as `map:code:element`.
    #[track_caller]
    fn check(messages: &[&str], expected: &str) {
        let mut listing = Listing::default();
        for (number, codes) in (1..).zip(messages) {
            let unknown = codes.split_whitespace().map(|it| {
                let mut parts = it.split(':').map(str::to_owned);
                let mut next = || parts.next().unwrap();
                UnknownCode { map: next(), code: next(), element: next() }
            });
            listing.add(&ParkedMessage {
                message_id: format!("m{number}"),
                channel: "rx".to_owned(),
                received_at: "20261122101530".to_owned(),
                original: Original::default(),
                records: Vec::new(),
                unknown: unknown.collect(),
            });
        }
        assert_eq!(listing.messages, messages.len() as u64);
        let mut told: Vec<String> = listing
            .codes
            .iter()
            .map(|((map, code), it)| {
                let elements: Vec<&str> = it.elements.iter().map(String::as_str).collect();
                format!(
                    "{map} {code} {} {} {}",
                    elements.join(","),
                    it.messages,
                    it.first_message_id
                )
            })
            .collect();
        if listing.behind > 0 {
            told.push(format!("{} behind", listing.behind));
        }
        assert_eq!(told.join("; "), expected);
    }
}
