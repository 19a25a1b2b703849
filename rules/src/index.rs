//! From an order line to the knowledge rows about it, by hash and never by search.
//!
//! The cost of a check grows with the lines and the rules, not with the rows: a line is looked up
//! by hospital code, national code, three prefixes and its ingredients.

use std::collections::HashMap;

use crate::knowledge::{Confidence, Key, PREFIX_LENGTHS};
use crate::rule::Rule;
use crate::session::Line;

/// A row by its place: rule, then row of that rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowRef {
    pub(crate) rule: usize,
    pub(crate) row: usize,
}

type Rows = HashMap<String, Vec<RowRef>>;

/// Rows by what they hang on.
#[derive(Debug, Default)]
pub(crate) struct Index {
    hospital: Rows,
    code: Rows,
    prefix: Rows,
    ingredient: Rows,
    needs: Vec<Identity>,
}

/// By which identities the rows of one rule find their lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) hospital: bool,
    pub(crate) national: bool,
    pub(crate) ingredient: bool,
}

impl Index {
    pub(crate) fn new(rules: &[Rule]) -> Index {
        let mut index = Index { needs: vec![Identity::default(); rules.len()], ..Index::default() };
        for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
            for (row, content) in rule.rows.iter().enumerate() {
                if content.flag != Confidence::Unconfirmed {
                    index.add(&content.key, RowRef { rule: at, row });
                }
            }
        }
        index
    }

    fn add(&mut self, key: &Key, row: RowRef) {
        let Some(needs) = self.needs.get_mut(row.rule) else { return };
        let (rows, text) = match key {
            Key::Hospital(code) => {
                needs.hospital = true;
                (&mut self.hospital, code)
            }
            Key::Code(code) => {
                needs.national = true;
                (&mut self.code, code)
            }
            Key::Prefix(code) => {
                needs.national = true;
                (&mut self.prefix, code)
            }
            Key::Ingredient(name) => {
                needs.ingredient = true;
                (&mut self.ingredient, name)
            }
        };
        rows.entry(text.clone()).or_default().push(row);
    }

    /// What a line must be known by before a rule can say that no row is about it.
    pub(crate) fn needs(&self, rule: usize) -> Identity {
        self.needs.get(rule).copied().unwrap_or_default()
    }

    /// Calls `found` for every row about the line.
    pub(crate) fn rows_about(&self, line: &Line<'_>, mut found: impl FnMut(RowRef)) {
        let mut look_up = |rows: &Rows, key: &str| {
            rows.get(key).into_iter().flatten().for_each(|row| found(*row));
        };
        if let Some(code) = &line.order.hospital_code {
            look_up(&self.hospital, code);
        }
        if let Some(code) = line.national_code() {
            look_up(&self.code, code);
            for prefix in PREFIX_LENGTHS.iter().filter_map(|length| code.get(..*length)) {
                look_up(&self.prefix, prefix);
            }
        }
        for ingredient in line.ingredients().unwrap_or_default() {
            look_up(&self.ingredient, ingredient);
        }
    }
}
