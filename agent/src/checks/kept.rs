//! Kept checks with their requests, page by page, for whoever judges them once more.
//!
//! A request is text nearly always, and then it is shown as such; other bytes are shown in hex.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use jiff::civil::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::again;
use super::entry::Check;
use super::log::Log;
use crate::control::{done, failed};
use crate::history::KnownThen;
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};
use crate::pipeline;

/// Which page is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    /// `YYYYMMDDhhmmss`.
    from: String,
    /// The same; not included.
    to: String,
    /// The last check of the page before.
    after: Option<String>,
    /// With what was known of the patient at the moment, as far as it is kept.
    #[serde(default)]
    past: bool,
}

/// `GET /admin/v1/checks/requests`
pub(super) async fn requests(State(road): State<Arc<Road>>, Query(page): Query<Page>) -> Response {
    road.checks.flush().await;
    let Some((from, to)) = pipeline::moment(&page.from).zip(pipeline::moment(&page.to)) else {
        let reason = "from 和 to 写成 YYYYMMDDhhmmss".to_owned();
        return failed(StatusCode::BAD_REQUEST, "I111", &[reason]);
    };
    let work = move || {
        let log = road.checks.log().ok_or(StoreError::Stopped)?;
        let past = |check: &Check| page.past.then(|| past_of(&road, check)).flatten();
        read(log, (from, to), page.after.as_deref(), past)
    };
    match blocking(work).await {
        Ok(checks) => done(&json!({ "checks": checks })),
        Err(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            failed(status, error.code(), &[error.to_string()])
        }
    }
}

/// So many checks or bytes as make a page; one at least, however large it is.
fn read(
    log: &Log,
    (from, to): (DateTime, DateTime),
    after: Option<&str>,
    past: impl Fn(&Check) -> Option<KnownThen>,
) -> Result<Vec<Value>, StoreError> {
    let (mut checks, mut bytes) = (Vec::new(), 0);
    log.following(after, from, to, |check| {
        let told = with_past(to_json(&check), past(&check).as_ref());
        bytes += check.request.len();
        bytes += told.get(PAST).and_then(Value::as_str).map_or(0, str::len);
        checks.push(told);
        let is_full = checks.len() >= CHECKS_A_PAGE || bytes >= BYTES_A_PAGE;
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(checks)
}

/// A check with the bytes that came.
#[must_use]
pub fn to_json(check: &Check) -> Value {
    let mut told = json!(check);
    let (name, request) = match str::from_utf8(&check.request) {
        Ok(text) => ("request", text.to_owned()),
        Err(_) => ("request_hex", hex(&check.request)),
    };
    if let Some(members) = told.as_object_mut() {
        members.insert(name.to_owned(), Value::from(request));
    }
    told
}

/// What was known of the patient then: the request names it, and only the daemon can read its past.
fn past_of(road: &Road, check: &Check) -> Option<KnownThen> {
    let (org, limits) = (&road.config.hospital.code, &road.config.listen.limits);
    let (facts, at) = again::facts(check, &road.sets.load(), org, limits)?;
    road.history.known_then(&facts, at)
}

/// The same check with what was known of its patient.
pub(crate) fn with_past(mut told: Value, past: Option<&KnownThen>) -> Value {
    if let (Some(members), Some(past)) = (told.as_object_mut(), past) {
        members.insert(PAST.to_owned(), Value::from(past.to_text()));
    }
    told
}

/// What [`with_past`] added.
pub(crate) fn past_in(told: &Value) -> Option<KnownThen> {
    KnownThen::from_text(told.get(PAST)?.as_str()?)
}

/// Reads what [`to_json`] wrote; a line without the form of a check is a canonical request.
#[must_use]
pub fn from_json(told: Value, line: &str) -> Option<Check> {
    if told.get("check_id").is_none() {
        let request = Bytes::copy_from_slice(line.as_bytes());
        return Some(Check { request, ..Check::default() });
    }
    let request = match (told.get("request"), told.get("request_hex")) {
        (Some(text), _) => Bytes::copy_from_slice(text.as_str()?.as_bytes()),
        (None, Some(hex)) => unhex(hex.as_str()?)?,
        (None, None) => return None,
    };
    let check: Check = serde_json::from_value(told).ok()?;
    Some(Check { request, ..check })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn unhex(text: &str) -> Option<Bytes> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty()).map(Bytes::from)
}

const PAST: &str = "past";
const CHECKS_A_PAGE: usize = 200;
const BYTES_A_PAGE: usize = 4 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_as_they_came() {
        check(b"{\"a\":1}", "request");
        check(b"\xd6\xd0\x00", "request_hex");
        let line = r#"{"orders":[]}"#;
        let bare = from_json(serde_json::from_str(line).unwrap(), line).unwrap();
        assert_eq!(bare.request, line);
    }

    #[track_caller]
    fn check(request: &'static [u8], name: &str) {
        let kept = Check {
            check_id: "C1".to_owned(),
            request: Bytes::from_static(request),
            ..Check::default()
        };
        let told = to_json(&kept);
        assert!(told.get(name).is_some(), "{told}");
        assert_eq!(from_json(told, "").unwrap(), kept);
    }
}
