//! Expressions and conditions: names looked up, steps chosen, kinds followed from source to end.

use std::sync::Arc;

use toml::Spanned;

use super::Compiler;
use crate::code_map::CodeMap;
use crate::compiled::{Compiled, CompiledCondition, CompiledTerm, From, Variable};
use crate::datum::Kind;
use crate::expression::{Condition, Expression, Path, Source, SyntaxError};
use crate::nearest::suggestion;
use crate::step_list::{self, Scope};

impl Compiler<'_> {
    #[allow(clippy::type_complexity)] // the condition, and the paths it reads
    pub(super) fn condition(
        &mut self,
        raw: &Spanned<String>,
    ) -> Option<(CompiledCondition, Vec<Path>)> {
        let condition = self.syntax(raw, Condition::parse(raw.get_ref()))?;
        let paths = condition.paths().cloned().collect();
        let base = self.sheet.inside(raw);
        let mut any = Vec::new();
        for all in condition.any {
            let mut terms = Vec::new();
            for term in all {
                let expression = self.compile_expression(&term.expression, base)?;
                terms.push(CompiledTerm { negated: term.negated, expression, test: term.test });
            }
            any.push(terms);
        }
        Some((CompiledCondition { any }, paths))
    }

    pub(super) fn expression(&mut self, raw: &Spanned<String>) -> Option<Compiled> {
        let expression = self.syntax(raw, Expression::parse(raw.get_ref()))?;
        let base = self.sheet.inside(raw);
        self.compile_expression(&expression, base)
    }

    pub(super) fn syntax<T>(
        &mut self,
        raw: &Spanned<String>,
        parsed: Result<T, SyntaxError>,
    ) -> Option<T> {
        match parsed {
            Ok(it) => Some(it),
            Err(error) => {
                let offset = self.sheet.inside(raw) + error.offset;
                self.sheet.error("M002", offset, error.message);
                None
            }
        }
    }

    /// `base` is where the expression's text begins in the file.
    pub(super) fn compile_expression(
        &mut self,
        expression: &Expression,
        base: usize,
    ) -> Option<Compiled> {
        let (source, mut kind) = self.source(&expression.source, base + expression.offset)?;
        let mut steps = Vec::new();
        for call in &expression.steps {
            let mut scope = Inside { compiler: self, base };
            match step_list::compile(call, kind, &mut scope) {
                Ok((step, yields)) => {
                    steps.push(step);
                    kind = yields;
                }
                Err(message) => {
                    self.sheet.error("M003", base + call.offset, message);
                    return None;
                }
            }
        }
        Some(Compiled { source, steps, kind })
    }

    pub(super) fn source(&mut self, source: &Source, offset: usize) -> Option<(From, Kind)> {
        match source {
            Source::Literal(text) => Some((From::Literal(text.clone()), Kind::Text)),
            Source::Path(path) if path.absolute => {
                Some((From::Absolute(self.number(path), path.clone()), Kind::Text))
            }
            Source::Path(path) => Some((From::Relative(path.clone()), Kind::Text)),
            Source::Variable(name) => {
                let found = Variable::ALL.iter().find(|(it, _)| it == name);
                if found.is_none() {
                    let hint = suggestion(name, Variable::ALL.iter().map(|(it, _)| *it));
                    let hint = hint.replace("mean `", "mean `$");
                    self.sheet.error(
                        "M004",
                        offset,
                        format!("there is no variable `${name}`{hint}"),
                    );
                }
                found.map(|(_, variable)| (From::Variable(*variable), variable.kind()))
            }
        }
    }

    pub(super) fn number(&mut self, path: &Path) -> usize {
        let known = self.absolute.iter().position(|it| it == path);
        known.unwrap_or_else(|| {
            self.absolute.push(path.clone());
            self.absolute.len() - 1
        })
    }
}

/// A compiler with the place of the expression it is in.
struct Inside<'c, 'a> {
    compiler: &'c mut Compiler<'a>,
    base: usize,
}

impl Scope for Inside<'_, '_> {
    fn code_map(&self, name: &str) -> Option<Arc<CodeMap>> {
        self.compiler.maps.get(name).cloned()
    }

    fn note_use(&mut self, name: &str) {
        self.compiler.used_maps.push(name.to_owned());
    }

    fn code_map_names(&self) -> Vec<String> {
        self.compiler.maps.keys().cloned().collect()
    }

    fn expression(&mut self, expression: &Expression) -> Option<Compiled> {
        self.compiler.compile_expression(expression, self.base)
    }
}
