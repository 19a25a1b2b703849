//! Which encodings were declared, and how far each declaration can be believed.

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use super::{Charset, Declared, Why};
use crate::hl7;

/// One declaration.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) name: String,
    pub(super) source: Why,
    pub(super) candidate: Candidate,
}

/// What a label is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// UTF-8: proves itself.
    Utf8,
    /// Worth trying strictly.
    Trusted(Charset),
    /// Known, but no evidence: it fits any bytes, or would have shown before.
    ProvesNothing(Option<Charset>),
    /// No encoding has this name.
    Unknown,
}

/// All declarations, the most believable first.
pub(super) fn labels(bytes: &[u8], declared: Declared<'_>) -> Vec<Label> {
    let sources = [
        (declared.http, Why::HttpHeader),
        (declared.form, Why::FormField),
        (in_xml_declaration(bytes), Why::XmlDeclaration),
        (hl7::declared_charset(bytes), Why::MessageHeader),
    ];
    let said = sources.into_iter().filter_map(|(name, source)| name.map(|name| (name, source)));
    said.map(|(name, source)| Label { name: presentable(name), source, candidate: value_of(name) })
        .collect()
}

/// The first declaration by name alone.
pub(super) fn first_label(bytes: &[u8], declared: Declared<'_>) -> Option<String> {
    labels(bytes, declared).into_iter().next().map(|label| label.name)
}

pub(super) fn value_of(name: &str) -> Candidate {
    let name = name.trim();
    if name.eq_ignore_ascii_case("utf-8") {
        return Candidate::Utf8; // nearly all of them
    }
    if is_one_of(name, GB18030_LABELS) {
        return Candidate::Trusted(Charset::Gb18030);
    }
    if is_one_of(name, UTF8_LABELS) {
        return Candidate::Utf8;
    }
    if is_one_of(name, UTF16_LABELS) {
        return Candidate::ProvesNothing(None);
    }
    match Encoding::for_label(name.as_bytes()) {
        None => Candidate::Unknown,
        Some(it) if it == REPLACEMENT => Candidate::Unknown,
        Some(it) if it == UTF_8 => Candidate::Utf8,
        Some(it) if it == UTF_16LE || it == UTF_16BE => Candidate::ProvesNothing(None),
        Some(it) if it.is_single_byte() => {
            Candidate::ProvesNothing(Some(Charset::Other(it.name())))
        }
        Some(it) if it.name() == "GBK" || it.name() == "gb18030" => {
            Candidate::Trusted(Charset::Gb18030)
        }
        Some(it) => Candidate::Trusted(Charset::Other(it.name())),
    }
}

fn is_one_of(name: &str, labels: &[&str]) -> bool {
    labels.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// A label may be anything the sender typed; only what looks like a label is shown to anyone.
fn presentable(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let name = name.trim();
    let is_plain = !name.is_empty() && name.len() <= LABEL_BYTES_MAX && name.bytes().all(plain);
    // Some labels of ours have blanks.
    let ours = [UTF8_LABELS, UTF16_LABELS, GB18030_LABELS];
    let shown = is_plain || ours.iter().any(|labels| is_one_of(name, labels));
    if shown { name.to_ascii_lowercase() } else { "(not a label)".to_owned() }
}

/// The encoding named in an XML declaration, read from bytes that nobody has decoded yet. It need
/// not be well formed: `standalong="yes"` behind the encoding does no harm.
fn in_xml_declaration(bytes: &[u8]) -> Option<&str> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let head = bytes.get(start..)?.strip_prefix(b"<?xml")?;
    let head = head.get(..head.len().min(DECLARATION_BYTES_MAX))?;
    let head = head.get(..head.windows(2).position(|pair| pair == b"?>")?)?;
    let value_at = find(head, b"encoding")? + b"encoding".len();
    let value = head.get(value_at..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let end = value.iter().position(|byte| byte == quote)?;
    std::str::from_utf8(value.get(..end)?).ok()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Names for parts of GB18030, beyond those of the Encoding standard.
const GB18030_LABELS: &[&str] = &[
    "936",
    "cp936",
    "euc-cn",
    "euccn",
    "gb",
    "gb 18030-2000",
    "gb 18030-2022",
    "gb-18030",
    "gb-2312",
    "gb18030-2000",
    "gb18030-2005",
    "gb18030-2022",
    "hz",
    "hz-gb-2312",
    "ms936",
    "windows-936",
];

/// HL7's names, beyond those of the Encoding standard.
const UTF8_LABELS: &[&str] = &["unicode utf-8"];

/// As old as the table it is from, `UNICODE` is sent with UTF-8 and with UTF-16.
const UTF16_LABELS: &[&str] = &["unicode", "unicode utf-16", "unicode utf-32"];

const DECLARATION_BYTES_MAX: usize = 1024;
const LABEL_BYTES_MAX: usize = 40;
