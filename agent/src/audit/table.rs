//! Rows for people, in the forms that they open: text to read, CSV, Excel.

use std::fmt::Write as _;

use adapters::SheetCell;
use serde::{Deserialize, Serialize};

/// Columns and rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    /// What it is about.
    pub(crate) title: String,
    /// The heads of the columns.
    pub(crate) columns: Vec<String>,
    /// As many cells each as there are columns.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What the reader has to know to read it rightly.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
}

/// A cell. Numbers are exact, and so are texts: a code of digits is no number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    Text(String),
    Number { n: String },
}

impl Cell {
    #[allow(clippy::needless_pass_by_value)] // numbers, and references to them
    pub(crate) fn number(n: impl ToString) -> Cell {
        Cell::Number { n: n.to_string() }
    }

    pub(crate) fn empty() -> Cell {
        Cell::Text(String::new())
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Cell::Text(text) => text,
            Cell::Number { n } => n,
        }
    }
}

impl Table {
    pub(crate) fn new(title: &str, columns: &[&str], rows: Vec<Vec<Cell>>) -> Table {
        let columns = columns.iter().map(|it| (*it).to_owned()).collect();
        Table { title: title.to_owned(), columns, rows, notes: Vec::new() }
    }

    /// A line a row, cells apart by tabs; the notes behind.
    pub(crate) fn to_text(&self) -> String {
        let mut out = self.columns.join("\t");
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(Cell::as_str).collect();
            let _ = write!(out, "\n{}", cells.join("\t"));
        }
        for note in &self.notes {
            let _ = write!(out, "\n（{note}）");
        }
        out
    }

    /// As spreadsheets read it: marked as UTF-8, and no cell taken for a formula.
    pub(crate) fn to_csv(&self) -> String {
        let mut out = String::from("\u{feff}");
        let heads: Vec<String> = self.columns.iter().map(|it| quoted(it)).collect();
        let _ = write!(out, "{}\r\n", heads.join(","));
        for row in &self.rows {
            let cells = row.iter().map(|it| match it {
                Cell::Text(text) => quoted(text),
                Cell::Number { n } => n.clone(),
            });
            let _ = write!(out, "{}\r\n", cells.collect::<Vec<_>>().join(","));
        }
        out
    }

    /// An Excel file.
    pub(crate) fn to_xlsx(&self) -> Vec<u8> {
        let heads = self.columns.iter().map(|it| SheetCell::Text(it)).collect();
        let mut rows: Vec<Vec<SheetCell<'_>>> = vec![heads];
        for row in &self.rows {
            let cells = row.iter().map(|it| match it {
                Cell::Text(text) => SheetCell::Text(text),
                Cell::Number { n } => SheetCell::Number(n),
            });
            rows.push(cells.collect());
        }
        rows.extend(self.notes.iter().map(|it| vec![SheetCell::Text(it)]));
        adapters::write_sheet(&self.title, &rows)
    }
}

fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_form_says_the_same() {
        let text = |it: &str| Cell::Text(it.to_owned());
        let rows = vec![
            vec![text("00123"), text("甲,\"乙\""), Cell::number("-10.50")],
            vec![text("=1+1"), Cell::empty(), Cell::number("0.10")],
        ];
        let table = Table::new("审核", &["编号", "名称", "金额"], rows);
        assert_eq!(
            table.to_csv(),
            "\u{feff}\"编号\",\"名称\",\"金额\"\r\n\"00123\",\"甲,\"\"乙\"\"\",-10.50\r\n\"'=1+1\",\"\",0.10\r\n"
        );
        assert_eq!(table.to_text(), "编号\t名称\t金额\n00123\t甲,\"乙\"\t-10.50\n=1+1\t\t0.10");
        let sheet = table.to_xlsx();
        let read = adapters::read_sheet(&sheet, None, &adapters::Limits::default()).unwrap();
        let cells = |it: &Vec<Cell>| it.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(read[1..], table.rows.iter().map(cells).collect::<Vec<_>>());
    }
}
