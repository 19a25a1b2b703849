//! Where a node stands in what was sent, as a person looks it up: line and column, through every
//! field that was opened on the way.

use std::fmt;
use std::ops::Range;

use super::{Document, NodeId};

/// The nodes that one opened field brought into the document.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    nodes: Range<u32>,
    field: NodeId,
}

/// Where a node stands. The first spot is in the message as it was decoded; each further one is in
/// the text of the field that the spot before it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From the outermost text inwards, at least one.
    pub spots: Vec<Spot>,
}

/// A line and a column of one text, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The line. A carriage return, a line feed and both together end one.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// `12:3`, or `12:3 > 1:40` for what stands in a field's own document.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, Spot { line, column }) in self.spots.iter().enumerate() {
            let arrow = if position > 0 { " > " } else { "" };
            write!(f, "{arrow}{line}:{column}")?;
        }
        Ok(())
    }
}

impl Document {
    /// Where a node stands, `text` being what [`source_text`](crate::source_text) gives for the
    /// message.
    pub fn place(&self, node: NodeId, text: &str) -> Place {
        let mut spots = Vec::new();
        let mut at = node;
        while let Some(field) = self.opened_field(at) {
            let (line, column) =
                line_column(self.value(field).unwrap_or_default(), self.offset(at));
            spots.push(Spot { line, column });
            at = field;
        }
        let (line, column) = line_column(text, self.offset(at));
        spots.push(Spot { line, column });
        spots.reverse();
        Place { spots }
    }

    /// The field whose own text holds the node, if it came out of an opened field. The node's offset
    /// counts in that field's value.
    pub fn opened_field(&self, node: NodeId) -> Option<NodeId> {
        // Fields are opened one after the other, so their nodes lie one after the other.
        let next = self.opened.partition_point(|it| it.nodes.start <= node.0);
        let opened = self.opened.get(next.checked_sub(1)?)?;
        opened.nodes.contains(&node.0).then_some(opened.field)
    }

    /// Takes down that every node from `first` on came out of a field, and moves their offsets by
    /// what was cut off in front.
    pub(crate) fn note_opened(&mut self, field: NodeId, first: usize, cut_bytes: usize) {
        let end = self.nodes.len();
        self.move_offsets(first, cut_bytes);
        if let (Ok(start), Ok(end)) = (u32::try_from(first), u32::try_from(end))
            && start < end
        {
            self.opened.push(Opened { nodes: start..end, field });
        }
    }

    /// The number in its whole document of an element that was taken out of a stream.
    pub fn position_in_stream(&self, node: NodeId) -> Option<usize> {
        self.numbered.filter(|(it, _)| *it == node).map(|(_, position)| position)
    }

    /// Whether this is one item of a stream rather than a whole message.
    pub fn is_of_stream(&self) -> bool {
        self.numbered.is_some()
    }

    /// Says which of the elements of a stream this one is.
    pub(crate) fn number(&mut self, node: NodeId, position: usize) {
        self.numbered = Some((node, position));
    }

    /// Gives every node the place that its place leads to.
    pub(crate) fn map_offsets(&mut self, place: impl Fn(usize) -> usize) {
        for node in &mut self.nodes {
            node.offset = u32::try_from(place(node.offset as usize)).unwrap_or(u32::MAX);
        }
    }

    /// Moves the offsets of every node from `first` on.
    pub(crate) fn move_offsets(&mut self, first: usize, by: usize) {
        let by = u32::try_from(by).unwrap_or(u32::MAX);
        if by > 0 {
            for node in self.nodes.iter_mut().skip(first) {
                node.offset = node.offset.saturating_add(by);
            }
        }
    }
}

/// Line and column of a byte of a text, both from 1, the column in characters.
pub fn line_column(text: &str, offset: usize) -> (u32, u32) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let bytes = before.as_bytes();
    let ends_line = |at: usize| match bytes.get(at) {
        Some(b'\n') => true,
        Some(b'\r') => text.as_bytes().get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    let ends = (0..bytes.len()).filter(|at| ends_line(*at));
    let (lines, line_at) =
        ends.fold((0_u32, 0), |(lines, _), at| (lines.saturating_add(1), at + 1));
    let column = before.get(line_at..).unwrap_or_default().chars().count();
    (lines.saturating_add(1), u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_three_ways() {
        check("ab\ncd", 3, "2:1");
        check("ab\r\ncd", 4, "2:1");
        check("MSH|1\rPID|2\rPV1", 12, "3:1");
        check("李建国\n李x", 13, "2:2");
        check("ab", 99, "1:3");
        check("李", 1, "1:1");
        check("", 0, "1:1");
        check("a\r\n", 2, "1:3");
    }

    #[track_caller]
    fn check(text: &str, offset: usize, expected: &str) {
        let (line, column) = line_column(text, offset);
        assert_eq!(format!("{line}:{column}"), expected);
    }
}
