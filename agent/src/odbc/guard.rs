//! What a worker does to itself before it loads anything foreign.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;

/// Keeps the pipe to the agent for frames alone, and what drivers do within bounds. Gives the pipe.
#[allow(unsafe_code)]
pub(super) fn stand_alone() -> io::Result<File> {
    let pipe = io::stdout().as_fd().try_clone_to_owned()?;
    let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the calls take numbers, a struct and a text that outlive them, and this process has one
    // thread yet.
    unsafe {
        // It dies with the agent, also in a driver that does not come back.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // A core would hold what was read.
        libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        // What drivers print goes where errors go, not between the frames.
        libc::dup2(2, 1);
        // Drivers that translate texts by the locale know Chinese then.
        libc::setlocale(libc::LC_ALL, c"C.UTF-8".as_ptr());
    }
    // When memory is short this goes, not the agent.
    drop(fs::write("/proc/self/oom_score_adj", "700"));
    Ok(File::from(pipe))
}
