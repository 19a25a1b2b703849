//! The commands of `his-agent`, run to their end.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// What a command printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code; 124 when it did not end within ten minutes.
    pub code: Option<i32>,
    /// What it said to programs.
    pub stdout: String,
    /// What it said to people.
    pub stderr: String,
}

/// Runs a command of the binary to its end, ten minutes at most. None leaves anything in the folder for what is
/// thrown away.
pub fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Ran {
    let thrown_away = TempDir::new().expect("the temp folder takes a folder");
    let output = Command::new("timeout")
        .arg("600")
        .arg(binary())
        .args(arguments)
        .env("RUST_BACKTRACE", "0")
        .env("TMPDIR", thrown_away.path())
        .stdin(Stdio::null())
        .output()
        .expect("timeout is part of coreutils");
    let text = |bytes| String::from_utf8(bytes).expect("the commands speak UTF-8");
    let [stdout, stderr] = [output.stdout, output.stderr].map(text);
    let ran = Ran { code: output.status.code(), stdout, stderr };
    let left = fs::read_dir(thrown_away.path()).expect("it is there");
    let left: Vec<_> = left.map(|it| it.expect("an entry").file_name()).collect();
    // Whose time was up is told by its code, and has had none to throw anything away.
    let is_clean = left.is_empty() || ran.code == Some(124);
    assert!(is_clean, "{left:?} is not thrown away: {ran:?}");
    ran
}

/// Runs a command whose reader has left before it writes, as `his-agent ... | head` may.
pub fn run_into_a_closed_pipe(arguments: &[&str]) -> Ran {
    let mut process = Command::new(binary())
        .args(arguments)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    drop(process.stdout.take());
    let output = process.wait_with_output().expect("our own child");
    let stderr = String::from_utf8(output.stderr).expect("the commands speak UTF-8");
    Ran { code: output.status.code(), stdout: String::new(), stderr }
}

/// Runs a line in a terminal of its own, whatever shell the environment prefers, a minute at most. Its keys and
/// its screen are pipes; it ends with the code of the line, or with 124.
pub fn in_a_terminal(line: &str) -> Child {
    // A shell that stays beside what it runs hears Ctrl-C too, and some end by it.
    let line = format!("exec {line}");
    Command::new("timeout")
        .args(["--foreground", "60", "script", "-qefc", &line, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("timeout is part of coreutils")
}

/// Lets a program call this machine itself, though the environment says that a proxy stands between.
pub fn past_proxies(command: &mut Command) -> &mut Command {
    for protocol in ["http", "https", "all"] {
        let lower = format!("{protocol}_proxy");
        command.env_remove(lower.to_uppercase()).env_remove(lower);
    }
    // SOAP::Lite has a spelling of its own.
    command.env_remove("HTTP_proxy")
}

/// The binary that was built together with the tests.
pub fn binary() -> PathBuf {
    let tests = std::env::current_exe().expect("a process knows its file");
    let profile = tests.parent().and_then(Path::parent).expect("target/PROFILE/deps");
    let binary = profile.join("his-agent");
    assert!(
        binary.is_file(),
        "{} is missing: run `cargo build --workspace` first",
        binary.display()
    );
    binary
}

/// A text in GBK, by `iconv`, which shares no code with the agent.
pub fn in_gbk(text: &str) -> Vec<u8> {
    let mut iconv = Command::new("iconv")
        .args(["-f", "UTF-8", "-t", "GBK"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("iconv is part of the C library");
    let mut to = iconv.stdin.take().expect("piped");
    let text = text.to_owned();
    // It answers while it still reads, and a pipe holds 64 KiB.
    let writing = std::thread::spawn(move || to.write_all(text.as_bytes()));
    let output = iconv.wait_with_output().expect("it ends");
    writing.join().expect("no panic").expect("it reads all");
    assert!(output.status.success(), "a character that GBK does not have");
    output.stdout
}
