//! Steps with regular expressions; every one takes time in proportion to the text.

use regex::{Captures, Regex};

use super::text::filled;
use super::{Outcome, Step};
use crate::datum::{Fault, Kind};
use crate::expression::Argument;
use crate::step_list::{Arguments, Compilation, Scope, literal};

/// A step that looks for a pattern.
#[derive(Debug)]
pub(crate) enum PatternStep {
    Match { pattern: Regex, group: usize, source: String },
    Replace { pattern: Regex, to: Vec<Piece> },
}

/// What a match is replaced with, piece by piece.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(String),
    Group(usize),
}

impl PatternStep {
    pub(crate) fn run<'a>(&self, text: &str) -> Outcome<'a> {
        match self {
            PatternStep::Match { pattern, group, source } => capture(text, pattern, *group, source),
            PatternStep::Replace { pattern, to } => {
                let written = |found: &Captures<'_>| {
                    to.iter().map(|it| it.written(found)).collect::<String>()
                };
                Ok(filled(pattern.replace_all(text, written).into_owned()))
            }
        }
    }
}

impl Piece {
    fn written<'t>(&'t self, found: &'t Captures<'_>) -> &'t str {
        match self {
            Piece::Text(text) => text,
            Piece::Group(number) => found.get(*number).map_or("", |it| it.as_str()),
        }
    }
}

pub(crate) fn matching(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let (first, rest) = it.call.arguments.split_first().ok_or_else(|| it.usage())?;
    let group = match rest {
        [] => 0,
        [Argument::Number(group)] => *group,
        _ => return Err(it.usage()),
    };
    let source = literal(first).ok_or_else(|| it.usage())?;
    let pattern = regex(&source)?;
    has_group(&pattern, group)?;
    Ok((Step::Pattern(PatternStep::Match { pattern, group, source }), Kind::Text))
}

pub(crate) fn replace(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [source, to] = it.texts()?;
    let pattern = regex(&source)?;
    let to = pieces(&to)?;
    for piece in &to {
        if let Piece::Group(number) = piece {
            has_group(&pattern, *number)?;
        }
    }
    Ok((Step::Pattern(PatternStep::Replace { pattern, to }), Kind::Text))
}

fn regex(source: &str) -> Result<Regex, String> {
    Regex::new(source).map_err(|it| format!("not a regular expression: {it}"))
}

fn has_group(pattern: &Regex, group: usize) -> Result<(), String> {
    let groups = pattern.captures_len() - 1;
    if group > groups {
        Err(format!("the pattern has {groups} groups, not {group}"))
    } else {
        Ok(())
    }
}

/// `$1` to `$9` are groups, `$$` is a dollar; `$` before anything else is a slip.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        pieces.push(Piece::Text(before.to_owned()));
        let mut chars = behind.chars();
        match chars.next() {
            Some('$') => pieces.push(Piece::Text("$".to_owned())),
            Some(digit @ '0'..='9') => {
                let number = digit.to_digit(10).unwrap_or(0);
                pieces.push(Piece::Group(usize::try_from(number).unwrap_or(0)));
            }
            _ => return Err("behind `$` stands the number of a group, or `$`".to_owned()),
        }
        rest = chars.as_str();
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

fn capture<'a>(text: &str, pattern: &Regex, group: usize, source: &str) -> Outcome<'a> {
    match pattern.captures(text).map(|it| it.get(group).map(|it| it.as_str().to_owned())) {
        Some(found) => Ok(filled(found.unwrap_or_default())),
        None => Err(Fault::new("M205", text, format!("应符合 {source}"))),
    }
}
