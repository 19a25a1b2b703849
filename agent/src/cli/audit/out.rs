//! Tables to the terminal or into files, and tables out of files.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use adapters::Limits;
use rules::import::read_csv;

use super::super::Exit;
use super::Failed;
use super::arguments::Out;
use crate::audit::table::Table;

/// Gives a table in the form that was asked for.
pub(super) fn give(table: &Table, out: &Out) -> Result<(), Failed> {
    let Some(path) = &out.out else {
        if out.json {
            say!("{:#}", serde_json::to_value(table).unwrap_or_default());
        } else {
            say!("{}", table.to_text());
        }
        return Ok(());
    };
    let bytes = match path.extension().and_then(|it| it.to_str()) {
        Some("xlsx") => table.to_xlsx(),
        Some("csv") => table.to_csv().into_bytes(),
        _ => {
            eprintln!("{}：文件名以 .csv 或 .xlsx 结尾", path.display());
            return Err(Failed::Exit(Exit::Usage));
        }
    };
    write(path, &bytes).map_err(|error| unusable(path, &error))?;
    say!("{}：{} 行", path.display(), table.rows.len());
    Ok(())
}

/// The rows of a table that the hospital brings.
pub(super) fn file_rows(path: &Path) -> Result<Vec<Vec<String>>, Failed> {
    let bytes = std::fs::read(path).map_err(|error| unusable(path, &error))?;
    let limits = Limits::default();
    let read = if adapters::is_workbook(&bytes) {
        adapters::read_sheet(&bytes, None, &limits)
    } else {
        adapters::text(&bytes, None, &limits).map(|text| read_csv(&text))
    };
    read.map_err(|error| {
        eprintln!("{}: {}", path.display(), error.message());
        Failed::Exit(Exit::Data)
    })
}

/// Encounters and doctors are in it: nobody else may read it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(bytes)
}

fn unusable(path: &Path, error: &io::Error) -> Failed {
    eprintln!("{}: {error}", path.display());
    Failed::Exit(Exit::Unavailable)
}
