//! Which configuration a start begins with: the file's, unless a version was put in force by command and
//! the file could not be written.
//!
//! Whoever edits the file and starts the agent anew has made a change: it becomes a version by `file`,
//! and is in force at once. A version that was accepted by command is on trial from its first start on;
//! one that keeps the agent from starting is taken back.

use std::io;
use std::path::{Path, PathBuf};

use schemas::Problem;

use super::book::{Book, By};
use super::state::{State, Trial};
use crate::config::Config;
use crate::forward::files::sha256;
use crate::write;

/// What a start begins with.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) config: Config,
    pub(crate) life: Life,
    /// What deserves a look, for the log.
    pub(crate) notes: Vec<String>,
}

/// The book of versions and the file that people edit.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) book: Book,
    pub(crate) file: PathBuf,
}

/// The configuration to start with, or every problem of the file.
pub(crate) fn begin(file: &Path) -> Result<Begun, Vec<Problem>> {
    let name = file.display().to_string();
    let text = read(file)?;
    let config = Config::parse(&name, &text)?;
    let book = Book::new(&config.versions.dir, config.versions.keep);
    let life = Life { book, file: file.to_owned() };
    let chosen = life.settle(&text).and_then(|()| life.other_than(&text));
    Ok(match chosen {
        Ok(None) => Begun { config, life, notes: Vec::new() },
        Ok(Some((no, kept))) => match Config::parse(&format!("version {no}"), &kept) {
            Ok(config) => {
                let note = format!("version {no} of the configuration is in force, not the file");
                Begun { config, life, notes: vec![note] }
            }
            Err(problems) => {
                let notes = problems.iter().map(ToString::to_string).collect();
                Begun { config, life, notes }
            }
        },
        // Without a book everything goes on; only nobody will know what was changed.
        Err(error) => {
            let note = format!("the version of the configuration was not kept: {error}");
            Begun { config, life, notes: vec![note] }
        }
    })
}

fn read(file: &Path) -> Result<String, Vec<Problem>> {
    std::fs::read_to_string(file).map_err(|error| {
        let message = format!("cannot be read: {error}");
        vec![Problem::error("A001", file.display().to_string(), (1, 1), message)]
    })
}

impl Life {
    /// Decides which version is in force, and keeps the file's text where it is news.
    fn settle(&self, text: &str) -> io::Result<()> {
        let known = self.book.state();
        let (mut state, found) = (known.clone(), sha256(text.as_bytes()));
        let accepted = state.accepted.take();
        let accepted = accepted.and_then(|it| Some((self.book.version(it.no)?, it.before)));
        match accepted {
            Some((version, before)) if found == known.file || found == version.digest => {
                state.trial = Some(Trial { way_back: state.in_force, starts: 0, before });
                state.in_force = version.no;
            }
            _ if found != known.file => {
                let in_force = self.book.version(state.in_force);
                if in_force.is_none_or(|it| it.digest != found) {
                    state.in_force = self.book.keep_config(text, By::file())?.no;
                }
                state.trial = None;
            }
            _ => {}
        }
        state.file = found;
        let mut is_hopeless = false;
        if let Some(trial) = &mut state.trial {
            trial.starts += 1;
            is_hopeless = trial.starts > STARTS_MAX;
        }
        if state != known {
            self.book.keep_state(&state)?;
        }
        if is_hopeless {
            self.go_back(&format!("试用期内启动了 {STARTS_MAX} 次都没有站住"))?;
        }
        Ok(())
    }

    /// The version in force and its text, where the file holds something else.
    pub(crate) fn other_than(&self, text: &str) -> io::Result<Option<(u64, String)>> {
        let in_force = self.book.version(self.book.state().in_force);
        let Some(version) = in_force.filter(|it| it.digest != sha256(text.as_bytes())) else {
            return Ok(None);
        };
        Ok(Some((version.no, self.book.config(&version)?)))
    }

