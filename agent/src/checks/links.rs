//! The records in which the orders of a finding were uploaded.
//!
//! A check stores nothing; the orders that it was about come later as records, perhaps changed. They
//! belong to the finding when they are of the same encounter (the lane) and the same line. Only
//! encounters that have findings are looked at.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::log::{Log, walk};
use super::tracked::Tracked;
use super::{Checks, Note, keys};
use crate::envelope::{Draft, Receipt};
use crate::outbox::{Change, StoreError};

/// One record in which a line was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The line.
    pub line: String,
    /// The record's id.
    pub record_id: String,
    /// What kind of record it is.
    pub entity: String,
    /// Which content under its business key.
    pub revision: u32,
    /// The message it came in.
    pub message_id: String,
    /// When that came, `YYYYMMDDhhmmss`.
    pub received_at: String,
}

/// Orders that were stored, of encounters that have findings.
#[derive(Debug)]
pub(super) struct Uploaded {
    pub(super) lines: Vec<(String, Link)>,
}

/// An order that is about to be stored: its place in the message, its encounter and the names by
/// which a check may have called its line.
#[derive(Debug)]
pub(crate) struct Awaited {
    at: usize,
    encounter: String,
    lines: Vec<String>,
}

impl Checks {
    /// The orders among these that may belong to findings. Cheap: nearly every encounter has none.
    pub(crate) fn awaited(&self, drafts: &[Draft]) -> Vec<Awaited> {
        let Some(log) = self.log() else { return Vec::new() };
        let of_interest =
            |(_, it): &(usize, &Draft)| is_order(&it.entity) && log.may_have_findings(&it.lane);
        let awaited = |(at, it): (usize, &Draft)| Awaited {
            at,
            encounter: it.lane.clone(),
            lines: lines_of(&it.tail),
        };
        drafts.iter().enumerate().filter(of_interest).map(awaited).collect()
    }

    /// They are on disk now. Never waits.
    pub(crate) fn uploaded(&self, awaited: Vec<Awaited>, receipt: &Receipt) {
        let mut lines = Vec::new();
        for Awaited { at, encounter, lines: names } in awaited {
            let Some(record) = receipt.records.get(at) else { continue };
            lines.extend(names.into_iter().map(|line| {
                let link = Link {
                    line,
                    record_id: record.record_id.clone(),
                    entity: record.entity.clone(),
                    revision: record.revision,
                    message_id: receipt.message_id.clone(),
                    received_at: receipt.received_at.clone(),
                };
                (encounter.clone(), link)
            }));
        }
        if !lines.is_empty() {
            self.hand_over(Note::Uploaded(Uploaded { lines }));
        }
    }
}

impl Uploaded {
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }
}

impl Log {
    /// Keeps the links of lines that a finding speaks of.
    pub(super) fn link(&self, uploaded: &Uploaded) -> Result<(), StoreError> {
        let _turn = self.turn();
        let mut changes = Vec::new();
        for (encounter, link) in &uploaded.lines {
            let mut is_awaited = false;
            for finding_id in self.findings_of(encounter)? {
                let finding = self.finding(&finding_id)?;
                is_awaited |= finding.is_some_and(|it| it.lines.contains(&link.line));
            }
            if is_awaited {
                let line = self.key().name_in_keys(&[encounter, &link.line]);
                let key = keys::line(&line, &link.record_id);
                changes.push(Change::Put(key, serde_json::to_vec(link).unwrap_or_default()));
            }
        }
        self.outbox().shelve(&changes)
    }

    /// The records in which the lines of a finding were uploaded, by line.
    pub fn links(&self, finding: &Tracked) -> Result<Vec<Link>, StoreError> {
        let Some(encounter) = &finding.encounter else { return Ok(Vec::new()) };
        let mut links = Vec::new();
        for line in &finding.lines {
            let prefix = keys::line(&self.key().name_in_keys(&[encounter, line]), "");
            walk(self.outbox(), &prefix, |_, bytes| {
                links.extend(serde_json::from_slice::<Link>(bytes).ok());
            })?;
        }
        Ok(links)
    }
}

fn is_order(entity: &str) -> bool {
    entity == "outpatient_prescription" || entity == "inpatient_order"
}

/// The names by which a check may have called the line of a record; a bare line number is none,
/// since every prescription of an encounter has it.
fn lines_of(tail: &str) -> Vec<String> {
    let record: Value = serde_json::from_str(&format!("{{{tail}}}")).unwrap_or_default();
    let text = |name: &str| match record.get("elements")?.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let ids = ["drord_no", "medcas_drord_detl_id"].into_iter().filter_map(text);
    let mut lines: Vec<String> = ids.collect();
    if let (Some(rxno), Some(line)) = (text("rxno"), text("rx_srt_no")) {
        lines.push(format!("{rxno}-{line}"));
    }
    lines.dedup();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_called_by_its_own_number_or_by_prescription_and_place() {
        check(r#""rxno":"CF1","rx_srt_no":2"#, &["CF1-2"]);
        check(r#""rxno":"CF1","rx_srt_no":2,"drord_no":"Y7""#, &["Y7", "CF1-2"]);
        check(r#""medcas_drord_detl_id":"Z1""#, &["Z1"]);
        check(r#""rx_srt_no":2"#, &[]);
    }

    #[track_caller]
    fn check(elements: &str, expected: &[&str]) {
        let tail = format!("\"entity\":\"e\",\"elements\":{{{elements}}},\"findings\":[]");
        assert_eq!(lines_of(&tail), expected);
    }
}
