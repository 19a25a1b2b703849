//! What an expression may look at while it runs: the message, the item at hand, and what it may cost.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use adapters::{Content, Document, Kind, NodeId};
use jiff::civil::DateTime;

use crate::compiled::Compiled;
use crate::datum::Fault;
use crate::expression::{Path, State};
use crate::nearby::Nearby;
use crate::walk::{self, Index};

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

/// Everything an expression may look at while it runs.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) document: &'a Document,
    pub(crate) context: &'a Context<'a>,
    /// Where paths begin: the item of `each`, or the node a sum has come to.
    pub(crate) item: &'a Item<'a>,
    /// The item of `each`.
    pub(crate) each: &'a Item<'a>,
    /// The row of `slots` at hand.
    pub(crate) slots: Option<Slots<'a>>,
    /// Which record of its `[[record]]` this is, from 1.
    pub(crate) number: usize,
    pub(crate) found: &'a Found,
    /// What stands around the item of `each`; none before anything is iterated.
    pub(crate) nearby: Option<&'a Nearby<'a>>,
    pub(crate) reading: &'a Reading<'a>,
}

/// One row of `slots`.
#[derive(Clone, Copy)]
pub(crate) struct Slots<'a> {
    pub(crate) row: &'a [Compiled],
    /// From 1.
    pub(crate) number: usize,
}

/// How values are read: which words are none, what reading may cost, and who is told.
#[derive(Default)]
pub(crate) struct Reading<'a> {
    pub(crate) null_words: &'a [String],
    pub(crate) budget: Budget,
    /// Is told every node whose value was asked for; none while nobody traces.
    pub(crate) reader: Option<&'a dyn Fn(NodeId)>,
    /// Fields that are read as they were sent, whatever they hold by now.
    pub(crate) sent: &'a [(NodeId, String)],
}

/// How many nodes may still be looked at. Paths cannot loop, but a join of large tables can take
/// longer than anybody waits; what it may cost grows with the message and no faster.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    left: Cell<u64>,
}

/// One item of an iteration: a node, or one part of a node's text.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) node: NodeId,
    pub(crate) text: Option<Cow<'a, str>>,
    /// From 1, among the items of this `each`.
    pub(crate) position: usize,
}

/// What is found once a message: the nodes of absolute paths, and what steps let pass with a word.
#[derive(Debug, Default)]
pub(crate) struct Found {
    nodes: Vec<Cell<Lookup>>,
    notes: RefCell<Vec<Fault>>,
    indexes: RefCell<HashMap<usize, Rc<Index>>>,
}

/// A node that is looked for at most once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Lookup {
    #[default]
    NotYet,
    Done(Option<NodeId>),
}

impl Found {
    pub(crate) fn new(paths: usize) -> Found {
        Found { nodes: vec![Cell::default(); paths], ..Found::default() }
    }

    /// Keeps what a step has to say of a value that goes on all the same.
    pub(crate) fn note(&self, fault: Fault) {
        self.notes.borrow_mut().push(fault);
    }

    /// What was noted since the last time: nearly always nothing.
    pub(crate) fn take_notes(&self) -> Vec<Fault> {
        if self.notes.borrow().is_empty() { Vec::new() } else { self.notes.take() }
    }

    /// The table that a path joins, looked through only once.
    pub(crate) fn index(&self, number: usize, build: impl FnOnce() -> Index) -> Rc<Index> {
        if let Some(index) = self.indexes.borrow().get(&number) {
            return Rc::clone(index);
        }
        let index = Rc::new(build());
        self.indexes.borrow_mut().insert(number, Rc::clone(&index));
        index
    }

    /// The node of an absolute path, looked for only once.
    pub(crate) fn node(&self, number: usize, scene: &Scene<'_>, path: &Path) -> Option<NodeId> {
        let root = scene.document.root();
        let Some(cell) = self.nodes.get(number) else {
            return walk::first(scene, root, path);
        };
        if let Lookup::Done(node) = cell.get() {
            return node;
        }
        let node = walk::first(scene, root, path);
        cell.set(Lookup::Done(node));
        node
    }
}

