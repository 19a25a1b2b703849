//! Messages that wait for a local code to be mapped: listed code by code, judged again whenever
//! another set is in force, released in their order.
//!
//! The outbox keeps them and their order (`outbox/parked.rs`); here is who decides. A pass walks all
//! parked messages from the first to the last and judges each from its bytes, with the sets in force
//! and its own time of receipt. A message that is in order now goes into the queue, unless one before
//! it in a lane waits on. One that is refused now, for a reason that the unknown code had hidden, is
//! a dead letter. A pass is made at the start, after each swap of the sets, and when a command asks.

mod codes;
mod release;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

pub use self::codes::{Listing, WaitingCode};
use self::release::Released;
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::StoreError;
use crate::sets;

/// When parked messages are judged again.
#[derive(Debug, Default)]
pub struct Parking {
    woken: Notify,
    /// One pass at a time: two would release a lane's messages in each other's order.
    turn: Mutex<()>,
    stop: CancellationToken,
    /// Since the start; whoever wants to know what a change has brought looks before and after,
    /// for it may not be its own pass that brings it.
    released: AtomicU64,
    refused: AtomicU64,
}

impl Parking {
    /// Another set is in force: what was unknown may be known now.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// A message was parked by the judgement of the set `judged_by`. If another one is in force by
    /// now, the pass that its swap brought may have missed the message.
    pub fn came(&self, road: &Road, judged_by: &str) {
        if road.sets.load().digest.short() != judged_by {
            self.wake();
        }
    }

    /// A part of a pass is on disk.
    fn note(&self, told: Released) {
        self.released.fetch_add(told.released, Ordering::Relaxed);
        self.refused.fetch_add(told.refused, Ordering::Relaxed);
        metrics::counter!("his_agent_parked_released_total").increment(told.released);
        metrics::counter!("his_agent_parked_refused_total").increment(told.refused);
    }

    /// How many messages have gone on since the start, and how many wait.
    fn totals(&self, road: &Road) -> Value {
        json!({
            "released": self.released.load(Ordering::Relaxed),
            "refused": self.refused.load(Ordering::Relaxed),
            "parked": road.outbox.status().parked,
        })
    }

    /// A pass under way ends after what it is at; the rest stays for the next start.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

/// Judges parked messages again whenever there is reason to, until told to stop.
pub async fn watch(road: Arc<Road>, stop: CancellationToken) {
    loop {
        let judged_by = road.sets.load().digest.clone();
        if let Err(error) = release(&road).await {
            tracing::warn!(%error, "parked messages were not judged again");
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = road.parking.woken.notified() => break,
                () = road.outbox.unblocked() => break,
                // Whoever swaps the sets and forgets to say so is found out.
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if judged_by != road.sets.load().digest {
                        break;
                    }
                }
            }
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One pass over everything that is parked now.
pub async fn release(road: &Arc<Road>) -> Result<(), StoreError> {
    let _turn = road.parking.turn.lock().await;
    if road.outbox.status().parked == 0 {
        return Ok(());
    }
    release::pass(road).await
}

/// What commands may ask.
pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/codes", get(list_codes))
        .route("/admin/v1/codes/release", get(totals).post(reload_and_release))
}

/// `GET /admin/v1/codes`: every unknown code once.
async fn list_codes(State(road): State<Arc<Road>>) -> Response {
    let reading = tokio::task::spawn_blocking(move || Listing::read(&road.outbox));
    match reading.await.expect("reading neither panics nor is cancelled") {
        Ok(listing) => done(&listing.to_json()),
        Err(error) => not_read(&error),
    }
}

/// `GET /admin/v1/codes/release`: how many messages have gone on since the start.
async fn totals(State(road): State<Arc<Road>>) -> Response {
    done(&road.parking.totals(&road))
}

/// `POST /admin/v1/codes/release`: takes in the code maps as they are on disk now, and releases what
/// they have an answer for.
async fn reload_and_release(State(road): State<Arc<Road>>) -> Response {
    let reloading = Arc::clone(&road);
    let reloaded = tokio::task::spawn_blocking(move || sets::reload(&reloading)).await;
    if let Err(problems) = reloaded.expect("loading neither panics nor is cancelled") {
        let reasons: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let code = problems.first().map_or("", |it| it.code);
        return failed(StatusCode::UNPROCESSABLE_ENTITY, code, &reasons);
    }
    match release(&road).await {
        Ok(()) => done(&road.parking.totals(&road)),
        Err(error) => not_read(&error),
    }
}

fn not_read(error: &StoreError) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &[error.to_string()])
}
