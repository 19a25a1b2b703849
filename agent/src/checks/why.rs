//! Why a check of the log found what it found: its request, judged once more by the rules in force.
//!
//! Rules may have changed since: what they no longer say is told as such, and never made up.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use rules::explain;
use serde_json::{Value, json};

use super::again;
use super::entry::{Check, Found};
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::{StoreError, blocking};

/// `GET /admin/v1/checks/{id}/explain`: every finding, and what every undecided rule lacks.
pub(super) async fn whole(State(road): State<Arc<Road>>, Path(id): Path<String>) -> Response {
    answer(road, id, None).await
}

/// `GET /admin/v1/checks/{id}/findings/{finding}/explain`
pub(super) async fn one(
    State(road): State<Arc<Road>>,
    Path((id, finding)): Path<(String, String)>,
) -> Response {
    answer(road, id, Some(finding)).await
}

async fn answer(road: Arc<Road>, id: String, finding: Option<String>) -> Response {
    road.checks.flush().await;
    let asked = id.clone();
    let work = move || {
        let log = road.checks.log().ok_or(StoreError::Stopped)?;
        let check = log.get(&asked)?;
        Ok(check.map(|check| why(&road, &check, finding.as_deref())))
    };
    match blocking(work).await {
        Ok(Some(Ok(told))) => done(&told),
        Ok(Some(Err(reason))) => failed(StatusCode::NOT_FOUND, "I113", &[reason]),
        Ok(None) => {
            let id: String = id.chars().take(50).collect();
            failed(StatusCode::NOT_FOUND, "I113", &[format!("没有审查 {id}")])
        }
        Err(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            failed(status, error.code(), &[error.to_string()])
        }
    }
}

/// What the rules in force say of a kept check, or why they cannot.
fn why(road: &Road, check: &Check, finding: Option<&str>) -> Result<Value, String> {
    let sets = road.sets.load();
    let limits = &road.config.listen.limits;
    let (mut facts, now) = again::facts(check, &sets, &road.config.hospital.code, limits)
        .ok_or("这次审查的报文已读不出：通道或映射变了")?;
    road.history.recall_as_of(&mut facts, now);
    let verdict = rules::evaluate(&sets.rules, &facts, now);
    let is_asked = |id: &str| finding.is_none_or(|it| it == id);
    let files = &sets.texts.rules;
    let mut explained = Vec::new();
    for found in verdict.findings.iter().filter(|it| is_asked(&it.id)) {
        let Some(it) = explain::explain(&sets.rules, files, &facts, now, found) else { continue };
        explained.push(told(&explain::to_json(&it), &explain::to_text(&it)));
    }
    let known = |id: &str| verdict.findings.iter().any(|it| it.id == id);
    let is_own = |it: &&Found| it.origin.is_none();
    let mut gone =
        check.findings.iter().filter(is_own).filter(|it| is_asked(&it.id) && !known(&it.id));
    // What the insurer found only the insurer can explain.
    let elsewhere: Vec<Value> = check
        .findings
        .iter()
        .filter(|it| it.origin.is_some() && is_asked(&it.id))
        .map(|it| json!({ "finding_id": it.id, "rule_id": it.rule_id, "text": it.text, "basis": it.basis, "origin": it.origin }))
        .collect();
    if finding.is_some()
        && explained.is_empty()
        && elsewhere.is_empty()
        && gone.clone().next().is_none()
    {
        return Err("这次审查没有这个问题".to_owned());
    }
    let lacking = verdict.unknown.iter().filter(|_| finding.is_none());
    let lacking: Vec<Value> = lacking
        .map(|it| told(&explain::unknown_to_json(it), &explain::unknown_to_text(it)))
        .collect();
    let gone: Vec<Value> = gone
        .by_ref()
        .map(|it| json!({ "finding_id": it.id, "rule_id": it.rule_id, "text": it.text }))
        .collect();
    Ok(json!({
        "check_id": check.check_id,
        "asked_at": check.asked_at,
        "rules_then": check.rules_version,
        "rules_now": verdict.rules_version,
        "findings": explained,
        "unknown": lacking,
        "no_longer_found": gone,
        "found_elsewhere": elsewhere,
    }))
}

/// For programs, with the same for people beside it.
pub(crate) fn told(json: &str, text: &str) -> Value {
    let mut told: Value = serde_json::from_str(json).unwrap_or_default();
    if let Some(members) = told.as_object_mut() {
        members.insert("explanation".to_owned(), Value::from(text));
    }
    told
}
