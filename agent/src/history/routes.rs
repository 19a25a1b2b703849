//! What operators may ask of the past: how it stands, what is kept of one patient, and to forget.
//!
//! A patient's number comes in a body, never in an address, and every question about a person is
//! told in the log by pseudonym, without a value.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use rules::facts;
use rules::past::{self, Named};
use serde::Deserialize;
use serde_json::{Value, json};

use super::alias::hex;
use super::ledger::Ledger;
use super::links::store_error;
use crate::audit;
use crate::clock;
use crate::control::{done, failed};
use crate::intake::Road;
use crate::outbox::{Reach, StoreError, blocking};

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/history", get(status))
        .route("/admin/v1/history/show", post(show))
        .route("/admin/v1/history/forget", post(forget))
        .route("/admin/v1/history/reset", post(reset))
}

#[derive(Deserialize)]
struct Asked {
    /// An id of the patient.
    patient: String,
    /// Show the values too.
    #[serde(default)]
    unmask: bool,
}

async fn status(State(road): State<Arc<Road>>) -> Response {
    done(&road.history.standing())
}

async fn show(State(road): State<Arc<Road>>, Json(asked): Json<Asked>) -> Response {
    let Some(ledger) = road.history.ledger() else { return not_open() };
    let Asked { patient, unmask } = asked;
    let reading = move || told(&ledger, &past::named_by(&patient), unmask);
    match blocking(reading).await {
        Ok(Some(told)) => done(&told),
        Ok(None) => nobody(),
        Err(error) => store_failed(&error),
    }
}

async fn forget(State(road): State<Arc<Road>>, Json(asked): Json<Asked>) -> Response {
    let Some(ledger) = road.history.ledger() else { return not_open() };
    let work = move || {
        let named = past::named_by(&asked.patient);
        let patients = ledger.patients(&named, Reach::Disk).map_err(store_error)?;
        let patient = pseudonym(&ledger, &named)?;
        let rows = ledger.forget(&named)?;
        let known_as = patients.iter().map(hex).chain(patient.clone()).collect();
        audit::forget(&road, &known_as)?;
        Ok((patient, rows))
    };
    match blocking(work).await {
        Ok((Some(patient), rows)) => {
            tracing::warn!(patient, rows, "the past of a patient was forgotten");
            done(&json!({ "patient": patient, "rows": rows }))
        }
        Ok((None, _)) => nobody(),
        Err(error) => store_failed(&error),
    }
}

async fn reset(State(road): State<Arc<Road>>) -> Response {
    let work = move || {
        road.history.begin_anew(&road.config, &road.outbox)?;
        Ok(road.history.standing())
    };
    match blocking(work).await {
        Ok(standing) => {
            tracing::warn!("the past of all patients was removed and begins anew");
            done(&standing)
        }
        Err(error) => store_failed(&error),
    }
}

fn told(ledger: &Ledger, named: &Named, unmask: bool) -> Result<Option<Value>, StoreError> {
    let Some(patient) = pseudonym(ledger, named)? else { return Ok(None) };
    let today = clock::now().date();
    let found = ledger.read(named, Reach::Disk, today).map_err(store_error)?;
    let found = found.unwrap_or_default();
    let proposed: Vec<Value> = past::proposed(&found).map(|it| shown_line(unmask, it)).collect();
    let history = past::gather(found, None);
    tracing::info!(
        patient,
        unmask,
        lines = history.orders.len(),
        "the past of a patient was shown"
    );
    let shown = Shown { unmask };
    Ok(Some(json!({
        "patient": patient,
        "since": ledger.since().map(|it| it.to_string()),
        "orders": history.orders.iter().map(|it| shown.line(it)).collect::<Vec<_>>(),
        "proposed": proposed,
        "stays": history.stays.iter().map(|it| shown.stay(it)).collect::<Vec<_>>(),
        "diagnoses": history.diagnoses.iter().map(|it| shown.diagnosis(it)).collect::<Vec<_>>(),
        "allergies": history.allergies.iter().map(|it| shown.text(it.text.as_deref())).collect::<Vec<_>>(),
        "labs": history.labs.iter().map(|it| shown.lab(it)).collect::<Vec<_>>(),
    })))
}

fn shown_line(unmask: bool, line: &facts::Order) -> Value {
    Shown { unmask }.line(line)
}

fn pseudonym(ledger: &Ledger, named: &Named) -> Result<Option<String>, StoreError> {
    let patients = ledger.patients(named, Reach::Disk).map_err(store_error)?;
    if !patients.is_empty() {
        return ledger.called(&patients, Reach::Disk).map(Some).map_err(store_error);
    }
    let only_asked = ledger.read(named, Reach::Disk, clock::now().date()).map_err(store_error)?;
    Ok(only_asked.and(ledger.as_asked(named)).as_ref().map(hex))
}

/// How much is shown.
struct Shown {
    unmask: bool,
}

impl Shown {
    fn text(&self, text: Option<&str>) -> Value {
        match text {
            None => Value::Null,
            Some(text) if self.unmask => json!(text),
            Some(text) => json!(text.chars().take(1).chain("***".chars()).collect::<String>()),
        }
    }

    fn line(&self, it: &facts::Order) -> Value {
        json!({
            "day": it.begins.map(|it| it.date().to_string()),
            "id": self.text(Some(&it.rx_id)),
            "encounter": self.text(it.mdtrt_id.as_deref()),
            "code": self.text(it.hospital_code.as_deref().or(it.national_code.as_deref())),
            "name": self.text(it.name.as_deref()),
            "quantity": it.quantity.map(|it| it.to_string()),
            "days": it.days.map(|it| it.to_string()),
        })
    }

    fn stay(&self, it: &facts::Stay) -> Value {
        json!({
            "encounter": self.text(it.mdtrt_id.as_deref()),
            "kind": it.visit.map(facts::VisitKind::zh),
            "from": it.began.map(|it| it.date().to_string()),
            "to": it.ended.map(|it| it.date().to_string()),
        })
    }

    fn diagnosis(&self, it: &facts::Diagnosis) -> Value {
        json!({
            "day": it.made.map(|it| it.to_string()),
            "code": self.text(it.code.as_deref()),
            "name": self.text(it.name.as_deref()),
        })
    }

    fn lab(&self, it: &facts::LabResult) -> Value {
        let value = it.value.map(|it| it.to_string()).or_else(|| it.text.clone());
        json!({
            "day": it.reported.map(|it| it.date().to_string()),
            "code": self.text(it.code.as_deref()),
            "name": self.text(it.name.as_deref()),
            "value": self.text(value.as_deref()),
        })
    }
}

fn not_open() -> Response {
    let reason = "患者既往没有打开：看 his-agent history status".to_owned();
    failed(StatusCode::SERVICE_UNAVAILABLE, "O305", &[reason])
}

fn nobody() -> Response {
    let reason = "没有这位患者的既往".to_owned();
    failed(StatusCode::NOT_FOUND, "O304", &[reason])
}

fn store_failed(error: &StoreError) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &[error.to_string()])
}
