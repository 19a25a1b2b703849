//! Steps on text: blanks, letters, replacements, patterns.

use std::borrow::Cow;

use regex::Regex;

use super::{Outcome, Step};
use crate::datum::{Datum, Fault, Kind};
use crate::expression::Argument;
use crate::step_list::{Arguments, Compilation, Scope, literal};

/// A step that is given text.
#[derive(Debug)]
pub(crate) enum TextStep {
    Trim,
    Upper,
    Lower,
    Narrow,
    Replace { from: String, to: String },
    Match { pattern: Regex, group: usize, source: String },
}

impl TextStep {
    pub(super) fn run<'a>(&self, text: Cow<'a, str>) -> Outcome<'a> {
        match self {
            TextStep::Trim => Ok(trim(text)),
            TextStep::Upper => Ok(Datum::Text(text.to_uppercase().into())),
            TextStep::Lower => Ok(Datum::Text(text.to_lowercase().into())),
            TextStep::Narrow => {
                Ok(Datum::Text(text.chars().map(narrow_char).collect::<String>().into()))
            }
            TextStep::Replace { from, to } => {
                Ok(Datum::Text(text.replace(from.as_str(), to.as_str()).into()))
            }
            TextStep::Match { pattern, group, source } => capture(&text, pattern, *group, source),
        }
    }
}

pub(crate) fn trimmed(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Text(TextStep::Trim), Kind::Text)
}

pub(crate) fn upper(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Text(TextStep::Upper), Kind::Text)
}

pub(crate) fn lower(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Text(TextStep::Lower), Kind::Text)
}

pub(crate) fn narrow(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Text(TextStep::Narrow), Kind::Text)
}

pub(crate) fn replace(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [from, to] = it.texts()?;
    Ok((Step::Text(TextStep::Replace { from, to }), Kind::Text))
}

pub(crate) fn matching(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let (first, rest) = it.call.arguments.split_first().ok_or_else(|| it.usage())?;
    let group = match rest {
        [] => 0,
        [Argument::Number(group)] => *group,
        _ => return Err(it.usage()),
    };
    let source = literal(first).ok_or_else(|| it.usage())?;
    let pattern = Regex::new(&source).map_err(|it| format!("not a regular expression: {it}"))?;
    if group >= pattern.captures_len() {
        return Err(format!("the pattern has {} groups, not {group}", pattern.captures_len() - 1));
    }
    Ok((Step::Text(TextStep::Match { pattern, group, source }), Kind::Text))
}

/// Cuts blanks of every width; a value of blanks only is no value.
fn trim(text: Cow<'_, str>) -> Datum<'_> {
    let trimmed = text.trim();
    match trimmed.len() {
        0 => Datum::Absent,
        kept if kept == text.len() => Datum::Text(text),
        _ => Datum::Text(Cow::Owned(trimmed.to_owned())),
    }
}

/// Full-width letters, digits, signs and the ideographic blank to their usual width.
fn narrow_char(it: char) -> char {
    match it {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(it) - 0xFEE0).unwrap_or(it),
        it => it,
    }
}

fn capture<'a>(text: &str, pattern: &Regex, group: usize, source: &str) -> Outcome<'a> {
    match pattern.captures(text).and_then(|it| it.get(group)) {
        Some(found) if found.as_str().is_empty() => Ok(Datum::Absent),
        Some(found) => Ok(Datum::Text(Cow::Owned(found.as_str().to_owned()))),
        None => Err(Fault::new("M205", text, format!("应符合 {source}"))),
    }
}
