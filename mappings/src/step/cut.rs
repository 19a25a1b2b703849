//! Steps that keep a part of a text, by place or by separator.

use std::borrow::Cow;

use super::Step;
use super::text::filled;
use crate::datum::{Datum, Kind};
use crate::expression::Argument;
use crate::step_list::{Arguments, Compilation, Scope};

/// A step that keeps a part.
#[derive(Debug)]
pub(crate) enum CutStep {
    /// Characters are counted, not bytes.
    Substring {
        skip: usize,
        take: usize,
    },
    Before(String),
    After(String),
    BeforeLast(String),
    AfterLast(String),
}

impl CutStep {
    /// Without the separator, everything stands before it and nothing after it.
    pub(crate) fn run<'a>(&self, text: Cow<'a, str>) -> Datum<'a> {
        let found = match self {
            CutStep::Substring { skip, take } => {
                return filled(text.chars().skip(*skip).take(*take).collect());
            }
            CutStep::Before(mark) => text.split_once(mark.as_str()).map(|(it, _)| it),
            CutStep::BeforeLast(mark) => text.rsplit_once(mark.as_str()).map(|(it, _)| it),
            CutStep::After(mark) => text.split_once(mark.as_str()).map(|(_, it)| it),
            CutStep::AfterLast(mark) => text.rsplit_once(mark.as_str()).map(|(_, it)| it),
        };
        match (self, found) {
            (_, Some(part)) => filled(part.to_owned()),
            (CutStep::Before(_) | CutStep::BeforeLast(_), None) => Datum::Text(text),
            (_, None) => Datum::Absent,
        }
    }
}

pub(crate) fn substring(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let (from, take) = match it.call.arguments.as_slice() {
        [Argument::Number(from)] => (*from, usize::MAX),
        [Argument::Number(from), Argument::Number(length)] => (*from, *length),
        _ => return Err(it.usage()),
    };
    match from.checked_sub(1) {
        Some(skip) if take > 0 => Ok((Step::Cut(CutStep::Substring { skip, take }), Kind::Text)),
        _ => Err("characters count from 1, and at least one is taken".to_owned()),
    }
}

pub(crate) fn before(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Cut(CutStep::Before(mark(it)?)), Kind::Text))
}

pub(crate) fn after(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Cut(CutStep::After(mark(it)?)), Kind::Text))
}

pub(crate) fn before_last(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Cut(CutStep::BeforeLast(mark(it)?)), Kind::Text))
}

pub(crate) fn after_last(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    Ok((Step::Cut(CutStep::AfterLast(mark(it)?)), Kind::Text))
}

fn mark(it: &Arguments<'_>) -> Result<String, String> {
    let [mark] = it.texts()?;
    if mark.is_empty() { Err(it.usage()) } else { Ok(mark) }
}
