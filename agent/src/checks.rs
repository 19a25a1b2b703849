//! What became of every check: a log on disk, the findings' states, the way to the platform.
//!
//! ```text
//! answer leaves --offer--> bounded channel --> keeper: one change of the log, one sync
//!                                                |  checks, findings, records to tell
//! /v1/feedback, 3103, channels --answer--> log <-+
//!                                           |
//!                              teller: records to tell --> outbox --> platform
//! ```
//!
//! The doctor never waits for any of it: a check is handed over after its answer, and when the
//! hand-over is full (a disk that stands still) the check is counted as lost to the log and the
//! answer stays as it was. An answer of the doctor, however, is only acknowledged when it is on disk.
//!
//! | file | what is in it |
//! |---|---|
//! | `entry` | one check as it is kept; for back-tests with the bytes that came |
//! | `again` | a kept check as a question once more |
//! | `log` | [`Log`]: `append`, `between`, `get`, `finding`, `answer` |
//! | `tracked`, `states` | where a finding stands, and which answer may follow which |
//! | `acknowledged` | what need not be shown again, in memory |
//! | `feedback` | the forms in which answers come |
//! | `kept` | kept checks with their requests, for back-tests |
//! | `statistics` | how each rule fares |
//! | `heard` | what an answer says of the orders, for the patient's past |
//! | `why` | why a check found what it found |
//! | `links` | the records in which the orders of a finding were uploaded |
//! | `records` | checks, findings and answers as standard records |
//! | `keeper` | the tasks: keep, tell, say `ignored`, forget |

mod acknowledged;
pub mod again;
pub mod entry;
pub mod feedback;
mod heard;
mod keeper;
mod kept;
mod keys;
mod links;
pub mod log;
mod pen;
pub(crate) mod records;
mod rekeyed;
pub(crate) mod routes;
pub mod states;
pub(crate) mod statistics;
pub mod tracked;
mod why;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rules::past::Seen;
use rules::{Facts, Finding, Verdict};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, watch};

use self::entry::Check;
pub(crate) use self::keeper::{keep, tell};
pub use self::kept::{from_json, to_json};
pub(crate) use self::kept::{past_in, with_past};
use self::links::Uploaded;
pub use self::log::Log;
use self::records::Writer;
pub(crate) use self::rekeyed::rekey;
pub(crate) use self::why::told as explained;
use crate::config::Config;
use crate::intake::Road;
use crate::outbox::{Outbox, StoreError};
use crate::patient_key::PatientKey;

/// What the doors share of the log.
#[derive(Debug)]
pub struct Checks {
    org: Arc<str>,
    key_file: PathBuf,
    /// Whether screens are told.
    tells_screens: bool,
    opened: OnceLock<Log>,
    notes: mpsc::Sender<Note>,
    /// Until the keeper takes it.
    receiver: Mutex<Option<mpsc::Receiver<Note>>>,
    waiting_bytes: AtomicUsize,
    /// Handed over, and of these dealt with.
    offered: AtomicU64,
    dealt_with: watch::Sender<u64>,
    lost: AtomicU64,
    /// Somebody waits for what was handed over.
    hurry: Notify,
    /// There are records to tell.
    untold: Notify,
    /// Rules that doctors override too often, with the percentage, as last looked at.
    overridden: Mutex<Vec<(String, u64)>>,
}

/// What is handed over.
#[derive(Debug)]
enum Note {
    /// A check, its patient's number, which the log never sees, and what it told for the past.
    Check(Box<Check>, Option<String>, Option<Seen>),
    /// Orders of an encounter that may have findings.
    Uploaded(Uploaded),
}

impl Checks {
    /// Not open yet: what is offered before is lost to the log.
    pub(crate) fn new(config: &Config) -> Checks {
        let (notes, receiver) = mpsc::channel(NOTES_MAX);
        Checks {
            org: Arc::from(config.hospital.code.as_str()),
            key_file: config.history.key_file.clone(),
            tells_screens: config.events.keep_days > 0,
            opened: OnceLock::new(),
            notes,
            receiver: Mutex::new(Some(receiver)),
            waiting_bytes: AtomicUsize::new(0),
            offered: AtomicU64::new(0),
            dealt_with: watch::Sender::new(0),
            lost: AtomicU64::new(0),
            hurry: Notify::new(),
            untold: Notify::new(),
            overridden: Mutex::default(),
        }
    }

    /// Reads the patients' key and what the log has to know by heart. Blocks.
    pub(crate) fn open(&self, outbox: Outbox) -> io::Result<()> {
        let key = PatientKey::open(&self.key_file).map_err(|it| {
            io::Error::new(it.kind(), format!("{}: {it}", self.key_file.display()))
        })?;
        let log = Log::open(outbox, key).map_err(io::Error::other)?;
        if !self.tells_screens {
            log.feed().turn_off();
        }
        drop(self.opened.set(log));
        Ok(())
    }

    /// The log, once it is open.
    pub fn log(&self) -> Option<&Log> {
        self.opened.get()
    }

    /// What makes the names that encounters have in keys.
    pub(crate) fn names(&self) -> Result<&PatientKey, StoreError> {
        self.log().map(Log::key).ok_or(StoreError::Stopped)
    }

    /// Takes out of a verdict what need not be shown again. Never asks the disk.
    pub(crate) fn acknowledge(&self, verdict: &mut Verdict, facts: &Facts) -> Vec<Finding> {
        let Some(log) = self.opened.get() else { return Vec::new() };
        if !log.acknowledged().knows_any_of(verdict) {
            return Vec::new();
        }
        let patient = verdict.patn_id.as_deref().map(|it| log.key().pseudonym(&self.org, it));
        log.acknowledged().take(verdict, facts, patient.as_deref())
    }

