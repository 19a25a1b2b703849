//! Golden cases of answers: `cases/NAME.answer.KIND.out` holds the answer byte for byte.
//!
//! `NAME.answer.KIND.json` may give variables (`message`, `findings`, `request` ...), and for a check
//! `verdict` and `orders`. If there is a `NAME.in.EXT`, the request and the records come from it.

use adapters::{AnswerCharset, Decoded, Input, Limits, WireFormat};
use serde_json::{Map, Value, json};

use super::{AnswerKind, Answers, Told, check_variable};
use crate::case::RECEIVED_AT;
use crate::scene::Context;
use crate::set::MappingSet;

/// One golden case of an answer.
#[derive(Clone, Copy, Debug)]
pub struct AnswerCase<'a> {
    /// What kind of answer is expected.
    pub kind: AnswerKind,
    /// The message that is answered, and its Content-Type, if the case has one.
    pub message: Option<(&'a [u8], Option<&'a str>)>,
    /// The case's own variables, a JSON object.
    pub variables: Option<&'a str>,
}

/// The answer to a case, or why there is none.
pub fn answer_case(
    set: &MappingSet,
    answers: &Answers,
    case: &AnswerCase<'_>,
) -> Result<Vec<u8>, String> {
    let mut known = usual(case.kind, answers);
    let mut decoded = match case.message {
        Some((bytes, content_type)) => Some(read(bytes, content_type)?),
        None => None,
    };
    if let Some(decoded) = &mut decoded {
        known.extend(of_message(set, answers, case.kind, decoded)?);
    }
    let mut own: Map<String, Value> = match case.variables {
        Some(text) => serde_json::from_str(text).map_err(|it| it.to_string())?,
        None => Map::new(),
    };
    let verdict = own.remove("verdict");
    let orders = own.remove("orders").unwrap_or_else(|| json!([]));
    known.extend(own);
    let mut variables = Value::from(known).to_string();
    if let Some(verdict) = verdict {
        let orders: Vec<String> =
            orders.as_array().into_iter().flatten().map(Value::to_string).collect();
        let check = check_variable(&verdict.to_string(), &orders)
            .ok_or("`verdict` and `orders` are not what a check gives")?;
        variables.truncate(variables.len() - 1);
        variables.push_str(",\"check\":");
        variables.push_str(&check);
        variables.push('}');
    }
    let told = Told {
        kind: case.kind,
        variables: &variables,
        call: decoded.as_ref().and_then(|it| it.call.as_ref()),
        caller: decoded.as_ref().map_or(AnswerCharset::Utf8, AnswerCharset::of_caller),
    };
    let said = answers.say(&told).ok_or("there is no template for this kind")?;
    said.map(|it| it.body).map_err(|it| it.to_string())
}

fn read(bytes: &[u8], content_type: Option<&str>) -> Result<Decoded, String> {
    let input = Input::new(bytes, WireFormat::Auto, content_type);
    adapters::decode(&input, &Limits::default()).map_err(|it| it.to_string())
}

fn usual(kind: AnswerKind, answers: &Answers) -> Map<String, Value> {
    let (code, message) = match kind {
        AnswerKind::Refused => (12, "报文有误，未被接收"),
        AnswerKind::Failed => (5, "前置机正忙，请稍后原样重送；重送不会重复入库"),
        _ => (0, "成功"),
    };
    let variables = json!({
        "message_id": "case", "request_id": "case", "received_at": "20260102030405",
        "channel": "case", "org": "H99999900001", "code": code, "message": message,
        "door": if kind.is_check() { "check" } else { "message" }, "records": [], "findings": [],
        "request": serde_json::from_str::<Value>(&answers.no_request()).unwrap_or_default(),
    });
    match variables {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What the message itself says: the request's values, and what it became.
fn of_message(
    set: &MappingSet,
    answers: &Answers,
    kind: AnswerKind,
    decoded: &mut Decoded,
) -> Result<Map<String, Value>, String> {
    let operation = decoded.call.as_ref().map(|it| it.operation.clone());
    let context = Context {
        channel: "case",
        org: "H99999900001",
        message_id: "case",
        received_at: RECEIVED_AT,
        operation: operation.as_deref(),
    };
    let limits = Limits::default();
    let document = &mut decoded.document;
    let mut known = Map::new();
    match set.map(document, &context, &limits) {
        Err(error) if kind != AnswerKind::Refused => return Err(error.to_string()),
        Err(error) => {
            known.insert("message".to_owned(), Value::from(error.advice()));
        }
        Ok(mapped) => {
            let records = mapped.records.iter().zip(1..);
            let told = records.clone().map(|(record, number)| {
                json!({
                    "record_id": format!("R{number}"), "entity": record.entity.name(),
                    "key": record.key, "seq": number, "revision": 1, "status": "accepted",
                    "findings": [],
                })
            });
            let findings: Vec<Value> = mapped
                .records
                .iter()
                .flat_map(|it| mapped.findings(it, document))
                .map(|it| {
                    json!({
                        "code": it.code, "element": it.element, "path": it.path,
                        "found": it.found, "expected": it.expected,
                    })
                })
                .collect();
            let stored = !matches!(kind, AnswerKind::Refused | AnswerKind::Failed);
            let told: Vec<Value> = if stored { told.collect() } else { Vec::new() };
            known.insert("records".to_owned(), Value::from(told));
            known.insert("findings".to_owned(), Value::from(findings));
        }
    }
    let request = answers.request.read(document, &context);
    known.insert("request".to_owned(), request);
    Ok(known)
}
