//! What can be asked over the network, door by door.

use super::{Body, Operation, Parameter, Says};

/// An operation that takes nothing and is never refused; others say where they differ.
const PLAIN: Operation = Operation {
    verb: "get",
    path: "/",
    tag: "本接口",
    zh: "",
    query: &[],
    body: Body::None,
    done: Says::Json("Done"),
    refusals: &[],
    refused: Says::Json("Refusal"),
    knows_callers: false,
    needs: None,
};

const MESSAGE: Operation = Operation {
    verb: "post",
    tag: "报文",
    body: Body::Message,
    done: Says::Dialect("Receipt"),
    knows_callers: true,
    refusals: &[400, 404, 408, 413, 415, 422, 500, 503],
    // The caller's dialect tells faults, too.
    refused: Says::Dialect("Refusal"),
    ..PLAIN
};

const NATIONAL: Operation = Operation {
    verb: "post",
    tag: "审查",
    body: Body::Envelope("NationalRequest"),
    done: Says::Dialect("NationalAnswer"),
    knows_callers: true,
    // What cannot be read is told by the envelope, as 200.
    refusals: &[408, 413, 415, 503],
    refused: Says::Dialect("NationalAnswer"),
    ..PLAIN
};

const fn optional(name: &'static str, zh: &'static str, schema: &'static str) -> Parameter {
    Parameter { name, zh, schema, must: false }
}

