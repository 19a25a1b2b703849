//! The check doors: a prescription in canonical words, or in the HIS's own, answered while the
//! doctor waits. Missing data never blocks and never looks like a pass.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use rules::{Facts, InputFinding, Verdict as CheckVerdict};

use super::answer::{Answer, Dialect, Fault};
use super::messages::{content_type, unknown_channel};
use super::voice::Voice;
use super::{Road, read_body};
use crate::clock;
use crate::pipeline::{self, Inbound, Parked, Verdict};
use crate::sets::Sets;

/// One check between question and answer.
pub(super) struct Question {
    pub(super) id: String,
    asked: Instant,
    deadline: Duration,
}

impl Question {
    /// The deadline runs from here. A caller may ask for less than the configuration allows.
    pub(super) fn new(road: &Road, headers: &HeaderMap) -> Question {
        let asked_for = headers.get("x-deadline-ms").and_then(|it| it.to_str().ok()?.parse().ok());
        let longest = road.config.check.deadline;
        let deadline = asked_for.map_or(longest, |it| Duration::from_millis(it).min(longest));
        Question { id: clock::new_id(), asked: Instant::now(), deadline }
    }

    /// Judges until the deadline; what is not decided by then is told as such.
    pub(super) fn judge(&self, sets: &Sets, facts: &Facts) -> CheckVerdict {
        let in_time = || self.asked.elapsed() < self.deadline;
        let verdict = rules::evaluate_while(&sets.rules, facts, clock::now(), in_time);
        tracing::info!(
            check_id = self.id,
            outcome = verdict.outcome.name(),
            findings = verdict.findings.len(),
            unknown = verdict.unknown.len(),
            elapsed_us = self.elapsed_us(),
            "check answered"
        );
        metrics::counter!("his_agent_checks_total", "outcome" => verdict.outcome.name())
            .increment(1);
        metrics::histogram!("his_agent_check_seconds").record(self.asked.elapsed().as_secs_f64());
        verdict
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.asked.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn answer(&self, verdict: &CheckVerdict) -> Response {
        let data = verdict.to_json(&self.id, self.elapsed_us());
        let body = format!(
            "{{\"code\":0,\"message\":\"成功\",\"data\":{data},\"request_id\":\"{}\"}}",
            self.id
        );
        json(StatusCode::OK, body)
    }

    /// What cannot be judged at all is refused element by element.
    fn refuse(&self, findings: &[InputFinding]) -> Response {
        let detail = rules::verdict::input_findings_to_json(findings);
        let body = format!(
            "{{\"code\":12,\"message\":\"审查请求有误，请按明细修改\",\"detail\":{detail},\"request_id\":\"{}\"}}",
            self.id
        );
        json(StatusCode::UNPROCESSABLE_ENTITY, body)
    }
}

/// `POST /v1/checks`: the canonical request.
pub(super) async fn check(
    State(road): State<Arc<Road>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let question = Question::new(&road, &headers);
    let text = match read_text(&road, &headers, body).await {
        Ok(text) => text,
        Err(answer) => return answer.about(&question.id).say(&Dialect::Json),
    };
    let sets = road.sets.load();
    match rules::request::read(&text) {
        Ok(facts) => question.answer(&question.judge(&sets, &facts)),
        Err(findings) => question.refuse(&findings),
    }
}

/// `POST /v1/channels/{channel}/checks`: a prescription in the HIS's own words, read by the
/// channel's mappings and not stored.
pub(super) async fn check_message(
    State(road): State<Arc<Road>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let question = Question::new(&road, &headers);
    let sets = road.sets.load_full();
    let Some(channel) = sets.channels.get(&name) else {
        return unknown_channel(&sets, &name, &question.id);
    };
    let bytes = match read_body(&road, body).await {
        Ok(bytes) => bytes,
        Err(answer) => return answer.about(&question.id).say(&Dialect::Json),
    };
    let content_type = content_type(&headers);
    let inbound = Inbound {
        message_id: &question.id,
        received_at: clock::now(),
        org: &road.config.hospital.code,
        bytes: &bytes,
        content_type: content_type.as_deref(),
    };
    let voice = |reading| Voice {
        dialect: Dialect::Json,
        channel,
        org: inbound.org,
        message_id: inbound.message_id,
        received_at: inbound.received_at,
        reading,
        door: "check",
    };
    match &pipeline::judge(channel, &inbound, &road.config.listen.limits) {
        // What a code means that nobody has mapped is not known: a rule that needs it says so.
        Verdict::Accept(accepted) | Verdict::Park(Parked { accepted, .. }) => {
            let facts = pipeline::facts(accepted);
            let verdict = question.judge(&sets, &facts);
            let told = verdict.to_json(&question.id, question.elapsed_us());
            let in_dialect = voice(Some(&accepted.reading)).say_check(&verdict, &told, &facts);
            in_dialect.unwrap_or_else(|| question.answer(&verdict))
        }
        Verdict::Refuse(refusal) => {
            let message = refusal.message.clone();
            let fault = Fault::unacceptable(refusal.status(), refusal.code, message);
            let answer = Answer::findings(&fault, &refusal.findings).about(&question.id);
            voice(refusal.reading.as_ref()).say(answer)
        }
    }
}

/// A JSON body as text, in whatever encoding it came.
pub(super) async fn read_text(
    road: &Road,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Answer> {
    let bytes: Bytes = read_body(road, body).await?;
    let limits = &road.config.listen.limits;
    adapters::text(&bytes, content_type(headers).as_deref(), limits).map_err(|error| {
        Answer::fault(&Fault::unacceptable(StatusCode::BAD_REQUEST, error.code(), error.message()))
    })
}

pub(super) fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}
