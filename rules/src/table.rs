//! CSV with places: knowledge rows and drug tables as people keep them in a spreadsheet.

use csv::{ReaderBuilder, StringRecord, Trim};
use schemas::Problem;

/// A column that a file may or must have.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a> {
    pub(crate) name: &'a str,
    pub(crate) required: bool,
}

/// One line of a file.
pub(crate) struct Cells<'a> {
    file: &'a str,
    header: &'a StringRecord,
    record: StringRecord,
    /// The line in the file, from 1.
    pub(crate) line: u32,
}

impl Cells<'_> {
    /// The cell of a column; blank and missing are the same.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let cell = self.record.get(self.position(name)?)?;
        (!cell.is_empty()).then_some(cell)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// A cell that must not be blank.
    pub(crate) fn required(&self, name: &str, problems: &mut Vec<Problem>) -> Option<&str> {
        let cell = self.get(name);
        if cell.is_none() {
            problems.push(self.problem("R203", name, format!("`{name}` must not be empty")));
        }
        cell
    }

    pub(crate) fn problem(&self, code: &'static str, name: &str, message: String) -> Problem {
        Problem::error(code, self.file, (self.line, self.column_of(name)), message)
    }

    /// Column in characters, as if no cell before it were quoted: close enough to find it.
    fn column_of(&self, name: &str) -> u32 {
        let before = self.position(name).unwrap_or(0);
        let width: usize =
            self.record.iter().take(before).map(|cell| cell.chars().count() + 1).sum();
        u32::try_from(width + 1).unwrap_or(u32::MAX)
    }
}

/// One line as it is read again: cells with commas, quotes and line breaks are quoted.
pub(crate) fn line(cells: &[String]) -> String {
    let quote = |cell: &String| {
        let trimmed = cell.trim() != cell || cell.starts_with('#');
        if trimmed || cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    cells.iter().map(quote).collect::<Vec<_>>().join(",")
}

/// Reads every line and hands it to `each`; a fault in the header ends the file.
pub(crate) fn read(
    file: &str,
    text: &str,
    known: &[Header<'_>],
    problems: &mut Vec<Problem>,
    mut each: impl FnMut(&Cells<'_>, &mut Vec<Problem>),
) {
    // Excel marks UTF-8 files this way.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .trim(Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let Ok(header) = reader.headers().cloned() else { return };
    if !header_is_good(file, &header, known, problems) {
        return;
    }
    for record in reader.into_records() {
        let Ok(record) = record else { continue };
        let line = record.position().map_or(0, csv::Position::line);
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        let cells = Cells { file, header: &header, record, line };
        if cells.record.len() == header.len() {
            each(&cells, problems);
        } else {
            let message = format!("{} cells, the header has {}", cells.record.len(), header.len());
            problems.push(Problem::error("R207", file, (line, 1), message));
        }
    }
}

fn header_is_good(
    file: &str,
    header: &StringRecord,
    known: &[Header<'_>],
    problems: &mut Vec<Problem>,
) -> bool {
    let before = problems.len();
    let names = known.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
    let mut column = 1;
    for (position, name) in header.iter().enumerate() {
        let message = if header.iter().take(position).any(|earlier| earlier == name) {
            Some(format!("column `{name}` appears twice"))
        } else if known.iter().any(|column| column.name == name) {
            None
        } else {
            Some(format!("unknown column `{name}`; known are {names}"))
        };
        problems.extend(message.map(|text| Problem::error("R201", file, (1, column), text)));
        column += u32::try_from(name.chars().count() + 1).unwrap_or(0);
    }
    for missing in known.iter().filter(|column| column.required) {
        if !header.iter().any(|name| name == missing.name) {
            let message = format!("column `{}` is missing", missing.name);
            problems.push(Problem::error("R202", file, (1, 1), message));
        }
    }
    problems.len() == before
}
