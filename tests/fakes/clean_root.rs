//! A hospital's machine on the day before: a clean Debian in a folder, to install packages in.
//!
//! `packaging/setup/clean-root.sh` keeps it as a tar file in the cache; each value unpacks its own. There
//! is no systemd in it: a stand-in for `systemctl` writes down what it is asked.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::command::Ran;
use crate::process::Guard;

/// A folder that is the whole file system to whom runs in it.
#[derive(Debug)]
pub struct CleanRoot {
    folder: TempDir,
}

/// A daemon in it. Dead once this is dropped.
#[derive(Debug)]
pub struct Running {
    process: Child,
    _guard: Guard,
}

impl CleanRoot {
    /// Unpacks one.
    pub fn new() -> CleanRoot {
        let tar = cache().join("clean-root/bookworm.tar");
        assert!(tar.is_file(), "{}: run packaging/setup/clean-root.sh", tar.display());
        let folder = tempfile::tempdir().expect("room for a temporary folder");
        // Device nodes cannot be made everywhere, and these do for what installs and runs here.
        let told = ran(Command::new("tar")
            .args(["--numeric-owner", "--exclude=./dev/*", "-xpf"])
            .arg(&tar)
            .arg("-C")
            .arg(folder.path()));
        assert_eq!(told.code, Some(0), "unpacking needs root: {}", told.stderr);
        let root = CleanRoot { folder };
        root.write("/dev/null", "");
        // RocksDB reads a little of it when it was linked by zig, and cannot do without.
        root.write("/dev/urandom", &"not random".repeat(400));
        root.write("/usr/bin/systemctl", SYSTEMCTL);
        for (file, mode) in
            [("/usr/bin/systemctl", 0o755), ("/dev/null", 0o666), ("/dev/urandom", 0o666)]
        {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(root.path(file), mode).expect("a file of ours");
        }
        fs::create_dir_all(root.path("/run/systemd/system")).expect("a folder of ours");
        root
    }

    /// Where a path of this machine lies on ours.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside.trim_start_matches('/'))
    }

    /// Writes a file.
    pub fn write(&self, inside: &str, text: &str) {
        fs::write(self.path(inside), text).expect("a folder of ours takes a file");
    }

    /// The text of a file; empty when it is not there.
    pub fn read(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap_or_default()
    }

    /// Brings a file in, and says where it lies inside.
    pub fn bring(&self, file: &Path) -> String {
        let name = file.file_name().and_then(OsStr::to_str).expect("a package's name is text");
        fs::copy(file, self.path(name)).expect("a folder of ours takes a file");
        format!("/{name}")
    }

    /// Runs a command as root, to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(&[], arguments))
    }

    /// Starts a daemon as a user of this machine.
    pub fn start(&self, user: &str, arguments: &[&str]) -> Running {
        let user = format!("--userspec={user}");
        let log = fs::File::create(self.path("/daemon.log")).expect("a folder of ours");
        let mut command = self.command(&[&user], arguments);
        let process = command.stdout(Stdio::null()).stderr(log).spawn().expect("chroot is there");
        Running { _guard: Guard::over(process.id()), process }
    }

    /// Owner, group and mode, as names and octal digits; "absent" when it is not there.
    pub fn owner_and_mode(&self, inside: &str) -> String {
        let Ok(it) = fs::symlink_metadata(self.path(inside)) else { return "absent".to_owned() };
        let user = self.name("/etc/passwd", it.uid());
        let group = self.name("/etc/group", it.gid());
        format!("{user}:{group} {:o}", it.mode() & 0o7777)
    }

    /// What `systemctl` was asked since the last time.
    pub fn asked_of_systemd(&self) -> Vec<String> {
        let told = self.read(ASKED);
        let _ = fs::remove_file(self.path(ASKED));
        told.lines().map(str::to_owned).collect()
    }

    fn name(&self, table: &str, id: u32) -> String {
        let table = self.read(table);
        let id = id.to_string();
        let line = table.lines().find(|it| it.split(':').nth(2) == Some(&id));
        line.and_then(|it| it.split(':').next()).unwrap_or("nobody known").to_owned()
    }

    fn command(&self, options: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command.args(options).arg(self.folder.path()).args(arguments);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        command
    }
}

impl Default for CleanRoot {
    fn default() -> Self {
        Self::new()
    }
}

impl Running {
    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|it| it.is_some())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a program of our own machine to its end.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().expect("the program is there");
    let text = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Where the set-up keeps what it makes once per machine.
pub fn cache() -> PathBuf {
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = of("HIS_AGENT_CACHE")
        .or_else(|| Some(of("XDG_CACHE_HOME")?.join("his-agent")))
        .or_else(|| Some(std::env::home_dir()?.join(".cache/his-agent")));
    cache.expect("a home")
}

const ASKED: &str = "/asked-of-systemd";

/// Everything it is asked it answers with yes: the service runs.
const SYSTEMCTL: &str = "#!/bin/sh\necho \"$*\" >>/asked-of-systemd\n";
