//! The row that a table is saved as, so that a start into a long backlog need not read it.
//!
//! ```text
//! 1 | sets of the table | cursor | first number not noted | then of each number: what leads to its place, the number
//! ```
//!
//! all of 8 bytes, high byte first. It is sealed, as lanes are named after encounters.

use super::super::format;
use super::SETS;
use super::table::Table;

/// What was saved.
#[derive(Debug)]
pub(super) struct Row {
    /// The table knows of everything that waited from here on...
    pub(super) cursor: u64,
    /// ...and below.
    pub(super) end: u64,
    pub(super) table: Table,
}

/// What some tables know of what waits from the cursor on and below the end.
pub(super) fn bytes([cursor, end]: [u64; 2], tables: &[&Table]) -> Vec<u8> {
    let sets = tables.first().map_or(0, |it| it.sets());
    let entries = tables.iter().flat_map(|it| it.entries(cursor));
    let mut bytes = format::numbers([VERSION, sets, cursor, end]);
    bytes.extend(entries.flat_map(|(lane, seq)| format::numbers([lane, seq])));
    bytes
}

/// Reads what [`bytes`] wrote; `None` for a row of another release that keeps it otherwise.
pub(super) fn read(bytes: &[u8]) -> Option<Row> {
    let (head, entries) = bytes.split_first_chunk::<32>()?;
    let [version, sets, cursor, end] = format::read_numbers(head)?;
    let (entries, []) = entries.as_chunks::<16>() else { return None };
    let mut table = Table::new(SETS);
    if (version, sets) != (VERSION, table.sets()) {
        return None;
    }
    for entry in entries {
        let [lane, seq] = format::read_numbers(entry)?;
        table.put((lane, seq));
    }
    Some(Row { cursor, end, table })
}

const VERSION: u64 = 1;
