//! Who has asked: a line for every call, on disk before the answer leaves, and never a value that was
//! asked for. Commands read it over the control socket.
//!
//! | key on the shelf | what is kept |
//! |---|---|
//! | `wq` id, which begins with its time | who has asked which query, by what, and how many rows it got |

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use jiff::ToSpan as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::{NoContext, Timestamp, Uuid};

use crate::clock;
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::{Change, Outbox, StoreError};

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Call {
    /// The request's number, as the caller was told.
    pub(super) id: String,
    /// `YYYYMMDDhhmmss`.
    pub(super) at: String,
    pub(super) caller: String,
    pub(super) query: String,
    pub(super) entity: String,
    /// `key`, `patient`, `time`: by what was asked, and not the value of it.
    pub(super) by: Vec<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) rows: usize,
}

/// Writes a call down. Returns after the disk has synced.
pub(super) fn write(outbox: &Outbox, call: &Call) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(call).unwrap_or_default();
    let now = clock::now_for_ageing();
    let old = now.checked_sub(KEPT_DAYS.days()).unwrap_or(now);
    let seconds = u64::try_from(clock::instant(old).as_second()).unwrap_or(0);
    let oldest = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0)).simple().to_string();
    let mut changes = vec![Change::Put(key(&call.id), bytes)];
    // Looked for first: a mark for every call would have to be stepped over by whoever reads.
    let mut is_any = false;
    outbox.walk_shelf(&key(""), &key(&oldest), |_, _| {
        is_any = true;
        ControlFlow::Break(())
    })?;
    if is_any {
        changes.push(Change::RemoveRange(key(""), key(&oldest)));
    }
    outbox.shelve(&changes)
}

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new().route("/admin/v1/queries", get(list))
}

#[derive(Deserialize)]
struct Asked {
    caller: Option<String>,
    query: Option<String>,
    limit: Option<usize>,
}

/// `GET /admin/v1/queries`: the latest calls.
async fn list(State(road): State<Arc<Road>>, Query(asked): Query<Asked>) -> Response {
    match tokio::task::spawn_blocking(move || latest(&road.outbox, &asked)).await {
        Ok(Ok(calls)) => done(&json!({ "calls": calls })),
        Ok(Err(error)) => {
            failed(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &[error.to_string()])
        }
        Err(_) => failed(StatusCode::INTERNAL_SERVER_ERROR, "I108", &["读不出".to_owned()]),
    }
}

fn latest(outbox: &Outbox, asked: &Asked) -> Result<Vec<Value>, StoreError> {
    let limit = asked.limit.unwrap_or(LISTED).clamp(1, LISTED_MAX);
    let is =
        |wanted: &Option<String>, it: &str| wanted.as_deref().is_none_or(|wanted| wanted == it);
    let mut latest = VecDeque::new();
    outbox.walk_shelf(&key(""), &key("g"), |_, bytes| {
        if let Ok(call) = serde_json::from_slice::<Call>(bytes)
            && is(&asked.caller, &call.caller)
            && is(&asked.query, &call.query)
        {
            latest.push_back(json!(call));
            if latest.len() > limit {
                latest.pop_front();
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(latest.into())
}

fn key(id: &str) -> Vec<u8> {
    [b"wq", id.as_bytes()].concat()
}

const KEPT_DAYS: i32 = 366;
const LISTED: usize = 100;
const LISTED_MAX: usize = 10_000;
