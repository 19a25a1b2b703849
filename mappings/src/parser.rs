//! Reads expressions and conditions: one character at a time, every complaint with its place.

use crate::expression::{
    Argument, Axis, Call, Condition, Expression, Path, Predicate, Segment, Source, SyntaxError,
    Term, Test,
};

/// How deep expressions may stand inside arguments and predicates.
const DEPTH_MAX: u32 = 8;

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

    pub(crate) fn condition(&mut self) -> Parsed<Condition> {
        let mut any = vec![vec![self.term()?]];
        loop {
            if self.word("and") {
                let term = self.term()?;
                any.last_mut().expect("a condition has a first term").push(term);
            } else if self.word("or") {
                any.push(vec![self.term()?]);
            } else {
                return Ok(Condition { any });
            }
        }
    }

    fn term(&mut self) -> Parsed<Term> {
        let negated = self.word("not");
        let expression = self.expression()?;
        let test = self.test()?;
        Ok(Term { negated, expression, test })
    }

    fn test(&mut self) -> Parsed<Test> {
        if self.mark("!=") {
            Ok(Test::IsNot(self.literal()?))
        } else if self.mark("=") {
            Ok(Test::Is(self.literal()?))
        } else {
            Ok(Test::Exists)
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
        match self.peek() {
            Some('"') => Ok(Source::Literal(self.literal()?)),
            Some('$') => {
                self.at += 1;
                Ok(Source::Variable(self.name("the name of a variable, such as $channel")?))
            }
            _ => Ok(Source::Path(self.path()?)),
        }
    }

    fn call(&mut self) -> Parsed<Call> {
        self.blanks();
        let offset = self.at;
        let name = self.name("the name of a step, such as trim or decimal")?;
        let mut arguments = Vec::new();
        if self.mark("(") && !self.mark(")") {
            loop {
                arguments.push(self.argument()?);
                if self.mark(")") {
                    break;
                }
                if !self.mark(",") {
                    return Err(self.fault("`,` or `)` was expected here"));
                }
            }
        }
        Ok(Call { offset, name, arguments })
    }

    fn argument(&mut self) -> Parsed<Argument> {
        match self.number() {
            Some(number) => Ok(Argument::Number(number)),
            None => Ok(Argument::Expression(self.expression()?)),
        }
    }

    pub(crate) fn path(&mut self) -> Parsed<Path> {
        self.blanks();
        let absolute = self.mark("/");
        let mut segments = Vec::new();
        let mut anywhere = absolute && self.mark("/");
        if absolute && !anywhere && !self.at_segment() {
            return Ok(Path { absolute, segments });
        }
        loop {
            segments.push(self.segment(anywhere)?);
            if !self.mark("/") {
                return Ok(Path { absolute, segments });
            }
            anywhere = self.mark("/");
        }
    }

    fn at_segment(&self) -> bool {
        self.peek().is_some_and(|it| is_name(it) || matches!(it, '@' | '*' | '.'))
    }

    fn segment(&mut self, anywhere: bool) -> Parsed<Segment> {
        let axis = if self.mark("..") {
            Axis::Parent
        } else if self.mark("@") {
            Axis::Attribute(self.name("the name of an attribute")?)
        } else if self.mark("*") {
            Axis::AnyChild
        } else if self.peek() == Some('.') {
            self.at += 1;
            Axis::Here
        } else if anywhere {
            Axis::Descendant(self.name("a name")?)
        } else {
            Axis::Child(self.name("a path, a \"literal\" or a $variable")?)
        };
        if anywhere && !matches!(axis, Axis::Descendant(_)) {
            return Err(self.fault("after `//` a plain name is expected"));
        }
        let mut predicates = Vec::new();
        while self.mark("[") {
            predicates.push(self.predicate()?);
        }
        Ok(Segment { axis, predicates })
    }

    fn predicate(&mut self) -> Parsed<Predicate> {
        self.deeper()?;
        let predicate = match self.number() {
            Some(0) => return Err(self.fault("positions count from 1")),
            Some(index) => Predicate::Index(index),
            None => Predicate::Test { path: self.path()?, test: self.test()? },
        };
        if !self.mark("]") {
            return Err(self.fault("`]` was expected here"));
        }
        self.depth -= 1;
        Ok(predicate)
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

    fn number(&mut self) -> Option<usize> {
        self.blanks();
        let rest = self.text.get(self.at..)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let behind = rest.get(digits..)?.chars().next();
        if digits == 0 || behind.is_some_and(|it| is_name(it) || it == '.') {
            return None; // `5mg` is a name
        }
        let number = rest.get(..digits)?.parse().ok()?;
        self.at += digits;
        Some(number)
    }

    fn name(&mut self, what: &str) -> Parsed<String> {
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

    /// Takes a word that stands alone: `and`, not the beginning of `android`.
    fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let taken = rest
            .strip_prefix(word)
            .is_some_and(|behind| behind.chars().next().is_none_or(char::is_whitespace));
        if taken {
            self.at += word.len();
        }
        taken
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
        )
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        check("../../prescNo", "Path(../../prescNo)");
        check(
            "/msgBody/root/patient/sex | code(\"sex\")",
            "Path(/msgBody/root/patient/sex) code(\"sex\")",
        );
        check("@处方号 | trim | decimal", "Path(@处方号) trim() decimal()");
        check("item[name=\"input_in\"][1]/value//code", "Path(item[?][1]/value//code)");
        check("\"1\"", "Literal(1)");
        check("$position", "Variable(position)");
        check("a | join(\" \", ../b | trim)", "Path(a) join(\" \",../b trim())");
        check("a | match(\"^([0-9.]+)\", 1)", "Path(a) match(\"^([0-9.]+)\",1)");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        check("", "0: a path, a \"literal\" or a $variable was expected here");
        check("a |", "3: the name of a step, such as trim or decimal was expected here");
        check("a | code(\"sex\"", "14: `,` or `)` was expected here");
        check("a[0]", "3: positions count from 1");
        check("\"open", "5: the text in double quotes has no end");
        check("a b", "2: nothing more was expected here");
        check("a | f(b|f(b|f(b|f(b|f(b|f(b|f(b|f(b))))))))", "34: this is nested too deeply");
    }

    #[test]
    fn conditions() {
        let both = Condition::parse("a = \"x\" and not b/c or d != \"y\"").expect("a condition");
        assert_eq!(both.any.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let actual = match Expression::parse(text) {
            Ok(expression) => show(&expression),
            Err(error) => format!("{}: {}", error.offset, error.message),
        };
        assert_eq!(actual, expected);
    }

    fn show(expression: &Expression) -> String {
        let mut out = match &expression.source {
            Source::Path(path) => format!("Path({})", show_path(path)),
            Source::Literal(text) => format!("Literal({text})"),
            Source::Variable(name) => format!("Variable({name})"),
        };
        for call in &expression.steps {
            let arguments: Vec<_> = call.arguments.iter().map(show_argument).collect();
            let _ = write!(out, " {}({})", call.name, arguments.join(","));
        }
        out
    }

    fn show_argument(argument: &Argument) -> String {
        match argument {
            Argument::Number(number) => number.to_string(),
            Argument::Expression(it) => match &it.source {
                Source::Literal(text) => format!("\"{text}\""),
                _ => show(it).replace("Path(", "").replacen(')', "", 1),
            },
        }
    }

    fn show_path(path: &Path) -> String {
        let mut out = String::new();
        for (i, segment) in path.segments.iter().enumerate() {
            let slash = if i > 0 || path.absolute { "/" } else { "" };
            let name = match &segment.axis {
                Axis::Here => ".".to_owned(),
                Axis::Parent => "..".to_owned(),
                Axis::AnyChild => "*".to_owned(),
                Axis::Child(name) => name.clone(),
                Axis::Attribute(name) => format!("@{name}"),
                Axis::Descendant(name) => format!("/{name}"),
            };
            out.push_str(slash);
            out.push_str(&name);
            for predicate in &segment.predicates {
                match predicate {
                    Predicate::Index(index) => {
                        let _ = write!(out, "[{index}]");
                    }
                    Predicate::Test { .. } => out.push_str("[?]"),
                }
            }
        }
        out
    }
}
