//! What operators may ask of the account.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::{Platform, Trouble};
use super::elsewhere::give_up;
use super::follow::day_of;
use super::question::{Answer, Ask, Day};
use super::repair::repair;
use super::results::Outcome;
use super::run::{self, ask, compare, reach, with};
use super::{his, keeper, report};
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::StoreError;
use crate::{clock, pipeline};

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/reconcile", post(reconcile))
        .route("/admin/v1/reconcile/his", post(against_his))
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// `YYYYMMDD`
    pub(super) day: String,
    #[serde(default)]
    pub(super) repair: bool,
    /// A file with the platform's account, where it cannot be asked.
    pub(super) answer: Option<PathBuf>,
    #[serde(default)]
    pub(super) by: String,
}

/// `POST /admin/v1/reconcile`: a day against the platform; put right when it is asked for.
async fn reconcile(State(road): State<Arc<Road>>, Json(asked): Json<Asked>) -> Response {
    if !is_day(&asked.day) {
        return no_day();
    }
    match told(&road, &asked).await {
        Ok(told) => {
            keep_result(&road, &asked.day, &told).await;
            done(&told)
        }
        Err(trouble) => {
            let status = match trouble {
                Trouble::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
                Trouble::File(_) | Trouble::NoWayBack | Trouble::Forgotten => {
                    StatusCode::BAD_REQUEST
                }
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            failed(status, trouble.code(), &[trouble.to_string()])
        }
    }
}

/// An alert about the day is over, or stands, by what somebody has just seen.
async fn keep_result(road: &Arc<Road>, day: &str, told: &Value) {
    let at = pipeline::stamp(clock::now());
    let (day, told, result) = (day.to_owned(), told.clone(), Outcome::of(told));
    let kept = with(road, move |opened| {
        let his_differs = opened.his_differs(&day);
        Ok(opened.results.keep(&day, Outcome { at, his_differs, ..result }, told))
    });
    if let Ok(Err(error)) = kept.await {
        tracing::error!(%error, "the result of a reconciliation could not be kept");
    }
}

/// Compares a day, and puts it right if that was asked for.
pub(super) async fn told(road: &Arc<Road>, asked: &Asked) -> Result<Value, Trouble> {
    let _running = road.accounts.opened()?.running.lock().await;
    let of = run::of(road, &asked.day);
    let mut platform = reach(road, &of, asked.answer.as_deref()).await?;
    let told = reconciled(road, &mut platform, &of, asked).await;
    platform.close().await;
    told
}

pub(super) async fn reconciled(
    road: &Arc<Road>,
    platform: &mut Platform,
    of: &Day,
    asked: &Asked,
) -> Result<Value, Trouble> {
    let mut compared = compare(road, platform, of).await?;
    let mut told = report::told(of, &compared);
    if asked.repair && !compared.differences.is_empty() {
        let found = &compared.differences;
        let repaired = repair(road, platform, of, found, asked.by.clone()).await?;
        report::add(&mut told, &json!({ "repair": repaired }));
        if matches!(platform, Platform::File { .. }) {
            // What the file tells is what was; the next one will tell what came of it.
            return Ok(told);
        }
        compared = compare(road, platform, of).await?;
        report::add(&mut told, &json!({ "left": report::of_differences(&compared) }));
    }
    if asked.repair && compared.is_only_unread() {
        let in_the_way = give_up(road, platform, of, &mut compared).await?;
        report::add(&mut told, &json!({ "not_given_up": in_the_way }));
        report::add(&mut told, &json!({ "left": report::of_differences(&compared) }));
    }
    if compared.is_balanced() {
        let (day, text) = (of.clone(), road.accounts.opened()?.state(of, &compared));
        let kept = ask(platform, of, Ask::Keep { statement: Box::new(text.clone()) }).await;
        let file = with(road, move |opened| {
            opened.keep_statement(&day, &text).map_err(|error| StoreError::Failed {
                operation: "keep a statement",
                cause: error.to_string(),
            })
        })
        .await?;
        let platform = matches!(kept, Ok(Answer::Kept));
        report::add(&mut told, &json!({ "statement": { "file": file, "platform": platform } }));
    }
    Ok(told)
}

#[derive(Debug, Deserialize)]
struct Totals {
    day: String,
    /// The HIS's totals, as CSV; without it, those that it has sent by itself.
    totals: Option<String>,
}

/// `POST /admin/v1/reconcile/his`: a day against the HIS's own totals.
async fn against_his(State(road): State<Arc<Road>>, Json(asked): Json<Totals>) -> Response {
    if !is_day(&asked.day) {
        return no_day();
    }
    let day = day_of(&asked.day);
    let oldest = keeper::oldest(road.config.messages.keep_days);
    let forgotten = with(&road, super::Opened::forgotten).await.unwrap_or(u32::MAX);
    if day < forgotten.max(oldest) {
        let told = Trouble::Forgotten;
        return failed(StatusCode::BAD_REQUEST, told.code(), &[told.to_string()]);
    }
    let lines = match asked.totals.as_deref().map(his::read) {
        Some(Ok(lines)) => lines,
        Some(Err(problems)) => return failed(StatusCode::BAD_REQUEST, "O505", &problems),
        None => {
            let wanted = asked.day.clone();
            let sent = with(&road, move |opened| Ok(opened.totals_of(&wanted))).await;
            let lines: Vec<his::Line> = sent.unwrap_or_default().into_values().flatten().collect();
            if lines.is_empty() {
                let reason = "HIS 没有送来这一天的合计".to_owned();
                return failed(StatusCode::BAD_REQUEST, "O505", &[reason]);
            }
            lines
        }
    };
    match with(&road, move |opened| opened.against_his(day, &lines)).await {
        Ok(mut told) => {
            report::add(&mut told, &json!({ "day": asked.day }));
            done(&told)
        }
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &[error.to_string()]),
    }
}

fn is_day(day: &str) -> bool {
    day.len() == 8 && day_of(day) != 1
}

fn no_day() -> Response {
    failed(StatusCode::BAD_REQUEST, "O506", &["日期写成 20261122 的样子".to_owned()])
}
