//! What stands between a step's parentheses, read as what the step needs.

use super::{Compilation, STEPS, Scope};
use crate::compiled::Compiled;
use crate::datum::Kind;
use crate::expression::{Argument, Call, Expression, Source};
use crate::step::Step;
use crate::step::list::constant;

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
        _ => None,
    }
}

/// The same, or a decimal that is nothing but one.
pub(crate) fn written(argument: &Argument) -> Option<String> {
    match argument {
        Argument::Expression(Expression { source: Source::Number(number), steps, .. })
            if steps.is_empty() =>
        {
            Some(number.clone())
        }
        other => literal(other),
    }
}

/// An argument that yields a number: `100`, `"0.5" | decimal`, `price | decimal`.
pub(crate) fn number_of(argument: &Argument, scope: &mut dyn Scope) -> Result<Compiled, String> {
    let expression = match argument {
        Argument::Number(number) => return Ok(constant(*number)),
        Argument::Expression(expression) => expression,
        Argument::Condition(_) => {
            return Err("its argument is a condition, not a number".to_owned());
        }
    };
    let compiled = scope.expression(expression).ok_or("its argument is not right")?;
    if compiled.kind == Kind::Number {
        return Ok(compiled);
    }
    Err(format!("its argument is {}, not a number; add `| decimal` inside", compiled.kind.word()))
}

/// An argument that yields text.
pub(crate) fn text_of(argument: &Argument, scope: &mut dyn Scope) -> Result<Compiled, String> {
    let Argument::Expression(expression) = argument else {
        return Err("its argument is a number, not text".to_owned());
    };
    let compiled = scope.expression(expression).ok_or("its argument is not right")?;
    if compiled.kind == Kind::Text {
        return Ok(compiled);
    }
    Err(format!("its argument is {}, not text", compiled.kind.word()))
}
