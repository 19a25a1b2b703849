//! From an order line to the knowledge rows about it, by hash and never by search.
//!
//! The cost of a check grows with the lines and the rules, not with the rows: a line is looked up
//! by hospital code, national code, three prefixes, its ingredients and their classes.

use std::collections::BTreeSet;

use crate::hash::Table;
use crate::icd;
use crate::knowledge::{ATC_LENGTHS, CLASS_LENGTHS, Confidence, Key, PREFIX_LENGTHS};
use crate::rule::Rule;
use crate::session::Line;
use crate::sets::CodeSets;
use crate::text::Text;

/// A row by its place: rule, then row of that rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowRef {
    rule: u32,
    row: u32,
}

impl RowRef {
    fn new(rule: usize, row: usize) -> RowRef {
        let small =
            |it| u32::try_from(it).expect("a set of rules has fewer than four billion rows");
        RowRef { rule: small(rule), row: small(row) }
    }

    /// The place of the rule among the rules.
    pub(crate) fn rule(self) -> usize {
        self.rule as usize
    }

    /// The place of the row among the rule's rows.
    pub(crate) fn row(self) -> usize {
        self.row as usize
    }
}

/// Most keys have one row, and a quarter of a million of them should not cost a list each.
#[derive(Debug)]
enum Found {
    One(RowRef),
    #[expect(clippy::box_collection, reason = "a list in place would make every key larger")]
    Several(Box<Vec<RowRef>>),
}

impl Found {
    fn add(&mut self, row: RowRef) {
        match self {
            Found::One(first) => *self = Found::Several(Box::new(vec![*first, row])),
            Found::Several(rows) => rows.push(row),
        }
    }

    fn rows(&self) -> &[RowRef] {
        match self {
            Found::One(row) => std::slice::from_ref(row),
            Found::Several(rows) => rows,
        }
    }
}

type Rows = Table<Text, Found>;

/// Rows by what they hang on.
#[derive(Debug, Default)]
pub(crate) struct Index {
    hospital: Rows,
    code: Rows,
    prefix: Rows,
    ingredient: Rows,
    class: Rows,
    atc: Rows,
    diagnosis: Rows,
    surgery: Rows,
    needs: Vec<Identity>,
}

/// By which identities the rows of one rule find their lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(crate) struct Identity {
    pub(crate) hospital: bool,
    pub(crate) national: bool,
    pub(crate) ingredient: bool,
    pub(crate) atc: bool,
    pub(crate) diagnosis: bool,
    pub(crate) surgery: bool,
}

impl Index {
    pub(crate) fn new(rules: &[Rule], sets: &CodeSets) -> Index {
        let mut index = Index { needs: vec![Identity::default(); rules.len()], ..Index::default() };
        for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.may_run()) {
            for (row, content) in rule.rows.iter().enumerate() {
                if content.flag != Confidence::Unconfirmed {
                    let row = RowRef::new(at, row);
                    index.add_expanded(&content.key, sets, row);
                    for column in rule.family.partners() {
                        for key in content.parameters.keys(column) {
                            index.add_expanded(key, sets, row);
                        }
                    }
                }
            }
        }
        index
    }

    fn add_expanded(&mut self, key: &Key, sets: &CodeSets, row: RowRef) {
        match key {
            Key::Set(name) => {
                // Whether it is one of the version of the day is asked when the row is found. What stays
                // in the next version is there once.
                for member in sets.every_member(name).collect::<BTreeSet<_>>() {
                    self.add(member, row);
                }
            }
            key => self.add(key, row),
        }
    }

    fn add(&mut self, key: &Key, row: RowRef) {
        let Some(needs) = self.needs.get_mut(row.rule()) else { return };
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
            Key::Class(class) => {
                needs.national = true;
                (&mut self.class, class)
            }
            Key::Atc(branch) => {
                needs.atc = true;
                (&mut self.atc, branch)
            }
            Key::Diagnosis(branch) => {
                needs.diagnosis = true;
                (&mut self.diagnosis, branch)
            }
            Key::Surgery(branch) => {
                needs.surgery = true;
                (&mut self.surgery, branch)
            }
            Key::Set(_) => return,
        };
        match rows.get_mut(text) {
            Some(found) => found.add(row),
            None => _ = rows.insert(text.clone(), Found::One(row)),
        }
    }

    /// What a line must be known by before a rule can say that no row is about it.
    pub(crate) fn needs(&self, rule: usize) -> Identity {
        self.needs.get(rule).copied().unwrap_or_default()
    }

    /// Calls `found` for every row about the line.
    pub(crate) fn rows_about(&self, line: &Line<'_>, mut found: impl FnMut(RowRef)) {
        let mut look_up = |rows: &Rows, key: &str| {
            let known = if rows.is_empty() { None } else { rows.get(key) };
            known.into_iter().flat_map(Found::rows).for_each(|row| found(*row));
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
        if let Some(class) = line.national_code().and_then(|code| code.get(1..)) {
            branches(class, &CLASS_LENGTHS).for_each(|class| look_up(&self.class, class));
        }
        for atc in line.atc_codes() {
            branches(atc, &ATC_LENGTHS).for_each(|branch| look_up(&self.atc, branch));
        }
        line.ingredient_names().for_each(|ingredient| look_up(&self.ingredient, ingredient));
    }

    /// Calls `found` for every row about a diagnosis.
    pub(crate) fn rows_about_diagnosis(&self, code: &str, found: impl FnMut(RowRef)) {
        look_up_branches(&self.diagnosis, code, found);
    }

    /// Calls `found` for every row about an operation.
    pub(crate) fn rows_about_surgery(&self, code: &str, found: impl FnMut(RowRef)) {
        look_up_branches(&self.surgery, code, found);
    }
}

/// The beginnings of a code that name a branch.
fn branches<'c>(code: &'c str, lengths: &'c [usize]) -> impl Iterator<Item = &'c str> {
    lengths.iter().filter_map(|length| code.get(..*length))
}

fn look_up_branches(rows: &Rows, code: &str, mut found: impl FnMut(RowRef)) {
    if rows.is_empty() {
        return;
    }
    let code = icd::plain(code);
    for end in 2..=code.len() {
        let known = code.get(..end).and_then(|branch| rows.get(branch));
        known.into_iter().flat_map(Found::rows).for_each(|row| found(*row));
    }
}
