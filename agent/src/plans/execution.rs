//! One run of a plan: when, how it went, what it counted, and the log of it.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::plan::{Job, Plan};
use crate::backtest::Report;
use crate::clock;

/// One run. Members may be added, never renamed: an older store lacks what is new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Execution {
    /// Sorts by the time of its beginning.
    pub(crate) id: String,
    /// The plan's name.
    pub(crate) plan: String,
    /// What was run, as the plan was then.
    pub(crate) job: Job,
    /// When it was due; nothing when it was run by hand.
    #[serde(default, with = "super::stamped::maybe")]
    pub(crate) due: Option<DateTime>,
    /// How many more times the plan was due meanwhile, for which nothing is run.
    #[serde(default)]
    pub(crate) missed: u32,
    /// The second when the first was broken off.
    pub(crate) attempt: u32,
    /// How it stands.
    pub(crate) state: State,
    /// When it began.
    #[serde(with = "super::stamped")]
    pub(crate) started: DateTime,
    /// When it ended, however it did.
    #[serde(default, with = "super::stamped::maybe")]
    pub(crate) ended: Option<DateTime>,
    /// The rules that judged.
    #[serde(default)]
    pub(crate) rules_version: String,
    /// What was counted so far.
    #[serde(default)]
    pub(crate) counts: Report,
    /// Hits that can be asked for.
    #[serde(default)]
    pub(crate) rows: u64,
    /// Hits that were counted and not kept: one run keeps so many.
    #[serde(default)]
    pub(crate) rows_not_kept: u64,
    /// What happened, in order.
    pub(crate) log: Vec<Line>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It runs.
    Running,
    /// It ended by itself.
    Done,
    /// It could not be done; the log says why.
    Failed,
    /// The agent stopped meanwhile.
    Stopped,
    /// The agent went down without stopping.
    BrokenOff,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When.
    #[serde(with = "super::stamped")]
    pub(crate) at: DateTime,
    /// What, for people.
    pub(crate) text: String,
}

impl Execution {
    /// A run that begins now.
    /// The day it is for: that on which it was due, however late it begins.
    pub(super) fn day(&self) -> jiff::civil::Date {
        self.due.unwrap_or(self.started).date()
    }

    pub(super) fn begin(plan: &Plan, due: Option<(DateTime, u32)>, attempt: u32) -> Execution {
        let now = clock::now();
        let mut execution = Execution {
            id: clock::new_id(),
            plan: plan.name.clone(),
            job: plan.job.clone(),
            due: due.map(|(at, _)| at),
            missed: due.map_or(0, |(_, times)| times.saturating_sub(1)),
            attempt,
            state: State::Running,
            started: now,
            ended: None,
            rules_version: String::new(),
            counts: Report::default(),
            rows: 0,
            rows_not_kept: 0,
            log: Vec::new(),
        };
        execution.say(format!("开始：{}", plan.job.told()));
        execution.say_why(attempt);
        execution
    }

    fn say_why(&mut self, attempt: u32) {
        if attempt > 1 {
            self.say("上一次没有运行完，重新运行".to_owned());
        }
        let Some(due) = self.due else { return self.say("手工运行".to_owned()) };
        let minutes = (self.started.duration_since(due).as_secs() / 60).max(0);
        if minutes >= LATE_MINUTES || self.missed > 0 {
            let late = format!("应在 {} 运行，晚了 {minutes} 分钟", due.strftime("%F %H:%M"));
            let missed = match self.missed {
                0 => String::new(),
                times => format!("；其间另有 {times} 次到期，只补运行这一次"),
            };
            self.say(late + &missed);
        }
    }

    /// Adds to the log, which has its bound.
    pub(super) fn say(&mut self, text: String) {
        if self.log.len() < LINES_MAX {
            self.log.push(Line { at: clock::now(), text });
        }
    }

    pub(super) fn end(&mut self, state: State, text: String) {
        self.state = state;
        self.ended = Some(clock::now());
        self.log.truncate(LINES_MAX - 1); // the last word is always heard
        self.say(text);
    }
}

/// A run that begins later than this after its minute says so.
const LATE_MINUTES: i64 = 2;
const LINES_MAX: usize = 100;
