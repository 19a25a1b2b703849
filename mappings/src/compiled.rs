//! An expression ready to run.

use std::borrow::Cow;

use adapters::NodeId;
use schemas::Number;

use crate::datum::{Datum, Fault, Kind};
use crate::exact;
use crate::expression::{Path, Start};
use crate::nearby::Field;
pub(crate) use crate::scene::{Item, Scene};
use crate::step::Step;
use crate::step::number::NumberStep;
use crate::step::text::TextStep;
use crate::trace;
use crate::walk;

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
    /// A relative path that is looked for together with its neighbours.
    Field(Field, Path),
    /// Always the same node within one message: found once and kept under this number.
    Absolute(usize, Path),
    Literal(String),
    Number(Number),
    Variable(Variable),
    /// `$1`, `$2`, ...: an expression of the row of `slots` at hand, from 0.
    Slot(usize),
    Count(Path),
    Sum(Path, Box<Compiled>),
}

/// What is done to a node's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plainly {
    AsItIs,
    Trimmed,
    Decimal,
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
    /// The number of the row of `slots`, from 1.
    Slot,
    /// The number of the record among those of its `[[record]]`, from 1: what was left out by `where` or
    /// `distinct` does not count.
    Number,
}

impl Variable {
    pub(crate) const ALL: &[(&str, Variable)] = &[
        ("channel", Variable::Channel),
        ("org", Variable::Org),
        ("message_id", Variable::MessageId),
        ("received_at", Variable::ReceivedAt),
        ("operation", Variable::Operation),
        ("position", Variable::Position),
        ("slot", Variable::Slot),
        ("number", Variable::Number),
    ];

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Variable::ReceivedAt => Kind::DateTime,
            Variable::Position | Variable::Slot | Variable::Number => Kind::Number,
            Variable::Channel | Variable::Org | Variable::MessageId | Variable::Operation => {
                Kind::Text
            }
        }
    }
}

impl Compiled {
    /// The value in this scene, or what is wrong with it.
    pub(crate) fn evaluate<'a>(&'a self, scene: &Scene<'a>) -> Result<Datum<'a>, Fault> {
        self.evaluate_at(self.node_read(scene), scene)
    }

