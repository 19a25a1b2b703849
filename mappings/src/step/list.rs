//! Steps from text to lists and back.

use std::borrow::Cow;

use schemas::Number;

use super::{Outcome, Step};
use crate::compiled::{Compiled, From, Scene};
use crate::datum::{Datum, Kind};
use crate::expression::Argument;
use crate::step_list::{Arguments, Compilation, Scope, literal};

/// A step that makes a list, or takes from one.
#[derive(Debug)]
pub(crate) enum ListStep {
    Join { separator: String, others: Vec<Compiled> },
    Split(String),
    Item(Compiled),
    Last,
}

impl ListStep {
    pub(super) fn run<'a>(&'a self, datum: Datum<'a>, scene: &Scene<'a>) -> Outcome<'a> {
        match (self, datum) {
            (ListStep::Join { separator, others }, datum) => {
                joined(datum, separator, others, scene)
            }
            (ListStep::Split(separator), Datum::Text(text)) => Ok(parts(&text, separator)),
            (ListStep::Item(index), Datum::List(items)) => nth(&items, index, scene),
            (ListStep::Last, Datum::List(items)) => Ok(part(items.last())),
            (_, datum) => Ok(datum),
        }
    }
}

pub(crate) fn split(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [separator] = it.texts()?;
    if separator.is_empty() {
        return Err("`split` needs a separator that is not empty".to_owned());
    }
    Ok((Step::List(ListStep::Split(separator)), Kind::List))
}

pub(crate) fn join(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    let (first, rest) = it.call.arguments.split_first().ok_or_else(|| it.usage())?;
    let separator = literal(first).ok_or_else(|| it.usage())?;
    let mut others = Vec::new();
    for argument in rest {
        let Argument::Expression(expression) = argument else { return Err(it.usage()) };
        others.push(scope.expression(expression).ok_or("one of its arguments is not right")?);
    }
    Ok((Step::List(ListStep::Join { separator, others }), Kind::Text))
}

pub(crate) fn last(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::List(ListStep::Last), Kind::Text)
}

pub(crate) fn item(it: &Arguments<'_>, _: Kind, scope: &mut dyn Scope) -> Compilation {
    let index = match it.call.arguments.as_slice() {
        [Argument::Number(0)] => return Err("items count from 1".to_owned()),
        [Argument::Number(number)] => constant(*number),
        [Argument::Expression(expression)] => {
            scope.expression(expression).ok_or("its argument is not right")?
        }
        _ => return Err(it.usage()),
    };
    if index.kind != Kind::Number {
        return Err(format!("`item` needs a number, not {}", index.kind.word()));
    }
    Ok((Step::List(ListStep::Item(index)), Kind::Text))
}

/// A number written in the mapping, as an expression that yields it.
pub(crate) fn constant(number: usize) -> Compiled {
    let number = Number::parse(&number.to_string()).expect("a whole number is one");
    Compiled { source: From::Number(number), steps: Vec::new(), kind: Kind::Number }
}

fn parts<'a>(text: &str, separator: &str) -> Datum<'a> {
    Datum::List(text.split(separator).map(|it| Cow::Owned(it.to_owned())).collect())
}

fn nth<'a>(items: &[Cow<'a, str>], index: &'a Compiled, scene: &Scene<'a>) -> Outcome<'a> {
    let Datum::Number(index) = index.evaluate(scene)? else { return Ok(Datum::Absent) };
    let position: usize = index.to_string().parse().unwrap_or(0);
    Ok(part(position.checked_sub(1).and_then(|it| items.get(it))))
}

/// A part of a list that is empty is no value.
fn part<'a>(item: Option<&Cow<'a, str>>) -> Datum<'a> {
    match item {
        Some(text) if !text.is_empty() => Datum::Text(text.clone()),
        _ => Datum::Absent,
    }
}

/// Joins what is there; parts that are absent leave no separator behind.
fn joined<'a>(
    datum: Datum<'a>,
    separator: &str,
    others: &'a [Compiled],
    scene: &Scene<'a>,
) -> Outcome<'a> {
    let mut parts: Vec<String> = match datum {
        Datum::List(items) => {
            items.into_iter().filter(|it| !it.is_empty()).map(Cow::into_owned).collect()
        }
        datum => datum.to_text().map(Cow::into_owned).into_iter().collect(),
    };
    for other in others {
        parts.extend(other.evaluate(scene)?.to_text().map(Cow::into_owned));
    }
    if parts.is_empty() { Ok(Datum::Absent) } else { Ok(Datum::Text(parts.join(separator).into())) }
}
