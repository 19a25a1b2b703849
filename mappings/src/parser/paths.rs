//! Reads paths: axes, names with or without a namespace, and predicates.

use super::{Parsed, Parser, is_name};
use crate::expression::{Axis, Name, Operand, Path, Predicate, Segment, Start, Test};
use crate::suggestion;

const ITEM: &str = "$item";

const PLAIN: &str = "after `//` a name or `*`";

type OfName = fn(Name) -> Axis;

const AXES: [(&str, OfName); 3] = [
    ("following-sibling", Axis::FollowingSibling),
    ("preceding-sibling", Axis::PrecedingSibling),
    ("ancestor", Axis::Ancestor),
];

impl Parser<'_> {
    pub(crate) fn path(&mut self) -> Parsed<Path> {
        self.blanks();
        if self.at_item() {
            self.at += ITEM.len();
            let segments = if self.mark("/") { self.segments(false)? } else { Vec::new() };
            return Ok(Path::new(Start::Item, segments));
        }
        let absolute = self.mark("/");
        let anywhere = absolute && self.mark("/");
        let start = if absolute { Start::Root } else { Start::Here };
        if absolute && !anywhere && !self.at_segment() {
            return Ok(Path::new(start, Vec::new()));
        }
        Ok(Path::new(start, self.segments(anywhere)?))
    }

    pub(super) fn segments(&mut self, anywhere: bool) -> Parsed<Vec<Segment>> {
        let mut segments = vec![self.segment(anywhere)?];
        while self.mark("/") {
            let anywhere = self.mark("/");
            segments.push(self.segment(anywhere)?);
        }
        Ok(segments)
    }

    /// `$item`, not `$items`.
    pub(super) fn at_item(&self) -> bool {
        let behind = self.text.get(self.at..).and_then(|rest| rest.strip_prefix(ITEM));
        behind.is_some_and(|it| !it.chars().next().is_some_and(|it| is_name(it) || it == '.'))
    }

    pub(super) fn at_segment(&self) -> bool {
        self.peek().is_some_and(|it| is_name(it) || matches!(it, '@' | '*' | '.' | '{' | '`'))
    }

    pub(super) fn segment(&mut self, anywhere: bool) -> Parsed<Segment> {
        let axis = if anywhere { Axis::Descendant(self.node_name(PLAIN)?) } else { self.axis()? };
        let mut predicates = Vec::new();
        while self.mark("[") {
            predicates.push(self.predicate()?);
        }
        Ok(Segment { axis, predicates })
    }

    pub(super) fn axis(&mut self) -> Parsed<Axis> {
        if self.mark("..") {
            return Ok(Axis::Parent);
        }
        if self.peek() == Some('.') {
            self.at += 1;
            return Ok(Axis::Here);
        }
        if self.mark("@") {
            return Ok(Axis::Attribute(self.node_name("the name of an attribute")?));
        }
        let name = match self.named_axis()? {
            Some(axis) => return Ok(axis(self.node_name("a name or `*`")?)),
            None => self.node_name("a path, a \"literal\" or a $variable")?,
        };
        Ok(Axis::Child(name))
    }

    /// The word before a `::`, if one stands here.
    pub(super) fn named_axis(&mut self) -> Parsed<Option<OfName>> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word: &str = rest.split(|it: char| !is_name(it)).next().unwrap_or_default();
        let Some((word, _)) = word.split_once("::") else { return Ok(None) };
        let Some((_, axis)) = AXES.iter().find(|(it, _)| *it == word) else {
            let hint = suggestion(word, AXES.iter().map(|(it, _)| *it));
            return Err(self.fault(&format!("there is no axis `{word}`{hint}")));
        };
        self.at += word.len() + "::".len();
        Ok(Some(*axis))
    }

    pub(super) fn node_name(&mut self, what: &str) -> Parsed<Name> {
        let namespace = if self.mark("{") { Some(self.until('}')?) } else { None };
        let local = if self.mark("*") {
            None
        } else if self.mark("`") {
            Some(self.until('`')?)
        } else {
            Some(self.plain_name(what)?)
        };
        Ok(Name { namespace, local })
    }

    pub(super) fn predicate(&mut self) -> Parsed<Predicate> {
        self.deeper()?;
        let predicate = if let Some(position) = self.short_predicate()? {
            position
        } else {
            let negated = self.word("not");
            Predicate::Test { negated, path: self.path()?, test: self.test()? }
        };
        self.expect("]")?;
        self.depth -= 1;
        Ok(predicate)
    }

    /// A position. Digits and `last` are names where anything but the bracket's end follows.
    pub(super) fn short_predicate(&mut self) -> Parsed<Option<Predicate>> {
        self.blanks();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word = rest.split(']').next().unwrap_or_default().trim_end();
        let predicate = match word {
            "last" => Predicate::Last,
            "$position" => Predicate::Position,
            _ => match word.parse() {
                Ok(0) => {
                    self.at += word.len();
                    return Err(self.fault("positions count from 1"));
                }
                Ok(index) => Predicate::Index(index),
                Err(_) => return Ok(None),
            },
        };
        self.at += word.len();
        Ok(Some(predicate))
    }

    pub(super) fn test(&mut self) -> Parsed<Test> {
        if self.mark("!=") {
            return Ok(Test::IsNot(self.test_operand()?));
        }
        if self.mark("=") {
            return Ok(Test::Is(self.test_operand()?));
        }
        if self.word("in") {
            return Ok(Test::In(self.literals()?));
        }
        Ok(self.state()?.map_or(Test::Exists, Test::State))
    }

    pub(super) fn test_operand(&mut self) -> Parsed<Operand> {
        self.blanks();
        match self.peek() {
            Some('"') => Ok(Operand::Literal(self.literal()?)),
            Some('$') if self.at_item() => Ok(Operand::Item(self.path()?)),
            _ => Err(self.fault("a text in double quotes or $item/... was expected here")),
        }
    }
}
