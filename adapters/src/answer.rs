//! Answers in the caller's own SOAP.
//!
//! HIS clients are compiled against one description of the service. A .NET proxy that finds the
//! result in another namespace returns null without an error, so the answer repeats the request's
//! version, namespace and operation to the letter, and is always UTF-8, the one encoding that every
//! client reads.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::AnswerCharset;
use crate::soap::{SoapCall, SoapHolds, SoapReply, SoapStyle, SoapVersion};

/// What the operation's result holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoapResult<'a> {
    /// A text; markup in it is escaped, as every service with a string result has it.
    Text(&'a str),
    /// Elements, well-formed, that stand in the result as they are.
    Elements(&'a str),
}

/// What the results of a service may say besides the answer itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoapOutcome<'a> {
    /// 0, or the code of what is wrong.
    pub code: &'a str,
    /// One sentence.
    pub message: &'a str,
}

/// Whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The caller's: the same message will fail again.
    Client,
    /// Ours: the same message may succeed later.
    Server,
    /// The envelope is of no version that we know, or of two.
    VersionMismatch,
    /// A header that must be understood is not.
    MustUnderstand,
}

impl FaultKind {
    /// The kind of fault that a decode error is.
    pub fn of(error: &crate::error::DecodeError) -> FaultKind {
        match error.code() {
            code if code == crate::codes::VERSION_MISMATCH.code => FaultKind::VersionMismatch,
            code if code == crate::codes::MUST_UNDERSTAND.code => FaultKind::MustUnderstand,
            _ => FaultKind::Client,
        }
    }

    const fn code(self, version: SoapVersion) -> &'static str {
        match (self, version) {
            (FaultKind::Client, SoapVersion::V11) => "Client",
            (FaultKind::Client, SoapVersion::V12) => "Sender",
            (FaultKind::Server, SoapVersion::V11) => "Server",
            (FaultKind::Server, SoapVersion::V12) => "Receiver",
            (FaultKind::VersionMismatch, _) => "VersionMismatch",
            (FaultKind::MustUnderstand, _) => "MustUnderstand",
        }
    }
}

/// The Content-Type of answers in a version and an encoding.
pub fn soap_content_type(version: SoapVersion, charset: AnswerCharset) -> String {
    let media = match version {
        SoapVersion::V11 => "text/xml",
        SoapVersion::V12 => "application/soap+xml",
    };
    format!("{media}; charset={}", charset.label())
}

/// The answer to a call: the text as the result of its operation, in UTF-8.
pub fn soap_answer(call: &SoapCall, result_text: &str) -> String {
    let none = SoapOutcome::default();
    soap_answer_told(call, SoapResult::Text(result_text), none, "utf-8")
}

/// The answer to a call, its result text or elements, declared in the encoding that the caller of
/// this function is going to write it in.
pub fn soap_answer_told(
    call: &SoapCall,
    result: SoapResult<'_>,
    outcome: SoapOutcome<'_>,
    charset: &str,
) -> String {
    let content = match result {
        SoapResult::Text(text) => Cow::Owned(escape_text(text)),
        SoapResult::Elements(elements) => Cow::Borrowed(elements),
    };
    if call.is_form {
        let (namespace, holds) = (declared("", &call.namespace), call.reply.of_forms());
        let (kind, mut value) = (holds.xsd(), String::with_capacity(content.len()));
        told_of(holds, &Told { content: &content, outcome }, &mut value);
        return format!(
            "<?xml version=\"1.0\" encoding=\"{charset}\"?><{kind}{namespace}>{value}</{kind}>"
        );
    }
    let told = Told { content: &content, outcome };
    envelope_in(call.version, charset, &response(call, &told))
}

/// What goes into the results.
struct Told<'a> {
    content: &'a str,
    outcome: SoapOutcome<'a>,
}

