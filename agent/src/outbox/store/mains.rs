//! What a power cut takes of a store's files, and the moment at which it comes.
//!
//! Followed is what this house writes: the logs, and the witness beside them. Tables and their list the
//! engine syncs itself before it counts on them; that it does is proved with the running agent.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::tests::copy_folder;

/// When in a write the end comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing of it is written.
    Before,
    /// It is written, and not synced.
    Between,
    /// It is on the disk, if it was to be, and nobody was told.
    After,
}

/// The mains of one open store.
#[derive(Debug)]
pub(in super::super) struct Mains {
    dir: PathBuf,
    /// What is on the disk for sure.
    safe: BTreeMap<OsString, Vec<u8>>,
    /// How many writes away the end is, when in it, and where what is left goes.
    end: Option<(u64, Moment, PathBuf)>,
    left: Option<Left>,
}

/// The store's folder as it was at the end.
#[derive(Clone, Debug)]
pub(in super::super) struct Left {
    pub(in super::super) folder: PathBuf,
    pub(in super::super) safe: BTreeMap<OsString, Vec<u8>>,
}

impl Mains {
    /// Of a store that is on the disk as a whole.
    pub(in super::super) fn of(dir: &Path) -> Mains {
        let mut mains = Mains { dir: dir.to_owned(), safe: BTreeMap::new(), end: None, left: None };
        mains.all_synced();
        mains
    }

    /// The end comes with a write from now on, the first or a later one.
    pub(in super::super) fn end_at(&mut self, writes: u64, moment: Moment, to: PathBuf) {
        self.end = Some((writes, moment, to));
    }

    /// It comes now, if it has not come.
    pub(in super::super) fn end_now(&mut self, to: &Path) -> Left {
        match self.left.take() {
            Some(left) => left,
            None => self.leave(to),
        }
    }

    pub(in super::super) const fn has_ended(&self) -> bool {
        self.left.is_some()
    }

    /// A log was synced by a write, or by the engine when it was told to.
    pub(super) fn all_synced(&mut self) {
        self.safe = followed(&self.dir);
    }

    pub(super) fn before_write(&mut self) {
        if let Some((writes, ..)) = &mut self.end {
            *writes = writes.saturating_sub(1);
        }
        self.pass(Moment::Before);
    }

    pub(super) fn after_write(&mut self, is_synced: bool) {
        self.pass(Moment::Between);
        if is_synced {
            let logs = followed(&self.dir).into_iter().filter(|(name, _)| name != WITNESS);
            self.safe.extend(logs);
        }
        self.pass(Moment::After);
    }

    fn pass(&mut self, moment: Moment) {
        if let Some((_, _, to)) = self.end.take_if(|it| (it.0, it.1) == (0, moment)) {
            self.left = Some(self.leave(&to));
        }
    }

    fn leave(&self, to: &Path) -> Left {
        copy_folder(&self.dir, to);
        Left { folder: to.to_owned(), safe: self.safe.clone() }
    }
}

/// The files that are followed, and what is in them.
pub(in super::super) fn followed(dir: &Path) -> BTreeMap<OsString, Vec<u8>> {
    // Whoever closes it last may have removed the folder.
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|it| it.path());
    let logs = files.filter(|it| it.extension().is_some_and(|it| it == "log"));
    let all = logs.chain([dir.join(WITNESS)]).filter(|it| it.is_file());
    let read = |path: PathBuf| Some((path.file_name()?.to_owned(), fs::read(path).ok()?));
    all.filter_map(read).collect()
}

const WITNESS: &str = "witness";
