//! What goes between agent and platform over AMQP, as AsyncAPI 3.0: for those who write the platform's side.
//!
//! Written from the tables of `messages.rs` and `account.rs`, the forwarder's defaults and the dictionary. The
//! tests hold the tables equal to what is really sent, and `docs/asyncapi.json` equal to all of it.

mod account;
mod messages;

use schemas::{Catalog, Entity, export};
use serde_json::{Map, Value, json};

use crate::forward::AmqpOptions;
use crate::reconcile::{self, question};

/// The whole contract, with the entities of a profile.
#[must_use]
pub fn document(catalog: &Catalog) -> Value {
    let options = AmqpOptions::new(Vec::new());
    let entities: Vec<&Entity> = catalog.entities().collect();
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:his-agent:amqp",
        "info": {
            "title": "前置机与平台：AMQP 0-9-1",
            "version": env!("CARGO_PKG_VERSION"),
            "description": WHAT,
        },
        "defaultContentType": "application/json",
        "servers": { "platform": server() },
        "channels": channels(&options, &entities),
        "operations": operations(),
        "components": {
            "messages": messages(&entities),
            "messageTraits": {
                "single": messages::single_trait(),
                "several": messages::several_trait(),
            },
            "schemas": schemas(catalog),
            "securitySchemes": {
                "password": { "type": "userPassword", "description": "SASL PLAIN：地址里的用户和口令" },
                "certificate": { "type": "X509", "description": "SASL EXTERNAL：客户端证书" },
            },
        },
    })
}

fn server() -> Value {
    let reference = |name| json!({ "$ref": format!("#/components/securitySchemes/{name}") });
    json!({
        "host": "{host}:{port}",
        "pathname": "/{vhost}",
        "protocol": "amqps",
        "protocolVersion": "0-9-1",
        "description": "平台的 RabbitMQ；医院在 [forward] url 或 urls 写它的地址",
        "variables": {
            "host": { "description": "平台的地址" },
            "port": { "default": "5671", "description": "没有 TLS 时一般是 5672" },
            "vhost": { "default": "%2F", "description": "虚拟主机" },
        },
        "security": [reference("password"), reference("certificate")],
    })
}

fn channels(options: &AmqpOptions, entities: &[&Entity]) -> Value {
    let names: Vec<&str> = entities.iter().map(|it| it.name()).collect();
    let mut records: Map<String, Value> =
        names.iter().map(|it| ((*it).to_owned(), message(it))).collect();
    records.insert(BATCH.to_owned(), message(BATCH));
    let mut queued = records.clone();
    queued.insert(QUESTION.to_owned(), message(QUESTION));
    let question = json!({ QUESTION: message(QUESTION) });
    let answer = json!({ ANSWER: message(ANSWER) });
    let org = json!({ "description": "机构编码：[hospital] code", "examples": ["H99999900001"] });
    json!({
        "records": {
            "title": "标准记录",
            "address": "{org}.{entity}",
            "description": "发到交换机的记录；地址是路由键，一个实体一个",
            "parameters": {
                "org": org,
                "entity": { "description": "记录的实体", "enum": names },
            },
            "messages": records,
            "bindings": by_key(&options.exchange),
        },
        "queue": {
            "title": "平台的队列",
            "address": options.queue,
            "description": "平台收记录的队列：仲裁队列，以 # 绑到交换机，记录和对账的问题都在里面，先后不变",
            "messages": queued,
            "bindings": queue(&options.queue),
            "x-queue-arguments": { "x-queue-type": "quorum" },
            "x-bindings": [{ "exchange": options.exchange, "routing_key": "#" }],
        },
        "questions": {
            "title": "对账的问题",
            "address": format!("{{org}}.{}", question::QUESTION),
            "description": "发到记录的交换机，排在已确认的记录后面，所以答复说的是全部",
            "parameters": { "org": org },
            "messages": question,
            "bindings": by_key(&options.exchange),
        },
        "control": {
            "title": "控制队列",
            "address": reconcile::control_queue("{org}"),
            "description": "答复从这里回来，由缺省交换机送进去。队列里的其他消息前置机不动",
            "parameters": { "org": org },
            "messages": answer,
            "bindings": queue(&reconcile::control_queue("{org}")),
            "x-queue-arguments": { "x-queue-type": "quorum" },
        },
    })
}

fn by_key(exchange: &str) -> Value {
    json!({ "amqp": {
        "is": "routingKey",
        "exchange": { "name": exchange, "type": "topic", "durable": true, "autoDelete": false },
        "bindingVersion": BINDING,
    } })
}

fn queue(name: &str) -> Value {
    json!({ "amqp": {
        "is": "queue",
        "queue": { "name": name, "durable": true, "exclusive": false, "autoDelete": false },
        "bindingVersion": BINDING,
    } })
}

/// From where the agent stands: it sends.
fn operations() -> Value {
    let channel = |name: &str| json!({ "$ref": format!("#/channels/{name}") });
    let published = json!({ "amqp": {
        "deliveryMode": 2, "mandatory": true, "timestamp": true, "bindingVersion": BINDING,
    } });
    let asked = json!({ "amqp": {
        "deliveryMode": 2, "mandatory": true, "timestamp": false, "bindingVersion": BINDING,
    } });
    json!({
        "sendRecords": {
            "action": "send",
            "title": "送记录",
            "description": SENT,
            "channel": channel("records"),
            "bindings": published,
        },
        "askPlatform": {
            "action": "send",
            "title": "与平台对账",
            "description": "his-agent reconcile，或 [reconcile] daily_at 到点。不答的平台请丢弃",
            "channel": channel("questions"),
            "bindings": asked,
            "reply": { "channel": channel("control") },
        },
    })
}

fn messages(entities: &[&Entity]) -> Value {
    let mut all: Map<String, Value> =
        entities.iter().map(|it| (it.name().to_owned(), messages::of(it))).collect();
    all.insert(BATCH.to_owned(), messages::several());
    all.insert(QUESTION.to_owned(), account::question());
    all.insert(ANSWER.to_owned(), account::answer());
    Value::Object(all)
}

fn schemas(catalog: &Catalog) -> Value {
    // The dictionary's own export: its definitions name each other where they stood there.
    let exported = export::json_schema(catalog).replace("#/$defs/", "#/components/schemas/");
    let exported: Value = serde_json::from_str(&exported).unwrap_or_default();
    let mut all = exported.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    all.extend(messages::schemas());
    all.extend(account::schemas());
    Value::Object(all)
}

fn message(name: &str) -> Value {
    json!({ "$ref": format!("#/components/messages/{name}") })
}

fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Several records in one message.
const BATCH: &str = "Batch";
const QUESTION: &str = "ReconcileQuestion";
const ANSWER: &str = "ReconcileAnswer";
/// Of the AMQP bindings of AsyncAPI.
const BINDING: &str = "0.3.0";
const WHAT: &str = "前置机把标准记录发到平台的交换机，得到确认、而且没有被退回，记录才离开前置机。\
    同一 x-lane 的先后不变；同一条记录可能收到两次，按 record_id 去重；按（x-agent、x-epoch）检查 x-seq 连续。\
    交换机名可由 [forward] exchange 改，下面写的是缺省。说明见 docs/platform.md、docs/reconcile.md。";
const SENT: &str = "mandatory，publisher confirms。平时一条记录一条消息；积压时同一路由键的最多 16 条或 32 KB 合成一条，\
    一行一条（[forward] batch = \"off\" 不合）。实体只列数据元目录里有的，医院的映射用到哪些就来哪些。";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
