//! A table of the source: what the HIS leaves out of its messages, by key.
//!
//! A CSV file whose first column is the key and whose header names the others: a drug's package, a
//! department's standard code. Read once when the mapping set is loaded.

use std::collections::HashMap;

use crate::rows::{Complaints, Rows};

/// Cells by key and column.
#[derive(Debug)]
pub(crate) struct Lookup {
    file: String,
    columns: Vec<String>,
    rows: HashMap<String, Vec<Option<String>>>,
    /// A key that is not here gives no value rather than a finding.
    pub(crate) absent_if_unknown: bool,
}

impl Lookup {
    /// Reads a table and reports every bad line, with its number.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Lookup, Complaints> {
        let read = Rows::read(text, &[])?;
        let mut rows = HashMap::new();
        let mut problems = Complaints::new();
        for row in &read.rows {
            let Some(key) = row.cell(0) else {
                problems.push((row.line, "a line begins with its key".to_owned()));
                continue;
            };
            let cells = (0..read.columns.len()).map(|it| row.cell(it).map(str::to_owned));
            if rows.insert(key.to_owned(), cells.collect()).is_some() {
                problems.push((row.line, format!("the key `{key}` stands above already")));
            }
        }
        let columns = read.columns;
        let file = file.to_owned();
        let lookup = Lookup { file, columns, rows, absent_if_unknown: false };
        if problems.is_empty() { Ok(lookup) } else { Err(problems) }
    }

    /// The cell, if the key is known; `Some(None)` where the cell is empty.
    #[allow(clippy::option_option)] // unknown key, known key without a value, value
    pub(crate) fn cell(&self, key: &str, column: usize) -> Option<Option<&str>> {
        self.rows.get(key).map(|it| it.get(column).and_then(Option::as_deref))
    }

    /// Where a column stands.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|it| it == name)
    }

    /// The columns that can be looked up: all but the key.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().skip(1).map(String::as_str)
    }

    /// Every value of a column.
    pub(crate) fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.values().filter_map(move |it| it.get(column)?.as_deref())
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_by_key_and_column() {
        check("code,pack\nA,24\nB,", "A", "24");
        check("code,pack\nA,24\nB,", "B", "empty");
        check("code,pack\nA,24\nB,", "C", "unknown");
        check(
            "code,pack\nA,24\nA,12\n,3",
            "A",
            "3: the key `A` stands above already; 4: a line begins with its key",
        );
    }

    #[track_caller]
    fn check(text: &str, key: &str, expected: &str) {
        let actual = match Lookup::parse("tables/drugs.csv", text) {
            Ok(table) => match table.cell(key, table.column("pack").unwrap_or(9)) {
                Some(cell) => cell.unwrap_or("empty").to_owned(),
                None => "unknown".to_owned(),
            },
            Err(problems) => {
                let told: Vec<_> =
                    problems.iter().map(|(line, it)| format!("{line}: {it}")).collect();
                told.join("; ")
            }
        };
        assert_eq!(actual, expected);
    }
}
