//! Reads a store's files without the engine that wrote them, and whatever is left of them.
//!
//! The engine opens a store as a whole or not at all: one table that is missing, one byte of a list
//! of files, and nothing can be had. Here each file is read for itself. Nothing is written.
//!
//! | file | what it is | without it |
//! |---|---|---|
//! | `NNNNNN.log` | changes, in the order they were made | what is in no table yet is lost |
//! | `NNNNNN.sst` | keys in their order | its entries are lost |
//! | `MANIFEST-NNNNNN` | which of these count, and what the families are called | every file counts |
//! | `CURRENT` | which of the lists counts | the one with the highest number |
//!
//! The changes of one key are told apart by the number each change has, so that the order in which
//! files are read does not matter, nor that a file is read which the engine has done with.

mod batch;
mod bytes;
mod log;
mod lz4;
mod manifest;
mod sums;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use self::manifest::{Listed, Manifest};
use super::doctor;
use super::store::{FAMILIES, Family};

/// One change of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change<'a> {
    /// As the engine numbers it.
    family: u32,
    /// Later changes have higher ones.
    pub(super) seqno: u64,
    pub(super) kind: Kind,
    pub(super) key: &'a [u8],
    /// For a range, the key behind its last.
    pub(super) value: &'a [u8],
    /// The engine's sum fits.
    pub(super) is_sure: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Delete,
    DeleteRange,
}

/// A place where a file is not what the engine wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wound {
    /// The file's name in the store's folder.
    pub(super) file: String,
    /// The byte from which on; `None` for the file as a whole.
    pub(super) at: Option<usize>,
    /// What is wrong.
    pub(super) what: String,
}

/// A store's files, listed.
#[derive(Clone, Debug)]
pub(super) struct Carving {
    dir: PathBuf,
    manifest: Manifest,
    tables: BTreeMap<u64, PathBuf>,
    logs: BTreeMap<u64, PathBuf>,
    pub(super) wounds: Vec<Wound>,
}

