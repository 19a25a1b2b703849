//! Reads conditions: `and`, `or`, `not`, parentheses and comparisons.

use super::{Parsed, Parser};
use crate::expression::{
    Comparison, Condition, Expression, Relation, Source, State, SyntaxError, Term,
};
use crate::suggestion;

impl Parser<'_> {
    pub(crate) fn condition(&mut self) -> Parsed<Condition> {
        self.deeper()?;
        let mut any = vec![self.all()?];
        while self.word("or") {
            any.push(self.all()?);
        }
        self.depth -= 1;
        Ok(alone_or(any, Condition::Any))
    }

    pub(super) fn all(&mut self) -> Parsed<Condition> {
        let mut all = vec![self.term()?];
        while self.word("and") {
            all.push(self.term()?);
        }
        Ok(alone_or(all, Condition::All))
    }

    pub(super) fn term(&mut self) -> Parsed<Condition> {
        if self.word("not") {
            self.deeper()?;
            let negated = self.term()?;
            self.depth -= 1;
            return Ok(Condition::Not(Box::new(negated)));
        }
        if self.mark("(") {
            let inner = self.condition()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let expression = self.expression()?;
        let comparison = self.comparison()?;
        Ok(Condition::Term(Box::new(Term { expression, comparison })))
    }

    pub(super) fn comparison(&mut self) -> Parsed<Comparison> {
        const RELATIONS: [(&str, Relation); 6] = [
            ("!=", Relation::Unequal),
            ("<=", Relation::AtMost),
            (">=", Relation::AtLeast),
            ("=", Relation::Equal),
            ("<", Relation::Less),
            (">", Relation::More),
        ];
        for (mark, relation) in RELATIONS {
            if self.mark(mark) {
                return Ok(Comparison::Compare(relation, self.operand()?));
            }
        }
        if self.word("in") {
            return Ok(Comparison::In(self.literals()?));
        }
        match self.state()? {
            Some(state) => Ok(Comparison::Is(state)),
            None => Ok(Comparison::HasValue),
        }
    }

    /// What stands on the right of a comparison: there, digits are a number and not a name.
    pub(super) fn operand(&mut self) -> Parsed<Expression> {
        self.blanks();
        let offset = self.at;
        match self.decimal() {
            Some(number) => {
                Ok(Expression { offset, source: Source::Number(number), steps: Vec::new() })
            }
            None => self.expression(),
        }
    }

    pub(super) fn literals(&mut self) -> Parsed<Vec<String>> {
        self.expect("(")?;
        let mut literals = vec![self.literal()?];
        while self.mark(",") {
            literals.push(self.literal()?);
        }
        self.expect(")")?;
        Ok(literals)
    }

    pub(super) fn state(&mut self) -> Parsed<Option<State>> {
        if !self.word("is") {
            return Ok(None);
        }
        self.blanks();
        let start = self.at;
        let word = self.plain_name("absent, empty, null or present")?;
        let found = State::ALL.iter().find(|(it, _)| *it == word);
        found.map(|(_, state)| Some(*state)).ok_or_else(|| {
            let hint = suggestion(&word, State::ALL.iter().map(|(it, _)| *it));
            let message =
                format!("`is` asks for absent, empty, null or present, not `{word}`{hint}");
            SyntaxError { offset: start, message }
        })
    }
}

/// One part stands for itself.
fn alone_or(mut parts: Vec<Condition>, several: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            several(parts)
        }
    }
}
