//! Families F01 to F20: services, charges, stays and billing behaviour.

use crate::family::Family;

pub mod course_limit;
pub mod cycle_quantity;
pub mod daily_quantity;
pub mod included_item;
pub mod item_limits;
pub mod item_sex;
mod lines;
pub mod price_limit;
pub mod split_charge;
pub mod surgery_discount;

/// Every family of this room.
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
];
