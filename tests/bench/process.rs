//! Processes that are measured, and what the kernel knows of them.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

/// A child that is gone once this is dropped, also when the measuring panics.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Process {
        Process(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("it is our child").is_some()
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    pub(crate) fn terminate(mut self) {
        // The standard library sends no signal but SIGKILL.
        let kill = format!("kill -s TERM {}", self.id());
        let status = Command::new("/bin/sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "no process {} to stop", self.id());
        self.0.wait().expect("it is our child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// CPU time of the calling thread. It is brought up to date with each tick of the scheduler, which
/// is fine for stretches of some hundred milliseconds.
pub(crate) fn thread_cpu() -> Duration {
    let text = read("/proc/thread-self/schedstat");
    let running = text.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(running.expect("the first word is the time on a core"))
}

/// CPU time of a process, in ticks of ten milliseconds.
pub(crate) fn process_cpu(id: u32) -> Duration {
    let stat = read(&format!("/proc/{id}/stat"));
    // The name in brackets may hold blanks; behind it, user and system time are words 12 and 13.
    let (_, words) = stat.rsplit_once(") ").expect("the name is in brackets");
    let ticks = words.split(' ').skip(11).take(2).filter_map(|word| word.parse::<u64>().ok());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// Memory of a process that is in RAM, in megabytes.
pub(crate) fn resident_megabytes(id: u32) -> f64 {
    megabytes(id, "VmRSS:")
}

/// How many sockets a process has open.
pub(crate) fn open_sockets(id: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{id}/fd")).expect("a living process has files");
    let targets = open.filter_map(|it| fs::read_link(it.ok()?.path()).ok());
    targets.filter(|it| it.to_str().is_some_and(|it| it.starts_with("socket:"))).count()
}

/// The most it ever was.
pub(crate) fn peak_megabytes(id: u32) -> f64 {
    megabytes(id, "VmHWM:")
}

fn megabytes(id: u32, name: &str) -> f64 {
    let status = read(&format!("/proc/{id}/status"));
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u32>().ok());
    f64::from(kibibytes.expect("a living process has both")) * 1024.0 / 1e6
}

/// How many processes wanted a core, on average over the last minute.
pub(crate) fn load_average() -> String {
    let text = read("/proc/loadavg");
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
