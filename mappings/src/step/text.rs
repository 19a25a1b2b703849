//! Steps on text: blanks, letters, what stands around it.

use std::borrow::Cow;

use super::Step;
use crate::datum::{Datum, Kind};
use crate::expression::Argument;
use crate::step_list::{Arguments, Compilation, Scope, literal};

/// A step that is given text and always has an answer.
#[derive(Debug)]
pub(crate) enum TextStep {
    Trim,
    Upper,
    Lower,
    Narrow,
    Digits,
    Unescape,
    Strip(String),
    Pad { fill: char, width: usize },
    Prefix(String),
    Suffix(String),
    Replace { from: String, to: String },
}

impl TextStep {
    pub(crate) fn run<'a>(&self, text: Cow<'a, str>) -> Datum<'a> {
        match self {
            TextStep::Trim => cut(text, trim),
            TextStep::Strip(chars) => cut(text, |it| it.trim_matches(|c| chars.contains(c))),
            TextStep::Upper => Datum::Text(text.to_uppercase().into()),
            TextStep::Lower => Datum::Text(text.to_lowercase().into()),
            TextStep::Narrow => Datum::Text(text.chars().map(narrowed).collect::<String>().into()),
            TextStep::Digits => filled(text.chars().filter(char::is_ascii_digit).collect()),
            TextStep::Unescape => Datum::Text(unescaped(&text).into()),
            TextStep::Pad { fill, width } => padded(text, *fill, *width),
            TextStep::Prefix(before) => Datum::Text(format!("{before}{text}").into()),
            TextStep::Suffix(behind) => Datum::Text(format!("{text}{behind}").into()),
            TextStep::Replace { from, to } => filled(text.replace(from.as_str(), to)),
        }
    }
}

/// Without the blanks at its ends.
pub(crate) fn trim(text: &str) -> &str {
    if is_tight(text) { text } else { text.trim() }
}

/// Whether no blank can be at either end, as far as a glance tells: looking for blanks of every width
/// takes longer.
fn is_tight(text: &str) -> bool {
    let ends = [text.as_bytes().first(), text.as_bytes().last()];
    ends.iter().all(|it| it.is_some_and(u8::is_ascii_graphic))
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

pub(crate) fn digits(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Text(TextStep::Digits), Kind::Text)
}

pub(crate) fn unescape(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    it.none(Step::Text(TextStep::Unescape), Kind::Text)
}

pub(crate) fn strip(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [chars] = it.texts()?;
    Ok((Step::Text(TextStep::Strip(chars)), Kind::Text))
}

pub(crate) fn prefix(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [before] = it.texts()?;
    Ok((Step::Text(TextStep::Prefix(before)), Kind::Text))
}

pub(crate) fn suffix(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [behind] = it.texts()?;
    Ok((Step::Text(TextStep::Suffix(behind)), Kind::Text))
}

pub(crate) fn replace(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [from, to] = it.texts()?;
    if from.is_empty() {
        return Err("`replace` needs a text to look for".to_owned());
    }
    Ok((Step::Text(TextStep::Replace { from, to }), Kind::Text))
}

pub(crate) fn pad(it: &Arguments<'_>, _: Kind, _: &mut dyn Scope) -> Compilation {
    let [first, Argument::Number(width)] = it.call.arguments.as_slice() else {
        return Err(it.usage());
    };
    let fill = literal(first).ok_or_else(|| it.usage())?;
    let mut chars = fill.chars();
    match (chars.next(), chars.next()) {
        (Some(fill), None) if *width <= WIDTH_MAX => {
            Ok((Step::Text(TextStep::Pad { fill, width: *width }), Kind::Text))
        }
        _ => Err(it.usage()),
    }
}

/// No element is padded to more; a slip of the pen must not cost memory.
const WIDTH_MAX: usize = 1_000;

/// A part of the text; a part that is empty is no value.
fn cut(text: Cow<'_, str>, part: impl Fn(&str) -> &str) -> Datum<'_> {
    let kept = match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) => match part(&text) {
            kept if kept.len() == text.len() => Cow::Owned(text),
            kept => Cow::Owned(kept.to_owned()),
        },
    };
    if kept.is_empty() { Datum::Absent } else { Datum::Text(kept) }
}

/// A text that steps made; an empty one is no value.
pub(super) fn filled<'a>(text: String) -> Datum<'a> {
    if text.is_empty() { Datum::Absent } else { Datum::Text(Cow::Owned(text)) }
}

/// Full-width letters, digits, signs and the ideographic blank to their usual width.
fn narrowed(it: char) -> char {
    match it {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(it) - 0xFEE0).unwrap_or(it),
        it => it,
    }
}

fn padded(text: Cow<'_, str>, fill: char, width: usize) -> Datum<'_> {
    let missing = width.saturating_sub(text.chars().count());
    if missing == 0 {
        return Datum::Text(text);
    }
    let mut out: String = std::iter::repeat_n(fill, missing).collect();
    out.push_str(&text);
    Datum::Text(Cow::Owned(out))
}

/// The five entities of XML and numbered characters, once: `&amp;lt;` becomes `&lt;`.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let entity = behind.split_once(';').and_then(|(it, after)| Some((entity(it)?, after)));
        if let Some((char, after)) = entity {
            out.push(char);
            rest = after;
        } else {
            out.push('&');
            rest = behind;
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}
