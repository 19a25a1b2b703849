//! What operators may ask of messages. Ids of patients come in a body, never in an address.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::letters::{Said, Tried};
use super::query::{Asked, Query};
use super::replay::Wanted;
use super::show::Shown;
use super::{Opened, forecast};
use crate::clock;
use crate::control::{done, failed};
use crate::envelope::Receipt;
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/messages", get(status))
        .route("/admin/v1/messages/list", post(list))
        .route("/admin/v1/messages/show", post(show))
        .route("/admin/v1/messages/discard", post(discard))
        .route("/admin/v1/messages/retry", post(retry))
        .route("/admin/v1/messages/replay", get(replays).post(replay))
        .route("/admin/v1/messages/replay/stop", post(stop))
}

/// `GET /admin/v1/messages`: what is kept, for how long, what it takes, and what has died of what.
async fn status(State(road): State<Arc<Road>>) -> Response {
    answer(with(&road, forecast::told).await)
}

async fn list(State(road): State<Arc<Road>>, Json(asked): Json<Asked>) -> Response {
    let query = match asked.query(clock::now()) {
        Ok(query) => query,
        Err(reason) => return failed(StatusCode::BAD_REQUEST, "O402", &[reason]),
    };
    answer(with(&road, move |road, opened| opened.list(&query, &road.forward)).await)
}

#[derive(Debug, Deserialize)]
struct Show {
    id: String,
    #[serde(default)]
    reveal: bool,
    #[serde(flatten)]
    said: Said,
}

async fn show(State(road): State<Arc<Road>>, Json(asked): Json<Show>) -> Response {
    let Show { id, reveal, said } = asked;
    if reveal && said.reason.trim().is_empty() {
        return no_reason();
    }
    let shown = Shown { reveal };
    let wanted = id.clone();
    let found = with(&road, move |road, opened| shown.journey(road, opened, &wanted)).await;
    match found {
        Ok(Some(told)) => {
            if reveal {
                let id = told.get("message_id").and_then(Value::as_str).unwrap_or_default();
                tracing::warn!(
                    message_id = id,
                    by = said.by,
                    reason = said.reason,
                    "a message was shown in clear"
                );
            }
            done(&told)
        }
        Ok(None) => {
            let id: String = id.chars().take(50).collect();
            failed(StatusCode::NOT_FOUND, "O401", &[format!("没有报文 {id}")])
        }
        Err(error) => store_failed(&error),
    }
}

/// Which letters: by number, or all of a query.
#[derive(Debug, Deserialize)]
struct Decide {
    #[serde(default)]
    letters: Vec<u64>,
    /// With letters named, nothing else is asked.
    #[serde(flatten)]
    asked: Asked,
    /// Other bytes to send on, in hexadecimal; for one letter.
    edited: Option<String>,
    #[serde(flatten)]
    said: Said,
}

impl Decide {
    /// The numbers; those of a query are all that it means, however many.
    async fn numbers(&self, road: &Arc<Road>) -> Result<Result<Vec<u64>, String>, StoreError> {
        if !self.letters.is_empty() {
            return Ok(Ok(self.letters.clone()));
        }
        let query = match self.asked.clone().query(clock::now()) {
            Ok(query) if self.asked != Asked::default() => Query { limit: usize::MAX, ..query },
            Ok(_) => return Ok(Err("写明死信编号，或用 --code 等条件选择".to_owned())),
            Err(reason) => return Ok(Err(reason)),
        };
        let numbers = with(road, move |_, opened| {
            let mut numbers = Vec::new();
            opened.each_letter(|number, letter| {
                let copies = opened.outbox.copies(number, &letter).ok().flatten();
                if query.wants_letter(&letter, copies.as_ref()) {
                    numbers.push(number);
                }
            })?;
            Ok(numbers)
        });
        numbers.await.map(Ok)
    }
}

async fn discard(State(road): State<Arc<Road>>, Json(asked): Json<Decide>) -> Response {
    if asked.said.reason.trim().is_empty() {
        return no_reason();
    }
    let numbers = match asked.numbers(&road).await {
        Ok(Ok(numbers)) => numbers,
        Ok(Err(reason)) => return failed(StatusCode::BAD_REQUEST, "O402", &[reason]),
        Err(error) => return store_failed(&error),
    };
    let Some(opened) = road.journeys.opened() else { return store_failed(&StoreError::Stopped) };
    match opened.discard(&numbers, &asked.said).await {
        Ok(0) if !asked.letters.is_empty() => no_letter(),
        Ok(gone) => done(&json!({ "discarded": gone })),
        Err(error) => store_failed(&error),
    }
}

