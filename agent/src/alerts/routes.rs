//! How alerts and their targets stand, a test, silence: for commands.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use jiff::ToSpan as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::Silence;
use super::keeper;
use super::target::Notice;
use super::window;
use crate::control::{done, failed};
use crate::intake::Road;
use crate::{clock, pipeline};

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/alerts", get(list))
        .route("/admin/v1/alerts/test", post(test))
        .route("/admin/v1/alerts/silence", post(silence))
}

/// `GET /admin/v1/alerts`: what stands, what is silenced, how the targets do.
async fn list(State(road): State<Arc<Road>>) -> Response {
    done(&listed(&road))
}

pub(crate) fn listed(road: &Road) -> Value {
    let now = clock::now();
    let inside = road.alerts.inside();
    let raised = inside.board.raised().map(|it| {
        json!({
            "code": it.code,
            "severity": it.severity,
            "text": it.text,
            "since": it.since,
            "silenced": inside.is_silenced(&it.code, now),
        })
    });
    let silences = inside.silences.iter().filter(|it| it.holds(now));
    let targets = road.config.alerts.targets.iter().map(|it| {
        let told = inside.told.get(&it.name);
        let least = window::least(&it.manner.windows, it.manner.severity, now);
        json!({
            "name": it.name,
            "kind": it.way.kind(),
            "listens": least,
            "told": told.map(|it| it.known().into_iter().map(|it| it.code).collect::<Vec<_>>()),
            "standing": told.map(|it| &it.standing),
        })
    });
    json!({
        "alerts": raised.collect::<Vec<_>>(),
        "silences": silences.collect::<Vec<_>>(),
        "targets": targets.collect::<Vec<_>>(),
    })
}

#[derive(Deserialize)]
struct ToTest {
    target: String,
}

/// `POST /admin/v1/alerts/test`: a notice that says it is a test, whatever the hour.
async fn test(State(road): State<Arc<Road>>, Json(asked): Json<ToTest>) -> Response {
    let targets = &road.config.alerts.targets;
    let Some(target) = targets.iter().find(|it| it.name == asked.target).cloned() else {
        let names: Vec<&str> = targets.iter().map(|it| it.name.as_str()).collect();
        let reason = format!("没有这个告警去处；有：{}", names.join("、"));
        return failed(StatusCode::NOT_FOUND, "I241", &[reason]);
    };
    let saying = Arc::clone(&road);
    let saying =
        tokio::task::spawn_blocking(move || keeper::say(&saying, &target, &Notice::test()));
    let said = tokio::select! {
        said = saying => said,
        () = road.alerts.stop.cancelled() => {
            let reason = "前置机正在停，没有等到这个去处的答复".to_owned();
            return failed(StatusCode::BAD_GATEWAY, "I242", &[reason]);
        }
    };
    match said {
        Ok(Ok(but)) => {
            if let Some(told) = road.alerts.inside().told.get_mut(&asked.target) {
                told.reached();
            }
            done(&json!({ "target": asked.target, "but": but }))
        }
        Ok(Err(why)) => failed(StatusCode::BAD_GATEWAY, "I242", &[why]),
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, "I242", &[error.to_string()]),
    }
}

#[derive(Deserialize)]
struct ToSilence {
    code: String,
    /// None: it is heard again.
    minutes: u32,
    #[serde(default)]
    reason: String,
}

/// `POST /admin/v1/alerts/silence`: nobody is told of an alert for a while, or is told again.
async fn silence(State(road): State<Arc<Road>>, Json(asked): Json<ToSilence>) -> Response {
    let ToSilence { code, minutes, reason } = asked;
    let is_code =
        (1..=CODE_MAX).contains(&code.len()) && code.bytes().all(|it| it.is_ascii_alphanumeric());
    if !is_code || minutes > MINUTES_MAX {
        let reason = "写告警的代码（his-agent alerts list），最长 30 天".to_owned();
        return failed(StatusCode::BAD_REQUEST, "I243", &[reason]);
    }
    if minutes > 0 && reason.trim().is_empty() {
        return failed(StatusCode::BAD_REQUEST, "O403", &["静默要写明原因".to_owned()]);
    }
    let now = clock::now();
    let until = pipeline::stamp(now.saturating_add(i64::from(minutes).minutes()));
    tracing::info!(code, until, reason, "an alert is silenced");
    {
        let mut inside = road.alerts.inside();
        inside.silences.retain(|it| it.code != code && it.holds(now));
        if minutes > 0 {
            inside.silences.push(Silence { code: code.clone(), until: until.clone(), reason });
        }
        let over = inside.silences.len().saturating_sub(SILENCES_MAX);
        drop(inside.silences.drain(..over));
    }
    keeper::write_down(&road).await;
    done(&json!({ "code": code, "until": (minutes > 0).then_some(until) }))
}

const CODE_MAX: usize = 8;
const MINUTES_MAX: u32 = 30 * 24 * 60;
const SILENCES_MAX: usize = 64;
