//! What records tell, put beside what checks told: a record is the stronger one. What it says of a line,
//! a diagnosis or a result takes the place of what a check said of the same, and what a record took
//! back is gone also where a check had told it.

use std::collections::HashMap;
use std::sync::Arc;

use super::known::{Encounters, Marks, Place, Results};
use super::{Note, Noted};
use crate::facts::{Diagnosis, LabResult, Order};

/// What records told and took back again, with the encounter.
#[derive(Default)]
pub(super) struct TakenBack {
    lines: Vec<(String, Arc<Order>)>,
    diagnoses: Vec<(String, Diagnosis)>,
    labs: Vec<LabResult>,
}

/// The same, to be found.
#[derive(Default)]
pub(super) struct Gone {
    lines: Marks,
    diagnoses: Marks,
    labs: Results,
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

    /// Once it is known which names are one encounter's.
    pub(super) fn index(&self, encounters: &mut Encounters) -> Gone {
        let mut gone = Gone::default();
        for (of, line) in &self.lines {
            gone.lines.add_line(encounters, of, line);
        }
        for (of, it) in &self.diagnoses {
            gone.diagnoses.add_diagnosis(encounters, of, it);
        }
        self.labs.iter().for_each(|it| gone.labs.add(it));
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
}

impl Gone {
    pub(super) fn has_line(&self, line: &Order, places: &[Place]) -> bool {
        self.lines.have_line(places, line)
    }

    pub(super) fn has_diagnosis(&self, it: &Diagnosis, places: &[Place]) -> bool {
        self.diagnoses.have_diagnosis(places, it)
    }

    pub(super) fn has_lab(&self, it: &LabResult) -> bool {
        self.labs.have(it)
    }
}
