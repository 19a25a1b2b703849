//! Reads expressions and conditions: one character at a time, every complaint with its place.

use crate::expression::{Argument, Call, Expression, Source, SyntaxError};
use crate::suggestion;

mod conditions;
mod paths;

/// How deep expressions may stand inside arguments and predicates.
const DEPTH_MAX: u32 = 8;

/// The steps whose argument is a condition.
const CONDITIONAL: [&str; 1] = ["when"];

const FUNCTIONS: [&str; 2] = ["count", "sum"];

pub(crate) struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

type Parsed<T> = Result<T, SyntaxError>;

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str) -> Parser<'a> {
        Parser { text, at: 0, depth: 0 }
    }

    pub(crate) fn end(&mut self) -> Parsed<()> {
        self.blanks();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.fault("nothing more was expected here"))
        }
    }

    pub(crate) fn expression(&mut self) -> Parsed<Expression> {
        self.blanks();
        let offset = self.at;
        self.deeper()?;
        let source = self.source()?;
        let mut steps = Vec::new();
        while self.mark("|") {
            steps.push(self.call()?);
        }
        self.depth -= 1;
        Ok(Expression { offset, source, steps })
    }

    fn source(&mut self) -> Parsed<Source> {
        let start = self.at;
        match self.peek() {
            Some('"') => Ok(Source::Literal(self.literal()?)),
            Some('$') if !self.at_item() => {
                self.at += 1;
                Ok(Source::Variable(self.plain_name("the name of a variable, such as $channel")?))
            }
            _ => match self.function() {
                Some(name) => self.call_function(&name, start),
                None => Ok(Source::Path(self.path()?)),
            },
        }
    }

    /// The name of a function, if a name and a parenthesis stand here.
    fn function(&mut self) -> Option<String> {
        let start = self.at;
        let name = self.plain_name("").ok().filter(|_| self.mark("("));
        if name.is_none() {
            self.at = start;
        }
        name
    }

    fn call_function(&mut self, name: &str, start: usize) -> Parsed<Source> {
        let source = match name {
            "count" => Source::Count(self.path()?),
            "sum" => {
                let path = self.path()?;
                self.expect(",")?;
                Source::Sum(path, Box::new(self.expression()?))
            }
            _ => {
                let hint = suggestion(name, FUNCTIONS.into_iter());
                let message = format!("there is no function `{name}`{hint}");
                return Err(SyntaxError { offset: start, message });
            }
        };
        self.expect(")")?;
        Ok(source)
    }

    fn call(&mut self) -> Parsed<Call> {
        self.blanks();
        let offset = self.at;
        let name = self.plain_name("the name of a step, such as trim or decimal")?;
        let mut arguments = Vec::new();
        if !self.mark("(") || self.mark(")") {
            return Ok(Call { offset, name, arguments });
        }
        loop {
            arguments.push(self.argument(&name)?);
            if self.mark(")") {
                return Ok(Call { offset, name, arguments });
            }
            if !self.mark(",") {
                return Err(self.fault("`,` or `)` was expected here"));
            }
        }
    }

    fn argument(&mut self, step: &str) -> Parsed<Argument> {
        self.blanks();
        if CONDITIONAL.contains(&step) {
            return Ok(Argument::Condition(self.condition()?));
        }
        let start = self.at;
        if let Some(number) = self.decimal() {
            if self.at_mark(&[",", ")"]) {
                return Ok(match number.parse() {
                    Ok(whole) => Argument::Number(whole),
                    Err(_) => Argument::Expression(Expression {
                        offset: start,
                        source: Source::Number(number),
                        steps: Vec::new(),
                    }),
                });
            }
            self.at = start; // digits are a name where a path goes on: `5/1`
        }
        Ok(Argument::Expression(self.expression()?))
    }

    fn literal(&mut self) -> Parsed<String> {
        self.blanks();
        if !self.mark("\"") {
            return Err(self.fault("a text in double quotes was expected here"));
        }
        let mut text = String::new();
        loop {
            let Some(it) = self.take() else {
                return Err(self.fault("the text in double quotes has no end"));
            };
            match it {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                it => text.push(it),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        match self.take() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            // Regular expressions are written in literals; their backslashes stay readable when
            // only the three that matter here are escapes and the rest is refused, not guessed.
            Some(it @ ('"' | '\\')) => Ok(it),
            _ => Err(self.fault("only \\\" \\\\ \\n \\t may follow a backslash")),
        }
    }

    /// A decimal that stands alone: `5`, `-0.5`; not the beginning of `5mg`.
    fn decimal(&mut self) -> Option<String> {
        self.blanks();
        let rest = self.text.get(self.at..)?;
        let is_part = |it: char| is_name(it) || it == '.';
        let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let word = rest.get(..end)?;
        let digits = word.strip_prefix('-').unwrap_or(word);
        if !digits.starts_with(|it: char| it.is_ascii_digit()) || !is_decimal(digits) {
            return None;
        }
        self.at += end;
        Some(word.to_owned())
    }

    fn plain_name(&mut self, what: &str) -> Parsed<String> {
        let start = self.at;
        // A dot may stand inside a name (`DE05.01`), not at its beginning: there it is `.` or `..`.
        while self.peek().is_some_and(|it| is_name(it) || (it == '.' && self.at > start)) {
            self.take();
        }
        match self.text.get(start..self.at) {
            Some(name) if !name.is_empty() => Ok(name.to_owned()),
            _ => Err(self.fault(&format!("{what} was expected here"))),
        }
    }

    /// Everything up to a closing mark, as it stands: a URI, or a name with blanks and brackets.
    fn until(&mut self, end: char) -> Parsed<String> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some((text, _)) = rest.split_once(end) else {
            return Err(self.fault(&format!("`{end}` was expected behind this")));
        };
        self.at += text.len() + end.len_utf8();
        Ok(text.to_owned())
    }

    /// Takes a word that stands alone: `and`, not the beginning of `android`.
    fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let taken = rest
            .strip_prefix(word)
            .map(|behind| behind.chars().next())
            .is_some_and(|it| it.is_none_or(|it| it.is_whitespace() || it == '('));
        if taken {
            self.at += word.len();
        }
        taken
    }

    fn expect(&mut self, mark: &str) -> Parsed<()> {
        if self.mark(mark) {
            Ok(())
        } else {
            Err(self.fault(&format!("`{mark}` was expected here")))
        }
    }

    fn at_mark(&mut self, marks: &[&str]) -> bool {
        self.blanks();
        let rest = self.text.get(self.at..).unwrap_or_default();
        marks.iter().any(|it| rest.starts_with(it))
    }

    fn mark(&mut self, mark: &str) -> bool {
        self.blanks();
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(mark));
        if found {
            self.at += mark.len();
        }
        found
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.take();
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let it = self.peek()?;
        self.at += it.len_utf8();
        Some(it)
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(self.fault("this is nested too deeply")) } else { Ok(()) }
    }

    fn fault(&self, message: &str) -> SyntaxError {
        SyntaxError { offset: self.at, message: message.to_owned() }
    }
}

/// XML and JSON names as hospitals write them: letters of any script, digits, `_ - . :` inside.
fn is_name(it: char) -> bool {
    !it.is_whitespace()
        && !matches!(
            it,
            '/' | '|'
                | '['
                | ']'
                | '@'
                | '='
                | '!'
                | '('
                | ')'
                | ','
                | '"'
                | '$'
                | '*'
                | '.'
                | '\''
                | '<'
                | '>'
                | '{'
                | '}'
                | '`'
        )
}

fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    all_digits(whole) && all_digits(fraction)
}

#[cfg(test)]
mod tests;
