//! Families I01 to I13: what the fund pays, for drugs.

use crate::family::Family;

/// Every family of this room.
pub(super) static ALL: &[&dyn Family] = &[];
