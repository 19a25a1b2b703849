//! `[[open]]`: the fields that hold documents of their own.

use adapters::Inner;

use super::Compiler;
use crate::expression::{Expression, Source};
use crate::mapping::Open;
use crate::nearest::suggestion;
use crate::raw::RawOpen;

impl Compiler<'_> {
    pub(super) fn open(&mut self, raw: &RawOpen) -> Option<Open> {
        let inner = match raw.inner.get_ref().as_str() {
            "xml" => Inner::Xml,
            "json" => Inner::Json,
            other => {
                let hint = suggestion(other, ["xml", "json"].into_iter());
                let message = format!("a field can be opened as xml or json, not `{other}`{hint}");
                self.sheet.error("M011", raw.inner.span().start, message);
                return None;
            }
        };
        let expression = self.syntax(&raw.at, Expression::parse(raw.at.get_ref()))?;
        match expression.source {
            Source::Path(path) if expression.steps.is_empty() => Some(Open { path, inner }),
            _ => {
                let message = "`at` is a path to a field, without steps".to_owned();
                self.sheet.error("M012", raw.at.span().start, message);
                None
            }
        }
    }
}
