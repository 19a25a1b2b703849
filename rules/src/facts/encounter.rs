//! The visit or stay, and its diagnoses.

use jiff::civil::{Date, DateTime};

use super::Group;

/// The visit or stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encounter {
    /// 就诊标识.
    pub mdtrt_id: Option<String>,
    /// Outpatient, emergency, inpatient ...
    pub visit: Option<VisitKind>,
    /// Department code.
    pub department_code: Option<String>,
    /// Department name.
    pub department_name: Option<String>,
    /// The campus, where an institution has several.
    pub campus: Option<String>,
    /// The bed, as the ward names it.
    pub bed: Option<String>,
    /// Level of the institution.
    pub hospital_level: Option<HospitalLevel>,
    /// When it began.
    pub began: Option<DateTime>,
    /// When it ended: discharge.
    pub ended: Option<DateTime>,
    /// 险种.
    pub insutype: Option<String>,
    /// 参保地医保区划.
    pub insurance_region: Option<String>,
    /// Long prescription or registered chronic disease: the usual days may be exceeded.
    pub long_prescription: Option<bool>,
    /// Billed on a registered outpatient chronic or special disease (门诊慢特病).
    pub on_chronic_scheme: Option<bool>,
    /// An injury at work that is not recognised yet.
    pub work_injury_pending: Option<bool>,
    /// The chronic diseases that the fund has approved for the patient, as codes.
    pub approved_diseases: Group<Vec<String>>,
    /// A file for cancer pain or chronic severe pain is registered (麻精药品专用病历).
    pub pain_file: Option<bool>,
    /// A guardian and a specialist take part (internet visits of children).
    pub guardian_present: Option<bool>,
    /// The stay was planned as one of a course: chemotherapy, dialysis, second stage.
    pub planned_course: Option<bool>,
}

/// The kinds of visit that rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VisitKind {
    /// 门诊.
    Outpatient,
    /// 急诊.
    Emergency,
    /// 住院.
    Inpatient,
    /// 互联网诊疗.
    Internet,
    /// 购药.
    Pharmacy,
}

impl VisitKind {
    /// The word for an answer.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            VisitKind::Outpatient => "门诊",
            VisitKind::Emergency => "急诊",
            VisitKind::Inpatient => "住院",
            VisitKind::Internet => "互联网诊疗",
            VisitKind::Pharmacy => "购药",
        }
    }
}

/// 医疗机构级别.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HospitalLevel {
    /// 无等级.
    None,
    /// 一级.
    Primary,
    /// 二级.
    Secondary,
    /// 三级.
    Tertiary,
}

/// One diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnosis {
    /// ICD-10, insurance edition.
    pub code: Option<String>,
    /// As written.
    pub name: Option<String>,
    /// 主诊断.
    pub main: Option<bool>,
    /// Suspected only (疑似, 待查, `?`): proves no indication.
    pub suspected: bool,
    /// Ruled out (除外, 排除): neither indication nor contraindication.
    pub excluded: bool,
    /// A lasting disease, whenever it was diagnosed.
    pub chronic: bool,
    /// When it was made.
    pub made: Option<Date>,
}
