//! What the proofs send: the golden cases beside the mappings, each as often as wanted.
//!
//! A case names one visit and one prescription. Under other numbers of the same length it is
//! another message, in the vendor's own format and encoding, and its records are the case's records
//! under those numbers: what must come out is known without asking the agent.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

/// One golden case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The mapping's folder, and the name of the channel it goes to.
    pub vendor: String,
    content_type: Option<String>,
    bytes: Vec<u8>,
    expected: String,
}

/// A message, ready to be sent, and the records that must come of it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where it goes.
    pub channel: String,
    /// The Content-Type header, if it has one.
    pub content_type: Option<String>,
    /// The body, byte for byte.
    pub bytes: Vec<u8>,
    /// What it must become, in order.
    pub records: Vec<Expected>,
}

/// A record as it must arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What kind of record it is.
    pub entity: String,
    /// Its lane: here always the visit.
    pub lane: String,
    /// Its business key.
    pub key: String,
    /// The data elements as JSON, digit for digit.
    pub elements: String,
}

/// The folders that have cases; each is a channel of the agents in the proofs.
pub const VENDORS: [&str; 6] = ["platform", "techservice", "pinyin", "cdss", "rows", "webapi"];

impl Case {
    /// Every case that becomes records, of every vendor.
    pub fn all() -> Vec<Case> {
        VENDORS.iter().flat_map(|vendor| Case::of_vendor(vendor)).collect()
    }

    /// The vendor's case with the most records.
    pub fn of(vendor: &str) -> Case {
        let cases = Case::of_vendor(vendor);
        cases.into_iter().max_by_key(|it| it.message().records.len()).expect("asserted below")
    }

    /// The vendor's cases that name the usual visit and prescription and are not refused.
    fn of_vendor(vendor: &str) -> Vec<Case> {
        let folder = mappings().join(vendor).join("cases");
        let mut inputs: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| name(path).contains(".in."))
            .collect();
        inputs.sort();
        let usual = |it: &Case| it.expected.contains(VISIT) && it.expected.contains(PRESCRIPTION);
        let cases: Vec<Case> =
            inputs.iter().map(|input| Case::read(vendor, input)).filter(usual).collect();
        assert!(!cases.is_empty(), "{} has no case to send", folder.display());
        cases
    }

    fn read(vendor: &str, input: &Path) -> Case {
        let stem = name(input).split(".in.").next().unwrap_or_default();
        let beside = |ending: &str| input.with_file_name(format!("{stem}.{ending}"));
        Case {
            vendor: vendor.to_owned(),
            content_type: fs::read_to_string(beside("type")).ok().map(|it| it.trim().to_owned()),
            bytes: fs::read(input).expect("a file that was just listed"),
            expected: fs::read_to_string(beside("out.json"))
                .unwrap_or_else(|error| panic!("{}: {error}", beside("out.json").display())),
        }
    }

    /// Whether its bytes hold the text.
    pub fn has(&self, text: &str) -> bool {
        self.bytes.windows(text.len()).any(|it| it == text.as_bytes())
    }

    /// The message of the case itself.
    pub fn message(&self) -> Message {
        Message {
            channel: self.vendor.clone(),
            content_type: self.content_type.clone(),
            bytes: self.bytes.clone(),
            records: records(&self.expected),
        }
    }

    /// The message of another visit and another prescription: the n-th.
    pub fn numbered(&self, n: u64) -> Message {
        let message = self.message().changed(VISIT, &format!("MZ{n:011}"));
        message.changed(PRESCRIPTION, &format!("CF{n:012}"))
    }
}

impl Message {
    /// The address it is posted to.
    pub fn path(&self) -> String {
        format!("/v1/channels/{}/messages", self.channel)
    }

    /// The texts of the two parameters of a call that holds them in CDATA.
    #[track_caller]
    pub fn strings(&self) -> [String; 2] {
        let text = str::from_utf8(&self.bytes).expect("UTF-8");
        let mut parts = text
            .split("<![CDATA[")
            .skip(1)
            .map(|it| it.split("]]>").next().expect("split gives one").to_owned());
        [parts.next().expect("a header"), parts.next().expect("a body")]
    }

    /// The message with some text changed, in the bytes and in what must come of them alike. Only
    /// ASCII is looked for: that reads the same in every encoding the vendors use.
    #[must_use]
    #[track_caller]
    pub fn changed(&self, from: &str, to: &str) -> Message {
        assert!(from.is_ascii() && to.is_ascii(), "{from} may read otherwise in GBK");
        let change = |it: &Expected| Expected {
            entity: it.entity.clone(),
            lane: it.lane.replace(from, to),
            key: it.key.replace(from, to),
            elements: it.elements.replace(from, to),
        };
        Message { records: self.records.iter().map(change).collect(), ..self.spoilt(from, to) }
    }

    /// The same message with other bytes in one place; what must come of it is no longer told.
    #[must_use]
    #[track_caller]
    pub fn spoilt(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Message {
        let bytes = replaced(&self.bytes, from.as_ref(), to.as_ref());
        assert!(bytes != self.bytes, "{} no longer has what is spoilt here", self.channel);
        Message { bytes, records: Vec::new(), ..self.clone() }
    }
}

/// The members of a list of records; the elements stay as they are written.
fn records(text: &str) -> Vec<Expected> {
    let records: Vec<BTreeMap<String, Box<RawValue>>> =
        serde_json::from_str(text).expect("a case expects a list of records");
    let text_of = |record: &BTreeMap<String, Box<RawValue>>, member: &str| {
        serde_json::from_str(record.get(member).expect("a case has every member").get())
            .expect("a text")
    };
    let expected = |record: &BTreeMap<String, Box<RawValue>>| Expected {
        entity: text_of(record, "entity"),
        lane: text_of(record, "lane"),
        key: text_of(record, "key"),
        elements: record.get("elements").expect("a case has elements").get().to_owned(),
    };
    records.iter().map(expected).collect()
}

/// Bytes with every occurrence of some bytes replaced.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, others)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = after;
        } else {
            out.push(*first);
            rest = others;
        }
    }
    out
}

/// The folder of the shipped mappings.
pub fn mappings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../mappings")
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|it| it.to_str()).unwrap_or_default()
}

/// The visit that every case names.
const VISIT: &str = "MZ20240515003";
/// The prescription that every case names.
const PRESCRIPTION: &str = "CF202405150007";
