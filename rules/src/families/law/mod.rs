//! Families L01 to L13: the law of prescribing.

use crate::family::Family;

pub mod antimicrobial_tier;
pub mod completeness;
pub mod long_prescription;
pub mod narcotic_quantity;
pub mod off_label;
pub mod perioperative;
pub mod prescriber_right;
pub mod prescription_count;
pub mod prescription_days;
pub mod prescription_validity;
pub mod psychotropic_days;
pub mod skin_test;
pub mod toxic_quantity;

/// Every family of this room.
pub(super) static ALL: &[&dyn Family] = &[
    &prescription_days::PrescriptionDays,
    &prescription_count::PrescriptionCount,
    &prescription_validity::PrescriptionValidity,
    &narcotic_quantity::NarcoticQuantity,
    &psychotropic_days::PsychotropicDays,
    &toxic_quantity::ToxicQuantity,
    &long_prescription::LongPrescription,
    &antimicrobial_tier::AntimicrobialTier,
    &perioperative::Perioperative,
    &prescriber_right::PrescriberRight,
    &completeness::Completeness,
    &skin_test::SkinTest,
    &off_label::OffLabel,
];
