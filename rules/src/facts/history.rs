//! What was seen of the patient before this session, by the agent's own store or the caller.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};

use rust_decimal::Decimal;

use super::{Allergy, Diagnosis, LabResult, Order, Surgery, VisitKind};

/// The past of one patient, of this institution only: answers say 本院范围内.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// From this day on it is complete; `None` when nobody can say.
    pub since: Option<Date>,
    /// Lines ordered or charged earlier, of other encounters and of this one; never of this session.
    pub orders: Vec<Arc<Order>>,
    /// Visits and stays before this one.
    pub stays: Vec<Stay>,
    /// Diagnoses of other encounters, with their day.
    pub diagnoses: Vec<Diagnosis>,
    /// Allergies recorded earlier.
    pub allergies: Vec<Allergy>,
    /// Laboratory results of earlier days.
    pub labs: Vec<LabResult>,
    /// Operations of this encounter, by its records.
    pub surgeries: Vec<Surgery>,
    /// The weight in kg, and when it was taken, as an earlier check of this encounter said.
    pub weight: Option<(Decimal, Option<Date>)>,
}

/// One visit or stay of the past.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stay {
    /// 就诊标识.
    pub mdtrt_id: Option<String>,
    /// What kind of visit.
    pub visit: Option<VisitKind>,
    /// When it began.
    pub began: Option<DateTime>,
    /// When it ended; `None` while it goes on.
    pub ended: Option<DateTime>,
    /// Department code.
    pub department_code: Option<String>,
    /// ICD-10 of the main diagnosis.
    pub main_diagnosis: Option<String>,
    /// Planned as one of a course.
    pub planned_course: Option<bool>,
    /// It ended with a transfer to another institution.
    pub transferred: Option<bool>,
}
