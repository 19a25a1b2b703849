//! What commands can ask of plans: make, change, remove and run them, their runs, what these found.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use jiff::ToSpan as _;
use jiff::civil::DateTime;
use schemas::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::execution::Execution;
use super::plan::{Job, Plan, Wanted};
use super::{book, lock, once};
use crate::clock;
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::StoreError;
use crate::pipeline;
use crate::sets::routes::refused;

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/rules/plans", get(list))
        .route("/admin/v1/rules/plans/{name}", get(show).put(put).delete(remove))
        .route("/admin/v1/rules/plans/{name}/enable", post(enable))
        .route("/admin/v1/rules/plans/{name}/disable", post(disable))
        .route("/admin/v1/rules/plans/{name}/run", post(run))
        .route("/admin/v1/rules/backtest", post(once::backtest))
        .route("/admin/v1/rules/plan-runs", get(runs))
        .route("/admin/v1/rules/plan-results", get(results))
}

/// Why nothing was done.
pub(super) enum NotDone {
    NoPlan(String),
    NoExecution(String),
    Wrong(String),
    /// Another one goes on.
    Busy,
    Rules(Vec<Problem>),
    Store(StoreError),
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> NotDone {
        NotDone::Store(error)
    }
}

/// Does it where waiting for the disk holds nobody up.
pub(super) async fn answer(
    road: Arc<Road>,
    work: impl FnOnce(&Arc<Road>) -> Result<Value, NotDone> + Send + 'static,
) -> Response {
    let working = tokio::task::spawn_blocking(move || work(&road)).await;
    let missing = |reason: String| failed(StatusCode::NOT_FOUND, "I131", &[reason]);
    match working.unwrap_or_else(|_| Err(NotDone::Store(StoreError::panicked()))) {
        Ok(told) => done(&told),
        Err(NotDone::NoPlan(name)) => missing(format!("没有计划 {name}")),
        Err(NotDone::NoExecution(id)) => missing(format!("没有运行 {id}")),
        Err(NotDone::Wrong(reason)) => failed(StatusCode::UNPROCESSABLE_ENTITY, "I132", &[reason]),
        Err(NotDone::Busy) => {
            let reason = "另一次回放在运行，等它结束再试".to_owned();
            failed(StatusCode::CONFLICT, "I132", &[reason])
        }
        Err(NotDone::Rules(problems)) => refused(&problems),
        Err(NotDone::Store(error)) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            failed(status, error.code(), &[error.to_string()])
        }
    }
}

/// `GET /admin/v1/rules/plans`
async fn list(State(road): State<Arc<Road>>) -> Response {
    answer(road, |road| {
        let plans: Result<Vec<Value>, StoreError> =
            book::plans(&road.outbox)?.iter().map(|it| told(road, it)).collect();
        Ok(json!({ "plans": plans?, "running": lock(&road.plans.running).clone() }))
    })
    .await
}

/// `GET /admin/v1/rules/plans/{name}`
async fn show(State(road): State<Arc<Road>>, Path(name): Path<String>) -> Response {
    answer(road, move |road| {
        let plan = book::plan(&road.outbox, &name)?.ok_or(NotDone::NoPlan(name))?;
        Ok(told(road, &plan)?)
    })
    .await
}

/// `PUT /admin/v1/rules/plans/{name}`: makes a plan, or puts another in its place.
async fn put(
    State(road): State<Arc<Road>>,
    Path(name): Path<String>,
    Json(wanted): Json<Value>,
) -> Response {
    answer(road, move |road| {
        let wanted: Wanted =
            serde_json::from_value(wanted).map_err(|error| NotDone::Wrong(error.to_string()))?;
        let plan = Plan::prove(&name, wanted, clock::now()).map_err(NotDone::Wrong)?;
        know_rules(road, &plan.job)?;
        let _pen = road.plans.pen();
        let all = book::plans(&road.outbox)?;
        if all.len() >= PLANS_MAX && !all.iter().any(|it| it.name == name) {
            return Err(NotDone::Wrong(format!("已有 {PLANS_MAX} 个计划，先删去不用的")));
        }
        road.outbox.shelve(&[book::put_plan(&plan)])?;
        tracing::info!(plan = plan.name, cron = plan.cron, author = plan.author, "a plan was made");
        road.plans.news.notify_one();
        Ok(told(road, &plan)?)
    })
    .await
}

