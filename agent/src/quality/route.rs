//! What the control socket tells of quality: a day as it stands at this moment.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use jiff::civil::Date;
use serde::Deserialize;

use crate::clock;
use crate::control::{done, failed};
use crate::intake::Road;

/// Which day; today when it is not said.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    day: Option<String>,
}

/// `GET /admin/v1/quality?day=2026-11-22`
pub(crate) async fn tell(State(road): State<Arc<Road>>, Query(asked): Query<Asked>) -> Response {
    let date: Date = match asked.day.map(|it| it.parse()) {
        None => clock::now().date(),
        Some(Ok(date)) => date,
        Some(Err(_)) => {
            let reason = "日期写成 2026-11-22 的样子".to_owned();
            return failed(StatusCode::BAD_REQUEST, "Q001", &[reason]);
        }
    };
    let quality = Arc::clone(&road.quality);
    let day = tokio::task::spawn_blocking(move || quality.day(date)).await;
    match day.map_err(std::io::Error::other).flatten().and_then(|it| Ok(serde_json::to_value(it)?))
    {
        Ok(day) => done(&day),
        Err(error) => {
            let reason = format!("当天的质量统计读不出：{error}");
            failed(StatusCode::INTERNAL_SERVER_ERROR, "Q001", &[reason])
        }
    }
}
