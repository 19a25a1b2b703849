//! The check doors: a prescription in canonical words, or in the HIS's own, answered while the
//! doctor waits. Missing data never blocks and never looks like a pass.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::{SoapCall, SoapOutcome};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::civil::DateTime;
use rules::insurance::restate::Source;
use rules::insurance::{Service, bureau};
use rules::past;
use rules::rule::Action;
use rules::verdict::{Bureau, Origin, RULE_BROKE};
use rules::{Facts, Finding, InputFinding, Verdict as CheckVerdict};

use super::answer::{Answer, Dialect, Fault, soap_result};
use super::messages::{Message, content_type, unknown_channel, unread_dialect};
use super::voice::Voice;
use super::{Road, Upload, read_body};
use crate::checks::entry::{Check, Door};
use crate::clock;
use crate::pipeline::{self, Parked, Verdict};
use crate::relay::Asked;
use crate::sets::{Channel, Sets};
use crate::telemetry::{Step, spent};

/// One check between question and answer.
pub(super) struct Question {
    pub(super) id: String,
    asked: Instant,
    asked_at: DateTime,
    deadline: Duration,
    door: Door,
    channel: Option<String>,
    content_type: Option<String>,
    /// The transaction, at the national door.
    infno: Option<&'static str>,
}

/// What a check came to.
pub(super) struct Judged {
    pub(super) verdict: CheckVerdict,
    /// Found once more, and answered for before: not told to the doctor again.
    acknowledged: Vec<Finding>,
}

impl Question {
    /// The deadline runs from here. A caller may ask for less than the configuration allows.
    pub(super) fn new(
        road: &Road,
        door: Door,
        channel: Option<&str>,
        headers: &HeaderMap,
    ) -> Question {
        let asked_for = headers.get("x-deadline-ms").and_then(|it| it.to_str().ok()?.parse().ok());
        let longest = road.config.check_deadline(channel);
        let deadline = asked_for.map_or(longest, |it| Duration::from_millis(it).min(longest));
        Question {
            id: clock::new_id(),
            asked: Instant::now(),
            asked_at: clock::now(),
            deadline,
            door,
            channel: channel.map(str::to_owned),
            content_type: content_type(headers),
            infno: None,
        }
    }

    /// The transaction that it is about: its number stands in the message, or in the address alone.
    pub(super) fn about(self, infno: &str) -> Question {
        let known = ["3101", "3102", "3660", "3661"].into_iter().find(|it| *it == infno);
        Question { infno: known, ..self }
    }

    /// Whether the transaction is of those that check what is about to be paid for.
    pub(super) fn service(&self) -> Service {
        self.infno.map_or(Service::Before, Service::of)
    }

    /// Asks for the patient's past, and leaves most of the time for the judging.
    pub(super) async fn recall(&self, road: &Road, facts: &mut Facts) {
        let left = self.deadline.saturating_sub(self.asked.elapsed());
        road.history.recall(facts, left / 4).await;
    }

    /// When what others say is of no use any more: the answer has to be written yet.
    pub(super) fn until(&self) -> Instant {
        let margin = (self.deadline / 10).min(MARGIN_MAX);
        self.asked + self.deadline.saturating_sub(margin)
    }

    /// Asks the insurer as well, where that is wanted of checks in these words.
    fn ask_insurer(
        &self,
        road: &Road,
        sets: &Sets,
        source: Source<'_>,
        facts: &Facts,
    ) -> Option<Result<Asked, Vec<String>>> {
        let relay = road.relay.as_ref()?;
        relay.ask_restated(source, facts, road, sets, self.until())
    }

    /// Judges until the deadline; what is not decided by then is told as such. What the insurer
    /// says by then stands beside it.
    async fn judge(
        &self,
        road: &Road,
        sets: &Sets,
        facts: &Facts,
        insurer: Option<Result<Asked, Vec<String>>>,
    ) -> Judged {
        let mut verdict = self.evaluate(sets, facts);
        match insurer {
            Some(Ok(asked)) => bureau::merge(&mut [&mut verdict], asked.told().await),
            Some(Err(lacking)) => {
                verdict.bureau_missing = lacking;
                bureau::merge(&mut [&mut verdict], Err(Bureau::Lacking));
            }
            None => {}
        }
        self.judged(road, facts, verdict)
    }

    /// The rules' own verdict, before anything is told of it.
    pub(super) fn evaluate(&self, sets: &Sets, facts: &Facts) -> CheckVerdict {
        let in_time = || {
            #[cfg(test)]
            slow::down();
            self.asked.elapsed() < self.deadline
        };
        let begun = Instant::now();
        let verdict = rules::evaluate_while(&sets.rules, facts, clock::now(), in_time);
        spent(Step::Evaluate, begun);
        verdict
    }

