//! The list of hits, in a file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::super::super::Exit;
use super::source::unusable;
use crate::backtest::{COLUMNS, Hit};

/// The list of hits, written as they come.
pub(super) struct Hits(Option<(BufWriter<File>, PathBuf, bool)>);

impl Hits {
    pub(super) fn create(path: Option<&Path>) -> Result<Hits, Exit> {
        let Some(path) = path else { return Ok(Hits(None)) };
        // Encounters and doctors are in it: nobody else may read it.
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path).map_err(|error| unusable(path, &error))?;
        let is_csv = path.extension().is_some_and(|it| it == "csv");
        let mut writer = BufWriter::new(file);
        if is_csv {
            // The mark makes spreadsheets read it as UTF-8.
            let header = writeln!(writer, "\u{feff}change,{}", COLUMNS.join(","));
            header.map_err(|error| unusable(path, &error))?;
        }
        Ok(Hits(Some((writer, path.to_owned(), is_csv))))
    }

    pub(super) fn write(&mut self, hit: &Hit) -> Result<(), Exit> {
        let Some((writer, path, is_csv)) = &mut self.0 else { return Ok(()) };
        let line = if *is_csv { hit.to_csv() } else { hit.to_json().to_string() };
        writeln!(writer, "{line}").map_err(|error| unusable(path, &error))
    }

    pub(super) fn finish(mut self) -> Result<(), Exit> {
        let Some((writer, path, _)) = &mut self.0 else { return Ok(()) };
        writer.flush().map_err(|error| unusable(path, &error))
    }
}
