//! What commands can ask of the doctor.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Site, examine, log};
use crate::control::{done, failed};
use crate::intake::Road;

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/doctor", post(now))
        .route("/admin/v1/doctor/history", get(history))
}

/// Who asks.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Asked {
    /// The character set of the terminal, as its environment names it.
    #[serde(default)]
    pub(crate) locale: Option<String>,
}

/// `POST /admin/v1/doctor`: looks at everything now, from within the daemon.
async fn now(State(road): State<Arc<Road>>, Json(asked): Json<Asked>) -> Response {
    let looking = tokio::task::spawn_blocking(move || {
        let report = examine(&Site::of(&road, asked.locale));
        road.patrol.note(&report);
        report
    });
    match looking.await {
        Ok(report) => done(&json!(report)),
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, "H002", &[error.to_string()]),
    }
}

/// Which of the reports.
#[derive(Debug, Deserialize)]
struct Which {
    /// The last so many.
    #[serde(default = "last")]
    last: usize,
}

fn last() -> usize {
    30
}

/// `GET /admin/v1/doctor/history?last=30`: what patrols have found, the oldest first.
async fn history(State(road): State<Arc<Road>>, Query(which): Query<Which>) -> Response {
    let dir = road.config.patrol.dir.clone();
    let kept = tokio::task::spawn_blocking(move || log::reports(&dir, which.last)).await;
    match kept.map_err(std::io::Error::other).flatten() {
        Ok(reports) => done(&json!(reports)),
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, "A001", &[error.to_string()]),
    }
}
