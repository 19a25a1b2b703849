//! The feedback doors: what the doctor did with a finding, in the agent's own words, as 3103 of the
//! national interface, and among a channel's records; and what a department says about a suspicion of
//! the audit. An answer is acknowledged when it is on disk; of several in one request all are taken or none.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, Dialect, Fault};
use super::checks::{json as say, read_text};
use super::{Road, Upload};
use crate::audit::{self, answer, department};
use crate::checks::Telling;
use crate::checks::feedback::{self, Unreadable};
use crate::checks::log::Answered;
use crate::checks::states::{Given, Step};
use crate::envelope::Draft;
use crate::outbox::{StoreError, blocking};
use crate::{checks, clock, pipeline};

/// `POST /v1/feedback`.
pub(super) async fn feedback(
    State(road): State<Arc<Road>>,
    headers: HeaderMap,
    body: Upload,
) -> Response {
    let id = clock::new_id();
    let text = match read_text(&road, &headers, body).await {
        Ok((_, text)) => text,
        Err(answer) => return answer.about(&id).say(&Dialect::Json),
    };
    let taken = match about_suspicions(&text) {
        Some(Ok(answers)) => {
            explain(&road, answers, Telling::ToTell).await.map(|it| told(&it, receipt_of_suspicion))
        }
        Some(Err(problems)) => Err(Trouble::unreadable(&problems)),
        None => match feedback::read(&text) {
            Ok(answers) => take(&road, answers, "feedback").await.map(|it| told(&it, receipt)),
            Err(problems) => Err(Trouble::unreadable(&problems)),
        },
    };
    match taken {
        Ok(told) => {
            let data = json!({ "feedback": told });
            let body = json!({ "code": 0, "message": "成功", "data": data, "request_id": id });
            say(StatusCode::OK, body.to_string())
        }
        Err(trouble) => trouble.answer().about(&id).say(&Dialect::Json),
    }
}

/// 3103: done, or why not in one sentence, and whether to come again with the same.
pub(super) async fn national(road: &Arc<Road>, text: &str) -> Result<(), (String, StatusCode)> {
    let taken = match feedback::read_3103(text) {
        Ok(answers) => take(road, answers, "3103").await,
        Err(problems) => Err(Trouble::unreadable(&problems)),
    };
    taken.map(|_| ()).map_err(|trouble| (trouble.sentence(), trouble.status))
}

/// Takes the answers among a message's records; the records themselves go the way of all records,
/// under the finding's id as their key.
pub(super) async fn take_records(
    road: &Arc<Road>,
    drafts: &mut [Draft],
    channel: &str,
) -> Result<(), Fault> {
    let (mut answers, mut explained) = (Vec::new(), Vec::new());
    for draft in drafts.iter_mut().filter(|it| it.entity == ENTITY) {
        let record: Value =
            serde_json::from_str(&format!("{{{}}}", draft.tail)).unwrap_or_default();
        let elements = record.get("elements").unwrap_or(&Value::Null);
        if let Some(said) = department::read(ENTITY, elements) {
            let said = said.map_err(|problems| Trouble::unreadable(&problems).fault())?;
            draft.key = said.first().map(|(id, _)| id.clone()).unwrap_or_default();
            explained.extend(said);
            continue;
        }
        let given = feedback::read_record(elements);
        let given = given.map_err(|problems| Trouble::unreadable(&problems).fault())?;
        draft.key = given.first().map(|it| it.finding_id.clone()).unwrap_or_default();
        answers.extend(given);
    }
    if !explained.is_empty() && !answers.is_empty() {
        return Err(Trouble::mixed().fault());
    }
    if !explained.is_empty() {
        let taken = explain(road, explained, Telling::IsTold).await;
        return taken.map(|_| ()).map_err(|trouble| trouble.fault());
    }
    if answers.is_empty() {
        return Ok(());
    }
    stamp(&mut answers, channel);
    match checks::answer(road, answers, Telling::IsTold).await {
        Ok(answered) if answered.iter().all(Answered::is_taken) => Ok(()),
        Ok(answered) => Err(Trouble::refused(&answered).fault()),
        Err(error) => Err(Trouble::store(&error).fault()),
    }
}

/// Whether the answers among these records are taken, or there are none.
pub(crate) async fn taken(road: &Arc<Road>, drafts: &mut [Draft], channel: &str) -> bool {
    take_records(road, drafts, channel).await.is_ok()
}

async fn take(
    road: &Arc<Road>,
    mut answers: Vec<Given>,
    source: &str,
) -> Result<Vec<Answered>, Trouble> {
    stamp(&mut answers, source);
    match checks::answer(road, answers, Telling::ToTell).await {
        Ok(answered) if answered.iter().all(Answered::is_taken) => Ok(answered),
        Ok(answered) => Err(Trouble::refused(&answered)),
        Err(error) => Err(Trouble::store(&error)),
    }
}

/// The answers of a request that is about suspicions of the audit.
fn about_suspicions(text: &str) -> Option<Result<Vec<department::Answer>, Vec<Unreadable>>> {
    let json = feedback::parse(text).ok()?;
    department::read("feedback", json.get("feedback").unwrap_or(&json))
}

