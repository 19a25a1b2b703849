//! Reads the agent's envelope the way a HIS programmer would: the few members that matter.

use serde_json::Value;

/// The envelope, whatever words it was said in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// 0, or annex A's number of what is wrong; -1 when there is no envelope.
    pub code: i64,
    /// The codes in `detail`, in order.
    pub detail: Vec<String>,
    /// The id to complain about.
    pub request_id: String,
    /// What was promised, if anything.
    pub receipt: Receipt,
}

/// A promise: these records are on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The message's id; of the first message when this one was a resend.
    pub message_id: String,
    /// When that message came.
    pub received_at: String,
    /// One entry a record.
    pub records: Vec<RecordReceipt>,
}

/// What was promised about one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordReceipt {
    /// Its id.
    pub record_id: String,
    /// What kind of record it is.
    pub entity: String,
    /// Its business key.
    pub key: String,
    /// Its number.
    pub seq: u64,
    /// 1 for the first content under its key.
    pub revision: u64,
    /// `accepted` or `duplicate`.
    pub status: String,
}

pub(super) fn read(text: &str) -> Said {
    if text.trim_start().starts_with('{') { of_json(text) } else { of_xml(text) }
}

fn of_json(text: &str) -> Said {
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    let list = |path| said.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let record = |it: &Value| RecordReceipt {
        record_id: word(it, "/record_id"),
        entity: word(it, "/entity"),
        key: word(it, "/key"),
        seq: it.get("seq").and_then(Value::as_u64).unwrap_or_default(),
        revision: it.get("revision").and_then(Value::as_u64).unwrap_or_default(),
        status: word(it, "/status"),
    };
    Said {
        code: said.get("code").and_then(Value::as_i64).unwrap_or(-1),
        detail: list("/detail").map(|it| word(it, "/code")).collect(),
        request_id: word(&said, "/request_id"),
        receipt: Receipt {
            message_id: word(&said, "/data/message_id"),
            received_at: word(&said, "/data/received_at"),
            records: list("/data/records").map(record).collect(),
        },
    }
}

fn word(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn of_xml(text: &str) -> Said {
    // The result of a SOAP operation is a document in a string.
    let inner = text.contains("&lt;response&gt;").then(|| unescaped(text));
    let text = inner.as_deref().unwrap_or(text);
    let Some((_, response)) = text.split_once("<response>") else {
        return Said { code: -1, ..Said::default() };
    };
    let detail = response.split_once("<detail>").map(|(_, it)| it).unwrap_or_default();
    let record = |it: &str| RecordReceipt {
        record_id: it.split('<').next().unwrap_or_default().to_owned(),
        entity: unescaped(element(it, "entity")),
        key: unescaped(element(it, "key")),
        seq: element(it, "seq").parse().unwrap_or_default(),
        revision: element(it, "revision").parse().unwrap_or_default(),
        status: element(it, "status").to_owned(),
    };
    Said {
        code: element(response, "code").parse().unwrap_or(-1),
        detail: detail
            .split("<code>")
            .skip(1)
            .filter_map(|it| it.split('<').next())
            .map(str::to_owned)
            .collect(),
        request_id: element(response, "request_id").to_owned(),
        receipt: Receipt {
            message_id: element(response, "message_id").to_owned(),
            received_at: element(response, "received_at").to_owned(),
            records: response.split("<record_id>").skip(1).map(record).collect(),
        },
    }
}

/// The text of the first element of that name.
fn element<'t>(text: &'t str, name: &str) -> &'t str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    text.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map_or("", |(it, _)| it)
}

fn unescaped(text: &str) -> String {
    let marks = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    marks.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
