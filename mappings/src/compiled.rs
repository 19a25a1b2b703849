//! An expression ready to run, and the scene it runs in.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use adapters::{Document, NodeId};
use jiff::civil::DateTime;
use schemas::Number;

use crate::datum::{Datum, Fault, Kind};
use crate::expression::{Condition, Path, Test};
use crate::step::Step;
use crate::walk;

/// What the road knows of a message besides its text. The time is passed in: nothing here has a clock.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The channel it came in by.
    pub channel: &'a str,
    /// The hospital's code at the insurer.
    pub org: &'a str,
    /// The id the agent gave the message.
    pub message_id: &'a str,
    /// When it arrived, China time.
    pub received_at: DateTime,
    /// The SOAP operation that was called, if any.
    pub operation: Option<&'a str>,
}

/// An expression whose paths, steps and kinds have been proved.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) source: From,
    pub(crate) steps: Vec<Step>,
    pub(crate) kind: Kind,
}

/// Where the value is taken from.
#[derive(Debug)]
pub(crate) enum From {
    Relative(Path),
    /// Always the same node within one message: found once and kept under this number.
    Absolute(usize, Path),
    Literal(String),
    Variable(Variable),
}

/// What `$name` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    Channel,
    Org,
    MessageId,
    ReceivedAt,
    Operation,
    Position,
}

impl Variable {
    pub(crate) const ALL: &[(&str, Variable)] = &[
        ("channel", Variable::Channel),
        ("org", Variable::Org),
        ("message_id", Variable::MessageId),
        ("received_at", Variable::ReceivedAt),
        ("operation", Variable::Operation),
        ("position", Variable::Position),
    ];

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Variable::ReceivedAt => Kind::DateTime,
            Variable::Position => Kind::Number,
            Variable::Channel | Variable::Org | Variable::MessageId | Variable::Operation => {
                Kind::Text
            }
        }
    }
}

/// One item of an iteration: a node, or one part of a node's text.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) node: NodeId,
    pub(crate) text: Option<Cow<'a, str>>,
    /// From 1, among the items of this `each`.
    pub(crate) position: usize,
}

/// Everything an expression may look at while it runs.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) document: &'a Document,
    pub(crate) context: &'a Context<'a>,
    pub(crate) item: &'a Item<'a>,
    pub(crate) found: &'a Found,
}

/// What is found once a message: the nodes of absolute paths, and what steps let pass with a word.
#[derive(Debug, Default)]
pub(crate) struct Found {
    nodes: Vec<Cell<Lookup>>,
    notes: RefCell<Vec<Fault>>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Lookup {
    #[default]
    NotYet,
    Done(Option<NodeId>),
}

impl Found {
    pub(crate) fn new(paths: usize) -> Found {
        Found { nodes: vec![Cell::default(); paths], notes: RefCell::default() }
    }

    /// Keeps what a step has to say of a value that goes on all the same.
    pub(crate) fn note(&self, fault: Fault) {
        self.notes.borrow_mut().push(fault);
    }

    /// What was noted since the last time.
    pub(crate) fn take_notes(&self) -> Vec<Fault> {
        self.notes.take()
    }

    fn node(&self, number: usize, document: &Document, path: &Path) -> Option<NodeId> {
        let Some(cell) = self.nodes.get(number) else {
            return walk::first(document, document.root(), path);
        };
        if let Lookup::Done(node) = cell.get() {
            return node;
        }
        let node = walk::first(document, document.root(), path);
        cell.set(Lookup::Done(node));
        node
    }
}

impl Compiled {
    /// The value in this scene, or what is wrong with it.
    pub(crate) fn evaluate<'a>(&'a self, scene: &Scene<'a>) -> Result<Datum<'a>, Fault> {
        let mut datum = self.start(scene);
        for step in &self.steps {
            datum = step.run(datum, scene)?;
        }
        Ok(datum)
    }

    /// The node the value is read from, for telling where a finding stands.
    pub(crate) fn node(&self, scene: &Scene<'_>) -> Option<NodeId> {
        match &self.source {
            From::Relative(path) => walk::first(scene.document, scene.item.node, path),
            From::Absolute(number, path) => scene.found.node(*number, scene.document, path),
            From::Literal(_) | From::Variable(_) => None,
        }
    }

    fn start<'a>(&'a self, scene: &Scene<'a>) -> Datum<'a> {
        match &self.source {
            From::Literal(text) => Datum::Text(Cow::Borrowed(text)),
            From::Variable(variable) => variable_value(*variable, scene),
            From::Relative(path) if path.is_here() && scene.item.text.is_some() => {
                scene.item.text.clone().map_or(Datum::Absent, Datum::Text)
            }
            From::Relative(_) | From::Absolute(..) => {
                let value = self.node(scene).and_then(|it| scene.document.value(it));
                value.map_or(Datum::Absent, |text| Datum::Text(Cow::Borrowed(text)))
            }
        }
    }
}

fn variable_value<'a>(variable: Variable, scene: &Scene<'a>) -> Datum<'a> {
    let context = scene.context;
    match variable {
        Variable::Channel => Datum::Text(Cow::Borrowed(context.channel)),
        Variable::Org => Datum::Text(Cow::Borrowed(context.org)),
        Variable::MessageId => Datum::Text(Cow::Borrowed(context.message_id)),
        Variable::ReceivedAt => Datum::DateTime(context.received_at),
        Variable::Operation => {
            context.operation.map_or(Datum::Absent, |it| Datum::Text(Cow::Borrowed(it)))
        }
        Variable::Position => {
            Number::parse(&scene.item.position.to_string()).map_or(Datum::Absent, Datum::Number)
        }
    }
}

/// A `when` or `where`, ready to run.
#[derive(Debug)]
pub(crate) struct CompiledCondition {
    pub(crate) any: Vec<Vec<CompiledTerm>>,
}

#[derive(Debug)]
pub(crate) struct CompiledTerm {
    pub(crate) negated: bool,
    pub(crate) expression: Compiled,
    pub(crate) test: Test,
}

impl CompiledCondition {
    /// A value that cannot be restated is as good as absent: the question was only whether it fits.
    pub(crate) fn holds(&self, scene: &Scene<'_>) -> bool {
        self.any.iter().any(|all| all.iter().all(|term| term.holds(scene)))
    }
}

impl CompiledTerm {
    fn holds(&self, scene: &Scene<'_>) -> bool {
        let datum = self.expression.evaluate(scene).unwrap_or(Datum::Absent);
        let holds = match &self.test {
            Test::Exists => datum.to_text().is_some() || matches!(datum, Datum::List(_)),
            Test::Is(text) => datum.to_text().as_deref() == Some(text),
            Test::IsNot(text) => datum.to_text().as_deref() != Some(text),
        };
        holds != self.negated
    }
}

impl Condition {
    /// The paths that must be readable before the condition can be judged.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.expressions().filter_map(|it| match &it.source {
            crate::expression::Source::Path(path) => Some(path),
            _ => None,
        })
    }
}

impl Path {
    /// `.` and nothing else.
    pub(crate) fn is_here(&self) -> bool {
        use crate::expression::Axis;
        !self.absolute
            && self.segments.iter().all(|it| it.axis == Axis::Here && it.predicates.is_empty())
    }
}
