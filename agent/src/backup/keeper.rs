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
use super::{BackupError, Made, Manifest, Order, begun_at, create};
use crate::clock;
use crate::config::BackupConfig;
use crate::intake::Road;

/// How backups stand in a running daemon.
#[derive(Debug, Default)]
pub struct Backups(Mutex<Standing>);

#[derive(Clone, Debug, Default, Serialize)]
struct Standing {
    running: bool,
    /// Which turn is being made, and which one ended last: somebody may have asked for it.
    turn: Option<String>,
    last: Option<String>,
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
        let mut standing = road.backups.standing();
        if standing.running {
            return Err(BackupError::Busy);
        }
        let id = clock::new_id();
        (standing.running, standing.turn) = (true, Some(id.clone()));
        drop(standing);
        Ok(Turn { road, id })
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

/// The right to make a backup now, given back even by a panic, which is told as a failure then: the last
/// good one must not be taken for what came of this turn.
pub(super) struct Turn {
    road: Arc<Road>,
    pub(super) id: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let backups = &self.road.backups;
        if backups.standing().last.as_ref() != Some(&self.id) {
            let (what, cause) = ("备份".to_owned(), "中途出错，没有做完，见日志".to_owned());
            note(backups, &self.id, &Err(BackupError::Failed { what, cause }));
        }
        let mut standing = backups.standing();
        (standing.running, standing.turn) = (false, None);
    }
}

impl Turn {
    /// Blocks.
    pub(super) fn make(self, order: Order<'_>) -> Result<Made, BackupError> {
        let road = &self.road;
        let made = match &road.versions.file() {
            Some(file) => create((&road.config, file), &road.outbox, order),
            None => Err(BackupError::NoBackup { dir: order.to.to_owned() }),
        };
        note(&road.backups, &self.id, &made);
        look(road);
        made
    }
}

fn note(backups: &Backups, turn: &str, made: &Result<Made, BackupError>) {
    let mut standing = backups.standing();
    standing.ended_at = Some(clock::now().to_string());
    standing.last = Some(turn.to_owned());
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
            made = round => match made {
                Ok(Ok(())) => {}
                Ok(Err(BackupError::NoRoom { .. })) => not_before = Instant::now() + NO_ROOM_AGAIN,
                _ => not_before = Instant::now() + TRY_AGAIN,
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
    let order = Order { to: &config.to, key: config.key.as_ref(), by_hand: false };
    let attempt = || Backups::turn(Arc::clone(road))?.make(order);
    let made = match attempt() {
        Err(BackupError::NoRoom { place, missing }) => {
            if !give_room(road, &place, missing)? {
                return Err(BackupError::NoRoom { place, missing });
            }
            attempt()?
        }
        result => result?,
    };
    // What was just made stays, though a clock that ran ahead may have named others after it.
    let others = daily_ones(road).into_iter().filter(|(_, it)| it.id != made.id);
    others.skip(config.keep.saturating_sub(1)).try_for_each(|(dir, it)| let_go(road, &dir, &it.id))
}

/// Those that may go: another agent's backups may lie in the same folder; what people gave another name is
/// theirs, and so is what they asked for.
fn daily_ones(road: &Road) -> Vec<(PathBuf, Manifest)> {
    let epoch = road.outbox.epoch();
    let has_its_name = |dir: &Path, id: &str| dir.file_name().is_some_and(|it| it == id);
    let mut all = list(&road.config.backup.to);
    all.retain(|(dir, it)| it.epoch == epoch && !it.by_hand && has_its_name(dir, &it.id));
    all
}

/// The oldest goes first when it would go anyway and its room is what is missing; never the only one.
fn give_room(road: &Road, place: &Path, missing: u64) -> Result<bool, BackupError> {
    let (config, all) = (&road.config.backup, daily_ones(road));
    let is_enough = place == config.to && config.keep > 1 && all.len() >= config.keep;
    let Some((dir, oldest)) = all.last().filter(|it| is_enough && it.1.bytes() >= missing) else {
        return Ok(false);
    };
    let_go(road, dir, &oldest.id)?;
    Ok(true)
}

fn let_go(road: &Road, dir: &Path, id: &str) -> Result<(), BackupError> {
    tracing::info!(id, "the oldest backup goes");
    let going = hidden(&road.config.backup.to, id, road.outbox.epoch(), "part");
    fs::rename(dir, &going).map_err(|it| BackupError::at(dir, &it))?;
    remove(&going)
}

pub(super) fn is_due(road: &Road, at: Time) -> bool {
    look(road).is_none_or(|it| it < last_due(clock::now(), at))
}

fn look(road: &Road) -> Option<DateTime> {
    let newest = newest(&road.config.backup.to, Some(road.outbox.epoch()), clock::now());
    road.backups.found(newest);
    newest
}

/// When the newest backup of a store, or of any, was begun of which nothing is missing. What a clock that ran ahead has named after
/// days that are yet to come tells nothing.
pub(crate) fn newest(to: &Path, epoch: Option<&str>, now: DateTime) -> Option<DateTime> {
    let entries = fs::read_dir(to).into_iter().flatten().flatten();
    let mut all: Vec<(DateTime, PathBuf)> = entries
        .filter_map(|it| Some((begun_at(it.file_name().to_str()?)?, it.path())))
        .filter(|(begun, _)| *begun <= now)
        .collect();
    all.sort_unstable();
    let is_ours = |dir: &Path| {
        let is_of = |it: &Manifest| epoch.is_none_or(|epoch| it.epoch == epoch);
        Manifest::read(dir).is_ok_and(|it| is_of(&it) && it.is_there(dir))
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
/// Room does not come back in minutes.
const NO_ROOM_AGAIN: Duration = Duration::from_mins(60);
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
