//! Wire formats: bytes to source documents, and answers to bytes.
//!
//! Hospital systems send XML, JSON, SOAP, forms, HL7 v2 and CSV, in UTF-8, GBK or anything, declared rightly,
//! wrongly or not at all. This crate turns what arrived into one shape, the [`Document`], or says
//! precisely what is wrong with it and where. It knows nothing of what a message means, and it has
//! no clock, no disk and no network.
//!
//! [`decode`] is the way in: it settles the encoding ([`CharsetDecision`]), then the format
//! ([`WireFormat`]), then reads the tree within [`Limits`]. What is too long for that goes through an
//! [`XmlStream`], item by item. A mapping then calls [`open`] on fields
//! that hold documents of their own, in base64, gzip or a cipher if need be. The way out is [`soap_answer`] and
//! [`soap_fault`], which speak to the caller in his own SOAP, and [`encode_answer`], which speaks in
//! his encoding. Over MLLP,
//! [`MllpFrames`] finds the messages and [`Hl7Header`] acknowledges them.
//!
//! Three promises hold for any input. It is read in bounded time and memory, without recursion and
//! without panic. Text is never damaged: no U+FFFD appears that was not sent. And no [`DecodeError`]
//! or [`Note`] carries a value from the message.

mod acknowledgement;
mod answer;
mod charset;
mod cipher;
mod codes;
mod content_type;
mod delimited;
mod document;
mod error;
mod form;
mod format;
mod hl7;
mod json;
mod limits;
mod mllp;
mod numbers;
mod opening;
mod outgoing;
mod prepare;
mod secret;
mod sheet;
mod signature;
mod soap;
mod stream;
mod transfer;
mod xml;

use std::borrow::Cow;

use codes::{BODY_TOO_LARGE, EMPTY_BODY, TRAILING_NULS, WRONG_CONTENT_TYPE, WRONG_FORMAT};

pub use acknowledgement::{Acknowledgement, Fate, Hl7Header, Level, Trouble};
pub use answer::{
    FaultKind, SoapOutcome, SoapResult, escape_text, escape_text_into, soap_answer,
    soap_answer_told, soap_content_type, soap_fault,
};
pub use charset::{Charset, CharsetDecision, Unencodable, Why, decode_strictly, encode_answer};
pub use cipher::{Cipher, Decryption, Iv, Misfit, Padding};
pub use codes::{CODES, CodeEntry, find as find_code};
pub use content_type::ContentType;
pub use delimited::{Delimited, Names};
pub use document::{Children, Content, Document, Kind, NodeId, Place, Spot, line_column};
pub use error::{DecodeError, Note};
pub use format::{UnknownName, WireFormat};
pub use limits::Limits;
pub use mllp::{MllpFrame, MllpFrames, mllp_frame};
pub use opening::{Inner, Opening, Transfer, open};
pub use outgoing::{AnswerCharset, Reference, encode_referring};
pub use prepare::Prepare;
pub use secret::{Keys, Secret};
pub use sheet::{SheetCell, is_workbook, read_sheet, write_sheet};
pub use signature::SignMethod;
pub use soap::{
    SoapCall, SoapHolds, SoapImport, SoapOperation, SoapPart, SoapReply, SoapService, SoapStyle,
    SoapVersion, default_action, import_wsdl, is_xml_name, soap_version_of, wsdl, wsdl_imports,
};
pub use stream::{BadStreamPath, StreamError, StreamItem, StreamPath, XmlStream};

/// A body as it arrived, and what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The body, content encoding (gzip) undone.
    pub bytes: &'a [u8],
    /// The format that the channel is configured for.
    pub format: WireFormat,
    /// The Content-Type header, if there was one.
    pub content_type: Option<&'a str>,
    /// What to repair before it is read: nothing, unless the channel says otherwise.
    pub prepare: &'a Prepare,
    /// The service that SOAP calls are meant for, if it is described.
    pub service: Option<&'a SoapService>,
}

impl<'a> Input<'a> {
    /// A body to be read as it is.
    pub const fn new(
        bytes: &'a [u8],
        format: WireFormat,
        content_type: Option<&'a str>,
    ) -> Input<'a> {
        Input { bytes, format, content_type, prepare: &prepare::NOTHING, service: None }
    }
}

