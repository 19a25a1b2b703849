//! Steps that choose: between a value and none, between one place and another.

use std::borrow::Cow;

use super::{Outcome, Step};
use crate::compiled::{Compiled, Scene};
use crate::datum::{Datum, Kind};
use crate::expression::Argument;
use crate::step_list::{Arguments, Compilation, Scope};

/// A step that may turn a value into none, or none into a value.
#[derive(Debug)]
pub(crate) enum ChoiceStep {
    Absent(Vec<String>),
    Only(Vec<String>),
    Default(String),
    Or(Compiled),
}

impl ChoiceStep {
    pub(super) fn run<'a>(&'a self, datum: Datum<'a>, scene: &Scene<'a>) -> Outcome<'a> {
        match self {
            ChoiceStep::Default(text) if datum == Datum::Absent => {
                Ok(Datum::Text(Cow::Borrowed(text)))
            }
            ChoiceStep::Or(other) if datum == Datum::Absent => other.evaluate(scene),
            ChoiceStep::Absent(words) if is_one_of(&datum, words) => Ok(Datum::Absent),
            ChoiceStep::Only(words) if !is_one_of(&datum, words) => Ok(Datum::Absent),
            _ => Ok(datum),
        }
    }
}

pub(crate) fn absent(it: &Arguments<'_>, input: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Choice(ChoiceStep::Absent(it.some_texts()?)), input))
}

pub(crate) fn only(it: &Arguments<'_>, input: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Choice(ChoiceStep::Only(it.some_texts()?)), input))
}

pub(crate) fn default(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [text] = it.texts()?;
    Ok((Step::Choice(ChoiceStep::Default(text)), Kind::Text))
}

pub(crate) fn or(it: &Arguments<'_>, input: Kind, scope: &mut dyn Scope) -> Compilation {
    let [Argument::Expression(other)] = it.call.arguments.as_slice() else {
        return Err(it.usage());
    };
    let other = scope.expression(other).ok_or("its argument is not right")?;
    if other.kind != input {
        let (mine, theirs) = (input.word(), other.kind.word());
        return Err(format!("`or` would give {theirs} in place of {mine}; restate it before"));
    }
    Ok((Step::Choice(ChoiceStep::Or(other)), input))
}

/// A number is compared as it is written: `$position | only("1")`.
fn is_one_of(datum: &Datum<'_>, words: &[String]) -> bool {
    datum.to_text().is_some_and(|text| words.iter().any(|it| **it == *text))
}
