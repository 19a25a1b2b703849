//! The secrets and the key of the store, which a restore needs in place before the configuration can be proved;
//! taken away again when it comes to nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::owners::{give, make_like_above};
use super::places::Kind;
use super::restore::{free_beside, has_any, store_of};
use super::verify::Opened;
use super::{BackupError, PACKAGED};
use crate::config::{Config, named};
use crate::daemon_user::DaemonUser;
use crate::master_key::{KeySource, MasterKey};
use crate::secret_file;

/// What was written before everything was known to be well.
#[derive(Default)]
pub(super) struct Placed {
    files: Vec<PathBuf>,
    pub(super) stayed: Vec<PathBuf>,
    pub(super) moved: Vec<PathBuf>,
    /// Keys that lay here, and where they lie now.
    aside: Vec<(PathBuf, PathBuf)>,
    daemon: Option<DaemonUser>,
}

impl Placed {
    pub(super) fn by(daemon: Option<DaemonUser>) -> Placed {
        Placed { daemon, ..Placed::default() }
    }

    /// Secrets that the configuration in force names and that are not there. What only another one named would
    /// appear on a machine that has no use for it.
    pub(super) fn secrets(&mut self, opened: &Opened<'_>, text: &str) -> Result<(), BackupError> {
        let named = named::files(text);
        for root in opened.roots() {
            let Some(path) = root.strip_prefix("file:").filter(|it| named.contains(*it)) else {
                continue;
            };
            let path = PathBuf::from(path);
            if path.exists() {
                self.stayed.push(path);
                continue;
            }
            self.written(&path, |path| opened.write(root, path))?;
        }
        Ok(())
    }

    /// The key of the store, where the configuration looks for it. Another one that lies there opens nothing that
    /// is here, since no store is: an installation has made it. It is moved aside.
    pub(super) fn master(
        &mut self,
        master: &MasterKey,
        text: &str,
        config: &Path,
    ) -> Result<(), BackupError> {
        // Of the environment: whoever sets that up has the key.
        let Some(path) = key_file(text) else { return Ok(()) };
        match MasterKey::read(&path) {
            Ok(found) if found.fingerprint() == master.fingerprint() => return Ok(()),
            Ok(_) => self.move_aside(&path, config)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(BackupError::at(&path, &error)),
        }
        let write = |path: &Path| {
            let written = secret_file::write(path, master.written().as_bytes());
            written.map_err(|it| BackupError::at(path, &it))
        };
        self.written(&path, write)
    }

    /// Not when it opens a store that is here, by the configuration that lies here or the packages' own.
    fn move_aside(&mut self, key: &Path, config: &Path) -> Result<(), BackupError> {
        let texts = [config, Path::new(PACKAGED)].map(|it| fs::read_to_string(it).ok());
        let mut stores = texts.iter().flatten().filter(|it| key_file(it).as_deref() == Some(key));
        if let Some(store) = stores.find_map(|it| Some(store_of(it)).filter(|it| has_any(it))) {
            let cause = format!("{} 在用它，不换：在要恢复的配置里写另一个文件", store.display());
            return Err(BackupError::StoreKey { key: key.display().to_string(), cause });
        }
        let aside = free_beside(key);
        fs::rename(key, &aside).map_err(|it| BackupError::at(key, &it))?;
        self.moved.push(aside.clone());
        self.aside.push((key.to_owned(), aside));
        Ok(())
    }

    fn written(
        &mut self,
        path: &Path,
        write: impl FnOnce(&Path) -> Result<(), BackupError>,
    ) -> Result<(), BackupError> {
        let failed = |it: &io::Error| BackupError::at(path, it);
        make_like_above(secret_file::folder_of(path)).map_err(|it| failed(&it))?;
        write(path)?;
        self.files.push(path.to_owned());
        give(path, Kind::Secret, self.daemon.as_ref()).map_err(|it| failed(&it))
    }

    /// The files of a place are written: they go to whom they are for.
    pub(super) fn give(&self, path: &Path, kind: Kind) -> Result<(), BackupError> {
        give(path, kind, self.daemon.as_ref()).map_err(|it| BackupError::at(path, &it))
    }

    /// There is an agent now: its keys are nothing to be undone.
    pub(super) fn keep(&mut self) {
        self.files.clear();
        self.aside.clear();
    }

    pub(super) fn undo(&self) {
        self.files.iter().for_each(|it| drop(fs::remove_file(it)));
        self.aside.iter().for_each(|(key, aside)| drop(fs::rename(aside, key)));
    }
}

fn key_file(text: &str) -> Option<PathBuf> {
    named::store_key_file(text, KeySource::beside(&store_of(text)))
}

/// Refuses a configuration that finds another key than the store's: the store would come, and never be opened.
pub(super) fn prove_key(
    config: &Config,
    text: &str,
    master: &MasterKey,
) -> Result<(), BackupError> {
    let key = key_file(text).map_or_else(|| "env:".to_owned(), |it| it.display().to_string());
    let found = config.outbox.key.find(&config.outbox.dir);
    let found = found.map_err(|it| BackupError::failed(&key, &it))?;
    let found = found.map_or_else(|| "没有".to_owned(), |it| it.fingerprint().to_string());
    let wanted = master.fingerprint().to_string();
    if found == wanted {
        return Ok(());
    }
    let cause = format!("要指纹是 {wanted} 的，给的是 {found}");
    Err(BackupError::StoreKey { key, cause })
}