async fn retry(State(road): State<Arc<Road>>, Json(asked): Json<Decide>) -> Response {
    if asked.said.reason.trim().is_empty() {
        return no_reason();
    }
    let edited = match asked.edited.as_deref().map(unhex) {
        None => None,
        Some(Some(bytes)) if asked.letters.len() == 1 => Some(bytes),
        Some(_) => {
            let reason = "改过的报文一次只给一封死信，写成十六进制".to_owned();
            return failed(StatusCode::BAD_REQUEST, "O402", &[reason]);
        }
    };
    let numbers = match asked.numbers(&road).await {
        Ok(Ok(numbers)) => numbers,
        Ok(Err(reason)) => return failed(StatusCode::BAD_REQUEST, "O402", &[reason]),
        Err(error) => return store_failed(&error),
    };
    let Some(opened) = road.journeys.opened() else { return store_failed(&StoreError::Stopped) };
    let mut told = Vec::with_capacity(numbers.len());
    for number in numbers {
        match opened.retry(&road, number, edited.clone(), &asked.said).await {
            Ok(Some(tried)) => told.push(tried_told(number, tried)),
            Ok(None) if asked.letters.len() == 1 => return no_letter(),
            Ok(None) => {}
            Err(error) => return store_failed(&error),
        }
    }
    done(&json!({ "tried": told }))
}

fn tried_told(number: u64, tried: Tried) -> Value {
    match tried {
        Tried::Taken(receipt) => {
            json!({ "letter": number, "outcome": outcome(&receipt), "message_id": receipt.message_id, "records": receipt.records.len() })
        }
        Tried::Refused(code, message, findings) => {
            let findings: Value = serde_json::from_str(&findings).unwrap_or_default();
            json!({ "letter": number, "outcome": "refused", "code": code, "message": message, "findings": findings })
        }
        Tried::Impossible(why) => {
            json!({ "letter": number, "outcome": "impossible", "code": "O405", "message": why })
        }
    }
}

fn outcome(receipt: &Receipt) -> &'static str {
    receipt.records.first().map_or("accepted", |it| it.status.as_str())
}

#[derive(Debug, Deserialize)]
struct Replay {
    #[serde(flatten)]
    wanted: Wanted,
    /// Say what would be sent, and send nothing.
    #[serde(default)]
    dry_run: bool,
}

async fn replay(State(road): State<Arc<Road>>, Json(asked): Json<Replay>) -> Response {
    let Replay { wanted, dry_run } = asked;
    if !dry_run && wanted.said.reason.trim().is_empty() {
        return no_reason();
    }
    let planned = with(&road, move |_, opened| match opened.plan(wanted)? {
        Ok(replay) if dry_run => Ok(Ok(replay)),
        Ok(replay) => opened.begin(replay).map(Ok),
        Err(reason) => Ok(Err(reason)),
    });
    match planned.await {
        Ok(Ok(replay)) => done(&replay.told()),
        Ok(Err(reason)) => failed(StatusCode::BAD_REQUEST, "O402", &[reason]),
        Err(error) => store_failed(&error),
    }
}

async fn replays(State(road): State<Arc<Road>>) -> Response {
    let found = with(&road, |_, opened| opened.replays()).await;
    answer(found.map(|it| {
        let told: Vec<Value> = it.iter().map(super::replay::Replay::told).collect();
        json!({ "replays": told })
    }))
}

#[derive(Debug, Deserialize)]
struct Stop {
    replay: u64,
}

async fn stop(State(road): State<Arc<Road>>, Json(asked): Json<Stop>) -> Response {
    match with(&road, move |_, opened| opened.stop_replay(asked.replay)).await {
        Ok(true) => done(&json!({ "stopped": asked.replay })),
        Ok(false) => {
            let reason = format!("没有正在进行的重发 {}", asked.replay);
            failed(StatusCode::NOT_FOUND, "O406", &[reason])
        }
        Err(error) => store_failed(&error),
    }
}

/// Work on what is open, on a thread that may block.
async fn with<T: Send + 'static>(
    road: &Arc<Road>,
    work: impl FnOnce(&Road, &Opened) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let road = Arc::clone(road);
    blocking(move || work(&road, road.journeys.opened().ok_or(StoreError::Stopped)?)).await
}

fn answer(found: Result<Value, StoreError>) -> Response {
    match found {
        Ok(told) => done(&told),
        Err(error) => store_failed(&error),
    }
}

fn no_reason() -> Response {
    failed(StatusCode::BAD_REQUEST, "O403", &["请用 --reason 写明原因".to_owned()])
}

fn no_letter() -> Response {
    failed(StatusCode::NOT_FOUND, "O404", &["没有这封死信".to_owned()])
}

fn store_failed(error: &StoreError) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &[error.to_string()])
}

fn unhex(text: &str) -> Option<Bytes> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty()).map(Bytes::from)
}
