//! Who may read and write the folders, the keys and the socket.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Check, Line, Site};
use crate::backup;
use crate::config::{Config, ForwardConfig};
use crate::daemon_user::DaemonUser;
use crate::master_key::KeySource;

pub(super) const CHECK: Check =
    Check { key: "permissions", zh: "权限和密钥", bound: Duration::from_secs(5), look };

fn look(site: &Site) -> Vec<Line> {
    let config = &site.config;
    let store = &config.outbox.dir;
    let mut folders = vec![store.clone()];
    if let ForwardConfig::Files { dir } = &config.forward {
        folders.push(dir.clone());
    }
    let mut lines: Vec<Line> = folders.iter().map(|it| folder(it)).collect();
    lines.extend(secrets(config).iter().filter_map(|it| key(it)));
    lines.extend(kept_apart(config.outbox.key_file.as_deref(), store));
    lines.push(owners(config));
    // The daemon itself has read them when it began.
    let daemon = DaemonUser::of(store).filter(|_| site.says().is_none());
    lines.extend(daemon.iter().flat_map(|it| hidden(config, it)));
    lines.push(socket(&config.control.socket, !config.admin.people.is_empty()));
    lines
}

/// Every file that is for the agent alone, by its place or by its name in the configuration.
fn secrets(config: &Config) -> BTreeSet<PathBuf> {
    let key_file = config.outbox.key_file.clone();
    let folder = key_file.as_deref().and_then(Path::parent).filter(|it| it.ends_with("secrets"));
    let folders = [Some(Path::new(SECRETS)), folder].into_iter().flatten();
    let mut all: BTreeSet<PathBuf> = folders.flat_map(files).collect();
    let mllp = config.channels.iter().filter_map(|it| it.mllp.as_ref()?.certificate.as_ref());
    let doors = config.tls.certificate.iter().chain(mllp);
    all.extend(doors.map(|it| it.key_file().to_owned()));
    all.extend(key_file);
    all.extend([config.history.key_file.clone(), config.outbox.dir.with_file_name("signing.key")]);
    all
}

/// What lies in a folder of secrets, but for what everybody may see.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let all = entries.filter_map(|it| Some(it.ok()?.path()));
    let is_public = |it: &PathBuf| it.extension().is_some_and(|it| it == "crt" || it == "pub");
    all.filter(|it| it.is_file() && !is_public(it)).collect()
}

/// What lies there are records of patients.
fn folder(dir: &Path) -> Line {
    let shown = dir.display();
    let Ok(found) = fs::metadata(dir) else {
        return Line::ok(format!("{shown} 还没有，第一次启动时建"));
    };
    if !found.is_dir() {
        return Line::fail("H051", format!("{shown} 不是目录"))
            .cure("在配置里换一个目录，或移走这个文件");
    }
    // Whoever cannot enter the folder above cannot enter this one.
    let above = dir.parent().and_then(|it| fs::metadata(it).ok());
    let is_open = |it: &Metadata| it.mode() & 0o011 != 0;
    if found.mode() & 0o077 != 0 && above.as_ref().is_none_or(is_open) {
        let mode = found.mode() & 0o777;
        return Line::warn("H051", format!("{shown} 别的用户也进得去（权限 {mode:o}）"));
    }
    Line::ok(format!("{shown} 只有自己的用户进得去"))
}

/// A key that is not there is made at the first start.
fn key(file: &Path) -> Option<Line> {
    let found = fs::metadata(file).ok()?;
    let (user, mode) = (found.uid(), found.mode() & 0o777);
    let shown = file.display();
    Some(if is_closed(user, mode) {
        Line::ok(format!("密钥 {shown} 只有自己的用户读得到"))
    } else {
        // Root's own is read by the service as one of its group.
        let right = if user == 0 { "640" } else { "600" };
        Line::fail("H052", format!("密钥 {shown} 别的用户也读得到（权限 {mode:o}）"))
            .cure(format!("chmod {right} {shown}；可能已经被人读过就换一把：his-agent keys"))
    })
}

/// Its user's alone; or root's, and the service's group may read it.
fn is_closed(user: u32, mode: u32) -> bool {
    let closed = if user == 0 { 5 } else { 6 };
    mode.trailing_zeros() >= closed
}

