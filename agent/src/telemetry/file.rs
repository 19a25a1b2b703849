//! The log as a file that does not grow for ever.
//!
//! At a size, and when a day begins in China, the file is renamed after the moment at which it ended, and
//! another begun. Older ones go by age and by their bytes together; only files named in exactly this way
//! are ever removed. A file that somebody has moved away is begun anew: `logrotate` may see to all of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};

use crate::{clock, secret_file};

/// How long a file grows, and how long older ones stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileBounds {
    /// Bytes after which another is begun.
    pub bytes_max: u64,
    /// Days that older ones stay.
    pub keep_days: u32,
    /// Bytes of older ones together.
    pub keep_bytes_max: u64,
}

/// Takes whole lines.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    bounds: FileBounds,
    file: File,
    bytes: u64,
    day: Date,
}

impl LogFile {
    /// Goes on with the file that is there, and makes it where there is none.
    pub(super) fn open(path: &Path, bounds: FileBounds) -> io::Result<LogFile> {
        fs::create_dir_all(secret_file::folder_of(path))?;
        let file = appended(path)?;
        let about = file.metadata()?;
        let begun = about.modified().ok().and_then(|it| jiff::Timestamp::try_from(it).ok());
        let day = begun.filter(|_| about.len() > 0).map_or_else(clock::now, clock::china).date();
        Ok(LogFile { path: path.to_owned(), bounds, file, bytes: about.len(), day })
    }

