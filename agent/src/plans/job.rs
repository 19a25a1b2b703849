//! What a run does. Its account is on disk before it begins, after every page and at its end.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::book;
use super::execution::{Execution, State};
use super::plan::{Job, whole_days};
use crate::backtest::{self, Report};
use crate::checks::entry::Check;
use crate::intake::Road;
use crate::outbox::{Change, StoreError};
use crate::sets::Sets;

/// Runs to the end, which is kept whatever it is. Blocks.
pub(super) fn run(road: &Arc<Road>, mut execution: Execution) -> Result<State, StoreError> {
    let Job::Backtest { rules, days } = execution.job.clone();
    let ended = candidate(road, &rules).and_then(|(old, new)| {
        execution.rules_version = new.rules.version();
        let mut work = Work { road, execution: &mut execution, rules: &rules, days };
        work.over_all((&old, &new)).map_err(|error| error.to_string())
    });
    let Report { checks, unreadable, .. } = execution.counts;
    let kept = execution.rows;
    match ended {
        Ok(true) => {
            let text =
                format!("完成：审查 {checks} 次，读不出 {unreadable} 次，留下命中 {kept} 条");
            execution.end(State::Done, text);
        }
        Ok(false) => execution.end(State::Stopped, "前置机停止，没有运行完".to_owned()),
        Err(reason) => execution.end(State::Failed, format!("失败：{reason}")),
    }
    if execution.rows_not_kept > 0 {
        let more = execution.rows_not_kept;
        execution.say(format!("一次运行留下 {ROWS_MAX} 条命中，另有 {more} 条只计数"));
    }
    road.outbox.shelve(&[book::put_execution(&execution)])?;
    forget(road, &execution.plan)?;
    Ok(execution.state)
}

/// The rules in force, and the same with the named ones on.
fn candidate(road: &Road, named: &[String]) -> Result<(Arc<Sets>, Arc<Sets>), String> {
    let old = road.sets.load_full();
    let known = |id: &String| old.rules.rules().iter().find(|it| it.id == *id);
    if let Some(gone) = named.iter().find(|it| known(it).is_none()) {
        return Err(format!("没有规则 {gone}"));
    }
    if named.iter().filter_map(known).all(|it| it.enabled) {
        return Ok((Arc::clone(&old), old)); // nothing to switch on
    }
    let told = |problems: Vec<schemas::Problem>| {
        problems.first().map_or_else(String::new, ToString::to_string)
    };
    let texts = backtest::candidate(&old.texts, None, named).map_err(told)?;
    Ok((old, Arc::new(Sets::prove(&road.config, texts).map_err(told)?)))
}

struct Work<'a> {
    road: &'a Arc<Road>,
    execution: &'a mut Execution,
    rules: &'a [String],
    days: u32,
}

impl Work<'_> {
    /// Every check of the days, a page at a time; `false` when the agent stops.
    fn over_all(&mut self, sets: (&Sets, &Sets)) -> Result<bool, StoreError> {
        let log = self.road.checks.log().ok_or(StoreError::Stopped)?;
        let (from, to) = whole_days(self.execution.started.date(), self.days);
        self.execution.counts = Report::new(self.rules.iter().cloned());
        let mut after: Option<String> = None;
        loop {
            let (mut page, mut bytes) = (Vec::<Check>::new(), 0);
            log.following(after.as_deref(), from, to, |check| {
                bytes += check.request.len();
                page.push(check);
                let is_full = page.len() >= CHECKS_A_PAGE || bytes >= BYTES_A_PAGE;
                if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            let Some(last) = page.last() else { return Ok(true) };
            after = Some(last.check_id.clone());
            if !self.over_page(sets, &page)? {
                return Ok(false);
            }
        }
    }

    fn over_page(&mut self, sets: (&Sets, &Sets), page: &[Check]) -> Result<bool, StoreError> {
        let mut changes: Vec<Change> = Vec::new();
        let mut goes_on = true;
        for check in page {
            let begun = Instant::now();
            let config = &self.road.config;
            for hit in backtest::judge(config, sets, check, &mut self.execution.counts) {
                if self.execution.rows >= ROWS_MAX {
                    self.execution.rows_not_kept += 1;
                    continue;
                }
                let number = self.execution.rows;
                changes.push(book::put_row(&self.execution.id, number, &hit.to_json()));
                self.execution.rows += 1;
            }
            goes_on = self.road.plans.pause(begun.elapsed().min(PAUSE_MAX));
            if !goes_on {
                break;
            }
        }
        changes.push(book::put_execution(self.execution));
        self.road.outbox.shelve(&changes)?;
        Ok(goes_on)
    }
}

/// Runs of a plan that are too many go, the oldest first, with what they found.
fn forget(road: &Road, plan: &str) -> Result<(), StoreError> {
    let all = book::executions(&road.outbox, Some(plan))?;
    let gone = all.len().saturating_sub(EXECUTIONS_KEPT);
    let changes: Vec<Change> =
        all.iter().take(gone).flat_map(|it| book::remove_execution(&it.id)).collect();
    if changes.is_empty() { Ok(()) } else { road.outbox.shelve(&changes) }
}

const CHECKS_A_PAGE: usize = 100;
const BYTES_A_PAGE: usize = 4 << 20;
/// Hits that one run keeps; all are counted.
const ROWS_MAX: u64 = 5000;
/// Runs that one plan keeps.
const EXECUTIONS_KEPT: usize = 60;
/// After each check as long as it took: half of one core at most, and never long.
const PAUSE_MAX: Duration = Duration::from_millis(100);
