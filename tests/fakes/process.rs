//! Signals, waits with an end, and the guard that lets no process outlive its test.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Kills a process when the test process is gone, however that ended.
///
/// A shell waits on a pipe that only the test process holds open. Dropped in order, the guard goes
/// without touching anybody.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    pub(crate) fn over(pid: u32) -> Guard {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "read -r _; kill -s KILL \"$1\"", "guard", &pid.to_string()]);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Guard(shell.spawn().expect("/bin/sh is there"))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Killed before its pipe closes: otherwise it would take that for the test's end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether the condition is met before the time is up.
pub fn wait_until(timeout: Duration, mut met: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + timeout;
    while !met() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// Sends a signal with the shell's `kill`, since the standard library has none.
pub fn signal(name: &str, pid: &str) {
    let command = format!("kill -s {name} {pid}");
    let status = Command::new("/bin/sh").args(["-c", &command]).status().expect("/bin/sh is there");
    assert!(status.success(), "no process {pid} to send SIG{name} to");
}

const POLL: Duration = Duration::from_millis(25);
