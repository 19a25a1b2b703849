//! Puts another set in force while messages go on: read whole, proved whole, swapped whole, or
//! refused with every reason while the set in force stays.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::DateTime;
use schemas::Problem;

use super::archive::{Archive, State, TakenBack};
use super::trial::{Failure, Trial};
use super::{SetDigest, Sets, Texts};
use crate::clock;
use crate::config::Config;
use crate::intake::Road;
use crate::versions::By;

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The set in force now.
    pub digest: SetDigest,
    /// Whether it is another one than before.
    pub changed: bool,
}

/// How the sets in force came to be so, and what they may fall back to.
#[derive(Debug)]
pub struct Reloads {
    told: Mutex<Told>,
    archive: Archive,
    trial: Trial,
    /// One change at a time; held by whoever puts a set in force.
    turn: Mutex<State>,
    /// What the start began with, until it is kept: the doors do not wait for some hundred files.
    begun: Mutex<Option<Texts>>,
}

/// What `his-agent sets status` tells of reloads.
#[derive(Clone, Debug)]
pub struct Told {
    /// When the set in force came into force.
    pub since: DateTime,
    /// When the folders were last read.
    pub tried_at: DateTime,
    /// Why what they held was not taken; empty when it was.
    pub problems: Vec<Problem>,
}

impl Reloads {
    /// Takes up where the last run ended: a set that is new since then is on trial, and so is one
    /// whose trial was not over.
    pub fn new(config: &Config, sets: &Sets) -> Reloads {
        let archive = Archive::new(&config.sets.archive);
        let mut state = archive.state();
        let in_force = state.in_force.take();
        let known = in_force.as_deref() == Some(sets.digest.as_str());
        let way_back = if known { state.way_back.take() } else { in_force };
        let old = way_back.and_then(|it| Sets::prove(config, archive.read(&it).ok()?).ok());
        let trial = Trial::default();
        state.enter(&sets.digest, old.as_ref().map(|it| &it.digest));
        if let Some(old) = old {
            trial.begin(&config.sets, sets.digest.clone(), Arc::new(old));
        }
        let now = clock::now();
        let told = Mutex::new(Told { since: now, tried_at: now, problems: Vec::new() });
        let begun = Mutex::new(Some(sets.texts.clone()));
        Reloads { told, archive, trial, turn: Mutex::new(state), begun }
    }

    /// Keeps the set that the start began with. Blocks. A crash before is as one before the start: the next
    /// one finds a set that is new to it.
    pub(crate) fn keep_begun(&self) {
        drop(self.turn());
    }

    /// The turn to change something, after what was in force first is kept.
    fn turn(&self) -> MutexGuard<'_, State> {
        let state = lock(&self.turn);
        if let Some(texts) = lock(&self.begun).take() {
            note_kept(self.archive.keep(&texts, &state));
        }
        state
    }

    /// What there is to tell.
    pub fn told(&self) -> Told {
        lock(&self.told).clone()
    }

    /// The trial of the set in force.
    pub(crate) fn trial(&self) -> &Trial {
        &self.trial
    }
}

/// Reads the configured folders anew and puts what they hold in force, if all of it is right.
///
/// Blocks: it reads files, twice, and compiles them. Messages in flight finish on the set they
/// began with.
pub fn reload(road: &Road) -> Result<Reloaded, Vec<Problem>> {
    take_in(road, None, || Ok(()))
}

/// The same after somebody's change to the folders; nobody reads them while it is made.
pub(crate) fn reload_after(
    road: &Road,
    by: By,
    change: impl FnOnce() -> Result<(), Vec<Problem>>,
) -> Result<Reloaded, Vec<Problem>> {
    take_in(road, Some(by), change)
}

fn take_in(
    road: &Road,
    by: Option<By>,
    change: impl FnOnce() -> Result<(), Vec<Problem>>,
) -> Result<Reloaded, Vec<Problem>> {
    let mut state = road.reloads.turn();
    change()?;
    let result = attempt(road, &mut state, by);
    tell(&road.reloads, &result);
    result
}

/// The same, although the set was taken back before: somebody has looked and says so.
pub fn reload_again(road: &Road) -> Result<Reloaded, Vec<Problem>> {
    road.reloads.turn().taken_back.clear();
    reload(road)
}