    /// Takes the version on trial back: what was before it is in force with the next start. False when
    /// none is on trial.
    pub(crate) fn go_back(&self, why: &str) -> io::Result<bool> {
        let mut state = self.book.state();
        let Some(trial) = state.trial.take() else { return Ok(false) };
        let before = self.book.version(trial.way_back).ok_or(io::ErrorKind::NotFound)?;
        let text = self.book.config(&before)?;
        self.keep_edit(&text, &state.file)?;
        let reason = format!("版本 {} 自动换回 {}：{why}", state.in_force, before.no);
        let by = By { author: By::AGENT.to_owned(), reason };
        state.in_force = self.book.keep_config(&text, by)?.no;
        self.bring(&text, &mut state)?;
        Ok(true)
    }

    /// Notes what is to be, then writes the file, then notes that. Wherever it is cut off, a start finds
    /// what was decided: a file that is written before anything is noted would be taken for an edit, which
    /// has no trial and no way back. True when the file is written.
    pub(crate) fn bring(&self, text: &str, state: &mut State) -> io::Result<bool> {
        if let Ok(found) = std::fs::read_to_string(&self.file) {
            // What somebody edited is kept; it is not what is to come into force.
            state.file = sha256(found.as_bytes());
        }
        self.book.keep_state(state)?;
        let written = self.write_file(text, &mut state.file);
        if let Err(error) = self.book.keep_state(state) {
            // A start knows both texts.
            tracing::warn!(%error, "that the file is written was not noted");
        }
        Ok(written)
    }

    /// Keeps what somebody wrote since the file was last looked at, before it is written over.
    pub(crate) fn keep_edit(&self, text: &str, known: &str) -> io::Result<()> {
        let Ok(found) = std::fs::read_to_string(&self.file) else { return Ok(()) };
        let digest = sha256(found.as_bytes());
        let is_kept = || self.book.versions().iter().any(|it| it.digest == digest);
        if found != text && digest != known && !is_kept() {
            self.book.keep_config(&found, By::file())?;
        }
        Ok(())
    }

    /// Writes the file if the daemon may; else the version in force lies in the book alone, and the file
    /// is known not to be it.
    fn write_file(&self, text: &str, file: &mut String) -> bool {
        match write::replace(&self.file, text) {
            Ok(()) => {
                *file = sha256(text.as_bytes());
                true
            }
            Err(error) => {
                tracing::warn!(%error, file = %self.file.display(), "the file was not written");
                false
            }
        }
    }
}