/// A plan about a rule that nobody has is a typing error.
fn know_rules(road: &Road, job: &Job) -> Result<(), NotDone> {
    let Job::Backtest { rules, .. } = job else { return Ok(()) };
    let sets = road.sets.load();
    let known = |id: &String| sets.rules.rules().iter().any(|it| it.id == *id);
    match rules.iter().find(|it| !known(it)) {
        Some(unknown) => Err(NotDone::Wrong(format!("没有规则 {unknown}"))),
        None => Ok(()),
    }
}

/// `DELETE /admin/v1/rules/plans/{name}`: its runs stay, as the account of what was done.
async fn remove(State(road): State<Arc<Road>>, Path(name): Path<String>) -> Response {
    answer(road, move |road| {
        let _pen = road.plans.pen();
        book::plan(&road.outbox, &name)?.ok_or_else(|| NotDone::NoPlan(name.clone()))?;
        road.outbox.shelve(&[book::remove_plan(&name)])?;
        tracing::info!(plan = name, "a plan was removed");
        Ok(json!({ "removed": name }))
    })
    .await
}

async fn enable(State(road): State<Arc<Road>>, Path(name): Path<String>) -> Response {
    switch(road, name, true).await
}

async fn disable(State(road): State<Arc<Road>>, Path(name): Path<String>) -> Response {
    switch(road, name, false).await
}

async fn switch(road: Arc<Road>, name: String, enabled: bool) -> Response {
    answer(road, move |road| {
        let _pen = road.plans.pen();
        let mut plan = book::plan(&road.outbox, &name)?.ok_or(NotDone::NoPlan(name))?;
        if plan.enabled != enabled {
            plan.enabled = enabled;
            // What was due while it was off is not due to it.
            plan.seen = clock::now();
            plan.changed_at = plan.seen;
            road.outbox.shelve(&[book::put_plan(&plan)])?;
            road.plans.news.notify_one();
        }
        Ok(told(road, &plan)?)
    })
    .await
}

/// `POST /admin/v1/rules/plans/{name}/run`: as soon as nothing else runs.
async fn run(State(road): State<Arc<Road>>, Path(name): Path<String>) -> Response {
    answer(road, move |road| {
        book::plan(&road.outbox, &name)?.ok_or_else(|| NotDone::NoPlan(name.clone()))?;
        let behind = road.plans.run_by_hand(&name);
        Ok(json!({ "plan": name, "behind": behind }))
    })
    .await
}

/// A plan, when it is due next, and how its last run ended.
fn told(road: &Road, plan: &Plan) -> Result<Value, StoreError> {
    let last = book::executions(&road.outbox, Some(&plan.name))?.pop();
    let mut told = json!(plan);
    if let Some(members) = told.as_object_mut() {
        members.insert("what".to_owned(), Value::from(plan.job.told()));
        members.insert("next".to_owned(), json!(plan.next().map(pipeline::stamp)));
        members.insert("last".to_owned(), last.map_or(Value::Null, |it| in_short(&it)));
    }
    Ok(told)
}

/// Which runs are wanted; what is absent narrows nothing.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    plan: Option<String>,
    /// The run.
    run: Option<String>,
    /// `YYYYMMDD` or `YYYYMMDDhhmmss`: runs that began then or later.
    from: Option<String>,
    /// The same; a day is meant as a whole.
    to: Option<String>,
    rule: Option<String>,
    /// Where the page before ended.
    after: Option<String>,
}

