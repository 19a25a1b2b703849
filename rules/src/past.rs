//! What one accepted record tells of a patient's past.
//!
//! A check reads the past as [`History`](crate::facts::History); this is the step before it: one
//! record at a time, in the order in which records were accepted. Whoever keeps the past keeps these
//! notes and makes the history of them when somebody asks ([`gather`]): then a line that came again
//! is one line, a void takes it back, an admission and its discharge are one stay.
//!
//! What a check says of its patient is kept beside the records, and gives way to them ([`seen`]).
//!
//! Nothing here refuses. A record was validated before, and what cannot be read is not known.

mod as_of;
mod charged;
mod gather;
mod known;
mod measured;
mod merge;
mod read;
mod seen;
mod told;

pub use as_of::{AsOf, as_of, known_at, names_of};
pub use gather::gather;
pub use merge::merge;
pub use read::{is_told_by, named_by, notes_of, who_is_it_about};
pub use seen::{Seen, answered, proposed, seen, told_in_all, what_counts};

use std::sync::Arc;

use jiff::civil::{Date, DateTime};

use crate::facts::{Allergy, Diagnosis, LabResult, Order, Patient, Stay, Surgery};

/// Whom a record names, and the encounter it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// 院内患者标识.
    pub patn_id: Option<String>,
    /// 人员编号, the insurer's.
    pub psn_no: Option<String>,
    /// 病历号.
    pub medrcdno: Option<String>,
    /// What the encounter is called, by hospital and insurer.
    pub encounters: Vec<String>,
}

/// What is kept of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The same for every revision of the record, and for no other record of the patient.
    pub identity: u64,
    /// The encounter it was accepted under.
    pub encounter: String,
    /// What it says.
    pub notes: Vec<Note>,
}

/// One thing that a record says. Lines are shared: an order has nearly a kilobyte, and on its way from a
/// row to the facts it was moved ten times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A line of a prescription or an inpatient order.
    Order(Arc<Order>),
    /// A charge, and the order that it charges for, when it says so.
    Charge(Arc<Order>, Option<String>),
    /// The first use of an item, kept longer than the line itself.
    First(Arc<Order>),
    /// A visit or stay, or what is known of it so far; and what else it is called.
    Stay(Box<Stay>, Vec<String>),
    /// A diagnosis.
    Diagnosis(Diagnosis),
    /// Allergies, as the visit's record lists them.
    Allergies(Vec<Allergy>),
    /// A laboratory result, and the report it stands on.
    Lab(LabResult, Option<String>),
    /// A laboratory report, and when it was made.
    Report(String, DateTime),
    /// What was said under this key before is void.
    Void,
    /// The laboratory report of this number is void.
    VoidReport(String),
    /// A drug that a pharmacy sold, or took back.
    Sale(Arc<Order>),
    /// Sex and birth of the person, of a check its weight; never a name or a number.
    Person(Box<Patient>),
    /// What a stay is under, beside what [`Stay`] tells.
    Care(Care),
    /// An operation that was done.
    Surgery(Box<Surgery>),
    /// The encounter was settled with the fund.
    Settled(DateTime),
    /// What follows was told by a check on this day, and by no record.
    Asked(Date),
    /// A line that a check asked about, and whether the doctor has answered that it goes on.
    Proposed(Arc<Order>, bool),
}

/// Who is responsible for a visit or stay, and who pays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Care {
    /// The attending doctor's code.
    pub doctor_code: Option<String>,
    /// 险种.
    pub insutype: Option<String>,
    /// The department's name.
    pub department_name: Option<String>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod judged;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
