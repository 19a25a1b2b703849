//! The voice a message is answered in: its own dialect, where templates say how, else the envelope.
//!
//! A receipt must leave once the record is on disk. A template that fails at that moment is told to
//! the log, and the caller gets the generic answer.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use mappings::{AnswerKind, Answers, Spoken, Told, check_variable};
use rules::{Facts, Verdict as CheckVerdict};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Dialect};
use super::told::{kind_of, orders};
use crate::calls;
use crate::pipeline::{self, Reading};
use crate::sets::Channel;

/// Who is answered, and what is known of the message.
#[derive(Debug)]
pub(super) struct Voice<'a> {
    pub(super) dialect: Dialect,
    pub(super) channel: &'a Channel,
    pub(super) org: &'a str,
    pub(super) message_id: &'a str,
    pub(super) received_at: jiff::civil::DateTime,
    pub(super) reading: Option<&'a Reading>,
    /// `message` or `check`.
    pub(super) door: &'static str,
}

impl Voice<'_> {
    /// Says an answer.
    pub(super) fn say(&self, answer: Answer) -> Response {
        let said = answer.said();
        let id = answer.message_id().unwrap_or(self.message_id).to_owned();
        let mut response = self.say_or(answer, |it| it.say(&self.dialect));
        if let Some(said) = said {
            response.extensions_mut().insert(said);
        }
        calls::mark(&mut response, |it| it.id = Some(id));
        response
    }

    /// Says an answer, in other words where the dialect has none.
    pub(super) fn say_or(
        &self,
        answer: Answer,
        otherwise: impl FnOnce(Answer) -> Response,
    ) -> Response {
        let (kind, status) = (answer.kind(), answer.status());
        let retry_after = answer.retry_after();
        if let Dialect::Hl7(sender) = &self.dialect {
            return sender.say(&answer, self.acknowledgement(&answer).as_deref());
        }
        // Most dialects have no words of their own, and then there is nothing to put together.
        let own = self.answers().is_some();
        let in_dialect =
            own.then(|| self.in_dialect(kind, status, answer.members(), None)).flatten();
        let Some(mut response) = in_dialect else { return otherwise(answer) };
        if let Some(wait) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }

    /// The channel's own acknowledgement. A template knows the number of a message only when that
    /// could be read, and can tell what is wrong only value by value.
    fn acknowledgement(&self, answer: &Answer) -> Option<Vec<u8>> {
        self.reading?;
        if !answer.status().is_success() && !answer.is_told_by_value() {
            return None;
        }
        let (_, spoken) = self.words(answer.kind(), answer.status(), answer.members(), None)?;
        spoken.body.starts_with(b"MSH").then_some(spoken.body)
    }

    /// Says what a check came to; `None` where the dialect has no words for it.
    pub(super) fn say_check(
        &self,
        verdict: &CheckVerdict,
        json: &str,
        facts: &Facts,
    ) -> Option<Response> {
        self.answers()?;
        let kind = kind_of(verdict);
        let check = check_variable(json, &orders(facts))?;
        let mut members = Map::new();
        members.insert("code".to_owned(), Value::from(0));
        members.insert("message".to_owned(), Value::from("成功"));
        members.insert("request_id".to_owned(), Value::from(self.message_id));
        let mut response = self.in_dialect(kind, StatusCode::OK, members, Some(&check))?;
        calls::mark(&mut response, |it| it.id = Some(self.message_id.to_owned()));
        Some(response)
    }

    fn in_dialect(
        &self,
        kind: AnswerKind,
        status: StatusCode,
        members: Map<String, Value>,
        check: Option<&str>,
    ) -> Option<Response> {
        let (status, spoken) = self.words(kind, status, members, check)?;
        let headers = [(header::CONTENT_TYPE, spoken.content_type)];
        Some((status, headers, Body::from(spoken.body)).into_response())
    }

    fn words(
        &self,
        kind: AnswerKind,
        status: StatusCode,
        members: Map<String, Value>,
        check: Option<&str>,
    ) -> Option<(StatusCode, Spoken)> {
        let answers = self.answers()?;
        let call = self.reading.and_then(|it| it.call.as_ref());
        let own = answers.status(kind).and_then(|it| StatusCode::from_u16(it).ok());
        // A SOAP client shows its programmer nothing of a body behind a 4xx; what failed on our side
        // stays a fault, unless the dialect says that it has words for that too.
        let status = own.unwrap_or(match call {
            Some(_) if !status.is_server_error() => StatusCode::OK,
            _ => status,
        });
        if matches!(self.dialect, Dialect::SoapFault(..))
            || call.is_some() && status.is_server_error()
        {
            return None;
        }
        let variables = self.variables(answers, members, check);
        let caller = self.reading.map(|it| it.caller).unwrap_or_default();
        match answers.say(&Told { kind, variables: &variables, call, caller })? {
            Ok(spoken) => Some((status, spoken)),
            Err(error) => {
                tracing::error!(
                    message_id = self.message_id, channel = %self.channel.name, code = "I109",
                    kind = kind.word(), %error, "answer template failed"
                );
                None
            }
        }
    }

    fn answers(&self) -> Option<&Arc<Answers>> {
        match self.reading {
            Some(reading) => reading.answers.as_ref(),
            None => self.channel.mappings.shared_answers(),
        }
    }

    fn variables(
        &self,
        answers: &Answers,
        mut members: Map<String, Value>,
        check: Option<&str>,
    ) -> String {
        let mut add = |name: &str, value: Value| {
            members.entry(name).or_insert(value);
        };
        add("message_id", Value::from(self.message_id));
        add("received_at", Value::from(pipeline::stamp(self.received_at)));
        add("channel", Value::from(&*self.channel.name));
        add("org", Value::from(self.org));
        add("door", Value::from(self.door));
        add("records", json!([]));
        add("findings", json!([]));
        let mut text = Value::from(members).to_string();
        text.truncate(text.len() - 1); // the closing brace
        text.push_str(",\"request\":");
        match self.reading {
            Some(reading) if !reading.request.is_empty() => text.push_str(&reading.request),
            _ => text.push_str(&answers.no_request()),
        }
        if let Some(check) = check {
            text.push_str(",\"check\":");
            text.push_str(check);
        }
        text.push('}');
        text
    }
}
