//! What stands between a step's parentheses, read as what the step needs.

use super::{Compilation, STEPS};
use crate::datum::Kind;
use crate::expression::{Argument, Call, Expression, Source};
use crate::step::Step;

/// The arguments of one step as it was written.
pub(crate) struct Arguments<'a> {
    pub(crate) call: &'a Call,
}

impl Arguments<'_> {
    pub(crate) fn none(&self, step: Step, kind: Kind) -> Compilation {
        if self.call.arguments.is_empty() { Ok((step, kind)) } else { Err(self.usage()) }
    }

    pub(crate) fn texts<const N: usize>(&self) -> Result<[String; N], String> {
        <[String; N]>::try_from(self.all_texts()?).map_err(|_| self.usage())
    }

    pub(crate) fn some_texts(&self) -> Result<Vec<String>, String> {
        let texts = self.all_texts()?;
        if texts.is_empty() { Err(self.usage()) } else { Ok(texts) }
    }

    pub(crate) fn all_texts(&self) -> Result<Vec<String>, String> {
        self.call.arguments.iter().map(|it| literal(it).ok_or_else(|| self.usage())).collect()
    }

    pub(crate) fn number(&self) -> Result<usize, String> {
        match self.call.arguments.as_slice() {
            [Argument::Number(number)] => Ok(*number),
            _ => Err(self.usage()),
        }
    }

    pub(crate) fn usage(&self) -> String {
        let name = self.call.name.as_str();
        let usage = STEPS.iter().find(|it| it.name == name).map_or(name, |it| it.usage);
        format!("`{name}` is written `{usage}`")
    }
}

/// The text of an argument that is nothing but a text.
pub(crate) fn literal(argument: &Argument) -> Option<String> {
    match argument {
        Argument::Expression(Expression { source: Source::Literal(text), steps, .. })
            if steps.is_empty() =>
        {
            Some(text.clone())
        }
        Argument::Expression(_) | Argument::Number(_) | Argument::Condition(_) => None,
    }
}
