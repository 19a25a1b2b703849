//! What the doctor tells: lines in groups, counted, as text for people and as JSON for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock, codes};

/// How a thing is. The order is that of gravity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It is well.
    Ok,
    /// It goes on, and somebody should see to it.
    Warn,
    /// It does not work, or soon will not.
    Fail,
}

impl State {
    /// The word in both outputs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// How it is.
    pub(crate) state: State,
    /// Its code, unless it is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it, unless it is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cure: Option<String>,
}

impl Line {
    pub(super) fn ok(found: impl Into<String>) -> Line {
        Line { state: State::Ok, code: None, found: found.into(), cure: None }
    }

    pub(super) fn warn(code: &str, found: impl Into<String>) -> Line {
        Line::unwell(State::Warn, code, found.into())
    }

    pub(super) fn fail(code: &str, found: impl Into<String>) -> Line {
        Line::unwell(State::Fail, code, found.into())
    }

    /// Failing when it is grave, and else a warning.
    pub(super) fn bad(is_grave: bool, code: &str, found: impl Into<String>) -> Line {
        Line::unwell(if is_grave { State::Fail } else { State::Warn }, code, found.into())
    }

    fn unwell(state: State, code: &str, found: String) -> Line {
        let cure = codes::remedy(code).map(str::to_owned);
        Line { state, code: Some(code.to_owned()), found, cure }
    }

    /// With a cure that fits better than the one of its code.
    pub(super) fn cure(self, cure: impl Into<String>) -> Line {
        Line { cure: Some(cure.into()), ..self }
    }
}

/// What one check told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    /// As programs know it.
    pub(crate) key: String,
    /// As people read it.
    pub(crate) zh: String,
    /// In its own order.
    pub(crate) lines: Vec<Line>,
}

/// Everything that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// When, in China.
    pub(crate) at: String,
    /// By which program.
    pub(crate) version: String,
    pub(crate) took_ms: u64,
    pub(crate) ok: usize,
    pub(crate) warn: usize,
    pub(crate) fail: usize,
    pub(crate) groups: Vec<Group>,
}

impl Report {
    pub(super) fn of(groups: Vec<Group>, took: Duration) -> Report {
        let count = |state| {
            let lines = groups.iter().flat_map(|it| &it.lines);
            lines.filter(|it| it.state == state).count()
        };
        Report {
            at: clock::now().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            ok: count(State::Ok),
            warn: count(State::Warn),
            fail: count(State::Fail),
            groups,
        }
    }

    /// The groups in which something does not work.
    pub(crate) fn failing(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|it| it.lines.iter().any(|line| line.state == State::Fail))
    }

    /// As people read it; with `all`, what is well, too.
    pub(crate) fn text(&self, all: bool) -> String {
        let mut out = String::new();
        for group in &self.groups {
            let mut lines = group.lines.iter().filter(|it| all || it.state != State::Ok).peekable();
            if lines.peek().is_some() {
                let _ = writeln!(out, "{}", group.zh);
            }
            lines.for_each(|line| write_line(line, &mut out));
        }
        let Report { ok, warn, fail, .. } = self;
        let _ = write!(out, "{ok} 项正常，{warn} 项提醒，{fail} 项故障");
        out
    }
}

fn write_line(line: &Line, out: &mut String) {
    let code = line.code.as_deref().map_or(String::new(), |it| format!("{it} "));
    let _ = writeln!(out, "  {:<4}  {code}{}", line.state.as_str(), line.found);
    if let Some(cure) = &line.cure {
        let _ = writeln!(out, "        处理：{cure}");
    }
}
