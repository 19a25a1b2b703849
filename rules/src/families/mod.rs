//! All rule families, one file each, in five rooms. A new family is a new file and one line in its
//! room's list.

use crate::family::Family;

pub mod charges;
pub mod clinical;
pub mod insurance;
pub mod law;
pub(crate) mod lines;
pub mod own;

/// Every family.
pub fn all() -> impl Iterator<Item = &'static dyn Family> {
    let rooms = [clinical::ALL, law::ALL, insurance::ALL, charges::ALL, own::ALL];
    rooms.into_iter().flatten().copied()
}

/// The family of a name.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static dyn Family> {
    all().find(|family| family.id() == id)
}

#[cfg(test)]
pub(crate) mod bench;
