//! Where versions lie: plain files for the daemon's user alone, so that they can be read when nothing runs.
//!
//! ```text
//! versions/log.ndjson        a line a version, the oldest first
//! versions/texts/3f2a...     a text by its SHA-256, once however many versions hold it
//! versions/state.json        which configuration is in force, what is on trial, what was taken back
//! ```
//!
//! A version names its tree: a text with a line for each file, digest and path. The log, the state and a
//! configuration are synced; the hundreds of texts of a set are not, for that would hold up receipts on
//! the same disk. What a power cut makes of one is found by its name when it is read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schemas::Files;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::state::State;
use crate::forward::files::sha256;
use crate::{clock, secret_file};

/// What a version is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// `agent.toml`.
    Config,
    /// Schemas, mappings, code maps and rules.
    Sets,
}

/// Who brought a version, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct By {
    pub(crate) author: String,
    pub(crate) reason: String,
}

impl By {
    /// The author of what the agent does by itself.
    pub(crate) const AGENT: &str = "agent";
    /// The author of what was found in files: whoever edited them.
    pub(crate) const FILE: &str = "file";

    /// Somebody has edited a file.
    pub(crate) fn file() -> By {
        By { author: By::FILE.to_owned(), reason: "文件改动".to_owned() }
    }

    /// It came with the program.
    pub(crate) fn program() -> By {
        let author = concat!("his-agent/", env!("CARGO_PKG_VERSION")).to_owned();
        By { author, reason: "程序自带".to_owned() }
    }
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// Its number, from 1, over both kinds.
    pub(crate) no: u64,
    pub(crate) kind: Kind,
    /// When, in China time.
    pub(crate) at: String,
    #[serde(flatten)]
    pub(crate) by: By,
    /// What names its content: of a configuration its SHA-256, of sets the digest that records carry.
    pub(crate) digest: String,
    /// The text that lists its files.
    tree: String,
}

/// All versions that are kept.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    dir: PathBuf,
    keep: usize,
}

impl Book {
    /// The book in a folder, which is made with the first version.
    pub(crate) fn new(dir: &Path, keep: usize) -> Book {
        Book { dir: dir.to_owned(), keep }
    }

    /// Every version, the oldest first. A line that cannot be read is left out.
    pub(crate) fn versions(&self) -> Vec<Version> {
        let log = fs::read_to_string(self.dir.join(LOG)).unwrap_or_default();
        log.lines().filter_map(|it| serde_json::from_str(it).ok()).collect()
    }

    /// One version by its number.
    pub(crate) fn version(&self, no: u64) -> Option<Version> {
        self.versions().into_iter().find(|it| it.no == no)
    }

    /// The one before, of the same kind.
    pub(crate) fn before(&self, version: &Version) -> Option<Version> {
        let mut earlier = self.versions().into_iter();
        earlier.rfind(|it| it.kind == version.kind && it.no < version.no)
    }

    /// Keeps a configuration; on disk when this returns.
    pub(crate) fn keep_config(&self, text: &str, by: By) -> io::Result<Version> {
        let digest = sha256(text.as_bytes());
        self.put(&digest, text, true)?;
        self.enter(Kind::Config, &[(CONFIG, text)].into_iter().collect(), digest, by)
    }

    /// Keeps a set under the digest that records carry.
    pub(crate) fn keep_sets(&self, files: &Files, digest: &str, by: By) -> io::Result<Version> {
        for (_, text) in files.iter() {
            self.put(&sha256(text.as_bytes()), text, false)?;
        }
        self.enter(Kind::Sets, files, digest.to_owned(), by)
    }

    /// The files of a version, if they are what they were.
    pub(crate) fn files(&self, version: &Version) -> io::Result<Files> {
        let tree = self.text(&version.tree)?;
        let line = |it: &str| {
            let (digest, path) = it.split_once(' ').ok_or_else(|| damaged(&version.tree))?;
            Ok((path.to_owned(), self.text(digest)?))
        };
        tree.lines().map(line).collect()
    }

    /// The text of a configuration.
    pub(crate) fn config(&self, version: &Version) -> io::Result<String> {
        let files = self.files(version)?;
        files.get(CONFIG).map(str::to_owned).ok_or_else(|| damaged(&version.tree))
    }

    /// What was noted last. What is missing or unreadable is that of a first start.
    pub(crate) fn state(&self) -> State {
        read(&self.dir.join(STATE)).unwrap_or_default()
    }

