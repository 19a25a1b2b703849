//! The expression language: a source and the steps that restate what it holds.
//!
//! ```text
//! expression = source { "|" step }
//! source     = path | literal | number | "$" name
//!            | "count(" path ")" | "sum(" path "," expression ")"
//! path       = [ "/" | "$item" [ "/" ] ] segment { "/" segment }
//!              "/" first: from the document's root; "$item" first: from the item of `each`
//! segment    = "." | ".." | [ axis "::" ] name | "@" name, each but the first two with
//!              { "[" predicate "]" }; an empty segment ("//") makes the next match at any depth
//! axis       = "following-sibling" | "preceding-sibling" | "ancestor"
//! name       = [ "{" uri "}" ] ( "*" | plain name | "`" any text "`" )
//! predicate  = whole number | "last" | "$position" | [ "not" ] path [ test ]
//! test       = ( "=" | "!=" ) ( literal | "$item" [ "/" path ] ) | among | state
//! among      = "in" "(" literal { "," literal } ")"
//! state      = "is" ( "absent" | "empty" | "null" | "present" )
//! step       = name [ "(" argument { "," argument } ")" ]
//! argument   = whole number | expression; the one argument of `when` is a condition
//! literal    = '"' text '"'                            \" \\ \n \t inside
//! condition  = all { "or" all }
//! all        = term { "and" term }
//! term       = "not" term | "(" condition ")" | expression [ comparison ]
//! comparison = ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) expression | among | state
//! ```
//!
//! There are no loops and no definitions: an expression ends after at most as many steps as it has.
//! What a path may cost is bounded by the budget of `walk`.

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
    /// A decimal as it was written; whole or not, never a float.
    Number(String),
    /// `$channel`, `$position`, `$1`, ...: told by the road or by the record, not by a path.
    Variable(String),
    /// How many nodes the path reaches.
    Count(Path),
    /// The sum of what the expression gives at each node the path reaches.
    Sum(Path, Box<Expression>),
}

/// A way through the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) start: Start,
    pub(crate) segments: Vec<Segment>,
    /// The number of the index that its join is looked up in; the compiler gives it.
    pub(crate) index: Option<usize>,
}

/// The segment of a path that joins a table to the item of `each`, and what stands around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Join<'p> {
    pub(crate) before: &'p [Segment],
    pub(crate) axis: &'p Axis,
    /// What is compared: from a row of the table, and from the item.
    pub(crate) key: &'p Path,
    pub(crate) wanted: &'p Operand,
    pub(crate) further: &'p [Predicate],
    pub(crate) behind: &'p [Segment],
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The node at hand: the item of `each`, the node a predicate or a sum looks at.
    Here,
    Root,
    /// The item of `each`, also from inside a predicate or a sum.
    Item,
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
    Child(Name),
    Attribute(Name),
    Descendant(Name),
    FollowingSibling(Name),
    /// Nearest first.
    PrecedingSibling(Name),
    /// Nearest first, the document itself left out.
    Ancestor(Name),
}

/// Which names a segment takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// `None` does not ask; the empty string wants a node in no namespace.
    pub(crate) namespace: Option<String>,
    /// `None` takes any, as `*` does.
    pub(crate) local: Option<String>,
}

/// A choice among the nodes a segment reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Predicate {
    /// The n-th, from 1.
    Index(usize),
    Last,
    /// The one at the position of the current item of `each`.
    Position,
    Test {
        negated: bool,
        path: Path,
        test: Test,
    },
}

/// What a predicate asks of the nodes its path reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Exists,
    Is(Operand),
    IsNot(Operand),
    In(Vec<String>),
    State(State),
}

/// What a predicate compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Literal(String),
    /// A path from the item of `each`: two tables are joined by it.
    Item(Path),
}

/// The four ways in which a value can be there or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No node.
    Absent,
    /// A node with nothing in it, or an empty list.
    Empty,
    /// JSON `null`, `xsi:nil`, HL7 `""`, or a null word of the mapping.
    Null,
    /// A node, whatever is in it.
    Present,
}

impl State {
    pub(crate) const ALL: &[(&str, State)] = &[
        ("absent", State::Absent),
        ("empty", State::Empty),
        ("null", State::Null),
        ("present", State::Present),
    ];
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
    Condition(Condition),
}

/// `when` and `where`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Term(Box<Term>),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) expression: Expression,
    pub(crate) comparison: Comparison,
}

/// What a condition asks of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    HasValue,
    Compare(Relation, Expression),
    In(Vec<String>),
    Is(State),
}

/// How two values stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
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

    /// Every path that has to be readable before the expression can be judged.
    fn gather<'e>(&'e self, paths: &mut Vec<&'e Path>) {
        match &self.source {
            Source::Path(path) | Source::Count(path) | Source::Sum(path, _) => paths.push(path),
            Source::Literal(_) | Source::Number(_) | Source::Variable(_) => {}
        }
        for argument in self.steps.iter().flat_map(|it| &it.arguments) {
            match argument {
                Argument::Expression(expression) => expression.gather(paths),
                Argument::Condition(condition) => condition.gather(paths),
                Argument::Number(_) => {}
            }
        }
    }
}