impl<'a> Scene<'a> {
    /// The scene of a whole message, before anything is iterated.
    pub(crate) fn new(
        document: &'a Document,
        context: &'a Context<'a>,
        item: &'a Item<'a>,
        found: &'a Found,
        reading: &'a Reading<'a>,
    ) -> Scene<'a> {
        let (each, slots, number, nearby) = (item, None, 1, None);
        Scene { document, context, item, each, slots, number, found, nearby, reading }
    }

    /// The same scene for the next item of `each`.
    pub(crate) fn of_item<'b>(&self, item: &'b Item<'b>) -> Scene<'b>
    where
        'a: 'b,
    {
        Scene { item, each: item, ..*self }
    }

    /// The same scene seen from another node; the item of `each` stays what it is.
    pub(crate) fn at<'b>(&self, item: &'b Item<'b>) -> Scene<'b>
    where
        'a: 'b,
    {
        Scene { item, nearby: None, ..*self }
    }

    /// An expression of the row of slots, and the scene to evaluate it in.
    pub(crate) fn slot(&self, number: usize) -> Option<(&'a Compiled, Scene<'a>)> {
        let expression = self.slots?.row.get(number)?;
        Some((expression, Scene { item: self.each, slots: None, ..*self }))
    }

    /// A node's value; null words are none.
    pub(crate) fn value(&self, node: NodeId) -> Option<&'a str> {
        if let Some(reader) = self.reading.reader {
            reader(node);
        }
        let sent = self.reading.sent.iter().find(|(it, _)| *it == node);
        let value = match sent {
            Some((_, text)) => text,
            None => self.document.value(node)?,
        };
        self.reading.budget.spend(value.len() / TEXT_BYTES_PER_VISIT);
        (!self.reading.is_null_word(value)).then_some(value)
    }

    /// Whether a value is there in this way; no node is absent.
    pub(crate) fn is(&self, node: Option<NodeId>, state: State) -> bool {
        let Some(node) = node else { return state == State::Absent };
        match (state, self.document.content(node)) {
            (State::Present, _) | (State::Null, Content::Null) => true,
            (State::Empty, Content::Empty | Content::EmptyList) => !self.encloses(node),
            (State::Null, Content::Value(text)) => self.reading.is_null_word(text),
            _ => false,
        }
    }

    /// An element without text of its own is not empty when others stand in it.
    pub(crate) fn encloses(&self, node: NodeId) -> bool {
        self.document.children(node).any(|it| self.document.kind(it) == Kind::Element)
    }
}

impl Item<'_> {
    /// The whole message, where nothing is iterated.
    pub(crate) fn root(document: &Document) -> Item<'static> {
        Item { node: document.root(), text: None, position: 1 }
    }
}

impl Reading<'_> {
    fn is_null_word(&self, text: &str) -> bool {
        self.null_words.iter().any(|it| it == text)
    }
}

impl Budget {
    pub(crate) fn of(document: &Document) -> Budget {
        let nodes = u64::try_from(document.len()).unwrap_or(u64::MAX);
        Budget { left: Cell::new(nodes.saturating_mul(VISITS_PER_NODE).saturating_add(VISITS_MIN)) }
    }

    /// Counts nodes that were looked at.
    pub(crate) fn spend(&self, visits: usize) {
        let visits = u64::try_from(visits).unwrap_or(u64::MAX);
        self.left.set(self.left.get().saturating_sub(visits));
    }

    /// Whether nothing is left: then paths reach nothing any more, and the message is refused.
    pub(crate) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }
}

/// A fee list's line with a hundred elements looks at each of its nodes a hundred times.
const VISITS_PER_NODE: u64 = 1_000;

/// For small messages.
const VISITS_MIN: u64 = 1_000_000;

/// Steps run over whole texts: a long one costs as much as many nodes.
const TEXT_BYTES_PER_VISIT: usize = 64;
