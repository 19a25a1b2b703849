//! Decides what becomes of a message: a function of the sets in force, the bytes and the time of
//! receipt. No clock, no disk, no network: the same input gives the same answer.

use std::fmt::Write as _;
use std::sync::Arc;

use adapters::{
    AnswerCharset, CharsetDecision, DecodeError, Decoded, FaultKind, Input, Limits, SoapCall,
    SoapService, StreamItem, WireFormat,
};
use jiff::civil::DateTime;
use mappings::{Answers, Context, MapError, MappedRecord};
use rules::Facts;
use schemas::{Catalog, Elements, Entity, Finding, FindingSeverity};
use sha2::{Digest, Sha256};

use crate::envelope::{DeadLetter, Draft, Stage, UnknownCode};
use crate::quality::Observed;
use crate::sets::Channel;

/// A message as it came in by a door.
#[derive(Clone, Copy, Debug)]
pub struct Inbound<'a> {
    /// The id the agent gave it.
    pub message_id: &'a str,
    /// When it came, China time.
    pub received_at: DateTime,
    /// The hospital's code.
    pub org: &'a str,
    /// The body, as it came.
    pub bytes: &'a [u8],
    /// The Content-Type header, if there was one.
    pub content_type: Option<&'a str>,
}

/// What becomes of a message. Every message gets one; none is lost.
#[derive(Debug)]
pub enum Verdict {
    /// All its records are valid and go to the outbox.
    Accept(Accepted),
    /// Nothing is wrong with it, but it has local codes that nobody has mapped: it waits.
    Park(Parked),
    /// It cannot go on; its bytes go to the dead letters and the caller is told why.
    Refuse(Refusal),
}

/// A message that became records.
#[derive(Debug)]
pub struct Accepted {
    /// The records, ready for the outbox.
    pub drafts: Vec<Draft>,
    /// Version of the standard they were made by.
    pub schema: Arc<str>,
    /// For each record, what was remarked without being refused.
    pub warnings: Vec<Vec<Finding>>,
    /// What the reader found out about the message.
    pub reading: Reading,
    /// What its records showed, for whoever counts quality.
    pub observed: Observed,
}

/// A message that waits until its local codes are mapped.
#[derive(Debug)]
pub struct Parked {
    /// Its records, without the elements whose codes are unknown.
    pub accepted: Accepted,
    /// The codes, at least one; each once for every element it was sent for.
    pub unknown: Vec<UnknownCode>,
}

/// A message that cannot go on.
#[derive(Debug)]
pub struct Refusal {
    /// Where it stopped.
    pub stage: Stage,
    /// Why, as a code.
    pub code: &'static str,
    /// Why, as a sentence for the HIS developer. Holds no value of a patient in clear.
    pub message: String,
    /// The same for the log, in English.
    pub log: String,
    /// Which SOAP fault it is, for callers that are answered with one.
    pub fault: FaultKind,
    /// Value by value, if it came that far.
    pub findings: Vec<Finding>,
    /// What the reader found out about the message, if it could be read.
    pub reading: Option<Reading>,
    /// What its records showed, if it came that far.
    pub observed: Observed,
}

/// What the reader found out about the bytes.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The actual format.
    pub format: WireFormat,
    /// Which encoding was decided on, and why.
    pub charset: String,
    /// The SOAP call to answer, if it was one.
    pub call: Option<SoapCall>,
    /// The mapping that applied.
    pub mapping: Option<String>,
    /// The dialect to answer in, if there are templates for it.
    pub answers: Option<Arc<Answers>>,
    /// What of the request the templates may repeat, as JSON; empty without templates.
    pub request: String,
    /// The encoding the caller writes, and so reads.
    pub caller: AnswerCharset,
}

impl Reading {
    /// What is kept of it beside the message's bytes, as JSON.
    pub fn told(&self) -> String {
        let mut told = String::with_capacity(160);
        told.push('{');
        member(&mut told, "format", self.format.as_str());
        member(&mut told, "charset", &self.charset);
        member(&mut told, "mapping", self.mapping.as_deref().unwrap_or_default());
        told.pop();
        told.push('}');
        told
    }
}

/// Decides what becomes of one message.
#[must_use]
pub fn judge(channel: &Channel, inbound: &Inbound<'_>, limits: &Limits) -> Verdict {
    judge_by_stages(channel, inbound, limits, &mut |_| ())
}

