//! The steps: each takes a value and restates it, or says why it cannot.

use std::borrow::Cow;

use regex::Regex;
use schemas::Number;

use crate::code_map::CodeMap;
use crate::compiled::{Compiled, Scene};
use crate::date_pattern::DatePattern;
use crate::datum::{Datum, Fault};

/// A step, compiled: arguments read, patterns understood, code maps looked up.
#[derive(Debug)]
pub(crate) enum Step {
    Trim,
    Upper,
    Lower,
    Narrow,
    Replace { from: String, to: String },
    Match { pattern: Regex, group: usize, source: String },
    Absent(Vec<String>),
    Only(Vec<String>),
    Default(String),
    Or(Compiled),
    Join { separator: String, others: Vec<Compiled> },
    Split(String),
    Item(Compiled),
    Decimal,
    Round(u32),
    Code { map: std::sync::Arc<CodeMap> },
    Boolean { yes: String, no: String },
    Date(Patterns),
    Time(Patterns),
    DateTime(Patterns),
}

/// Date patterns, tried in order, and how they were written.
#[derive(Debug)]
pub(crate) struct Patterns {
    pub(crate) patterns: Vec<DatePattern>,
    pub(crate) written: String,
}

type Outcome<'a> = Result<Datum<'a>, Fault>;

impl Step {
    /// Restates one value. Absent stays absent but for `default`, `or` and `join`.
    pub(crate) fn run<'a>(&'a self, datum: Datum<'a>, scene: &Scene<'a>) -> Outcome<'a> {
        match (self, datum) {
            (Step::Default(text), Datum::Absent) => Ok(Datum::Text(Cow::Borrowed(text))),
            (Step::Or(other), Datum::Absent) => other.evaluate(scene),
            (Step::Join { separator, others }, datum) => join(datum, separator, others, scene),
            (_, Datum::Absent) => Ok(Datum::Absent),
            (Step::Round(scale), Datum::Number(number)) => Ok(Datum::Number(number.round(*scale))),
            (Step::Item(index), Datum::List(items)) => item(&items, index, scene),
            (Step::Default(_) | Step::Or(_), datum) => Ok(datum),
            (step, Datum::Text(text)) => step.run_text(text),
            (step @ (Step::Code { .. } | Step::Only(_) | Step::Absent(_)), Datum::Number(it)) => {
                step.run_text(Cow::Owned(it.to_string()))
            }
            // The compiler lets no other pair of step and kind through.
            (_, datum) => Ok(datum),
        }
    }

    fn run_text<'a>(&'a self, text: Cow<'a, str>) -> Outcome<'a> {
        match self {
            Step::Trim => Ok(trim(text)),
            Step::Upper => Ok(Datum::Text(text.to_uppercase().into())),
            Step::Lower => Ok(Datum::Text(text.to_lowercase().into())),
            Step::Narrow => Ok(Datum::Text(text.chars().map(narrow).collect::<String>().into())),
            Step::Replace { from, to } => {
                Ok(Datum::Text(text.replace(from.as_str(), to.as_str()).into()))
            }
            Step::Match { pattern, group, source } => capture(&text, pattern, *group, source),
            Step::Absent(words) if words.iter().any(|it| *it == text) => Ok(Datum::Absent),
            Step::Only(words) if words.iter().all(|it| *it != text) => Ok(Datum::Absent),
            Step::Split(separator) => Ok(split(&text, separator)),
            Step::Decimal => decimal(&text),
            Step::Code { map } => code(map, &text),
            Step::Boolean { yes, no } => boolean(&text, yes, no),
            Step::Date(patterns) => patterns.moment(&text).map(|it| Datum::Date(it.date())),
            Step::DateTime(patterns) => patterns.moment(&text).map(Datum::DateTime),
            Step::Time(patterns) => patterns.time(&text),
            _ => Ok(Datum::Text(text)),
        }
    }
}

impl Patterns {
    fn moment(&self, text: &str) -> Result<jiff::civil::DateTime, Fault> {
        self.patterns.iter().find_map(|it| it.moment(text)).ok_or_else(|| self.fault(text))
    }

