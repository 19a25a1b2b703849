//! The operators' door: is it alive, can it take messages, what does it count.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::Road;
use crate::clock;
use crate::config::ForwardConfig;
use crate::forward::{ForwardStatus, Trouble};
use crate::outbox::RoomStatus;
use crate::{subscribe, tls};

pub(super) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(super::metrics::page))
        .merge(super::manual::routes())
}

/// The process answers: that is all it says.
async fn alive() -> &'static str {
    "ok\n"
}

/// Ready means that a durable receipt can be given. A broker that is down does not change that, so
/// it is told but not judged.
async fn ready(State(road): State<Arc<Road>>) -> Response {
    let body = standing(&road);
    let ready = body.get("ready") == Some(&Value::Bool(true));
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string())
        .into_response()
}

/// How the agent stands.
pub(crate) fn standing(road: &Road) -> Value {
    let outbox = road.outbox.status();
    let room = road.outbox.room();
    let forward = road.forward.status();
    json!({
        "ready": !outbox.failed && room.accepting,
        "outbox": {
            "epoch": road.outbox.epoch(),
            "next_seq": outbox.next_seq,
            "waiting": outbox.waiting,
            "waiting_bytes": outbox.bytes,
            "dead_letters": outbox.dead_letters,
            "dead_letters_by_cause": road.journeys.dead_by_cause(),
            "parked": outbox.parked,
            "unread_keys": road.outbox.unread_names(),
            "failure": road.outbox.refusal().map(|it| it.to_string()),
        },
        "room": told_of(&room),
        "clock": { "ahead_seconds": clock::ahead().map(|it| it.as_secs()) },
        "tls": tls::standing(&road.config),
        "folders": road.folders.standing(),
        "views": road.views.standing(),
        "checks": road.checks.standing(),
        "history": road.history.standing(),
        "subscriptions": road.subscriptions.standing(&road.outbox),
        "reconcile": road.accounts.standing(),
        "patrol": road.patrol.standing(),
        "forward": {
            "state": forward.word(),
            "trouble": forward.trouble.as_ref().map(told),
            "alerts": lasting(road, &forward).into_iter().map(told).collect::<Vec<_>>(),
            "connected": forward.connected,
            "peer": forward.peer,
            "blocked": forward.blocked,
            "held": forward.held,
            "confirmed": forward.confirmed,
            "nacked": forward.nacked,
            "returned": forward.returned,
            "rejected": forward.rejected,
            "set_aside": forward.set_aside,
            "held_reasons": forward.held_reasons.iter().map(|(key, it)| (key.clone(), told(it)))
                .collect::<serde_json::Map<_, _>>(),
            "notices": forward.notices,
            "certificate_until": forward.certificate_until.map(|it| clock::china(it).to_string()),
            "reconnects": forward.reconnects,
            "last_error": forward.last_error.as_ref().map(told),
        },
    })
}

/// How much room there is, and how long it will do.
fn told_of(room: &RoomStatus) -> Value {
    json!({
        "accepting": room.accepting,
        "disk_full": room.has_run_out,
        "free_bytes": room.free_bytes,
        "low_water_bytes": room.low_water_bytes,
        "high_water_bytes": room.high_water_bytes,
        "outage_hours": {
            "at_average": room.outlook.minutes_at_average.map(hours),
            "at_peak": room.outlook.minutes_at_peak.map(hours),
            "measured_minutes": room.outlook.measured_minutes,
        },
    })
}

/// In tenths.
#[allow(clippy::cast_precision_loss)] // nobody plans for 2^53 minutes
fn hours(minutes: u64) -> f64 {
    (minutes / 6) as f64 / 10.0
}

fn told(trouble: &Trouble) -> Value {
    let at = clock::china(trouble.at).to_string();
    json!({ "code": trouble.code, "reason": trouble.reason, "at": at })
}

/// What has kept records from leaving for longer than an operator wants to sleep through.
pub(super) fn lasting<'a>(road: &Road, forward: &'a ForwardStatus) -> Vec<&'a Trouble> {
    let at_least = match &road.config.forward {
        ForwardConfig::Amqp(options) => options.alert_after,
        ForwardConfig::Files { .. } => subscribe::ALERT_AFTER,
    };
    forward.lasting(at_least)
}

/// What somebody should look at now, by code: one line each.
pub(crate) fn alerts(road: &Road) -> Vec<(String, String)> {
    let forward = road.forward.status();
    let mut alerts: Vec<_> =
        lasting(road, &forward).into_iter().map(|it| (it.code, it.reason.clone())).collect();
    alerts.extend(of_sources(road));
    alerts.extend(road.lines.alerts());
    alerts.extend(road.versions.alerts());
    alerts.extend(road.callers.alerts());
    alerts.extend(road.calls.alert());
    alerts.extend(tls::alerts(&road.config));
    alerts.extend(road.patrol.alert());
    alerts.extend(road.backups.alerts(&road.config.backup));
    if let Some(ahead) = clock::ahead() {
        let minutes = ahead.as_mins();
        alerts.push((
            "O108",
            format!("系统时间向前跳了 {minutes} 分钟，按时间清理的先不清理；请核对时间"),
        ));
    }
    let unread = road.outbox.unread_names();
    if unread > 0 {
        let text = format!(
            "启动以来有 {unread} 次读不出主键的记忆（磁盘损坏）：重送的可能当成新记录，平台会有两条"
        );
        alerts.push(("O209", text));
    }
    if !road.outbox.room().accepting {
        alerts.push(("O107", "磁盘空间不足，暂停接收；已接收的不受影响".to_owned()));
    }
    let alerts = alerts.into_iter().map(|(code, text)| (code.to_owned(), text));
    alerts.chain(dead(road.journeys.dead_by_cause())).collect()
}

/// What stands between us and those we fetch from or push to.
pub(crate) fn of_sources(road: &Road) -> Vec<(&'static str, String)> {
    let mut alerts = road.subscriptions.alerts();
    alerts.extend(road.folders.alerts());
    alerts.extend(road.views.alerts(&road.config));
    alerts
}

/// Dead letters wait for a person: one line for each cause.
fn dead(by_cause: BTreeMap<String, u64>) -> impl Iterator<Item = (String, String)> {
    by_cause.into_iter().map(|(code, count)| {
        let text = format!(
            "死信 {count} 封，原因 {code}：his-agent messages list --state dead --code {code}"
        );
        (code, text)
    })
}
