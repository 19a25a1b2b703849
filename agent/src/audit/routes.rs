//! What commands can ask of audits: run one, see what it found, answer, count, report.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use jiff::civil::Date;
use rules::facts::Scene;
use serde::Deserialize;
use serde_json::{Value, json};

use super::list::Wanted;
use super::page::Event;
use super::states::{self, Said, Step};
use super::summary::By;
use super::{Asked, NotRun, answer, book, list, ratios, run, stock, summary, why};
use crate::clock;
use crate::control::{done, failed};
use crate::intake::Road;

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/audit/runs", get(runs).post(run_now))
        .route("/admin/v1/audit/suspicions", get(suspicions))
        .route("/admin/v1/audit/suspicions/{id}", get(show).post(say))
        .route("/admin/v1/audit/suspicions/{id}/explain", get(why::explain))
        .route("/admin/v1/audit/feed", get(feed))
        .route("/admin/v1/audit/summary", get(summarise))
        .route("/admin/v1/audit/ratios", get(count_ratios))
        .route("/admin/v1/audit/stock", post(count_stock))
}

#[derive(Deserialize)]
struct RunAsked {
    /// `daily_batch` when absent.
    scene: Option<String>,
    /// `YYYYMMDD`; yesterday when absent, since that day is over.
    day: Option<String>,
    encounter: Option<String>,
}

/// `POST /admin/v1/audit/runs`: answered when it is done.
async fn run_now(State(road): State<Arc<Road>>, Json(asked): Json<RunAsked>) -> Response {
    let asked = match asked.read() {
        Ok(asked) => asked,
        Err(reason) => return wrong(reason),
    };
    told(move || Ok(json!(run(&road, &asked)?))).await
}

impl RunAsked {
    fn read(self) -> Result<Asked, &'static str> {
        let scene = self.scene.as_deref().unwrap_or("daily_batch");
        let scene = Scene::parse(scene).filter(|it| !it.is_before());
        let scene =
            scene.ok_or("scene 是 daily_batch、pre_settlement、settlement、monthly_batch 之一")?;
        let day = self.day.as_deref().map_or_else(|| yesterday().ok_or(DAY), |it| day(it))?;
        Ok(Asked { scene, day, encounter: self.encounter })
    }
}

/// `GET /admin/v1/audit/runs`: the accounts of the latest runs.
async fn runs(State(road): State<Arc<Road>>) -> Response {
    told(move || {
        let accounts = run::accounts(&road.outbox, road.audit.is_running())?;
        let latest = accounts.len().saturating_sub(LISTED);
        Ok(json!({ "runs": accounts.get(latest..).unwrap_or_default() }))
    })
    .await
}

/// `GET /admin/v1/audit/suspicions`
async fn suspicions(State(road): State<Arc<Road>>, Query(wanted): Query<Wanted>) -> Response {
    if let Some(reason) = wanted.problem() {
        return wrong(reason);
    }
    told(move || Ok(json!(list::table(&list::wanted(&road.outbox, &wanted)?)))).await
}

/// `GET /admin/v1/audit/suspicions/{id}`
async fn show(State(road): State<Arc<Road>>, Path(id): Path<String>) -> Response {
    let looking = tokio::task::spawn_blocking(move || book::suspicion(&road.outbox, &id));
    match looking.await {
        Ok(Ok(Some(it))) => done(&json!(it)),
        Ok(Ok(None)) => unknown(),
        Ok(Err(error)) => not_done(&error.into()),
        Err(_) => not_done(&NotRun::Stopped),
    }
}

#[derive(Deserialize)]
struct Answered {
    state: String,
    reason: Option<String>,
    #[serde(default)]
    by: String,
}

/// `POST /admin/v1/audit/suspicions/{id}`: what a department or the insurance office says.
async fn say(
    State(road): State<Arc<Road>>,
    Path(id): Path<String>,
    Json(answered): Json<Answered>,
) -> Response {
    let Some(state) = states::State::parse(&answered.state) else {
        return wrong("state 是 explained、corrected、closed、open 之一");
    };
    let Answered { reason, by, .. } = answered;
    let said = Said { state, reason, by, at: String::new() };
    let work = tokio::task::spawn_blocking(move || answer::answer(&road, &id, said));
    match work.await {
        Ok(Ok(Some((_, Step::Refused(what))))) => wrong(what),
        Ok(Ok(Some((it, _)))) => done(&json!(it)),
        Ok(Ok(None)) => unknown(),
        Ok(Err(error)) => not_done(&error),
        Err(_) => not_done(&NotRun::Stopped),
    }
}

