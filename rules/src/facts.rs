//! What a check knows: one typed, normalised input, whatever message it came from.
//!
//! "No allergies" and "nobody asked" are different answers, so every group is present, absent or
//! empty. A single value that was not sent, or was sent and cannot be believed, is `None`; the
//! latter also leaves an [`InputFinding`]. Codes that differ by region (titles, pregnancy) are
//! one enum here; rules never see the local code.

mod encounter;
mod history;
mod order;
mod patient;
mod prescriber;
mod surgery;

pub use encounter::{Diagnosis, Encounter, HospitalLevel, VisitKind};
pub use history::{History, Stay};
pub use order::{Order, Route, SkinTest};
pub use patient::{Allergy, AllergySeverity, LabResult, Maternity, Patient, Sex};
pub use prescriber::{Prescriber, Right, RightKind, Title};
pub use surgery::{CutClass, Surgery};

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
    /// A settlement sent its charges in the place of orders.
    pub orders_are_charges: bool,
    /// Charges of the encounter, as they were made; a negative quantity takes one back.
    pub fees: Group<Vec<Order>>,
    /// Operations, planned or done.
    pub surgeries: Group<Vec<Surgery>>,
    /// What was seen of the patient before this session.
    pub history: Group<History>,
    /// Who orders.
    pub prescriber: Group<Prescriber>,
    /// Known allergies.
    pub allergies: Group<Vec<Allergy>>,
    /// Laboratory results.
    pub labs: Group<Vec<LabResult>>,
    /// What was sent and cannot be believed.
    pub data_findings: Vec<InputFinding>,
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
    /// 护士执行: what a nurse is about to give.
    Nurse,
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
    pub const NAMES: [(&'static str, Scene); 10] = [
        ("outpatient", Scene::Outpatient),
        ("inpatient", Scene::Inpatient),
        ("discharge", Scene::Discharge),
        ("internet", Scene::Internet),
        ("pharmacist", Scene::Pharmacist),
        ("nurse", Scene::Nurse),
        ("pre_settlement", Scene::PreSettlement),
        ("settlement", Scene::Settlement),
        ("daily_batch", Scene::DailyBatch),
        ("monthly_batch", Scene::MonthlyBatch),
    ];

    /// Whether nothing has been charged yet: the doctor, pharmacist or nurse can still change it.
    #[must_use]
    pub fn is_before(self) -> bool {
        use Scene::{DailyBatch, MonthlyBatch, PreSettlement, Settlement};
        !matches!(self, PreSettlement | Settlement | DailyBatch | MonthlyBatch)
    }

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
