//! The daemon's user, as root sees it: whoever owns the folder of the data. What root writes for the daemon, and what
//! root finds well, is of no use before that user can read it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::secret_file;

/// A user that is not root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DaemonUser {
    pub(crate) uid: u32,
    /// Its own group.
    pub(crate) gid: u32,
    /// Groups that it was put into, by the machine's own list.
    others: Vec<u32>,
}

impl DaemonUser {
    /// Who works with a store. `None` when that is root, or nothing of it is there that could say.
    pub(crate) fn of(store: &Path) -> Option<DaemonUser> {
        let folders = [there_is(store), there_is(secret_file::folder_of(store))];
        let owners = folders.iter().filter_map(|it| fs::metadata(it).ok());
        let owner = owners.into_iter().find(|it| it.uid() != 0)?;
        let [users, groups] =
            ["/etc/passwd", "/etc/group"].map(|it| fs::read_to_string(it).unwrap_or_default());
        Some(DaemonUser::listed(owner.uid(), owner.gid(), &users, &groups))
    }

    fn listed(uid: u32, gid: u32, users: &str, groups: &str) -> DaemonUser {
        let is_of = |it: &&str| it.split(':').nth(2).and_then(|it| it.parse().ok()) == Some(uid);
        let line = users.lines().find(is_of).unwrap_or_default();
        let own = line.split(':').nth(3).and_then(|it| it.parse().ok());
        let name = line.split(':').next().filter(|it| !it.is_empty());
        let has_it = |it: &&str| {
            it.rsplit(':').next().is_some_and(|it| it.split(',').any(|it| Some(it) == name))
        };
        let others =
            groups.lines().filter(has_it).filter_map(|it| it.split(':').nth(2)?.parse().ok());
        DaemonUser { uid, gid: own.unwrap_or(gid), others: others.collect() }
    }

    /// Whether it can read a file. The kernel is asked, as that user: folders above, and rights that no mode shows,
    /// count too. Only root can ask; to everybody else, and where nothing answers, the file is well.
    #[allow(unsafe_code)]
    pub(crate) fn can_read(&self, file: &Path) -> bool {
        let (uid, gid, groups) = (self.uid, self.gid, self.others.clone());
        let mut asking = Command::new("test");
        asking.arg("-r").arg(file);
        asking.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // SAFETY: between fork and exec there are system calls only; the list was made before.
        unsafe {
            asking.pre_exec(move || {
                let is_that_user = libc::setgroups(groups.len(), groups.as_ptr()) == 0
                    && libc::setgid(gid) == 0
                    && libc::setuid(uid) == 0;
                if is_that_user { Ok(()) } else { Err(io::Error::last_os_error()) }
            });
        }
        asking.status().map_or(true, |it| it.success())
    }
}

/// The folder itself, or the nearest above it that there is: where it will be made.
pub(crate) fn there_is(dir: &Path) -> PathBuf {
    let there = dir.ancestors().find(|it| it.is_dir());
    // The last ancestor of a relative path is empty, which stands for "here".
    there.filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    #[test]
    fn a_user_has_its_own_group_and_those_it_was_put_into() {
        let users = "root:x:0:0::/:/bin/sh\nhis:x:996:995::/var/lib/his:/bin/false\n";
        let groups = "root:x:0:\nssl-cert:x:114:postgres,his\nhis:x:995:\nother:x:7:his-not\n";
        let known = DaemonUser::listed(996, 0, users, groups);
        assert_eq!(known, DaemonUser { uid: 996, gid: 995, others: vec![114] });
        let unknown = DaemonUser::listed(12_345, 7, users, groups);
        assert_eq!(unknown, DaemonUser { uid: 12_345, gid: 7, others: Vec::new() });
    }

    #[test]
    fn what_it_can_read_is_asked_as_that_user() {
        let home = tempfile::tempdir().unwrap();
        let (store, file) = (home.path().join("data/outbox"), home.path().join("key"));
        fs::create_dir_all(&store).unwrap();
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        set(home.path(), 0o755);
        assert_eq!(DaemonUser::of(&store), None, "it is root's");
        chown(home.path().join("data"), Some(12_345), Some(12_346)).expect("the tests run as root");
        let user = DaemonUser::of(&store).unwrap();
        assert_eq!((user.uid, user.gid), (12_345, 12_346));
        set(&file, 0o600);
        assert!(!user.can_read(&file));
        chown(&file, None, Some(12_346)).unwrap();
        set(&file, 0o640);
        assert!(user.can_read(&file));
        set(home.path(), 0o700);
        assert!(!user.can_read(&file), "the folder above lets nobody in");
    }
}
