//! The values of one record, by their place in the entity.

use std::fmt;

use crate::value::Value;

/// Values by position in the entity, in the entity's order. An absent element has no value here.
#[derive(Clone, Default, PartialEq)]
pub struct Elements {
    // Invariant: positions ascend, none stands twice.
    values: Vec<(usize, Value)>,
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
        Elements { values: Vec::with_capacity(values) }
    }

    /// Puts a value at a position of the entity, in place of the one that was there.
    #[inline]
    pub fn set(&mut self, position: usize, value: Value) {
        // Mappings go through the entity in order, so most values belong at the end.
        if self.values.last().is_none_or(|(last, _)| *last < position) {
            self.values.push((position, value));
        } else {
            self.put_in(position, value);
        }
    }

    fn put_in(&mut self, position: usize, value: Value) {
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
    pub fn get(&self, position: usize) -> Option<&Value> {
        let found = self.find(position).ok()?;
        self.values.get(found).map(|(_, value)| value)
    }

    /// Positions and values, in the entity's order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Value)> {
        self.values.iter().map(|(position, value)| (*position, value))
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
    fn kept_in_the_entitys_order() {
        let mut elements = Elements::new();
        for position in [4, 9, 2, 4] {
            elements.set(position, Value::Boolean(position == 4));
        }
        let positions: Vec<_> = elements.iter().map(|(position, _)| position).collect();
        assert_eq!(positions, [2, 4, 9]);
        assert_eq!(elements.get(4), Some(&Value::Boolean(true)));
        assert_eq!(elements.get(3), None);
        assert_eq!(format!("{elements:?}"), "{2, 4, 9}", "values are not told");
    }
}
