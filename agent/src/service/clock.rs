//! A clock that cannot be right, found at the start: it is behind what was written here last, or behind the
//! program itself. A mainboard without its battery begins in another year, and everything that comes in
//! would be stamped so. One that is ahead cannot be found out here; so where nobody keeps it in step, the
//! first start tells which time everything will be stamped with, and somebody can compare.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::clock;
use crate::doctor::clock::{BEHIND_MAX_S, is_kept_by_nobody, newest};

/// Says so in the log; the daemon serves all the same, since records keep their order by number.
pub(super) fn doubt(store: &Path) {
    let program = std::env::current_exe().ok().and_then(|it| written(&it));
    let stored = newest(store);
    if stored.is_none() && is_kept_by_nobody() {
        let now = clock::now().to_string();
        tracing::warn!(
            code = "H033",
            now,
            "nobody keeps the clock in step: compare it before the first message"
        );
    }
    let Some(seen) = stored.into_iter().chain(program).max() else { return };
    if let Some(behind) = behind(SystemTime::now(), seen) {
        let (code, hours) = ("O109", behind.as_secs() / 3600);
        let seconds = behind.as_secs();
        tracing::error!(code, hours, seconds, "the clock is behind what was written here before");
    }
}

fn behind(now: SystemTime, seen: SystemTime) -> Option<Duration> {
    seen.duration_since(now).ok().filter(|it| *it > SLACK)
}

fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|it| it.modified()).ok()
}

const SLACK: Duration = Duration::from_secs(BEHIND_MAX_S.unsigned_abs());

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_behind_the_disk_is_found() {
        let seen = SystemTime::now();
        let day = Duration::from_secs(86_400);
        assert_eq!(behind(seen - day, seen), Some(day));
        assert_eq!(behind(seen - SLACK, seen), None);
        assert_eq!(behind(seen + day, seen), None);
    }
}
