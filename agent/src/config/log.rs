//! `[log]`: what is logged, and where to.

use std::path::PathBuf;

use super::LogConfig;
use super::section::{Complaints, Section};
use crate::telemetry::FileBounds;

pub(super) fn log(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> LogConfig {
    let mut section = root.section("log", to);
    let level = section.text("level", to).unwrap_or_else(|| "info".to_owned());
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&level) {
        to.error("A004", section.offset_of("level"), format!("`level` must be a filter: {error}"));
    }
    let format = section.text("format", to).unwrap_or_else(|| "text".to_owned());
    if format != "text" && format != "json" {
        to.error("A004", section.offset_of("format"), "`format` must be text or json".to_owned());
    }
    let file = log_file(&mut section, to);
    let bounds = FileBounds {
        bytes_max: section.number("file_bytes_max", 50 << 20, 64 << 10..=1 << 40, to),
        keep_days: u32::try_from(section.number("keep_days", 180, 1..=36_500, to)).unwrap_or(180),
        keep_bytes_max: section.number("keep_bytes_max", 2 << 30, 0..=1 << 50, to),
    };
    section.finish(to);
    LogConfig { level, json: format == "json", file, bounds }
}

/// Its name is what those of the older files are made of.
fn log_file(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<PathBuf> {
    let file = PathBuf::from(section.text("file", to)?);
    let is_named = file.file_stem().and_then(|it| it.to_str()).is_some();
    if !file.is_absolute() || !is_named {
        let message = "`file` must be the whole path of a file".to_owned();
        to.error("A004", section.offset_of("file"), message);
    }
    Some(file)
}
