//! The national door: the envelope that HIS programs already send to the insurer, 3101 before, 3102
//! during (in one region 3660 and 3661) and 3103 for what the doctor did, at the addresses they already use. A HIS written for them needs only a new host.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use rules::Verdict;
use rules::insurance::{self, Reply, bureau};
use serde_json::Value;

use super::answer::{Answer, Fault};
use super::checks::{Question, json, read_text};
use super::feedback;
use super::{NO_ROOM_RETRY_AFTER, Road, Upload};
use crate::calls;
use crate::checks::entry::Door;
use crate::clock;
use crate::pipeline;
use crate::relay::Asked;

/// `POST /insurance` and `/insurance/{infno}`.
pub(super) async fn call(
    State(road): State<Arc<Road>>,
    number: Option<Path<String>>,
    headers: HeaderMap,
    body: Upload,
) -> Response {
    let at = Address { infno: number.map(|Path(it)| it), usual: "3101" };
    answer(&road, at, headers, body).await
}

/// `POST /fsi/api/riskConService/beforeAnalyze`.
pub(super) async fn before(
    State(road): State<Arc<Road>>,
    headers: HeaderMap,
    body: Upload,
) -> Response {
    answer(&road, Address { infno: None, usual: "3101" }, headers, body).await
}

/// `POST /fsi/api/riskConService/courseAnalyze`.
pub(super) async fn course(
    State(road): State<Arc<Road>>,
    headers: HeaderMap,
    body: Upload,
) -> Response {
    answer(&road, Address { infno: None, usual: "3102" }, headers, body).await
}

/// What the address says of the transaction.
struct Address {
    infno: Option<String>,
    /// What is meant here by a message that has no number; some callers leave it out.
    usual: &'static str,
}

async fn answer(road: &Arc<Road>, at: Address, headers: HeaderMap, body: Upload) -> Response {
    let question = Question::new(road, Door::National, None, &headers);
    let (bytes, text) = match read_text(road, &headers, body).await {
        Ok(came) => came,
        // Whoever speaks the interface reads its envelope and nothing else.
        Err(answer) => {
            let status = match answer.status() {
                StatusCode::BAD_REQUEST => StatusCode::OK,
                other => other,
            };
            return json(status, failure(answer.message(), &question, &stamp()));
        }
    };
    let came = stamp();
    let number = at.infno.or_else(|| infno(&text)).or_else(|| named(&headers));
    let infno = number.as_deref().unwrap_or(at.usual);
    let mut come_again = false;
    let answer = match infno {
        // The fields of all are the same.
        "3101" | "3102" | "3660" | "3661" => {
            let question = question.about(infno);
            let asked = || {
                let relay = road.relay.as_ref()?;
                Some(relay.ask(infno, &headers, &bytes, question.until()))
            };
            judge(road, &question, (&bytes, &text), &came, asked).await
        }
        "3103" => match feedback::national(road, &text).await {
            Ok(()) => insurance::write_answer::<Verdict>(&[], &reply(&question, &came, &stamp())),
            Err((sentence, status)) => {
                come_again = status == StatusCode::SERVICE_UNAVAILABLE;
                failure(&sentence, &question, &came)
            }
        },
        other => failure(
            &format!("不支持的交易编号 {}：这里接受 3101、3102、3103、3660 和 3661", clip(other)),
            &question,
            &came,
        ),
    };
    if come_again {
        let mut response = json(StatusCode::SERVICE_UNAVAILABLE, answer);
        response.headers_mut().insert(header::RETRY_AFTER, NO_ROOM_RETRY_AFTER.as_secs().into());
        return response;
    }
    // The envelope's own code tells success from failure; its callers look at nothing else.
    json(StatusCode::OK, answer)
}

async fn judge(
    road: &Road,
    question: &Question,
    (bytes, text): (&Bytes, &str),
    came: &str,
    ask_insurer: impl FnOnce() -> Option<Asked>,
) -> String {
    let sets = road.sets.load_full();
    match insurance::read(text, question.service(), &sets.region) {
        Ok(asked) => {
            let insurer = ask_insurer();
            let mut evaluated = Vec::with_capacity(asked.patients.len());
            for mut facts in asked.patients {
                question.recall(road, &mut facts).await;
                let verdict = question.evaluate(&sets, &facts);
                evaluated.push((facts, verdict));
            }
            if let Some(insurer) = insurer {
                let told = insurer.told().await;
                let mut verdicts: Vec<_> = evaluated.iter_mut().map(|(_, it)| it).collect();
                bureau::merge(&mut verdicts, told);
            }
            let judged: Vec<_> = evaluated
                .into_iter()
                .map(|(facts, verdict)| {
                    let judged = question.judged(road, &facts, verdict);
                    (facts, judged)
                })
                .collect();
            let verdicts: Vec<_> = judged.iter().map(|(_, it)| &it.verdict).collect();
            let now = stamp();
            let mut reply = reply(question, came, &now);
            if let Some(task_id) = &asked.task_id {
                reply.task_id = task_id;
            }
            let answer = insurance::write_answer(&verdicts, &reply);
            question.keep(road, bytes, judged);
            answer
        }
        Err(findings) => {
            let told: Vec<String> = findings
                .iter()
                .map(|it| format!("{} {}：{}", it.code, it.path, it.expected))
                .collect();
            failure(&told.join("；"), question, came)
        }
    }
}

/// Says that somebody was not let in: whoever speaks the interface reads its envelope and nothing else.
pub(crate) fn refuse(fault: &Fault, id: &str) -> Response {
    let now = stamp();
    let reply =
        Reply { inf_refmsgid: reference(id), refmsg_time: &now, respond_time: &now, task_id: id };
    let answer = Answer::fault(fault).about(id);
    let body = insurance::write_failure(&answer.told(), &reply);
    let mut response = answer.head_of(json(StatusCode::OK, body));
    calls::mark(&mut response, |it| it.id = Some(id.to_owned()));
    response
}

fn failure(message: &str, question: &Question, came: &str) -> String {
    insurance::write_failure(message, &reply(question, came, &stamp()))
}

fn reply<'a>(question: &'a Question, came: &'a str, now: &'a str) -> Reply<'a> {
    Reply {
        inf_refmsgid: reference(&question.id),
        refmsg_time: came,
        respond_time: now,
        task_id: &question.id,
    }
}

/// The interface declares 30 characters for the answer's id; the end of ours differs most.
fn reference(id: &str) -> &str {
    id.get(id.len().saturating_sub(30)..).unwrap_or(id)
}

/// `yyyyMMddHHmmssSSS`; the milliseconds carry nothing that anybody reads.
fn stamp() -> String {
    format!("{}000", pipeline::stamp(clock::now()))
}

/// The number in the envelope: a text or a number, and blank is none.
fn infno(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        #[serde(alias = "INFNO")]
        infno: Option<Value>,
    }
    let number = match serde_json::from_str::<Envelope>(text).ok()?.infno? {
        Value::String(number) => number.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    Some(number).filter(|it| !it.is_empty())
}

/// One gateway's callers name the transaction in a header; another's have one name there for all.
fn named(headers: &HeaderMap) -> Option<String> {
    let name = headers.get("_api_name")?.to_str().ok()?.trim();
    let is_number = name.len() == 4 && name.bytes().all(|it| it.is_ascii_digit());
    is_number.then(|| name.to_owned())
}

fn clip(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}
