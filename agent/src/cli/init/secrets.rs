//! The files of secrets: the broker's address and the key of the store, each for the daemon's user alone
//! and beside the configuration, outside the data folder.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::super::Exit;
use super::Arguments;
use super::answers::Answers;
use crate::master_key::{KeySource, MasterKey};
use crate::secret_file;

/// What was made, to be taken away again if it comes to nothing.
#[derive(Debug, Default)]
pub(super) struct Made {
    files: Vec<PathBuf>,
    /// The daemon's user and group, if the data folder says who that is.
    owner: Option<(u32, u32)>,
}

/// How the configuration names a file of ours: as the credential that the service's unit makes of it, where
/// it lies in the unit's own place.
pub(super) fn named(file: &Path) -> String {
    let name = file.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    if file == Path::new(UNITS_KEY) {
        format!("credential:{name}")
    } else {
        format!("file:{}", file.display())
    }
}

/// `LoadCredential` of the unit names it.
const UNITS_KEY: &str = "/etc/his-agent/secrets/master.key";

pub(super) fn amqp_url_file(arguments: &Arguments) -> PathBuf {
    beside(arguments, "secrets/amqp-url")
}

pub(super) fn store_key_file(arguments: &Arguments) -> PathBuf {
    beside(arguments, "secrets/master.key")
}

fn beside(arguments: &Arguments, name: &str) -> PathBuf {
    let config = &arguments.config.config;
    let absolute = std::path::absolute(config).unwrap_or_else(|_| config.clone());
    absolute.with_file_name(name)
}

/// Writes them. One that is there already is used as it is, if it can be.
pub(super) fn write(answers: &Answers, arguments: &Arguments) -> Result<Made, Exit> {
    let data = fs::metadata(&arguments.data).ok();
    let owner = data.map(|it| (it.uid(), it.gid())).filter(|it| it.0 != 0);
    let mut made = Made { files: Vec::new(), owner };
    let key = store_key_file(arguments);
    let is_new_store = !KeySource::beside(&arguments.data.join("outbox")).exists();
    if is_new_store && !key.exists() {
        made.put(&key, || MasterKey::make(&key).map(drop))?;
    }
    if let Some(url) = &answers.broker {
        let file = amqp_url_file(arguments);
        if file.exists() {
            eprintln!("{} 已经有了，没有改动：要换地址，先把它移走", file.display());
            made.undo();
            return Err(Exit::Config);
        }
        made.put(&file, || secret_file::write(&file, format!("{url}\n").as_bytes()))?;
    }
    Ok(made)
}

impl Made {
    fn put(&mut self, file: &Path, write: impl FnOnce() -> io::Result<()>) -> Result<(), Exit> {
        let folder = secret_file::folder_of(file);
        let was_there = folder.exists();
        let given = || {
            if !was_there {
                self.give(folder)?;
            }
            self.give(file)
        };
        write().and_then(|()| given()).map_err(|error| {
            eprintln!(
                "{} 写不进：{error}；用 root 执行，或用 --config、--data 换地方",
                file.display()
            );
            self.undo();
            Exit::Permission
        })?;
        self.files.push(file.to_owned());
        Ok(())
    }

    /// Made by root, it is for the daemon's user to read.
    fn give(&self, path: &Path) -> io::Result<()> {
        let Some((user, group)) = self.owner else { return Ok(()) };
        chown(path, Some(user), Some(group))
    }

    /// The configuration itself comes last, and never over another. The one that was shipped is moved
    /// aside, and the new one is its owner's.
    pub(super) fn keep(mut self, file: &Path, text: &str, is_shipped: bool) -> Result<(), Exit> {
        let aside = file.with_extension("toml.shipped");
        if is_shipped {
            let before = fs::metadata(file).ok();
            self.owner = before.map(|it| (it.uid(), it.gid())).or(self.owner);
        }
        self.put(file, || {
            if is_shipped {
                fs::rename(file, &aside)?;
            }
            let written = write_new(file, text);
            if is_shipped && written.is_err() {
                fs::rename(&aside, file)?;
            }
            written
        })
    }

    pub(super) fn undo(&self) {
        self.files.iter().for_each(|it| drop(fs::remove_file(it)));
    }
}

fn write_new(file: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(secret_file::folder_of(file))?;
    let mut it = OpenOptions::new().write(true).create_new(true).mode(0o640).open(file)?;
    it.write_all(text.as_bytes())?;
    it.sync_all()
}