    pub(crate) fn keep_state(&self, state: &State) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(state).map_err(io::Error::other)?;
        secret_file::write(&self.dir.join(STATE), &text)
    }

    fn enter(&self, kind: Kind, files: &Files, digest: String, by: By) -> io::Result<Version> {
        let tree = files.iter().fold(String::new(), |mut tree, (path, text)| {
            let _ = writeln!(tree, "{} {path}", sha256(text.as_bytes()));
            tree
        });
        let mut versions = self.versions();
        let no = versions.last().map_or(1, |it| it.no + 1);
        let version = Version {
            no,
            kind,
            at: clock::now().to_string(),
            by,
            digest,
            tree: sha256(tree.as_bytes()),
        };
        self.put(&version.tree, &tree, kind == Kind::Config)?;
        versions.push(version.clone());
        self.forget(&mut versions, kind);
        let log = versions.iter().map(|it| Ok(serde_json::to_string(it)? + "\n"));
        let log: Result<String, serde_json::Error> = log.collect();
        secret_file::write(&self.dir.join(LOG), log.map_err(io::Error::other)?.as_bytes())?;
        self.sweep(&versions)?;
        Ok(version)
    }

    /// Lets the oldest of a kind go; what is in force, and what there is to go back to, stays.
    fn forget(&self, versions: &mut Vec<Version>, kind: Kind) {
        let state = self.state();
        let count = versions.iter().filter(|it| it.kind == kind).count();
        let mut surplus = count.saturating_sub(self.keep);
        versions.retain(|it| {
            let goes = surplus > 0 && it.kind == kind && !state.names(it.no);
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// Removes texts that no version holds.
    fn sweep(&self, versions: &[Version]) -> io::Result<()> {
        let mut held: BTreeSet<String> = versions.iter().map(|it| it.tree.clone()).collect();
        for version in versions {
            let tree = self.text(&version.tree).unwrap_or_default();
            held.extend(tree.lines().filter_map(|it| Some(it.split_once(' ')?.0.to_owned())));
        }
        for entry in fs::read_dir(self.dir.join(TEXTS))?.flatten() {
            if entry.file_name().to_str().is_some_and(|it| !held.contains(it)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn put(&self, digest: &str, text: &str, synced: bool) -> io::Result<()> {
        let path = self.dir.join(TEXTS).join(digest);
        if self.text(digest).is_ok() {
            return Ok(());
        }
        secret_file::write_as(&path, text.as_bytes(), synced)
    }

    fn text(&self, digest: &str) -> io::Result<String> {
        let text = fs::read_to_string(self.dir.join(TEXTS).join(digest))?;
        if sha256(text.as_bytes()) == digest { Ok(text) } else { Err(damaged(digest)) }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

fn damaged(digest: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the kept text {digest} is not what it was"))
}

/// The one file of a version of the configuration.
pub(crate) const CONFIG: &str = "agent.toml";
const LOG: &str = "log.ndjson";
const STATE: &str = "state.json";
const TEXTS: &str = "texts";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn versions_are_kept_for_the_owner_alone_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::new(&folder.path().join("versions"), 3);
        assert!(book.versions().is_empty() && book.state() == State::default());
        let first = book.keep_config("a = 1\n", by("wang")).unwrap();
        let sets: Files = [("mappings/a.toml", "1"), ("rules/b.csv", "1")].into_iter().collect();
        let second = book.keep_sets(&sets, "3f2a", by("file")).unwrap();
        assert_eq!((first.no, second.no), (1, 2));
        assert_eq!(book.config(&first).unwrap(), "a = 1\n");
        assert_eq!(book.files(&second).unwrap().get("rules/b.csv"), Some("1"));
        assert_eq!(book.versions(), [first.clone(), second]);
        for path in ["log.ndjson", &format!("texts/{}", first.digest)] {
            let about = fs::metadata(folder.path().join("versions").join(path)).unwrap();
            assert_eq!(about.permissions().mode() & 0o777, 0o600, "{path}");
        }
        let text = folder.path().join("versions/texts").join(&first.digest);
        fs::write(text, "a = 2\n").unwrap();
        assert!(book.config(&first).unwrap_err().to_string().contains("is not what it was"));
    }

    #[test]
    fn the_oldest_of_a_kind_goes_but_never_what_is_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::new(folder.path(), 2);
        let one = book.keep_config("1", by("a")).unwrap();
        book.keep_state(&State { in_force: one.no, ..State::default() }).unwrap();
        book.keep_sets(&[("x", "1")].into_iter().collect(), "d", by("a")).unwrap();
        for text in ["2", "3", "4"] {
            book.keep_config(text, by("a")).unwrap();
        }
        let left: Vec<u64> = book.versions().iter().map(|it| it.no).collect();
        assert_eq!(left, [1, 2, 5], "in force, of the other kind, and the latest");
        assert!(!folder.path().join("texts").join(sha256(b"2")).exists());
        assert_eq!(book.before(&book.version(5).unwrap()).unwrap().no, 1);
    }

    fn by(author: &str) -> By {
        By { author: author.to_owned(), reason: "test".to_owned() }
    }
}
