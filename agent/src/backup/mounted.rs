//! Where something of the store's size lies beside it. A store may be a disk of its own, mounted at its folder: what
//! lies beside that is on another disk, and nothing is renamed onto a mount point. Then it lies inside.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::mount_point::{is_disk_of_its_own, is_the_file_systems};
use crate::secret_file::folder_of;

/// Where a copy of the store lies while it is made, on the store's own disk.
pub(super) fn beside(store: &Path, name: &str) -> PathBuf {
    if is_disk_of_its_own(store) {
        store.join(format!(".{name}"))
    } else {
        store.with_added_extension(name)
    }
}

/// Gives a store that has grown its name: over an empty folder by one rename; where it grew inside, file by
/// file, and last the one without which there is no store.
pub(super) fn name_store(growing: &Path, store: &Path) -> io::Result<()> {
    if growing.parent() != Some(store) {
        fs::rename(growing, store)?;
        return sync(folder_of(store));
    }
    fs::set_permissions(store, fs::Permissions::from_mode(0o700))?;
    let names = fs::read_dir(growing)?.map(|it| Ok(it?.file_name()));
    let names = names.collect::<io::Result<Vec<_>>>()?;
    for name in names.iter().filter(|it| *it != CURRENT) {
        fs::rename(growing.join(name), store.join(name))?;
    }
    sync(store)?;
    fs::rename(growing.join(CURRENT), store.join(CURRENT))?;
    fs::remove_dir(growing)?;
    sync(store)
}

/// Whether a store that grew inside was cut off before it was whole.
pub(super) fn is_half(growing: &Path, store: &Path) -> bool {
    growing.parent() == Some(store) && growing.is_dir() && !store.join(CURRENT).exists()
}

/// Removes what has grown, and what has come of it already.
pub(super) fn clear(growing: &Path, store: &Path) -> io::Result<()> {
    if is_half(growing, store) {
        for path in fs::read_dir(store)?.flatten().map(|it| it.path()) {
            if path != growing && !is_the_file_systems(&path) {
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }?;
            }
        }
    }
    match fs::remove_dir_all(growing) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Names the manifest in force: a folder without it is no store.
const CURRENT: &str = "CURRENT";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_mount_point_has_it_beside() {
        let home = tempfile::tempdir().unwrap();
        let store = home.path().join("outbox");
        assert_eq!(beside(&store, "backup"), home.path().join("outbox.backup"));
        fs::create_dir(&store).unwrap();
        assert_eq!(beside(&store, "backup"), home.path().join("outbox.backup"));
    }

    #[test]
    fn cut_off_before_its_last_file_it_is_half_and_can_be_cleared() {
        let home = tempfile::tempdir().unwrap();
        let (store, growing) = (home.path().join("outbox"), home.path().join("outbox/.restoring"));
        fs::create_dir_all(store.join("lost+found")).unwrap();
        let grow = || {
            fs::create_dir(&growing).unwrap();
            for name in ["000004.sst", "MANIFEST-000005", CURRENT] {
                fs::write(growing.join(name), name).unwrap();
            }
        };
        let names = || {
            let names = fs::read_dir(&store).unwrap().map(|it| it.unwrap().file_name());
            let mut names: Vec<_> = names.map(|it| it.into_string().unwrap()).collect();
            names.sort();
            names
        };
        grow();
        fs::rename(growing.join("000004.sst"), store.join("000004.sst")).unwrap();
        assert!(is_half(&growing, &store));
        clear(&growing, &store).unwrap();
        assert_eq!(names(), ["lost+found"]);
        grow();
        name_store(&growing, &store).unwrap();
        assert_eq!(names(), ["000004.sst", CURRENT, "MANIFEST-000005", "lost+found"]);
        assert!(!is_half(&growing, &store));
        // A store is never cleared.
        fs::create_dir(&growing).unwrap();
        clear(&growing, &store).unwrap();
        assert_eq!(names(), ["000004.sst", CURRENT, "MANIFEST-000005", "lost+found"]);
    }
}