#[derive(Deserialize)]
struct FeedAsked {
    department: Option<String>,
    /// The last event that the department has had.
    #[serde(default)]
    after: String,
    limit: Option<usize>,
}

/// `GET /admin/v1/audit/feed`: what departments are told, in its order, from where one has stopped.
async fn feed(State(road): State<Arc<Road>>, Query(asked): Query<FeedAsked>) -> Response {
    told(move || {
        let limit = asked.limit.unwrap_or(FED).clamp(1, FED_MAX);
        let (mut events, mut last) = (Vec::new(), asked.after.clone());
        book::events(&road.outbox, &asked.after, |id, event: Event| {
            id.clone_into(&mut last);
            if asked.department.is_none() || asked.department == event.department {
                events.push(event.to_json());
            }
            if events.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(json!({ "events": events, "after": last }))
    })
    .await
}

#[derive(Deserialize)]
struct SummaryAsked {
    by: String,
    #[serde(flatten)]
    wanted: Wanted,
}

/// `GET /admin/v1/audit/summary`
async fn summarise(State(road): State<Arc<Road>>, Query(asked): Query<SummaryAsked>) -> Response {
    let Some(by) = By::parse(&asked.by) else {
        return wrong("by 是 person、doctor、department、hospital、rule、behaviour 之一");
    };
    if let Some(reason) = asked.wanted.problem() {
        return wrong(reason);
    }
    told(move || {
        let hospital = (road.config.hospital.code.clone(), road.config.hospital.name.clone());
        let all = list::wanted(&road.outbox, &asked.wanted)?;
        Ok(json!(summary::table(&all, by, &hospital)))
    })
    .await
}

#[derive(Deserialize)]
struct MonthAsked {
    /// `YYYYMM`.
    month: String,
    /// The hospital's table of stock: the head, then a row an item.
    #[serde(default)]
    rows: Vec<Vec<String>>,
}

/// `GET /admin/v1/audit/ratios`
async fn count_ratios(State(road): State<Arc<Road>>, Query(asked): Query<MonthAsked>) -> Response {
    let Some(month) = month(&asked.month) else { return wrong(MONTH) };
    told(move || {
        let _turn = road.audit.turn()?;
        let sets = road.sets.load_full();
        let of = (road.config.hospital.code.as_str(), month);
        Ok(json!(ratios::report((&road.audit, &road.history), &sets.rules, of)?))
    })
    .await
}

/// `POST /admin/v1/audit/stock`
async fn count_stock(State(road): State<Arc<Road>>, Json(asked): Json<MonthAsked>) -> Response {
    let Some(month) = month(&asked.month) else { return wrong(MONTH) };
    let items = match stock::items(&asked.rows) {
        Ok(items) => items,
        Err(problems) => return failed(StatusCode::BAD_REQUEST, "I121", &problems),
    };
    told(move || {
        let _turn = road.audit.turn()?;
        Ok(json!(stock::report((&road.audit, &road.history), &items, month)?))
    })
    .await
}

async fn told(work: impl FnOnce() -> Result<Value, NotRun> + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(told)) => done(&told),
        Ok(Err(error)) => not_done(&error),
        Err(_) => not_done(&NotRun::Stopped),
    }
}

pub(super) fn not_done(error: &NotRun) -> Response {
    let (status, code) = match error {
        NotRun::Busy => (StatusCode::CONFLICT, "I122"),
        NotRun::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "I122"),
        NotRun::NoHistory => (StatusCode::SERVICE_UNAVAILABLE, "O305"),
        NotRun::NoEncounter => (StatusCode::NOT_FOUND, "O304"),
        NotRun::Store(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.code()),
    };
    failed(status, code, &[error.to_string()])
}

fn wrong(reason: &str) -> Response {
    failed(StatusCode::BAD_REQUEST, "I121", &[reason.to_owned()])
}

pub(super) fn unknown() -> Response {
    failed(StatusCode::NOT_FOUND, "I123", &["没有这个疑点".to_owned()])
}

fn yesterday() -> Option<Date> {
    clock::now().date().yesterday().ok()
}

fn day(text: &str) -> Result<Date, &'static str> {
    Date::strptime("%Y%m%d", text).map_err(|_| DAY)
}

fn month(text: &str) -> Option<Date> {
    Date::strptime("%Y%m%d", format!("{text}01")).ok()
}

const DAY: &str = "day 写成 YYYYMMDD";
const MONTH: &str = "month 写成 YYYYMM";
const LISTED: usize = 50;
const FED: usize = 100;
const FED_MAX: usize = 1000;
