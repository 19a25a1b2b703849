//! Named sets of items: one list that many rows and parameters refer to.
//!
//! `packs/<pack>/sets/<name>.csv` has the columns `match`, `key`, `item`, `source`. A member is any key
//! that a knowledge row may hang on, but no other set.

use std::collections::HashMap;

use schemas::Problem;

use crate::knowledge::Key;
use crate::table::{self, Header};

/// All sets of all packs, by name.
#[derive(Debug, Default)]
pub struct CodeSets(HashMap<String, Vec<Key>>);

impl CodeSets {
    /// The members; none of a set that does not exist, which the loader has refused.
    #[must_use]
    pub fn members(&self, name: &str) -> &[Key] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether there is such a set.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Adds `sets/<name>.csv`. An overlay's set takes the place of the one it names.
    pub(crate) fn read(&mut self, name: &str, file: &str, text: &str, problems: &mut Vec<Problem>) {
        let column = |name, required| Header { name, required };
        let known = [
            column("match", true),
            column("key", true),
            column("item", false),
            column("source", false),
        ];
        let mut members = Vec::new();
        table::read(file, text, &known, problems, |cells, problems| {
            let kind = cells.required("match", problems);
            let key = cells.required("key", problems);
            let Some((kind, key)) = kind.zip(key) else { return };
            match Key::of(kind, key) {
                Ok(Key::Set(_)) => problems.push(cells.problem(
                    "R204",
                    "match",
                    "a set does not hold other sets".to_owned(),
                )),
                Ok(key) => members.push(key),
                Err((code, message)) => problems.push(cells.problem(code, "key", message)),
            }
        });
        self.0.insert(name.to_owned(), members);
    }
}
