//! The files of the book: `YYYYMMDD.tsv` a day, packed to `YYYYMMDD.tsv.gz` once the day is over, and let
//! go by age and by bytes, the oldest first. Half of the bytes are today's, half those of the days before:
//! however much is called today, it costs no day that is already in the book.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::ToSpan as _;
use tokio_util::sync::CancellationToken;

use super::Calls;
use crate::intake::Road;
use crate::{clock, pipeline};

/// Writes every second, and once more when told to stop; tidies up every hour.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    let mut tidied: Option<Instant> = None;
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(WRITE_EVERY) => false,
        };
        let is_due = !is_last && tidied.is_none_or(|it| it.elapsed() >= TIDY_EVERY);
        if is_due {
            tidied = Some(Instant::now());
        }
        let writing = Arc::clone(&road);
        let written = tokio::task::spawn_blocking(move || {
            writing.calls.write();
            if is_due {
                writing.calls.tidy();
            }
        });
        if written.await.is_err() {
            tracing::error!("writing calls down ended in a panic");
        }
        if is_last {
            return;
        }
    }
}

impl Calls {
    /// Writes what waits. What cannot be written waits on, within its bound.
    pub(super) fn write(&self) {
        let _disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = std::mem::take(&mut self.waiting().lines);
        if lines.is_empty() {
            return;
        }
        let written = self.append(&mut lines);
        let mut waiting = self.waiting();
        match written {
            Ok(()) => waiting.trouble = None,
            Err(error) => {
                if waiting.trouble.is_none() {
                    let folder = self.folder.display();
                    tracing::error!(%error, %folder, code = "I233", "calls are not written down");
                }
                waiting.trouble = Some(error.to_string());
                if error.kind() == io::ErrorKind::FileTooLarge {
                    // A full day stays full: lines that waited for it would keep the next day's out.
                    waiting.lost += lines.lines().count() as u64;
                } else {
                    waiting.lines.insert_str(0, &lines);
                }
            }
        }
    }

    /// What is written goes from the lines.
    fn append(&self, lines: &mut String) -> io::Result<()> {
        if !self.folder.exists() {
            fs::create_dir_all(&self.folder)?;
        }
        while let Some(day) = lines.get(..DAY) {
            // Lines of the day before, and then of this one, just after midnight.
            let mut begins = lines.match_indices('\n').map(|(at, _)| at + 1);
            let is_other = |at: &usize| !lines.get(*at..).is_some_and(|it| it.starts_with(day));
            let end = begins.find(is_other).unwrap_or(lines.len());
            self.append_to(day, lines.get(..end).unwrap_or_default())?;
            lines.drain(..end);
        }
        Ok(())
    }

    fn append_to(&self, day: &str, lines: &str) -> io::Result<()> {
        let path = self.folder.join(format!("{day}{OPEN}"));
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let length = file.metadata()?.len();
        if length + lines.len() as u64 > self.bytes_max / 2 {
            let full = "half of bytes_max is reached by this day alone";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, full));
        }
        // Half a line of a write that failed is none: it is cut off.
        file.write_all(lines.as_bytes()).inspect_err(|_| drop(file.set_len(length)))
    }

    /// Packs the days that are over, and lets go of the oldest.
    pub(super) fn tidy(&self) {
        let _disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let today = pipeline::stamp(clock::now());
        let today = today.get(..DAY).unwrap_or_default();
        for (day, path) in self.days().into_iter().filter(|(day, _)| day.as_str() < today) {
            if path.extension().is_some_and(|it| it == "tsv")
                && let Err(error) = pack(&path)
            {
                tracing::warn!(%error, day, "the calls of a day were not packed");
            }
        }
        self.forget(today);
    }

    fn forget(&self, today: &str) {
        let now = clock::now_for_ageing();
        let oldest = now.checked_sub(i64::from(self.keep_days).days()).unwrap_or(now);
        let oldest = pipeline::stamp(oldest);
        let mut sum = 0_u64;
        for (day, path) in self.days().into_iter().rev().filter(|(day, _)| day != today) {
            sum += fs::metadata(&path).map_or(0, |it| it.len());
            let is_old = oldest.get(..DAY).is_some_and(|oldest| day.as_str() < oldest);
            if is_old || sum > self.bytes_max / 2 {
                match fs::remove_file(&path) {
                    Ok(()) => tracing::info!(day, "the calls of a day were let go"),
                    Err(error) => tracing::warn!(%error, day, "the calls of a day stay"),
                }
            }
        }
    }

    /// The files by day, the oldest first; what of a day is packed was written before what is not.
    pub(super) fn days(&self) -> Vec<(String, PathBuf)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let named = entries.filter_map(|it| {
            let name = it.file_name().into_string().ok()?;
            let day = name.strip_suffix(OPEN).or_else(|| name.strip_suffix(PACKED))?;
            let is_day = day.len() == DAY && day.bytes().all(|it| it.is_ascii_digit());
            is_day.then(|| (day.to_owned(), it.path()))
        });
        let mut days: Vec<_> = named.collect();
        days.sort_by_cached_key(|(day, path)| {
            (day.clone(), path.extension() != Some("gz".as_ref()))
        });
        days
    }
}

/// Whole or not at all: the packed file takes its name when it is on disk, and only then the other goes.
/// Lines that came after a day was packed, since the disk or the clock was late, are packed behind the
/// others.
fn pack(path: &Path) -> io::Result<()> {
    let packed = path.with_extension("tsv.gz");
    let new = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    match File::open(&packed) {
        Ok(mut before) => {
            io::copy(&mut before, &mut file)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut encoder = GzEncoder::new(file, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::rename(&new, &packed)?;
    fs::remove_file(path)
}

/// `YYYYMMDD`
pub(super) const DAY: usize = 8;
const OPEN: &str = ".tsv";
const PACKED: &str = ".tsv.gz";
const WRITE_EVERY: Duration = Duration::from_secs(1);
const TIDY_EVERY: Duration = Duration::from_hours(1);
