//! The task that waits for what is due, picks it up and runs it: one thing at a time.
//!
//! To pick a plan up is one change on disk: its run begins, and the plan has been looked at up to now.
//! A crash before that leaves it due, a crash behind it leaves a run that was broken off; both are
//! noticed at the next start, and neither is run twice.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::civil::DateTime;
use tokio_util::sync::CancellationToken;

use super::execution::{Execution, State};
use super::plan::Plan;
use super::{book, job, lock};
use crate::clock;
use crate::intake::Road;
use crate::outbox::StoreError;

/// Runs what is due until told to stop; what runs then ends at its next step.
pub(crate) async fn keep(road: Arc<Road>, stop: CancellationToken) {
    let noting = Arc::clone(&road);
    let mut again = match tokio::task::spawn_blocking(move || broken_off(&noting)).await {
        Ok(Ok(again)) => again,
        _ => Vec::new(),
    };
    while !stop.is_cancelled() {
        let picking = Arc::clone(&road);
        let left = std::mem::take(&mut again);
        let picked = tokio::task::spawn_blocking(move || pick_up(&picking, left)).await;
        let wait = match picked {
            Ok(Ok((Next::Run(execution), left))) => {
                again = left;
                run(&road, *execution, &stop).await;
                continue;
            }
            Ok(Ok((Next::Wait(wait), left))) => {
                again = left;
                wait
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "plans were not looked at");
                WAIT_MAX
            }
            Err(_) => WAIT_MAX,
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = road.plans.news.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// What comes next.
enum Next {
    Run(Box<Execution>),
    Wait(Duration),
}

/// Runs that nobody ended are over; gives the last of each plan when it is worth a second try.
fn broken_off(road: &Road) -> Result<Vec<Execution>, StoreError> {
    let outbox = &road.outbox;
    let mut again = Vec::new();
    for plan in book::plans(outbox)? {
        let Some(mut last) = book::executions(outbox, Some(&plan.name))?.pop() else { continue };
        if last.state == State::Running {
            last.end(State::BrokenOff, "前置机中断，没有运行完".to_owned());
            outbox.shelve(&[book::put_execution(&last)])?;
        }
        let is_unfinished = matches!(last.state, State::BrokenOff | State::Stopped);
        if is_unfinished && plan.enabled && last.attempt < ATTEMPTS_MAX {
            again.push(last);
        }
    }
    Ok(again)
}

/// What was broken off, what somebody wants, or what is due longest; begun on disk.
fn pick_up(road: &Road, mut again: Vec<Execution>) -> Result<(Next, Vec<Execution>), StoreError> {
    let _pen = road.plans.pen();
    let now = clock::now();
    let mut plans = book::plans(&road.outbox)?;
    while let Some(last) = again.pop() {
        if let Some(plan) = plans.iter().find(|it| it.name == last.plan) {
            let due = last.due.map(|at| (at, last.missed.saturating_add(1)));
            let execution = Execution::begin(plan, due, last.attempt + 1);
            road.outbox.shelve(&[book::put_execution(&execution)])?;
            return Ok((Next::Run(Box::new(execution)), again));
        }
    }
    if let Some(name) = lock(&road.plans.by_hand).pop_first()
        && let Some(plan) = plans.iter().find(|it| it.name == name)
    {
        let execution = Execution::begin(plan, None, 1);
        road.outbox.shelve(&[book::put_execution(&execution)])?;
        return Ok((Next::Run(Box::new(execution)), again));
    }
    for plan in &mut plans {
        // A clock that was set far back must not keep a plan waiting for the time it showed before; one
        // that was put right by a little must not have it run twice.
        if plan.seen.duration_since(now) > SET_BACK_FAR {
            plan.seen = now;
        }
    }
    let due = plans.iter().filter_map(|it| Some((it.due(now)?, it)));
    let Some((due, plan)) = due.min_by_key(|((at, _), _)| *at) else {
        return Ok((Next::Wait(until_next(plans.iter().filter_map(Plan::next), now)), again));
    };
    let execution = Execution::begin(plan, Some(due), 1);
    let mut plan = plan.clone();
    plan.seen = now;
    road.outbox.shelve(&[book::put_execution(&execution), book::put_plan(&plan)])?;
    Ok((Next::Run(Box::new(execution)), again))
}

async fn run(road: &Arc<Road>, execution: Execution, stop: &CancellationToken) {
    let (name, id) = (execution.plan.clone(), execution.id.clone());
    *lock(&road.plans.running) = Some(name.clone());
    tracing::info!(plan = name, execution = id, missed = execution.missed, "a plan runs");
    let running = Arc::clone(road);
    let mut work = tokio::task::spawn_blocking(move || job::run(&running, execution));
    let ended = tokio::select! {
        ended = &mut work => ended,
        () = stop.cancelled() => {
            road.plans.is_stopped.store(true, Ordering::SeqCst);
            work.await
        }
    };
    *lock(&road.plans.running) = None;
    let outcome = match ended {
        Ok(Ok(State::Done)) => "done",
        Ok(Ok(State::Stopped)) => "stopped",
        Ok(Ok(_)) => "failed",
        Ok(Err(error)) => {
            tracing::error!(%error, plan = name, execution = id, "the run of a plan was not kept");
            "failed"
        }
        Err(_) => {
            tracing::error!(plan = name, execution = id, "the run of a plan ended in a panic");
            let noting = Arc::clone(road);
            drop(tokio::task::spawn_blocking(move || end_panicked(&noting, &name)).await);
            "failed"
        }
    };
    metrics::counter!("his_agent_plan_runs_total", "outcome" => outcome).increment(1);
    tracing::info!(execution = id, outcome, "a plan has run");
}

fn end_panicked(road: &Road, plan: &str) -> Result<(), StoreError> {
    let Some(mut last) = book::executions(&road.outbox, Some(plan))?.pop() else { return Ok(()) };
    last.end(State::Failed, "程序出错，没有运行完；请保留日志并报告".to_owned());
    road.outbox.shelve(&[book::put_execution(&last)])
}

fn until_next(due: impl Iterator<Item = DateTime>, now: DateTime) -> Duration {
    let next = due.min().map(|it| it.duration_since(now).as_secs());
    let seconds = next.and_then(|it| u64::try_from(it).ok()).map(Duration::from_secs);
    // The clock is asked now and then: it may have been set.
    seconds.unwrap_or(WAIT_MAX).clamp(Duration::from_millis(200), WAIT_MAX)
}

/// A run is tried once more; what breaks the agent off twice is not tried a third time.
const ATTEMPTS_MAX: u32 = 2;
/// Clocks are put right by seconds, or set by hand.
const SET_BACK_FAR: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
const WAIT_MAX: Duration = Duration::from_secs(30);