/// A version on trial that does not stand by then is taken back.
const STARTS_MAX: u32 = 3;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::super::health::Baseline;
    use super::super::state::Accepted;
    use super::*;

    struct House {
        folder: tempfile::TempDir,
        text: String,
    }

    impl House {
        fn new() -> House {
            let folder = tempfile::tempdir().unwrap();
            let text = format!(
                "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{}/outbox\"\n",
                folder.path().display()
            );
            let house = House { folder, text };
            house.edit("info");
            house
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("agent.toml")
        }

        fn text(&self, level: &str) -> String {
            format!("{}[log]\nlevel = \"{level}\"\n", self.text)
        }

        fn edit(&self, level: &str) {
            fs::write(self.file(), self.text(level)).unwrap();
        }

        fn accept(&self, level: &str) -> Life {
            let life = begin(&self.file()).unwrap().life;
            let by = By { author: "wang".to_owned(), reason: "more".to_owned() };
            let no = life.book.keep_config(&self.text(level), by).unwrap().no;
            let mut state = life.book.state();
            state.accepted = Some(Accepted { no, before: Baseline::default() });
            life.book.keep_state(&state).unwrap();
            life
        }

        #[track_caller]
        fn check(&self, expected: &str) {
            let Begun { config, life, notes } = begin(&self.file()).unwrap();
            let versions: Vec<String> = life
                .book
                .versions()
                .iter()
                .map(|it| format!("{}{}", it.no, &it.by.author))
                .collect();
            let state = life.book.state();
            let trial = if state.trial.is_some() { " trial" } else { "" };
            let note = if notes.is_empty() { "" } else { " noted" };
            let (level, versions) = (config.log.level, versions.join(" "));
            assert_eq!(
                format!("{level} {}{trial}{note}: {versions}", state.in_force),
                expected,
                "{notes:?}"
            );
        }
    }

    #[test]
    fn an_edit_is_a_version_by_file_and_a_start_without_one_is_none() {
        let house = House::new();
        house.check("info 1: 1file");
        house.check("info 1: 1file");
        house.edit("warn");
        house.check("warn 2: 1file 2file");
        house.edit("info");
        house.check("info 3: 1file 2file 3file");
    }

    #[test]
    fn what_was_accepted_is_on_trial_whether_or_not_the_file_could_be_written() {
        for is_written in [true, false] {
            let house = House::new();
            house.accept("debug");
            let note = if is_written { "" } else { " noted" };
            if is_written {
                house.edit("debug");
            }
            house.check(&format!("debug 2 trial{note}: 1file 2wang"));
            house.check(&format!("debug 2 trial{note}: 1file 2wang"));
            // Somebody's edit is somebody's decision.
            house.edit("error");
            house.check("error 3: 1file 2wang 3file");
        }
    }

    #[test]
    fn what_does_not_stand_is_taken_back_at_the_fourth_start() {
        let house = House::new();
        house.accept("debug");
        for _ in 0..3 {
            house.check("debug 2 trial noted: 1file 2wang");
        }
        house.check("info 3: 1file 2wang 3agent");
        house.check("info 3: 1file 2wang 3agent");
        assert_eq!(fs::read_to_string(house.file()).unwrap(), house.text("info"));
    }

    #[test]
    fn an_edit_that_nobody_has_put_in_force_is_kept_before_it_is_written_over() {
        let house = House::new();
        let life = house.accept("debug");
        house.check("debug 2 trial noted: 1file 2wang");
        house.edit("error");
        assert!(life.go_back("it was worse").unwrap());
        let authors: Vec<_> = life.book.versions().into_iter().map(|it| it.by.author).collect();
        assert_eq!(authors, ["file", "wang", "file", "agent"]);
        let edit = life.book.config(&life.book.version(3).unwrap()).unwrap();
        assert_eq!(edit, house.text("error"));
    }

    #[test]
    fn the_file_is_written_only_once_it_is_noted_that_it_is_on_trial() {
        let house = House::new();
        let life = house.accept("debug");
        // The disk takes no state any more: as good as a power cut right before it.
        fs::create_dir(house.folder.path().join("versions/state.json.new")).unwrap();
        life.bring(&house.text("debug"), &mut life.book.state()).unwrap_err();
        assert_eq!(fs::read_to_string(house.file()).unwrap(), house.text("info"));
    }

    #[test]
    fn cut_off_anywhere_a_version_by_command_is_on_trial() {
        for (edited, is_written) in [(false, false), (false, true), (true, false), (true, true)] {
            let house = House::new();
            let life = house.accept("debug");
            if edited {
                house.edit("error");
            }
            let mut state = life.book.state();
            life.bring(&house.text("debug"), &mut state).unwrap();
            if !is_written {
                house.edit(if edited { "error" } else { "info" });
            }
            // The last note was not made.
            state.file = sha256(house.text(if edited { "error" } else { "info" }).as_bytes());
            life.book.keep_state(&state).unwrap();
            let note = if is_written { "" } else { " noted" };
            house.check(&format!("debug 2 trial{note}: 1file 2wang"));
        }
    }

    #[test]
    fn cut_off_anywhere_what_is_taken_back_stays_taken_back() {
        for is_written in [false, true] {
            let house = House::new();
            let life = house.accept("debug");
            house.edit("debug");
            house.check("debug 2 trial: 1file 2wang");
            life.go_back("it was worse").unwrap();
            let mut state = life.book.state();
            if !is_written {
                house.edit("debug");
            }
            state.file = sha256(house.text("debug").as_bytes());
            life.book.keep_state(&state).unwrap();
            let note = if is_written { "" } else { " noted" };
            house.check(&format!("info 3{note}: 1file 2wang 3agent"));
        }
    }

    #[test]
    fn a_book_that_cannot_be_written_keeps_nobody_from_starting() {
        let house = House::new();
        fs::write(house.folder.path().join("versions"), "no folder").unwrap();
        house.check("info 0 noted: ");
    }
}
