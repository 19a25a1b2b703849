//! `slots`: columns numbered by hand, ICD1 and ICD2, as rows of a list.

use toml::Spanned;

use super::Compiler;
use crate::compiled::{Compiled, From, Variable};
use crate::datum::Kind;
use crate::raw::RawRecord;

impl Compiler<'_> {
    /// Rows of fixed slots: all of one width, and each column of one kind.
    pub(super) fn slots(&mut self, raw: &RawRecord) -> Vec<Vec<Compiled>> {
        self.slot_kinds.clear();
        let Some(slots) = &raw.slots else { return Vec::new() };
        let at = slots.span().start;
        let rows = slots.get_ref().iter();
        let rows: Vec<Vec<Compiled>> =
            rows.map(|row| row.iter().filter_map(|it| self.expression(it)).collect()).collect();
        let width = slots.get_ref().first().map_or(0, Vec::len);
        if width == 0 || width > SLOTS_MAX || slots.get_ref().iter().any(|it| it.len() != width) {
            let message = format!(
                "`slots` has rows of the same one to {SLOTS_MAX} expressions: [['ICD1', 'ZD1'], ['ICD2', 'ZD2']]"
            );
            self.sheet.error("M033", at, message);
        }
        self.slot_kinds = rows.first().into_iter().flatten().map(|it| it.kind).collect();
        for (row, written) in rows.iter().zip(slots.get_ref()) {
            self.same_kinds(row, written);
        }
        rows
    }

    fn same_kinds(&mut self, row: &[Compiled], written: &[Spanned<String>]) {
        let strange = row.iter().zip(&self.slot_kinds).position(|(it, kind)| it.kind != *kind);
        let Some((column, expression)) = strange.and_then(|it| Some((it, written.get(it)?))) else {
            return;
        };
        let message = format!("`${}` must be of one kind in every row", column + 1);
        self.sheet.error("M033", expression.span().start, message);
    }

    /// What `$1`, `$2`, ... stands for, from 0.
    pub(super) fn slot(&mut self, number: usize, offset: usize) -> Option<(From, Kind)> {
        let kind = self.slot_kinds.get(number).copied();
        if kind.is_none() {
            let name = number + 1;
            let message = match self.slot_kinds.len() {
                0 => format!(
                    "`${name}` stands for an expression of `slots`, and there are none here"
                ),
                width => format!("a row of `slots` has {width} expressions; there is no `${name}`"),
            };
            self.sheet.error("M004", offset, message);
        }
        Some((From::Slot(number), kind?))
    }

    /// A position that would be the same for every row, or a row where there are none.
    pub(super) fn expect_rows(&mut self, variable: Variable, offset: usize) -> Option<()> {
        let has_slots = !self.slot_kinds.is_empty();
        let (code, message) = match variable {
            Variable::Position if has_slots && !self.has_each => (
                "M035",
                "without `each`, `$position` is always 1; the number of the row of slots is `$slot`",
            ),
            Variable::Slot if !has_slots => {
                ("M004", "`$slot` is the number of a row of `slots`, and there are none here")
            }
            _ => return Some(()),
        };
        self.sheet.error(code, offset, message.to_owned());
        None
    }
}

/// `$1` to `$9`.
const SLOTS_MAX: usize = 9;
