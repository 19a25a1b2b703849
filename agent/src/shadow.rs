//! The shadow: a candidate set judges what comes in beside the set in force, and only tells how the
//! two differ. Nothing it makes is stored or sent.
//!
//! | room | what happens there |
//! |---|---|
//! | `compare` | two verdicts about one message: the same, or where not; pure |
//! | `report` | differences, counted element by element |
//! | `promote` | the candidate becomes the set in force |
//! | `routes` | what the control socket can ask |
//!
//! It works off the road: a message is handed over when it has been judged, without waiting. What
//! there is no room for is skipped and counted; a comparison is worth less than a receipt.

pub mod compare;
mod promote;
pub mod report;
pub(crate) mod routes;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use adapters::Limits;
use arc_swap::ArcSwapOption;
use jiff::civil::DateTime;
use schemas::Problem;

use self::compare::{Judged, compare};
use self::report::Report;
use crate::clock;
use crate::config::Config;
use crate::intake::Road;
use crate::pipeline;
use crate::sets::{Channel, Seen, SetDigest, Sets, Texts};

/// The shadow, running or not.
#[derive(Debug, Default)]
pub struct Shadow {
    running: ArcSwapOption<Running>,
}

/// One candidate at work. Its thread ends when the queue's only sender, here, is dropped.
#[derive(Debug)]
struct Running {
    queue: SyncSender<Seen>,
    work: Arc<Work>,
}

/// What the thread and the doors share.
#[derive(Debug)]
struct Work {
    dir: PathBuf,
    candidate: Sets,
    /// The one channel that is compared; none compares all.
    channel: Option<String>,
    since: DateTime,
    org: String,
    limits: Limits,
    queued_bytes: AtomicUsize,
    skipped: AtomicU64,
    report: Mutex<Report>,
}

/// How a shadow stands.
#[derive(Debug)]
pub struct Standing {
    /// The candidate's folder.
    pub dir: PathBuf,
    /// The candidate, with the dictionary and rules that are configured.
    pub candidate: SetDigest,
    /// The one channel that is compared; none compares all.
    pub channel: Option<String>,
    /// Since when.
    pub since: DateTime,
    /// Messages there was no room for.
    pub skipped: u64,
    /// What was found.
    pub report: Report,
}

/// The configured set with the mappings of another folder, proved for one channel or for all.
pub fn candidate(config: &Config, dir: &Path, channel: Option<&str>) -> Result<Sets, Vec<Problem>> {
    let config = with_mappings(config, dir, channel);
    Sets::prove(&config, Texts::read_settled(&config)?)
}

fn with_mappings(config: &Config, dir: &Path, channel: Option<&str>) -> Config {
    let mut config = config.clone();
    config.sets.mappings = Some(dir.to_owned());
    config.channels.retain(|it| channel.is_none_or(|name| it.name == name));
    config
}

impl Shadow {
    /// Loads a candidate and begins to compare, in place of whatever was compared before. Blocks.
    pub fn start(
        &self,
        config: &Config,
        dir: &Path,
        channel: Option<&str>,
    ) -> Result<SetDigest, Vec<Problem>> {
        let candidate = candidate(config, dir, channel)?;
        let digest = candidate.digest.clone();
        let work = Arc::new(Work {
            dir: dir.to_owned(),
            candidate,
            channel: channel.map(str::to_owned),
            since: clock::now(),
            org: config.hospital.code.clone(),
            limits: config.listen.limits,
            queued_bytes: AtomicUsize::new(0),
            skipped: AtomicU64::new(0),
            report: Mutex::default(),
        });
        let (queue, queued) = sync_channel(QUEUED_MAX);
        let worker = Arc::clone(&work);
        let thread = thread::Builder::new().name("shadow".to_owned());
        if let Err(error) = thread.spawn(move || worker.run(&queued)) {
            let message = format!("no thread for the shadow: {error}");
            return Err(vec![Problem::error("A015", "shadow", (1, 1), message)]);
        }
        tracing::info!(candidate = %digest, channel, "a candidate is compared");
        self.running.store(Some(Arc::new(Running { queue, work })));
        Ok(digest)
    }

    /// Ends the comparison; false when there was none.
    pub fn stop(&self) -> bool {
        self.running.swap(None).is_some()
    }

    /// What was found by now.
    pub fn standing(&self) -> Option<Standing> {
        let running = self.running.load();
        let work = &running.as_ref()?.work;
        Some(Standing {
            dir: work.dir.clone(),
            candidate: work.candidate.digest.clone(),
            channel: work.channel.clone(),
            since: work.since,
            skipped: work.skipped.load(Ordering::Relaxed),
            report: work.report().clone(),
        })
    }

    /// Whether anybody wants to see messages: asked for every one of them.
    pub(crate) fn is_running(&self) -> bool {
        self.running.load().is_some()
    }

    /// Hands a message over, if there is room. Never waits.
    pub(crate) fn offer(&self, seen: Seen) {
        if let Some(running) = &*self.running.load() {
            running.offer(seen);
        }
    }
}

impl Running {
    fn offer(&self, seen: Seen) {
        let work = &self.work;
        if work.channel.as_ref().is_some_and(|it| **it != *seen.channel.name) {
            return;
        }
        let bytes = seen.bytes.len();
        let before = work.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        // However large, one may always wait.
        let room = before == 0 || before + bytes <= QUEUED_BYTES_MAX;
        if !room || self.queue.try_send(seen).is_err() {
            work.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            work.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Work {
    fn run(&self, queued: &Receiver<Seen>) {
        while let Ok(seen) = queued.recv() {
            self.judge(&seen);
            self.queued_bytes.fetch_sub(seen.bytes.len(), Ordering::Relaxed);
        }
    }

    /// Both judge here, so that both judge the same: the bytes, at the time of receipt.
    fn judge(&self, seen: &Seen) {
        let Some(new) = self.candidate.channels.get(&*seen.channel.name) else { return };
        let judged = |channel: &Channel| {
            Judged::of(&pipeline::judge(channel, &seen.inbound(&self.org), &self.limits))
        };
        let difference = compare(&judged(&seen.channel), &judged(new));
        let mut report = self.report();
        report.compared_with(&seen.channel.set);
        report.add(&seen.message_id, &difference);
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins with the candidate that the configuration names, if it names one.
pub(crate) fn start_configured(road: &Road) {
    let Some(dir) = &road.config.sets.candidate else { return };
    if let Err(problems) = road.shadow.start(&road.config, dir, None) {
        for problem in problems {
            tracing::warn!(%problem, "the candidate is not compared");
        }
    }
}

/// Messages that may wait to be compared.
const QUEUED_MAX: usize = 256;
/// Bytes of messages that may wait to be compared.
const QUEUED_BYTES_MAX: usize = 32 << 20;
