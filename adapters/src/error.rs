//! Why a message was not accepted, and where.
//!
//! A `DecodeError` is a code from the register and a place, nothing else: it has no room for text
//! from the message, so no patient's name can reach a log through it. It speaks twice. `Display`
//! is English and for logs; [`DecodeError::message`] is Chinese and for the HIS developer, who
//! must change something and is told what.

use std::fmt;

use crate::codes::CodeEntry;
use crate::document::line_column;

/// A message that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    entry: &'static CodeEntry,
    offset: Option<usize>,
    related: Option<usize>,
    limit: Option<usize>,
    line_and_column: Option<(u32, u32)>,
    opened_at: Option<usize>,
}

impl DecodeError {
    /// A fault of the message as a whole.
    pub(crate) const fn new(entry: &'static CodeEntry) -> DecodeError {
        DecodeError {
            entry,
            offset: None,
            related: None,
            limit: None,
            line_and_column: None,
            opened_at: None,
        }
    }

    /// A fault at one byte.
    pub(crate) const fn at(entry: &'static CodeEntry, offset: usize) -> DecodeError {
        DecodeError { offset: Some(offset), ..DecodeError::new(entry) }
    }

    /// Names the second place that belongs to the fault: where the open element began, where the
    /// key stood first.
    pub(crate) const fn with_related(self, offset: usize) -> DecodeError {
        DecodeError { related: Some(offset), ..self }
    }

    /// Names the limit that was passed.
    pub(crate) const fn with_limit(self, limit: usize) -> DecodeError {
        DecodeError { limit: Some(limit), ..self }
    }

    /// Says that the fault is inside a field that was opened, and where that field began.
    pub(crate) const fn inside(self, field_offset: usize) -> DecodeError {
        DecodeError { opened_at: Some(field_offset), ..self }
    }

    /// Moves the places by what was cut off in front.
    pub(crate) fn moved(self, by: usize) -> DecodeError {
        self.mapped(|it| it + by)
    }

    /// Gives the places another meaning.
    pub(crate) fn mapped(self, place: impl Fn(usize) -> usize) -> DecodeError {
        let (offset, related) = (self.offset.map(&place), self.related.map(&place));
        DecodeError { offset, related, ..self }
    }

    /// States line and column, and turns the places into those of the bytes that were sent, as far
    /// as they are known.
    pub(crate) fn placed(
        self,
        line_and_column: Option<(u32, u32)>,
        sent: impl Fn(usize) -> Option<usize>,
    ) -> DecodeError {
        let (offset, related) = (self.offset.and_then(&sent), self.related.and_then(&sent));
        DecodeError { offset, related, line_and_column, ..self }
    }

    /// Turns offsets in the decoded text into what the sender can look up: line, column, and
    /// offset in the bytes he sent.
    pub(crate) fn located(self, text: &str, sent: impl Fn(&str) -> usize) -> DecodeError {
        let before = |offset| text.get(..offset).unwrap_or(text);
        DecodeError {
            line_and_column: self.offset.map(|offset| line_column(text, offset)),
            offset: self.offset.map(|offset| sent(before(offset))),
            related: self.related.map(|offset| sent(before(offset))),
            ..self
        }
    }

    /// The stable code, `D306`.
    pub const fn code(&self) -> &'static str {
        self.entry.code
    }

    /// The register's entry: meaning and remedy in general.
    pub const fn entry(&self) -> &'static CodeEntry {
        self.entry
    }

    /// Where, in bytes from the start of the body as it was sent. For a fault inside an opened
    /// field, from the start of that field's text.
    pub const fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// The second place that belongs to the fault, counted like [`DecodeError::offset`].
    pub const fn related(&self) -> Option<usize> {
        self.related
    }

    /// The limit that was passed, if it was one.
    pub const fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Line and column of the fault, both from 1, the column in characters.
    pub const fn line_and_column(&self) -> Option<(u32, u32)> {
        self.line_and_column
    }

    /// What is wrong, where, and what to change: Chinese, for the HIS developer.
    pub fn message(&self) -> String {
        let mut message = format!("{}{}", self.entry.zh, self.place_zh());
        message.push('。');
        message.push_str(self.entry.remedy_zh);
        message.push('。');
        message
    }

    fn place_zh(&self) -> String {
        let mut parts = Vec::new();
        if let Some((line, column)) = self.line_and_column {
            parts.push(format!("第 {line} 行第 {column} 列"));
        }
        if let Some(offset) = self.offset {
            parts.push(format!("第 {offset} 字节"));
        }
        if let Some(related) = self.related {
            parts.push(format!("另见第 {related} 字节"));
        }
        if let Some(field) = self.opened_at {
            parts.push(format!("在第 {field} 字节处字段的内层报文中"));
        }
        if let Some(limit) = self.limit {
            parts.push(format!("上限 {limit}"));
        }
        if parts.is_empty() { String::new() } else { format!("（{}）", parts.join("，")) }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.entry.code, self.entry.en)?;
        if let Some(offset) = self.offset {
            write!(f, ", at byte {offset}")?;
        }
        if let Some((line, column)) = self.line_and_column {
            write!(f, " (line {line}, column {column})")?;
        }
        if let Some(related) = self.related {
            write!(f, ", see also byte {related}")?;
        }
        if let Some(field) = self.opened_at {
            write!(f, ", inside the field at byte {field}")?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit {limit}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DecodeError {}

/// Something worth telling about a message that was accepted all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    entry: &'static CodeEntry,
    offset: Option<usize>,
}

impl Note {
    pub(crate) const fn new(entry: &'static CodeEntry) -> Note {
        Note { entry, offset: None }
    }

    pub(crate) const fn at(entry: &'static CodeEntry, offset: usize) -> Note {
        Note { entry, offset: Some(offset) }
    }

    /// The stable code, `D901`.
    pub const fn code(&self) -> &'static str {
        self.entry.code
    }

    /// The register's entry: meaning and remedy.
    pub const fn entry(&self) -> &'static CodeEntry {
        self.entry
    }

    /// Where, in bytes of the decoded text, if it has a place.
    pub const fn offset(&self) -> Option<usize> {
        self.offset
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.entry.code, self.entry.en)?;
        self.offset.map_or(Ok(()), |offset| write!(f, ", at byte {offset}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::{MISMATCHED_END, TOO_DEEP};

    #[test]
    fn it_says_what_where_and_what_to_change() {
        let fault = DecodeError::at(&MISMATCHED_END, 11).with_related(3);
        let fault = fault.located("<a>\n李<b>\n</a>", str::len);
        assert_eq!(
            fault.to_string(),
            "D306: an end tag that does not close the element that is open, at byte 11 \
             (line 3, column 1), see also byte 3"
        );
        assert!(fault.message().contains("第 3 行第 1 列，第 11 字节，另见第 3 字节"));
    }

    #[test]
    fn it_names_the_limit() {
        let fault = DecodeError::at(&TOO_DEEP, 7).with_limit(100);
        assert!(fault.message().contains("（第 7 字节，上限 100）。"), "{}", fault.message());
    }
}
