//! Families L01 to L13: the law of prescribing.

use crate::family::Family;

pub mod antimicrobial_tier;
pub mod prescription_days;

/// Every family of this room.
pub(super) static ALL: &[&dyn Family] =
    &[&prescription_days::PrescriptionDays, &antimicrobial_tier::AntimicrobialTier];
