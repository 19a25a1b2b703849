//! `[calls]`: the book of all calls.

use std::path::PathBuf;

use super::OutboxConfig;
use super::section::{Complaints, Section};

/// `[calls]`
#[derive(Clone, Debug)]
pub struct CallsConfig {
    /// The folder of the book.
    pub dir: PathBuf,
    /// How many days stay.
    pub keep_days: u32,
    /// Bytes of the book; beyond it the oldest days go.
    pub bytes_max: u64,
}

pub(super) fn calls(
    root: &mut Section<'_, '_>,
    outbox: &OutboxConfig,
    to: &mut Complaints<'_>,
) -> CallsConfig {
    let mut section = root.section("calls", to);
    let dir = section.text("dir", to).map(PathBuf::from);
    let keep_days = section.number("keep_days", 190, 1..=3_660, to);
    let config = CallsConfig {
        dir: dir.unwrap_or_else(|| outbox.dir.with_file_name("calls")),
        keep_days: u32::try_from(keep_days).unwrap_or(u32::MAX),
        bytes_max: section.number("bytes_max", 4_294_967_296, 1_048_576..=1_099_511_627_776, to),
    };
    section.finish(to);
    config
}
