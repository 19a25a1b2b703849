//! `his-agent translate --trace`: how each value of each record came about, where in the message it and
//! each finding stand, and which fields nothing read. For the desk: it shows values in clear.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use adapters::{Decoded, Document, Input, Kind, NodeId};
use mappings::{Context, MapError, Mapped, MappedRecord, Trace};
use schemas::{Finding, FindingSeverity};

use super::Exit;
use crate::clock;
use crate::config::Config;
use crate::sets::Channel;

/// Tells one file.
pub(super) fn run(
    config: &Config,
    channel: &Channel,
    file: &Path,
    content_type: Option<&str>,
) -> Exit {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return Exit::Unavailable;
        }
    };
    let input = Input {
        prepare: &channel.prepare,
        service: channel.services.called(content_type),
        ..Input::new(&bytes, channel.format, content_type)
    };
    let decoded = match adapters::decode(&input, &config.listen.limits) {
        Ok(decoded) => decoded,
        Err(error) => {
            eprintln!("{}: decode {}: {}", file.display(), error.code(), error.message());
            return Exit::Data;
        }
    };
    let text = adapters::source_text(&input, &config.listen.limits).unwrap_or_default();
    say!("{}: {} in {}", file.display(), decoded.format, decoded.charset);
    told(config, channel, decoded, &text)
}

fn told(config: &Config, channel: &Channel, decoded: Decoded, text: &str) -> Exit {
    let Decoded { mut document, call, .. } = decoded;
    let context = Context {
        channel: &channel.name,
        org: &config.hospital.code,
        message_id: "dry-run",
        received_at: clock::now(),
        operation: call.as_ref().map(|it| it.operation.as_str()),
    };
    let read = RefCell::new(BTreeSet::new());
    let note = |node: NodeId| {
        read.borrow_mut().insert(node);
    };
    let limits = &config.listen.limits;
    match channel.mappings.map_told(&mut document, &context, limits, Some(&note)) {
        Ok(mapped) => {
            let sheet = Sheet { document: &document, text };
            let exit = sheet.records(&mapped);
            sheet.unread(&read.borrow());
            exit
        }
        Err(error) => {
            refused(&error);
            Exit::Data
        }
    }
}

fn refused(error: &MapError) {
    eprintln!("map {}: {}", error.code(), error.advice());
}

/// The message, and the text its places are counted in.
struct Sheet<'a> {
    document: &'a Document,
    text: &'a str,
}

impl Sheet<'_> {
    fn records(&self, mapped: &Mapped<'_>) -> Exit {
        say!("mapping {}@{}", mapped.mapping, mapped.version);
        for prepared in &mapped.prepared {
            say!("  {prepared}");
        }
        let mut exit = Exit::Ok;
        for (record, number) in mapped.records.iter().zip(1..) {
            let MappedRecord { entity, lane, key, .. } = record;
            say!("\nrecord {number}: {} lane {lane} key {key}", entity.name());
            let findings = mapped.findings(record, self.document);
            for trace in &record.trace {
                self.element(record, trace, &findings);
            }
            let traced =
                |it: &Finding| record.trace.iter().any(|trace| name(record, trace) == it.element);
            for finding in findings.iter().filter(|it| !traced(it)) {
                finding_line(finding, "");
            }
            if findings.iter().any(|it| it.severity == FindingSeverity::Reject) {
                exit = Exit::Data;
            }
        }
        exit
    }

    fn element(&self, record: &MappedRecord<'_>, trace: &Trace, findings: &[Finding]) {
        let element = record.entity.elements().get(trace.position);
        let zh_name = element.map_or("", schemas::DataElement::zh_name);
        let stages = trace
            .stages
            .iter()
            .map(|it| format!("{} -> {}", it.written, it.value.as_deref().unwrap_or("(nothing)")));
        let way = stages.collect::<Vec<_>>().join("  |  ");
        say!("  {} {zh_name}", name(record, trace));
        let place = trace.node.map(|it| self.place(it)).unwrap_or_default();
        if let Some(node) = trace.node {
            say!("      at {place} {}", self.document.path(node));
        }
        say!("      {way}");
        for finding in findings.iter().filter(|it| it.element == name(record, trace)) {
            finding_line(finding, &place);
        }
    }

    /// Fields with a value that no expression asked for, in the order of the message.
    fn unread(&self, read: &BTreeSet<NodeId>) {
        let mut nodes = Vec::new();
        let mut open = vec![self.document.root()];
        while let Some(node) = open.pop() {
            let below: Vec<NodeId> = self.document.children(node).collect();
            open.extend(below.iter().rev());
            let is_field = self.document.value(node).is_some() && !self.is_container(&below);
            if is_field && !self.was_read(node, read) {
                nodes.push(node);
            }
        }
        if nodes.is_empty() {
            return say!("\nevery field was read");
        }
        say!("\nnot read ({} fields):", nodes.len());
        for node in nodes {
            say!("  at {} {}", self.place(node), self.document.path(node));
        }
    }

    /// HL7 reads a field by the field or by its first component, which is the same text.
    fn was_read(&self, node: NodeId, read: &BTreeSet<NodeId>) -> bool {
        let mut at = node;
        loop {
            if read.contains(&at) {
                return true;
            }
            match self.document.parent(at) {
                Some(parent)
                    if self.document.name(at) == "1"
                        && self.document.value(parent) == self.document.value(at) =>
                {
                    at = parent;
                }
                _ => return false,
            }
        }
    }

    /// Whether the field holds a document of its own, whose fields are told one by one.
    fn is_container(&self, below: &[NodeId]) -> bool {
        below.iter().any(|it| self.document.kind(*it) == Kind::Element)
    }

    fn place(&self, node: NodeId) -> String {
        self.document.place(node, self.text).to_string()
    }
}

fn name<'r>(record: &MappedRecord<'r>, trace: &Trace) -> &'r str {
    record.entity.elements().get(trace.position).map_or("", schemas::DataElement::name)
}

fn finding_line(finding: &Finding, place: &str) {
    let mark = match finding.severity {
        FindingSeverity::Reject => "refused",
        FindingSeverity::Warn => "warning",
    };
    let at = if place.is_empty() { String::new() } else { format!(" at {place}") };
    say!("      !! {mark} {} {}{at}: {}", finding.code, finding.element, finding.expected);
}
