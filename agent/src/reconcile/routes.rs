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
use super::follow::day_of;
use super::question::{Answer, Ask, Day};
use super::repair::repair;
use super::run::{self, ask, compare, reach, with};
use super::{his, keeper, report};
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::StoreError;

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/reconcile", post(reconcile))
        .route("/admin/v1/reconcile/his", post(against_his))
}

#[derive(Debug, Deserialize)]
struct Asked {
    /// `YYYYMMDD`
    day: String,
    #[serde(default)]
    repair: bool,
    /// A file with the platform's account, where it cannot be asked.
    answer: Option<PathBuf>,
    #[serde(default)]
    by: String,
}

/// `POST /admin/v1/reconcile`: a day against the platform; put right when it is asked for.
async fn reconcile(State(road): State<Arc<Road>>, Json(asked): Json<Asked>) -> Response {
    if !is_day(&asked.day) {
        return no_day();
    }
    match told(&road, &asked).await {
        Ok(told) => done(&told),
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

async fn told(road: &Arc<Road>, asked: &Asked) -> Result<Value, Trouble> {
    let _running = road.accounts.opened()?.running.lock().await;
    let of = run::of(road, &asked.day);
    let mut platform = reach(road, &of, asked.answer.as_deref()).await?;
    let told = reconciled(road, &mut platform, &of, asked).await;
    platform.close().await;
    told
}

async fn reconciled(
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
        let left = report::of_differences(&compared);
        report::add(&mut told, &json!({ "left": left }));
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
    /// The HIS's totals, as CSV.
    totals: String,
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
    let lines = match his::read(&asked.totals) {
        Ok(lines) => lines,
        Err(problems) => return failed(StatusCode::BAD_REQUEST, "O505", &problems),
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