impl Carving {
    pub(super) fn of(dir: &Path) -> io::Result<Carving> {
        let (mut tables, mut logs, mut lists) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            if let Some(number) = numbered(name, "", ".sst") {
                tables.insert(number, path);
            } else if let Some(number) = numbered(name, "", ".log") {
                logs.insert(number, path);
            } else if let Some(number) = numbered(name, "MANIFEST-", "") {
                lists.insert(number, path);
            }
        }
        let mut carving = Carving {
            dir: dir.to_owned(),
            manifest: Manifest::default(),
            tables,
            logs,
            wounds: Vec::new(),
        };
        carving.read_manifest(&lists)?;
        Ok(carving)
    }

    fn read_manifest(&mut self, lists: &BTreeMap<u64, PathBuf>) -> io::Result<()> {
        let current = current(&self.dir);
        if current.is_none() {
            self.wound("CURRENT", None, "it is missing, or is not what was written");
        }
        let named = current.and_then(|number| lists.get(&number));
        let Some(path) = named.or(lists.last_key_value().map(|it| it.1)) else {
            self.wound("MANIFEST", None, "there is none");
            return Ok(());
        };
        self.manifest = Manifest::read(&fs::read(path)?);
        self.manifest.is_whole &= named.is_some();
        if !self.manifest.is_whole {
            let name = name_of(path);
            self.wound(&name, None, "it cannot be read to its end");
        }
        for (number, listed) in self.manifest.tables.clone() {
            self.compare(number, &listed);
        }
        Ok(())
    }

    fn compare(&mut self, number: u64, listed: &Listed) {
        let name = format!("{number:06}.sst");
        let found = self.tables.get(&number).and_then(|path| fs::metadata(path).ok());
        let family = self.manifest.families.get(&listed.family).cloned().unwrap_or_default();
        match found {
            None => {
                let [first, last] = [&listed.first, &listed.last].map(|key| told(key));
                let what = format!("it is missing: {family} {first} to {last}");
                self.wound(&name, None, &what);
            }
            Some(found) if found.len() != listed.bytes => {
                let what = format!("it has {} bytes of {}", found.len(), listed.bytes);
                self.wound(&name, None, &what);
            }
            Some(_) => {}
        }
    }

    fn wound(&mut self, file: &str, at: Option<usize>, what: &str) {
        self.wounds.push(Wound { file: file.to_owned(), at, what: what.to_owned() });
    }

    /// Whether it is a store at all.
    pub(super) fn has_files(&self) -> bool {
        !self.tables.is_empty() || !self.logs.is_empty() || !self.manifest.families.is_empty()
    }

    /// Whether the engine would open this, find less than there is, and tidy the rest away.
    pub(super) fn is_listed_wrongly(&self) -> bool {
        !self.manifest.is_whole
    }

    /// Whether in a log something is damaged that has records behind it: the engine would drop them.
    pub(super) fn has_wounded_log(&self) -> io::Result<bool> {
        for (&number, path) in &self.logs {
            if !log::records(&fs::read(path)?, number, |_| ()).wounds.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Shows every change that the files hold, and copies of logs that were not taken over; a change may be
    /// shown more than once.
    pub(super) fn changes(&mut self, mut show: impl FnMut(Family, Change<'_>)) -> io::Result<()> {
        let names = self.names()?;
        let family = |number: u32| {
            let name = names.get(&number)?;
            FAMILIES.into_iter().find(|it| it.name() == name)
        };
        for (number, path) in self.tables.clone() {
            let listed = self.manifest.tables.get(&number).map(|it| it.family);
            if self.manifest.is_whole && listed.is_none() {
                continue;
            }
            let told = table::read(&fs::read(&path)?, listed, |change| {
                if let Some(family) = family(change.family) {
                    show(family, change);
                }
            });
            let file = name_of(&path);
            for at in told.wounds {
                self.wound(&file, Some(at), "these bytes are no block");
            }
        }
        for (number, path) in self.logs.clone() {
            let gaps = log::records(&fs::read(&path)?, number, |record| {
                // A record of another kind is of a newer engine, or compressed: whatever it was is
                // missed by its numbers.
                let _ = batch::changes(record, |change| {
                    if !self.is_in_tables(number, change.family)
                        && let Some(family) = family(change.family)
                    {
                        show(family, change);
                    }
                });
            });
            let file = name_of(&path);
            for at in gaps.wounds {
                self.wound(&file, Some(at), "these bytes are no record");
            }
        }
        match doctor::kept_logs(&self.dir) {
            Some(kept) => Carving::of(&kept)?.logged(&mut show),
            None => Ok(()),
        }
    }

    /// Shows every change that is in a log and in no table yet, in the order in which they were made. Of a
    /// record that is not understood as a whole it shows none.
    pub(super) fn logged(&self, mut show: impl FnMut(Family, Change<'_>)) -> io::Result<()> {
        let names = self.names()?;
        let family = |number: u32| {
            let name = names.get(&number)?;
            FAMILIES.into_iter().find(|it| it.name() == name)
        };
        for (&number, path) in &self.logs {
            log::records(&fs::read(path)?, number, |record| {
                let mut changes = Vec::new();
                if batch::changes(record, |change| changes.push(change)).is_none() {
                    return;
                }
                for change in changes {
                    if !self.is_in_tables(number, change.family)
                        && let Some(family) = family(change.family)
                    {
                        show(family, change);
                    }
                }
            });
        }
        Ok(())
    }

    /// Whether a family has in tables what a log tells of it.
    fn is_in_tables(&self, log: u64, family: u32) -> bool {
        let from = self.manifest.log_by_family.get(&family);
        self.manifest.is_whole && from.is_some_and(|from| log < *from)
    }

    /// Names of families by number: from the list, from tables, or in the order they are made in.
    fn names(&self) -> io::Result<BTreeMap<u32, String>> {
        let made = (1..).zip(FAMILIES.map(|family| family.name().to_owned()));
        let mut names: BTreeMap<u32, String> = made.collect();
        if !self.manifest.is_whole {
            for path in self.tables.values() {
                names.extend(table::family(&fs::read(path)?));
            }
        }
        names.extend(self.manifest.families.clone());
        Ok(names)
    }
}

/// The number of the list of files that counts.
pub(super) fn current(dir: &Path) -> Option<u64> {
    let text = fs::read_to_string(dir.join("CURRENT")).ok()?;
    let number = numbered(text.strip_suffix('\n')?, "MANIFEST-", "")?;
    dir.join(format!("MANIFEST-{number:06}")).exists().then_some(number)
}

fn numbered(name: &str, begin: &str, end: &str) -> Option<u64> {
    let digits = name.strip_prefix(begin)?.strip_suffix(end)?;
    digits.bytes().all(|it| it.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn name_of(path: &Path) -> String {
    path.file_name().and_then(|it| it.to_str()).unwrap_or_default().to_owned()
}

/// A key that is a number as one; others by their first bytes.
fn told(key: &[u8]) -> String {
    match key.try_into().map(u64::from_be_bytes) {
        Ok(number) => number.to_string(),
        Err(_) => format!("{:02x?}", key.get(..8).unwrap_or(key)),
    }
}
