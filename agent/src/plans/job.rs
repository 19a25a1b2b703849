//! What a run does. Its account is on disk before it begins, after every page and at its end.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use rules::Facts;

use super::book;
use super::execution::{Execution, State};
use super::plan::{Job, scene_of, whole_days};
use crate::audit::{self, NotRun};
use crate::backtest::{self, Report};
use crate::checks::entry::Check;
use crate::intake::Road;
use crate::outbox::{Change, StoreError};
use crate::sets::Sets;

/// Runs to the end, which is kept whatever it is. Blocks.
pub(super) fn run(road: &Arc<Road>, mut execution: Execution) -> Result<State, StoreError> {
    let ended = match execution.job.clone() {
        Job::Backtest { rules, days } => backtest_rules(road, &mut execution, (&rules, days)),
        Job::Audit { scene, days_ago } => audit_encounters(road, &mut execution, &scene, days_ago),
    };
    match ended {
        Ok(Some(told)) => execution.end(State::Done, format!("完成：{told}")),
        Ok(None) => execution.end(State::Stopped, "前置机停止，没有运行完".to_owned()),
        Err(reason) => execution.end(State::Failed, format!("失败：{reason}")),
    }
    road.outbox.shelve(&[book::put_execution(&execution)])?;
    forget(road, &execution.plan)?;
    Ok(execution.state)
}

/// What came of it in a sentence; `None` when the agent stops.
type Ended = Result<Option<String>, String>;

fn backtest_rules(
    road: &Arc<Road>,
    execution: &mut Execution,
    (rules, days): (&[String], u32),
) -> Ended {
    let (old, new) = candidate(road, rules)?;
    execution.rules_version = new.rules.version();
    let mut work = Work { road, execution, rules, days };
    let is_whole = work.over_all((&old, &new)).map_err(|error| error.to_string())?;
    let Report { checks, unreadable, .. } = execution.counts;
    let Execution { rows, rows_not_kept, .. } = execution;
    let more = match rows_not_kept {
        0 => String::new(),
        more => format!("，另有 {more} 条只计数"),
    };
    let told = format!("审查 {checks} 次，读不出 {unreadable} 次，留下命中 {rows} 条{more}");
    Ok(is_whole.then_some(told))
}

fn audit_encounters(
    road: &Arc<Road>,
    execution: &mut Execution,
    scene: &str,
    days_ago: u32,
) -> Ended {
    let scene = scene_of(scene).ok_or_else(|| format!("没有审核场景 {scene}"))?;
    let (first, _) = whole_days(execution.day(), days_ago);
    let asked = audit::Asked { scene, day: first.date(), encounter: None };
    loop {
        match audit::run(road, &asked) {
            Ok(ran) => {
                execution.rules_version.clone_from(&ran.rules_version);
                let audit::Ran { run_id, encounters, found, opened, closed, escalated, .. } = ran;
                return Ok(Some(format!(
                    "审核 {run_id}：就诊 {encounters} 次，疑点 {found} 个，新增 {opened}，消失 {closed}，升级 {escalated}"
                )));
            }
            // Somebody runs one by hand: it ends some time.
            Err(NotRun::Busy) if road.plans.pause(Duration::from_secs(1)) => {}
            Err(NotRun::Busy | NotRun::Stopped) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        }
    }
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
    /// Every check of the days; `false` when the agent stops.
    fn over_all(&mut self, sets: (&Sets, &Sets)) -> Result<bool, StoreError> {
        let span = whole_days(self.execution.day(), self.days);
        self.execution.counts = Report::new(self.rules.iter().cloned());
        pages(self.road, span, |page| self.over_page(sets, page))
    }

    fn over_page(&mut self, sets: (&Sets, &Sets), page: &[Check]) -> Result<bool, StoreError> {
        let mut changes: Vec<Change> = Vec::new();
        let mut goes_on = true;
        for check in page {
            let begun = Instant::now();
            let road = self.road;
            let past = |facts: &Facts, at| road.history.known_then(facts, at);
            let counts = &mut self.execution.counts;
            for hit in backtest::judge(&road.config, sets, (check, past), counts) {
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

/// Shows the checks of a span a page at a time, for as long as `show` goes on; says whether it saw all.
pub(super) fn pages(
    road: &Road,
    (from, to): (DateTime, DateTime),
    mut show: impl FnMut(&[Check]) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    let log = road.checks.log().ok_or(StoreError::Stopped)?;
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
        if !show(&page)? {
            return Ok(false);
        }
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
pub(super) const PAUSE_MAX: Duration = Duration::from_millis(100);
