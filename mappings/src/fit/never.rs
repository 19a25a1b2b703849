//! Conditions that cannot hold, whatever the message says.

use crate::compiled::{Compiled, From};
use crate::condition::CompiledCondition;
use crate::datum::Kind;
use crate::expression::{Path, Relation};
use crate::fit::reach::{self, Reach};

/// Why the condition never holds, if it never does.
pub(crate) fn why_never(condition: &CompiledCondition) -> Option<String> {
    match condition {
        CompiledCondition::Any(parts) => {
            let reasons: Option<Vec<String>> = parts.iter().map(why_never).collect();
            reasons?.into_iter().next()
        }
        CompiledCondition::All(parts) => {
            parts.iter().find_map(why_never).or_else(|| two_values(parts))
        }
        CompiledCondition::Compare { left, relation: Relation::Equal, right } => {
            unequal(left, right)
        }
        CompiledCondition::In(left, words) => {
            let left = known(left)?;
            let met = words.iter().any(|it| left.has(it));
            (!met).then(|| format!("its left side is never one of {}", quoted(words)))
        }
        _ => None,
    }
}

/// Both sides are known and have nothing in common.
fn unequal(left: &Compiled, right: &Compiled) -> Option<String> {
    if left.kind == Kind::Number || right.kind == Kind::Number {
        return None; // `1.0` and `1` are equal and are not the same text
    }
    let (left, right) = (known(left)?, known(right)?);
    let texts: Vec<String> = right.words.iter().map(reach::Word::text).collect();
    let met = texts.iter().any(|it| left.has(it));
    (!met).then(|| format!("its left side is never {}", quoted(&texts)))
}

/// What an expression yields, if all of it is known.
fn known(expression: &Compiled) -> Option<Reach> {
    let reach = reach::reach(expression);
    (reach::is_wordy(expression.kind) && !reach.open).then_some(reach)
}

/// `kind = "A" and kind = "B"`: one field with two values at once.
fn two_values(parts: &[CompiledCondition]) -> Option<String> {
    let asked: Vec<(&Path, &str)> = parts.iter().filter_map(plain_question).collect();
    let clash = asked.iter().find_map(|(path, text)| {
        asked.iter().find(|(other, word)| other == path && word != text).map(|(_, it)| (text, it))
    });
    clash.map(|(one, other)| format!("a field is never `{one}` and `{other}` at once; is it `or`?"))
}

fn plain_question(part: &CompiledCondition) -> Option<(&Path, &str)> {
    let CompiledCondition::Compare { left, relation: Relation::Equal, right } = part else {
        return None;
    };
    match (&left.source, &right.source) {
        (
            From::Relative(path) | From::Field(_, path) | From::Absolute(_, path),
            From::Literal(text),
        ) if left.steps.is_empty() && right.steps.is_empty() => Some((path, text)),
        _ => None,
    }
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or ")
}