/// Takes what a department says.
async fn explain(
    road: &Arc<Road>,
    answers: Vec<department::Answer>,
    telling: Telling,
) -> Result<Vec<Explained>, Trouble> {
    let ids: Vec<String> = answers.iter().map(|(id, _)| id.clone()).collect();
    let of = Arc::clone(road);
    let work = move || answer::answer_all(&of, answers, telling).map_err(StoreError::from);
    let answered = blocking(work).await.map_err(|error| Trouble::store(&error))?;
    let answered: Vec<_> = ids.into_iter().zip(answered).collect();
    let are_taken = answered.iter().all(|(_, it)| answer::is_taken(it));
    if are_taken { Ok(answered) } else { Err(Trouble::refused_of_suspicions(&answered)) }
}

fn told<T>(answered: &[T], receipt: fn(&T) -> Value) -> Vec<Value> {
    answered.iter().map(receipt).collect()
}

fn receipt_of_suspicion((id, answered): &Explained) -> Value {
    let (it, step) = answered.as_ref().map_or((None, None), |(it, step)| (Some(it), Some(step)));
    json!({
        "jr_id": id,
        "state": it.map(|it| it.state.name()),
        "since": it.map(|it| it.since.as_str()),
        "status": if step == Some(&audit::states::Step::Repeated) { "repeated" } else { "recorded" },
    })
}

fn stamp(answers: &mut [Given], source: &str) {
    let now = pipeline::stamp(clock::now());
    for answer in answers {
        source.clone_into(&mut answer.source);
        if answer.at.is_empty() {
            answer.at.clone_from(&now);
        }
    }
}

fn receipt(answered: &Answered) -> Value {
    let status = match answered.step {
        Some(Step::Repeated) => "repeated",
        _ => "recorded",
    };
    let tracked = answered.tracked.as_ref();
    json!({
        "jr_id": answered.finding_id,
        "state": tracked.map(|it| it.state.name()),
        "since": tracked.map(|it| it.since.as_str()),
        "check_id": tracked.map(|it| it.last_check.as_str()),
        "status": status,
    })
}

/// A suspicion, and what became of an answer about it.
type Explained = (String, answer::Answered);

/// Why no answer of a request was taken.
struct Trouble {
    status: StatusCode,
    annex_code: u8,
    code: &'static str,
    sentences: Vec<String>,
}

impl Trouble {
    fn unreadable(problems: &[Unreadable]) -> Trouble {
        let sentence = |it: &Unreadable| match it.found.as_str() {
            "" => format!("{}：{}", it.path, it.expected),
            found => format!("{}：{found} 不对，{}", it.path, it.expected),
        };
        Trouble {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            annex_code: 12,
            code: "I111",
            sentences: problems.iter().map(sentence).collect(),
        }
    }

    /// The worst of what is wrong decides the status, and all of it is told.
    fn refused(answered: &[Answered]) -> Trouble {
        let mut trouble = Trouble {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            annex_code: 12,
            code: "I111",
            sentences: Vec::new(),
        };
        for it in answered.iter().filter(|it| !it.is_taken()) {
            let id: String = it.finding_id.chars().take(50).collect();
            trouble.sentences.push(match it.step {
                None => {
                    (trouble.status, trouble.annex_code, trouble.code) =
                        (StatusCode::NOT_FOUND, 13, "I110");
                    format!("没有问题 {id}：请发送审查答复里的 jr_id")
                }
                Some(Step::Closed) => {
                    if trouble.annex_code == 12 {
                        (trouble.status, trouble.annex_code, trouble.code) =
                            (StatusCode::CONFLICT, 15, "I112");
                    }
                    format!("问题 {id} 已作废，不能再处置")
                }
                Some(Step::Incomplete(what)) => format!("问题 {id}：{what}"),
                Some(Step::Taken | Step::Repeated) => continue,
            });
        }
        trouble
    }

    /// Findings and suspicions are kept in two books, and written one after the other.
    fn mixed() -> Trouble {
        Trouble {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            annex_code: 12,
            code: "I111",
            sentences: vec!["疑点的答复和问题的处置分两次发送".to_owned()],
        }
    }

    fn refused_of_suspicions(answered: &[Explained]) -> Trouble {
        let mut trouble = Trouble { sentences: Vec::new(), ..Trouble::mixed() };
        for (id, it) in answered {
            let id: String = id.chars().take(50).collect();
            match it {
                Some((_, audit::states::Step::Refused(what))) => {
                    trouble.sentences.push(format!("疑点 {id}：{what}"));
                }
                Some(_) => {}
                None => {
                    (trouble.status, trouble.annex_code, trouble.code) =
                        (StatusCode::NOT_FOUND, 13, "I123");
                    trouble.sentences.push(format!("没有疑点 {id}：编号原样取自推送"));
                }
            }
        }
        trouble
    }

    fn store(error: &StoreError) -> Trouble {
        tracing::warn!(%error, "feedback not stored");
        let (code, sentence) = if error.is_full() {
            ("I114", "处置没有保存：前置机磁盘空间不足，腾出空间后自动恢复，请稍后原样重送")
        } else {
            ("I108", "处置没有保存：存储故障，请稍后原样重送")
        };
        Trouble {
            status: StatusCode::SERVICE_UNAVAILABLE,
            annex_code: 5,
            code,
            sentences: vec![sentence.to_owned()],
        }
    }

    fn sentence(&self) -> String {
        format!("{} [{}]", self.sentences.join("；"), self.code)
    }

    fn fault(&self) -> Fault {
        Fault::new(self.status, self.annex_code, self.code, self.sentences.join("；"))
    }

    fn answer(&self) -> Answer {
        Answer::fault(&self.fault())
    }
}

/// The entity by which a channel brings answers.
const ENTITY: &str = "check_feedback";
