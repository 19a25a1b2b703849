//! Families F01 to F20: services, charges, stays and billing behaviour.

use crate::family::Family;

/// Every family of this room.
pub(super) static ALL: &[&dyn Family] = &[];
