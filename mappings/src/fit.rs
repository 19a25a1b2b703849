//! Does what an expression yields fit the element it is written to? Asked once, at load, so that
//! what can never be valid is told to the implementer and not to the hospital at night.

use schemas::{DataElement, Format, Number};

use crate::compiled::{Compiled, From};
use crate::datum::Kind;
use crate::step::Step;
use crate::step::code::CodeStep;

/// Why an expression cannot be right for an element.
pub(crate) struct Complaint {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// Everything that can be known to be wrong without a message.
pub(crate) fn complaints(element: &DataElement, expression: &Compiled) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if let Some(message) = kind(element, expression) {
        complaints.push(Complaint { code: "M043", message });
        return complaints;
    }
    if let Some(message) = constant(element, expression) {
        complaints.push(Complaint { code: "M044", message });
    }
    if let Some(message) = codes(element, expression) {
        complaints.push(Complaint { code: "M045", message });
    }
    complaints
}

fn kind(element: &DataElement, expression: &Compiled) -> Option<String> {
    let name = element.name();
    let format = element.format();
    let fits = match format {
        Format::Text { .. } => matches!(expression.kind, Kind::Text | Kind::Number),
        Format::Number { .. } => expression.kind == Kind::Number || is_number_literal(expression),
        Format::Date => expression.kind == Kind::Date,
        Format::Time => expression.kind == Kind::Time,
        Format::DateTime => expression.kind == Kind::DateTime,
        Format::Boolean => expression.kind == Kind::Boolean,
        Format::Binary { .. } | Format::Node => false,
    };
    let hint = match format {
        _ if fits => return None,
        Format::Text { .. } if expression.kind == Kind::List => {
            "take one with `| item(1)` or `| join(\",\")`"
        }
        Format::Text { .. } => "take the text as it was sent",
        Format::Number { .. } => "add `| decimal`",
        Format::Date => "add `| date(\"yyyy-MM-dd\")` with the patterns this source writes",
        Format::Time => "add `| time(\"HH:mm:ss\")`",
        Format::DateTime => {
            "add `| datetime(\"yyyy-MM-dd HH:mm:ss\")` with the patterns this source writes"
        }
        Format::Boolean => "add `| boolean(\"是\", \"否\")` with this source's two words",
        Format::Binary { .. } | Format::Node => "this format cannot be mapped yet",
    };
    Some(format!("`{name}` is {format}, the expression gives {}; {hint}", expression.kind.word()))
}

fn is_number_literal(expression: &Compiled) -> bool {
    let From::Literal(text) = &expression.source else { return false };
    expression.steps.is_empty() && Number::parse(text).is_some()
}

/// A constant can be judged like a value: format, length and value domain.
fn constant(element: &DataElement, expression: &Compiled) -> Option<String> {
    let From::Literal(text) = &expression.source else { return None };
    if !expression.steps.is_empty() {
        return None;
    }
    if let Format::Text { max: Some(max), .. } = element.format()
        && text.chars().count() > *max as usize
    {
        return Some(format!("`{text}` is longer than {} allows", element.format()));
    }
    let domain = element.value_domain()?;
    if domain.closed() && domain.code(text).is_none() {
        return Some(format!("`{text}` is not a code of {}", domain.name()));
    }
    None
}

/// A code map must end in the element's own value domain.
fn codes(element: &DataElement, expression: &Compiled) -> Option<String> {
    let Some(Step::Code(CodeStep::Code { map })) = expression.steps.last() else { return None };
    let domain = element.value_domain()?;
    if !domain.closed() {
        return None;
    }
    let stray = map.targets().find(|it| domain.code(it).is_none())?;
    Some(format!(
        "the code map {} leads out of {}: `{stray}` is not a code of it; give the map `domain = \"{}\"`",
        map.file(),
        domain.name(),
        domain.name()
    ))
}
