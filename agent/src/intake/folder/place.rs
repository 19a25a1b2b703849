//! The folders below a drop folder, and the moves between them that a crash cannot tear.
//!
//! | folder | holds |
//! |---|---|
//! | `working` | files in hand, each in a folder that is named by the id of its message; the lock |
//! | `archive` | files that were taken, by day |
//! | `failed` | files that were refused, each with a text that says why |
//! | `answers` | what the sender is told of each file |
//!
//! They lie in the drop folder itself, so that every move is one rename. A move is synced in the
//! folder that gains the file before the one that loses it.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Trouble;
use super::look::{Look, with};
use crate::clock;
use crate::config::{FolderConfig, Ready};

/// An open drop folder. Nobody else has it while this or a clone of it lives.
#[derive(Clone, Debug)]
pub(super) struct Place {
    dir: PathBuf,
    identity: (u64, u64),
    _lock: Arc<File>,
}

/// A file in hand.
#[derive(Debug)]
pub(super) struct Claim {
    /// The id of its message.
    pub(super) id: String,
    folder: PathBuf,
    name: OsString,
}

/// What came of taking a file in hand.
#[derive(Debug)]
pub(super) enum Claimed {
    InHand(Claim),
    /// It is not there any more.
    Vanished,
    /// It cannot be moved, and others can: another program has it open, or it is not ours.
    Held,
}

/// A file in hand, to be read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) look: Look,
}

