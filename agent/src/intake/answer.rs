//! Answers: one envelope, said in the caller's own dialect.
//!
//! Success and failure have the same members: `code` (0, or 1 to 15 of T/CIIA 046-2024 annex A),
//! `message`, `data` or `detail`, `request_id`. A JSON caller gets them as JSON, an XML caller as
//! XML, a SOAP caller as the string result of the operation it called, in its version and namespace.

use std::time::Duration;

use adapters::{
    AnswerCharset, FaultKind, Reference, SoapCall, SoapOutcome, SoapResult, SoapService,
    SoapVersion, Trouble, WireFormat,
};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::civil::DateTime;
use mappings::AnswerKind;
use schemas::Finding;
use serde_json::{Map, Value, json};

use super::acknowledge::Hl7Sender;
use super::{NO_ROOM_RETRY_AFTER, RETRY_AFTER};
use crate::calls;
use crate::envelope::{Receipt, RecordReceipt};
use crate::outbox::StoreError;

/// In which words the caller is answered.
#[derive(Clone, Debug)]
pub enum Dialect {
    /// The envelope as JSON.
    Json,
    /// The envelope as XML.
    Xml,
    /// The envelope as XML in the string result of the operation.
    Soap(SoapCall),
    /// SOAP, but the call could not be read: a fault of this version.
    SoapFault(SoapVersion, FaultKind),
    /// The sentence alone: a form post that calls an operation has no word for a fault.
    Text,
    /// Acknowledgements over MLLP.
    Hl7(Box<Hl7Sender>),
}

impl Dialect {
    /// The dialect of a message that was read.
    pub fn of(format: WireFormat, call: Option<&SoapCall>) -> Dialect {
        match (format, call) {
            (_, Some(call)) => Dialect::Soap(call.clone()),
            (WireFormat::Xml | WireFormat::Soap, None) => Dialect::Xml,
            (_, None) => Dialect::Json,
        }
    }

    /// The dialect of whoever is answered by the head of its request alone.
    pub(crate) fn before_body(is_soap: bool, content_type: Option<&str>) -> Dialect {
        let told = content_type.unwrap_or_default().trim().to_ascii_lowercase();
        if told.starts_with("application/soap+xml") {
            Dialect::SoapFault(SoapVersion::V12, FaultKind::Client)
        } else if told.starts_with("application/json") {
            Dialect::Json
        } else if is_soap && told.starts_with("application/x-www-form-urlencoded") {
            Dialect::Text
        } else if is_soap {
            Dialect::SoapFault(SoapVersion::V11, FaultKind::Client)
        } else if told.contains("xml") {
            Dialect::Xml
        } else {
            Dialect::Json
        }
    }

    /// The dialect of a message that could not be read, at the address of a service.
    pub fn unread(service: Option<&SoapService>, content_type: Option<&str>) -> Dialect {
        let told = content_type.unwrap_or_default().to_ascii_lowercase();
        match service {
            None => Dialect::Json,
            Some(_) if told.contains("; operation=") => Dialect::Text,
            Some(_) if told.starts_with("application/json") => Dialect::Json,
            Some(_) if told.starts_with("application/soap+xml") => {
                Dialect::SoapFault(SoapVersion::V12, FaultKind::Client)
            }
            Some(_) => Dialect::SoapFault(SoapVersion::V11, FaultKind::Client),
        }
    }
}

/// What is wrong, for a caller: annex A's code, the status, our own code and a sentence.
#[derive(Debug)]
pub struct Fault {
    status: StatusCode,
    annex_code: u8,
    code: &'static str,
    message: String,
    /// When to come again, if there is no room now.
    retry_after: Duration,
}

/// An answer that is not yet said in anybody's words.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    body: Map<String, Value>,
    retry_after: Option<Duration>,
    /// The detail lists findings, not the sentence once more.
    told_by_value: bool,
}

