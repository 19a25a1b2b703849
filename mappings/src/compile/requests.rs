//! The expressions of an answer file: what of the request its templates may repeat.

use std::collections::BTreeMap;

use schemas::Files;
use toml::Spanned;

use super::Compiler;
use crate::answer::{Request, RequestList};
use crate::catalogs::Catalogs;
use crate::compiled::{Compiled, From};
use crate::place::Sheet;

/// The values and lists of a request, by the names that templates know them by.
type Raw = BTreeMap<Spanned<String>, Spanned<String>>;

/// Compiles what an answer file reads from the request. Problems are left in the sheet.
pub(crate) fn request<'a>(
    sheet: Sheet<'a>,
    files: &'a Files,
    catalogs: &'a Catalogs,
    values: &Raw,
    lists: &BTreeMap<Spanned<String>, crate::answer::RawList>,
) -> (Request, Sheet<'a>) {
    let mut compiler = Compiler::new(sheet, files, catalogs.default_catalog());
    let values = compiler.named(values);
    let lists = lists.iter().filter_map(|(name, raw)| {
        let each = compiler.list_path(&raw.each)?;
        let values = compiler.named(&raw.values);
        Some(RequestList { name: name.get_ref().clone(), each, values })
    });
    let lists = lists.collect();
    let absolute_paths = compiler.absolute.len();
    (Request { values, lists, absolute_paths }, compiler.sheet)
}

impl Compiler<'_> {
    fn named(&mut self, raw: &Raw) -> Vec<(String, Compiled)> {
        let named = raw.iter();
        named
            .filter_map(|(name, text)| Some((name.get_ref().clone(), self.expression(text)?)))
            .collect()
    }

    fn list_path(&mut self, raw: &Spanned<String>) -> Option<Compiled> {
        let expression = self.expression(raw)?;
        let from_path = matches!(expression.source, From::Relative(_) | From::Absolute(..));
        if from_path && expression.steps.is_empty() {
            return Some(expression);
        }
        let message = "`each` of a list is a path, without steps".to_owned();
        self.sheet.error("M032", raw.span().start, message);
        None
    }
}