fn attempt(road: &Road, state: &mut State, by: Option<By>) -> Result<Reloaded, Vec<Problem>> {
    let texts = Texts::read_settled(&road.config)?;
    let digest = texts.digest();
    let before = road.sets.load_full();
    if before.digest == digest {
        return Ok(Reloaded { digest, changed: false });
    }
    if let Some(it) = state.taken_back(&digest) {
        return Err(vec![taken_back(it)]);
    }
    let sets = Sets::prove(&road.config, texts)?;
    let way_back = road.reloads.trial.way_back().unwrap_or_else(|| Arc::clone(&before));
    // An edit that was undone needs no trial.
    let way_back = Some(way_back).filter(|it| it.digest != digest);
    state.enter(&digest, way_back.as_ref().map(|it| &it.digest));
    match way_back {
        Some(old) => road.reloads.trial.begin(&road.config.sets, digest.clone(), old),
        None => road.reloads.trial.end(),
    }
    let sets = Arc::new(sets);
    road.sets.store(Arc::clone(&sets));
    road.parking.wake();
    // After a crash before this, the next start finds a set that is new to it and tries it as new.
    note_kept(road.reloads.archive.keep(&sets.texts, state));
    road.versions.note_sets(&sets, by);
    Ok(Reloaded { digest, changed: true })
}

/// Puts the set before back in force; the one that failed stays out until its files change.
pub(super) fn fall_back(road: &Road, failure: &Failure) {
    let mut state = road.reloads.turn();
    if road.sets.load().digest != failure.new {
        return; // somebody was quicker
    }
    road.reloads.trial.end();
    road.sets.store(Arc::clone(&failure.old));
    road.parking.wake();
    let taken_back = notice(failure);
    count("fell_back");
    let now = clock::now();
    *lock(&road.reloads.told) =
        Told { since: now, tried_at: now, problems: vec![self::taken_back(&taken_back)] };
    state.take_back(taken_back);
    state.enter(&failure.old.digest, None);
    note_kept(road.reloads.archive.keep(&failure.old.texts, &state));
    let reason = format!("自动换回：通道 {} 只被新的一套拒收的太多", failure.channel);
    let by = By { author: By::AGENT.to_owned(), reason };
    road.versions.note_sets(&failure.old, Some(by));
}

/// What is logged of a fallback, and kept of it.
fn notice(failure: &Failure) -> TakenBack {
    tracing::error!(
        set = %failure.new, back_to = %failure.old.digest, channel = failure.channel,
        judged = failure.judged, refused_by_it_alone = failure.message_ids.len(),
        messages = failure.message_ids.join(" "),
        "the new set refuses what the one before would have taken; the one before is in force again"
    );
    TakenBack {
        digest: failure.new.as_str().to_owned(),
        at: clock::now().to_string(),
        channel: failure.channel.clone(),
        judged: failure.judged,
        message_ids: failure.message_ids.clone(),
    }
}

/// Notes that the set in force needs no way back any more.
pub(super) fn trial_passed(road: &Road, passed: &SetDigest) {
    let mut state = road.reloads.turn();
    if state.in_force.as_deref() == Some(passed.as_str()) {
        state.way_back = None;
        tracing::info!(set = %passed, "the set has passed its trial in every channel");
        note_kept(road.reloads.archive.write_state(&state));
    }
}

/// Why a set that loads is not put in force.
pub(super) fn taken_back(it: &TakenBack) -> Problem {
    let message = format!(
        "this set was taken back at {}: of {} messages of channel `{}` it alone refused {} ({}), which lie in \
         the dead letters; change its files, or say `his-agent sets reload --again`",
        it.at,
        it.judged,
        it.channel,
        it.message_ids.len(),
        it.message_ids.join(" ")
    );
    let digest = it.digest.get(..12).unwrap_or(&it.digest);
    Problem::error("A013", format!("set {digest}"), (1, 1), message)
}

/// Problems name files and lines, never a message's value: they may be logged as they are.
fn tell(reloads: &Reloads, result: &Result<Reloaded, Vec<Problem>>) {
    let mut told = lock(&reloads.told);
    told.tried_at = clock::now();
    match result {
        Ok(reloaded) => {
            told.problems.clear();
            if reloaded.changed {
                told.since = told.tried_at;
                tracing::info!(set = %reloaded.digest, "another set is in force");
                count("swapped");
            }
        }
        Err(problems) if *problems == told.problems => {} // told before
        Err(problems) => {
            told.problems.clone_from(problems);
            for problem in problems.iter().take(TOLD_MAX) {
                tracing::warn!(%problem, "the set was not taken; the one in force stays");
            }
            count("refused");
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("his_agent_set_swaps_total", "outcome" => outcome).increment(1);
}

/// Without an archive everything goes on; only a restart would not know what to fall back to.
fn note_kept(kept: std::io::Result<()>) {
    if let Err(error) = kept {
        tracing::error!(%error, "the set could not be kept in the archive");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thousand problems have one cause; `his-agent validate` lists them all.
const TOLD_MAX: usize = 20;
