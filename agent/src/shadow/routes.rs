//! What the control socket can ask of the shadow.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::Standing;
use super::promote::promote;
use crate::control::{done, failed};
use crate::intake::Road;
use crate::sets::routes::refused;

/// What to compare.
#[derive(Debug, Deserialize)]
pub(crate) struct Order {
    /// The candidate's folder, in full.
    mappings: PathBuf,
    /// The one channel to compare; none compares all.
    channel: Option<String>,
}

/// `POST /admin/v1/shadow`: begins.
pub(crate) async fn start(State(road): State<Arc<Road>>, Json(order): Json<Order>) -> Response {
    let known = |name: &String| road.config.channels.iter().any(|it| it.name == *name);
    if let Some(name) = order.channel.as_ref().filter(|it| !known(it)) {
        let known: Vec<&str> = road.config.channels.iter().map(|it| it.name.as_str()).collect();
        let reason = format!("没有名为 {name} 的通道；已配置的通道：{}", known.join("、"));
        return failed(StatusCode::NOT_FOUND, "I104", &[reason]);
    }
    let started = tokio::task::spawn_blocking(move || {
        road.shadow.start(&road.config, &order.mappings, order.channel.as_deref())
    });
    match started.await {
        Ok(Ok(digest)) => done(&json!({ "candidate": digest.short() })),
        Ok(Err(problems)) => refused(&problems),
        Err(_) => broken(),
    }
}

/// `GET /admin/v1/shadow`: what was found by now.
pub(crate) async fn report(State(road): State<Arc<Road>>) -> Response {
    let Some(standing) = road.shadow.standing() else { return not_running() };
    let Standing { dir, candidate, channel, since, skipped, report } = standing;
    let mut told = report.to_json();
    if let Some(members) = told.as_object_mut() {
        members.insert("mappings".to_owned(), json!(dir));
        members.insert("candidate".to_owned(), json!(candidate.short()));
        members.insert("channel".to_owned(), json!(channel));
        members.insert("since".to_owned(), json!(since.to_string()));
        members.insert("skipped".to_owned(), json!(skipped));
    }
    done(&told)
}

/// `POST /admin/v1/shadow/stop`
pub(crate) async fn stop(State(road): State<Arc<Road>>, _body: Bytes) -> Response {
    if road.shadow.stop() { done(&json!({})) } else { not_running() }
}

/// `POST /admin/v1/shadow/promote`
pub(crate) async fn promote_now(State(road): State<Arc<Road>>, _body: Bytes) -> Response {
    match tokio::task::spawn_blocking(move || promote(&road)).await {
        Ok(Ok((reloaded, old))) => {
            done(&json!({ "digest": reloaded.digest.short(), "before": old }))
        }
        Ok(Err(problems)) => refused(&problems),
        Err(_) => broken(),
    }
}

fn not_running() -> Response {
    let reason = "没有在比较的候选：先执行 his-agent shadow start --mappings 目录".to_owned();
    failed(StatusCode::NOT_FOUND, "A016", &[reason])
}

fn broken() -> Response {
    let reason = "程序出错，在用的一套不受影响；请保留日志并报告".to_owned();
    failed(StatusCode::INTERNAL_SERVER_ERROR, "A015", &[reason])
}
