//! All rule families, one file each. A new family is a new file and one line in [`ALL`].

use crate::family::Family;

pub mod age;
pub mod antimicrobial_tier;
pub mod daily_dose;
pub mod duplicate_ingredient;
pub mod prescription_days;
pub mod sex;

/// Every family.
pub static ALL: &[&dyn Family] = &[
    &sex::Sex,
    &age::Age,
    &duplicate_ingredient::DuplicateIngredient,
    &daily_dose::DailyDose,
    &prescription_days::PrescriptionDays,
    &antimicrobial_tier::AntimicrobialTier,
];

/// The family of a name.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static dyn Family> {
    ALL.iter().copied().find(|family| family.id() == id)
}

#[cfg(test)]
pub(crate) mod bench;
