//! The end of a stop that would not end. Past the deadline nothing is waited for any more; but a write
//! that a disk never answers cannot be left, and whoever closes the store would wait for it. Then the
//! process ends as a power cut would end it: what was promised is on disk.

use std::sync::Once;
use std::thread;
use std::time::Duration;

use crate::cli::Exit;
use crate::telemetry;

/// Ends the process when it is still there then. Only the first call counts.
pub(super) fn end_after(deadline: Duration) {
    static ARMED: Once = Once::new();
    ARMED.call_once(|| {
        let wait = move || {
            thread::sleep(deadline + LATER);
            end(deadline);
        };
        if let Err(error) = thread::Builder::new().name("last-resort".to_owned()).spawn(wait) {
            tracing::warn!(%error, "no thread to see to it that the stop ends");
        }
    });
}

/// No destructor may run here: the store's is what the stop hangs in.
#[allow(clippy::disallowed_methods)]
fn end(deadline: Duration) -> ! {
    tracing::error!(code = "A058", ?deadline, "the stop did not end; the process ends without it");
    telemetry::flush();
    std::process::exit(Exit::Disk as i32)
}

/// So long behind the deadline, since leaving takes a moment, too.
pub(super) const LATER: Duration = Duration::from_secs(5);
