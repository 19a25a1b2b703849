//! Does what an expression yields fit the element it is written to? Asked once, at load, so that
//! what can never be valid is told to the implementer and not to the hospital at night.
//!
//! What cannot be right is an error. What may be right or wrong, as far as the mapping alone tells,
//! is a warning: the source knows which of its values it really sends.

use schemas::{DataElement, Format, Number, ProblemSeverity};

use crate::compiled::{Compiled, From};
use crate::datum::{Datum, Kind};
use crate::step::Step;
use crate::step::date::DateStep;

pub(crate) mod climb;
pub(crate) mod never;
pub(crate) mod reach;

use reach::{Origin, Reach, Stray, Word};

/// Why an expression cannot be right for an element, or may be wrong.
pub(crate) struct Complaint {
    pub(crate) code: &'static str,
    pub(crate) severity: ProblemSeverity,
    pub(crate) message: String,
}

/// Everything that can be known to be wrong without a message.
pub(crate) fn complaints(element: &DataElement, expression: &Compiled) -> Vec<Complaint> {
    if let Some(message) = kind(element, expression) {
        return vec![error("M043", message)];
    }
    let reach = reach::reach(expression);
    let mut complaints: Vec<Complaint> = strays(&reach);
    complaints.extend(words(element, &reach));
    complaints.extend(places(element, &reach).map(|it| error("M043", it)));
    complaints.extend(unmapped(element, expression, &reach).map(|it| warning("M047", it)));
    complaints.extend(midnight(element, expression).map(|it| warning("M048", it)));
    complaints
}

fn error(code: &'static str, message: String) -> Complaint {
    Complaint { code, severity: ProblemSeverity::Error, message }
}

fn warning(code: &'static str, message: String) -> Complaint {
    Complaint { code, severity: ProblemSeverity::Warning, message }
}

fn kind(element: &DataElement, expression: &Compiled) -> Option<String> {
    let name = element.name();
    let format = element.format();
    let given = expression.kind;
    let fits = match format {
        Format::Text { .. } => matches!(given, Kind::Text | Kind::Number),
        Format::Number { .. } => given == Kind::Number || is_number_literal(expression),
        Format::Date => given == Kind::Date,
        Format::Time => given == Kind::Time,
        Format::DateTime => given == Kind::DateTime,
        Format::Boolean => given == Kind::Boolean,
        Format::Binary { .. } | Format::Node => false,
    };
    if fits {
        return None;
    }
    let hint = hint(format, given);
    Some(format!("`{name}` is {format}, the expression gives {}; {hint}", given.word()))
}

fn hint(format: &Format, given: Kind) -> &'static str {
    match (format, given) {
        (Format::Text { .. }, Kind::List) => "take one with `| item(1)` or `| join(\",\")`",
        (Format::Text { .. }, Kind::Boolean) => {
            "`boolean` gives y or n; translate the words with `| code(\"...\")`"
        }
        (Format::Text { .. }, _) => {
            "take the text as it was sent, or write it with `| write(\"yyyy-MM-dd\")`"
        }
        (Format::Number { .. }, _) => "add `| decimal`",
        (Format::Date, Kind::DateTime) => "add `| date_of`",
        (Format::Date, _) => "add `| date(\"yyyy-MM-dd\")` with the patterns this source writes",
        (Format::Time, Kind::DateTime) => "add `| time_of`",
        (Format::Time, _) => "add `| time(\"HH:mm:ss\")`",
        (Format::DateTime, Kind::Date) => {
            "say which time of day is meant, `| at(\"00:00\" | time(\"HH:mm\"))`"
        }
        (Format::DateTime, _) => {
            "add `| datetime(\"yyyy-MM-dd HH:mm:ss\")` with the patterns this source writes"
        }
        (Format::Boolean, _) => "add `| boolean(\"是\", \"否\")` with this source's two words",
        (Format::Binary { .. } | Format::Node, _) => "this format cannot be mapped yet",
    }
}

fn is_number_literal(expression: &Compiled) -> bool {
    let From::Literal(text) = &expression.source else { return false };
    expression.steps.is_empty() && Number::parse(text).is_some()
}

