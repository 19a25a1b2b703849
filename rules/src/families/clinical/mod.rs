//! Families C01 to C26: what is right for this patient.

use crate::family::Family;

pub(crate) mod active;
pub mod age;
pub mod allergy;
mod allergy_text;
mod contact;
pub mod course;
pub mod daily_dose;
pub mod disease;
pub mod duplicate_ingredient;
pub mod elderly;
pub mod frequency;
pub mod hepatic;
pub mod herb_pair;
pub mod herb_quantity;
pub mod herbal_injection;
pub mod high_alert;
pub mod incompatibility;
pub mod infusion;
pub mod interaction;
pub mod lab_required;
pub mod labelled_use;
mod labs;
pub mod lactation;
mod maternity;
mod population;
pub mod pregnancy;
pub mod renal;
pub mod route;
pub mod sex;
pub mod single_dose;
mod sum;
pub mod too_many;
pub mod weight_dose;

/// Every family of this room.
pub(super) static ALL: &[&dyn Family] = &[
    &sex::Sex,
    &age::Age,
    &duplicate_ingredient::DuplicateIngredient,
    &daily_dose::DailyDose,
    &single_dose::SingleDose,
    &frequency::Frequency,
    &route::Route,
    &weight_dose::WeightDose,
    &infusion::Infusion,
    &course::Course,
    &interaction::Interaction,
    &incompatibility::Incompatibility,
    &allergy::Allergy,
    &pregnancy::Pregnancy,
    &lactation::Lactation,
    &elderly::Elderly,
    &renal::Renal,
    &hepatic::Hepatic,
    &disease::Disease,
    &labelled_use::LabelledUse,
    &lab_required::LabRequired,
    &herb_pair::HerbPair,
    &herb_quantity::HerbQuantity,
    &herbal_injection::HerbalInjection,
    &too_many::TooMany,
    &high_alert::HighAlert,
];
