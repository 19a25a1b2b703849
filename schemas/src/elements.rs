//! The values of one record, by their place in the entity.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};

use crate::number::Number;
use crate::value::{Value, ValueRef};

/// Values by position in the entity, in the entity's order. An absent element has no value here.
///
/// All texts lie in one string: a message has a hundred short ones, and each on its own would cost
/// more to find room for than to read.
#[derive(Clone, Default)]
pub struct Elements {
    // Invariant: positions ascend, none stands twice.
    values: Vec<(usize, Stored)>,
    texts: String,
}

#[derive(Clone, Debug)]
enum Stored {
    /// Part of `texts`.
    Text {
        start: usize,
        len: usize,
    },
    Number(Number),
    Date(Date),
    Time(Time),
    DateTime(DateTime),
    Boolean(bool),
    Node(Box<[Elements]>),
}

impl Elements {
    /// No values.
    #[must_use]
    pub fn new() -> Elements {
        Elements::default()
    }

    /// No values yet, with room for some.
    #[must_use]
    pub fn with_capacity(values: usize) -> Elements {
        let texts = String::with_capacity(values * TEXT_BYTES);
        Elements { values: Vec::with_capacity(values), texts }
    }

    /// Puts a value at a position of the entity, in place of the one that was there.
    #[inline]
    pub fn set(&mut self, position: usize, value: Value) {
        let stored = match value {
            Value::Text(text) => return self.set_text(position, &text),
            Value::Number(number) => Stored::Number(number),
            Value::Date(date) => Stored::Date(date),
            Value::Time(time) => Stored::Time(time),
            Value::DateTime(both) => Stored::DateTime(both),
            Value::Boolean(yes) => Stored::Boolean(yes),
            Value::Node(records) => Stored::Node(records.into_boxed_slice()),
        };
        self.put(position, stored);
    }

    /// The same for a text that lies elsewhere.
    #[inline]
    pub fn set_text(&mut self, position: usize, text: &str) {
        let start = self.texts.len();
        self.texts.push_str(text);
        self.put(position, Stored::Text { start, len: text.len() });
    }

    #[inline]
    fn put(&mut self, position: usize, value: Stored) {
        // Mappings go through the entity in order, so most values belong at the end.
        if self.values.last().is_none_or(|(last, _)| *last < position) {
            self.values.push((position, value));
        } else {
            self.put_in(position, value);
        }
    }

    fn put_in(&mut self, position: usize, value: Stored) {
        match self.find(position) {
            Ok(found) => {
                if let Some((_, old)) = self.values.get_mut(found) {
                    *old = value;
                }
            }
            Err(place) => self.values.insert(place, (position, value)),
        }
    }

    /// The value at a position of the entity.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<ValueRef<'_>> {
        let found = self.find(position).ok()?;
        self.values.get(found).map(|(_, value)| self.value(value))
    }

    /// Positions and values, in the entity's order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, ValueRef<'_>)> {
        self.values.iter().map(|(position, value)| (*position, self.value(value)))
    }

    fn value<'a>(&'a self, stored: &'a Stored) -> ValueRef<'a> {
        match stored {
            Stored::Text { start, len } => ValueRef::Text(self.text(*start, *len)),
            Stored::Number(number) => ValueRef::Number(number),
            Stored::Date(date) => ValueRef::Date(*date),
            Stored::Time(time) => ValueRef::Time(*time),
            Stored::DateTime(both) => ValueRef::DateTime(*both),
            Stored::Boolean(yes) => ValueRef::Boolean(*yes),
            Stored::Node(records) => ValueRef::Node(records),
        }
    }

    fn text(&self, start: usize, len: usize) -> &str {
        self.texts.get(start..start + len).expect("only what lies there is told to")
    }

    /// Those of the positions, which ascend, that have no value: nearly always none.
    pub(crate) fn missing(&self, wanted: &[usize]) -> Vec<usize> {
        let mut there = self.values.iter().map(|(position, _)| position).peekable();
        let is_missing = |it: &&usize| {
            while there.next_if(|at| at < it).is_some() {}
            there.next_if_eq(it).is_none()
        };
        wanted.iter().filter(is_missing).copied().collect()
    }

    /// How many elements have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether no element has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn find(&self, position: usize) -> Result<usize, usize> {
        self.values.binary_search_by_key(&position, |(position, _)| *position)
    }
}

/// Equal values at the same positions, whatever lay there before.
impl PartialEq for Elements {
    fn eq(&self, other: &Elements) -> bool {
        self.iter().eq(other.iter())
    }
}

/// What a text takes: enough for most records.
const TEXT_BYTES: usize = 24;

/// Tells positions only: a record's values belong in no log.
impl fmt::Debug for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.iter().map(|(position, _)| position)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_side_by_side() {
        let mut elements = Elements::new();
        for (position, text) in [(1, "一"), (7, ""), (3, "三"), (1, "二")] {
            elements.set(position, Value::Text(text.to_owned()));
        }
        let texts: Vec<_> = elements.iter().collect();
        let text = ValueRef::Text;
        assert_eq!(texts, [(1, text("二")), (3, text("三")), (7, text(""))]);
        let mut same = Elements::with_capacity(3);
        for (position, text) in [(1, "二"), (3, "三"), (7, "")] {
            same.set_text(position, text);
        }
        assert_eq!(elements, same, "what was replaced does not count");
        same.set_text(7, "七");
        assert_ne!(elements, same);
    }

    #[test]
    fn what_is_missing() {
        let mut elements = Elements::new();
        for position in [2, 5, 6] {
            elements.set_text(position, "");
        }
        assert_eq!(elements.missing(&[1, 2, 3, 4, 5, 6, 9]), [1, 3, 4, 9]);
        assert!(elements.missing(&[5, 6]).is_empty());
    }

    #[test]
    fn kept_in_the_entitys_order() {
        let mut elements = Elements::new();
        for position in [4, 9, 2, 4] {
            elements.set(position, Value::Boolean(position == 4));
        }
        let positions: Vec<_> = elements.iter().map(|(position, _)| position).collect();
        assert_eq!(positions, [2, 4, 9]);
        assert_eq!(elements.get(4), Some(ValueRef::Boolean(true)));
        assert_eq!(elements.get(3), None);
        assert_eq!(format!("{elements:?}"), "{2, 4, 9}", "values are not told");
    }
}
