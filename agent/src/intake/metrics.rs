//! `/metrics`: what was counted, and what is read at the moment when somebody asks.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::Road;
use super::operators::lasting;
use crate::control::done;
use crate::forward::WORDS;
use crate::outbox::{RoomStatus, blocking};
use crate::telemetry::{self, page::Page};
use crate::{alerts, clock, pipeline, tls};

/// `GET /metrics`: Prometheus text.
pub(super) async fn page(State(road): State<Arc<Road>>) -> Response {
    match blocking(move || Ok(text(&road))).await {
        Ok(Some(text)) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
                .into_response()
        }
        _ => (StatusCode::NOT_FOUND, "metrics are not collected in this process\n").into_response(),
    }
}

/// `GET /admin/v1/top`: the metrics with what stands beside them, for whoever shows them to a person.
pub(crate) async fn live(State(road): State<Arc<Road>>) -> Response {
    let looking = Arc::clone(&road);
    let metrics = blocking(move || Ok(text(&looking))).await.ok().flatten();
    let forward = road.forward.status();
    let (now, begun) = (clock::now(), road.alerts.begun());
    done(&json!({
        "metrics": metrics,
        "at_ms": u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "at": now.strftime("%H:%M:%S").to_string(),
        "uptime_seconds": begun.elapsed().as_secs(),
        "version": env!("CARGO_PKG_VERSION"),
        "hospital": road.config.hospital.name,
        "org": road.config.hospital.code,
        "forward": { "state": forward.word(), "peer": forward.peer },
        "alerts": alerts::listed(&road).get("alerts"),
    }))
}

/// All of it; `None` where nothing is collected. Reads the disk.
pub(crate) fn text(road: &Road) -> Option<String> {
    let handle = road.metrics.as_ref()?;
    road.quality.settle();
    let mut page = Page::default();
    telemetry::tell(&mut page);
    tell_set(road, &mut page);
    tell_outbox(road, &mut page);
    tell_room(&road.outbox.room(), &mut page);
    tell_forwarding(road, &mut page);
    tell_certificates(road, &mut page);
    tell_followers(road, &mut page);
    road.alerts.tell(&mut page);
    handle.run_upkeep();
    Some(handle.render() + &page.into_text())
}

fn tell_set(road: &Road, page: &mut Page) {
    let sets = road.sets.load();
    page.of("his_agent_set_info", &[("digest", sets.digest.short())], 1);
}

fn tell_outbox(road: &Road, page: &mut Page) {
    let outbox = road.outbox.status();
    page.one("his_agent_outbox_waiting", outbox.waiting);
    page.one("his_agent_outbox_oldest_seconds", oldest_seconds(road));
    page.one("his_agent_outbox_unread_keys_total", road.outbox.unread_names());
    page.one("his_agent_parked_messages", outbox.parked);
    page.one("his_agent_dead_letters", outbox.dead_letters);
    for (code, count) in road.journeys.dead_by_cause() {
        page.of("his_agent_dead_letters_by_cause", &[("code", &code)], count);
    }
    if let Some(bytes) = outbox.bytes {
        page.one("his_agent_outbox_waiting_bytes", bytes);
    }
}

/// How long the oldest record has waited. One that cannot be read is told by the forwarder.
fn oldest_seconds(road: &Road) -> i64 {
    let oldest = road.outbox.oldest_seq().and_then(|seq| {
        let found = road.outbox.accepted_from(seq, 1).ok()?;
        pipeline::moment(&found.envelopes.first()?.received_at)
    });
    let waited = oldest.map(|it| clock::now().duration_since(it).as_secs());
    waited.unwrap_or_default().max(0)
}

fn tell_room(room: &RoomStatus, page: &mut Page) {
    page.one("his_agent_accepting", u8::from(room.accepting));
    page.one("his_agent_disk_full", u8::from(room.has_run_out));
    let bytes = [
        ("his_agent_disk_free_bytes", room.free_bytes),
        ("his_agent_disk_low_water_bytes", room.low_water_bytes),
        ("his_agent_disk_high_water_bytes", room.high_water_bytes),
    ];
    for (name, bytes) in bytes.into_iter().filter_map(|(name, it)| Some((name, it?))) {
        page.one(name, bytes);
    }
    let rates =
        [("average", room.outlook.minutes_at_average), ("peak", room.outlook.minutes_at_peak)];
    for (rate, minutes) in rates {
        // What is not known is no number, and no alert may be taken from an old one.
        let seconds = minutes.map_or("NaN".to_owned(), |it| it.saturating_mul(60).to_string());
        page.of("his_agent_outage_seconds", &[("rate", rate)], seconds);
    }
}

fn tell_forwarding(road: &Road, page: &mut Page) {
    let forward = road.forward.status();
    page.one("his_agent_forward_connected", u8::from(forward.connected));
    page.one("his_agent_forward_in_flight", forward.in_flight);
    page.one("his_agent_forward_held", forward.held);
    page.one("his_agent_forward_alerts", lasting(road, &forward).len());
    for word in WORDS {
        page.of("his_agent_forward_state", &[("state", word)], u8::from(forward.word() == word));
    }
    page.one("his_agent_forward_confirmed_total", forward.confirmed);
    page.one("his_agent_forward_nacked_total", forward.nacked);
    page.one("his_agent_forward_returned_total", forward.returned);
    page.one("his_agent_forward_rejected_total", forward.rejected);
    page.one("his_agent_forward_set_aside_total", forward.set_aside);
    page.one("his_agent_forward_reconnects_total", forward.reconnects);
}

fn tell_certificates(road: &Road, page: &mut Page) {
    let name = "his_agent_certificate_expiry_timestamp_seconds";
    if let Some(until) = road.forward.status().certificate_until {
        page.of(name, &[("certificate", "forward")], until.as_second());
    }
    for (door, until) in tls::expiries(&road.config) {
        page.of(name, &[("certificate", door.as_str())], until);
    }
}

/// Those who follow the outbox at their own pace.
fn tell_followers(road: &Road, page: &mut Page) {
    page.one("his_agent_reconcile_unbalanced_dates", road.accounts.unwell());
    if let Some(behind) = road.history.standing().get("behind").and_then(Value::as_u64) {
        page.one("his_agent_history_behind_records", behind);
    }
    for it in road.subscriptions.standing(&road.outbox) {
        if let (Some(name), Some(behind)) =
            (it.get("name").and_then(Value::as_str), it.get("behind").and_then(Value::as_u64))
        {
            page.of("his_agent_subscription_behind", &[("subscription", name)], behind);
        }
    }
}
