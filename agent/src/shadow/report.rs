//! Differences, counted: how many messages, and which element of which kind of record how often,
//! with one message to look at.
//!
//! Its size is bounded by the dictionary, whatever comes in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::compare::{Difference, Field, RECORD};

/// What a comparison has found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The set that the candidate was compared with; another one begins another count.
    with: Option<Arc<str>>,
    /// Messages that became the same.
    pub same: u64,
    /// Messages that both took, differently.
    pub different: u64,
    /// Messages that only the new set refuses.
    pub refused_by_new: u64,
    /// Messages that only the old set refuses.
    pub refused_by_old: u64,
    /// Messages that both refuse.
    pub refused_by_both: u64,
    /// Records that only the old set makes.
    pub only_old: u64,
    /// Records that only the new set makes.
    pub only_new: u64,
    fields: BTreeMap<(String, String), Row>,
    reasons: BTreeMap<(&'static str, String, String), Row>,
}

/// How often, and one example.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    count: u64,
    message_id: String,
    old: Option<String>,
    new: Option<String>,
}

impl Report {
    /// Begins anew when the set in force is another one than before.
    pub fn compared_with(&mut self, set: &Arc<str>) {
        if self.with.as_ref() != Some(set) {
            *self = Report { with: Some(Arc::clone(set)), ..Report::default() };
        }
    }

    /// Counts what came of one message.
    pub fn add(&mut self, message_id: &str, difference: &Difference) {
        match difference {
            Difference::None => self.same += 1,
            Difference::RefusedByBoth => self.refused_by_both += 1,
            Difference::RefusedByNew(reasons) => {
                self.refused_by_new += 1;
                self.add_reasons("new", reasons, message_id);
            }
            Difference::RefusedByOld(reasons) => {
                self.refused_by_old += 1;
                self.add_reasons("old", reasons, message_id);
            }
            Difference::Fields(fields) => {
                self.different += 1;
                for field in fields {
                    self.add_field(field, message_id);
                }
            }
        }
    }

    /// Messages compared.
    pub fn messages(&self) -> u64 {
        self.same + self.refused_by_both + self.differing()
    }

    /// Messages of which the two sets do not make the same.
    pub fn differing(&self) -> u64 {
        self.different + self.refused_by_new + self.refused_by_old
    }

    /// For the control socket and for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let fields = self.fields.iter().map(|((entity, element), row)| {
            json!({
                "entity": entity, "element": element, "count": row.count,
                "message_id": row.message_id, "old": row.old, "new": row.new,
            })
        });
        let reasons = self.reasons.iter().map(|((by, code, element), row)| {
            json!({
                "refused_by": by, "code": code, "element": element, "count": row.count,
                "message_id": row.message_id,
            })
        });
        json!({
            "compared_with": self.with.as_deref(),
            "messages": self.messages(),
            "same": self.same,
            "different": self.different,
            "refused_by_new": self.refused_by_new,
            "refused_by_old": self.refused_by_old,
            "refused_by_both": self.refused_by_both,
            "records_only_old": self.only_old,
            "records_only_new": self.only_new,
            "fields": fields.collect::<Vec<_>>(),
            "reasons": reasons.collect::<Vec<_>>(),
        })
    }

    fn add_field(&mut self, field: &Field, message_id: &str) {
        if field.element == RECORD {
            self.only_old += u64::from(field.old.is_some());
            self.only_new += u64::from(field.new.is_some());
        }
        let key = (field.entity.clone(), field.element.clone());
        let row = self.fields.entry(key).or_insert_with(|| Row {
            count: 0,
            message_id: message_id.to_owned(),
            old: field.old.clone(),
            new: field.new.clone(),
        });
        row.count += 1;
    }

    fn add_reasons(&mut self, by: &'static str, reasons: &[(String, String)], message_id: &str) {
        for (code, element) in reasons {
            let key = (by, code.clone(), element.clone());
            let first =
                || Row { count: 0, message_id: message_id.to_owned(), old: None, new: None };
            self.reasons.entry(key).or_insert_with(first).count += 1;
        }
    }
}
