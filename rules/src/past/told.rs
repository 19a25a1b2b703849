//! What records tell, put beside what checks told: a record is the stronger one. What it says of a line,
//! a diagnosis or a result takes the place of what a check said of the same, and what a record took
//! back is gone also where a check had told it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::DateTime;

use super::{Note, Noted};
use crate::facts::{Diagnosis, LabResult, Order};

/// What records told and took back again, with the encounter.
#[derive(Default)]
pub(super) struct TakenBack {
    lines: Vec<(String, Arc<Order>)>,
    diagnoses: Vec<(String, Diagnosis)>,
    labs: Vec<LabResult>,
}

impl TakenBack {
    /// Of all revisions of all records, in their order: the later takes back what the earlier said,
    /// whether or not it says something else instead.
    pub(super) fn of(records: &[Noted], is_void: impl Fn(&str) -> bool) -> TakenBack {
        let mut told: HashMap<u64, &Noted> = HashMap::new();
        let mut gone = TakenBack::default();
        for record in records.iter().filter(|it| !it.is_of_a_check()) {
            if let Some(before) = told.insert(record.identity, record) {
                gone.take(before);
            }
        }
        for it in told.into_values() {
            gone.take_results(it, &is_void);
        }
        gone
    }

    fn take(&mut self, record: &Noted) {
        for note in &record.notes {
            match note {
                Note::Order(line) | Note::Charge(line, _) => {
                    self.lines.push((record.encounter.clone(), Arc::clone(line)));
                }
                Note::Diagnosis(it) => self.diagnoses.push((record.encounter.clone(), it.clone())),
                Note::Lab(it, _) => self.labs.push(it.clone()),
                _ => {}
            }
        }
    }

    fn take_results(&mut self, record: &Noted, is_void: &impl Fn(&str) -> bool) {
        for note in &record.notes {
            if let Note::Lab(it, Some(report)) = note
                && is_void(report)
            {
                self.labs.push(it.clone());
            }
        }
    }

    pub(super) fn has_line(&self, line: &Order, is_same: impl Fn(&str) -> bool) -> bool {
        self.lines.iter().any(|(of, it)| is_same(of) && is_same_line(it, line))
    }

    pub(super) fn has_diagnosis(&self, it: &Diagnosis, is_same: impl Fn(&str) -> bool) -> bool {
        self.diagnoses.iter().any(|(of, gone)| is_same(of) && is_same_diagnosis(gone, it))
    }

    pub(super) fn has_lab(&self, it: &LabResult) -> bool {
        self.labs.iter().any(|gone| is_same_result(gone, it))
    }
}

/// A line under the same number, or of the same item: of one encounter, so that a record that calls
/// the line otherwise still takes the place of the proposal.
pub(super) fn is_same_line(told: &Order, proposed: &Order) -> bool {
    let is_same = |one: Option<&str>, other: Option<&str>| one.is_some() && one == other;
    is_same(
        Some(&told.rx_id).filter(|it| !it.is_empty()).map(String::as_str),
        Some(&proposed.rx_id),
    ) || is_same(told.hospital_code.as_deref(), proposed.hospital_code.as_deref())
        || is_same(told.national_code.as_deref(), proposed.national_code.as_deref())
}

pub(super) fn is_same_diagnosis(one: &Diagnosis, other: &Diagnosis) -> bool {
    match (&one.code, &other.code) {
        (Some(one), Some(other)) => one == other,
        _ => one.name.is_some() && one.name == other.name,
    }
}

/// The same test with the same outcome: record and check name the moment differently.
pub(super) fn is_same_result(one: &LabResult, other: &LabResult) -> bool {
    let is_same_test = match (&one.code, &other.code) {
        (Some(one), Some(other)) => one == other,
        _ => one.name.is_some() && one.name == other.name,
    };
    let day = |it: &LabResult| it.reported.map(DateTime::date);
    let is_near = match (day(one), day(other)) {
        (Some(one), Some(other)) => {
            one.until(other).is_ok_and(|it| it.get_days().abs() <= NEAR_DAYS)
        }
        _ => true,
    };
    is_same_test && is_near && (one.value, &one.text) == (other.value, &other.text)
}

/// A result is reported, and its record sent, within so many days.
const NEAR_DAYS: i32 = 1;
