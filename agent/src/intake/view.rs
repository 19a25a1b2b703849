//! The view of a hospital's database: a HIS that can do nothing but be read.
//!
//! A door has a thread of its own and a worker process (see [`crate::odbc`]): it reads when its schedule
//! says so, page by page, and hands each row to the channel like a message. A database that is down or
//! hangs, and a driver that crashes, hold up nobody else: the worker is ended and started anew, later and
//! later, and what is read next begins where the disk says.
//!
//! | file | what is in it |
//! |---|---|
//! | `session` | a worker that is logged in, and the view's columns |
//! | `statement` | the statements, in the words of each database |
//! | `mark` | watermarks |
//! | `run` | one run: its pages, and what is forgotten behind them |
//! | `settle` | the rows of a page: what is kept of them, and when |
//! | `book` | what is on disk of it |
//! | `row` | a row as a message |
//! | `trouble` | why a view is not read |
//!
//! Values of rows are in no log and no metric; nor is what drivers say.

mod book;
mod mark;
mod row;
mod run;
mod session;
mod settle;
mod statement;
mod trouble;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::run::{Done, Run};
use self::settle::Settling;
use self::trouble::Ended;
use super::Road;
use crate::clock;
use crate::config::{ChannelConfig, Config, ViewConfig};
use crate::forward::backoff::Backoff;

pub(crate) use self::row::document;
pub(crate) use self::session::{Refused, Session};
pub(crate) use self::trouble::Trouble;

/// How all views stand.
#[derive(Debug, Default)]
pub struct Views(Mutex<BTreeMap<String, Standing>>);

/// How one stands.
#[derive(Clone, Debug, Default)]
struct Standing {
    trouble: Option<Trouble>,
    /// Failures in a row.
    failures: u32,
    is_reading: bool,
    /// When the last run ended well.
    last_run: Option<DateTime>,
    /// Since the start of the agent.
    taken: usize,
    refused: usize,
    vanished: usize,
    until: Option<String>,
}

impl Standing {
    fn state(&self) -> &'static str {
        match (&self.trouble, self.is_reading) {
            (Some(_), _) => "stopped",
            (None, true) => "reading",
            (None, false) => "waiting",
        }
    }

    fn told(&self) -> Value {
        json!({
            "state": self.state(),
            "code": self.trouble.as_ref().map(|it| it.code),
            "reason": self.trouble.as_ref().map(|it| it.reason.clone()),
            "failures": self.failures,
            "last_run": self.last_run.map(|it| it.to_string()),
            "read_until": self.until,
            "taken": self.taken,
            "refused": self.refused,
            "vanished": self.vanished,
        })
    }
}

impl Views {
    /// For `/readyz`: by channel.
    pub(super) fn standing(&self) -> Value {
        self.locked().iter().map(|(name, it)| (name.clone(), it.told())).collect()
    }

