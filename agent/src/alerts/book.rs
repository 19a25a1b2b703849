//! What of the alerts outlives the agent: what stands, what each target was told, what is silenced.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::Alert;
use crate::{pipeline, secret_file};

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Book {
    pub(super) raised: Vec<Alert>,
    /// By target.
    pub(super) told: BTreeMap<String, Vec<Alert>>,
    pub(super) silences: Vec<Silence>,
}

/// An alert that nobody wants to be told of for a while.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Silence {
    pub(super) code: String,
    /// `YYYYMMDDhhmmss`.
    pub(super) until: String,
    pub(super) reason: String,
}

impl Silence {
    pub(super) fn holds(&self, now: DateTime) -> bool {
        self.until > pipeline::stamp(now)
    }
}

impl Book {
    /// What cannot be read is begun anew: at worst something is told twice.
    pub(super) fn read(path: &Path) -> Book {
        let read = match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Book::default(),
            Err(error) => Err(error),
        };
        read.unwrap_or_else(|error| {
            let path = path.display();
            tracing::warn!(%path, %error, "what was told of alerts could not be read");
            Book::default()
        })
    }

    /// On disk when this returns.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        secret_file::write(path, &serde_json::to_vec(self).map_err(io::Error::other)?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_damage_is_a_new_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.json");
        assert_eq!(Book::read(&path), Book::default());
        let alert = Alert { code: "F101".to_owned(), ..Alert::default() };
        let told = BTreeMap::from([("ops".to_owned(), vec![alert.clone()])]);
        let book = Book { raised: vec![alert], told, silences: Vec::new() };
        book.write(&path).unwrap();
        assert_eq!(Book::read(&path), book);
        std::fs::write(&path, "{\"raised\":").unwrap();
        assert_eq!(Book::read(&path), Book::default());
    }
}