/// A body that could be read.
#[derive(Debug)]
pub struct Decoded {
    /// What it says.
    pub document: Document,
    /// The format it is in; never [`WireFormat::Auto`].
    pub format: WireFormat,
    /// The encoding it is in, and how that was settled.
    pub charset: CharsetDecision,
    /// What it calls, when it is SOAP.
    pub call: Option<SoapCall>,
    /// What was odd about it but did no harm.
    pub notes: Vec<Note>,
}

/// Reads a body.
pub fn decode(input: &Input<'_>, limits: &Limits) -> Result<Decoded, DecodeError> {
    expect_size(input.bytes, limits)?;
    let content_type = ContentType::parse(input.content_type);
    content_type.expect_message()?;
    let bytes = input.prepare.unwrapped(input.bytes, limits)?;
    expect_size(&bytes, limits)?;
    let input = &Input { bytes: &bytes, ..*input };
    let mut decoded = if wants_form(input, &content_type) {
        decode_form(input, &content_type, limits)?
    } else {
        decode_text(input, &content_type, limits)?
    };
    if decoded.call.is_some() {
        soap::take_message(&mut decoded.document, limits)?;
    }
    Ok(decoded)
}

/// Only the text of a body, for readers that know its format themselves: the encoding settled, the
/// size bounded, nothing damaged.
pub fn text(
    bytes: &[u8],
    content_type: Option<&str>,
    limits: &Limits,
) -> Result<String, DecodeError> {
    expect_size(bytes, limits)?;
    let content_type = ContentType::parse(content_type);
    content_type.expect_message()?;
    let declared = charset::Declared { http: content_type.charset(), form: None };
    charset::decode(bytes, declared, &mut Vec::new()).map(|(text, _)| text.into_owned())
}

/// The text that places of a message count in: what [`Document::offset`] means for every node that
/// came out of no opened field. Give it to [`Document::place`].
pub fn source_text(input: &Input<'_>, limits: &Limits) -> Result<String, DecodeError> {
    expect_size(input.bytes, limits)?;
    let content_type = ContentType::parse(input.content_type);
    content_type.expect_message()?;
    let bytes = input.prepare.unwrapped(input.bytes, limits)?;
    let input = &Input { bytes: &bytes, ..*input };
    if wants_form(input, &content_type) {
        return Ok(form::as_places(input.bytes));
    }
    let (decoded, _) = characters(input.bytes, &content_type, &mut Vec::new())?;
    let is_framed = hl7::begins_message(decoded.as_bytes());
    Ok(input.prepare.strip(&decoded, is_framed, &mut Vec::new()).into_owned())
}

/// A form whose address named an operation is one in a channel of SOAP, too.
fn wants_form(input: &Input<'_>, content_type: &ContentType) -> bool {
    let is_called = input.service.is_some() && content_type.operation().is_some();
    input.format.wants_form(input.bytes, content_type)
        || is_called && WireFormat::Form.wants_form(input.bytes, content_type)
}

fn decode_form(
    input: &Input<'_>,
    content_type: &ContentType,
    limits: &Limits,
) -> Result<Decoded, DecodeError> {
    let mut notes = Vec::new();
    let body = without_trailing_nuls(input.bytes, &mut notes);
    let charset = content_type.charset();
    let (mut document, charset) = form::read(body, charset, input.prepare, limits, &mut notes)?;
    let call = match (input.service, content_type.operation()) {
        (Some(service), Some(name)) => Some(soap::take_form(service, name, &mut document)?),
        _ => None,
    };
    Ok(in_callers_words(
        input,
        Decoded { document, format: WireFormat::Form, charset, call, notes },
    ))
}

fn decode_text(
    input: &Input<'_>,
    content_type: &ContentType,
    limits: &Limits,
) -> Result<Decoded, DecodeError> {
    let mut notes = Vec::new();
    let (decoded, charset) = characters(input.bytes, content_type, &mut notes)?;
    let is_framed = hl7::begins_message(decoded.as_bytes());
    let whole = input.prepare.strip(&decoded, is_framed, &mut notes);
    let cut = input.prepare.cut(&whole, &mut notes);
    let text = text_without_trailing_nuls(whole.get(cut..).unwrap_or_default(), &mut notes);
    let mut document = Document::with_capacity(text.len());
    let format = input.format.settle(text, content_type);
    let called = Called { service: input.service, action: content_type.action() };
    let read = format.and_then(|format| {
        read_text((input.format, format), text, called, &mut document, limits, &mut notes)
    });
    let (format, call) = read.map_err(|error| {
        error.moved(cut).located(&whole, |before| {
            let before = input.prepare.before_strip(&decoded, before, is_framed);
            // GB18030 has two ways to write the euro sign, so the way back can be a byte too long.
            charset.offset_in_body(before).min(input.bytes.len())
        })
    })?;
    document.move_offsets(0, cut);
    Ok(in_callers_words(input, Decoded { document, format, charset, call, notes }))
}

