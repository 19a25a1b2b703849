//! What commands can ask of the log: the checks of a span of time, and the whole trace of one check
//! or of one finding.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use jiff::ToSpan as _;
use jiff::civil::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::Check;
use super::kept;
use super::log::Log;
use super::statistics::Statistics;
use super::tracked::Tracked;
use super::why;
use crate::clock;
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};
use crate::pipeline;

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/checks", get(list))
        .route("/admin/v1/checks/requests", get(kept::requests))
        .route("/admin/v1/checks/{id}", get(show))
        .route("/admin/v1/rules/statistics", get(statistics))
        .route("/admin/v1/checks/{id}/explain", get(why::whole))
        .route("/admin/v1/checks/{id}/findings/{finding}/explain", get(why::one))
}

/// Which checks are wanted; what is absent narrows nothing.
#[derive(Debug, Default, Deserialize)]
struct Wanted {
    /// `YYYYMMDD` or `YYYYMMDDhhmmss`; today when absent.
    from: Option<String>,
    /// The same; without it, up to now. A day is meant as a whole.
    to: Option<String>,
    encounter: Option<String>,
    rule: Option<String>,
    /// Only checks with a finding in this state.
    state: Option<String>,
    channel: Option<String>,
    /// At most so many, the latest.
    limit: Option<usize>,
}

/// `GET /admin/v1/checks`
async fn list(State(road): State<Arc<Road>>, Query(wanted): Query<Wanted>) -> Response {
    road.checks.flush().await;
    let Some(log) = road.checks.log().cloned() else { return failed_to_read(&StoreError::Stopped) };
    let Some((from, to)) = wanted.span() else { return wrong_span() };
    match blocking(move || wanted.checks(&log, from, to)).await {
        Ok(checks) => done(&json!({ "checks": checks })),
        Err(error) => failed_to_read(&error),
    }
}

/// `GET /admin/v1/rules/statistics`
async fn statistics(State(road): State<Arc<Road>>, Query(wanted): Query<Wanted>) -> Response {
    road.checks.flush().await;
    let Some(log) = road.checks.log().cloned() else { return failed_to_read(&StoreError::Stopped) };
    let Some((from, to)) = wanted.span() else { return wrong_span() };
    match blocking(move || Statistics::read(&log, from, to)).await {
        Ok(statistics) => {
            let statistics = statistics.named(road.sets.load().rules.rules());
            done(&statistics.to_json(wanted.rule.as_deref()))
        }
        Err(error) => failed_to_read(&error),
    }
}

fn wrong_span() -> Response {
    let reason = "from 和 to 写成 YYYYMMDD 或 YYYYMMDDhhmmss".to_owned();
    failed(StatusCode::BAD_REQUEST, "I111", &[reason])
}

impl Wanted {
    fn span(&self) -> Option<(DateTime, DateTime)> {
        let day = |text: &str| pipeline::moment(&format!("{text}000000"));
        let from = match &self.from {
            None => clock::now().date().to_datetime(jiff::civil::Time::midnight()),
            Some(text) => pipeline::moment(text).or_else(|| day(text))?,
        };
        let to = match &self.to {
            None => clock::now().checked_add(1.second()).ok()?,
            Some(text) => match pipeline::moment(text) {
                Some(moment) => moment,
                None => day(text)?.checked_add(1.day()).ok()?,
            },
        };
        Some((from, to))
    }

    fn checks(&self, log: &Log, from: DateTime, to: DateTime) -> Result<Vec<Value>, StoreError> {
        let limit = self.limit.unwrap_or(LISTED).clamp(1, LISTED_MAX);
        let (mut latest, mut failed) = (VecDeque::new(), None);
        log.between(from, to, |check| {
            match self.is_wanted(log, &check) {
                Ok(true) => latest.push_back(check),
                Ok(false) => {}
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            if latest.len() > limit {
                latest.pop_front();
            }
            ControlFlow::Continue(())
        })?;
        match failed {
            Some(error) => Err(error),
            None => latest.iter().map(|it| told(log, it)).collect(),
        }
    }

    fn is_wanted(&self, log: &Log, check: &Check) -> Result<bool, StoreError> {
        let fits = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        let of_rule = |id: &String| check.findings.iter().any(|it| it.rule_id == *id);
        if !fits(&self.encounter, &check.encounter)
            || !fits(&self.channel, &check.channel)
            || !self.rule.as_ref().is_none_or(of_rule)
        {
            return Ok(false);
        }
        let Some(state) = &self.state else { return Ok(true) };
        for found in &check.findings {
            if log.finding(&found.id)?.is_some_and(|it| it.state.name() == state) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `GET /admin/v1/checks/{id}`: of a check or of a finding.
async fn show(State(road): State<Arc<Road>>, Path(id): Path<String>) -> Response {
    road.checks.flush().await;
    let Some(log) = road.checks.log().cloned() else { return failed_to_read(&StoreError::Stopped) };
    let asked = id.clone();
    match blocking(move || trace(&log, &asked)).await {
        Ok(Some(trace)) => done(&trace),
        Ok(None) => {
            let id: String = id.chars().take(50).collect();
            let reason = format!("没有审查或问题 {id}");
            failed(StatusCode::NOT_FOUND, "I113", &[reason])
        }
        Err(error) => failed_to_read(&error),
    }
}

fn trace(log: &Log, id: &str) -> Result<Option<Value>, StoreError> {
    if let Some(check) = log.get(id)? {
        let mut told = told(log, &check)?;
        let mut traces = Vec::new();
        for found in &check.findings {
            if let Some(tracked) = log.finding(&found.id)? {
                traces.push(traced(log, &tracked)?);
            }
        }
        if let Some(members) = told.as_object_mut() {
            members.insert("trace".to_owned(), Value::from(traces));
            members.insert("request_bytes".to_owned(), Value::from(check.request.len()));
        }
        return Ok(Some(told));
    }
    match log.finding(id)? {
        Some(tracked) => Ok(Some(json!({ "trace": [traced(log, &tracked)?] }))),
        None => Ok(None),
    }
}

/// A check, with where each of its findings stands now.
fn told(log: &Log, check: &Check) -> Result<Value, StoreError> {
    let mut told = json!(check);
    let findings = told.get_mut("findings").and_then(Value::as_array_mut);
    for (value, found) in findings.into_iter().flatten().zip(&check.findings) {
        let state = log.finding(&found.id)?.map(|it| it.state.name());
        if let Some(members) = value.as_object_mut() {
            members.insert("state".to_owned(), json!(state));
        }
    }
    Ok(told)
}

/// A finding over time, with the records in which its orders were uploaded.
fn traced(log: &Log, tracked: &Tracked) -> Result<Value, StoreError> {
    let mut told = json!(tracked);
    if let Some(members) = told.as_object_mut() {
        members.insert("uploaded".to_owned(), json!(log.links(tracked)?));
    }
    Ok(told)
}

fn failed_to_read(error: &StoreError) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &[error.to_string()])
}

const LISTED: usize = 50;
const LISTED_MAX: usize = 1000;