impl Place {
    /// Makes the folders below and takes the lock. The drop folder itself is not made: a share that
    /// is not mounted must not be taken for an empty one.
    pub(super) fn open(dir: &Path) -> Result<Place, Trouble> {
        let about = fs::metadata(dir)?;
        if !about.is_dir() {
            return Err(wrong("it is no folder"));
        }
        for name in [WORKING, ARCHIVE, FAILED, ANSWERS] {
            make(dir, name)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let lock = options.open(dir.join(WORKING).join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let reason = "another agent uses the folder".to_owned();
                return Err(Trouble { code: "I192", reason });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let identity = (about.dev(), about.ino());
        Ok(Place { dir: dir.to_owned(), identity, _lock: Arc::new(lock) })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the path still leads to this folder.
    pub(super) fn is_there(&self) -> bool {
        fs::metadata(&self.dir).is_ok_and(|it| (it.dev(), it.ino()) == self.identity)
    }

    /// The files in hand, in the order in which they were taken in hand.
    pub(super) fn claims(&self, config: &FolderConfig) -> io::Result<Vec<Claim>> {
        let mut claims = Vec::new();
        for entry in fs::read_dir(self.dir.join(WORKING))? {
            let entry = entry?;
            let Ok(id) = entry.file_name().into_string() else { continue };
            let is_id = id.len() == ID_LEN && id.bytes().all(|it| it.is_ascii_hexdigit());
            if is_id && entry.file_type()?.is_dir() {
                claims.extend(self.found(id, entry.path(), config)?);
            }
        }
        claims.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(claims)
    }

    /// The file in a claim's folder; nothing when a crash came before it was there or after it was
    /// moved on.
    fn found(
        &self,
        id: String,
        folder: PathBuf,
        config: &FolderConfig,
    ) -> io::Result<Option<Claim>> {
        let mut mark = None;
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            match unmarked(&name, config) {
                Some(name) => mark = Some(name),
                None => return Ok(Some(Claim { id, folder, name })),
            }
        }
        // The mark alone: it was taken first, its file comes now.
        if let Some(name) = mark {
            let file = moved(&self.dir.join(&name), &folder.join(&name));
            match held_or(file, &self.dir)? {
                None => return self.unclaimed(&folder, &name, config).map(|()| None),
                Some(true) => return Ok(Some(Claim { id, folder, name })),
                Some(false) => fs::remove_file(folder.join(with(&name, &config.mark)))?,
            }
        }
        fs::remove_dir(&folder)?;
        Ok(None)
    }

    /// Takes a file in hand, its mark first.
    pub(super) fn claim(&self, name: &OsStr, config: &FolderConfig) -> io::Result<Claimed> {
        let id = clock::new_id();
        let folder = self.dir.join(WORKING).join(&id);
        fs::create_dir(&folder)?;
        let claim = Claim { id, folder, name: name.to_owned() };
        match held_or(self.take(&claim, config), &self.dir)? {
            None => {
                self.unclaimed(&claim.folder, name, config)?;
                Ok(Claimed::Held)
            }
            Some(false) => {
                let folder = claim.folder.clone();
                self.found(claim.id, folder, config)?;
                Ok(Claimed::Vanished)
            }
            Some(true) => {
                synced(&[&claim.folder, &self.dir.join(WORKING), &self.dir])?;
                Ok(Claimed::InHand(claim))
            }
        }
    }

    fn take(&self, claim: &Claim, config: &FolderConfig) -> io::Result<bool> {
        if config.ready == Ready::Mark {
            let mark = with(&claim.name, &config.mark);
            moved(&self.dir.join(&mark), &claim.folder.join(&mark))?;
        }
        moved(&self.dir.join(&claim.name), &claim.path())
    }

    /// Gives a mark back whose file cannot be moved: both are tried again later.
    fn unclaimed(&self, folder: &Path, name: &OsStr, config: &FolderConfig) -> io::Result<()> {
        if config.ready == Ready::Mark {
            let mark = with(name, &config.mark);
            moved(&folder.join(&mark), &self.dir.join(&mark))?;
        }
        fs::remove_dir(folder)
    }

    /// The same file as another message, still in hand: it is no longer what it was.
    pub(super) fn claim_anew(&self, claim: &Claim) -> io::Result<()> {
        let id = clock::new_id();
        let folder = self.dir.join(WORKING).join(&id);
        fs::rename(&claim.folder, folder)?;
        synced(&[&self.dir.join(WORKING)])
    }

    /// Writes the sender's answer: `.ok` or `.err` behind the file's name.
    pub(super) fn answer(&self, claim: &Claim, is_taken: bool, bytes: &[u8]) -> io::Result<()> {
        let ending = if is_taken { ".ok" } else { ".err" };
        let other = if is_taken { ".err" } else { ".ok" };
        let folder = self.dir.join(ANSWERS);
        // The answer to an earlier file of this name would contradict this one.
        gone(&folder.join(claim.named(other)))?;
        put(&folder, &claim.named(ending), claim, bytes)
    }

    /// Moves a file that was taken to the folder of the day.
    pub(super) fn archive(&self, claim: &Claim, config: &FolderConfig) -> io::Result<()> {
        let day = clock::now().date().to_string();
        let folder = self.dir.join(ARCHIVE).join(day);
        if !folder.is_dir() {
            fs::create_dir(&folder)?;
            synced(&[&self.dir.join(ARCHIVE)])?;
        }
        let name = claim.free_name(&folder);
        self.leave(claim, &folder.join(name), config)
    }

    /// Moves a file that was refused, with a text that says why.
    pub(super) fn fail(&self, claim: &Claim, why: &str, config: &FolderConfig) -> io::Result<()> {
        let folder = self.dir.join(FAILED);
        let name = claim.free_name(&folder);
        put(&folder, &with(&name, ".err"), claim, why.as_bytes())?;
        self.leave(claim, &folder.join(name), config)
    }

    /// The mark goes first: one that is left alone would stand for the next file of this name.
    fn leave(&self, claim: &Claim, to: &Path, config: &FolderConfig) -> io::Result<()> {
        gone(&claim.folder.join(with(&claim.name, &config.mark)))?;
        fs::rename(claim.path(), to)?;
        let above = to.parent().unwrap_or(&self.dir);
        synced(&[above, &claim.folder])?;
        fs::remove_dir(&claim.folder)
    }

    /// Removes taken files and answers that are older than so many days.
    pub(super) fn let_go(&self, keep_days: u32) -> io::Result<()> {
        let now = clock::now_for_ageing();
        let first = now.date().saturating_sub(jiff::Span::new().days(keep_days));
        for entry in fs::read_dir(self.dir.join(ARCHIVE))? {
            let entry = entry?;
            let day =
                entry.file_name().to_str().and_then(|it| it.parse::<jiff::civil::Date>().ok());
            if day.is_some_and(|it| it < first) && entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let oldest = SystemTime::from(clock::instant(now)) - DAY * keep_days;
        for entry in fs::read_dir(self.dir.join(ANSWERS))? {
            let entry = entry?;
            let Ok(about) = fs::symlink_metadata(entry.path()) else { continue };
            if about.is_file() && about.modified()? < oldest {
                gone(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// A file that is whole as soon as it has its name.
fn put(folder: &Path, name: &OsStr, claim: &Claim, bytes: &[u8]) -> io::Result<()> {
    let new = folder.join(format!(".{}.tmp", claim.id));
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, folder.join(name))?;
    synced(&[folder])
}

/// Has the entries of folders on the disk.
fn synced(folders: &[&Path]) -> io::Result<()> {
    for folder in folders {
        lenient(File::open(folder)?.sync_all())?;
    }
    Ok(())
}

impl Claim {
    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// How the file looks now.
    pub(super) fn look(&self) -> Option<Look> {
        fs::symlink_metadata(self.path()).ok().map(|it| Look::of(&it))
    }

    /// Opens the file. What has been put in its place meanwhile is told by a code.
    pub(super) fn open(&self) -> Result<Opened, &'static str> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(self.path()).map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => "I193",
            _ => "I194",
        })?;
        let about = file.metadata().map_err(|_| "I194")?;
        let look = Look::of(&about);
        if about.is_file() { Ok(Opened { file, look }) } else { Err("I193") }
    }

    /// The file's name with an ending; its id where that would be too long.
    fn named(&self, ending: &str) -> OsString {
        let is_long = self.name.as_bytes().len() > NAME_MAX;
        if is_long { format!("{}{ending}", self.id).into() } else { with(&self.name, ending) }
    }

    /// A name for it in a folder where one of its name may lie already.
    fn free_name(&self, folder: &Path) -> OsString {
        let is_long = self.name.as_bytes().len() > NAME_MAX;
        if !is_long && fs::symlink_metadata(folder.join(&self.name)).is_err() {
            return self.name.clone();
        }
        self.named(&format!(".{}", self.id))
    }
}

/// A folder of ours. One that is a link would lead the files elsewhere.
fn make(dir: &Path, name: &str) -> Result<(), Trouble> {
    let path = dir.join(name);
    match fs::symlink_metadata(&path) {
        Ok(about) if about.is_dir() => Ok(()),
        Ok(_) => Err(wrong(&format!("`{name}` in it is no folder"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(fs::create_dir(path)?),
        Err(error) => Err(error.into()),
    }
}

/// A sync; some network shares cannot, and do it by themselves.
pub(super) fn lenient(synced: io::Result<()>) -> io::Result<()> {
    match synced {
        Err(error) if CANNOT_SYNC.contains(&error.raw_os_error()) => Ok(()),
        done => done,
    }
}

fn wrong(reason: &str) -> Trouble {
    Trouble { code: "I191", reason: reason.to_owned() }
}

/// The file that a mark stands for.
fn unmarked(name: &OsStr, config: &FolderConfig) -> Option<OsString> {
    let file = name.as_bytes().strip_suffix(config.mark.as_bytes())?;
    (config.ready == Ready::Mark).then(|| OsStr::from_bytes(file).to_owned())
}

/// Renames; `false` when there is nothing to be renamed.
fn moved(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Nothing when it is this one file that does not let itself be moved; what is wrong with the whole
/// folder stays an error.
fn held_or(moved: io::Result<bool>, dir: &Path) -> io::Result<Option<bool>> {
    let is_held = |it: &io::Error| match it.raw_os_error() {
        Some(libc::EBUSY | libc::ETXTBSY) => true,
        Some(libc::EACCES | libc::EPERM) => is_writable(dir),
        _ => false,
    };
    match moved {
        Err(error) if is_held(&error) => Ok(None),
        done => done.map(Some),
    }
}

/// Whether we may take entries out of a folder at all.
#[allow(unsafe_code)]
fn is_writable(dir: &Path) -> bool {
    let Ok(path) = CString::new(dir.as_os_str().as_bytes()) else { return false };
    // SAFETY: the path ends in a zero and lives through the call.
    unsafe { libc::access(path.as_ptr(), libc::W_OK | libc::X_OK) == 0 }
}

pub(super) fn gone(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

const WORKING: &str = "working";
pub(super) const ARCHIVE: &str = "archive";
const FAILED: &str = "failed";
const ANSWERS: &str = "answers";
const LOCK: &str = ".lock";
const ID_LEN: usize = 32;
/// A longer name has no room for an id and an ending.
const NAME_MAX: usize = 255 - 1 - ID_LEN - 4;
const DAY: Duration = Duration::from_hours(24);
const CANNOT_SYNC: [Option<i32>; 3] =
    [Some(libc::EINVAL), Some(libc::EOPNOTSUPP), Some(libc::EBADF)];

#[cfg(test)]
mod tests;