/// Others' rights are told with the key itself.
fn kept_apart(key_file: Option<&Path>, store: &Path) -> Option<Line> {
    let file = key_file.filter(|it| it.exists())?;
    let is_open = fs::metadata(file).is_ok_and(|it| it.mode() & 0o077 != 0);
    let why = KeySource::is_kept_badly(file, store).filter(|_| !is_open);
    why.map(|_| Line::warn("O123", "发件箱的密钥与数据放在一起：谁拷走目录，谁就两样都有"))
}

/// Started once as root, the agent leaves files that its own user cannot open any more.
fn owners(config: &Config) -> Line {
    let store = &config.outbox.dir;
    let beside = store.parent().unwrap_or(Path::new("."));
    let in_store = fs::read_dir(store).into_iter().flatten().filter_map(|it| Some(it.ok()?.path()));
    let mut all = vec![store.clone(), KeySource::beside(store)];
    all.extend(in_store.chain(backup::data(config)).filter(|it| it.starts_with(beside)));
    let owner = |it: &Path| fs::symlink_metadata(it).ok().map(|it| it.uid());
    let mut seen: BTreeSet<u32> = all.iter().filter_map(|it| owner(it)).collect();
    // The data may be one of many things in the folder: its owner says something only where all is root's.
    if seen.iter().all(|it| *it == 0) {
        seen.extend(owner(beside).filter(|it| *it != 0));
    }
    if seen.len() > 1 {
        let users: Vec<String> = seen.iter().map(ToString::to_string).collect();
        let told = format!("数据目录里的文件属于不同的用户（uid {}）", users.join("、"));
        let shown = beside.display();
        return Line::fail("H053", told).cure(format!(
            "多半是用 root 启动过。停下前置机，chown -R his-agent: {shown}，再启动"
        ));
    }
    Line::ok("数据目录里的文件属于同一个用户")
}

/// Files that the configuration names and the daemon cannot read: root, who looks, reads everything.
fn hidden(config: &Config, daemon: &DaemonUser) -> Vec<Line> {
    let named = config.named.iter().map(Path::new).filter(|it| !daemon.can_read(it));
    named.map(|it| Line::fail("H055", hidden_from(it, daemon))).collect()
}

/// As a sentence, with what helps.
pub(crate) fn hidden_from(file: &Path, daemon: &DaemonUser) -> String {
    let shown = file.display();
    format!(
        "运行前置机的用户（uid {0}）读不到 {shown}：chgrp {1} {shown} && chmod 640 {shown}，所在的目录也要进得去",
        daemon.uid, daemon.gid
    )
}

/// A longer path cannot be bound; the kernel's own limit, with the closing NUL.
fn socket(path: &Path, knows_people: bool) -> Line {
    let shown = path.display();
    let bytes = path.as_os_str().as_bytes().len();
    if bytes > SOCKET_BYTES_MAX {
        let told = format!("套接字的路径 {shown} 有 {bytes} 字节，最多 {SOCKET_BYTES_MAX}");
        return Line::fail("H054", told);
    }
    match fs::metadata(path) {
        Ok(_) if knows_people => Line::ok(format!("套接字 {shown} 由 [admin] 定谁能用")),
        Ok(found) if found.mode() & 0o077 != 0 => {
            let mode = found.mode() & 0o777;
            Line::fail("H052", format!("套接字 {shown} 别的用户也能用（权限 {mode:o}）"))
                .cure(format!("chmod 600 {shown}，并查是谁改的：前置机建的是 600"))
        }
        Ok(_) => Line::ok(format!("套接字 {shown} 只有自己的用户能用")),
        Err(_) => Line::ok(format!("套接字 {shown} 启动时建")),
    }
}

