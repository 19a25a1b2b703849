//! `when`, `where` and conditions inside expressions, ready to run.

use std::cmp::Ordering;

use crate::compiled::{Compiled, Scene};
use crate::datum::Datum;
use crate::expression::{Relation, State};

/// A condition whose expressions and kinds have been proved.
#[derive(Debug)]
pub(crate) enum CompiledCondition {
    Any(Vec<CompiledCondition>),
    All(Vec<CompiledCondition>),
    Not(Box<CompiledCondition>),
    HasValue(Compiled),
    Compare {
        left: Compiled,
        relation: Relation,
        right: Compiled,
    },
    In(Compiled, Vec<String>),
    /// The expression is a path without steps.
    Is(Compiled, State),
}

impl CompiledCondition {
    /// A value that cannot be restated is as good as absent: the question was only whether it fits.
    pub(crate) fn holds(&self, scene: &Scene<'_>) -> bool {
        match self {
            CompiledCondition::Any(parts) => parts.iter().any(|it| it.holds(scene)),
            CompiledCondition::All(parts) => parts.iter().all(|it| it.holds(scene)),
            CompiledCondition::Not(part) => !part.holds(scene),
            CompiledCondition::HasValue(it) => {
                has_value(&value(it, scene)) || (it.steps.is_empty() && encloses(it, scene))
            }
            CompiledCondition::Compare { left, relation, right } => {
                relation.holds(&value(left, scene), &value(right, scene))
            }
            CompiledCondition::In(it, words) => {
                let value = value(it, scene);
                value.to_text().is_some_and(|text| words.iter().any(|word| *word == text))
            }
            CompiledCondition::Is(it, state) => scene.is(it.node(scene), *state),
        }
    }
}

impl Relation {
    /// What is absent is not equal to anything and has no order.
    fn holds(self, left: &Datum<'_>, right: &Datum<'_>) -> bool {
        match self {
            Relation::Equal => are_equal(left, right),
            Relation::Unequal => !are_equal(left, right),
            Relation::Less => order(left, right).is_some_and(Ordering::is_lt),
            Relation::AtMost => order(left, right).is_some_and(Ordering::is_le),
            Relation::More => order(left, right).is_some_and(Ordering::is_gt),
            Relation::AtLeast => order(left, right).is_some_and(Ordering::is_ge),
        }
    }
}

fn value<'a>(expression: &'a Compiled, scene: &Scene<'a>) -> Datum<'a> {
    expression.evaluate(scene).unwrap_or(Datum::Absent)
}

/// `when = "order/items"`: an element that holds others is there, though it has no text.
fn encloses(expression: &Compiled, scene: &Scene<'_>) -> bool {
    expression.node(scene).is_some_and(|it| scene.encloses(it))
}

fn has_value(datum: &Datum<'_>) -> bool {
    datum.to_text().is_some() || matches!(datum, Datum::List(_))
}

fn are_equal(left: &Datum<'_>, right: &Datum<'_>) -> bool {
    match (left, right) {
        (Datum::Number(left), Datum::Number(right)) => left == right,
        _ => left.to_text().is_some_and(|text| right.to_text() == Some(text)),
    }
}

fn order(left: &Datum<'_>, right: &Datum<'_>) -> Option<Ordering> {
    match (left, right) {
        (Datum::Number(left), Datum::Number(right)) => Some(left.cmp(right)),
        (Datum::Date(left), Datum::Date(right)) => Some(left.cmp(right)),
        (Datum::Time(left), Datum::Time(right)) => Some(left.cmp(right)),
        (Datum::DateTime(left), Datum::DateTime(right)) => Some(left.cmp(right)),
        _ => None,
    }
}