/// A service answers in UTF-8, or in the encoding that it is called in.
fn in_callers_words(input: &Input<'_>, mut decoded: Decoded) -> Decoded {
    let charset = input.service.map(|it| {
        if it.answers_as_called { AnswerCharset::of_caller(&decoded) } else { AnswerCharset::Utf8 }
    });
    decoded.call = decoded.call.map(|it| SoapCall { charset, ..it });
    decoded
}

/// What else than the body says what is called.
#[derive(Clone, Copy)]
struct Called<'a> {
    service: Option<&'a SoapService>,
    action: Option<&'a str>,
}

fn characters<'a>(
    bytes: &'a [u8],
    content_type: &ContentType,
    notes: &mut Vec<Note>,
) -> Result<(Cow<'a, str>, CharsetDecision), DecodeError> {
    let declared = charset::Declared { http: content_type.charset(), form: None };
    charset::decode(bytes, declared, notes)
        .map_err(|error| if content_type.is_unsure() { not_text() } else { error })
}

/// Reads the tree in the format that was settled, given what the channel wants.
fn read_text(
    (wanted, format): (WireFormat, WireFormat),
    text: &str,
    called: Called<'_>,
    document: &mut Document,
    limits: &Limits,
    notes: &mut Vec<Note>,
) -> Result<(WireFormat, Option<SoapCall>), DecodeError> {
    let root = document.root();
    match format {
        WireFormat::Json => json::read(text, document, root, limits)?,
        WireFormat::Hl7 => hl7::read(text, document, root, limits)?,
        WireFormat::Csv => delimited::read(text, &Delimited::csv(), document, root, limits)?,
        _ => {
            xml::read(text, document, root, limits, notes)?;
            return settle_envelope(wanted, called, document, limits);
        }
    }
    Ok((format, None))
}

/// Takes the SOAP envelope off where there should or may be one.
fn settle_envelope(
    wanted: WireFormat,
    called: Called<'_>,
    document: &mut Document,
    limits: &Limits,
) -> Result<(WireFormat, Option<SoapCall>), DecodeError> {
    let is_soap = match wanted {
        WireFormat::Soap => true,
        WireFormat::Auto if called.service.is_some() => soap::means_envelope(document),
        WireFormat::Auto => soap::is_envelope(document),
        WireFormat::Xml => false,
        _ => return Err(DecodeError::new(&WRONG_FORMAT)),
    };
    if is_soap {
        soap::take_call(document, called.service, called.action, limits)
            .map(|call| (WireFormat::Soap, Some(call)))
    } else {
        Ok((WireFormat::Xml, None))
    }
}

fn expect_size(body: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    let max = limits.body_bytes();
    if body.len() > max {
        return Err(DecodeError::new(&BODY_TOO_LARGE).with_limit(max));
    }
    let unmarked = [&b"\xEF\xBB\xBF"[..], b"\xFF\xFE", b"\xFE\xFF"]
        .into_iter()
        .find_map(|mark| body.strip_prefix(mark))
        .unwrap_or(body);
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0);
    if unmarked.iter().all(is_blank) { Err(DecodeError::new(&EMPTY_BODY)) } else { Ok(()) }
}

/// Under `application/octet-stream`, bytes that are no text are simply a file.
fn not_text() -> DecodeError {
    DecodeError::new(&WRONG_CONTENT_TYPE)
}

/// Programs with fixed buffers send what is left in them; only the end is cut.
fn text_without_trailing_nuls<'a>(text: &'a str, notes: &mut Vec<Note>) -> &'a str {
    let cut = text.trim_end_matches(|it: char| it == '\0' || it.is_ascii_whitespace());
    if text.get(cut.len()..).is_some_and(|tail| tail.contains('\0')) {
        notes.push(Note::at(&TRAILING_NULS, cut.len()));
        return cut;
    }
    text
}

fn without_trailing_nuls<'a>(body: &'a [u8], notes: &mut Vec<Note>) -> &'a [u8] {
    let nuls = body.iter().rev().take_while(|byte| **byte == 0).count();
    let cut = body.len() - nuls;
    if nuls > 0 {
        notes.push(Note::at(&TRAILING_NULS, cut));
    }
    body.get(..cut).unwrap_or(body)
}
