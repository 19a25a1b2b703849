//! The expression language: a source and the steps that restate what it holds.
//!
//! ```text
//! expression = source { "|" step }
//! source     = path | literal | "$" name
//! path       = [ "/" ] segment { "/" segment }        "/" first: from the document's root
//! segment    = "." | ".." | "*" | "@" name | name, each but the first two with { "[" predicate "]" }
//!              an empty segment ("//") makes the next one match at any depth
//! predicate  = number | path ( "=" | "!=" ) literal | path
//! step       = name [ "(" argument { "," argument } ")" ]
//! argument   = number | expression
//! literal    = '"' text '"'                            \" \\ \n \t inside
//! condition  = term { ( "and" | "or" ) term }          "and" binds closer than "or"
//! term       = [ "not" ] expression [ ( "=" | "!=" ) literal ]
//! ```
//!
//! There are no loops and no definitions: an expression ends after at most as many steps as it has.

use crate::parser::Parser;

/// A parsed expression; offsets count bytes from its first character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression {
    pub(crate) offset: usize,
    pub(crate) source: Source,
    pub(crate) steps: Vec<Call>,
}

/// What an expression starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Path(Path),
    Literal(String),
    /// `$channel`, `$position`, ...: told by the road, not by the message.
    Variable(String),
}

/// A way through the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) absolute: bool,
    pub(crate) segments: Vec<Segment>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) axis: Axis,
    pub(crate) predicates: Vec<Predicate>,
}

/// Which nodes a segment reaches from the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Here,
    Parent,
    AnyChild,
    Child(String),
    Attribute(String),
    Descendant(String),
}

/// A choice among the nodes a segment reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Predicate {
    /// The n-th, from 1.
    Index(usize),
    Test {
        path: Path,
        test: Test,
    },
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Exists,
    Is(String),
    IsNot(String),
}

/// A step as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) offset: usize,
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
}

/// What stands between a step's parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Number(usize),
    Expression(Expression),
}

/// `when` and `where`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Any of these, each all of those.
    pub(crate) any: Vec<Vec<Term>>,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) negated: bool,
    pub(crate) expression: Expression,
    pub(crate) test: Test,
}

/// Why a text is not an expression, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) offset: usize,
    pub(crate) message: String,
}

impl Expression {
    pub(crate) fn parse(text: &str) -> Result<Expression, SyntaxError> {
        let mut parser = Parser::new(text);
        let expression = parser.expression()?;
        parser.end()?;
        Ok(expression)
    }
}

impl Condition {
    pub(crate) fn parse(text: &str) -> Result<Condition, SyntaxError> {
        let mut parser = Parser::new(text);
        let condition = parser.condition()?;
        parser.end()?;
        Ok(condition)
    }

    /// Every expression in it, for whoever has to compile or inspect them.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.any.iter().flatten().map(|term| &term.expression)
    }
}

impl Path {
    /// Whether `self` begins with the same plain steps as `other`: does reading it need what lies
    /// at `other` to be opened first? Anything but a plain child (`//`, `*`) might reach it.
    pub(crate) fn may_pass(&self, other: &Path) -> bool {
        self.segments.iter().zip(&other.segments).all(|(mine, theirs)| {
            match (&mine.axis, &theirs.axis) {
                (Axis::Child(a), Axis::Child(b)) | (Axis::Attribute(a), Axis::Attribute(b)) => {
                    a == b
                }
                (Axis::Child(_), Axis::Attribute(_)) | (Axis::Attribute(_), Axis::Child(_)) => {
                    false
                }
                _ => true,
            }
        })
    }
}
