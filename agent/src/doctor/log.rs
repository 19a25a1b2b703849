//! What patrols have found, a file each, `YYYYMMDDhhmmss.json`, whole or not there. No patient stands in it.

use std::fs;
use std::io;
use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::DateTime;

use super::Report;
use crate::clock;
use crate::durable_folder::make_durable_folder;
use crate::forward::files::put;
use crate::pipeline::{moment, stamp};

/// Keeps a report, and lets those go that are too old.
pub(super) fn keep(dir: &Path, at: DateTime, days: u32, report: &Report) -> io::Result<()> {
    make_durable_folder(dir)?;
    put(dir, &format!("{}.json", stamp(at)), &serde_json::to_vec(report)?)?;
    // A clock that was set ahead lets nothing grow old.
    let ageing = at.min(clock::now_for_ageing());
    let Ok(oldest) = ageing.checked_sub(i64::from(days).days()) else { return Ok(()) };
    let oldest = stamp(oldest);
    names(dir)?.iter().filter(|it| **it < oldest).try_for_each(|it| fs::remove_file(file(dir, it)))
}

/// The reports that are kept, the oldest first, the last so many of them. One that cannot be read is left
/// out.
pub(crate) fn reports(dir: &Path, most: usize) -> io::Result<Vec<Report>> {
    let names = match names(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let read = |name: &String| serde_json::from_slice(&fs::read(file(dir, name)).ok()?).ok();
    Ok(names.iter().skip(names.len().saturating_sub(most)).filter_map(read).collect())
}

/// When the last patrol was, of those that are not of a time to come.
pub(super) fn newest(dir: &Path, now: DateTime) -> Option<DateTime> {
    let names = names(dir).ok()?;
    names.iter().rev().filter_map(|it| moment(it)).find(|it| *it <= now)
}

/// In order.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        let Some(name) = name.strip_suffix(".json") else { continue };
        if name.len() == 14 && name.bytes().all(|it| it.is_ascii_digit()) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn file(dir: &Path, name: &str) -> std::path::PathBuf {
    dir.join(format!("{name}.json"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn reports_stay_for_their_days() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("patrol");
        let at = |text: &str| text.parse::<DateTime>().unwrap();
        assert!(reports(&dir, 10).unwrap().is_empty());
        assert_eq!(newest(&dir, at("2026-11-22T06:00:00")), None);
        for day in ["2026-11-20T05:30:00", "2026-11-21T05:30:00", "2026-11-22T05:30:00"] {
            let report = Report { at: day.to_owned(), ..Report::of(Vec::new(), Duration::ZERO) };
            keep(&dir, at(day), 2, &report).unwrap();
        }
        let told = |most| {
            let all = reports(&dir, most).unwrap();
            all.iter().map(|it| it.at.get(8..10).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told(10), ["20", "21", "22"]);
        assert_eq!(told(1), ["22"]);
        let next = Report::of(Vec::new(), Duration::ZERO);
        keep(&dir, at("2026-11-23T05:30:00"), 2, &next).unwrap();
        assert_eq!(told(10).len(), 3, "one is too old");
        assert_eq!(newest(&dir, at("2026-11-23T06:00:00")), Some(at("2026-11-23T05:30:00")));
        assert_eq!(newest(&dir, at("2026-11-22T06:00:00")), Some(at("2026-11-22T05:30:00")));
        fs::write(dir.join("20261124053000.json"), "{").unwrap();
        assert_eq!(told(10).len(), 3, "what cannot be read is left out");
    }
}
