//! Expressions and conditions: names looked up, steps chosen, kinds followed from source to end.

use std::ops::Range;
use std::sync::Arc;

use schemas::{Number, ValueDomain};
use toml::Spanned;

use super::Compiler;
use crate::code_map::CodeMap;
use crate::compiled::{Compiled, From, Variable};
use crate::condition::CompiledCondition;
use crate::datum::Kind;
use crate::expression::{Condition, Expression, Path, Source, SyntaxError};
use crate::lookup::Lookup;
use crate::step_list::{self, Scope};
use crate::suggestion;
use crate::units::Units;

impl Compiler<'_> {
    pub(super) fn condition(
        &mut self,
        raw: &Spanned<String>,
    ) -> Option<(CompiledCondition, Condition)> {
        let condition = self.syntax(raw, Condition::parse(raw.get_ref()))?;
        let base = self.sheet.inside(raw);
        Some((self.compile_condition(&condition, base)?, condition))
    }

    pub(super) fn expression(&mut self, raw: &Spanned<String>) -> Option<Compiled> {
        let expression = self.syntax(raw, Expression::parse(raw.get_ref()))?;
        let base = self.sheet.inside(raw);
        self.compile_expression(&expression, base)
    }

    /// An expression of `checks`: it must have a step, or it never complains.
    pub(super) fn check(&mut self, raw: &Spanned<String>) -> Option<Compiled> {
        let compiled = self.expression(raw)?;
        if compiled.steps.is_empty() {
            let message =
                "a check without steps never complains: end it with agrees(...) or required";
            self.sheet.error("M049", raw.span().start, message.to_owned());
            return None;
        }
        Some(compiled)
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
        let (source, mut kind) = self.source(&expression.source, base, expression.offset)?;
        let mut steps = Vec::new();
        for call in &expression.steps {
            let written = base + expression.offset..base + call.offset;
            let mut scope = Inside { compiler: self, base, written };
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

    fn source(&mut self, source: &Source, base: usize, offset: usize) -> Option<(From, Kind)> {
        Some(match source {
            Source::Literal(text) => (From::Literal(text.clone()), Kind::Text),
            Source::Number(text) => (Number::parse(text).map(From::Number)?, Kind::Number),
            Source::Path(path) if path.is_fixed() => {
                (From::Absolute(self.number(path), path.clone()), Kind::Text)
            }
            Source::Path(path) => (self.relative(path), Kind::Text),
            Source::Count(path) => (From::Count(self.indexed(path)), Kind::Number),
            Source::Sum(path, each) => (self.sum(path, each, base)?, Kind::Number),
            Source::Variable(name) => self.variable(name, base + offset)?,
        })
    }

    fn relative(&mut self, path: &Path) -> From {
        match self.fields.as_mut().and_then(|it| it.take_in(path)) {
            Some(field) => From::Field(field, path.clone()),
            None => From::Relative(self.indexed(path)),
        }
    }

    fn sum(&mut self, path: &Path, each: &Expression, base: usize) -> Option<From> {
        // A sum looks at its nodes from elsewhere than the record does at its item.
        let fields = self.fields.take();
        let compiled = self.compile_expression(each, base);
        self.fields = fields;
        let compiled = compiled?;
        if compiled.kind != Kind::Number {
            let message =
                format!("`sum` adds numbers, not {}; add `| decimal`", compiled.kind.word());
            self.sheet.error("M003", base + each.offset, message);
            return None;
        }
        Some(From::Sum(self.indexed(path), Box::new(compiled)))
    }

    /// A path that joins two tables gets the number of an index.
    fn indexed(&mut self, path: &Path) -> Path {
        let index = path.join().map(|_| self.indexes);
        self.indexes += usize::from(index.is_some());
        Path { index, ..path.clone() }
    }

    fn variable(&mut self, name: &str, offset: usize) -> Option<(From, Kind)> {
        if let Some(number) = name.parse::<usize>().ok().and_then(|it| it.checked_sub(1)) {
            return self.slot(number, offset);
        }
        let found = Variable::ALL.iter().find(|(it, _)| *it == name);
        if found.is_none() {
            let hint = suggestion(name, Variable::ALL.iter().map(|(it, _)| *it).chain(["item"]));
            let hint = hint.replace("mean `", "mean `$");
            self.sheet.error("M004", offset, format!("there is no variable `${name}`{hint}"));
        }
        let (_, variable) = *found?;
        self.expect_rows(variable, offset)?;
        Some((From::Variable(variable), variable.kind()))
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
    /// Where the source of the expression and the steps before this one stand in the file.
    written: Range<usize>,
}

impl Scope for Inside<'_, '_> {
    fn written(&self) -> String {
        let text = self.compiler.sheet.slice(self.written.clone());
        let source = text.split(" |").next().unwrap_or(text);
        source.trim_end_matches('|').trim().to_owned()
    }

    fn code_map(&self, name: &str) -> Option<Arc<CodeMap>> {
        self.compiler.maps.get(name).cloned()
    }

    fn note_use(&mut self, name: &str) {
        self.compiler.used_maps.push(name.to_owned());
    }

    fn code_map_names(&self) -> Vec<String> {
        self.compiler.maps.keys().cloned().collect()
    }

    fn condition(&mut self, condition: &Condition) -> Option<CompiledCondition> {
        self.compiler.compile_condition(condition, self.base)
    }

    fn table(&mut self, name: &str) -> Result<Arc<Lookup>, String> {
        self.compiler.table(name)
    }

    fn units(&mut self, name: &str) -> Result<Arc<Units>, String> {
        self.compiler.units(name)
    }

    fn domain(&self, name: &str) -> Result<&ValueDomain, String> {
        self.compiler.domain(name)
    }

    fn expression(&mut self, expression: &Expression) -> Option<Compiled> {
        self.compiler.compile_expression(expression, self.base)
    }
}