    /// Takes out what need not be shown again, and tells of the rest.
    pub(super) fn judged(&self, road: &Road, facts: &Facts, mut verdict: CheckVerdict) -> Judged {
        if !verdict.broken.is_empty() {
            let rules = verdict.broken.join(" ");
            tracing::error!(code = RULE_BROKE, check_id = self.id, rules, "rules ended in a panic");
        }
        let acknowledged = road.checks.acknowledge(&mut verdict, facts);
        tracing::info!(
            check_id = self.id,
            outcome = verdict.outcome.name(),
            findings = verdict.findings.len(),
            acknowledged = acknowledged.len(),
            unknown = verdict.unknown.len(),
            elapsed_us = self.elapsed_us(),
            "check answered"
        );
        metrics::counter!("his_agent_checks_total", "outcome" => verdict.outcome.name())
            .increment(1);
        let shown = verdict.findings.iter().map(|it| (it, it.action != Action::Silent));
        for (found, shown) in shown.chain(acknowledged.iter().map(|it| (it, false))) {
            let shown = if shown { "yes" } else { "no" };
            // The insurer's rules are as many as it likes; metrics are not.
            let rule = match found.origin {
                Origin::Local => found.rule_id.clone(),
                Origin::Bureau => Origin::Bureau.name().to_owned(),
            };
            metrics::counter!("his_agent_rule_hits_total", "rule" => rule, "shown" => shown)
                .increment(1);
        }
        metrics::histogram!("his_agent_check_seconds").record(self.asked.elapsed().as_secs_f64());
        Judged { verdict, acknowledged }
    }

