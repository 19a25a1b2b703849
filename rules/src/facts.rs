//! What a check knows: one typed, normalised input, whatever message it came from.
//!
//! "No allergies" and "nobody asked" are different answers, so every group is present, absent or
//! empty. A single value that was not sent, or was sent and cannot be believed, is `None`; the
//! latter also leaves an [`InputFinding`]. Codes that differ by region (titles, pregnancy) are
//! one enum here; rules never see the local code.

use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;

use crate::age::Age;
use crate::frequency::Frequency;
use crate::unit::Unit;

/// A part of the input: sent, not asked for, or asked for and none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Group<T> {
    /// Sent.
    Present(T),
    /// Not sent: nobody asked.
    #[default]
    Absent,
    /// Sent, and there is none.
    Empty,
}

impl<T> Group<T> {
    /// The content, when there is some.
    pub fn present(&self) -> Option<&T> {
        match self {
            Group::Present(content) => Some(content),
            Group::Absent | Group::Empty => None,
        }
    }

    /// Whether nobody asked.
    pub fn is_absent(&self) -> bool {
        matches!(self, Group::Absent)
    }
}

/// Everything one check may look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Where in the care process the check runs; derived from the visit when not sent.
    pub scene: Option<Scene>,
    /// Who is treated.
    pub patient: Group<Patient>,
    /// The visit or stay.
    pub encounter: Group<Encounter>,
    /// Diagnoses of the encounter.
    pub diagnoses: Group<Vec<Diagnosis>>,
    /// Orders of this session, and active ones marked as not current.
    pub orders: Group<Vec<Order>>,
    /// Who orders.
    pub prescriber: Group<Prescriber>,
    /// Known allergies.
    pub allergies: Group<Vec<Allergy>>,
    /// Laboratory results.
    pub labs: Group<Vec<LabResult>>,
    /// What was sent and cannot be believed.
    pub data_findings: Vec<InputFinding>,
}

/// Who is treated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patient {
    /// 参保人或院内患者标识.
    pub patn_id: Option<String>,
    /// Male or female; not stated is `None`.
    pub sex: Option<Sex>,
    /// Day of birth.
    pub birth: Option<Date>,
    /// The age as sent; used only where there is no birth date.
    pub age: Option<Age>,
    /// Body weight in kg.
    pub weight_kg: Option<Decimal>,
    /// Body height in cm.
    pub height_cm: Option<Decimal>,
    /// Pregnancy and breastfeeding.
    pub maternity: Option<Maternity>,
}

/// GB/T 2261.1 without its two ways of not saying it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sex {
    /// 1 男.
    Male,
    /// 2 女.
    Female,
}

impl Sex {
    /// 男 or 女.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Sex::Male => "男",
            Sex::Female => "女",
        }
    }
}

/// Pregnancy and breastfeeding, whatever table the site uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maternity {
    /// Neither.
    Neither,
    /// A child is planned soon.
    Planning,
    /// 妊娠期.
    Pregnant,
    /// 哺乳期.
    Breastfeeding,
}

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
    /// Level of the institution.
    pub hospital_level: Option<HospitalLevel>,
    /// When it began.
    pub began: Option<DateTime>,
    /// 险种.
    pub insutype: Option<String>,
    /// Long prescription or registered chronic disease: the usual days may be exceeded.
    pub long_prescription: Option<bool>,
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
}

/// One order line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// Line id, unique in the request.
    pub rx_id: String,
    /// Prescription number: lines of one prescription share it.
    pub rxno: Option<String>,
    /// Group of one infusion.
    pub group: Option<String>,
    /// National catalogue code.
    pub national_code: Option<String>,
    /// The hospital's own code.
    pub hospital_code: Option<String>,
    /// The drug's name as written.
    pub name: Option<String>,
    /// Ingredients, when the HIS knows them.
    pub ingredients: Vec<String>,
    /// Dose of one intake, in `dose_unit`.
    pub single_dose: Option<Decimal>,
    /// Its unit.
    pub dose_unit: Option<Unit>,
    /// How often.
    pub frequency: Option<Frequency>,
    /// Times a day that must not be exceeded, for drugs taken as needed.
    pub times_per_day_max: Option<Decimal>,
    /// How it enters the body.
    pub route: Option<Route>,
    /// Days as written by the doctor.
    pub days: Option<Decimal>,
    /// Quantity dispensed, in `quantity_unit`.
    pub quantity: Option<Decimal>,
    /// Its unit.
    pub quantity_unit: Option<Unit>,
    /// 规格.
    pub specification: Option<String>,
    /// 单价.
    pub price: Option<Decimal>,
    /// 总费用.
    pub amount: Option<Decimal>,
    /// 自费金额.
    pub own_pay: Option<Decimal>,
    /// Part of this session; others are active orders written earlier.
    pub current: bool,
    /// Start of the order.
    pub begins: Option<DateTime>,
    /// Stop of the order.
    pub stops: Option<DateTime>,
    /// 出院带药.
    pub discharge: bool,
    /// The doctor declared an emergency for this line.
    pub urgent: Option<bool>,
    /// A consultation agreed to this line.
    pub consulted: Option<bool>,
    /// Why a usual limit is exceeded, as written by the doctor.
    pub reason: Option<String>,
}

