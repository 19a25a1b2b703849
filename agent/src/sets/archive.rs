//! The sets that were in force, kept as files: what a restart and a fallback come back to, and what
//! a record's `set` leads to.
//!
//! ```text
//! sets/state.json                 which set is in force, which was before it, which were taken back
//! sets/3f2a9c41d07e/schemas/...   the texts of one set, as they were loaded
//! sets/3f2a9c41d07e/mappings/...
//! sets/3f2a9c41d07e/rules/...
//! ```
//!
//! A set is written beside its place and renamed into it, but its files are not synced one by one:
//! three hundred syncs would hold up receipts on the same disk. What a power cut makes of it is
//! found by its digest when it is read; it is then written anew, since the set that was just put in
//! force lies in the configured folders as well. The state is synced.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use schemas::Problem;
use serde::{Deserialize, Serialize};

use super::Texts;
use super::texts::{SetDigest, read_folder};

/// The folder of kept sets.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    dir: PathBuf,
}

/// `state.json`: digests in full.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The set in force.
    pub(crate) in_force: Option<String>,
    /// What to go back to, as long as the one in force is on trial.
    pub(crate) way_back: Option<String>,
    /// Sets that were taken back. None of them is put in force again unasked.
    #[serde(default)]
    pub(crate) taken_back: Vec<TakenBack>,
    /// Every set that was in force, the latest last.
    #[serde(default)]
    pub(crate) history: Vec<String>,
}

/// A set that refused what the one before it would have taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakenBack {
    pub(crate) digest: String,
    pub(crate) at: String,
    pub(crate) channel: String,
    /// Messages of the channel that it had judged by then.
    pub(crate) judged: u32,
    /// The messages that only it refused. They are in the dead letters.
    pub(crate) message_ids: Vec<String>,
}

impl State {
    pub(crate) fn taken_back(&self, digest: &SetDigest) -> Option<&TakenBack> {
        self.taken_back.iter().find(|it| it.digest == digest.as_str())
    }

    /// Notes that a set is in force now, and what it may fall back to.
    pub(crate) fn enter(&mut self, digest: &SetDigest, way_back: Option<&SetDigest>) {
        let digest = digest.as_str().to_owned();
        self.history.retain(|it| *it != digest);
        self.history.push(digest.clone());
        let surplus = self.history.len().saturating_sub(KEPT_MAX);
        self.history.drain(..surplus);
        self.in_force = Some(digest);
        self.way_back = way_back.map(|it| it.as_str().to_owned());
    }

    pub(crate) fn take_back(&mut self, taken_back: TakenBack) {
        self.taken_back.retain(|it| it.digest != taken_back.digest);
        self.taken_back.push(taken_back);
        let surplus = self.taken_back.len().saturating_sub(TAKEN_BACK_MAX);
        self.taken_back.drain(..surplus);
    }
}

impl Archive {
    pub(crate) fn new(dir: &Path) -> Archive {
        Archive { dir: dir.to_owned() }
    }

    /// What was noted last. A state that is missing or unreadable is that of a first start: the
    /// configured folders then decide alone, as they would without an archive.
    pub(crate) fn state(&self) -> State {
        let text = fs::read_to_string(self.dir.join(STATE)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Keeps the texts and then the state that names them, and forgets sets that nothing names.
    pub(crate) fn keep(&self, texts: &Texts, state: &State) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        self.write_texts(texts)?;
        self.write_state(state)?;
        self.forget(state)
    }

    pub(crate) fn write_state(&self, state: &State) -> io::Result<()> {
        let text = serde_json::to_string_pretty(state).map_err(io::Error::other)?;
        let new = self.dir.join(".state.json.new");
        write_synced(&new, text.as_bytes())?;
        fs::rename(new, self.dir.join(STATE))?;
        sync_folder(&self.dir)
    }

    /// The texts of a set, if they are what they were.
    pub(crate) fn read(&self, digest: &str) -> Result<Texts, Vec<Problem>> {
        let folder = self.dir.join(short(digest));
        let mut problems = Vec::new();
        let mut tree = |name: &str| read_folder(&folder.join(name), &mut problems);
        let texts =
            Texts { schemas: tree("schemas"), mappings: tree("mappings"), rules: tree("rules") };
        if problems.is_empty() && texts.digest().as_str() != digest {
            let message = "the kept set is no longer what was kept";
            let file = folder.display().to_string();
            problems.push(Problem::error("A014", file, (1, 1), message));
        }
        if problems.is_empty() { Ok(texts) } else { Err(problems) }
    }

    fn write_texts(&self, texts: &Texts) -> io::Result<()> {
        let digest = texts.digest();
        if self.read(digest.as_str()).is_ok() {
            return Ok(());
        }
        let place = self.dir.join(digest.short());
        let new = self.dir.join(format!(".{}.new", digest.short()));
        for left_over in [&new, &place] {
            remove(left_over)?;
        }
        for (tree, files) in texts.trees() {
            write_tree(&new.join(tree), files)?;
        }
        fs::rename(new, place)
    }

    fn forget(&self, state: &State) -> io::Result<()> {
        let named = |name: &str| {
            let kept = state.history.iter().chain(&state.in_force).chain(&state.way_back);
            kept.into_iter().any(|it| short(it) == name)
        };
        for path in fs::read_dir(&self.dir)?.flatten().map(|it| it.path()) {
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            if path.is_dir() && !named(name) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

fn write_tree(folder: &Path, files: &schemas::Files) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (path, text) in files.iter() {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

const STATE: &str = "state.json";
/// Sets that are kept.
const KEPT_MAX: usize = 5;
/// Sets that are remembered as taken back.
const TAKEN_BACK_MAX: usize = 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_last_five_sets_are_kept_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(&folder.path().join("sets"));
        let mut state = archive.state();
        assert_eq!(state, State::default());
        let all: Vec<Texts> = (0..7).map(|n| texts(&n.to_string())).collect();
        for texts in &all {
            state.enter(&texts.digest(), None);
            archive.keep(texts, &state).unwrap();
        }
        assert_eq!(archive.state(), state);
        let kept: Vec<bool> =
            all.iter().map(|it| archive.read(it.digest().as_str()).is_ok()).collect();
        assert_eq!(kept, [false, false, true, true, true, true, true]);
    }

    #[test]
    fn a_set_that_was_touched_is_not_taken_for_what_it_was_and_is_kept_anew() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(folder.path());
        let (texts, mut state) = (texts("a"), State::default());
        state.enter(&texts.digest(), None);
        archive.keep(&texts, &state).unwrap();
        let file = folder.path().join(texts.digest().short()).join("mappings/v/a.toml");
        fs::write(file, "other").unwrap();
        let problems = archive.read(texts.digest().as_str()).unwrap_err();
        assert_eq!(problems.first().unwrap().code, "A014");
        archive.keep(&texts, &state).unwrap();
        assert!(archive.read(texts.digest().as_str()).is_ok());
    }

    fn texts(text: &str) -> Texts {
        let files = || [("v/a.toml", text), ("v/codes/b.csv", "1,2")].into_iter().collect();
        Texts { schemas: files(), mappings: files(), rules: files() }
    }
}