/// Words of the mapping that one of its own steps refuses.
fn strays(reach: &Reach) -> Vec<Complaint> {
    let of = |origin: &Origin| reach.strays.iter().filter(|it| it.origin == *origin).count();
    let mut told: Vec<&Origin> = Vec::new();
    let mut complaints = Vec::new();
    for Stray { text, origin, fault } in &reach.strays {
        if told.contains(&origin) {
            continue;
        }
        told.push(origin);
        let message = format!("`{text}`{} {fault}{}", source(origin), more(of(origin)));
        complaints.push(placed(origin, message));
    }
    complaints
}

/// Words of the mapping that the element cannot hold.
fn words(element: &DataElement, reach: &Reach) -> Vec<Complaint> {
    let wrong: Vec<(&Word, String)> =
        reach.words.iter().filter_map(|it| Some((it, misfit(element, &it.datum)?))).collect();
    let mut told: Vec<&Origin> = Vec::new();
    let mut complaints = Vec::new();
    for (word, why) in &wrong {
        if told.contains(&&word.origin) {
            continue;
        }
        told.push(&word.origin);
        let others = wrong.iter().filter(|(it, _)| it.origin == word.origin).count();
        let message = format!("`{}`{} {why}{}", word.text(), source(&word.origin), more(others));
        complaints.push(placed(&word.origin, message));
    }
    complaints
}

/// A constant and a code map belong to the mapping and must be right; a table may hold rows that
/// this message never asks for.
fn placed(origin: &Origin, message: String) -> Complaint {
    match origin {
        Origin::Constant => error("M044", message),
        Origin::CodeMap(_) => error("M045", message),
        Origin::Table(_) => warning("M048", message),
    }
}

fn source(origin: &Origin) -> String {
    match origin {
        Origin::Constant => String::new(),
        Origin::CodeMap(file) | Origin::Table(file) => format!(" of {file}"),
    }
}

fn more(count: usize) -> String {
    match count.saturating_sub(1) {
        0 => String::new(),
        others => format!(", and so {others} more"),
    }
}

/// Why the element cannot hold this value: what validation would say of it in every message.
fn misfit(element: &DataElement, datum: &Datum<'_>) -> Option<String> {
    let text = datum.to_text()?;
    if let Some(domain) = element.value_domain().filter(|it| it.closed()) {
        let inside = domain.contains(&text);
        return (!inside).then(|| format!("is not a code of {}", domain.name()));
    }
    let format = element.format();
    match format {
        Format::Text { min, max } => {
            let count = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            let word = if max.is_some_and(|it| count > it) { "longer" } else { "shorter" };
            let fits = *min <= count && max.is_none_or(|it| count <= it);
            (!fits).then(|| format!("is {word} than {format} allows"))
        }
        Format::Number { scale, .. } => {
            let number = Number::parse(&text)?;
            let whole = format.integer_digits_max().is_none_or(|it| number.integer_digits() <= it);
            let fits = whole && number.with_scale(*scale).is_some();
            (!fits).then(|| format!("has more digits than {format} allows"))
        }
        _ => None,
    }
}

/// More places than the element has make a finding of every amount that uses them.
fn places(element: &DataElement, reach: &Reach) -> Option<String> {
    let Format::Number { scale, .. } = element.format() else { return None };
    let places = reach.places.filter(|it| it > scale)?;
    let format = element.format();
    Some(format!("{places} places are more than {format} allows; end with `| round({scale})`"))
}

/// Codes of one HIS that go out as they are, where the standard has a list of its own.
fn unmapped(element: &DataElement, expression: &Compiled, reach: &Reach) -> Option<String> {
    let domain = element.value_domain().filter(|it| it.closed() && reach.open)?;
    (expression.kind == Kind::Text).then(|| {
        format!(
            "`{}` takes only codes of {}, and what the source sends goes there unmapped; \
             add `| code(\"...\")`, or `| only(...)` where it sends these very codes",
            element.name(),
            domain.name()
        )
    })
}

/// Some of the patterns have no time of day: a moment read by them says midnight.
fn midnight(element: &DataElement, expression: &Compiled) -> Option<String> {
    let patterns = expression.steps.iter().find_map(|it| match it {
        Step::Date(DateStep::DateTime(patterns)) => Some(patterns),
        _ => None,
    })?;
    let poor = patterns.patterns.iter().any(|it| !it.may_have_hour());
    (poor && matches!(element.format(), Format::DateTime)).then(|| {
        "a pattern without `HH` gives midnight; leave it out unless that is meant".to_owned()
    })
}
