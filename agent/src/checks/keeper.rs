//! The tasks of the log: one keeps what is handed over, one tells the platform.
//!
//! Checks are gathered for a moment, so that a thousand a second cost a few syncs and the receipts of
//! messages hardly notice. Whoever answers for a finding does not wait for that.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::ToSpan as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::entry::Check;
use super::log::Log;
use super::pen::Untold;
use super::statistics::Statistics;
use super::{Note, keys, writer};
use crate::audit;
use crate::clock;
use crate::intake::Road;
use crate::outbox::StoreError;
use crate::pace::give_way;
use crate::pipeline;

/// Keeps what is handed over, until told to stop and nothing is left.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    let Some(mut notes) = road.checks.take_receiver() else { return };
    let every = UPKEEP_EVERY.min(road.config.check.ignored_after / 4);
    let mut rates_at = Instant::now() + RATES_EVERY.min(every);
    let mut upkeep = tokio::time::interval_at(Instant::now() + every, every);
    upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            first = notes.recv() => match first {
                Some(first) => gather(&road, first, &mut notes, &stop).await,
                None => return,
            },
            () = stop.cancelled() => break,
            _ = upkeep.tick() => {
                look_after(&road).await;
                if Instant::now() >= rates_at {
                    rates_at = Instant::now() + RATES_EVERY;
                    look_at_rates(&road).await;
                }
            }
        }
    }
    while let Ok(first) = notes.try_recv() {
        gather(&road, first, &mut notes, &stop).await;
    }
}

/// Waits a moment for others, then keeps all of them at once.
async fn gather(
    road: &Arc<Road>,
    first: Note,
    notes: &mut Receiver<Note>,
    stop: &CancellationToken,
) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = road.checks.hurry.notified() => {}
        () = tokio::time::sleep(GATHER) => {}
    }
    let mut batch = vec![first];
    while batch.len() < BATCH_MAX
        && let Ok(note) = notes.try_recv()
    {
        batch.push(note);
    }
    let (count, bytes) = (batch.len(), batch.iter().map(Note::bytes).sum::<usize>());
    let keeping = Arc::clone(road);
    let kept = tokio::task::spawn_blocking(move || keep_batch(&keeping, batch)).await;
    let outcome = match kept {
        Ok(Ok(())) => "kept",
        // The doctors have their answers: that is what a check is for. The log misses these.
        Ok(Err(error)) => {
            tracing::error!(%error, checks = count, "checks were answered and not kept");
            "lost"
        }
        Err(_) => {
            tracing::error!(checks = count, "keeping checks ended in a panic");
            "lost"
        }
    };
    let lost = if outcome == "lost" { count as u64 } else { 0 };
    road.checks.lost.fetch_add(lost, Ordering::Relaxed);
    road.checks.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    metrics::counter!("his_agent_check_log_total", "outcome" => outcome).increment(count as u64);
    road.checks.dealt_with.send_modify(|it| *it += count as u64);
    road.checks.untold.notify_one();
}

fn keep_batch(road: &Arc<Road>, batch: Vec<Note>) -> Result<(), StoreError> {
    let Some(log) = road.checks.log() else { return Err(StoreError::Stopped) };
    let (mut checks, mut uploads, mut told) = (Vec::<Check>::new(), Vec::new(), Vec::new());
    for note in batch {
        match note {
            Note::Check(mut check, patn_id, seen) => {
                told.extend(seen);
                let pseudonym = |it: String| log.key().pseudonym(&road.checks.org, &it);
                check.patient = patn_id.map(pseudonym);
                checks.push(*check);
            }
            Note::Uploaded(uploaded) => uploads.push(uploaded),
        }
    }
    if !checks.is_empty() {
        log.append(&checks, writer(road).as_ref())?;
    }
    escalate(road, &checks);
    // The log has the requests: the past only misses what it would have learnt of them.
    if let Err(error) = road.history.see(told) {
        tracing::warn!(%error, "what checks told was not taken into the past of patients");
    }
    uploads.iter().try_for_each(|it| log.link(it))
}

/// A check of the settlement (3102) says that the stay is settled. What is missed here is found by the
/// next run of an audit, when the record of the settlement has come.
fn escalate(road: &Arc<Road>, checks: &[Check]) {
    let settling = checks.iter().filter(|it| it.scene.as_deref() == Some("settlement"));
    for encounter in settling.filter_map(|it| it.encounter.as_deref()) {
        if let Err(error) = audit::settled(road, encounter) {
            tracing::warn!(%error, "what a settlement escalates waits for the next run");
        }
    }
}