/// The same, with word of each stage that is over, for whoever has a clock.
#[must_use]
pub fn judge_by_stages(
    channel: &Channel,
    inbound: &Inbound<'_>,
    limits: &Limits,
    is_over: &mut dyn FnMut(Stage),
) -> Verdict {
    let input = Input {
        bytes: inbound.bytes,
        format: channel.format,
        content_type: inbound.content_type,
        prepare: &channel.prepare,
        service: channel.services.called(inbound.content_type),
    };
    let decoded = adapters::decode(&input, limits);
    is_over(Stage::Decode);
    match decoded {
        Ok(decoded) => restate(channel, inbound, limits, decoded, is_over),
        Err(error) => Verdict::Refuse(advised(undecodable(&error), input.service)),
    }
}

/// Decides what becomes of one item of a message that is too long to be held.
#[must_use]
pub fn judge_item(
    channel: &Channel,
    inbound: &Inbound<'_>,
    limits: &Limits,
    item: StreamItem,
    charset: &CharsetDecision,
) -> Verdict {
    let decoded = Decoded {
        document: item.document,
        format: WireFormat::Xml,
        charset: charset.clone(),
        call: None,
        notes: Vec::new(),
    };
    restate(channel, inbound, limits, decoded, &mut |_| ())
}

fn restate(
    channel: &Channel,
    inbound: &Inbound<'_>,
    limits: &Limits,
    decoded: Decoded,
    is_over: &mut dyn FnMut(Stage),
) -> Verdict {
    let mut reading = Reading {
        format: decoded.format,
        charset: written(&decoded.charset),
        caller: AnswerCharset::of_caller(&decoded),
        call: decoded.call,
        mapping: None,
        answers: None,
        request: String::new(),
    };
    let mut document = decoded.document;
    let call = reading.call.clone();
    let context = Context {
        channel: &channel.name,
        org: inbound.org,
        message_id: inbound.message_id,
        received_at: inbound.received_at,
        operation: call.as_ref().map(|it| it.operation.as_str()),
    };
    let mapped = channel.mappings.map(&mut document, &context, limits);
    let answers =
        mapped.as_ref().map_or_else(|_| channel.mappings.shared_answers(), |it| it.answers);
    reading.request = answers.map(|it| it.request(&document, &context)).unwrap_or_default();
    reading.answers = answers.cloned();
    is_over(Stage::Map);
    let mut mapped = match mapped {
        Ok(mapped) => mapped,
        Err(error) => return Verdict::Refuse(unmappable(&error, reading)),
    };
    let mapping = mapped.mapping.to_owned();
    let made_by = MadeBy {
        catalog: mapped.catalog,
        set: &channel.set,
        mapping: &[&mapping, "@", mapped.version].concat(),
    };
    let frame = Frame::new(&made_by, &context);
    let records = std::mem::take(&mut mapped.records);
    let mut looked = Looked::with_room_for(records.len());
    for record in records {
        let findings = mapped.findings(&record, &document);
        looked.at(&frame, mapped.catalog, inbound.received_at, record, findings);
    }
    reading.mapping = Some(mapping);
    is_over(Stage::Validate);
    looked.verdict(Arc::from(mapped.catalog.version()), reading)
}

/// What the records of a message came to. Each is looked at, counted and written before the next: the
/// values of a long message would have left the processor's caches by the end of it.
#[derive(Default)]
struct Looked {
    /// Of no use once a record is refused: then the message is.
    drafts: Vec<Draft>,
    findings: Vec<Vec<Finding>>,
    refused: bool,
    observed: Observed,
    unknown: Vec<UnknownCode>,
}

impl Looked {
    fn with_room_for(records: usize) -> Looked {
        let (drafts, findings) = (Vec::with_capacity(records), Vec::with_capacity(records));
        Looked { drafts, findings, ..Looked::default() }
    }

    fn at(
        &mut self,
        frame: &Frame,
        catalog: &Catalog,
        received_at: DateTime,
        mut record: MappedRecord<'_>,
        findings: Vec<Finding>,
    ) {
        self.observed.record(catalog, record.entity, &record.elements, &findings, received_at);
        for code in &record.unknown {
            self.observed.unmapped(record.entity, &code.element);
        }
        let mut unknown = std::mem::take(&mut record.unknown);
        self.refused = self.refused || findings.iter().any(is_rejection);
        if !self.refused {
            self.drafts.push(waiting_for(&unknown, draft(frame, record, &findings)));
        }
        self.unknown.append(&mut unknown);
        self.findings.push(findings);
    }

    fn verdict(mut self, schema: Arc<str>, reading: Reading) -> Verdict {
        let observed = self.observed;
        if self.refused {
            let findings = self.findings.into_iter().flatten().filter(is_rejection).collect();
            return Verdict::Refuse(Refusal { observed, ..invalid(findings, reading) });
        }
        let accepted =
            Accepted { drafts: self.drafts, schema, warnings: self.findings, reading, observed };
        self.unknown.sort();
        self.unknown.dedup();
        if self.unknown.is_empty() {
            Verdict::Accept(accepted)
        } else {
            Verdict::Park(Parked { accepted, unknown: self.unknown })
        }
    }
}