/// The HIS and other systems.
pub(super) const HIS: &[Operation] = &[
    Operation {
        path: "/v1/channels/{channel}/messages",
        zh: "收一份报文，用通道自己的格式；落盘以后才答复回执",
        ..MESSAGE
    },
    Operation {
        path: "/soap/{channel}",
        zh: "同上，给 SOAP 客户端；答复用请求的 SOAP 版本和命名空间",
        ..MESSAGE
    },
    Operation {
        path: "/soap/{channel}",
        zh: "SOAP 服务的 WSDL；不带 wsdl 的是给人看的页面。没有写 [channel.soap] 的通道没有",
        tag: "报文",
        query: &[optional("wsdl", "写了就是 WSDL", r#"{"type":"string"}"#)],
        done: Says::Wsdl,
        refusals: &[404],
        ..PLAIN
    },
    Operation {
        path: "/v1/channels/{channel}/checks",
        zh: "审查一张处方，用 HIS 自己的格式提问和答复",
        tag: "审查",
        done: Says::Dialect("CheckAnswer"),
        ..MESSAGE
    },
    Operation {
        path: "/v1/checks",
        verb: "post",
        knows_callers: true,
        zh: "审查一张处方，标准的提问和答复",
        tag: "审查",
        body: Body::Json("CheckRequest"),
        done: Says::Json("CheckAnswer"),
        refusals: &[400, 408, 413, 415, 422, 503],
        ..PLAIN
    },
    Operation {
        path: "/v1/feedback",
        verb: "post",
        knows_callers: true,
        zh: "医生对问题的处置",
        tag: "审查",
        body: Body::Json("Feedback"),
        done: Says::Json("FeedbackAnswer"),
        refusals: &[400, 404, 408, 409, 413, 415, 422, 500, 503],
        ..PLAIN
    },
    Operation {
        path: "/v1/channels/{channel}/totals",
        verb: "post",
        knows_callers: true,
        zh: "HIS 自己的日合计，与收到的记录核对；见 docs/reconcile.md",
        tag: "报文",
        body: Body::Json("Totals"),
        done: Says::Json("TotalsAnswer"),
        refusals: &[400, 404, 408, 409, 413, 415, 500, 503],
        ..PLAIN
    },
    Operation { path: "/insurance", zh: "国家接口，交易编号在报文里", ..NATIONAL },
    Operation {
        path: "/insurance/{infno}", zh: "国家接口，交易编号在地址里", ..NATIONAL
    },
    Operation {
        path: "/fsi/api/riskConService/beforeAnalyze",
        zh: "国家接口的事前提醒地址",
        ..NATIONAL
    },
    Operation {
        path: "/fsi/api/riskConService/courseAnalyze",
        zh: "国家接口的事中预警地址",
        ..NATIONAL
    },
    Operation {
        path: "/v1/events",
        zh: "问题、疑点和告警的实时推送：SSE，或升级为 WebSocket；见 docs/events.md",
        tag: "推送",
        query: &[
            optional("department", "科室编码，逗号分隔", r#"{"type":"string"}"#),
            optional(
                "kinds",
                "finding、suspicion、alert，逗号分隔",
                r#"{"type":"string","pattern":"^(finding|suspicion|alert)(,(finding|suspicion|alert))*$"}"#,
            ),
            optional("after", "上次收到的 event；0 是保留的全部", r#"{"type":"string"}"#),
            optional("token", "令牌，不能设请求头时用", r#"{"type":"string"}"#),
        ],
        done: Says::Events,
        refusals: &[101, 400, 401, 403, 503],
        knows_callers: true,
        ..PLAIN
    },
    Operation {
        path: "/v1/records",
        zh: "读前置机还保留的记录：按业务主键、患者或时间；能读什么由 [[query]] 配置，每次调用都留痕",
        tag: "查询",
        query: &[
            optional("entity", "实体；与 query 至少写一个", r#"{"type":"string"}"#),
            optional("query", "[[query]] 的 name", r#"{"type":"string"}"#),
            optional("key", "业务主键；key、patient、from 至少写一个", r#"{"type":"string"}"#),
            optional("patient", "患者标识，与 patient_by 的数据元比较", r#"{"type":"string"}"#),
            optional("from", "从何时收到，YYYYMMDD 或 YYYYMMDDhhmmss", MOMENT),
            optional("to", "到何时；日期指当天结束", MOMENT),
            optional("after", "上一页的 next", PLACE),
            optional("limit", "一页多少条", LIMIT),
            optional("token", "令牌，不能设请求头时用", r#"{"type":"string"}"#),
        ],
        done: Says::Json("Records"),
        refusals: &[400, 401, 404, 409, 500, 503],
        knows_callers: true,
        ..PLAIN
    },
];

/// The store's id and a number in it.
const PLACE: &str = r#"{"type":"string","pattern":"^[0-9a-f]{8}-[0-9]{1,19}$"}"#;
const LIMIT: &str = r#"{"type":"integer","minimum":1,"maximum":18446744073709551615}"#;

/// A day there is, and on it a time or none.
const MOMENT: &str = concat!(
    r#"{"type":"string","pattern":"^((19|20)[0-9]{2}((0[13578]|1[02])(0[1-9]|[12][0-9]|3[01])|"#,
    r"(0[469]|11)(0[1-9]|[12][0-9]|30)|02(0[1-9]|1[0-9]|2[0-8]))|",
    r"(19(0[48]|[2468][048]|[13579][26])|20([02468][048]|[13579][26]))0229)",
    r#"(([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9])?$"}"#,
);

/// Operators.
pub(super) const OPERATORS: &[Operation] = &[
    Operation { path: "/healthz", zh: "进程活着", tag: "运维", done: Says::Text, ..PLAIN },
    Operation {
        path: "/readyz",
        zh: "能不能收；连同各部分的现状。不能收时答 503，内容相同",
        tag: "运维",
        done: Says::Json("Standing"),
        refusals: &[503],
        refused: Says::Json("Standing"),
        ..PLAIN
    },
    Operation {
        path: "/metrics",
        zh: "Prometheus 指标",
        tag: "运维",
        done: Says::Text,
        refusals: &[404],
        refused: Says::Text,
        ..PLAIN
    },
    Operation {
        path: "/docs",
        zh: "手册，不需要网络",
        tag: "运维",
        done: Says::Html,
        refusals: &[404],
        refused: Says::Text,
        ..PLAIN
    },
];

/// At both doors of the network.
pub(super) const EVERYWHERE: &[Operation] = &[
    Operation { path: "/openapi.json", zh: "这份说明", done: Says::Json("Document"), ..PLAIN },
    Operation {
        path: "/openapi", zh: "这份说明，给人看的页面", done: Says::Html, ..PLAIN
    },
];
