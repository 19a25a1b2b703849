//! The files: one a day, `YYYYMMDD.json`, written whole every minute and at the stop.
//!
//! A write reads the day's file, adds what is new, and puts the sum in its place by way of a
//! temporary file that is synced and renamed: at any moment the file is an old sum or a new one. A
//! file that cannot be read is moved aside and named in the log, and the day begins anew.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::Date;
use tokio_util::sync::CancellationToken;

use super::{Day, Quality, lock};
use crate::clock;

/// Writes every minute and once more when told to stop. A folder that fails is told and tried
/// again: counts never hold up the road.
pub async fn keep(quality: Arc<Quality>, stop: CancellationToken) {
    loop {
        let last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(WRITE_EVERY) => false,
        };
        let writing = Arc::clone(&quality);
        match tokio::task::spawn_blocking(move || writing.write()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, folder = %quality.folder.display(), "quality counts not written");
            }
            Err(error) => tracing::error!(%error, "writing quality counts ended in a panic"),
        }
        if last {
            return;
        }
    }
}

/// A day's file; an empty day when there is none.
pub fn read_day(folder: &Path, date: Date) -> io::Result<Day> {
    let empty = Day::new(date);
    let text = match fs::read(file(folder, &empty)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(empty),
        Err(error) => return Err(error),
    };
    Ok(serde_json::from_slice(&text)?)
}

impl Quality {
    /// Adds what is not on disk yet to the files, and removes files that are too old.
    pub fn write(&self) -> io::Result<()> {
        self.settle();
        let _disk = lock(&self.disk);
        let today = clock::now_for_ageing().date();
        if lock(&self.pending).is_empty() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        loop {
            let mut pending = lock(&self.pending);
            let Some(more) = pending.pop() else { break };
            drop(pending);
            // Whoever asks meanwhile waits for the disk's lock, and so misses nothing.
            if let Err(error) = self.write_day(&more) {
                self.wait_for_disk(more);
                return Err(error);
            }
        }
        self.prune(today)
    }

    fn write_day(&self, more: &Day) -> io::Result<()> {
        let path = file(&self.folder, more);
        let mut day = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                let aside = path.with_extension("damaged");
                tracing::error!(%error, file = %path.display(), "moved aside; the day begins anew");
                drop(fs::rename(&path, aside));
                Day { day: more.day.clone(), ..Day::default() }
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Day { day: more.day.clone(), ..Day::default() }
            }
            Err(error) => return Err(error),
        };
        day.add(more);
        put(&path, &serde_json::to_vec(&day)?)
    }

    fn prune(&self, today: Date) -> io::Result<()> {
        let Ok(oldest) = today.checked_sub(i64::from(self.keep_days).days()) else { return Ok(()) };
        let oldest = Day::new(oldest).day;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
            if name.len() == oldest.len()
                && name.bytes().all(|it| it.is_ascii_digit())
                && *name < *oldest
            {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn file(folder: &Path, day: &Day) -> PathBuf {
    folder.join(format!("{}.json", day.day))
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// A crash loses the counts of at most this long.
const WRITE_EVERY: Duration = Duration::from_mins(1);