    /// The same, where the node that [`Compiled::node`] finds is known already.
    pub(crate) fn evaluate_at<'a>(
        &'a self,
        node: Option<NodeId>,
        scene: &Scene<'a>,
    ) -> Result<Datum<'a>, Fault> {
        let mut datum = self.start(node, scene)?;
        for step in &self.steps {
            datum = step.run(datum, scene)?;
        }
        Ok(datum)
    }

    /// The value of the source and behind each step, as far as it goes.
    pub(crate) fn values<'a>(&'a self, scene: &Scene<'a>) -> Vec<Option<String>> {
        let mut values = Vec::new();
        let Ok(mut datum) = self.start(self.node_read(scene), scene) else { return values };
        values.push(trace::shown(&datum));
        for step in &self.steps {
            match step.run(datum, scene) {
                Ok(next) => datum = next,
                Err(_) => return values,
            }
            values.push(trace::shown(&datum));
        }
        values
    }

    /// The node the value is read from, for telling where a finding stands.
    pub(crate) fn node(&self, scene: &Scene<'_>) -> Option<NodeId> {
        match &self.source {
            From::Relative(path) | From::Count(path) | From::Sum(path, _) => {
                walk::first(scene, scene.item.node, path)
            }
            From::Field(field, path) => match scene.nearby {
                Some(nearby) => nearby.node(*field, scene, path),
                None => walk::first(scene, scene.item.node, path),
            },
            From::Absolute(number, path) => scene.found.node(*number, scene, path),
            From::Slot(number) => scene.slot(*number).and_then(|(it, scene)| it.node(&scene)),
            From::Literal(_) | From::Number(_) | From::Variable(_) => None,
        }
    }

    /// How a node's text becomes the value where next to nothing is done to it: so it is with most
    /// elements, and they need not be carried from step to step. `None` for all other expressions.
    pub(crate) fn plainly(&self) -> Option<Plainly> {
        let (From::Field(..) | From::Absolute(..)) = self.source else { return None };
        match self.steps.as_slice() {
            [] => Some(Plainly::AsItIs),
            [Step::Text(TextStep::Trim)] => Some(Plainly::Trimmed),
            [Step::Number(NumberStep::Decimal)] => Some(Plainly::Decimal),
            _ => None,
        }
    }

    /// Whether the message has no part in it.
    pub(crate) fn is_constant(&self) -> bool {
        let known = match &self.source {
            From::Literal(_) | From::Number(_) => true,
            From::Variable(it) => matches!(it, Variable::Channel | Variable::Org),
            _ => false,
        };
        known && self.inner().all(Compiled::is_constant)
    }

    /// Whether the items of `each` may give different values.
    pub(crate) fn depends_on_item(&self) -> bool {
        let own = match &self.source {
            From::Relative(path)
            | From::Field(_, path)
            | From::Count(path)
            | From::Sum(path, _) => path.start != Start::Root,
            From::Variable(it) => {
                matches!(it, Variable::Position | Variable::Slot | Variable::Number)
            }
            From::Slot(_) => true,
            From::Absolute(..) | From::Literal(_) | From::Number(_) => false,
        };
        own || self.inner().any(Compiled::depends_on_item)
    }

    /// Whether the same message sent again gives another value.
    pub(crate) fn changes_with_sending(&self) -> bool {
        let own = matches!(self.source, From::Variable(Variable::MessageId | Variable::ReceivedAt));
        own || self.inner().any(Compiled::changes_with_sending)
    }

    fn inner(&self) -> impl Iterator<Item = &Compiled> {
        self.steps.iter().flat_map(Step::inner)
    }

    /// The node whose value the expression starts from. Where it starts from something else, the
    /// node is of interest to findings only.
    fn node_read(&self, scene: &Scene<'_>) -> Option<NodeId> {
        match &self.source {
            From::Relative(_) | From::Field(..) | From::Absolute(..) => self.node(scene),
            _ => None,
        }
    }

    fn start<'a>(&'a self, node: Option<NodeId>, scene: &Scene<'a>) -> Result<Datum<'a>, Fault> {
        Ok(match &self.source {
            From::Literal(text) => Datum::Text(Cow::Borrowed(text)),
            From::Number(number) => Datum::Number(number.clone()),
            From::Variable(variable) => variable_value(*variable, scene),
            From::Slot(number) => match scene.slot(*number) {
                Some((expression, scene)) => return expression.evaluate(&scene),
                None => Datum::Absent,
            },
            From::Count(path) => whole(walk::all(scene, scene.item.node, path).len()),
            From::Sum(path, each) => return sum(path, each, scene),
            From::Relative(path) if path.is_here() && text_at(path, scene).is_some() => {
                text_at(path, scene).map_or(Datum::Absent, Datum::Text)
            }
            From::Relative(_) | From::Field(..) | From::Absolute(..) => {
                let value = node.and_then(|it| scene.value(it));
                value.map_or(Datum::Absent, |text| Datum::Text(Cow::Borrowed(text)))
            }
        })
    }
}

/// The part of a list that the path stands on, where the item at hand is one.
pub(crate) fn text_at<'a>(path: &Path, scene: &Scene<'a>) -> Option<Cow<'a, str>> {
    let item = if path.start == Start::Item { scene.each } else { scene.item };
    item.text.clone()
}

/// What is there is added; nothing to add is no sum rather than zero.
fn sum<'a>(path: &Path, each: &Compiled, scene: &Scene<'a>) -> Result<Datum<'a>, Fault> {
    let mut total: Option<Number> = None;
    for (node, position) in walk::all(scene, scene.item.node, path).into_iter().zip(1..) {
        let item = Item { node, text: None, position };
        if let Datum::Number(number) = each.evaluate(&scene.at(&item))? {
            total = Some(match &total {
                Some(total) => added(total, &number)?,
                None => number,
            });
        }
    }
    Ok(total.map_or(Datum::Absent, Datum::Number))
}

fn added(a: &Number, b: &Number) -> Result<Number, Fault> {
    exact::sum(a, b).ok_or_else(|| {
        let expected = "各行相加超出了可以精确计算的范围，请核对这一列".to_owned();
        Fault::new("M201", b.as_str(), expected)
    })
}

fn whole<'a>(number: usize) -> Datum<'a> {
    Number::parse(&number.to_string()).map_or(Datum::Absent, Datum::Number)
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
        Variable::Position => whole(scene.each.position),
        Variable::Number => whole(scene.number),
        Variable::Slot => scene.slots.map_or(Datum::Absent, |it| whole(it.number)),
    }
}