/// How a drug enters the body, as far as rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// 口服.
    Oral,
    /// 注射.
    Injection,
    /// 局部用药.
    Topical,
    /// 吸入.
    Inhaled,
    /// 其他.
    Other,
}

/// Who orders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prescriber {
    /// Code of the doctor.
    pub code: Option<String>,
    /// 职称.
    pub title: Option<Title>,
}

/// Professional title, low to high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Title {
    /// No title; village doctors.
    Untitled,
    /// 医士.
    Assistant,
    /// 医师 (住院医师).
    Junior,
    /// 主治医师.
    Intermediate,
    /// 副主任医师.
    AssociateSenior,
    /// 主任医师.
    Senior,
}

impl Title {
    /// The word for an answer.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Title::Untitled => "无职称",
            Title::Assistant => "医士",
            Title::Junior => "医师",
            Title::Intermediate => "主治医师",
            Title::AssociateSenior => "副主任医师",
            Title::Senior => "主任医师",
        }
    }
}

/// One allergy, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allergy {
    /// Code of the allergen, when coded.
    pub code: Option<String>,
    /// The allergen in words.
    pub text: Option<String>,
}

/// One laboratory result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabResult {
    /// Code of the test.
    pub code: Option<String>,
    /// Name of the test.
    pub name: Option<String>,
    /// The number reported.
    pub value: Option<Decimal>,
    /// Its unit, as written.
    pub unit: Option<String>,
    /// When it was reported.
    pub reported: Option<DateTime>,
}

/// Where in the care process a check runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scene {
    /// 事前, 门诊或急诊开方.
    Outpatient,
    /// 事前, 住院医嘱.
    Inpatient,
    /// 事前, 出院带药.
    Discharge,
    /// 互联网诊疗.
    Internet,
    /// 药师审方.
    Pharmacist,
    /// 事中, 预结算.
    PreSettlement,
    /// 事中, 结算.
    Settlement,
    /// 事后, 日批.
    DailyBatch,
    /// 事后, 月批.
    MonthlyBatch,
}

impl Scene {
    /// Every scene with the name it has in files and requests.
    pub const NAMES: [(&'static str, Scene); 9] = [
        ("outpatient", Scene::Outpatient),
        ("inpatient", Scene::Inpatient),
        ("discharge", Scene::Discharge),
        ("internet", Scene::Internet),
        ("pharmacist", Scene::Pharmacist),
        ("pre_settlement", Scene::PreSettlement),
        ("settlement", Scene::Settlement),
        ("daily_batch", Scene::DailyBatch),
        ("monthly_batch", Scene::MonthlyBatch),
    ];

    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Scene> {
        Scene::NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, scene)| scene)
    }
}

impl Facts {
    /// The scene sent, else the one the visit implies.
    #[must_use]
    pub fn scene(&self) -> Option<Scene> {
        self.scene.or_else(|| match self.encounter.present()?.visit? {
            VisitKind::Outpatient | VisitKind::Emergency | VisitKind::Pharmacy => {
                Some(Scene::Outpatient)
            }
            VisitKind::Inpatient => Some(Scene::Inpatient),
            VisitKind::Internet => Some(Scene::Internet),
        })
    }
}

/// What is to be said about one element of the input.
///
/// As an error it refuses a request (`C1..`, `C2..`); as data (`C3..`) it goes with the verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFinding {
    /// Stable code.
    pub code: &'static str,
    /// The element: `orders[RX1].cnt`.
    pub path: String,
    /// What was found; masked when it identifies a person.
    pub found: String,
    /// What to send instead, in Chinese.
    pub expected: String,
}