/// What is wrong, kept beside an answer that says it in a dialect, for whoever tells people.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// Whether it was not taken, and may be as it is; the status of a dialect does not tell.
    pub(super) may_come_again: bool,
    pub(super) message: String,
    pub(super) troubles: Vec<Trouble>,
}

impl Fault {
    /// A fault with annex A's code for it.
    pub fn new(status: StatusCode, annex_code: u8, code: &'static str, message: String) -> Fault {
        Fault { status, annex_code, code, message, retry_after: RETRY_AFTER }
    }

    /// The message cannot be accepted as it is: the HIS must change it.
    pub fn unacceptable(status: StatusCode, code: &'static str, message: String) -> Fault {
        Fault::new(status, 12, code, message)
    }

    /// Whether it stays so until the sender changes something.
    pub(super) fn is_final(&self) -> bool {
        self.status.is_client_error()
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// As answers list what is wrong.
    pub(super) fn detail(&self) -> Value {
        json!([{ "code": self.code, "expected": self.message }])
    }

    /// More bytes than the door takes.
    pub fn too_large(bytes_max: usize) -> Fault {
        let message =
            format!("报文超过 {bytes_max} 字节的上限，请分批发送，或由医院调大 body_bytes_max");
        Fault::unacceptable(StatusCode::PAYLOAD_TOO_LARGE, "I101", message)
    }

    /// More bytes than a streaming channel takes.
    pub fn stream_too_large(bytes_max: usize) -> Fault {
        let message = format!(
            "报文超过流式通道 {bytes_max} 字节的上限，请分批发送，或由医院调大 stream_bytes_max"
        );
        Fault::unacceptable(StatusCode::PAYLOAD_TOO_LARGE, "I101", message)
    }

    /// The body did not come in time.
    pub fn slow_body(after: Duration) -> Fault {
        let message = format!(
            "{} 毫秒内没有收完报文：请核对 Content-Length 与实际长度是否一致",
            after.as_millis()
        );
        Fault::new(StatusCode::REQUEST_TIMEOUT, 15, "I102", message)
    }

    /// The connection broke inside the body.
    pub fn broken_body() -> Fault {
        let message = "报文没有发送完整：请核对 Content-Length 与分块编码".to_owned();
        Fault::new(StatusCode::BAD_REQUEST, 15, "I103", message)
    }

    /// No such channel.
    pub fn unknown_channel(name: &str, known: &[&str]) -> Fault {
        let name: String = name.chars().take(64).collect();
        let message = format!("没有名为 {name} 的通道；已配置的通道：{}", known.join("、"));
        Fault::new(StatusCode::NOT_FOUND, 13, "I104", message)
    }

    /// No such address.
    pub fn unknown_address() -> Fault {
        let message = "没有这个地址：报文请发到 /v1/channels/{通道名}/messages".to_owned();
        Fault::new(StatusCode::NOT_FOUND, 13, "I105", message)
    }

    /// The address is right, the method is not.
    pub fn wrong_method() -> Fault {
        let message = "这个地址不接受这个方法：各地址的方法见 /openapi".to_owned();
        Fault::new(StatusCode::METHOD_NOT_ALLOWED, 15, "I106", message)
    }

    /// The same, for whoever may come again then.
    #[must_use]
    pub(crate) fn in_a_while(self, wait: Duration) -> Fault {
        Fault { retry_after: Duration::from_secs(wait.as_secs().saturating_add(1)), ..self }
    }

    /// No room at the moment.
    pub fn busy() -> Fault {
        let message = "前置机正忙，请稍后原样重送；重送不会重复入库".to_owned();
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, 5, "I107", message)
    }

    /// The disk is nearly full. That does not pass in a second.
    pub fn no_room() -> Fault {
        let message =
            "前置机磁盘空间不足，暂停接收；已接收的都在，腾出空间后自动恢复，请稍后原样重送，\
                       重送不会重复入库"
                .to_owned();
        let fault = Fault::new(StatusCode::SERVICE_UNAVAILABLE, 5, "I114", message);
        Fault { retry_after: NO_ROOM_RETRY_AFTER, ..fault }
    }

