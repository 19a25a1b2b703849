//! The control socket: what the commands and, later, the console ask of the running daemon.
//!
//! JSON over HTTP on a unix socket beside the outbox, and at the operators' address for callers of this
//! machine who show a token with a role. On the socket the system says who asks: root and the daemon's user
//! may do everything, others what `[admin]` says; who has no role is cut off before a byte is read.
//!
//! ```text
//! socket: user of the peer --people--.
//!                                     >-- roles --guard: the operation's right--> its function
//! operators' address: token ---------'                                 `--> the book of calls
//! ```
//!
//! A route's function lives beside its subject (parked messages in `parked`, and so on) and is
//! named once, in [`routes`]. It answers with [`done`] or [`failed`]; [`client`] turns that back
//! into a value or a reason, so a command never sees an envelope.

pub mod client;
mod door;
mod guard;
mod people;
pub mod rights;
mod signature;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{StatusCode, header};
use serde_json::{Value, json};

pub(crate) use self::door::{BODY_BYTES_MAX, ControlDoor};
use crate::doctor;
use crate::intake::{self, Road};
use crate::{
    alerts, audit, backup, callers, calls, checks, clock, history, journey, keys, parked, plans,
    quality, query, reconcile, sets, shadow, subscribe, versions,
};

/// Everything that can be asked, by address.
pub fn routes(road: &Arc<Road>) -> Router {
    subjects(road).fallback(unknown_address)
}

fn subjects(road: &Arc<Road>) -> Router {
    Router::new()
        .route("/admin/v1/status", get(status))
        .route("/admin/v1/top", get(intake::metrics::live))
        .route("/admin/v1/quality", get(quality::tell))
        .route("/admin/v1/sets", get(sets::routes::status))
        .route("/admin/v1/sets/reload", post(sets::routes::reload_now))
        .route("/admin/v1/shadow", get(shadow::routes::report).post(shadow::routes::start))
        .route("/admin/v1/shadow/stop", post(shadow::routes::stop))
        .route("/admin/v1/shadow/promote", post(shadow::routes::promote_now))
        .merge(alerts::routes())
        .merge(audit::routes::routes())
        .merge(callers::routes())
        .merge(calls::routes())
        .merge(checks::routes::routes())
        .merge(doctor::routes::routes())
        .merge(history::routes::routes())
        .merge(journey::routes::routes())
        .merge(keys::routes())
        .merge(parked::routes())
        .merge(plans::routes::routes())
        .merge(query::routes())
        .merge(subscribe::routes())
        .merge(sets::rulebook::routes())
        .merge(reconcile::routes::routes())
        .merge(versions::routes::routes())
        .merge(backup::routes::routes())
        .with_state(Arc::clone(road))
}

/// The same behind its doorkeeper, for a door.
pub(crate) fn guarded(road: &Arc<Road>) -> Router {
    routes(road).route_layer(middleware::from_fn_with_state(Arc::clone(road), guard::stand))
}

/// The same beside what another door serves.
pub(crate) fn beside(road: &Arc<Road>) -> Router {
    subjects(road).route_layer(middleware::from_fn_with_state(Arc::clone(road), guard::stand))
}

/// It was done, or here is what was asked for.
#[must_use]
pub fn done(data: &Value) -> Response {
    let body = json!({ "code": 0, "message": "成功", "data": data, "request_id": clock::new_id() });
    say(StatusCode::OK, &body)
}

/// It was not done: one sentence a reason, the first of them with its code.
#[must_use]
pub fn failed(status: StatusCode, code: &str, reasons: &[String]) -> Response {
    let annex = match status {
        StatusCode::NOT_FOUND => 13,
        StatusCode::SERVICE_UNAVAILABLE => 5,
        _ if status.is_server_error() => 2,
        _ => 12,
    };
    let detail: Vec<Value> =
        reasons.iter().map(|it| json!({ "code": code, "expected": it })).collect();
    let message = reasons.first().map_or("", String::as_str);
    say(
        status,
        &json!({ "code": annex, "message": message, "detail": detail, "request_id": clock::new_id() }),
    )
}

fn say(status: StatusCode, body: &Value) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, content_type, body.to_string()).into_response()
}

/// `GET /admin/v1/status`: what `/readyz` says, and which program says it.
async fn status(State(road): State<Arc<Road>>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    done(&json!({ "version": version, "road": intake::standing(&road) }))
}

async fn unknown_address() -> Response {
    let reason = "运行中的前置机不认识这个命令：请核对它与命令行程序是否同一版本".to_owned();
    failed(StatusCode::NOT_FOUND, "I105", &[reason])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
