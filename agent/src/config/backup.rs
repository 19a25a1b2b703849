//! `[backup]`: when, where to and under which key backups are made.

use std::path::PathBuf;

use jiff::civil::Time;

use super::OutboxConfig;
use super::secrets;
use super::section::{Complaints, Section};
use crate::master_key::MasterKey;

/// `[backup]`
#[derive(Clone, Debug)]
pub struct BackupConfig {
    /// At what time of the day; never without.
    pub at: Option<Time>,
    /// The folder of backups.
    pub to: PathBuf,
    /// How many are kept.
    pub keep: usize,
    /// A key for backups alone; without one the store's own opens them.
    pub key: Option<MasterKey>,
}

pub(super) fn backup(
    root: &mut Section<'_, '_>,
    outbox: &OutboxConfig,
    to: &mut Complaints<'_>,
) -> BackupConfig {
    let mut section = root.section("backup", to);
    let folder = section.text("to", to).map(PathBuf::from);
    let backup = BackupConfig {
        at: at(&mut section, to),
        to: folder.unwrap_or_else(|| outbox.dir.with_file_name("backups")),
        keep: section.size("keep", 7, 1..=3_650, to),
        key: secrets::backup_key(&mut section, to),
    };
    section.finish(to);
    backup
}

fn at(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<Time> {
    let text = section.text("at", to)?;
    let read = Time::strptime("%H:%M", &text);
    if read.is_err() {
        let message = "`at` must be a time of day such as \"02:00\"".to_owned();
        to.error("A004", section.offset_of("at"), message);
    }
    read.ok()
}

#[cfg(test)]
mod tests {
    use crate::config::proving::told_of;

    #[test]
    fn when_where_to_and_under_which_key() {
        check("at = \"02:00\"\nto = \"/mnt/backup\"\nkeep = 3", "");
        check("at = \"26:00\"", "`at` must be a time of day");
        check("keep = 0", "error[A004]");
        check("key = \"0011\"", "error[A010]: `key` is written out");
        check("key = \"file:/no/such\"", "error[A009]: `key`: /no/such cannot be read");
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(&format!("[backup]\n{lines}"), expected);
    }
}