    /// Why a message was not stored, and the word by which that is counted.
    pub fn not_stored(error: &StoreError) -> (Fault, &'static str) {
        match error {
            StoreError::Busy => (Fault::busy(), "busy"),
            StoreError::Full { .. } => (Fault::no_room(), "no_room"),
            _ => (Fault::store_failed(), "failed"),
        }
    }

    /// The disk is not to be trusted.
    pub fn store_failed() -> Fault {
        let message = "前置机的存储发生故障，本次未接收；请通知信息科，恢复后原样重送".to_owned();
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, 2, "I108", message)
    }
}

impl Answer {
    /// A failure.
    pub fn fault(fault: &Fault) -> Answer {
        let detail = fault.detail();
        let busy = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        let busy = busy.contains(&fault.status);
        Answer {
            status: fault.status,
            body: envelope(fault.annex_code, &fault.message, "detail", detail),
            retry_after: busy.then_some(fault.retry_after),
            told_by_value: false,
        }
    }

    /// A failure told value by value.
    pub fn findings(fault: &Fault, findings: &[Finding]) -> Answer {
        if findings.is_empty() {
            return Answer::fault(fault);
        }
        let detail = findings.iter().map(finding).collect();
        Answer {
            status: fault.status,
            body: envelope(fault.annex_code, &fault.message, "detail", detail),
            retry_after: None,
            told_by_value: true,
        }
    }

    /// The receipt: everything is on disk. `warnings` are by record. A parked record has its id,
    /// but no number and no revision yet.
    pub fn receipt(receipt: &Receipt, warnings: &[Vec<Finding>]) -> Answer {
        let warnings = warnings.iter().map(Vec::as_slice).chain(std::iter::repeat(&[][..]));
        let records: Vec<Value> = receipt
            .records
            .iter()
            .zip(warnings)
            .map(|(it, findings)| record(it, findings))
            .collect();
        let data = json!({
            "message_id": receipt.message_id,
            "received_at": receipt.received_at,
            "records": records,
        });
        Answer {
            status: StatusCode::OK,
            body: envelope(0, "成功", "data", data),
            retry_after: None,
            told_by_value: false,
        }
    }

    /// The receipt of a message too long for a list: everything is on disk, told in numbers.
    pub fn counts(message_id: &str, received_at: DateTime, counts: &Value) -> Answer {
        let data = json!({
            "message_id": message_id,
            "received_at": crate::pipeline::stamp(received_at),
            "counts": counts,
        });
        Answer {
            status: StatusCode::OK,
            body: envelope(0, "成功", "data", data),
            retry_after: None,
            told_by_value: false,
        }
    }

    /// Names the request, so that a caller's complaint can be found in the log.
    #[must_use]
    pub fn about(mut self, request_id: &str) -> Answer {
        self.body.insert("request_id".to_owned(), Value::from(request_id));
        self
    }

    /// What kind of answer it is to a template.
    pub(super) fn kind(&self) -> AnswerKind {
        let records = self.body.get("data").and_then(|it| it.get("records")?.as_array());
        let any = |is: fn(&Value) -> bool| records.into_iter().flatten().any(is);
        if self.status.is_server_error() {
            AnswerKind::Failed
        } else if !self.status.is_success() {
            AnswerKind::Refused
        } else if any(|it| it.get("status").and_then(Value::as_str) == Some("parked")) {
            AnswerKind::Parked
        } else if any(|it| {
            it.get("findings").and_then(Value::as_array).is_some_and(|it| !it.is_empty())
        }) {
            AnswerKind::Warned
        } else {
            AnswerKind::Accepted
        }
    }

