//! Rows and cells: CSV exports of views, and the `^`-and-`|` strings that some systems put into a
//! field.

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
