//! Who is treated: the person, allergies, laboratory results.

use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;

use crate::age::Age;

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
    /// When it was weighed.
    pub weighed: Option<Date>,
    /// Body height in cm.
    pub height_cm: Option<Decimal>,
    /// Pregnancy and breastfeeding.
    pub maternity: Option<Maternity>,
    /// Completed weeks of this pregnancy.
    pub gestation_weeks: Option<Decimal>,
    /// First day of the last menstruation.
    pub last_menses: Option<Date>,
    /// Day of the last delivery.
    pub delivered: Option<Date>,
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

/// One allergy, as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Allergy {
    /// Code of the allergen, when coded.
    pub code: Option<String>,
    /// The allergen in words.
    pub text: Option<String>,
    /// How bad the reaction was.
    pub severity: Option<AllergySeverity>,
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
    /// A result that is no number: 阴性, 阳性.
    pub text: Option<String>,
    /// The laboratory's own upper limit of normal.
    pub upper: Option<Decimal>,
    /// The laboratory's own lower limit of normal.
    pub lower: Option<Decimal>,
    /// Another institution's result.
    pub outside: Option<bool>,
    /// When it was reported.
    pub reported: Option<DateTime>,
}

/// How bad a reaction was, as far as rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AllergySeverity {
    /// 轻度: rash, itching.
    Mild,
    /// 中度.
    Moderate,
    /// 重度: shock, throat, skin coming off.
    Severe,
}
