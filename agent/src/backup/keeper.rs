//! Makes a backup every day at its time, lets the oldest go, and tells when none was made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::{DateTime, Time};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::create::{hidden, remove};
use super::{BackupError, Made, Manifest, begun_at, create};
use crate::clock;
use crate::config::BackupConfig;
use crate::intake::Road;
use crate::master_key::MasterKey;

/// How backups stand in a running daemon.
#[derive(Debug, Default)]
pub struct Backups(Mutex<Standing>);

#[derive(Clone, Debug, Default, Serialize)]
struct Standing {
    running: bool,
    /// When the last one ended, and how.
    ended_at: Option<String>,
    made: Option<Made>,
    failed: Option<Failed>,
    /// When the newest backup of this store in the configured folder was begun.
    #[serde(skip)]
    newest: Option<DateTime>,
    /// The same, for commands.
    newest_at: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Failed {
    code: &'static str,
    reason: String,
}

impl Backups {
    fn standing(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever has the turn makes a backup; there is one turn.
    pub(super) fn turn(road: Arc<Road>) -> Result<Turn, BackupError> {
        let was_running = std::mem::replace(&mut road.backups.standing().running, true);
        if was_running { Err(BackupError::Busy) } else { Ok(Turn(road)) }
    }

    /// For commands and pages.
    pub(crate) fn told(&self) -> Value {
        json!(*self.standing())
    }

    /// What somebody should look at: the last backup has failed, or the newest is old.
    pub(crate) fn alerts(&self, config: &BackupConfig) -> Vec<(&'static str, String)> {
        let standing = self.standing();
        let failed = standing.failed.as_ref().map(|failed| {
            let at = standing.ended_at.as_deref().unwrap_or_default();
            ("B110", format!("{at} 的备份没有做成：{} {}", failed.code, failed.reason))
        });
        let old = standing.newest.filter(|it| config.at.is_some() && is_old(*it, clock::now()));
        let old = old.map(|it| (OLD, format!("最近一份好的备份是 {it} 的，以后再没有")));
        failed.into_iter().chain(old).collect()
    }

    fn found(&self, newest: Option<DateTime>) {
        let mut standing = self.standing();
        (standing.newest, standing.newest_at) = (newest, newest.map(|it| it.to_string()));
        let second = newest.map_or(0, |it| clock::instant(it).as_second());
        #[allow(clippy::cast_precision_loss)] // seconds are far below 2^53
        metrics::gauge!("his_agent_backup_newest_timestamp_seconds").set(second as f64);
    }
}

/// The right to make a backup now, given back even by a panic.
pub(super) struct Turn(Arc<Road>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.backups.standing().running = false;
    }
}

impl Turn {
    /// Blocks.
    pub(super) fn make(self, to: &Path, key: Option<&MasterKey>) -> Result<Made, BackupError> {
        let road = &self.0;
        let made = match &road.versions.file() {
            Some(file) => create((&road.config, file), &road.outbox, to, key),
            None => Err(BackupError::NoBackup { dir: to.to_owned() }),
        };
        note(&road.backups, &made);
        look(road);
        made
    }
}

fn note(backups: &Backups, made: &Result<Made, BackupError>) {
    let mut standing = backups.standing();
    standing.ended_at = Some(clock::now().to_string());
    match made {
        Ok(made) => {
            tracing::info!(id = made.id, bytes = made.bytes, "a backup is made and read back");
            (standing.made, standing.failed) = (Some(made.clone()), None);
        }
        Err(error) => {
            tracing::error!(code = error.code(), %error, "no backup was made");
            standing.failed = Some(Failed { code: error.code(), reason: error.to_string() });
        }
    }
}

/// Works until told to stop; where no time is configured, it only looks what there is.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    begin(&road).await;
    let Some(at) = road.config.backup.at else { return };
    let mut not_before = Instant::now() + AFTER_START;
    while !stop.is_cancelled() {
        let working = Arc::clone(&road);
        let is_time = Instant::now() >= not_before;
        let round = tokio::task::spawn_blocking(move || round(&working, at, is_time));
        tokio::select! {
            // A backup takes as long as it takes, and a stop waits for none: what is half made counts
            // as nothing.
            () = stop.cancelled() => return,
            made = round => if !matches!(made, Ok(Ok(()))) {
                not_before = Instant::now() + TRY_AGAIN;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// What a kill left of a copy of the store keeps files from being freed.
async fn begin(road: &Arc<Road>) {
    let road = Arc::clone(road);
    let begun = tokio::task::spawn_blocking(move || {
        look(&road);
        remove(&create::checkpoint_of(&road.config))
    });
    if let Ok(Err(error)) = begun.await {
        tracing::warn!(%error, "the rest of a backup that was cut off stays");
    }
}

fn round(road: &Arc<Road>, at: Time, is_time: bool) -> Result<(), BackupError> {
    if is_due(road, at) && is_time { daily(road) } else { Ok(()) }
}

/// Makes the backup of the day and lets the oldest go.
pub(super) fn daily(road: &Arc<Road>) -> Result<(), BackupError> {
    let config = &road.config.backup;
    let made = Backups::turn(Arc::clone(road))?.make(&config.to, config.key.as_ref())?;
    // Another agent's backups may lie in the same folder; and what was just made stays, though a clock
    // that ran ahead may have named others after it. What people gave another name is theirs.
    let epoch = road.outbox.epoch();
    let has_its_name = |dir: &Path, id: &str| dir.file_name().is_some_and(|it| it == id);
    let others = list(&config.to)
        .into_iter()
        .filter(|(dir, it)| it.epoch == epoch && it.id != made.id && has_its_name(dir, &it.id));
    for (dir, manifest) in others.skip(config.keep.saturating_sub(1)) {
        tracing::info!(id = manifest.id, "the oldest backup goes");
        let going = hidden(&config.to, &manifest.id, epoch, "part");
        fs::rename(&dir, &going).map_err(|it| BackupError::at(&dir, &it))?;
        remove(&going)?;
    }
    Ok(())
}

pub(super) fn is_due(road: &Road, at: Time) -> bool {
    look(road).is_none_or(|it| it < last_due(clock::now(), at))
}

fn look(road: &Road) -> Option<DateTime> {
    let newest = newest(&road.config.backup.to, Some(road.outbox.epoch()), clock::now());
    road.backups.found(newest);
    newest
}

/// When the newest backup of a store, or of any, was begun. What a clock that ran ahead has named after
/// days that are yet to come tells nothing.
pub(crate) fn newest(to: &Path, epoch: Option<&str>, now: DateTime) -> Option<DateTime> {
    let entries = fs::read_dir(to).into_iter().flatten().flatten();
    let mut all: Vec<(DateTime, PathBuf)> = entries
        .filter_map(|it| Some((begun_at(it.file_name().to_str()?)?, it.path())))
        .filter(|(begun, _)| *begun <= now)
        .collect();
    all.sort_unstable();
    let is_ours = |dir: &Path| {
        Manifest::read(dir).is_ok_and(|it| epoch.is_none_or(|epoch| it.epoch == epoch))
    };
    all.into_iter().rev().find(|(_, dir)| is_ours(dir)).map(|(begun, _)| begun)
}

/// Whether a day was missed twice.
pub(crate) fn is_old(newest: DateTime, now: DateTime) -> bool {
    newest.checked_add(OLD_AFTER_HOURS.hours()).is_ok_and(|it| it < now)
}

/// The last moment at which one was to be made.
fn last_due(now: DateTime, at: Time) -> DateTime {
    let today = now.date().to_datetime(at);
    if today <= now { today } else { today.checked_sub(1.day()).unwrap_or(today) }
}

/// The backups of a folder, the latest first.
pub(crate) fn list(to: &Path) -> Vec<(PathBuf, Manifest)> {
    let entries = fs::read_dir(to).into_iter().flatten().flatten().map(|it| it.path());
    let named = entries.filter(|it| {
        it.file_name().and_then(|it| it.to_str()).is_some_and(|it| !it.starts_with('.'))
    });
    let mut all: Vec<_> =
        named.filter_map(|it| Some((it.clone(), Manifest::read(&it).ok()?))).collect();
    all.sort_by(|(_, one), (_, other)| other.id.cmp(&one.id));
    all
}

/// A start has other things to do.
const AFTER_START: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(20);
const TRY_AGAIN: Duration = Duration::from_mins(10);
const OLD_AFTER_HOURS: i64 = 49;
pub(crate) const OLD: &str = "B111";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_due() {
        check("2026-11-22T02:00:00", "2026-11-22T02:00:00");
        check("2026-11-22T01:59:59", "2026-11-21T02:00:00");
        check("2026-11-22T23:00:00", "2026-11-22T02:00:00");
    }

    #[track_caller]
    fn check(now: &str, expected: &str) {
        let now = now.parse().unwrap_or_default();
        assert_eq!(last_due(now, Time::constant(2, 0, 0, 0)).to_string(), expected);
    }
}