/// The body's element, with the results in it.
fn response(call: &SoapCall, told: &Told<'_>) -> String {
    let SoapReply { response, style, is_qualified, .. } = &*call.reply;
    let mut out = String::with_capacity(told.content.len() + 256);
    match style {
        SoapStyle::Bare => results(call, &declared("", &call.namespace), told, &mut out),
        SoapStyle::Document if *is_qualified || call.namespace.is_empty() => {
            let _ = write!(out, "<{response}{}>", declared("", &call.namespace));
            results(call, "", told, &mut out);
            let _ = write!(out, "</{response}>");
        }
        _ => {
            let prefix = if call.namespace.is_empty() { "" } else { "m:" };
            let namespace = declared("m", &call.namespace);
            let encoding = if *style == SoapStyle::Encoded { encoding(call.version) } else { "" };
            let _ = write!(out, "<{prefix}{response}{namespace}{encoding}>");
            results(call, "", told, &mut out);
            let _ = write!(out, "</{prefix}{response}>");
        }
    }
    out
}

fn results(call: &SoapCall, attributes: &str, told: &Told<'_>, out: &mut String) {
    let is_encoded = call.reply.style == SoapStyle::Encoded;
    for part in &call.reply.results {
        let name = &part.name;
        let _ = write!(out, "<{name}{attributes}");
        if is_encoded {
            let _ = write!(out, " xsi:type=\"xsd:{}\"", part.holds.xsd());
        }
        out.push('>');
        told_of(part.holds, told, out);
        let _ = write!(out, "</{name}>");
    }
}

fn told_of(holds: SoapHolds, told: &Told<'_>, out: &mut String) {
    let is_well = told.outcome.code == "0";
    match holds {
        SoapHolds::Text => out.push_str(told.content),
        SoapHolds::Code => escape_text_into(told.outcome.code, out),
        SoapHolds::Message => escape_text_into(told.outcome.message, out),
        SoapHolds::Number { well, wrong, .. } => {
            let _ = write!(out, "{}", if is_well { well } else { wrong });
        }
        SoapHolds::Truth => out.push_str(if is_well { "true" } else { "false" }),
    }
}

/// The declaration of a namespace, if there is one.
fn declared(prefix: &str, namespace: &str) -> String {
    let colon = if prefix.is_empty() { "" } else { ":" };
    match namespace {
        "" => String::new(),
        uri => format!(" xmlns{colon}{prefix}=\"{}\"", escape_text(uri)),
    }
}

/// Says by which rules the results are encoded, and names what their types are named by.
const fn encoding(version: SoapVersion) -> &'static str {
    match version {
        SoapVersion::V11 => {
            " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
             soap:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\""
        }
        SoapVersion::V12 => {
            " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
             soap:encodingStyle=\"http://www.w3.org/2003/05/soap-encoding\""
        }
    }
}

/// A fault in the caller's version, with a sentence for the HIS developer.
pub fn soap_fault(version: SoapVersion, kind: FaultKind, text: &str) -> String {
    let (code, text) = (kind.code(version), escape_text(text));
    let fault = match version {
        SoapVersion::V11 => format!(
            "<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{text}</faultstring>\
             </soap:Fault>"
        ),
        SoapVersion::V12 => format!(
            "<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code><soap:Reason>\
             <soap:Text xml:lang=\"zh\">{text}</soap:Text></soap:Reason></soap:Fault>"
        ),
    };
    envelope(version, &fault)
}

/// Text as it may stand in an element or a quoted attribute. Characters that XML cannot carry at
/// all are left out.
pub fn escape_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 4);
    escape_text_into(text, &mut escaped);
    escaped
}

/// The same, behind what is there already. What needs no care is copied in one piece.
pub fn escape_text_into(text: &str, escaped: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_care) {
        let (plain, careful) = rest.split_at(at);
        escaped.push_str(plain);
        let mut characters = careful.chars();
        match characters.next() {
            Some('<') => escaped.push_str("&lt;"),
            Some('>') => escaped.push_str("&gt;"),
            Some('&') => escaped.push_str("&amp;"),
            Some('"') => escaped.push_str("&quot;"),
            // A parser would turn a bare carriage return into a line feed.
            Some('\r') => escaped.push_str("&#13;"),
            None | Some('\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}') => {}
            Some(other) => escaped.push(other),
        }
        rest = characters.as_str();
    }
    escaped.push_str(rest);
}

