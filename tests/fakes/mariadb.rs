//! A real MariaDB: a server of its own, on a unix socket in its own folder, gone with the value.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::postgres::user;
use crate::process::{Guard, wait_until};

/// A server, one database `his`, one user `his` with the password `secret!`.
#[derive(Debug)]
pub struct Mariadb {
    folder: TempDir,
    server: Child,
    _guard: Guard,
}

impl Mariadb {
    /// Starts it; a few seconds.
    pub fn start() -> Mariadb {
        let folder = TempDir::with_prefix("mariadb-").expect("the temp folder takes a folder");
        // It refuses to be root.
        if let Some((uid, gid)) = user("mysql") {
            chown(folder.path(), Some(uid), Some(gid)).expect("to give the folder away");
        }
        let data = format!("--datadir={}", folder.path().join("data").display());
        let mut making = Command::new("mariadb-install-db");
        making.args(["--no-defaults", &data, "--auth-root-authentication-method=normal"]);
        making.arg("--skip-test-db").current_dir(folder.path());
        let made = as_other(&mut making).output().expect("make setup installs MariaDB");
        assert!(made.status.success(), "{}", String::from_utf8(made.stderr).expect("UTF-8"));
        let socket = format!("--socket={}", folder.path().join("s").display());
        let pid = format!("--pid-file={}", folder.path().join("pid").display());
        let log = fs::File::create(folder.path().join("log")).expect("a folder of ours");
        let mut serving = Command::new("mariadbd");
        serving.args(["--no-defaults", &data, &socket, &pid, "--skip-networking"]);
        serving.stdout(Stdio::null()).stderr(log).current_dir(folder.path());
        let server = as_other(&mut serving).spawn().expect("mariadbd can be run");
        let guard = Guard::over(server.id());
        let it = Mariadb { folder, server, _guard: guard };
        let listens = || std::os::unix::net::UnixStream::connect(it.socket()).is_ok();
        assert!(wait_until(Duration::from_mins(2), listens), "no server");
        it.ask(
            "",
            b"CREATE DATABASE his; CREATE USER his@localhost IDENTIFIED BY 'secret!'; GRANT SELECT ON his.* TO his@localhost;",
        );
        it
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Runs statements as root, to the byte, in a character set; gives the answer's lines.
    pub fn ask(&self, charset: &str, statements: &[u8]) -> String {
        let file = self.folder.path().join("ask.sql");
        fs::write(&file, statements).expect("a folder of ours");
        let mut asking = Command::new("mariadb");
        asking.args(["--no-defaults", "--batch", "--skip-column-names", "-u", "root"]);
        asking.arg(format!("--socket={}", self.socket().display()));
        if !charset.is_empty() {
            asking.arg(format!("--default-character-set={charset}")).arg("his");
        }
        asking.stdin(fs::File::open(&file).expect("written a moment ago"));
        let ran = asking.output().expect("mariadb can be run");
        let [out, err] =
            [ran.stdout, ran.stderr].map(|it| it.escape_ascii().to_string().replace("\\n", "\n"));
        assert!(ran.status.success(), "{err}");
        out
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

fn as_other(command: &mut Command) -> &mut Command {
    match user("mysql") {
        Some((uid, gid)) => command.uid(uid).gid(gid),
        None => command,
    }
}
