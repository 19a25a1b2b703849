//! What goes first when not everything can go at once.

use std::collections::HashSet;

/// In the order in which they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Fresh, past a backlog, and money or medicine.
    FreshFirst,
    /// Fresh, past a backlog.
    Fresh,
    /// Money and medicine.
    First,
    /// Everything that no list names.
    Ordinary,
    /// The agent's own telemetry.
    Last,
}

impl Class {
    /// Whether it goes past a backlog.
    pub(crate) fn overtakes(self) -> bool {
        matches!(self, Class::FreshFirst | Class::Fresh)
    }
}

/// Which entities go first, and which last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Classes {
    first: HashSet<String>,
    last: HashSet<String>,
}

impl Classes {
    pub(crate) fn new(first: &[String], last: &[String]) -> Classes {
        Classes { first: first.iter().cloned().collect(), last: last.iter().cloned().collect() }
    }

    pub(crate) fn of(&self, entity: &str, overtakes: bool) -> Class {
        match (self.first.contains(entity), overtakes) {
            (true, true) => Class::FreshFirst,
            (false, true) => Class::Fresh,
            (true, false) => Class::First,
            (false, false) if self.last.contains(entity) => Class::Last,
            (false, false) => Class::Ordinary,
        }
    }

    /// Telemetry has no business before a backlog.
    pub(crate) fn may_overtake(&self, entity: &str) -> bool {
        !self.last.contains(entity)
    }
}