const SOCKET_BYTES_MAX: usize = 107;
/// Where packages put secrets.
const SECRETS: &str = "/etc/his-agent/secrets";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::super::State;
    use super::*;

    #[test]
    fn a_folder_is_for_its_user_alone() {
        let home = tempfile::tempdir().unwrap();
        set(home.path(), 0o700);
        let dir = home.path().join("outbox");
        check(&folder(&dir), State::Ok, "还没有");
        fs::create_dir(&dir).unwrap();
        set(&dir, 0o755);
        check(&folder(&dir), State::Ok, "只有自己"); // the one above is closed
        set(home.path(), 0o755);
        check(&folder(&dir), State::Warn, "权限 755");
        set(&dir, 0o700);
        check(&folder(&dir), State::Ok, "只有自己");
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        check(&folder(&file), State::Fail, "不是目录");
    }

    #[test]
    fn keys_and_socket_are_for_their_user_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("store.key");
        assert_eq!(key(&file), None);
        fs::write(&file, "secret").unwrap();
        for (mode, state) in [(0o600, State::Ok), (0o660, State::Fail), (0o604, State::Fail)] {
            set(&file, mode);
            check(&key(&file).unwrap(), state, "store.key");
            check(&socket(&file, false), state, "store.key");
            check(&socket(&file, true), State::Ok, "[admin]");
        }
        check(&socket(&home.path().join("x".repeat(120)), false), State::Fail, "最多 107");
        set(&file, 0o600);
        let together = kept_apart(Some(&file), &home.path().join("outbox")).unwrap();
        check(&together, State::Warn, "放在一起");
        assert_eq!(kept_apart(Some(&file), Path::new("/var/lib/his-agent/outbox")), None);
    }

    #[test]
    fn the_services_group_may_read_what_is_roots() {
        let check =
            |user, mode, closed| assert_eq!(is_closed(user, mode), closed, "{user} {mode:o}");
        check(0, 0o640, true);
        check(0, 0o660, false);
        check(0, 0o644, false);
        check(1_000, 0o640, false);
        check(1_000, 0o600, true);
    }

    #[test]
    fn every_secret_beside_the_key_is_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("secrets");
        fs::create_dir(&folder).unwrap();
        let [key, url, chain] = ["master.key", "amqp-url", "door.crt"].map(|it| folder.join(it));
        fs::write(&key, "ab".repeat(32)).unwrap();
        fs::write(&url, "").unwrap();
        fs::write(&chain, "").unwrap();
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{0}/outbox\"\nkey = \"file:{0}/secrets/master.key\"\n",
            home.path().display()
        );
        let all = secrets(&Config::parse("agent.toml", &text).unwrap());
        assert!(all.contains(&key) && all.contains(&url) && !all.contains(&chain), "{all:?}");
    }

    #[test]
    fn files_that_root_left_are_told() {
        let home = tempfile::tempdir().unwrap();
        let (store, config) = (home.path().join("outbox"), of(home.path(), ""));
        fs::create_dir(&store).unwrap();
        fs::write(store.join("CURRENT"), "").unwrap();
        check(&owners(&config), State::Ok, "同一个用户");
        give(&store.join("CURRENT"));
        check(&owners(&config), State::Fail, "12345");
        // All of the store is root's, and the folder that a package made is not.
        fs::remove_file(store.join("CURRENT")).unwrap();
        give(home.path());
        check(&owners(&config), State::Fail, "uid 0、12345");
        give(&store);
        check(&owners(&config), State::Ok, "同一个用户");
        fs::create_dir(home.path().join("quality")).unwrap();
        check(&owners(&config), State::Fail, "uid 0、12345");
        give(&home.path().join("quality"));
        // What somebody has laid there is nothing of the agent's.
        fs::write(home.path().join("delete-on-purge"), "").unwrap();
        check(&owners(&config), State::Ok, "同一个用户");
    }

    #[test]
    fn what_the_daemon_cannot_read_is_told_to_root() {
        let home = tempfile::tempdir().unwrap();
        set(home.path(), 0o755);
        let data = home.path().join("data");
        fs::create_dir(&data).unwrap();
        give(&data);
        let key = home.path().join("backup.key");
        fs::write(&key, "ab".repeat(32)).unwrap();
        set(&key, 0o600);
        let config = of(&data, &format!("[backup]\nkey = \"file:{}\"\n", key.display()));
        let daemon = DaemonUser::of(&config.outbox.dir).unwrap();
        let [told] = &hidden(&config, &daemon)[..] else { panic!("one file") };
        check(told, State::Fail, "backup.key");
        give(&key);
        assert_eq!(hidden(&config, &daemon), []);
    }

    fn of(data: &Path, more: &str) -> Config {
        let data = data.display();
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{data}/outbox\"\n{more}"
        );
        Config::parse("agent.toml", &text).unwrap()
    }

    fn give(path: &Path) {
        chown(path, Some(12_345), Some(12_345)).expect("the tests run as root");
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[track_caller]
    fn check(line: &Line, state: State, text: &str) {
        assert_eq!(line.state, state, "{line:?}");
        assert!(line.found.contains(text), "{line:?}");
        assert_eq!(line.cure.is_some(), state != State::Ok, "{line:?}");
    }
}
