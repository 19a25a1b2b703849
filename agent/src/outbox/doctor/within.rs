//! The exchange of a damaged store for a new one where its folder is a disk of its own: the new one grows
//! inside, and file by file the old ones go into a folder and the new ones come.
//!
//! ```text
//! salvaging                the new store grows
//! salvaged  salvaged.old   it is whole; the old files go, first the one without which there is no store
//! salvaged  damaged-TIME   they are gone; the new files come, that one last
//!           damaged-TIME   done
//! ```
//!
//! What is there says how far it came: the next start goes on from there.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::path::Path;

use super::renaming::rename;
use crate::mount_point::is_the_file_systems;
use crate::outbox::room::Reserve;

/// Whether an exchange has begun and not ended.
pub(super) fn is_begun(dir: &Path) -> bool {
    dir.join(READY).is_dir()
}

/// Takes what has grown for the store; the files of the old one lie `aside` when this returns.
pub(super) fn exchange(dir: &Path, growing: &Path, aside: &Path) -> io::Result<()> {
    let old = dir.join(OLD);
    if !old.exists() {
        DirBuilder::new().mode(0o700).create(&old)?;
    }
    own_like(dir, &old)?;
    sync(dir)?;
    rename(growing, &dir.join(READY))?;
    sync(dir)?;
    go_on(dir, aside)
}

/// Goes on with an exchange, wherever it was cut off.
pub(super) fn go_on(dir: &Path, aside: &Path) -> io::Result<()> {
    let (ready, old) = (dir.join(READY), dir.join(OLD));
    if old.exists() {
        own_like(dir, &old)?;
        move_one(dir, &old, CURRENT.as_ref())?;
        for name in names(dir)?.iter().filter(|it| is_of_store(dir, it)) {
            move_one(dir, &old, name)?;
        }
        sync(&old)?;
        sync(dir)?;
        rename(&old, aside)?;
        sync(dir)?;
    }
    for name in names(&ready)?.iter().filter(|it| *it != CURRENT && *it != LOCK) {
        move_one(&ready, dir, name)?;
    }
    sync(dir)?;
    move_one(&ready, dir, CURRENT.as_ref())?;
    sync(dir)?;
    remove_one(&ready.join(LOCK))?;
    fs::remove_dir(&ready)?;
    sync(dir)
}

/// Gives what root has made to whom the store belongs: the daemon may be the one to go on.
fn own_like(dir: &Path, made: &Path) -> io::Result<()> {
    let (owner, is) = (fs::metadata(dir)?, fs::metadata(made)?);
    if is.uid() == owner.uid() {
        return Ok(());
    }
    chown(made, Some(owner.uid()), Some(owner.gid()))
}

/// What the store's folder has beside the store: the disk's own, what was set aside before, what is in the making.
/// The lock stays where it is held, the reserve where a full disk is helped from.
fn is_of_store(dir: &Path, name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    let is_beside = bytes.starts_with(b".")
        || bytes.starts_with(b"salvag")
        || bytes.starts_with(b"damaged-")
        || name == LOCK
        || name == Reserve::NAME;
    !is_beside && !is_the_file_systems(&dir.join(name))
}

fn names(dir: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(dir)?.map(|it| Ok(it?.file_name())).collect()
}

/// What has gone before is not there any more.
fn move_one(from: &Path, to: &Path, name: &OsStr) -> io::Result<()> {
    unless_gone(rename(&from.join(name), &to.join(name)))
}

fn remove_one(file: &Path) -> io::Result<()> {
    unless_gone(fs::remove_file(file))
}

fn unless_gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The new store, whole.
const READY: &str = "salvaged";
/// Takes the old one's files.
const OLD: &str = "salvaged.old";
/// Names the manifest in force: a folder without it is no store.
const CURRENT: &str = "CURRENT";
/// Held by whoever does this: another file in its place would be held by nobody.
const LOCK: &str = "LOCK";