/// Bytes that begin something to look at: 0xEF leads U+FFFE and U+FFFF, among others.
const fn needs_care(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'&' | b'"' | 0xEF | 0..=8 | 0x0B..=0x1F)
}

fn envelope(version: SoapVersion, body: &str) -> String {
    envelope_in(version, "utf-8", body)
}

fn envelope_in(version: SoapVersion, charset: &str, body: &str) -> String {
    let namespace = version.namespace();
    format!(
        "<?xml version=\"1.0\" encoding=\"{charset}\"?><soap:Envelope xmlns:soap=\"{namespace}\">\
         <soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::{Input, Limits, WireFormat, decode};

    #[test]
    fn an_answer_repeats_what_was_called() {
        let call = |version, namespace: &str| SoapCall::new(version, namespace, "CallInterface");
        assert_eq!(
            soap_answer(&call(SoapVersion::V11, "http://tempuri.org/"), "<a>成功 & \"1\"</a>"),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
             <CallInterfaceResponse xmlns=\"http://tempuri.org/\"><CallInterfaceResult>\
             &lt;a&gt;成功 &amp; &quot;1&quot;&lt;/a&gt;</CallInterfaceResult>\
             </CallInterfaceResponse></soap:Body></soap:Envelope>"
        );
        let elements = SoapResult::Elements("<code>0</code>");
        let call = call(SoapVersion::V12, "u");
        let answer = soap_answer_told(&call, elements, SoapOutcome::default(), "gbk");
        assert!(answer.contains("<CallInterfaceResult><code>0</code></C"), "{answer}");
        assert!(answer.starts_with("<?xml version=\"1.0\" encoding=\"gbk\"?>"), "{answer}");
        assert!(answer.contains("xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\""));
    }

    #[test]
    fn each_style_has_its_own_form() {
        let unqualified = |it: &mut SoapReply| it.is_qualified = false;
        says(unqualified, "u", "<m:FResponse xmlns:m=\"u\"><r>0</r></m:FResponse>");
        says(unqualified, "", "<FResponse><r>0</r></FResponse>");
        says(|it| it.style = SoapStyle::Bare, "u", "<r xmlns=\"u\">0</r>");
        let rpc = |it: &mut SoapReply| it.style = SoapStyle::Rpc;
        says(rpc, "u", "<m:FResponse xmlns:m=\"u\"><r>0</r></m:FResponse>");
        let encoded = |it: &mut SoapReply| it.style = SoapStyle::Encoded;
        says(
            encoded,
            "u",
            "<m:FResponse xmlns:m=\"u\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
             soap:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">\
             <r xsi:type=\"xsd:string\">0</r></m:FResponse>",
        );
        let several = |it: &mut SoapReply| {
            it.results = ["code:c", "r", "message:m"].map(|it| it.parse().unwrap()).into();
        };
        says(several, "u", "<FResponse xmlns=\"u\"><c>12</c><r>0</r><m>a&lt;b</m></FResponse>");
    }

    /// A proxy that reads a number or a truth reads one, whatever is wrong.
    #[test]
    fn what_is_typed_stays_so_in_every_case() {
        for (part, kind, well, wrong) in [
            ("int(0,-1):r", "int", "0", "-1"),
            ("long(1,9000000000):r", "long", "1", "9000000000"),
            ("boolean:r", "boolean", "true", "false"),
        ] {
            for (code, value) in [("0", well), ("12", wrong), ("", wrong)] {
                let reply = SoapReply {
                    results: vec![part.parse().unwrap()],
                    style: SoapStyle::Encoded,
                    ..SoapReply::habit("F")
                };
                let call = SoapCall::new(SoapVersion::V11, "u", "F");
                let call = SoapCall { reply: reply.into(), ..call };
                let outcome = SoapOutcome { code, message: "a<b" };
                let result = SoapResult::Text("<response>成功</response>");
                let answer = soap_answer_told(&call, result, outcome, "utf-8");
                let expected = format!("<r xsi:type=\"xsd:{kind}\">{value}</r>");
                assert!(answer.contains(&expected), "{answer}");
                let form = SoapCall { is_form: true, ..call };
                let answer = soap_answer_told(&form, result, outcome, "utf-8");
                assert!(
                    answer.ends_with(&format!("<{kind} xmlns=\"u\">{value}</{kind}>")),
                    "{answer}"
                );
            }
        }
        for odd in [
            "int:r",
            "int(0):r",
            "int(0,x):r",
            "int(0,9000000000):r",
            "double(0,1):r",
            "boolean(1,0):r",
        ] {
            assert!(odd.parse::<crate::SoapPart>().is_err(), "{odd}");
        }
    }

    #[track_caller]
    fn says(change: impl Fn(&mut SoapReply), namespace: &str, expected: &str) {
        let mut reply = SoapReply::habit("F");
        reply.results = vec!["r".parse().unwrap()];
        change(&mut reply);
        let call = SoapCall::new(SoapVersion::V11, namespace, "F");
        let call = SoapCall { reply: reply.into(), ..call };
        let outcome = SoapOutcome { code: "12", message: "a<b" };
        let answer = soap_answer_told(&call, SoapResult::Text("0"), outcome, "utf-8");
        let body = answer.split("<soap:Body>").nth(1).unwrap().split("</soap:Body>").next();
        assert_eq!(body, Some(expected));
        let form = SoapCall { is_form: true, ..call };
        assert!(soap_answer(&form, "0").ends_with(">0</string>"));
    }

    #[test]
    fn faults_have_the_form_of_their_version() {
        check(SoapVersion::V11, FaultKind::Client, "faultcode=soap:Client faultstring=缺少<x>");
        check(SoapVersion::V11, FaultKind::Server, "faultcode=soap:Server faultstring=缺少<x>");
        check(SoapVersion::V12, FaultKind::Client, "Code Value=soap:Sender Reason Text=缺少<x>");
        check(SoapVersion::V12, FaultKind::Server, "Code Value=soap:Receiver Reason Text=缺少<x>");
        check(
            SoapVersion::V12,
            FaultKind::VersionMismatch,
            "Code Value=soap:VersionMismatch Reason Text=缺少<x>",
        );
        check(
            SoapVersion::V11,
            FaultKind::MustUnderstand,
            "faultcode=soap:MustUnderstand faultstring=缺少<x>",
        );
    }

    #[test]
    fn what_xml_cannot_carry_is_left_out() {
        assert_eq!(escape_text("a\u{1}b\r\n\u{FFFE}'"), "ab&#13;\n'");
    }

    /// Reads the fault back as a call, whose parameters are then the fault's parts.
    #[track_caller]
    fn check(version: SoapVersion, kind: FaultKind, expected: &str) {
        let fault = soap_fault(version, kind, "缺少<x>");
        let input = Input::new(fault.as_bytes(), WireFormat::Soap, None);
        let decoded = decode(&input, &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(decoded.call.as_ref().map(|call| call.version), Some(version));
        let document = &decoded.document;
        let mut parts = Vec::new();
        let mut next: Vec<_> = document.children(document.root()).collect();
        next.reverse();
        while let Some(id) = next.pop() {
            let value = document.value(id).map(|value| format!("={value}")).unwrap_or_default();
            if document.kind(id) == crate::Kind::Element {
                parts.push(format!("{}{value}", document.name(id)));
            }
            let children: Vec<_> = document.children(id).collect();
            next.extend(children.into_iter().rev());
        }
        assert_eq!(parts.join(" "), expected);
    }
}
