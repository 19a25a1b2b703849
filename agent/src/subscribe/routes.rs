//! How subscriptions stand, and what a person decides about single records, for commands.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::decided::Skip;
use super::{Subscriber, place};
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/subscriptions", get(list))
        .route("/admin/v1/subscriptions/retry", post(retry))
        .route("/admin/v1/subscriptions/skip", post(skip))
}

/// `GET /admin/v1/subscriptions`: all, each with the first of what it refused.
async fn list(State(road): State<Arc<Road>>) -> Response {
    match blocking(move || listed(&road)).await {
        Ok(all) => done(&json!({ "subscriptions": all })),
        Err(error) => unread(&error),
    }
}

fn listed(road: &Road) -> Result<Vec<Value>, StoreError> {
    let mut all = road.subscriptions.standing(&road.outbox);
    for (told, it) in all.iter_mut().zip(&road.subscriptions.0) {
        let refused = place::refused(&road.outbox, &it.config.name, (0, LISTED))?;
        if let Some(members) = told.as_object_mut() {
            members.insert("refused".to_owned(), json!(refused));
        }
    }
    Ok(all)
}

#[derive(Deserialize)]
struct Asked {
    name: String,
}

/// `POST /admin/v1/subscriptions/retry`: what was set aside goes once more, as soon as all else has gone.
async fn retry(State(road): State<Arc<Road>>, Json(asked): Json<Asked>) -> Response {
    match named(&road, &asked.name) {
        Ok(it) => it.send_again(),
        Err(refusal) => return refusal,
    }
    done(&json!({ "name": asked.name }))
}

#[derive(Deserialize)]
struct ToSkip {
    name: String,
    seq: u64,
    reason: String,
}

/// `POST /admin/v1/subscriptions/skip`: the record it stands at is set aside; one that was set aside is
/// never pushed.
async fn skip(State(road): State<Arc<Road>>, Json(asked): Json<ToSkip>) -> Response {
    let it = match named(&road, &asked.name) {
        Ok(it) => it,
        Err(refusal) => return refusal,
    };
    if asked.reason.trim().is_empty() {
        return failed(StatusCode::BAD_REQUEST, "O403", &["跳过要写明原因".to_owned()]);
    }
    let (looking, name, seq) = (Arc::clone(&road), asked.name.clone(), asked.seq);
    let can = blocking(move || match find(&looking, &name) {
        Some(it) => it.can_skip(&looking.outbox, seq),
        None => Ok(false),
    });
    match can.await {
        Ok(true) => {}
        Ok(false) => {
            let reason = format!("{seq} 不是停着的那条，也没有另放；编号见 show");
            return failed(StatusCode::NOT_FOUND, "I186", &[reason]);
        }
        Err(error) => return unread(&error),
    }
    it.skip(Skip { seq, reason: asked.reason });
    for _ in 0..LOOKS {
        if it.has_skipped() {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    done(&json!({ "name": asked.name, "seq": seq, "done": it.has_skipped() }))
}

fn find<'a>(road: &'a Road, name: &str) -> Option<&'a Subscriber> {
    road.subscriptions.0.iter().find(|it| it.config.name == name)
}

#[allow(clippy::result_large_err)] // a refusal is an answer, made once
fn named<'a>(road: &'a Road, name: &str) -> Result<&'a Subscriber, Response> {
    find(road, name).ok_or_else(|| {
        let names: Vec<&str> =
            road.subscriptions.0.iter().map(|it| it.config.name.as_str()).collect();
        let reason = format!("没有这个订阅；有：{}", names.join("、"));
        failed(StatusCode::NOT_FOUND, "I184", &[reason])
    })
}

fn unread(error: &StoreError) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &[error.to_string()])
}

const LOOKS: u32 = 50;
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LISTED: usize = 100;
