//! CSV files that people edit: rows by column name, and the line and column of every cell.

use std::cell::RefCell;
use std::io::{Cursor, SeekFrom};
use std::rc::Rc;

use crate::problem::Problem;

/// Which columns a kind of file has.
pub(crate) struct Columns {
    pub(crate) required: &'static [&'static str],
    pub(crate) optional: &'static [&'static str],
}

/// One row of a file whose header was sound.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    file: &'a str,
    text: &'a str,
    names: Rc<Vec<String>>,
    cells: csv::StringRecord,
}

/// Where a cell stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) at: (u32, u32),
}

/// The rows of a file; none when its header is wrong. Rows with too few or too many cells are
/// reported and left out.
pub(crate) fn read<'a>(
    file: &'a str,
    text: &'a str,
    columns: &Columns,
    problems: &mut Vec<Problem>,
) -> Vec<Row<'a>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = records(text).into_iter();
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(error)) => {
            problems.push(Problem::error("S102", file, (1, 1), error.to_string()));
            return Vec::new();
        }
        None => csv::StringRecord::new(),
    };

    let names = Rc::new(header.iter().map(str::to_owned).collect::<Vec<_>>());
    let header = Row { file, text, names: Rc::clone(&names), cells: header };
    if !header.is_sound(columns, problems) {
        return Vec::new();
    }

    let mut rows = Vec::new();
    for record in records {
        match record {
            Ok(cells) => {
                let row = Row { file, text, names: Rc::clone(&names), cells };
                if row.is_whole(problems) {
                    rows.push(row);
                }
            }
            Err(error) => problems.push(Problem::error("S102", file, (1, 1), error.to_string())),
        }
    }
    rows
}

thread_local! {
    /// One for all files: making a reader costs what reading a hundred rows costs, and the standard has
    /// hundreds of short files.
    static READER: RefCell<csv::Reader<Cursor<Vec<u8>>>> = RefCell::new(
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(Cursor::default()),
    );
}

/// The records of a text, from its own first line.
fn records(text: &str) -> Vec<csv::Result<csv::StringRecord>> {
    READER.with_borrow_mut(|reader| {
        *reader.get_mut() = Cursor::new(text.as_bytes().to_vec());
        match reader.seek_raw(SeekFrom::Start(0), csv::Position::new()) {
            Ok(()) => reader.records().collect(),
            Err(error) => vec![Err(error)],
        }
    })
}

impl<'a> Row<'a> {
    /// The cell of a column; empty when the file has no such column.
    pub(crate) fn cell(&self, column: &str) -> &str {
        self.index(column).and_then(|index| self.cells.get(index)).unwrap_or_default()
    }

    /// Where the cell of a column begins; the row's first cell when the file has no such column.
    pub(crate) fn place(&self, column: &str) -> Place<'a> {
        Place { file: self.file, at: self.locate(self.index(column).unwrap_or(0)) }
    }

    /// An error about the cell of a column.
    pub(crate) fn error(&self, code: &'static str, column: &str, message: String) -> Problem {
        Problem::error(code, self.file, self.place(column).at, message)
    }

    fn index(&self, column: &str) -> Option<usize> {
        self.names.iter().position(|name| name == column)
    }

    /// Line and column of a cell. Reads the text again, which only a fault pays for.
    fn locate(&self, index: usize) -> (u32, u32) {
        let position = self.cells.position();
        let start = position.map_or(0, csv::Position::byte);
        let mut line = position.map_or(1, |position| u32::try_from(position.line()).unwrap_or(0));
        let text = self.text.get(usize::try_from(start).unwrap_or(0)..).unwrap_or_default();
        // The reader counts empty lines before a record to the record.
        let record = text.trim_start_matches(['\r', '\n']);
        line += newlines(text.get(..text.len() - record.len()).unwrap_or_default());

        let (mut column, mut cell, mut quoted) = (1, 0, false);
        for char in record.chars() {
            if cell == index {
                break;
            }
            match char {
                '"' => quoted = !quoted,
                ',' if !quoted => cell += 1,
                _ => {}
            }
            if char == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
        }
        (line, column)
    }

    fn is_sound(&self, columns: &Columns, problems: &mut Vec<Problem>) -> bool {
        let known =
            |name: &str| columns.required.contains(&name) || columns.optional.contains(&name);
        let before = problems.len();
        for name in columns.required {
            if self.index(name).is_none() {
                let message = format!("the header lacks the column `{name}`");
                problems.push(Problem::error("S103", self.file, (1, 1), message));
            }
        }
        for (index, name) in self.names.iter().enumerate() {
            let place = self.locate(index);
            if self.index(name) != Some(index) {
                let message = format!("the column `{name}` stands twice in the header");
                problems.push(Problem::error("S104", self.file, place, message));
            } else if !known(name) {
                let columns = [columns.required, columns.optional].concat().join(",");
                let message = format!("`{name}` is no column of this file; they are {columns}");
                problems.push(Problem::error("S104", self.file, place, message));
            }
        }
        problems.len() == before
    }

    fn is_whole(&self, problems: &mut Vec<Problem>) -> bool {
        let (found, expected) = (self.cells.len(), self.names.len());
        if found != expected {
            let message = format!(
                "the row has {found} cells, the header {expected}; quote cells with commas"
            );
            problems.push(Problem::error("S102", self.file, self.locate(0), message));
        }
        found == expected
    }
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    const COLUMNS: Columns = Columns { required: &["code", "zh_name"], optional: &["notes"] };

    #[test]
    fn cells_have_their_place() {
        check("code,zh_name\n1,男\n", "1:1 男:3 at 2");
        check("\u{feff}code,zh_name\r\n1,男\r\n", "1:1 男:3 at 2");
        check("code,zh_name\n\n\n\"一,二\",男\n", "一,二:1 男:7 at 4");
        check("zh_name,notes,code\n甲乙,\"x\ny\",1\n", "1:4 甲乙:1 at 2");
    }

    #[test]
    fn headers_and_short_rows() {
        check("", "f:1:1: error[S103]: the header lacks the column `code`");
        check("code,name\n", "f:1:1: error[S103]: the header lacks the column `zh_name`");
        check(
            "code,zh_name,what\n",
            "f:1:14: error[S104]: `what` is no column of this file; they are code,zh_name,notes",
        );
        check(
            "code,zh_name,code\n",
            "f:1:14: error[S104]: the column `code` stands twice in the header",
        );
        check(
            "code,zh_name\n1\n2,女\n",
            "f:2:1: error[S102]: the row has 1 cells, the header 2; quote cells with commas",
        );
    }

    #[test]
    fn nothing_is_left_of_the_file_before() {
        check("code,zh_name\n1,\"男\n2,女", "1:1 男\n2,女:3 at 2");
        check("code,zh_name\n3,未知\n", "3:1 未知:3 at 2");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut problems = Vec::new();
        let rows = read("f", text, &COLUMNS, &mut problems);
        let actual = if problems.is_empty() {
            let row = &rows[0];
            let (code, zh_name) = (row.place("code").at, row.place("zh_name").at);
            let (one, two) = (row.cell("code"), row.cell("zh_name"));
            format!("{one}:{} {two}:{} at {}", code.1, zh_name.1, zh_name.0)
        } else {
            problems[0].to_string()
        };
        assert_eq!(actual, expected);
    }
}
