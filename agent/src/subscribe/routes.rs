//! How subscriptions stand, and once more what was refused, for commands.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::place;
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::StoreError;

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/subscriptions", get(list))
        .route("/admin/v1/subscriptions/retry", post(retry))
}

/// `GET /admin/v1/subscriptions`: all, each with the first of what it refused.
async fn list(State(road): State<Arc<Road>>) -> Response {
    match tokio::task::spawn_blocking(move || listed(&road)).await {
        Ok(Ok(all)) => done(&json!({ "subscriptions": all })),
        Ok(Err(error)) => {
            failed(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &[error.to_string()])
        }
        Err(_) => failed(StatusCode::INTERNAL_SERVER_ERROR, "I108", &["读不出".to_owned()]),
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

/// `POST /admin/v1/subscriptions/retry`: what was refused goes once more, as soon as all else has gone.
async fn retry(State(road): State<Arc<Road>>, Json(asked): Json<Asked>) -> Response {
    let Some(it) = road.subscriptions.0.iter().find(|it| it.config.name == asked.name) else {
        let names: Vec<&str> =
            road.subscriptions.0.iter().map(|it| it.config.name.as_str()).collect();
        let reason = format!("没有这个订阅；有：{}", names.join("、"));
        return failed(StatusCode::NOT_FOUND, "I184", &[reason]);
    };
    it.again.store(true, Ordering::SeqCst);
    done(&json!({ "name": asked.name }))
}

const LISTED: usize = 100;