    /// The views that have not been read for a while, for whoever should look at it.
    pub(super) fn alerts(&self, config: &Config) -> Vec<(&'static str, String)> {
        let views = config.channels.iter().filter_map(|it| Some((&it.name, it.view.as_ref()?)));
        let locked = self.locked();
        let told = |(name, view): (&String, &ViewConfig)| {
            let standing = locked.get(name)?;
            let trouble = standing.trouble.as_ref()?;
            let is_lasting = trouble.code == NO_MANAGER || standing.failures >= view.alert_after;
            let text = || format!("通道 {name} 的数据库视图没在读：{}", trouble.reason);
            is_lasting.then(|| (trouble.code, text()))
        };
        views.filter_map(told).collect()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A channel's view that is not read yet.
#[derive(Debug)]
pub(crate) struct ViewDoor {
    channel: String,
    view: ViewConfig,
}

impl ViewDoor {
    /// The door of a channel; nothing if it has none.
    pub(crate) fn of(channel: &ChannelConfig) -> Option<ViewDoor> {
        let view = channel.view.clone()?;
        Some(ViewDoor { channel: channel.name.clone(), view })
    }

    /// Reads until told to stop. A query in hand is broken off; it changes nothing.
    pub(crate) async fn serve(self, road: Arc<Road>, stop: CancellationToken) {
        let (ends, end) = oneshot::channel::<()>();
        let keeper = Keeper {
            road,
            channel: self.channel,
            view: self.view,
            runtime: Handle::current(),
            stop,
            session: None,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            ended: None,
            swept: None,
            is_cut: false,
            standing: Standing::default(),
        };
        let started = thread::Builder::new().name("view".to_owned()).spawn(move || {
            keeper.run();
            drop(ends);
        });
        if let Err(error) = started {
            tracing::error!(%error, "no thread for a view");
            return;
        }
        let _ = end.await;
    }
}

/// What reads one view.
struct Keeper {
    road: Arc<Road>,
    channel: String,
    view: ViewConfig,
    runtime: Handle,
    stop: CancellationToken,
    /// The worker, logged in.
    session: Option<Session>,
    backoff: Backoff,
    /// When the last run ended well, by the clock and by time that passes.
    ended: Option<(DateTime, Instant)>,
    /// When the last sweep did.
    swept: Option<Instant>,
    /// Its hours ended the sweep before.
    is_cut: bool,
    standing: Standing,
}

impl Keeper {
    fn run(mut self) {
        tracing::info!(channel = %self.channel, "reading a view");
        self.stand();
        while !self.stop.is_cancelled() {
            let ended = self.ended.map(|(at, when)| (at, when.elapsed()));
            if let Some(wait) = self.view.schedule.wait(clock::now(), ended) {
                self.pause(wait);
                continue;
            }
            // A panic in there is a fault of ours; the agent goes on, and the view from where it was.
            let round = catch_unwind(AssertUnwindSafe(|| self.round()));
            match round.unwrap_or_else(|_| Err(Ended::Trouble(panicked()))) {
                Ok(done) => self.done(done),
                Err(Ended::Stopping) => return,
                Err(Ended::Later) => self.pause(AGAIN_AFTER),
                Err(Ended::Trouble(trouble)) => self.failed(trouble),
            }
        }
    }

    fn round(&mut self) -> Result<Done, Ended> {
        self.standing.is_reading = true;
        self.stand();
        if self.session.is_none() {
            let session = Session::open(&self.channel, &self.view, &self.stop)?;
            let Session { dbms, version, .. } = &session;
            tracing::info!(channel = %self.channel, dbms, version, "logged in to a database");
            self.session = Some(session);
        }
        // Behind a sweep that its hours ended comes a run for what is new.
        let is_due = self.swept.is_none_or(|it| it.elapsed() >= self.view.sweep_every);
        let is_sweep = is_due && !self.is_cut;
        let Some(session) = &mut self.session else { return Err(Ended::Stopping) };
        let door = Settling {
            road: &self.road,
            channel: &self.channel,
            view: &self.view,
            runtime: &self.runtime,
            stop: &self.stop,
        };
        let done = Run { door, session }.go(is_sweep)?;
        self.is_cut = is_sweep && done.is_closed;
        if is_sweep && done.is_whole {
            self.swept = Some(Instant::now());
        }
        Ok(done)
    }

    fn done(&mut self, done: Done) {
        let Done { taken, refused, known, vanished, is_whole, is_closed, until } = done;
        self.backoff.reset();
        // What is left is read when the hours begin again, whenever the next run would be due.
        self.ended = (!is_closed).then(|| (clock::now(), Instant::now()));
        self.count("his_agent_view_runs_total", &[("done", 1)]);
        self.count(
            "his_agent_view_rows_total",
            &[("taken", taken), ("refused", refused), ("known", known), ("vanished", vanished)],
        );
        if taken + refused > 0 {
            tracing::info!(channel = %self.channel, taken, refused, known, is_whole, "a view was read");
        }
        if vanished > 0 {
            tracing::warn!(channel = %self.channel, code = "I208", count = vanished, "rows have vanished from a view");
        }
        if self.standing.trouble.is_some() {
            tracing::info!(channel = %self.channel, "the view is read again");
        }
        let before = std::mem::take(&mut self.standing);
        self.standing = Standing {
            last_run: self.ended.map(|it| it.0).or(before.last_run),
            taken: before.taken + taken,
            refused: before.refused + refused,
            vanished: before.vanished + vanished,
            until: until.or(before.until),
            ..Standing::default()
        };
        self.stand();
    }

    fn failed(&mut self, trouble: Trouble) {
        self.session = None; // ends the worker
        self.count("his_agent_view_runs_total", &[("failed", 1)]);
        let failures = self.standing.failures.saturating_add(1);
        tracing::warn!(channel = %self.channel, code = trouble.code, reason = trouble.reason, failures, "a view is not read");
        self.standing.is_reading = false;
        self.standing.failures = failures;
        self.standing.trouble = Some(trouble);
        self.stand();
        let pause = self.backoff.next_delay();
        self.pause(pause);
    }

    fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.stop.is_cancelled() && Instant::now() < until {
            thread::sleep(BREATH);
        }
    }

    fn stand(&self) {
        let open = if self.standing.trouble.is_none() { 1.0 } else { 0.0 };
        metrics::gauge!("his_agent_view_open", "channel" => self.channel.clone()).set(open);
        self.road.views.locked().insert(self.channel.clone(), self.standing.clone());
    }

    fn count(&self, name: &'static str, outcomes: &[(&'static str, usize)]) {
        for (outcome, count) in outcomes {
            let channel = self.channel.clone();
            metrics::counter!(name, "channel" => channel, "outcome" => *outcome)
                .increment(*count as u64);
        }
    }
}

fn panicked() -> Trouble {
    Trouble {
        code: "I205", reason: "程序出错，会再试；请保留日志并报告".to_owned()
    }
}

const NO_MANAGER: &str = "I201";
const BREATH: Duration = Duration::from_millis(50);
/// How long to wait when there is no room.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn told_when_it_lasts_and_at_once_when_something_is_missing_here() {
        check("I202", 2, "");
        check("I202", 3, "I202 通道 his 的数据库视图没在读：x");
        check("I201", 1, "I201 通道 his 的数据库视图没在读：x");
    }

    #[track_caller]
    fn check(code: &'static str, failures: u32, expected: &str) {
        let text = "[hospital]\ncode = \"H1\"\nname = \"x\"\n[[channel]]\nname = \"his\"\n[channel.view]\n\
                    connection = \"DSN=his\"\ntable = \"V\"\nwatermark = \"ID\"\n";
        let config = Config::parse("agent.toml", text).unwrap();
        let trouble = Some(Trouble { code, reason: "x".to_owned() });
        let views = Views::default();
        let standing = Standing { trouble, failures, ..Standing::default() };
        views.locked().insert("his".to_owned(), standing);
        let told: Vec<String> =
            views.alerts(&config).into_iter().map(|(code, it)| format!("{code} {it}")).collect();
        assert_eq!(told.join(" "), expected);
    }
}