    /// Hands a check over that was answered. Never waits: what finds no room is lost to the log,
    /// and counted.
    pub(crate) fn offer(&self, check: Check, patn_id: Option<String>, seen: Option<Seen>) {
        self.hand_over(Note::Check(Box::new(check), patn_id, seen));
    }

    fn hand_over(&self, note: Note) {
        let bytes = note.bytes();
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let room = self.opened.get().is_some() && (before == 0 || before + bytes <= BYTES_MAX);
        if room && self.notes.try_send(note).is_ok() {
            self.offered.fetch_add(1, Ordering::SeqCst);
            return;
        }
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        // The first is told in the log; a disk that stands still would fill it otherwise.
        if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the log of checks has no room: checks are answered and not kept");
        }
        metrics::counter!("his_agent_check_log_total", "outcome" => "lost").increment(1);
    }

    /// Waits until everything that was handed over before is in the log, within reason.
    pub(crate) async fn flush(&self) {
        let offered = self.offered.load(Ordering::SeqCst);
        let mut dealt_with = self.dealt_with.subscribe();
        if *dealt_with.borrow() >= offered {
            return;
        }
        self.hurry.notify_one();
        let all = dealt_with.wait_for(|it| *it >= offered);
        drop(tokio::time::timeout(FLUSH_MAX, all).await);
    }

    /// How the log stands, for operators.
    pub(crate) fn standing(&self) -> Value {
        let offered = self.offered.load(Ordering::SeqCst);
        json!({
            "waiting": offered.saturating_sub(*self.dealt_with.borrow()),
            "lost": self.lost.load(Ordering::Relaxed),
            "overridden_rules": self.overridden(),
        })
    }

    /// Rules that doctors override too often: `rule 75%`.
    fn overridden(&self) -> Vec<String> {
        let rules = self.overridden.lock().unwrap_or_else(PoisonError::into_inner);
        rules.iter().map(|(rule, percent)| format!("{rule} {percent}%")).collect()
    }

    /// Takes over what was last looked at, and tells of what is new.
    pub(crate) fn set_overridden(&self, now: Vec<(String, u64)>) {
        metrics::gauge!("his_agent_rules_overridden")
            .set(u32::try_from(now.len()).unwrap_or(u32::MAX));
        let mut before = self.overridden.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, percent) in &now {
            if !before.iter().any(|(known, _)| known == rule) {
                tracing::warn!(rule, percent, "doctors override a rule more often than is allowed");
            }
        }
        *before = now;
    }

    /// There is something to tell the platform.
    pub(crate) fn tell_soon(&self) {
        self.untold.notify_one();
    }

    fn take_receiver(&self) -> Option<mpsc::Receiver<Note>> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Note {
    /// About how much memory it takes while it waits.
    fn bytes(&self) -> usize {
        match self {
            Note::Check(check, _, seen) => {
                let seen = seen.as_ref().map_or(0, Seen::bytes);
                check.request.len() + 1024 + check.findings.len() * 512 + seen
            }
            Note::Uploaded(it) => 256 + it.len() * 192,
        }
    }
}

/// Who writes the records of checks; nobody when the platform is not to get them.
pub(crate) fn writer(road: &Road) -> Option<Writer> {
    if !road.config.check.report {
        return None;
    }
    let sets = road.sets.load();
    // The entities are the agent's own: no region changes them.
    let national = sets.catalogs.get("national");
    let catalog = Arc::clone(national.unwrap_or(sets.catalogs.default_catalog()));
    Some(Writer { catalog, set: Arc::from(sets.digest.short()), org: Arc::clone(&road.checks.org) })
}

/// Whether an answer still has to become a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// The log makes its record.
    ToTell,
    /// It came as a record, which goes on by itself.
    IsTold,
}

/// Takes answers, all or none; resolves after the disk has synced.
pub(crate) async fn answer(
    road: &Arc<Road>,
    answers: Vec<states::Given>,
    telling: Telling,
) -> Result<Vec<log::Answered>, StoreError> {
    // A check that was answered a moment ago waits for its turn. Kept after the doctor's answer to
    // what it found, it would open that once more.
    road.checks.flush().await;
    answer_now(road, answers, telling).await
}

async fn answer_now(
    road: &Arc<Road>,
    answers: Vec<states::Given>,
    telling: Telling,
) -> Result<Vec<log::Answered>, StoreError> {
    let Some(log) = road.checks.log().cloned() else { return Err(StoreError::Stopped) };
    let writer = writer(road).filter(|_| telling == Telling::ToTell);
    let hearing = Arc::clone(road);
    let work = move || {
        let told = log.answer(&answers, writer.as_ref())?;
        heard::hear(&hearing, &log, &told);
        Ok::<_, StoreError>(told)
    };
    let told = tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::panicked())??;
    if told.iter().all(log::Answered::is_taken) {
        for it in told.iter().filter(|it| it.step == Some(states::Step::Taken)) {
            let state = it.tracked.as_ref().map_or("open", |it| it.state.name());
            metrics::counter!("his_agent_feedback_total", "state" => state).increment(1);
        }
        road.checks.untold.notify_one();
        if let Some(relay) = &road.relay {
            relay.wake();
        }
    }
    Ok(told)
}

/// Checks that may wait for the log.
const NOTES_MAX: usize = 4096;
/// Bytes of requests that may wait for the log.
const BYTES_MAX: usize = 32 << 20;
/// Whoever answers for a finding waits this long for the check that showed it.
const FLUSH_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