    fn time<'a>(&self, text: &str) -> Outcome<'a> {
        let time = self.patterns.iter().find_map(|it| it.time(text));
        time.map(Datum::Time).ok_or_else(|| self.fault(text))
    }

    fn fault(&self, text: &str) -> Fault {
        let expected = format!("应为真实存在的日期时间，格式为 {}", self.written);
        Fault { code: "M202", found: text.to_owned(), expected }
    }
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
fn narrow(it: char) -> char {
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
        None => Err(Fault {
            code: "M205",
            found: text.to_owned(),
            expected: format!("应符合 {source}"),
        }),
    }
}

fn split<'a>(text: &str, separator: &str) -> Datum<'a> {
    Datum::List(text.split(separator).map(|it| Cow::Owned(it.to_owned())).collect())
}

fn item<'a>(items: &[Cow<'a, str>], index: &'a Compiled, scene: &Scene<'a>) -> Outcome<'a> {
    let Datum::Number(index) = index.evaluate(scene)? else { return Ok(Datum::Absent) };
    let position: usize = index.to_string().parse().unwrap_or(0);
    match position.checked_sub(1).and_then(|it| items.get(it)) {
        Some(text) if !text.is_empty() => Ok(Datum::Text(text.clone())),
        _ => Ok(Datum::Absent),
    }
}

/// Joins what is there; parts that are absent leave no separator behind.
fn join<'a>(
    datum: Datum<'a>,
    separator: &str,
    others: &'a [Compiled],
    scene: &Scene<'a>,
) -> Outcome<'a> {
    let mut parts: Vec<String> = match datum {
        Datum::List(items) => items.into_iter().map(Cow::into_owned).collect(),
        datum => datum.to_text().map(Cow::into_owned).into_iter().collect(),
    };
    for other in others {
        parts.extend(other.evaluate(scene)?.to_text().map(Cow::into_owned));
    }
    if parts.is_empty() { Ok(Datum::Absent) } else { Ok(Datum::Text(parts.join(separator).into())) }
}

/// A decimal as hospitals write it: `￥1,234.50`, `60.9000`, `.5`, `32.5元`. Never a float.
fn decimal<'a>(text: &str) -> Outcome<'a> {
    let bare = text.trim();
    let bare = bare.strip_prefix(['￥', '¥', '＄', '$']).unwrap_or(bare);
    let bare = bare.strip_suffix('元').unwrap_or(bare).trim();
    let number = match ungrouped(bare) {
        Some(plain) => Number::parse(&plain),
        None => None,
    };
    number.map(Datum::Number).ok_or_else(|| Fault {
        code: "M201",
        found: text.to_owned(),
        expected: "应为十进制数字，例如 60.90，不带单位和文字".to_owned(),
    })
}

/// Without thousands commas, if they stand where thousands commas stand.
fn ungrouped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(',') {
        return Some(Cow::Borrowed(text));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.trim_start_matches(['-', '+']).split(',');
    let first = groups.next()?;
    let well_formed =
        (1..=3).contains(&first.len()) && groups.all(|it| it.len() == 3) && !fraction.contains(',');
    well_formed.then(|| Cow::Owned(text.replace(',', "")))
}

fn code<'a>(map: &CodeMap, local: &str) -> Outcome<'a> {
    match map.translate(local) {
        Some(standard) => Ok(Datum::Text(Cow::Owned(standard.to_owned()))),
        None if map.passes_unknown() => Ok(Datum::Text(Cow::Owned(local.to_owned()))),
        None => Err(Fault {
            code: "M203",
            found: local.to_owned(),
            expected: format!(
                "代码未对照：请在码表 {} 中为它补一行，或改送已有代码：{}",
                map.file(),
                map.examples()
            ),
        }),
    }
}

fn boolean<'a>(text: &str, yes: &str, no: &str) -> Outcome<'a> {
    match text {
        it if it == yes => Ok(Datum::Boolean(true)),
        it if it == no => Ok(Datum::Boolean(false)),
        _ => Err(Fault {
            code: "M204",
            found: text.to_owned(),
            expected: format!("应为 {yes} 或 {no}"),
        }),
    }
}
