//! The files of secrets: the broker's address and the key of the store, each for the daemon's user alone
//! and beside the configuration, outside the data folder.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::super::Exit;
use super::Arguments;
use super::answers::Answers;
use crate::master_key::{KeySource, MasterKey};
use crate::secret_file;
use crate::service::trouble::Trouble;

/// What was made, to be taken away again if it comes to nothing.
#[derive(Debug, Default)]
pub(super) struct Made {
    files: Vec<PathBuf>,
    /// The folders made for them, the outermost first.
    folders: Vec<PathBuf>,
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
    let mut made = Made { owner, ..Made::default() };
    let key = store_key_file(arguments);
    let is_new_store = !KeySource::beside(&arguments.data.join("outbox")).exists();
    if is_new_store && !key.exists() {
        made.put(&key, || MasterKey::make(&key).map(drop))?;
    }
    if let Some(url) = &answers.broker {
        let (file, text) = (amqp_url_file(arguments), format!("{url}\n"));
        // One that holds the same was left by a try that was broken off.
        let is_left = fs::read_to_string(&file).is_ok_and(|it| it == text);
        if file.exists() && !is_left {
            eprintln!("{} 已经有了，没有改动：要换地址，先把它移走", file.display());
            made.undo();
            return Err(Exit::Config);
        }
        if is_left {
            made.take_over(&file).map_err(|error| made.failed(&file, &error))?;
        } else {
            made.put(&file, || secret_file::write(&file, text.as_bytes()))?;
        }
    }
    Ok(made)
}

impl Made {
    fn put(&mut self, file: &Path, write: impl FnOnce() -> io::Result<()>) -> Result<(), Exit> {
        let folder = secret_file::folder_of(file);
        let was_there = folder.exists();
        let missing = folder.ancestors().take_while(|it| !it.exists()).map(Path::to_owned);
        let mut missing: Vec<PathBuf> = missing.collect();
        missing.reverse();
        self.folders.extend(missing);
        let mut give = || {
            self.files.push(file.to_owned());
            if !was_there {
                self.give(folder)?;
            }
            self.give(file)
        };
        write().and_then(|()| give()).map_err(|error| self.failed(file, &error))
    }

    fn failed(&self, file: &Path, error: &io::Error) -> Exit {
        let exit = tell(file, error);
        self.undo();
        exit
    }

    /// Whoever has written it, by hand perhaps: from now on the daemon's user alone reads it.
    fn take_over(&self, file: &Path) -> io::Result<()> {
        fs::set_permissions(file, Permissions::from_mode(0o600))?;
        self.give(file)
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
        // Only what is empty again goes.
        self.folders.iter().rev().for_each(|it| drop(fs::remove_dir(it)));
    }
}

/// Says what is in the way and what to do about it.
fn tell(file: &Path, error: &io::Error) -> Exit {
    let folder = secret_file::folder_of(file).display();
    let cure = match error.kind() {
        io::ErrorKind::PermissionDenied => "用 root 执行，或用 --config、--data 换地方".to_owned(),
        io::ErrorKind::StorageFull => format!("盘满了：df -h {folder} 看，腾出空间再执行一次"),
        io::ErrorKind::ReadOnlyFilesystem => {
            format!(
                "{folder} 所在的文件系统是只读的：mount 看，修好再执行，或用 --config、--data 换地方"
            )
        }
        _ => format!("核对 {folder}，改好再执行一次"),
    };
    eprintln!("{} 写不进：{error}；{cure}", file.display());
    Trouble::of_file(error).exit
}

fn write_new(file: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(secret_file::folder_of(file))?;
    let mut it = OpenOptions::new().write(true).create_new(true).mode(0o640).open(file)?;
    let written = it.write_all(text.as_bytes()).and_then(|()| it.sync_all());
    if written.is_err() {
        // A half would be taken for a configuration by the next try.
        drop(fs::remove_file(file));
    }
    written
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_named_by_its_exit() {
        let check = |kind: io::ErrorKind, exit| {
            assert_eq!(tell(Path::new("/etc/x/secrets/y"), &kind.into()), exit, "{kind}");
        };
        check(io::ErrorKind::PermissionDenied, Exit::Permission);
        check(io::ErrorKind::StorageFull, Exit::Disk);
        check(io::ErrorKind::ReadOnlyFilesystem, Exit::Disk);
        check(io::ErrorKind::NotADirectory, Exit::Unavailable);
    }

    #[test]
    fn what_was_left_with_rights_for_all_is_the_daemons_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("amqp-url");
        fs::write(&file, "amqps://h").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        Made::default().take_over(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_try_that_comes_to_nothing_takes_its_folders_along() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("etc/secrets/master.key");
        let mut made = Made::default();
        made.put(&file, || secret_file::write(&file, b"k")).unwrap();
        // Half-way through the next one the disk is full.
        let next = home.path().join("etc/agent.toml");
        let full = || Err(io::ErrorKind::StorageFull.into());
        assert_eq!(made.put(&next, full).unwrap_err(), Exit::Disk);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
        // What was there before stays.
        let mut made = Made::default();
        fs::create_dir(home.path().join("etc")).unwrap();
        made.put(&file, || secret_file::write(&file, b"k")).unwrap();
        made.undo();
        assert!(home.path().join("etc").is_dir() && !home.path().join("etc/secrets").exists());
    }
}