    fn write_at(&mut self, lines: &[u8], now: DateTime) -> io::Result<()> {
        self.come_back()?;
        let is_full = self.bytes + lines.len() as u64 > self.bounds.bytes_max;
        if self.bytes > 0 && (is_full || self.day != now.date()) {
            self.begin_anew(now)?;
        }
        self.day = now.date();
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Where somebody has moved the file away, or removed it.
    fn come_back(&mut self) -> io::Result<()> {
        let there = fs::metadata(&self.path).map(|it| (it.dev(), it.ino())).ok();
        let ours = self.file.metadata().map(|it| (it.dev(), it.ino()))?;
        if there != Some(ours) {
            self.file = appended(&self.path)?;
            self.bytes = self.file.metadata()?.len();
        }
        Ok(())
    }

    fn begin_anew(&mut self, now: DateTime) -> io::Result<()> {
        let (stem, ending) = names(&self.path);
        let free = |it: &PathBuf| !it.exists();
        let named = (0..).map(|n| {
            let more = if n == 0 { String::new() } else { format!("-{n}") };
            self.path.with_file_name(format!("{stem}-{}{more}{ending}", stamp(now)))
        });
        fs::rename(&self.path, named.take(NAMES_MAX).find(free).unwrap_or_default())?;
        self.file = appended(&self.path)?;
        self.bytes = 0;
        self.let_go(now);
        Ok(())
    }

    /// The oldest go first. A clock that was set ahead lets nothing grow old.
    fn let_go(&self, now: DateTime) {
        let mut older = older(&self.path);
        older.sort();
        let days = i64::from(self.bounds.keep_days).days();
        let oldest = now.min(clock::now_for_ageing()).checked_sub(days).ok().map(stamp);
        let mut bytes: u64 = older.iter().map(|it| it.bytes).sum();
        for it in older {
            let is_old = oldest.as_ref().is_some_and(|oldest| it.ended < *oldest);
            if (is_old || bytes > self.bounds.keep_bytes_max) && fs::remove_file(&it.path).is_ok() {
                bytes -= it.bytes;
            }
        }
    }
}

/// All of it or an error: what the disk did not take goes to standard error instead, where there is one.
impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.write_at(lines, clock::now()).is_err() {
            let _ = io::stderr().write_all(lines);
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// One that was ended.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Older {
    ended: String,
    path: PathBuf,
    bytes: u64,
}

fn older(path: &Path) -> Vec<Older> {
    let (stem, ending) = names(path);
    let entries = fs::read_dir(secret_file::folder_of(path)).into_iter().flatten().flatten();
    let ours = entries.filter_map(|it| {
        let name = it.file_name().into_string().ok()?;
        let ended = name.strip_prefix(stem.as_str())?.strip_prefix('-')?;
        let ended = ended.strip_suffix(ending.as_str()).filter(|it| is_stamp(it))?.to_owned();
        let about = it.metadata().ok().filter(fs::Metadata::is_file)?;
        Some(Older { ended, path: it.path(), bytes: about.len() })
    });
    ours.collect()
}

/// `20261122-101530`, and a number behind it where two ended in one second.
fn is_stamp(text: &str) -> bool {
    let mut parts = text.split('-');
    let digits = |it: &str, count| it.len() == count && it.bytes().all(|it| it.is_ascii_digit());
    parts.next().is_some_and(|it| digits(it, 8))
        && parts.next().is_some_and(|it| digits(it, 6))
        && parts.next().is_none_or(|it| digits(it, it.len().max(1)))
        && parts.next().is_none()
}

fn stamp(moment: DateTime) -> String {
    moment.strftime("%Y%m%d-%H%M%S").to_string()
}

/// What stands before and behind the moment.
fn names(path: &Path) -> (String, String) {
    let text = |it: Option<&std::ffi::OsStr>| it.and_then(|it| it.to_str()).map(str::to_owned);
    let ending = text(path.extension()).map(|it| format!(".{it}"));
    (text(path.file_stem()).unwrap_or_default(), ending.unwrap_or_default())
}

/// Whoever may read the folder may read its logs; others may not.
fn appended(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

/// In one second.
const NAMES_MAX: usize = 10_000;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::civil::datetime;

    use super::*;

    const BOUNDS: FileBounds = FileBounds { bytes_max: 10, keep_days: 2, keep_bytes_max: 25 };

    #[test]
    fn a_file_ends_at_its_size_and_at_midnight() {
        check(&[(22, 1, "one\n"), (22, 2, "two\n")], "agent.log one two");
        check(
            &[(22, 1, "one\n"), (22, 2, "two\n"), (22, 3, "three\n")],
            "agent-20261122-030000.log one two; agent.log three",
        );
        check(
            &[(22, 1, "one\n"), (23, 0, "two\n")],
            "agent-20261123-000000.log one; agent.log two",
        );
        // Longer than a file may be: it has one to itself, and is not torn.
        check(
            &[(22, 1, "0123456789abc\n"), (22, 1, "x\n"), (22, 1, "0123456789\n")],
            "agent-20261122-010000-1.log x; agent-20261122-010000.log 0123456789abc; agent.log 0123456789",
        );
    }

    #[test]
    fn older_files_go_by_age_and_by_their_bytes() {
        let lines: Vec<_> = (1..=6).map(|day| (day, 1, "12345678\n")).collect();
        check(
            &lines,
            "agent-20261105-010000.log 12345678; agent-20261106-010000.log 12345678; agent.log 12345678",
        );
        let roomy = FileBounds { keep_bytes_max: 1_000, ..BOUNDS };
        check_within(
            roomy,
            &lines,
            "agent-20261104-010000.log 12345678; agent-20261105-010000.log 12345678; \
             agent-20261106-010000.log 12345678; agent.log 12345678",
        );
    }

    #[test]
    fn what_others_put_there_is_left_and_what_they_take_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.log");
        let notes =
            ["agent-notes.log", "agent-20201122-101530.txt", "agent-20201122-1.log", "b.log"];
        for name in notes {
            fs::write(folder.path().join(name), "mine").unwrap();
        }
        let mut log = LogFile::open(&path, FileBounds { keep_bytes_max: 0, ..BOUNDS }).unwrap();
        log.write_at(b"12345678\n", at(22, 1)).unwrap();
        log.write_at(b"12345678\n", at(22, 2)).unwrap();
        assert!(notes.iter().all(|it| folder.path().join(it).exists()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), notes.len() + 1);
        fs::rename(&path, folder.path().join("agent.log.1")).unwrap();
        log.write_at(b"new\n", at(22, 3)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        // The next start goes on with it.
        let log = LogFile::open(&path, BOUNDS).unwrap();
        assert_eq!(log.bytes, 4);
    }

    #[track_caller]
    fn check(writes: &[(i8, i8, &str)], expected: &str) {
        check_within(BOUNDS, writes, expected);
    }

    #[track_caller]
    fn check_within(bounds: FileBounds, writes: &[(i8, i8, &str)], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(&folder.path().join("agent.log"), bounds).unwrap();
        for (day, hour, lines) in writes {
            log.write_at(lines.as_bytes(), at(*day, *hour)).unwrap();
        }
        let entries = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap());
        let told = entries.map(|it| {
            let text = fs::read_to_string(it.path()).unwrap();
            format!("{} {}", it.file_name().to_str().unwrap(), text.trim().replace('\n', " "))
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        assert_eq!(told.join("; "), expected);
    }

    fn at(day: i8, hour: i8) -> DateTime {
        datetime(2026, 11, day, hour, 0, 0, 0)
    }
}
