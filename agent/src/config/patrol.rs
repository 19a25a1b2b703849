//! `[patrol]`: when the agent looks at itself and its machine, and for how long it keeps what it found.

use std::path::{Path, PathBuf};

use jiff::civil::Time;

use super::section::{Complaints, Section};
use super::totals::daily_at;

/// `[patrol]`
#[derive(Clone, Debug)]
pub struct PatrolConfig {
    /// At what time each day, in China.
    pub daily_at: Time,
    /// How many days reports are kept; none: there is no patrol.
    pub keep_days: u32,
    /// The folder of the reports, beside the store.
    pub dir: PathBuf,
}

pub(super) fn patrol(
    root: &mut Section<'_, '_>,
    store: &Path,
    to: &mut Complaints<'_>,
) -> PatrolConfig {
    let mut section = root.section("patrol", to);
    let keep_days = section.number("keep_days", 400, 0..=3_650, to);
    let config = PatrolConfig {
        daily_at: daily_at(&mut section, to).unwrap_or(DAILY_AT),
        keep_days: u32::try_from(keep_days).unwrap_or(u32::MAX),
        dir: store.with_file_name("patrol"),
    };
    section.finish(to);
    config
}

/// Before the morning's rush, and before anybody is there to be kept waiting.
const DAILY_AT: Time = Time::constant(5, 30, 0, 0);
