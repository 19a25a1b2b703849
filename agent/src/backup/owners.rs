//! Whose it is what a restore writes: root makes it, and the daemon has to work with it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use super::places::Kind;
use crate::daemon_user::DaemonUser;
use crate::durable_folder::make_durable_folder;
use crate::secret_file::folder_of;

/// Gives what was written to whom its folder belongs. What lies in a folder of root's, as secrets and the
/// configuration do, stays root's if the daemon can read it there, for it is not to change them; else it is the
/// daemon's own.
pub(super) fn give(path: &Path, kind: Kind, daemon: Option<&DaemonUser>) -> io::Result<()> {
    let folder = match fs::metadata(folder_of(path)) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let of_folder = (folder.uid(), folder.gid());
    match daemon {
        Some(daemon) if folder.uid() == 0 && kind == Kind::Data => {
            each(path, &|_| ((daemon.uid, daemon.gid), 0))
        }
        Some(daemon) if folder.uid() == 0 && folder.gid() == daemon.gid => {
            each(path, &|it| (of_folder, if it.is_dir() { 0o050 } else { 0o040 }))
        }
        Some(daemon) if folder.uid() == 0 => each(path, &|it| {
            let is_for_all = it.mode() & 0o004 != 0;
            (if is_for_all { of_folder } else { (daemon.uid, daemon.gid) }, 0)
        }),
        _ => each(path, &|_| (of_folder, 0)),
    }
}

/// The owner, and rights that are to be added.
type Owner = ((u32, u32), u32);

fn each(path: &Path, owner: &dyn Fn(&Metadata) -> Owner) -> io::Result<()> {
    let is = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        is => is?,
    };
    let ((uid, gid), more) = owner(&is);
    if (is.uid(), is.gid()) != (uid, gid) {
        chown(path, Some(uid), Some(gid))?;
    }
    if is.mode() & more != more && !is.is_symlink() {
        fs::set_permissions(path, fs::Permissions::from_mode(is.mode() & 0o7777 | more))?;
    }
    if is.is_dir() {
        for entry in fs::read_dir(path)? {
            each(&entry?.path(), owner)?;
        }
    }
    Ok(())
}

/// Makes a folder that is missing as the one above it is: else a secret lies where the daemon cannot go, or where
/// everybody can.
pub(super) fn make_like_above(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let above = folder_of(folder);
    make_like_above(above)?;
    let is = fs::metadata(above)?;
    make_durable_folder(folder)?;
    // Who is not root gives nothing away.
    if fs::metadata(folder)?.uid() == 0 {
        chown(folder, Some(is.uid()), Some(is.gid()))?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(is.mode() & 0o755))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DAEMON: (u32, u32) = (12_345, 12_346);

    #[test]
    fn what_lies_in_a_folder_of_roots_can_be_read_by_the_daemon() {
        // The owner, group and mode of a folder; what is written there; what it is then.
        for (folder, (kind, mode), expected) in [
            ((0, DAEMON.1, 0o750), (Kind::Secret, 0o600), (0, DAEMON.1, 0o640)),
            ((0, DAEMON.1, 0o750), (Kind::Edited, 0o644), (0, DAEMON.1, 0o644)),
            ((0, DAEMON.1, 0o750), (Kind::Data, 0o600), (DAEMON.0, DAEMON.1, 0o600)),
            ((0, 0, 0o755), (Kind::Secret, 0o600), (DAEMON.0, DAEMON.1, 0o600)),
            ((0, 0, 0o755), (Kind::Secret, 0o644), (0, 0, 0o644)),
            ((7, 8, 0o700), (Kind::Secret, 0o600), (7, 8, 0o600)),
        ] {
            let home = tempfile::tempdir().unwrap();
            let (uid, gid, rights) = folder;
            chown(home.path(), Some(uid), Some(gid)).expect("the tests run as root");
            set(home.path(), rights);
            let daemon = daemon();
            let file = home.path().join("file");
            fs::write(&file, "").unwrap();
            set(&file, mode);
            give(&file, kind, Some(&daemon)).unwrap();
            assert_eq!(is(&file), expected, "{folder:?} {kind:?} {mode:o}");
        }
    }

    #[test]
    fn a_folder_is_made_as_the_one_above_it_is() {
        let home = tempfile::tempdir().unwrap();
        chown(home.path(), Some(0), Some(DAEMON.1)).expect("the tests run as root");
        set(home.path(), 0o750);
        make_like_above(&home.path().join("a/b")).unwrap();
        for made in ["a", "a/b"] {
            assert_eq!(is(&home.path().join(made)), (0, DAEMON.1, 0o750));
        }
    }

    fn daemon() -> DaemonUser {
        let data = tempfile::tempdir().unwrap();
        chown(data.path(), Some(DAEMON.0), Some(DAEMON.1)).expect("the tests run as root");
        DaemonUser::of(&data.path().join("outbox")).unwrap()
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn is(path: &Path) -> (u32, u32, u32) {
        let is = fs::metadata(path).unwrap();
        (is.uid(), is.gid(), is.mode() & 0o777)
    }
}
