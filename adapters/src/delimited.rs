//! Rows and cells: CSV exports of views, and the `^`-and-`|` strings that some systems put into a
//! field.
//!
//! Every row is a node `row` with its cells as children, named by the first row, by what the
//! mapping says, or by their numbers. A text without row separators is one row, and its cells are
//! children of the field itself. An empty cell is empty, and a name that stands twice makes two
//! children of that name.
//!
//! A row may end early: its last cells are then absent. It may not go on behind the last name,
//! since nobody could say which cell was meant; a separator that ends the row is no cell.

use std::borrow::Cow;

use crate::codes::{
    AFTER_QUOTE, CONTROL_CHARACTER, TEXT_TOO_LONG, TOO_MANY_CELLS, TOO_MANY_NODES, UNCLOSED_QUOTE,
};
use crate::document::{Content, Document, Kept, Kind, NodeId};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::numbers::Numbers;

/// How a text is cut into rows and cells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delimited {
    /// What ends a row; none when the text is one row. A line feed takes the carriage return in
    /// front of it along.
    pub rows: Option<String>,
    /// What stands between two cells.
    pub columns: String,
    /// What encloses a cell that holds separators of its own; twice inside, it stands for itself.
    pub quote: Option<char>,
    /// Where the cells get their names from.
    pub names: Names,
}

/// Where the cells of a row get their names from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Names {
    /// The first row holds them.
    FirstRow,
    /// These, from the left.
    Given(Vec<String>),
    /// `1`, `2`, `3`.
    Numbers,
}

impl Delimited {
    /// Comma-separated rows, names in the first one: what spreadsheets and view exports write.
    pub fn csv() -> Delimited {
        Delimited {
            rows: Some("\n".to_owned()),
            columns: ",".to_owned(),
            quote: Some('"'),
            names: Names::FirstRow,
        }
    }

    /// One row of numbered cells.
    pub fn fields(columns: &str) -> Delimited {
        Delimited { rows: None, columns: columns.to_owned(), quote: None, names: Names::Numbers }
    }
}

/// Reads rows; they become children of `under`, or the one row's cells do. Offsets in faults and
/// nodes are those of `text`.
pub(crate) fn read(
    text: &str,
    how: &Delimited,
    document: &mut Document,
    under: NodeId,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let mut names = match &how.names {
        Names::Given(names) => Some(names.iter().map(|it| document.keep(it)).collect()),
        Names::FirstRow | Names::Numbers => None,
    };
    let row_name = document.keep("row");
    let mut sheet = Sheet { document, limits, numbers: Numbers::new() };
    let mut cutter =
        Cutter { text, how, at: text.len() - text.trim_start_matches('\u{FEFF}').len() };
    let mut wants_names = matches!(how.names, Names::FirstRow);
    let mut cells = Vec::new();
    while cutter.next_row(&mut cells)? {
        let is_blank = cells.iter().all(|it| it.text.is_empty()) && cells.len() == 1;
        if is_blank && how.rows.is_some() {
            continue;
        }
        if std::mem::replace(&mut wants_names, false) {
            names = Some(sheet.header(&cells)?);
            continue;
        }
        let row = match (&how.rows, cells.first()) {
            (Some(_), Some(first)) => sheet.add(under, row_name, first.at)?,
            _ => under,
        };
        sheet.row(row, &cells, names.as_deref())?;
    }
    Ok(())
}

/// One cell, its quotes undone.
struct Cell<'a> {
    text: Cow<'a, str>,
    at: usize,
}

/// Cuts the text, moving forward only.
struct Cutter<'a, 'h> {
    text: &'a str,
    how: &'h Delimited,
    at: usize,
}

