//! What an answer told the caller, read back from the dialect it was said in.

use adapters::{Document, Input, Limits, NodeId, WireFormat};
use anyhow::Context as _;
use serde_json::Value;

/// A receipt, as the HIS understands it.
#[derive(Debug, Default)]
pub(in crate::cli) struct Told {
    pub(in crate::cli) message: String,
    pub(in crate::cli) message_id: String,
    pub(in crate::cli) records: Vec<Record>,
}

/// One record of a receipt.
#[derive(Debug, Default)]
pub(in crate::cli) struct Record {
    pub(in crate::cli) entity: String,
    pub(in crate::cli) key: String,
    pub(in crate::cli) seq: String,
    pub(in crate::cli) status: String,
}

impl Told {
    /// Reads JSON, or the XML in the string result of a SOAP answer.
    pub(in crate::cli) fn read(answer: &str) -> anyhow::Result<Told> {
        if answer.starts_with('<') { soap(answer) } else { json(answer) }
    }

    pub(in crate::cli) fn duplicates(&self) -> usize {
        self.records.iter().filter(|it| it.status == "duplicate").count()
    }
}

fn json(answer: &str) -> anyhow::Result<Told> {
    let answer: Value = serde_json::from_str(answer).context("the answer is no JSON")?;
    let text = |value: &Value, pointer: &str| match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let records = answer.pointer("/data/records").and_then(Value::as_array);
    let records = records.map_or(&[][..], Vec::as_slice).iter().map(|record| Record {
        entity: text(record, "/entity"),
        key: text(record, "/key"),
        seq: text(record, "/seq"),
        status: text(record, "/status"),
    });
    Ok(Told {
        message: text(&answer, "/message"),
        message_id: text(&answer, "/data/message_id"),
        records: records.collect(),
    })
}

fn soap(answer: &str) -> anyhow::Result<Told> {
    let call = decode(answer, WireFormat::Soap)?;
    let result = call.children(call.root()).next().and_then(|it| call.value(it));
    let document = decode(result.context("the SOAP answer has no result")?, WireFormat::Xml)?;
    let at = |node, name: &str| child(&document, node, name);
    let text = |node: NodeId, name: &str| {
        at(node, name).and_then(|it| document.value(it)).unwrap_or_default().to_owned()
    };
    let response = at(document.root(), "response").context("the result has no response")?;
    let data = at(response, "data").context("the response has no data")?;
    let records = at(data, "records").into_iter().flat_map(|it| document.children(it));
    let records = records.map(|record| Record {
        entity: text(record, "entity"),
        key: text(record, "key"),
        seq: text(record, "seq"),
        status: text(record, "status"),
    });
    Ok(Told {
        message: text(response, "message"),
        message_id: text(data, "message_id"),
        records: records.collect(),
    })
}

fn decode(text: &str, format: WireFormat) -> anyhow::Result<Document> {
    let input = Input::new(text.as_bytes(), format, None);
    Ok(adapters::decode(&input, &Limits::default())?.document)
}

fn child(document: &Document, node: NodeId, name: &str) -> Option<NodeId> {
    document.children(node).find(|it| document.name(*it) == name)
}
