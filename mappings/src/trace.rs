//! How a value came about: the expression as it was written, the node it began at, and what each step
//! made of it. Made only when somebody asks to be told; a message on the road carries none of this.

use adapters::NodeId;

use crate::compiled::Compiled;
use crate::datum::Datum;
use crate::expression::Expression;
use crate::scene::Scene;

/// The way to one element of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The element's place in its entity.
    pub position: usize,
    /// Where the value was read, if it came from the message.
    pub node: Option<NodeId>,
    /// The source as it was written, then each step, with the value behind it. Steps behind the one
    /// that could not go on are left out.
    pub stages: Vec<Stage>,
}

/// One stage on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// As it stands in the mapping file.
    pub written: String,
    /// What it gave; `None` for no value.
    pub value: Option<String>,
}

/// Evaluates once more, and keeps what stands between the steps.
pub(crate) fn of(
    position: usize,
    expression: &Compiled,
    written: &str,
    node: Option<NodeId>,
    scene: &Scene<'_>,
) -> Trace {
    let values = expression.values(scene);
    let stages = parts(written).into_iter().zip(values);
    let stages = stages.map(|(written, value)| Stage { written, value }).collect();
    Trace { position, node, stages }
}

/// The source and the steps of an expression, as they were written.
fn parts(written: &str) -> Vec<String> {
    let Ok(expression) = Expression::parse(written) else { return vec![written.to_owned()] };
    let starts: Vec<usize> = expression.steps.iter().map(|it| it.offset).collect();
    let ends = starts.iter().copied().chain([written.len()]);
    let starts = std::iter::once(0).chain(starts.iter().copied());
    starts
        .zip(ends)
        .map(|(start, end)| {
            let part = written.get(start..end).unwrap_or_default().trim();
            part.strip_suffix('|').unwrap_or(part).trim_end().to_owned()
        })
        .collect()
}

/// A value as it is shown.
pub(crate) fn shown(datum: &Datum<'_>) -> Option<String> {
    match datum {
        Datum::List(items) => Some(format!("[{}]", items.join(", "))),
        datum => datum.to_text().map(std::borrow::Cow::into_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_taken_apart_as_it_was_written() {
        check("a/b", "a/b");
        check(
            "a | join(\" | \", b | trim) | datetime(\"yyyy\")",
            "a;join(\" | \", b | trim);datetime(\"yyyy\")",
        );
        check("\"|\" | default(\"x\")", "\"|\";default(\"x\")");
    }

    #[track_caller]
    fn check(written: &str, expected: &str) {
        assert_eq!(parts(written).join(";"), expected);
    }
}