/// Says `ignored` of what nobody has answered, and forgets what is too old or too much.
async fn look_after(road: &Arc<Road>) {
    let Some(log) = road.checks.log().cloned() else { return };
    let looking = Arc::clone(road);
    let work = move || look_after_now(&looking, &log);
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => road.checks.untold.notify_one(),
        Ok(Err(error)) => tracing::warn!(%error, "the log of checks was not looked after"),
        Err(_) => tracing::error!("looking after the log of checks ended in a panic"),
    }
}

fn look_after_now(road: &Road, log: &Log) -> Result<(), StoreError> {
    let check = &road.config.check;
    let now = clock::now_for_ageing();
    let ms = keys::ms(now);
    let before =
        |it: Duration| ms.saturating_sub(u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
    let (late, writer) = (before(check.ignored_after), writer(road));
    loop {
        let ignored = log.ignore_before(late, &pipeline::stamp(now), writer.as_ref())?;
        if ignored == 0 {
            break;
        }
        metrics::counter!("his_agent_feedback_total", "state" => "ignored")
            .increment(ignored as u64);
    }
    let terms = [before(check.log_keep), before(road.config.hospital.evidence_keep)];
    while log.forget(terms, check.log_bytes_max, ms)? {}
    let days = i64::from(road.config.events.keep_days);
    let oldest = pipeline::stamp(now.checked_sub(days.days()).unwrap_or(now));
    log.feed().forget_before(&road.outbox, &oldest)?;
    Ok(())
}

/// Looks for rules that doctors override too often: a rule that nobody believes hides the others.
async fn look_at_rates(road: &Arc<Road>) {
    let Some(log) = road.checks.log().cloned() else { return };
    let now = clock::now();
    let Ok(from) = now.checked_sub(RATES_OVER_DAYS.days()) else { return };
    let work = move || Statistics::read(&log, from, now);
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(statistics)) => {
            let percent_max = road.config.check.override_percent_max;
            road.checks.set_overridden(statistics.overridden(percent_max));
        }
        Ok(Err(error)) => tracing::warn!(%error, "rates of overrides were not looked at"),
        Err(_) => tracing::error!("looking at rates of overrides ended in a panic"),
    }
}

/// Hands the records of checks to the queue until told to stop. What it does not come to is found
/// again at the next start.
pub(crate) async fn tell(road: Arc<Road>, stop: CancellationToken) {
    loop {
        match tell_some(&road).await {
            Ok(0) => tokio::select! {
                () = road.checks.untold.notified() => {}
                () = stop.cancelled() => return,
            },
            Ok(_) => {
                if stop.is_cancelled() {
                    return;
                }
            }
            Err(error) => {
                if error != StoreError::Busy && !error.is_full() {
                    tracing::warn!(%error, "records of checks wait for the queue");
                }
                tokio::select! {
                    () = tokio::time::sleep(BUSY_WAIT) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

/// Hands over the oldest records, beside the threads that answer: what a hundred take to prepare, a doctor would
/// wait for.
async fn tell_some(road: &Arc<Road>) -> Result<usize, StoreError> {
    let (road, here) = (Arc::clone(road), Handle::current());
    let telling = tokio::task::spawn_blocking(move || tell_now(&road, &here));
    telling.await.map_err(|_| StoreError::panicked())?
}

/// The queue knows what it has had before, so after a crash between its receipt and ours nothing is doubled.
fn tell_now(road: &Road, here: &Handle) -> Result<usize, StoreError> {
    let Some(log) = road.checks.log() else { return Ok(0) };
    let untold = log.untold(TOLD_AT_ONCE)?;
    let Some(last) = untold.last().map(|(number, _)| *number) else { return Ok(0) };
    let submissions = untold.iter().filter_map(|(number, bytes)| {
        let records = serde_json::from_slice::<Untold>(bytes);
        records.inspect_err(|error| tracing::error!(number, %error, "records cannot be read")).ok()
    });
    let append = async |it: Untold| {
        give_way();
        road.outbox.append(it.submission()).await
    };
    for receipt in here.block_on(join_all(submissions.map(append))) {
        receipt?;
    }
    log.told(last)?;
    Ok(untold.len())
}

/// How long a check waits for others, so that one sync keeps many.
const GATHER: Duration = Duration::from_millis(200);
/// Checks in one change.
const BATCH_MAX: usize = 1024;
/// Submissions at one time: the queue's channel has room for many more.
const TOLD_AT_ONCE: usize = 128;
/// How long to wait when the queue is busy: messages come first.
const BUSY_WAIT: Duration = Duration::from_millis(500);
/// Reading a week of checks is no work for every minute.
const RATES_EVERY: Duration = Duration::from_hours(1);
const RATES_OVER_DAYS: i32 = 7;
const UPKEEP_EVERY: Duration = Duration::from_mins(1);
