//! `GET /admin/v1/calls`: who has called.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;

use super::read::Wanted;
use crate::control::{done, failed};
use crate::intake::Road;

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new().route("/admin/v1/calls", get(list))
}

async fn list(
    State(road): State<Arc<Road>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let wanted = match wanted {
        Ok(Query(wanted)) => wanted,
        Err(error) => return failed(StatusCode::BAD_REQUEST, "I172", &[error.to_string()]),
    };
    match tokio::task::spawn_blocking(move || road.calls.list(&wanted)).await {
        Ok(Ok(calls)) => done(&json!({ "calls": calls })),
        Ok(Err(error)) => {
            failed(StatusCode::INTERNAL_SERVER_ERROR, "I233", &[format!("读不出：{error}")])
        }
        Err(_) => failed(StatusCode::INTERNAL_SERVER_ERROR, "I233", &["读不出".to_owned()]),
    }
}