/// As `to_string`, which would begin without room and look for more at every word.
fn written(it: &CharsetDecision) -> String {
    let mut text = String::with_capacity(64);
    let _ = write!(text, "{it}");
    text
}

impl Refusal {
    /// What is kept of the message.
    pub fn letter(&self, channel: &str, inbound: &Inbound<'_>) -> DeadLetter {
        let mut detail = String::new();
        findings_json(&self.findings, &mut detail);
        DeadLetter {
            message_id: inbound.message_id.to_owned(),
            channel: channel.to_owned(),
            received_at: stamp(inbound.received_at),
            stage: self.stage,
            code: self.code.to_owned(),
            reason: self.log.clone(),
            detail,
            raw: inbound.bytes.to_vec(),
            content_type: inbound.content_type.map(str::to_owned),
        }
    }
}

fn is_rejection(finding: &Finding) -> bool {
    finding.severity == FindingSeverity::Reject
}

/// What becomes of bytes that cannot be read.
pub(crate) fn undecodable(error: &DecodeError) -> Refusal {
    Refusal {
        stage: Stage::Decode,
        code: error.code(),
        message: error.message(),
        log: error.to_string(),
        fault: FaultKind::of(error),
        findings: Vec::new(),
        reading: None,
        observed: Observed::default(),
    }
}

/// Whoever calls a service wrongly is told how it is called.
fn advised(mut refusal: Refusal, service: Option<&SoapService>) -> Refusal {
    let Some(service) = service else { return refusal };
    match refusal.code {
        UNKNOWN_OPERATION => {
            let names: Vec<&str> = service.operations.iter().map(|it| it.name.as_str()).collect();
            let _ = write!(refusal.message, "本服务的方法：{}。", names.join("、"));
        }
        WRONG_NAMESPACE => {
            let _ = write!(refusal.message, "本服务的命名空间：\"{}\"。", service.namespace);
        }
        _ => {}
    }
    refusal
}

/// `adapters` codes that the service itself knows more about.
const UNKNOWN_OPERATION: &str = "D605";
const WRONG_NAMESPACE: &str = "D606";

fn unmappable(error: &MapError, reading: Reading) -> Refusal {
    Refusal {
        stage: Stage::Map,
        code: error.code(),
        message: error.advice(),
        log: error.to_string(),
        fault: FaultKind::Client,
        findings: Vec::new(),
        reading: Some(reading),
        observed: Observed::default(),
    }
}

fn invalid(findings: Vec<Finding>, reading: Reading) -> Refusal {
    let code = findings.first().expect("a message is refused here for its findings").code;
    let told = findings.iter().map(|it| format!("{} {}", it.code, it.element));
    let log = told.collect::<Vec<_>>().join(", ");
    Refusal {
        stage: Stage::Validate,
        code,
        message: advice(findings.len()),
        log,
        fault: FaultKind::Client,
        findings,
        reading: Some(reading),
        observed: Observed::default(),
    }
}

/// Says in a refusal how many findings there are, if it does not list them all.
pub(crate) fn tell_of(refusal: &mut Refusal, findings: usize) {
    refusal.message = advice(findings);
    let listed = refusal.findings.len();
    if findings > listed {
        let _ = write!(refusal.message, "；这里只列出前 {listed} 处");
        refusal.log = format!("{findings} findings, the first: {}", refusal.log);
    }
}

fn advice(findings: usize) -> String {
    format!("有 {findings} 处数据不符合标准，整份报文未被接收，请按明细修改后重送")
}

/// By what a record was made, so that one that looks odd leads back to the files that made it.
struct MadeBy<'a> {
    catalog: &'a Catalog,
    set: &'a str,
    mapping: &'a str,
}

/// The members that all records of one message share, written once.
struct Frame {
    made_by: String,
    received_at: String,
}

impl Frame {
    fn new(made_by: &MadeBy<'_>, context: &Context<'_>) -> Frame {
        let mut shared = String::with_capacity(256);
        member(&mut shared, "schema", made_by.catalog.version());
        member(&mut shared, "profile", made_by.catalog.profile());
        member(&mut shared, "set", made_by.set);
        member(&mut shared, "mapping", made_by.mapping);
        member(&mut shared, "org", context.org);
        member(&mut shared, "channel", context.channel);
        member(&mut shared, "message_id", context.message_id);
        let mut received_at = String::with_capacity(32);
        member(&mut received_at, "received_at", &stamp(context.received_at));
        Frame { made_by: shared, received_at }
    }
}

