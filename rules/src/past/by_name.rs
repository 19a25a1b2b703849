//! Finds what is the same in a long list: of two that are both coded their codes tell it, else their
//! names do.

use std::collections::HashMap;

/// The places of a list, in the order in which they were added.
#[derive(Default)]
pub(super) struct ByName {
    count: usize,
    coded: HashMap<String, Vec<usize>>,
    named: HashMap<String, Vec<usize>>,
    /// Of what has no code.
    uncoded: HashMap<String, Vec<usize>>,
}

impl ByName {
    /// Adds the next place of the list.
    pub(super) fn add(&mut self, code: Option<&str>, name: Option<&str>) {
        let at = self.count;
        self.count += 1;
        let put = |places: &mut HashMap<String, Vec<usize>>, key: &str| {
            places.entry(key.to_owned()).or_default().push(at);
        };
        if let Some(code) = code {
            put(&mut self.coded, code);
        }
        if let Some(name) = name {
            put(&mut self.named, name);
            if code.is_none() {
                put(&mut self.uncoded, name);
            }
        }
    }

    /// The places of what is the same.
    pub(super) fn find(
        &self,
        code: Option<&str>,
        name: Option<&str>,
    ) -> impl Iterator<Item = usize> {
        let named = if code.is_some() { &self.uncoded } else { &self.named };
        let coded = code.and_then(|it| self.coded.get(it));
        let named = name.and_then(|it| named.get(it));
        coded.into_iter().chain(named).flatten().copied()
    }
}