    /// Hands the check over to the log, once its answer is ready. A request about several patients
    /// is several checks: the first has the id that the caller was told.
    pub(super) fn keep(
        &self,
        road: &Road,
        request: &Bytes,
        judged: impl IntoIterator<Item = (Facts, Judged)>,
    ) {
        for (part, (facts, Judged { verdict, acknowledged })) in judged.into_iter().enumerate() {
            let check = Check {
                check_id: if part == 0 { self.id.clone() } else { clock::new_id() },
                part,
                asked_at: pipeline::stamp(self.asked_at),
                answered_at: pipeline::stamp(clock::now()),
                elapsed_us: self.elapsed_us(),
                door: self.door,
                channel: self.channel.clone(),
                content_type: self.content_type.clone(),
                infno: self.infno.map(str::to_owned),
                request_of: (part > 0).then(|| self.id.clone()),
                request: if part == 0 { request.clone() } else { Bytes::new() },
                ..Check::default()
            };
            let check = check.judged(&facts, &verdict, &acknowledged);
            let seen = past::seen(facts, self.asked_at);
            road.checks.offer(check, verdict.patn_id, seen);
        }
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.asked.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The canonical verdict. What is acknowledged is named, so that a program can tell it from
    /// what is gone.
    fn data(&self, judged: &Judged) -> String {
        let mut data = judged.verdict.to_json(&self.id, self.elapsed_us());
        let ids: Vec<&str> = judged.acknowledged.iter().map(|it| it.id.as_str()).collect();
        data.truncate(data.len().saturating_sub(1)); // the closing brace
        data.push_str(",\"acknowledged\":");
        data.push_str(&serde_json::Value::from(ids).to_string());
        data.push('}');
        data
    }

    /// A SOAP caller reads it in the result of its operation.
    fn answer(&self, data: &str, call: Option<&SoapCall>) -> Response {
        let body = format!(
            "{{\"code\":0,\"message\":\"成功\",\"data\":{data},\"request_id\":\"{}\"}}",
            self.id
        );
        match call {
            Some(call) => soap_result(call, &body, SoapOutcome { code: "0", message: "成功" }),
            None => json(StatusCode::OK, body),
        }
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
    body: Upload,
) -> Response {
    let question = Question::new(&road, Door::Canonical, None, &headers);
    let (bytes, text) = match read_text(&road, &headers, body).await {
        Ok(came) => came,
        Err(answer) => return answer.about(&question.id).say(&Dialect::Json),
    };
    let sets = road.sets.load_full();
    match rules::request::read(&text) {
        Ok(mut facts) => {
            let insurer = question.ask_insurer(&road, &sets, Source::Canonical(&text), &facts);
            question.recall(&road, &mut facts).await;
            let judged = question.judge(&road, &sets, &facts, insurer).await;
            let begun = Instant::now();
            let answer = question.answer(&question.data(&judged), None);
            spent(Step::Answer, begun);
            question.keep(&road, &bytes, [(facts, judged)]);
            answer
        }
        Err(findings) => question.refuse(&findings),
    }
}

/// `POST /v1/channels/{channel}/checks`: a prescription in the HIS's own words, read by the
/// channel's mappings and not stored.
pub(super) async fn check_message(
    State(road): State<Arc<Road>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Upload,
) -> Response {
    let question = Question::new(&road, Door::Channel, Some(&name), &headers);
    let sets = road.sets.load_full();
    let Some(channel) = sets.channels.get(&name) else {
        return unknown_channel(&sets, &name, &question.id);
    };
    let content_type = content_type(&headers);
    let say_unread = |answer: Answer| {
        let content_type = question.content_type.as_deref();
        let dialect = Dialect::unread(channel.services.called(content_type), content_type);
        answer.about(&question.id).say(&dialect)
    };
    let bytes = match read_body(&road, body).await {
        Ok(bytes) => bytes,
        Err(answer) => return say_unread(answer),
    };
    let message = Message::new(question.id.clone(), content_type, bytes);
    let voice = |reading| Voice {
        dialect: Dialect::Json,
        channel,
        org: &road.config.hospital.code,
        message_id: &message.id,
        received_at: message.received_at,
        reading,
        door: "check",
    };
    let Some(verdict) = judge(&message, &road, channel).await else {
        return say_unread(Answer::fault(&Fault::busy()));
    };
    match &verdict {
        // What a code means that nobody has mapped is not known: a rule that needs it says so.
        Verdict::Accept(accepted) | Verdict::Park(Parked { accepted, .. }) => {
            let records = pipeline::records(accepted);
            let mut facts = rules::facts_from_records(&records);
            if let Some(answer) = too_many(&facts) {
                let (answer, call) = (answer.about(&question.id), accepted.reading.call.as_ref());
                return voice(Some(&accepted.reading)).say_or(answer, |it| it.say_json(call));
            }
            let insurer = question.ask_insurer(&road, &sets, Source::Records(&records), &facts);
            question.recall(&road, &mut facts).await;
            let judged = question.judge(&road, &sets, &facts, insurer).await;
            let begun = Instant::now();
            let told = question.data(&judged);
            let voice = voice(Some(&accepted.reading));
            let in_dialect = voice.say_check(&judged.verdict, &told, &facts);
            let call = accepted.reading.call.as_ref();
            let answer = in_dialect.unwrap_or_else(|| question.answer(&told, call));
            spent(Step::Answer, begun);
            question.keep(&road, &message.bytes, [(facts, judged)]);
            answer
        }
        Verdict::Refuse(refusal) => {
            let told = refusal.message.clone();
            let fault = Fault::unacceptable(refusal.status(), refusal.code, told);
            let answer = Answer::findings(&fault, &refusal.findings).about(&question.id);
            if let Some(reading) = &refusal.reading {
                let call = reading.call.as_ref();
                voice(Some(reading)).say_or(answer, |it| it.say_json(call))
            } else {
                let content_type = message.content_type.as_deref();
                match unread_dialect(channel, &message.bytes, content_type, refusal.fault) {
                    dialect @ (Dialect::SoapFault(..) | Dialect::Text) => answer.say(&dialect),
                    _ => voice(None).say(answer),
                }
            }
        }
    }
}

/// A long body takes its turn among the messages; `None` when there is none. It would hold up the checks
/// of all the others.
async fn judge(message: &Message, road: &Arc<Road>, channel: &Arc<Channel>) -> Option<Verdict> {
    let _room = if message.is_long() { Some(road.messages.try_acquire().ok()?) } else { None };
    Some(message.judge(road, channel).await)
}

/// Refuses a check with a list that is longer than one check's can be, by the list's name.
fn too_many(facts: &Facts) -> Option<Answer> {
    let found = rules::too_many(facts);
    let told: Vec<String> =
        found.iter().map(|it| format!("{} {}：{}", it.path, it.found, it.expected)).collect();
    let fault =
        Fault::unacceptable(StatusCode::UNPROCESSABLE_ENTITY, "C105", told.first()?.clone());
    let by_value = |it: InputFinding| schemas::Finding {
        code: it.code,
        severity: schemas::FindingSeverity::Reject,
        element: it.path.clone(),
        path: it.path,
        found: it.found,
        expected: it.expected,
    };
    let findings: Vec<schemas::Finding> = found.into_iter().map(by_value).collect();
    Some(Answer::findings(&fault, &findings))
}

/// A JSON body as it came and as text, in whatever encoding it came.
pub(super) async fn read_text(
    road: &Road,
    headers: &HeaderMap,
    body: Upload,
) -> Result<(Bytes, String), Answer> {
    let bytes: Bytes = read_body(road, body).await?;
    let limits = &road.config.listen.limits;
    match adapters::text(&bytes, content_type(headers).as_deref(), limits) {
        Ok(text) => Ok((bytes, text)),
        Err(error) => {
            let (code, message) = (error.code(), error.message());
            Err(Answer::fault(&Fault::unacceptable(StatusCode::BAD_REQUEST, code, message)))
        }
    }
}

pub(crate) fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}

/// What an answer takes once everything is known, and then some.
const MARGIN_MAX: Duration = Duration::from_millis(20);

/// Makes every rule slow, for the tests of the deadline.
#[cfg(test)]
mod slow;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