/// The record's JSON from `entity` on. What comes before it is given by the outbox: its id, its
/// number and its revision.
fn draft(frame: &Frame, record: MappedRecord<'_>, warnings: &[Finding]) -> Draft {
    let MappedRecord { entity, elements, lane, key, .. } = record;
    draft_of(frame, entity, (lane, key), &elements, warnings)
}

/// A record without the elements whose codes nobody has mapped. Two that differ in those codes only are
/// two contents all the same: one may correct the other.
fn waiting_for(unknown: &[UnknownCode], draft: Draft) -> Draft {
    if unknown.is_empty() {
        return draft;
    }
    let mut hash = Sha256::new_with_prefix(draft.digest);
    for text in unknown.iter().flat_map(|it| [&it.map, &it.code, &it.element]) {
        // With its length, or "ab" + "c" would be "a" + "bc".
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    let Draft { entity, lane, key, tail, .. } = draft;
    Draft::new(entity, lane, key, hash.finalize().into(), tail)
}

fn draft_of(
    frame: &Frame,
    entity: &Entity,
    (lane, key): (String, String),
    elements: &Elements,
    warnings: &[Finding],
) -> Draft {
    let room = 192 + frame.made_by.len() + ELEMENT_BYTES * elements.len();
    let mut tail = String::with_capacity(room);
    member(&mut tail, "entity", entity.name());
    tail.push_str(&frame.made_by);
    member(&mut tail, "lane", &lane);
    tail.push_str(&frame.received_at);
    tail.push_str("\"elements\":");
    let elements_at = tail.len();
    schemas::write_record_elements(entity, elements, &mut tail);
    let elements = tail.as_bytes().get(elements_at..).unwrap_or_default();
    let digest = Sha256::digest(elements).into();
    tail.push_str(",\"findings\":");
    findings_json(warnings, &mut tail);
    Draft::new(entity.name().to_owned(), lane, key, digest, tail)
}

/// A record that the agent itself has to tell, such as that of a check.
pub(crate) struct OwnRecord<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) set: &'a str,
    pub(crate) org: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) message_id: &'a str,
    pub(crate) received_at: DateTime,
}

impl OwnRecord<'_> {
    /// Its draft, with what validation says about it.
    pub(crate) fn draft(
        &self,
        entity: &Entity,
        lane: &str,
        key: &str,
        elements: &Elements,
    ) -> Draft {
        let made_by = MadeBy { catalog: self.catalog, set: self.set, mapping: "agent" };
        let context = Context {
            channel: self.channel,
            org: self.org,
            message_id: self.message_id,
            received_at: self.received_at,
            operation: None,
        };
        let frame = Frame::new(&made_by, &context);
        let findings = self.catalog.validate(entity, elements);
        draft_of(&frame, entity, (lane.to_owned(), key.to_owned()), elements, &findings)
    }
}

/// What an element takes as JSON, name and all: enough for most, so that few records move.
const ELEMENT_BYTES: usize = 36;

/// What a check may look at, out of the records that a message became.
pub fn facts(accepted: &Accepted) -> Facts {
    rules::facts_from_records(&records(accepted))
}

/// The records of a message, as entity and elements.
pub fn records(accepted: &Accepted) -> Vec<(String, serde_json::Value)> {
    let record = |draft: &Draft| {
        let record: serde_json::Value =
            serde_json::from_str(&format!("{{{}}}", draft.tail)).ok()?;
        Some((draft.entity.clone(), record.get("elements")?.clone()))
    };
    accepted.drafts.iter().filter_map(record).collect()
}

/// `YYYYMMDDhhmmss`, the standard's notation of a moment.
pub fn stamp(moment: DateTime) -> String {
    let mut stamp = String::with_capacity(14);
    schemas::write_stamp(moment, &mut stamp);
    stamp
}

/// The moment that [`stamp`] wrote.
pub fn moment(stamp: &str) -> Option<DateTime> {
    DateTime::strptime("%Y%m%d%H%M%S", stamp).ok()
}

/// Findings as a JSON list, the form of receipts, records and dead letters.
pub fn findings_json(findings: &[Finding], out: &mut String) {
    out.push('[');
    for (position, finding) in findings.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        let Finding { code, element, path, found, expected, .. } = finding;
        let parts =
            [("element", element), ("path", path), ("found", found), ("expected", expected)];
        let _ = write!(out, "{{\"code\":\"{code}\"");
        for (name, text) in parts {
            let _ = write!(out, ",\"{name}\":");
            schemas::write_json_text(text, out);
        }
        out.push('}');
    }
    out.push(']');
}

fn member(out: &mut String, name: &str, text: &str) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    schemas::write_json_text(text, out);
    out.push(',');
}