    /// What is wrong, if something is.
    pub(super) fn said(&self) -> Option<Said> {
        let said = || Said {
            may_come_again: self.status.is_server_error(),
            message: self.message().to_owned(),
            troubles: self.troubles().collect(),
        };
        (!self.status.is_success()).then(said)
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence.
    pub(super) fn message(&self) -> &str {
        self.body.get("message").and_then(Value::as_str).unwrap_or_default()
    }

    /// The message under which what was received is found: of a resend, the first.
    pub(super) fn message_id(&self) -> Option<&str> {
        self.body.get("data")?.get("message_id")?.as_str()
    }

    /// The request's number.
    pub(super) fn request_id(&self) -> &str {
        self.body.get("request_id").and_then(Value::as_str).unwrap_or_default()
    }

    /// What is wrong, one by one, if something is.
    pub(super) fn troubles(&self) -> impl Iterator<Item = Trouble> {
        let detail = self.body.get("detail").and_then(Value::as_array);
        let text = |it: &Value, name: &str| {
            it.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        detail.into_iter().flatten().map(move |it| Trouble {
            code: text(it, "code"),
            place: text(it, "path"),
            advice: text(it, "expected"),
        })
    }

    pub(super) fn is_told_by_value(&self) -> bool {
        self.told_by_value
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same as a template's variables: the members of `data` beside the others, and all findings
    /// in one list.
    pub(super) fn members(&self) -> Map<String, Value> {
        let mut members = self.body.clone();
        let detail = members.remove("detail");
        if let Some(Value::Object(data)) = members.remove("data") {
            members.extend(data);
        }
        let of_records = || {
            let records = members.get("records").and_then(Value::as_array);
            let findings = records.into_iter().flatten().filter_map(|it| it.get("findings"));
            findings.filter_map(Value::as_array).flatten().cloned().collect()
        };
        let findings = detail.filter(|_| self.told_by_value).unwrap_or_else(of_records);
        members.insert("findings".to_owned(), findings);
        members
    }

    /// Says it in the caller's words.
    pub fn say(self, dialect: &Dialect) -> Response {
        let (retry_after, said) = (self.retry_after, self.said());
        let id = self.request_id().to_owned();
        let mut response = match dialect {
            Dialect::Json => {
                let text = Value::from(self.body).to_string();
                spoken(self.status, "application/json; charset=utf-8", text)
            }
            Dialect::Xml => {
                let text = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{}", xml(self.body));
                spoken(self.status, "text/xml; charset=utf-8", text)
            }
            Dialect::Soap(call) => {
                let text = xml(self.body.clone());
                self.say_soap(call, &text)
            }
            Dialect::SoapFault(version, kind) => self.say_soap_fault(*version, *kind),
            Dialect::Text => spoken(self.status, "text/plain; charset=utf-8", self.told()),
            Dialect::Hl7(sender) => return sender.say(&self, None),
        };
        if let Some(wait) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        if let Some(said) = said {
            response.extensions_mut().insert(said);
        }
        calls::mark(&mut response, |it| it.id = Some(id).filter(|it| !it.is_empty()));
        response
    }

    /// Gives this status to a response in other words, and says when to come again.
    pub(super) fn head_of(&self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        if let Some(said) = self.said() {
            response.extensions_mut().insert(said);
        }
        response
    }

    /// Says it as JSON in a whole response of HTTP, for a connection that ends before it was asked.
    pub(super) fn in_bytes(self) -> Vec<u8> {
        let retry_after = self.retry_after.map(|it| format!("retry-after: {}\r\n", it.as_secs()));
        let (status, text) = (self.status, Value::from(self.body).to_string());
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\n\
             content-length: {}\r\nconnection: close\r\n{}\r\n",
            text.len(),
            retry_after.unwrap_or_default()
        );
        [head, text].concat().into_bytes()
    }

    /// Says it as JSON: to a SOAP caller as the text of its result.
    pub(super) fn say_json(self, call: Option<&SoapCall>) -> Response {
        let Some(call) = call else { return self.say(&Dialect::Json) };
        let text = Value::from(self.body.clone()).to_string();
        self.say_soap(call, &text)
    }

    /// A SOAP client shows its programmer nothing of a body behind a status of 4xx: what the agent
    /// has to say about the message is a result like any other. "Busy" and faults of our own are
    /// faults, so that nobody takes them for a receipt.
    fn say_soap(self, call: &SoapCall, text: &str) -> Response {
        if self.status.is_server_error() {
            return if call.is_form {
                self.say(&Dialect::Text)
            } else {
                self.say_soap_fault(call.version, FaultKind::Server)
            };
        }
        let code = self.body.get("code").map(Value::to_string).unwrap_or_default();
        soap_result(call, text, SoapOutcome { code: &code, message: self.message() })
    }

    /// The sentence, our code to look it up by, and the request to ask about.
    pub(super) fn told(&self) -> String {
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let code = self.body.get("detail").and_then(|it| it.pointer("/0/code"));
        let request = self.body.get("request_id");
        format!("{} [{} {}]", text(self.body.get("message")), text(code), text(request))
    }

    fn say_soap_fault(self, version: SoapVersion, kind: FaultKind) -> Response {
        let message = self.told();
        // What is read once more and taken is no fault of the caller's.
        let kind =
            if self.status == StatusCode::SERVICE_UNAVAILABLE { FaultKind::Server } else { kind };
        let status = match self.status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => self.status,
            _ => StatusCode::INTERNAL_SERVER_ERROR, // SOAP 1.1 section 6.2 asks for 500
        };
        let text = adapters::soap_fault(version, kind, &message);
        spoken(status, &adapters::soap_content_type(version, AnswerCharset::Utf8), text)
    }
}

/// What is wrong by an answer in anybody's words, by its code.
pub(crate) fn code_of(response: &Response) -> Option<&str> {
    let said = response.extensions().get::<Said>()?;
    said.troubles.first().map(|it| it.code.as_str())
}

/// A text as the result of an operation, in the encoding that its service answers in.
pub(super) fn soap_result(call: &SoapCall, text: &str, outcome: SoapOutcome<'_>) -> Response {
    let charset = call.charset.unwrap_or_default();
    let text = adapters::soap_answer_told(call, SoapResult::Text(text), outcome, charset.label());
    let bytes = adapters::encode_referring(&text, charset, Reference::Xml);
    spoken(StatusCode::OK, &adapters::soap_content_type(call.version, charset), bytes)
}

fn spoken(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

fn envelope(code: u8, message: &str, name: &str, content: Value) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("code".to_owned(), Value::from(code));
    body.insert("message".to_owned(), Value::from(message));
    body.insert(name.to_owned(), content);
    body
}

fn record(record: &RecordReceipt, findings: &[Finding]) -> Value {
    let RecordReceipt { record_id, entity, key, seq, revision, status } = record;
    let findings: Vec<Value> = findings.iter().map(finding).collect();
    let status = status.as_str();
    if *seq == 0 {
        return json!({
            "record_id": record_id, "entity": entity, "key": key, "status": status,
            "findings": findings,
        });
    }
    json!({
        "record_id": record_id, "entity": entity, "key": key, "seq": seq, "revision": revision,
        "status": status, "findings": findings,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code,
        "element": finding.element,
        "path": finding.path,
        "found": finding.found,
        "expected": finding.expected,
    })
}

/// The envelope as XML: a member is an element, a list's entries are `item` elements.
fn xml(body: Map<String, Value>) -> String {
    let mut out = String::new();
    write_xml("response", &Value::from(body), &mut out);
    out
}

/// The envelope is at most five deep, so is this recursion.
fn write_xml(name: &str, value: &Value, out: &mut String) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    match value {
        Value::Object(members) => members.iter().for_each(|(name, it)| write_xml(name, it, out)),
        Value::Array(items) => items.iter().for_each(|it| write_xml("item", it, out)),
        Value::String(text) => adapters::escape_text_into(text, out),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_has_the_same_members_as_json() {
        let body = envelope(12, "a<b", "detail", json!([{ "code": "V203" }]));
        assert_eq!(
            xml(body),
            "<response><code>12</code><message>a&lt;b</message><detail><item><code>V203</code></item></detail></response>"
        );
    }
}
