//! A worker's connection: logs in, runs a statement, and tells its rows as text, exactly.
//!
//! Decimals come as the database writes them, dates and times by ISO 8601 with a blank between, bytes as
//! base64, blanks behind a CHAR are dropped, NULL is no value. A value that is not in the encoding it
//! should be in is told as its bytes: nothing is put in its place.

use adapters::Charset;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::frames::{Cell, Column, Failure, Kind, Lost, Page, Select};
use super::manager::{
    Connection, DBMS_NAME, DBMS_VERSION, Manager, Moment, Speech, Statement, Value,
};

/// A connection that only reads.
#[derive(Debug)]
pub(super) struct Session<'m> {
    connection: Connection<'m>,
    pub(super) dbms: String,
    pub(super) version: String,
}

impl<'m> Session<'m> {
    pub(super) fn open(
        manager: &'m Manager,
        connection: &str,
        charset: Option<&str>,
        timeout_s: u32,
    ) -> Result<Session<'m>, Failure> {
        let speech = match charset {
            None => Speech::Wide,
            Some("utf-8") => Speech::Narrow(Charset::Utf8),
            Some(_) => Speech::Narrow(Charset::Gb18030),
        };
        let connection = Connection::open(manager, connection, speech, timeout_s)?;
        let (dbms, version) = (connection.told(DBMS_NAME), connection.told(DBMS_VERSION));
        let session = Session { connection, dbms, version };
        if let Some(sql) = session.reading_only() {
            session.connection.statement()?.run(sql)?;
        }
        Ok(session)
    }

    /// What has the database itself refuse to write, where one is known. The attribute of the
    /// connection is a wish that many drivers do not heed.
    fn reading_only(&self) -> Option<&'static str> {
        let dbms = self.dbms.to_ascii_lowercase();
        let is = |names: &[&str]| names.iter().any(|it| dbms.contains(it));
        if is(&["postgresql", "kingbase", "opengauss"]) {
            Some("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        } else if is(&["mysql", "mariadb"]) {
            Some("SET SESSION TRANSACTION READ ONLY")
        } else {
            None
        }
    }

    /// Reads at most so many rows.
    pub(super) fn select(&self, asked: &Select) -> Result<Page, Failure> {
        let Select { sql, rows_max, driver_limits, timeout_s } = asked;
        let mut statement = self.connection.statement()?;
        statement.limit_time(*timeout_s);
        if *driver_limits {
            statement.limit_rows(*rows_max);
        }
        statement.run(sql)?;
        let count = statement.columns()?;
        let columns = (1..=count).map(|it| column(&statement, it));
        let mut page = Page { columns: columns.collect::<Result<_, _>>()?, ..Page::default() };
        let mut bytes = 0;
        while page.rows.len() < *rows_max && statement.next_row()? {
            let row = self.row(&mut statement, &page.columns)?;
            bytes += row.iter().map(bytes_of).sum::<usize>();
            page.rows.push(row);
            if is_long(page.rows.len(), bytes) {
                page.is_cut = true;
                break;
            }
        }
        Ok(page)
    }

    fn row(&self, from: &mut Statement<'_>, columns: &[Column]) -> Result<Vec<Cell>, Failure> {
        let mut left = ROW_BYTES_MAX;
        let mut row = Vec::with_capacity(columns.len());
        for (number, column) in (1..).zip(columns) {
            let cell = self.cell(from, number, column.kind, left)?;
            left = left.saturating_sub(bytes_of(&cell));
            row.push(cell);
        }
        Ok(row)
    }

    fn cell(
        &self,
        from: &mut Statement<'_>,
        number: u16,
        kind: Kind,
        bytes_max: usize,
    ) -> Result<Cell, Failure> {
        let values = self.connection.values;
        Ok(match kind {
            Kind::Moment => from.moment(number)?.map_or(Cell::Null, |it| Cell::Text(written(it))),
            Kind::Number => cell(from.plain(number, bytes_max)?, |it| {
                String::from_utf8(it.to_vec()).ok().map(|it| it.trim().to_owned())
            }),
            Kind::Bytes => cell(from.bytes(number, bytes_max)?, |it| Some(STANDARD.encode(it))),
            Kind::Text => cell(from.text(number, bytes_max)?, |it| values.heard(it)),
            Kind::Filled => cell(from.text(number, bytes_max)?, |it| {
                values.heard(it).map(|it| it.trim_end_matches(' ').to_owned())
            }),
        })
    }
}

fn cell(value: Value, read: impl Fn(&[u8]) -> Option<String>) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::TooLong => Cell::Lost(Lost { base64: String::new() }),
        Value::Bytes(bytes) => match read(&bytes) {
            Some(text) => Cell::Text(text),
            None => Cell::Lost(Lost { base64: STANDARD.encode(bytes) }),
        },
    }
}

fn column(statement: &Statement<'_>, number: u16) -> Result<Column, Failure> {
    let (name, kind, size) = statement.column(number)?;
    Ok(Column { name, kind: kind_of(kind), size })
}

/// By the numbers of ODBC, SQL Server's own among them.
const fn kind_of(number: i16) -> Kind {
    match number {
        2..=8 | -7..=-5 => Kind::Number,
        93 | 11 => Kind::Moment,
        1 | -8 => Kind::Filled,
        -4..=-2 => Kind::Bytes,
        _ => Kind::Text,
    }
}

/// `2026-11-22 10:15:30`, and as much of a fraction as there is.
fn written(it: Moment) -> String {
    let Moment { year, month, day, hour, minute, second, fraction } = it;
    let text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    if fraction == 0 {
        return text;
    }
    format!("{text}.{}", format!("{fraction:09}").trim_end_matches('0'))
}

fn bytes_of(cell: &Cell) -> usize {
    match cell {
        Cell::Null => 4,
        Cell::Text(text) => text.len(),
        Cell::Lost(lost) => lost.base64.len(),
    }
}

/// A page ends behind the row that makes it so long, but not behind its first: the next one may begin at
/// its last row, and would never come further.
const fn is_long(rows: usize, bytes: usize) -> bool {
    bytes > PAGE_BYTES_MAX && rows > 1
}

const PAGE_BYTES_MAX: usize = 4 << 20;
/// What is longer is told as too long. Each byte may take six in JSON, and the frame has room for that.
const ROW_BYTES_MAX: usize = 12 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_exactly_as_they_are() {
        check((2026, 11, 2, 3, 4, 5, 0), "2026-11-02 03:04:05");
        check((2026, 11, 22, 23, 59, 59, 123_000_000), "2026-11-22 23:59:59.123");
        check((2026, 11, 22, 0, 0, 0, 1_000), "2026-11-22 00:00:00.000001");
    }

    #[test]
    fn a_page_is_never_one_long_row() {
        assert!(!is_long(1, ROW_BYTES_MAX) && is_long(2, ROW_BYTES_MAX));
        assert!(!is_long(400, PAGE_BYTES_MAX));
    }

    #[track_caller]
    fn check(it: (i16, u16, u16, u16, u16, u16, u32), expected: &str) {
        let (year, month, day, hour, minute, second, fraction) = it;
        let moment = Moment { year, month, day, hour, minute, second, fraction };
        assert_eq!(written(moment), expected);
    }
}