impl Asked {
    fn executions(&self, road: &Road) -> Result<Vec<Execution>, NotDone> {
        let (from, to): (Option<DateTime>, Option<DateTime>) =
            (moment(self.from.as_deref(), 0)?, moment(self.to.as_deref(), 1)?);
        let mut all = book::executions(&road.outbox, self.plan.as_deref())?;
        all.retain(|it| {
            from.is_none_or(|from| it.started >= from)
                && to.is_none_or(|to| it.started < to)
                && self.run.as_ref().is_none_or(|run| it.id == *run)
        });
        match &self.run {
            Some(run) if all.is_empty() => Err(NotDone::NoExecution(run.clone())),
            _ => Ok(all),
        }
    }
}

/// `GET /admin/v1/rules/plan-runs`: counts and logs.
async fn runs(State(road): State<Arc<Road>>, Query(asked): Query<Asked>) -> Response {
    answer(road, move |road| {
        let all = asked.executions(road)?;
        let latest = all.len().saturating_sub(RUNS_TOLD);
        let told: Vec<Value> = all.iter().skip(latest).map(in_full).collect();
        Ok(json!({ "runs": told }))
    })
    .await
}

/// `GET /admin/v1/rules/plan-results`: what runs found, a page at a time.
async fn results(State(road): State<Arc<Road>>, Query(asked): Query<Asked>) -> Response {
    answer(road, move |road| {
        let executions = asked.executions(road)?;
        let place = asked.after.as_deref().and_then(|it| it.rsplit_once('-'));
        let (after, mut from) = match place {
            Some((id, number)) => (Some(id), number.parse::<u64>().map_or(0, |it| it + 1)),
            None => (None, 0),
        };
        let (mut page, mut last) = (Vec::new(), None);
        for execution in executions.iter().filter(|it| after.is_none_or(|id| it.id.as_str() >= id))
        {
            if after != Some(execution.id.as_str()) {
                from = 0;
            }
            book::rows(&road.outbox, &execution.id, from, |number, row| {
                last = Some(format!("{}-{number}", execution.id));
                if is_of_rule(&row, asked.rule.as_deref()) {
                    page.push(with_run(execution, row));
                }
                if page.len() < ROWS_A_PAGE {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            if page.len() >= ROWS_A_PAGE {
                return Ok(json!({ "results": page, "after": last }));
            }
        }
        Ok(json!({ "results": page, "after": null }))
    })
    .await
}

/// A moment; a day is its beginning, and so many days on when it is meant as a whole.
pub(super) fn moment(text: Option<&str>, days: i32) -> Result<Option<DateTime>, NotDone> {
    let Some(text) = text else { return Ok(None) };
    let day = || pipeline::moment(&format!("{text}000000"))?.checked_add(days.days()).ok();
    let at = pipeline::moment(text).or_else(day);
    at.map(Some)
        .ok_or_else(|| NotDone::Wrong("from 和 to 写成 YYYYMMDD 或 YYYYMMDDhhmmss".to_owned()))
}

fn is_of_rule(row: &Value, rule: Option<&str>) -> bool {
    rule.is_none_or(|it| row.get("rule_id").and_then(Value::as_str) == Some(it))
}

fn with_run(execution: &Execution, mut row: Value) -> Value {
    if let Some(members) = row.as_object_mut() {
        members.insert("plan".to_owned(), Value::from(execution.plan.as_str()));
        members.insert("run".to_owned(), Value::from(execution.id.as_str()));
        members.insert("run_at".to_owned(), Value::from(pipeline::stamp(execution.started)));
    }
    row
}

fn in_short(it: &Execution) -> Value {
    json!({ "id": it.id, "state": it.state, "started": pipeline::stamp(it.started),
        "ended": it.ended.map(pipeline::stamp),
        "checks": it.counts.checks, "rows": it.rows })
}

fn in_full(it: &Execution) -> Value {
    let mut told = json!(it);
    if let Some(members) = told.as_object_mut() {
        members.insert("counts".to_owned(), it.counts.to_value());
        members.insert("what".to_owned(), Value::from(it.job.told()));
    }
    told
}

const PLANS_MAX: usize = 100;
const RUNS_TOLD: usize = 200;
const ROWS_A_PAGE: usize = 500;
