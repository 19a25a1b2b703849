//! Whether a folder is a disk of its own, mounted there: what lies beside it is on another disk, and nothing is
//! renamed onto it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::secret_file::folder_of;

/// A folder that what belongs to it cannot lie beside.
pub(crate) fn is_disk_of_its_own(folder: &Path) -> bool {
    is_mount_point(folder) || is_the_file_systems(&folder.join(LOST))
}

/// A disk of its own, or a folder from elsewhere that is bound here.
fn is_mount_point(folder: &Path) -> bool {
    let Ok(folder) = fs::canonicalize(folder) else { return false };
    let device = |it: &Path| fs::metadata(it).map(|it| it.dev()).ok();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter_map(|it| it.split(' ').nth(4));
    device(&folder) != device(folder_of(&folder))
        || points.map(|it| it.replace("\\040", " ")).any(|it| Path::new(&it) == folder)
}

/// A new disk has such a folder, and it is nobody's data.
pub(crate) fn is_the_file_systems(path: &Path) -> bool {
    path.file_name().is_some_and(|it| it == LOST) && path.is_dir()
}

const LOST: &str = "lost+found";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    /// A disk in memory, mounted as long as this lives.
    pub(crate) struct Disk(PathBuf);

    impl Disk {
        pub(crate) fn of(size: &str, place: &Path) -> Disk {
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(place);
            assert!(mount.status().unwrap().success(), "the tests run as root");
            Disk(place.to_owned())
        }
    }

    impl Drop for Disk {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }

    #[test]
    fn what_is_mounted_is_seen() {
        let home = tempfile::tempdir().unwrap();
        let store = home.path().join("outbox");
        assert!(!is_disk_of_its_own(&store));
        fs::create_dir(&store).unwrap();
        assert!(!is_disk_of_its_own(&store));
        assert!(is_mount_point(Path::new("/proc")) && is_mount_point(Path::new("/")));
        fs::create_dir(store.join(LOST)).unwrap();
        assert!(is_disk_of_its_own(&store));
    }
}