impl Condition {
    pub(crate) fn parse(text: &str) -> Result<Condition, SyntaxError> {
        let mut parser = Parser::new(text);
        let condition = parser.condition()?;
        parser.end()?;
        Ok(condition)
    }

    /// Every path that has to be readable before the condition can be judged.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.gather(&mut paths);
        paths
    }

    fn gather<'e>(&'e self, paths: &mut Vec<&'e Path>) {
        match self {
            Condition::Any(parts) | Condition::All(parts) => {
                for part in parts {
                    part.gather(paths);
                }
            }
            Condition::Not(part) => part.gather(paths),
            Condition::Term(term) => {
                term.expression.gather(paths);
                if let Comparison::Compare(_, other) = &term.comparison {
                    other.gather(paths);
                }
            }
        }
    }
}

impl Path {
    pub(crate) fn new(start: Start, segments: Vec<Segment>) -> Path {
        Path { start, segments, index: None }
    }

    /// `/table[key = $item/key]/...`: one look through the table serves every item. Positions among
    /// the rows found are those among their siblings, so a path that asks for them is not one.
    pub(crate) fn join(&self) -> Option<Join<'_>> {
        let is_fixed = |it: &Segment| it.predicates.iter().all(Predicate::is_fixed);
        let at = self.segments.iter().position(|it| !is_fixed(it))?;
        let (before, rest) = self.segments.split_at_checked(at)?;
        let (segment, behind) = rest.split_first()?;
        let (first, further) = segment.predicates.split_first()?;
        let Predicate::Test { negated: false, path: key, test: Test::Is(wanted) } = first else {
            return None;
        };
        let from_row = key.start == Start::Here && key.segments.iter().all(is_fixed);
        let counts = |it: &Predicate| !matches!(it, Predicate::Test { .. });
        let is_join = self.start == Start::Root
            && from_row
            && matches!(wanted, Operand::Item(_))
            && !further.iter().any(counts);
        is_join.then_some(Join { before, axis: &segment.axis, key, wanted, further, behind })
    }

    /// `.` and nothing else.
    pub(crate) fn is_here(&self) -> bool {
        self.start != Start::Root
            && self.segments.iter().all(|it| it.axis == Axis::Here && it.predicates.is_empty())
    }

    /// Whether it leads to the same nodes wherever in the message it is asked.
    pub(crate) fn is_fixed(&self) -> bool {
        self.start == Start::Root
            && self.segments.iter().flat_map(|it| &it.predicates).all(Predicate::is_fixed)
    }

    /// Whether `self` begins with the same plain steps as `other`: does reading it need what lies
    /// at `other` to be opened first? Anything but plain names (`//`, `*`) might reach it.
    pub(crate) fn may_pass(&self, other: &Path) -> bool {
        for (depth, (mine, theirs)) in self.segments.iter().zip(&other.segments).enumerate() {
            if !mine.axis.may_meet(&theirs.axis) {
                return false;
            }
            let before = self.segments.get(..=depth).unwrap_or_default();
            if mine.predicates.iter().any(|it| it.may_pass(before, other)) {
                return true;
            }
        }
        true
    }
}

impl Axis {
    fn may_meet(&self, other: &Axis) -> bool {
        match (self, other) {
            (Axis::Child(a), Axis::Child(b)) | (Axis::Attribute(a), Axis::Attribute(b)) => {
                a.local.is_none() || b.local.is_none() || a.local == b.local
            }
            (Axis::Child(_), Axis::Attribute(_)) | (Axis::Attribute(_), Axis::Child(_)) => false,
            _ => true,
        }
    }
}

impl Predicate {
    fn is_fixed(&self) -> bool {
        match self {
            Predicate::Index(_) | Predicate::Last => true,
            Predicate::Position => false,
            Predicate::Test { path, test, .. } => {
                let compares_with_item =
                    matches!(test, Test::Is(Operand::Item(_)) | Test::IsNot(Operand::Item(_)));
                let inside = path.segments.iter().flat_map(|it| &it.predicates);
                path.start != Start::Item
                    && !compares_with_item
                    && inside.into_iter().all(Predicate::is_fixed)
            }
        }
    }

    /// A predicate reads on from the segments before it.
    fn may_pass(&self, before: &[Segment], other: &Path) -> bool {
        let Predicate::Test { path, .. } = self else { return false };
        let bare =
            before.iter().map(|it| Segment { axis: it.axis.clone(), predicates: Vec::new() });
        let segments = bare.chain(path.segments.iter().cloned()).collect();
        Path::new(Start::Root, segments).may_pass(other)
    }
}
