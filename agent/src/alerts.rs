//! Tells people what somebody should look at now: by mail, to a webhook (WeCom, DingTalk and others), to a
//! syslog server, each at the hours it wants to be told.
//!
//! ```text
//! conditions --every few seconds--> board: raised once it lasts, over once it is away
//!                                     |
//!                 each target: what stands - what it was told = what is to be said now
//!                                     |
//!                      in its window, grouped, not silenced --> mail, webhook, syslog
//! ```
//!
//! Nothing waits in a queue, so nothing piles up: a target that cannot be reached is told later what
//! stands then. What targets were told outlives the agent (`alerts.json` beside the store), so that a
//! restart tells nothing twice and takes back what is over. Texts are those of the operators' alerts: codes
//! and counts, never a patient's value.
//!
//! | file | what is in it |
//! |---|---|
//! | `conditions` | what is wrong now, and how bad it is |
//! | `board` | which alerts stand |
//! | `target` | what one target has been told, and what it is to be told now |
//! | `window` | when a target wants to be told |
//! | `keeper` | the task, and what outlives it |
//! | `notice` | what is said, for people and for templates |
//! | `mail`, `webhook`, `syslog` | how it is said |
//! | `routes` | how alerts stand, a test, silence: for commands |

mod board;
mod book;
mod conditions;
mod keeper;
mod mail;
mod notice;
mod routes;
mod syslog;
mod target;
mod webhook;
mod window;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use self::board::Board;
use self::book::{Book, Silence};
pub(crate) use self::conditions::now;
pub(crate) use self::keeper::keep;
pub(crate) use self::routes::{listed, routes};
pub(crate) use self::syslog::FACILITIES;
pub use self::syslog::SyslogAddress;
pub(crate) use self::target::Manner;
use self::target::Told;
pub(crate) use self::webhook::SHIPPED;
pub(crate) use self::window::Window;
use crate::clock;
use crate::config::Config;
use crate::telemetry::page::Page;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody should look at it in the hours of work.
    #[default]
    Warning,
    /// Somebody should look at it now.
    Critical,
}

/// Something that is wrong at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) code: String,
    pub(crate) severity: Severity,
    pub(crate) text: String,
}

/// Something that has been wrong for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alert {
    pub(crate) code: String,
    pub(crate) severity: Severity,
    pub(crate) text: String,
    /// `YYYYMMDDhhmmss`.
    pub(crate) since: String,
}

/// What the daemon knows of alerts.
#[derive(Debug)]
pub struct Alerts {
    begun: Instant,
    /// Where it outlives the agent.
    path: PathBuf,
    inside: Mutex<Inside>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Inside {
    board: Board,
    told: BTreeMap<String, Told>,
    silences: Vec<Silence>,
}

impl Severity {
    /// The word in configuration and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    /// For people.
    pub(crate) const fn zh(self) -> &'static str {
        match self {
            Severity::Warning => "注意",
            Severity::Critical => "严重",
        }
    }
}

impl std::str::FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Severity, String> {
        match text {
            "warning" => Ok(Severity::Warning),
            "critical" => Ok(Severity::Critical),
            other => Err(format!("severity is warning or critical, not `{other}`")),
        }
    }
}

impl Alerts {
    /// Takes up where the last run ended.
    pub(crate) fn new(config: &Config) -> Alerts {
        let path = config.outbox.dir.with_file_name("alerts.json");
        let Book { raised, mut told, silences } = Book::read(&path);
        let mut inside = Inside { silences, ..Inside::default() };
        inside.board.restore(raised);
        for target in &config.alerts.targets {
            let known = inside.told.entry(target.name.clone()).or_default();
            known.restore(told.remove(&target.name).unwrap_or_default());
        }
        let stop = CancellationToken::new();
        Alerts { begun: Instant::now(), path, inside: Mutex::new(inside), stop }
    }

    /// The agent stops: nobody waits for a target that does not answer.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Since when the agent runs.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// For `/metrics`.
    pub(crate) fn tell(&self, page: &mut Page) {
        for it in self.inside().board.raised() {
            let labels = [("code", it.code.as_str()), ("severity", it.severity.as_str())];
            page.of("his_agent_alert_raised", &labels, 1);
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // Whoever panicked left what was told as it was.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn book(&self) -> Book {
        let told = self.told.iter().map(|(name, it)| (name.clone(), it.known()));
        let raised = self.board.raised().cloned().collect();
        Book { raised, told: told.collect(), silences: self.silences.clone() }
    }

    fn is_silenced(&self, code: &str, now: DateTime) -> bool {
        self.silences.iter().any(|it| it.code == code && it.holds(now))
    }
}

/// The time now, as records have it.
fn stamp() -> String {
    crate::pipeline::stamp(clock::now())
}
