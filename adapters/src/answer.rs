//! Answers in the caller's own SOAP.
//!
//! HIS clients are compiled against one description of the service. A .NET proxy that finds the
//! result in another namespace returns null without an error, so the answer repeats the request's
//! version, namespace and operation to the letter, and is always UTF-8, the one encoding that every
//! client reads.

use std::borrow::Cow;

use crate::soap::{SoapCall, SoapVersion};

/// How the result stands in the answer, where a service differs from .NET's habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultStyle<'a> {
    /// The result element's name; `None` for the operation's name and `Result`.
    pub name: Option<&'a str>,
    /// False where the result element is in no namespace, as JAX-WS and rpc services have it.
    pub is_qualified: bool,
}

impl Default for ResultStyle<'_> {
    fn default() -> Self {
        ResultStyle { name: None, is_qualified: true }
    }
}

/// What the operation's result holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoapResult<'a> {
    /// A text; markup in it is escaped, as every service with a string result has it.
    Text(&'a str),
    /// Elements, well-formed, that stand in the result as they are.
    Elements(&'a str),
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

/// The Content-Type of answers in a version.
pub const fn soap_content_type(version: SoapVersion) -> &'static str {
    match version {
        SoapVersion::V11 => "text/xml; charset=utf-8",
        SoapVersion::V12 => "application/soap+xml; charset=utf-8",
    }
}

/// The answer to a call: `OperationResponse` holding `OperationResult` holding the text.
pub fn soap_answer(call: &SoapCall, result_text: &str) -> String {
    soap_answer_in(call, ResultStyle::default(), result_text)
}

/// The answer to a call, in the style that its service is described in.
pub fn soap_answer_in(call: &SoapCall, style: ResultStyle<'_>, result_text: &str) -> String {
    soap_answer_told(call, style, SoapResult::Text(result_text), "utf-8")
}

/// The answer to a call, its result text or elements, declared in the encoding that the caller of
/// this function is going to write it in.
pub fn soap_answer_told(
    call: &SoapCall,
    style: ResultStyle<'_>,
    result: SoapResult<'_>,
    charset: &str,
) -> String {
    let operation = &call.operation;
    let default_name = format!("{operation}Result");
    let name = style.name.unwrap_or(&default_name);
    let reset = if style.is_qualified || call.namespace.is_empty() { "" } else { " xmlns=\"\"" };
    let namespace = escape_text(&call.namespace);
    let content = match result {
        SoapResult::Text(text) => Cow::Owned(escape_text(text)),
        SoapResult::Elements(elements) => Cow::Borrowed(elements),
    };
    envelope_in(
        call.version,
        charset,
        &format!(
            "<{operation}Response xmlns=\"{namespace}\"><{name}{reset}>{content}</{name}>\
             </{operation}Response>"
        ),
    )
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
mod tests {
    use super::*;
    use crate::{Input, Limits, WireFormat, decode};

    #[test]
    fn an_answer_repeats_what_was_called() {
        let call = |version, namespace: &str| SoapCall {
            version,
            namespace: namespace.to_owned(),
            operation: "CallInterface".to_owned(),
        };
        assert_eq!(
            soap_answer(&call(SoapVersion::V11, "http://tempuri.org/"), "<a>成功 & \"1\"</a>"),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
             <CallInterfaceResponse xmlns=\"http://tempuri.org/\"><CallInterfaceResult>\
             &lt;a&gt;成功 &amp; &quot;1&quot;&lt;/a&gt;</CallInterfaceResult>\
             </CallInterfaceResponse></soap:Body></soap:Envelope>"
        );
        let unqualified = ResultStyle { name: Some("return"), is_qualified: false };
        let answer = soap_answer_in(&call(SoapVersion::V12, "WebService"), unqualified, "0");
        assert!(answer.contains("<return xmlns=\"\">0</return>"), "{answer}");
        assert!(answer.contains("xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\""));
        let elements = SoapResult::Elements("<code>0</code>");
        let answer = soap_answer_told(&call(SoapVersion::V11, "u"), unqualified, elements, "gbk");
        assert!(answer.contains("<return xmlns=\"\"><code>0</code></return>"), "{answer}");
        assert!(answer.starts_with("<?xml version=\"1.0\" encoding=\"gbk\"?>"), "{answer}");
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
