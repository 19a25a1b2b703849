//! The names `1`, `2`, `3` of positional parts, each held by the document once.

use crate::document::{Document, Kept};

/// Numbers that have been asked for so far.
#[derive(Debug)]
pub(crate) struct Numbers {
    names: Vec<Kept>,
}

impl Numbers {
    pub(crate) const fn new() -> Numbers {
        Numbers { names: Vec::new() }
    }

    /// The name of a position, from 1.
    pub(crate) fn name(&mut self, number: usize, document: &mut Document) -> Kept {
        while self.names.len() < number {
            let next = (self.names.len() + 1).to_string();
            self.names.push(document.keep(&next));
        }
        let position = number.saturating_sub(1);
        self.names.get(position).copied().unwrap_or_else(|| document.keep(""))
    }
}
