//! Steps that choose: between a value and none, between one place and another.

use std::borrow::Cow;

use schemas::{Format, Number, Value};

use super::{Outcome, Step};
use crate::compiled::{Compiled, Scene};
use crate::condition::CompiledCondition;
use crate::datum::{Datum, Fault, Kind};
use crate::expression::Argument;
use crate::step_list::{Arguments, Compilation, Scope, literal, written};

/// A step that may turn a value into none, or none into a value, or ask about it.
#[derive(Debug)]
pub(crate) enum ChoiceStep {
    Absent(Vec<String>),
    Only(Vec<String>),
    Default(Datum<'static>),
    Or(Compiled),
    Required { source: String },
    Agrees { other: Compiled, warn: bool },
    When(CompiledCondition),
}

impl ChoiceStep {
    pub(super) fn run<'a>(&'a self, datum: Datum<'a>, scene: &Scene<'a>) -> Outcome<'a> {
        match self {
            ChoiceStep::Default(constant) if datum == Datum::Absent => Ok(constant.lent()),
            ChoiceStep::Or(other) if datum == Datum::Absent => other.evaluate(scene),
            ChoiceStep::Required { source } if datum == Datum::Absent => {
                Err(Fault::new("M209", "", format!("缺少必需的值：请在 {source} 发送")))
            }
            ChoiceStep::Absent(words) if is_one_of(&datum, words) => Ok(Datum::Absent),
            ChoiceStep::Only(words) if !is_one_of(&datum, words) => Ok(Datum::Absent),
            ChoiceStep::When(condition) if !condition.holds(scene) => Ok(Datum::Absent),
            ChoiceStep::Agrees { other, warn } => agreed(datum, other, *warn, scene),
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

pub(crate) fn required(it: &Arguments<'_>, input: Kind, scope: &mut dyn Scope) -> Compilation {
    it.none(Step::Choice(ChoiceStep::Required { source: scope.written() }), input)
}

pub(crate) fn default(it: &Arguments<'_>, input: Kind, _: &mut dyn Scope) -> Compilation {
    let text = match it.call.arguments.as_slice() {
        [Argument::Number(number)] => number.to_string(),
        [argument] => written(argument).ok_or_else(|| it.usage())?,
        _ => return Err(it.usage()),
    };
    let constant = constant(&text, input)
        .ok_or_else(|| format!("`{text}` cannot stand for {}", input.word()))?;
    Ok((Step::Choice(ChoiceStep::Default(constant)), input))
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

pub(crate) fn agrees(it: &Arguments<'_>, input: Kind, scope: &mut dyn Scope) -> Compilation {
    let (other, warn) = match it.call.arguments.as_slice() {
        [Argument::Expression(other)] => (other, false),
        [Argument::Expression(other), word] if literal(word).as_deref() == Some("warn") => {
            (other, true)
        }
        _ => return Err(it.usage()),
    };
    let other = scope.expression(other).ok_or("its argument is not right")?;
    if other.kind != input {
        let (mine, theirs) = (input.word(), other.kind.word());
        return Err(format!("`agrees` would compare {mine} with {theirs}; restate one of them"));
    }
    Ok((Step::Choice(ChoiceStep::Agrees { other, warn }), input))
}

pub(crate) fn when(it: &Arguments<'_>, input: Kind, scope: &mut dyn Scope) -> Compilation {
    let [Argument::Condition(condition)] = it.call.arguments.as_slice() else {
        return Err(it.usage());
    };
    let condition = scope.condition(condition).ok_or("its condition is not right")?;
    Ok((Step::Choice(ChoiceStep::When(condition)), input))
}

/// A text of the mapping as a value of the kind that flows here: digits for dates and times, with
/// or without signs between them.
fn constant(text: &str, kind: Kind) -> Option<Datum<'static>> {
    let digits = || text.chars().filter(char::is_ascii_digit).collect::<String>();
    let format = match kind {
        Kind::Text => return Some(Datum::Text(Cow::Owned(text.to_owned()))),
        Kind::Number => return Number::parse(text).map(Datum::Number),
        Kind::Boolean => {
            return matches!(text, "y" | "n").then_some(Datum::Boolean(text == "y"));
        }
        Kind::List => return None,
        Kind::Date => Format::Date,
        Kind::Time => Format::Time,
        Kind::DateTime => Format::DateTime,
    };
    match Value::read(&format, &digits()).ok()? {
        Value::Date(it) => Some(Datum::Date(it)),
        Value::Time(it) => Some(Datum::Time(it)),
        Value::DateTime(it) => Some(Datum::DateTime(it)),
        _ => None,
    }
}

/// Two places that say the same thing twice must not say two things. One that is silent agrees.
fn agreed<'a>(datum: Datum<'a>, other: &'a Compiled, warn: bool, scene: &Scene<'a>) -> Outcome<'a> {
    let theirs = other.evaluate(scene)?;
    if datum == Datum::Absent || theirs == Datum::Absent || datum == theirs {
        return Ok(datum);
    }
    let shown = |it: &Datum<'_>| it.to_text().map(Cow::into_owned).unwrap_or_default();
    let found = format!("{} ≠ {}", shown(&datum), shown(&theirs));
    let expected = "报文中两处说法矛盾，请核对后只送一种".to_owned();
    let fault = Fault::new("M213", &found, expected);
    if !warn {
        return Err(fault);
    }
    scene.found.note(fault);
    Ok(datum)
}

/// A number is compared as it is written: `$position | only("1")`.
fn is_one_of(datum: &Datum<'_>, words: &[String]) -> bool {
    datum.to_text().is_some_and(|text| words.iter().any(|it| **it == *text))
}
