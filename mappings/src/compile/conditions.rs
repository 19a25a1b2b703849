//! Conditions: both sides of every comparison proved to be of a kind.

use super::Compiler;
use crate::compiled::{Compiled, From};
use crate::condition::CompiledCondition;
use crate::datum::Kind;
use crate::expression::{Comparison, Condition, Relation, State, Term};

impl Compiler<'_> {
    /// `base` is where the condition's text begins in the file.
    pub(super) fn compile_condition(
        &mut self,
        condition: &Condition,
        base: usize,
    ) -> Option<CompiledCondition> {
        Some(match condition {
            Condition::Any(parts) => CompiledCondition::Any(self.parts(parts, base)?),
            Condition::All(parts) => CompiledCondition::All(self.parts(parts, base)?),
            Condition::Not(part) => {
                CompiledCondition::Not(Box::new(self.compile_condition(part, base)?))
            }
            Condition::Term(term) => self.term(term, base)?,
        })
    }

    /// Every part is looked at, so that every mistake is told.
    fn parts(&mut self, parts: &[Condition], base: usize) -> Option<Vec<CompiledCondition>> {
        let compiled: Vec<_> = parts.iter().map(|it| self.compile_condition(it, base)).collect();
        compiled.into_iter().collect()
    }

    fn term(&mut self, term: &Term, base: usize) -> Option<CompiledCondition> {
        let at = base + term.expression.offset;
        let left = self.compile_expression(&term.expression, base)?;
        match &term.comparison {
            Comparison::HasValue => Some(CompiledCondition::HasValue(left)),
            Comparison::Compare(relation, right) => {
                let right = self.compile_expression(right, base)?;
                self.compare(left, *relation, right, at)
            }
            Comparison::In(words) if left.kind != Kind::List => {
                Some(CompiledCondition::In(left, words.clone()))
            }
            Comparison::In(_) => self.mismatch(at, "`in` asks for one value, not a list"),
            Comparison::Is(state) => self.state(left, *state, at),
        }
    }

    fn state(&mut self, left: Compiled, state: State, at: usize) -> Option<CompiledCondition> {
        let is_path =
            matches!(left.source, From::Relative(_) | From::Field(..) | From::Absolute(..));
        if is_path && left.steps.is_empty() {
            return Some(CompiledCondition::Is(left, state));
        }
        self.mismatch(at, "`is` asks for the field itself: a path without steps")
    }

    fn compare(
        &mut self,
        left: Compiled,
        relation: Relation,
        right: Compiled,
        at: usize,
    ) -> Option<CompiledCondition> {
        let right = match number_of(&right) {
            Some(number) if left.kind == Kind::Number => {
                Compiled { kind: Kind::Number, steps: Vec::new(), source: number }
            }
            _ => right,
        };
        let has_order = !matches!(relation, Relation::Equal | Relation::Unequal);
        let ordered = [Kind::Number, Kind::Date, Kind::Time, Kind::DateTime];
        if has_order && !ordered.contains(&left.kind) {
            let word = left.kind.word();
            return self.mismatch(
                at,
                &format!("{word} has no order; restate it, for example `| decimal`"),
            );
        }
        // Codes and constants may be compared with whatever a value is written as.
        let word = match &right.source {
            From::Literal(text) if right.steps.is_empty() => Some(text),
            _ => None,
        };
        if let (Kind::Number, Some(word)) = (left.kind, word) {
            return self.mismatch(at, &format!("a number is never `{word}`"));
        }
        let is_word = word.is_some();
        let fits = left.kind == right.kind || (is_word && !has_order);
        if !fits || left.kind == Kind::List {
            let (left, right) = (left.kind.word(), right.kind.word());
            return self.mismatch(
                at,
                &format!("{left} cannot be compared with {right}; restate one of them"),
            );
        }
        Some(CompiledCondition::Compare { left, relation, right })
    }

    fn mismatch<T>(&mut self, at: usize, message: &str) -> Option<T> {
        self.sheet.error("M005", at, message.to_owned());
        None
    }
}

/// A number in quotes, where a number is asked for.
fn number_of(expression: &Compiled) -> Option<From> {
    match &expression.source {
        From::Literal(text) if expression.steps.is_empty() => {
            schemas::Number::parse(text).map(From::Number)
        }
        _ => None,
    }
}
