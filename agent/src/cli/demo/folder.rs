//! A folder that is thrown away, whatever ends the command that made it.
//!
//! It goes when the command ends, by itself or by a signal that it hears (`cli/ended.rs`). What a kill or a power
//! cut left goes with the next command that makes such a folder. Whoever uses one holds a lock on it, which
//! the kernel lets go with the process: an id of a process would be another's after a while, and is nobody's
//! behind the wall of a container.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::supervise::Running;

/// Removed when it is dropped.
#[derive(Debug)]
pub(in crate::cli) struct Folder {
    pub(in crate::cli) path: PathBuf,
    _lock: File,
}

impl Folder {
    pub(in crate::cli) fn new() -> io::Result<Folder> {
        Folder::within(&std::env::temp_dir())
    }

    fn within(place: &Path) -> io::Result<Folder> {
        let id = std::process::id();
        let names = (0..NAMES_MAX).map(|it| match it {
            0 => format!("{PREFIX}{id}"),
            _ => format!("{PREFIX}{id}-{it}"),
        });
        for name in names {
            match Folder::make(place.join(name)) {
                Ok(Some(folder)) => {
                    folder.sweep(place);
                    return Ok(folder);
                }
                Ok(None) => {}
                // In a place that everybody may write to, it may be somebody else's.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// `None` where another command swept it before it was locked.
    fn make(path: PathBuf) -> io::Result<Option<Folder>> {
        DirBuilder::new().mode(0o700).create(&path)?;
        let Ok(lock) = File::open(&path) else { return Ok(None) };
        lock.lock()?;
        Ok(path.exists().then_some(Folder { path, _lock: lock }))
    }

    /// Removes what commands of the same user left that were killed. What cannot be removed is no reason not
    /// to go on.
    fn sweep(&self, place: &Path) {
        let Ok(user) = fs::metadata(&self.path).map(|it| it.uid()) else { return };
        let all = fs::read_dir(place).into_iter().flatten().flatten().map(|it| it.path());
        for path in all.filter(|it| *it != self.path && is_one(it, user)) {
            let Ok(lock) = File::open(&path) else { continue };
            if lock.try_lock().is_ok() {
                drop(fs::remove_dir_all(&path));
            }
        }
    }
}

fn is_one(path: &Path, user: u32) -> bool {
    let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let is_theirs = || fs::symlink_metadata(path).is_ok_and(|it| it.is_dir() && it.uid() == user);
    name.starts_with(PREFIX) && is_theirs()
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            // The terminal may be what has gone.
            drop(writeln!(io::stderr(), "{} stays behind: {error}", self.path.display()));
        }
    }
}

/// Stops an agent that works in such a folder, and waits for everybody who may still write into it: they all
/// hold the road.
pub(in crate::cli) async fn over(running: Running) -> anyhow::Result<()> {
    let road = Arc::downgrade(running.road());
    let stopped = running.until(std::future::ready(())).await;
    let left = async {
        while road.strong_count() > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    drop(tokio::time::timeout(LEAVE_MAX, left).await);
    stopped
}

const PREFIX: &str = "his-agent-demo-";
const NAMES_MAX: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LEAVE_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(place: &Path) -> Vec<String> {
        let names = fs::read_dir(place).unwrap().map(|it| it.unwrap().file_name());
        let mut names: Vec<_> = names.map(|it| it.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_left_goes_and_what_is_in_use_stays() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let put = |name: &str| fs::create_dir_all(place.join(name).join("outbox")).unwrap();
        ["his-agent-demo-1", "his-agent-demo-2-1", "his-agent-2"].into_iter().for_each(put);
        fs::write(place.join("his-agent-demo-log"), "a file is no folder of ours").unwrap();
        let used = Folder::within(place).unwrap();
        let mine = used.path.file_name().unwrap().to_str().unwrap().to_owned();
        let others = ["his-agent-2".to_owned(), "his-agent-demo-log".to_owned()];
        let [one, log] = &others;
        assert_eq!(names(place), [one, &mine, log].map(String::as_str));
        // Another in the same process, so under another name; it leaves the first alone.
        let second = Folder::within(place).unwrap();
        assert!(used.path.is_dir() && second.path.is_dir() && used.path != second.path);
        drop((used, second));
        assert_eq!(names(place), others);
    }

    #[test]
    fn a_link_in_a_place_for_everybody_leads_nowhere() {
        let (place, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(other.path().join("theirs"), "x").unwrap();
        let link = place.path().join("his-agent-demo-1");
        std::os::unix::fs::symlink(other.path(), &link).unwrap();
        drop(Folder::within(place.path()).unwrap());
        assert_eq!(names(other.path()), ["theirs"]);
        assert_eq!(names(place.path()), ["his-agent-demo-1"]);
    }
}
