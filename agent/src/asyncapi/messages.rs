//! Records as messages: what stands in their properties, headers and body.

use schemas::Entity;
use serde_json::{Map, Value, json};

use super::{BINDING, schema};
use crate::forward::parcel::{JSON, NDJSON};

/// Something that goes with a message.
pub(super) struct Named {
    pub(super) name: &'static str,
    /// `string` or `integer`.
    pub(super) kind: &'static str,
    pub(super) zh: &'static str,
    pub(super) on: On,
}

/// On which messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    Both,
    Single,
    Several,
}

/// The application headers. A test compares them with what is sent.
pub(super) const HEADERS: &[Named] = &[
    Named { name: "x-org", kind: "string", zh: "机构编码", on: On::Both },
    Named {
        name: "x-agent", kind: "string", zh: "哪台前置机，目前就是机构编码", on: On::Both
    },
    Named {
        name: "x-epoch",
        kind: "string",
        zh: "仓库标识：换了仓库才变，序号只在同一 x-epoch 内有意义",
        on: On::Both,
    },
    Named {
        name: "x-schema", kind: "string", zh: "标准版本；多条时是第一条的", on: On::Both
    },
    Named { name: "x-seq", kind: "integer", zh: "序号；多条时是第一条的", on: On::Both },
    Named { name: "x-lane", kind: "string", zh: "就诊号", on: On::Single },
    Named { name: "x-key", kind: "string", zh: "业务主键", on: On::Single },
    Named {
        name: "x-digest",
        kind: "string",
        zh: "数据元 JSON 的 SHA-256，十六进制",
        on: On::Single,
    },
    Named { name: "x-revision", kind: "integer", zh: "修订号，从 1 起", on: On::Single },
    Named { name: "x-first-seq", kind: "integer", zh: "第一条的序号", on: On::Several },
    Named { name: "x-count", kind: "integer", zh: "条数", on: On::Several },
];

/// The AMQP properties. A test compares them with what is sent.
pub(super) const PROPERTIES: &[Named] = &[
    Named {
        name: "message_id",
        kind: "string",
        zh: "单条是 record_id；多条是 第一条的 record_id.条数；重发时不变",
        on: On::Both,
    },
    Named {
        name: "content_type",
        kind: "string",
        zh: "application/json；多条时 application/x-ndjson",
        on: On::Both,
    },
    Named { name: "type", kind: "string", zh: "实体", on: On::Both },
    Named { name: "app_id", kind: "string", zh: "his-agent/版本", on: On::Both },
    Named { name: "timestamp", kind: "integer", zh: "发送时间，秒", on: On::Both },
    Named { name: "delivery_mode", kind: "integer", zh: "2：要落盘", on: On::Both },
];

/// The members of a record. A test compares them with one that is made.
pub(super) const MEMBERS: &[(&str, &str, &str)] = &[
    ("record_id", "string", "记录的编号，重发时不变；去重就用它"),
    ("seq", "integer", "这个仓库里的序号，从 1 起，不跳号"),
    ("revision", "integer", "同一业务主键的第几个内容，从 1 起"),
    ("entity", "string", "数据元实体"),
    ("schema", "string", "标准版本"),
    ("profile", "string", "地区版本"),
    ("set", "string", "由哪一套文件做成：SHA-256 的前 12 位"),
    ("mapping", "string", "由哪个映射的哪个版本做成：名称@版本"),
    ("org", "string", "机构编码"),
    ("channel", "string", "通道"),
    ("message_id", "string", "哪份报文"),
    ("lane", "string", "就诊号；同一 lane 的记录先后不变"),
    ("received_at", "string", "前置机收到报文的时间，YYYYMMDDhhmmss，东八区"),
    ("elements", "object", "数据元；没有值的不出现"),
    ("findings", "array", "校验的提示，不影响接收"),
];

/// One record of an entity.
pub(super) fn of(entity: &Entity) -> Value {
    let name = entity.name();
    json!({
        "name": name,
        "title": entity.zh_name(),
        "summary": entity.what(),
        "traits": [{ "$ref": "#/components/messageTraits/single" }],
        "payload": { "allOf": [
            schema("Record"),
            { "properties": { "entity": { "const": name }, "elements": schema(name) } },
        ] },
        "bindings": { "amqp": { "messageType": name, "bindingVersion": BINDING } },
        "x-routing-key": format!("{{org}}.{name}"),
    })
}

/// Several records of one routing key.
pub(super) fn several() -> Value {
    json!({
        "name": "batch",
        "title": "积压时的多条记录",
        "summary": "同一路由键的多条记录，一行一条，按序号",
        "traits": [{ "$ref": "#/components/messageTraits/several" }],
        "payload": { "type": "string", "description": "每一行是一条记录的 JSON，以换行结尾" },
        "x-line": schema("Record"),
        "x-routing-key": "{org}.{entity}",
    })
}

pub(super) fn single_trait() -> Value {
    as_trait(JSON, "Single")
}

pub(super) fn several_trait() -> Value {
    as_trait(NDJSON, "Several")
}

fn as_trait(content_type: &str, which: &str) -> Value {
    json!({
        "contentType": content_type,
        "headers": schema(&format!("{which}Headers")),
        "x-amqp-properties": schema(&format!("{which}Properties")),
    })
}

pub(super) fn schemas() -> Map<String, Value> {
    let all = [
        ("Record", record()),
        ("SingleHeaders", table(HEADERS, On::Single)),
        ("SeveralHeaders", table(HEADERS, On::Several)),
        ("SingleProperties", table(PROPERTIES, On::Single)),
        ("SeveralProperties", table(PROPERTIES, On::Several)),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn record() -> Value {
    let named =
        |it: &(&str, &str, &str)| (it.0.to_owned(), json!({ "type": it.1, "description": it.2 }));
    let properties: Map<String, Value> = MEMBERS.iter().map(named).collect();
    let required: Vec<&str> = MEMBERS.iter().map(|it| it.0).collect();
    json!({ "type": "object", "title": "标准记录", "required": required, "properties": properties })
}

fn table(all: &[Named], on: On) -> Value {
    let here: Vec<&Named> = all.iter().filter(|it| it.on == On::Both || it.on == on).collect();
    let member =
        |it: &&Named| (it.name.to_owned(), json!({ "type": it.kind, "description": it.zh }));
    let properties: Map<String, Value> = here.iter().map(member).collect();
    let required: Vec<&str> = here.iter().map(|it| it.name).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}
