//! Families F01 to F20: services, charges, stays and billing behaviour.

use crate::family::Family;

pub mod course_limit;
pub mod cycle_quantity;
pub mod daily_quantity;
pub mod diagnosis_patient;
pub mod early_readmission;
pub mod fee_date;
pub mod included_item;
pub mod item_limits;
pub mod item_sex;
mod lines;
pub mod low_stay;
pub mod missing_item;
pub mod no_indication;
pub mod price_limit;
pub mod settlement_fields;
pub mod split_charge;
pub mod surgery_discount;
pub mod surgery_fits;
pub mod total_cap;
mod uses;
pub mod visit_count;

/// Every family of this room, F01 (with F02) to F20.
pub(super) static ALL: &[&dyn Family] = &[
    &included_item::IncludedItem,
    &split_charge::SplitCharge,
    &price_limit::PriceLimit,
    &surgery_discount::SurgeryDiscount,
    &daily_quantity::DailyQuantity,
    &cycle_quantity::CycleQuantity,
    &course_limit::CourseLimit,
    &item_sex::ItemSex,
    &item_limits::ItemLimits,
    &total_cap::TotalCap,
    &missing_item::MissingItem,
    &fee_date::FeeDate,
    &early_readmission::EarlyReadmission,
    &visit_count::VisitCount,
    &low_stay::LowStay,
    &diagnosis_patient::DiagnosisPatient,
    &surgery_fits::SurgeryFits,
    &settlement_fields::SettlementFields,
    &no_indication::NoIndication,
];