impl<'a> Cutter<'a, '_> {
    /// The cells of the next row; false when there is none left.
    fn next_row(&mut self, cells: &mut Vec<Cell<'a>>) -> Result<bool, DecodeError> {
        cells.clear();
        if self.at >= self.text.len() {
            return Ok(false);
        }
        loop {
            let at = self.at;
            let text = match self.how.quote {
                Some(quote) if self.rest().starts_with(quote) => self.quoted(quote)?,
                _ => Cow::Borrowed(self.plain()),
            };
            cells.push(Cell { text, at });
            if !self.take_column_end() {
                self.take_row_end();
                return Ok(true);
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Up to the next separator.
    fn plain(&mut self) -> &'a str {
        let rest = self.rest();
        let row_end = self.how.rows.as_deref().and_then(|it| find(rest, it));
        let row = rest.get(..row_end.unwrap_or(rest.len())).unwrap_or_default();
        let end = find(row, &self.how.columns).unwrap_or(row.len());
        let mut cell = row.get(..end).unwrap_or_default();
        if end == row.len() && self.ends_lines() && (row_end.is_some() || rest.len() == end) {
            cell = cell.strip_suffix('\r').unwrap_or(cell);
        }
        self.at += cell.len();
        cell
    }

    fn quoted(&mut self, quote: char) -> Result<Cow<'a, str>, DecodeError> {
        let begin = self.at;
        self.at += quote.len_utf8();
        let mut joined = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(quote) else {
                return Err(DecodeError::at(&UNCLOSED_QUOTE, begin));
            };
            let piece = rest.get(..end).unwrap_or_default();
            if joined.is_empty() {
                joined = Cow::Borrowed(piece);
            } else {
                joined += piece;
            }
            self.at += end + quote.len_utf8();
            if !self.rest().starts_with(quote) {
                return self.expect_separator().map(|()| joined);
            }
            joined.to_mut().push(quote);
            self.at += quote.len_utf8();
        }
    }

    fn expect_separator(&self) -> Result<(), DecodeError> {
        let rest = self.rest();
        let ends_row = self.how.rows.as_deref().is_some_and(|it| begins_with(rest, it));
        let ends_line = self.ends_lines() && (rest.starts_with("\r\n") || rest == "\r");
        if rest.is_empty() || begins_with(rest, &self.how.columns) || ends_row || ends_line {
            Ok(())
        } else {
            Err(DecodeError::at(&AFTER_QUOTE, self.at))
        }
    }

    fn take_column_end(&mut self) -> bool {
        let stands_here = begins_with(self.rest(), &self.how.columns);
        self.at += if stands_here { self.how.columns.len() } else { 0 };
        stands_here
    }

    fn take_row_end(&mut self) {
        if self.ends_lines() && self.rest().starts_with('\r') {
            self.at += 1;
        }
        if let Some(rows) = self.how.rows.as_deref().filter(|it| begins_with(self.rest(), it)) {
            self.at += rows.len();
        }
    }

    fn ends_lines(&self) -> bool {
        self.how.rows.as_deref() == Some("\n")
    }
}

/// Rows becoming nodes.
struct Sheet<'d> {
    document: &'d mut Document,
    limits: &'d Limits,
    numbers: Numbers,
}

impl Sheet<'_> {
    /// The names in a first row; a column without one is named by its number.
    fn header(&mut self, cells: &[Cell<'_>]) -> Result<Vec<Kept>, DecodeError> {
        let mut names = Vec::with_capacity(cells.len());
        for (cell, number) in cells.iter().zip(1..) {
            expect_text(cell)?;
            let name = cell.text.trim();
            names.push(match name {
                "" => self.numbers.name(number, self.document),
                name => self.document.keep(name),
            });
        }
        Ok(names)
    }

    fn row(
        &mut self,
        row: NodeId,
        cells: &[Cell<'_>],
        names: Option<&[Kept]>,
    ) -> Result<(), DecodeError> {
        for (cell, number) in cells.iter().zip(1..) {
            let name = match names {
                None => self.numbers.name(number, self.document),
                Some(names) => match names.get(number - 1) {
                    Some(name) => *name,
                    None if cell.text.is_empty() && number == cells.len() => continue,
                    None => {
                        let error = DecodeError::at(&TOO_MANY_CELLS, cell.at);
                        return Err(error.with_limit(names.len()));
                    }
                },
            };
            self.cell(row, name, cell)?;
        }
        Ok(())
    }

    fn cell(&mut self, row: NodeId, name: Kept, cell: &Cell<'_>) -> Result<(), DecodeError> {
        expect_text(cell)?;
        let max = self.limits.text_bytes_max;
        if cell.text.len() > max {
            return Err(DecodeError::at(&TEXT_TOO_LONG, cell.at).with_limit(max));
        }
        let node = self.add(row, name, cell.at)?;
        if !cell.text.is_empty() {
            self.document.set_content(node, Content::Value(&cell.text));
        }
        Ok(())
    }

    fn add(&mut self, parent: NodeId, name: Kept, at: usize) -> Result<NodeId, DecodeError> {
        let max = self.limits.nodes_max;
        if self.document.len() >= max {
            return Err(DecodeError::at(&TOO_MANY_NODES, at).with_limit(max));
        }
        Ok(self.document.add_kept(parent, Kind::Element, name, at))
    }
}

fn expect_text(cell: &Cell<'_>) -> Result<(), DecodeError> {
    let is_control = |it: u8| it < 0x20 && !matches!(it, b'\t' | b'\r' | b'\n');
    match cell.text.bytes().position(is_control) {
        Some(at) => Err(DecodeError::at(&CONTROL_CHARACTER, cell.at + at)),
        None => Ok(()),
    }
}

/// Where a separator stands first; an empty one stands nowhere.
fn find(text: &str, separator: &str) -> Option<usize> {
    if separator.is_empty() { None } else { text.find(separator) }
}

fn begins_with(text: &str, separator: &str) -> bool {
    !separator.is_empty() && text.starts_with(separator)
}
