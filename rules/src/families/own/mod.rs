//! The hospital's own rules.

use crate::family::Family;

pub mod custom;

/// Every family of this room.
pub(super) static ALL: &[&dyn Family] = &[&custom::Custom];
