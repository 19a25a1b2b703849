//! CSV files that implementers edit: columns by name, and the line of every row.
//!
//! `#` begins a line that is not read. Cells behind the last named column are the implementer's own
//! notes. A quoted cell ends on the line it began on: an unclosed quote must not swallow the rest.

/// A file whose header was sound.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// One line below the header.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: u32,
    cells: Vec<String>,
}

/// What is wrong, line by line.
pub(crate) type Complaints = Vec<(u32, String)>;

impl Rows {
    /// Reads a file whose header begins with `first`; further columns may have any names.
    pub(crate) fn read(text: &str, first: &[&str]) -> Result<Rows, Complaints> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = (1..).zip(text.lines());
        let mut lines = lines.filter(|(_, it)| !it.trim().is_empty() && !it.starts_with('#'));
        let header = lines.next().and_then(|(line, text)| Row::read(line, text).ok());
        let Some(header) = header.filter(|it| it.cells.iter().take(first.len()).eq(first)) else {
            return Err(vec![(1, format!("the first line must be `{}`", first.join(",")))]);
        };
        let mut problems = repeated(&header);
        let mut rows = Vec::new();
        for (line, text) in lines {
            match Row::read(line, text) {
                Ok(row) => rows.push(row),
                Err(message) => problems.push((line, message)),
            }
        }
        if problems.is_empty() { Ok(Rows { columns: header.cells, rows }) } else { Err(problems) }
    }

    /// Where a column stands.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|it| it == name)
    }
}

impl Row {
    fn read(line: u32, text: &str) -> Result<Row, String> {
        if text.matches('"').count() % 2 == 1 {
            return Err("a quote is not closed on its own line".to_owned());
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .trim(csv::Trim::All)
            .buffer_capacity(text.len().max(1))
            .from_reader(text.as_bytes());
        let record = reader.records().next().transpose().map_err(|it| it.to_string())?;
        // Full-width blanks are blanks, too.
        let cells = record.iter().flatten().map(|it| it.trim().to_owned()).collect();
        Ok(Row { line, cells })
    }

    /// The cell of a column, or none where it is empty.
    pub(crate) fn cell(&self, column: usize) -> Option<&str> {
        self.cells.get(column).map(String::as_str).filter(|it| !it.is_empty())
    }
}

/// A name that two columns have.
fn repeated(header: &Row) -> Complaints {
    let names = header.cells.iter().enumerate();
    let twice = names.skip(1).find(|(place, name)| {
        !name.is_empty() && header.cells.iter().take(*place).any(|it| it == *name)
    });
    let told = |name: &String| (header.line, format!("two columns have the name `{name}`"));
    twice.map(|(_, name)| told(name)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_lines_of_the_file() {
        check("k,v\na,1\n\n# note\nb,\"2,3\"\r\n", "2 a 1; 5 b 2,3");
        check("\u{feff}k,v\n 甲\u{3000}, 1 ,free note", "2 甲 1");
    }

    #[test]
    fn what_is_no_table_is_told() {
        check("a,1", "1: the first line must be `k`");
        check("", "1: the first line must be `k`");
        check("k,v,v\na,1,2", "1: two columns have the name `v`");
        check("k,v\na,\"1\nb,2\n", "2: a quote is not closed on its own line");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told: Vec<String> = match Rows::read(text, &["k"]) {
            Ok(it) => it.rows.iter().map(|row| shown(row, &it)).collect(),
            Err(problems) => problems.iter().map(|(line, it)| format!("{line}: {it}")).collect(),
        };
        assert_eq!(told.join("; "), expected);
    }

    fn shown(row: &Row, rows: &Rows) -> String {
        let cell = |name| rows.column(name).and_then(|it| row.cell(it)).unwrap_or("-").to_owned();
        format!("{} {} {}", row.line, cell("k"), cell("v"))
    }
}
