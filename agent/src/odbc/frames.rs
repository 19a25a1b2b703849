//! What the agent and a worker say to each other, and how it is cut into frames.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of everything in this file.
pub(super) const PROTOCOL: u32 = 1;

/// A longer frame is no frame. A page is much shorter: see the bounds in `session`.
const FRAME_BYTES_MAX: usize = 192 << 20;

/// What the agent asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// To log in, read-only.
    Connect {
        /// The connection string, password and all.
        connection: String,
        /// The encoding in which the driver gives texts; without one it gives UTF-16.
        charset: Option<String>,
        /// How long logging in may take.
        timeout_s: u32,
    },
    /// To read the beginning of what a statement gives.
    Select(Select),
}

/// What is read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Select {
    /// The statement.
    pub(crate) sql: String,
    /// Rows of the page.
    pub(crate) rows_max: usize,
    /// Whether the driver is to say so to the database. Some write it into the statement, which is
    /// wrong then if it says so itself.
    pub(crate) driver_limits: bool,
    /// How long the database may take.
    pub(crate) timeout_s: u32,
}

/// What the worker answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    /// It has started.
    Hello {
        /// Its version of this file.
        protocol: u32,
        /// Why there is no ODBC manager.
        no_manager: Option<String>,
    },
    /// It has logged in.
    Connected {
        /// The database's name of itself.
        dbms: String,
        /// Its version.
        version: String,
    },
    /// What a statement gives.
    Page(Page),
    /// It did not work.
    Failed(Failure),
}

/// The beginning of what a statement gives.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Page {
    /// In the order of the cells.
    pub(crate) columns: Vec<Column>,
    /// A cell for each column.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Whether it ends early, since it has become long.
    pub(crate) is_cut: bool,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Characters or digits, as the driver says.
    pub(crate) size: usize,
}

/// What a column holds, as far as reading it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Whole numbers and decimals.
    Number,
    /// Date and time.
    Moment,
    /// Text.
    Text,
    /// Text that is filled up with blanks.
    Filled,
    /// Bytes; they are told as base64.
    Bytes,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    /// NULL.
    Null,
    /// What it is, as text.
    Text(String),
    /// What could not be read as it should.
    Lost(Lost),
}

/// A value that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lost {
    /// Its bytes; empty when there are too many.
    pub(crate) base64: String,
}

/// What the manager, a driver or a database complains of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The SQLSTATE: five letters and digits.
    pub(crate) state: String,
    /// The database's own number.
    pub(crate) native: i32,
    /// Its sentence. It may hold a patient's values: not for logs.
    pub(crate) text: String,
}

/// Writes a frame.
pub(super) fn write(to: &mut impl Write, it: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(it)?;
    let length = u32::try_from(bytes.len()).ok().filter(|it| usize_of(*it) <= FRAME_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("a frame that is too long"))?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// Reads a frame; nothing at the end.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = usize_of(u32::from_be_bytes(length));
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::other("a frame that is too long"));
    }
    // Not taken at once: a length that lies would take it for nothing.
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(serde_json::from_slice(&bytes)?))
}

fn usize_of(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let rows = vec![vec![
            Cell::Null,
            Cell::Text("李\u{0}\"".to_owned()),
            Cell::Text(String::new()),
            Cell::Lost(Lost { base64: "gQ==".to_owned() }),
        ]];
        let column = Column { name: "姓名".to_owned(), kind: Kind::Filled, size: 8 };
        let page = Page { columns: vec![column], rows, is_cut: true };
        let mut bytes = Vec::new();
        write(&mut bytes, &Told::Page(page)).unwrap();
        let read: Told = read(&mut bytes.as_slice()).unwrap().unwrap();
        let Told::Page(page) = read else { panic!("{read:?}") };
        assert_eq!(page.columns[0].kind, Kind::Filled);
        assert_eq!(page.rows[0][0], Cell::Null);
        assert_eq!(page.rows[0][1], Cell::Text("李\u{0}\"".to_owned()));
        assert_eq!(page.rows[0][2], Cell::Text(String::new()));
        assert!(matches!(&page.rows[0][3], Cell::Lost(it) if it.base64 == "gQ=="));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        check(b"", "end");
        check(b"\0\0\0\x02{", "error");
        check(b"\0\0\0\x02{}", "error");
        check(b"\xff\xff\xff\xff{}", "a frame that is too long");
        check(b"driver: hello", "error");
    }

    #[track_caller]
    fn check(mut bytes: &[u8], expected: &str) {
        match read::<Told>(&mut bytes) {
            Ok(None) => assert_eq!(expected, "end"),
            Ok(Some(it)) => panic!("{it:?}"),
            Err(error) => {
                assert!(expected == "error" || error.to_string() == expected, "{error}");
            }
        }
    }
}
