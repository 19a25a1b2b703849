//! The patrol (巡检): looks at everything once a day by itself, keeps what was found, and tells of what
//! does not work until it is found to work.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::{DateTime, Time};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Report, Site, State, examine, log};
use crate::clock;
use crate::config::PatrolConfig;
use crate::intake::Road;

/// What the last look found; nothing before the first.
#[derive(Debug, Default)]
pub(crate) struct Patrol {
    last: Mutex<Option<Report>>,
}

impl Patrol {
    /// For `/readyz`.
    pub(crate) fn standing(&self) -> Value {
        match &*self.lock() {
            Some(it) => json!({ "at": it.at, "ok": it.ok, "warn": it.warn, "fail": it.fail }),
            None => Value::Null,
        }
    }

    /// What somebody should look at, with its code.
    pub(crate) fn alert(&self) -> Option<(&'static str, String)> {
        let last = self.lock();
        let report = last.as_ref().filter(|it| it.fail > 0)?;
        let groups: Vec<&str> = report.failing().map(|it| it.zh.as_str()).collect();
        let (fail, at) = (report.fail, &report.at);
        Some((ALERT, format!("巡检（{at}）有 {fail} 项故障：{}", groups.join("、"))))
    }

    /// What was found now stands, whoever had it looked at.
    pub(super) fn note(&self, report: &Report) {
        *self.lock() = Some(report.clone());
    }

    /// What was found last before a start stands until it is looked at anew.
    fn take_up(&self, dir: &Path) {
        if let Ok(Some(report)) = log::reports(dir, 1).map(|mut it| it.pop()) {
            self.note(&report);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Report>> {
        // A report is put there whole.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works until told to stop. A patrol that was missed while the agent was away is made up for once.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    let config = &road.config.patrol;
    if config.keep_days == 0 {
        return;
    }
    road.patrol.take_up(&config.dir);
    let mut last = log::newest(&config.dir, clock::now());
    let mut pause = AFTER_START;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => pause = LOOK_EVERY,
        }
        let now = clock::now();
        if is_due(now, config.daily_at, last) {
            last = Some(now);
            let walking = Arc::clone(&road);
            if tokio::task::spawn_blocking(move || walk(&walking, now)).await.is_err() {
                tracing::error!("the patrol ended in a panic");
            }
        }
    }
}

/// Whether none was made since it was last time for one.
fn is_due(now: DateTime, at: Time, last: Option<DateTime>) -> bool {
    let today = now.date().to_datetime(at);
    let latest = if now < today { today.saturating_sub(1.day()) } else { today };
    last.is_none_or(|it| it < latest)
}

fn walk(road: &Road, now: DateTime) {
    let report = examine(&Site::of(road, None));
    road.patrol.note(&report);
    tell(&report);
    let PatrolConfig { dir, keep_days, .. } = &road.config.patrol;
    if let Err(error) = log::keep(dir, now, *keep_days, &report) {
        tracing::warn!(%error, folder = %dir.display(), "what the patrol found was not kept");
    }
}

fn tell(report: &Report) {
    let Report { ok, warn, fail, took_ms, .. } = report;
    for (state, count) in [("ok", *ok), ("warn", *warn), ("fail", *fail)] {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("his_agent_patrol_lines", "state" => state).set(count);
    }
    let codes: Vec<&str> = report
        .groups
        .iter()
        .flat_map(|it| &it.lines)
        .filter(|it| it.state != State::Ok)
        .filter_map(|it| it.code.as_deref())
        .collect();
    if *fail > 0 {
        tracing::error!(ok, warn, fail, took_ms, ?codes, "patrol: alert");
    } else {
        tracing::info!(ok, warn, fail, took_ms, ?codes, "the patrol has found nothing that fails");
    }
}

pub(super) const ALERT: &str = "H003";
/// What starts with the agent shall be up, and a start is nobody's time to look at the disk.
const AFTER_START: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_secs(20);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Group, Line};
    use super::*;

    #[test]
    fn a_patrol_is_due_once_a_day_and_made_up_for() {
        check("2026-11-22T05:29:59", Some("2026-11-21T05:30:00"), false);
        check("2026-11-22T05:30:00", Some("2026-11-21T05:30:00"), true);
        check("2026-11-22T23:00:00", Some("2026-11-22T05:30:00"), false);
        check("2026-11-22T03:00:00", Some("2026-11-20T05:30:00"), true);
        check("2026-11-22T03:00:00", None, true);
    }

    #[track_caller]
    fn check(now: &str, last: Option<&str>, expected: bool) {
        let last = last.map(|it| it.parse().unwrap());
        let at = Time::constant(5, 30, 0, 0);
        assert_eq!(is_due(now.parse().unwrap(), at, last), expected, "{now} {last:?}");
    }

    #[test]
    fn what_does_not_work_is_told_until_it_does() {
        let patrol = Patrol::default();
        assert_eq!((patrol.standing(), patrol.alert()), (Value::Null, None));
        let report = |lines: Vec<Line>| {
            let group = Group { key: "disk".to_owned(), zh: "磁盘".to_owned(), lines };
            Report::of(vec![group], Duration::ZERO)
        };
        let fails = report(vec![Line::ok("a"), Line::fail("H042", "b")]);
        patrol.note(&fails);
        let (code, text) = patrol.alert().unwrap();
        assert!(code == ALERT && text.contains("1 项故障：磁盘"), "{text}");
        assert_eq!(patrol.standing()["fail"], 1);
        let (folder, after) = (tempfile::tempdir().unwrap(), Patrol::default());
        log::keep(folder.path(), clock::now(), 2, &fails).unwrap();
        after.take_up(folder.path());
        assert_eq!(after.alert(), patrol.alert(), "a start is no cure");
        patrol.note(&report(vec![Line::warn("H044", "a")]));
        assert_eq!(patrol.alert(), None);
        assert_eq!(patrol.standing()["warn"], 1);
    }
}
