//! `[versions]`: where the configurations and sets that were in force are kept, and how a new one is watched.

use std::path::PathBuf;
use std::time::Duration;

use super::OutboxConfig;
use super::section::{Complaints, Section};

/// `[versions]`
#[derive(Clone, Debug)]
pub struct VersionsConfig {
    /// The folder of the versions.
    pub dir: PathBuf,
    /// How many of each kind are kept.
    pub keep: usize,
    /// How long a configuration that was put in force by command is watched; none: it is not.
    pub health: Duration,
}

pub(super) fn versions(
    root: &mut Section<'_, '_>,
    outbox: &OutboxConfig,
    to: &mut Complaints<'_>,
) -> VersionsConfig {
    let mut section = root.section("versions", to);
    let dir = section.text("dir", to).map(PathBuf::from);
    let versions = VersionsConfig {
        dir: dir.unwrap_or_else(|| outbox.dir.with_file_name("versions")),
        keep: section.size("keep", 100, 2..=10_000, to),
        health: section.duration("health_ms", 60_000, 0..=3_600_000, to),
    };
    section.finish(to);
    versions
}
