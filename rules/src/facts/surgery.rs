//! Operations of the encounter.

use jiff::civil::DateTime;
use rust_decimal::Decimal;

/// One operation, planned or done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surgery {
    /// ICD-9-CM-3, insurance edition.
    pub code: Option<String>,
    /// As written.
    pub name: Option<String>,
    /// 主要手术.
    pub main: Option<bool>,
    /// The cut: from the anaesthesia record.
    pub began: Option<DateTime>,
    /// The last stitch.
    pub ended: Option<DateTime>,
    /// How clean the wound is.
    pub cut: Option<CutClass>,
    /// Operations through one incision share it.
    pub incision: Option<String>,
    /// Blood lost, in mL.
    pub blood_loss_ml: Option<Decimal>,
}

/// 切口类别.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CutClass {
    /// 0 类: no cut, or through a natural opening.
    None,
    /// I 类: clean.
    Clean,
    /// II 类: clean-contaminated.
    CleanContaminated,
    /// III 类: contaminated.
    Contaminated,
}
