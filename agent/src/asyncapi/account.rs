//! The account with the platform as messages: questions, and answers by the control queue.

use serde_json::{Map, Value, json};

use super::{ANSWER, BINDING, QUESTION, schema};
use crate::forward::parcel::JSON;
use crate::reconcile::question;

/// The AMQP properties of a question. A test compares them with what is sent.
pub(super) const ASKED: &[(&str, &str)] = &[
    ("message_id", "问题的编号"),
    ("content_type", "application/json"),
    ("type", "reconcile"),
    ("app_id", "his-agent/版本"),
    ("reply_to", "his.control.{org}"),
    ("delivery_mode", "2"),
];

/// Those of an answer; the first two are looked at.
pub(super) const ANSWERED: &[(&str, &str)] = &[
    ("type", "reconcile-answer；别的消息前置机不动"),
    ("correlation_id", "问题的 message_id"),
    ("message_id", "自定"),
    ("content_type", "application/json"),
    ("app_id", "自定"),
    ("delivery_mode", "2"),
];

pub(super) fn question() -> Value {
    json!({
        "name": question::QUESTION,
        "title": "对账的问题",
        "contentType": JSON,
        "payload": schema(QUESTION),
        "bindings": { "amqp": { "messageType": question::QUESTION, "bindingVersion": BINDING } },
        "x-amqp-properties": properties(ASKED),
        "x-routing-key": format!("{{org}}.{}", question::QUESTION),
    })
}

pub(super) fn answer() -> Value {
    json!({
        "name": question::ANSWER,
        "title": "对账的答复",
        "contentType": JSON,
        "payload": schema(ANSWER),
        "bindings": { "amqp": { "messageType": question::ANSWER, "bindingVersion": BINDING } },
        "x-amqp-properties": properties(ANSWERED),
        "x-exchange": "",
        "x-routing-key": "问题的 reply_to",
    })
}

fn properties(all: &[(&str, &str)]) -> Value {
    let member = |(name, zh): &(&str, &str)| {
        let kind = if *name == "delivery_mode" { "integer" } else { "string" };
        ((*name).to_owned(), json!({ "type": kind, "description": zh }))
    };
    let properties: Map<String, Value> = all.iter().map(member).collect();
    json!({ "type": "object", "properties": properties })
}

pub(super) fn schemas() -> Map<String, Value> {
    let all = [
        (QUESTION, json!({ "allOf": [schema("ReconcileDay"), { "oneOf": asks() }] })),
        (ANSWER, json!({ "oneOf": tells() })),
        ("ReconcileDay", day()),
        ("ReconcileGroup", object(&[("entity", text("实体")), ("channel", text("通道"))])),
        ("ReconcileTotals", totals()),
        ("ReconcileLeaf", leaf()),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn day() -> Value {
    object(&[
        ("agent", text("x-agent")),
        ("epoch", text("x-epoch")),
        (
            "day",
            json!({ "type": "string", "pattern": "^[0-9]{8}$", "description": "记录的 received_at 的日期" }),
        ),
    ])
}

/// Every kind of question, as `ask` names it.
pub(super) fn asks() -> Vec<Value> {
    let group = || ("group", schema("ReconcileGroup"));
    let ids =
        |zh: &str| json!({ "type": "array", "items": { "type": "string" }, "description": zh });
    let statement = object(&[
        ("statement", text("签名的 JSON 原文")),
        ("signature", text("Ed25519，十六进制")),
        ("public_key", text("公钥，十六进制")),
    ]);
    vec![
        kind("ask", "account", &[]),
        kind("ask", "ranges", &[group()]),
        kind("ask", "leaves", &[group(), ("ranges", list(&json!({ "type": "integer" })))]),
        kind(
            "ask",
            "withdraw",
            &[
                ("keep", list(&schema("ReconcileLeaf"))),
                ("unknown", ids("全部撤下的 record_id")),
                ("doubles", ids("已知重复的 record_id")),
            ],
        ),
        kind("ask", "keep", &[("statement", statement)]),
    ]
}

/// Every kind of answer, as `tell` names it.
pub(super) fn tells() -> Vec<Value> {
    let doubled = object(&[
        ("record_id", text("重复到达的记录")),
        ("seq", json!({ "type": "integer" })),
        ("dropped", json!({ "type": "integer", "description": "丢掉了几份" })),
        ("different", json!({ "type": "integer", "description": "其中内容不同的" })),
    ]);
    let page = tuple(&[schema("ReconcileGroup"), schema("ReconcileTotals")]);
    let range = tuple(&[json!({ "type": "integer", "description": "段号" }), text("段的摘要")]);
    vec![
        kind("tell", "account", &[("pages", list(&page)), ("doubled", list(&doubled))]),
        kind("tell", "ranges", &[("ranges", list(&range))]),
        kind("tell", "leaves", &[("leaves", list(&schema("ReconcileLeaf")))]),
        kind(
            "tell",
            "withdrawn",
            &[("copies", json!({ "type": "integer", "description": "撤下了几份" }))],
        ),
        kind("tell", "kept", &[]),
        kind("tell", "refused", &[("reason", text("为什么答不了"))]),
    ]
}

fn totals() -> Value {
    let number = || json!({ "type": "integer" });
    let sums = json!({
        "type": "object", "additionalProperties": { "type": "string" }, "description": "金额合计，十进制",
    });
    object(&[
        ("count", number()),
        ("first_seq", number()),
        ("last_seq", number()),
        ("sums", sums),
        ("root", text("各段摘要的 Merkle 根")),
    ])
}

fn leaf() -> Value {
    tuple(&[
        json!({ "type": "integer", "description": "序号" }),
        text("record_id"),
        text("记录的摘要"),
    ])
}

fn kind(tag: &str, name: &str, members: &[(&str, Value)]) -> Value {
    let tagged = (tag, json!({ "const": name }));
    object(&[&[tagged], members].concat())
}

fn object(members: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = members.iter().map(|it| it.0).collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn tuple(items: &[Value]) -> Value {
    json!({ "type": "array", "items": items, "minItems": items.len(), "maxItems": items.len() })
}

fn text(zh: &str) -> Value {
    json!({ "type": "string", "description": zh })
}
