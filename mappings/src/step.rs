//! The steps: each takes a value and restates it, or says why it cannot.
//!
//! One room of `step/` for each kind of step: how its arguments are read when a mapping is loaded,
//! and what it does to a value when a message arrives. Which steps there are stands in `step_list`.

use std::borrow::Cow;

use crate::compiled::{Compiled, Scene};
use crate::datum::{Datum, Fault};

pub(crate) mod choice;
pub(crate) mod code;
pub(crate) mod cut;
pub(crate) mod date;
pub(crate) mod list;
pub(crate) mod number;
pub(crate) mod pattern;
pub(crate) mod text;

use self::choice::ChoiceStep;
use self::code::CodeStep;
use self::cut::CutStep;
use self::date::DateStep;
use self::list::ListStep;
use self::number::NumberStep;
use self::pattern::PatternStep;
use self::text::TextStep;

/// A step, compiled: arguments read, patterns understood, code maps looked up.
#[derive(Debug)]
pub(crate) enum Step {
    Choice(ChoiceStep),
    Code(CodeStep),
    Cut(CutStep),
    Date(DateStep),
    List(ListStep),
    Number(NumberStep),
    Pattern(PatternStep),
    Text(TextStep),
}

/// What becomes of one value.
pub(crate) type Outcome<'a> = Result<Datum<'a>, Fault>;

impl Step {
    /// The expressions among the arguments.
    pub(crate) fn inner(&self) -> Vec<&Compiled> {
        match self {
            Step::Choice(ChoiceStep::Or(it) | ChoiceStep::Agrees { other: it, .. })
            | Step::Date(DateStep::At(it) | DateStep::Years(it) | DateStep::Days(it))
            | Step::List(ListStep::Item(it))
            | Step::Number(
                NumberStep::Plus(it)
                | NumberStep::Minus(it)
                | NumberStep::Times(it)
                | NumberStep::Over { by: it, .. },
            ) => vec![it],
            Step::Number(NumberStep::Unit { from, to, .. }) => vec![from, to],
            Step::List(ListStep::Join { others, .. }) => others.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Restates one value. Absent stays absent but for the choices and `join`.
    pub(crate) fn run<'a>(&'a self, datum: Datum<'a>, scene: &Scene<'a>) -> Outcome<'a> {
        match self {
            Step::Choice(step) => step.run(datum, scene),
            Step::List(step) => step.run(datum, scene),
            _ if matches!(datum, Datum::Absent) => Ok(datum),
            Step::Text(step) => on_text(datum, |text| Ok(step.run(text))),
            Step::Cut(step) => on_text(datum, |text| Ok(step.run(text))),
            Step::Pattern(step) => on_text(datum, |text| step.run(&text)),
            Step::Code(step) => step.run(datum, scene),
            Step::Date(step) => step.run(datum, scene),
            Step::Number(step) => step.run(datum, scene),
        }
    }
}

/// The compiler lets nothing but text through to a step on text.
fn on_text<'a>(datum: Datum<'a>, run: impl FnOnce(Cow<'a, str>) -> Outcome<'a>) -> Outcome<'a> {
    match datum {
        Datum::Text(text) => run(text),
        datum => Ok(datum),
    }
}
