//! SOAP 1.1 and 1.2: from envelope to call.
//!
//! The operation is the body's first element, whatever the SOAPAction header says: clients leave
//! that header empty, unquoted or out. Its children are the parameters, found by local name,
//! qualified or not. What else stands in the body (the multi-reference elements of rpc/encoded)
//! and the operation's own attributes (`encodingStyle`) are passed over.

mod call;
mod import;
mod message;
mod service;
mod wsdl;

use std::fmt;
use std::sync::Arc;

use crate::codes::{MUST_UNDERSTAND, NO_OPERATION, NOT_AN_ENVELOPE, VERSION_MISMATCH};
use crate::document::{Document, Kind, NodeId};
use crate::error::DecodeError;
use crate::{AnswerCharset, Limits};

pub(crate) use call::take_form;
pub use import::{SoapImport, import_wsdl, wsdl_imports};
pub(crate) use message::take_message;
pub use service::{
    SoapHolds, SoapOperation, SoapPart, SoapReply, SoapService, SoapStyle, default_action,
    is_xml_name,
};
pub use wsdl::wsdl;

/// The SOAP version of a call; its answer must be of the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SoapVersion {
    /// SOAP 1.1, `text/xml`.
    V11,
    /// SOAP 1.2, `application/soap+xml`.
    V12,
}

impl SoapVersion {
    /// The namespace of the envelope.
    pub const fn namespace(self) -> &'static str {
        match self {
            SoapVersion::V11 => "http://schemas.xmlsoap.org/soap/envelope/",
            SoapVersion::V12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    fn of_namespace(uri: &str) -> Option<SoapVersion> {
        [SoapVersion::V11, SoapVersion::V12].into_iter().find(|it| it.namespace() == uri)
    }
}

impl fmt::Display for SoapVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SoapVersion::V11 => "1.1",
            SoapVersion::V12 => "1.2",
        })
    }
}

/// What a SOAP request calls, and how that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapCall {
    /// The version of the envelope.
    pub version: SoapVersion,
    /// The namespace to answer in: the operation's, or the service's where the caller wrote none.
    pub namespace: String,
    /// The operation's local name.
    pub operation: String,
    /// How the service's answers look.
    pub reply: Arc<SoapReply>,
    /// Whether it came as a form, and is answered by one element without an envelope.
    pub is_form: bool,
    /// The encoding that the service answers in, if it is described.
    pub charset: Option<AnswerCharset>,
}

/// The version of a request that may be too broken to decode, so that its fault can be answered in
/// the right one: the envelope namespace that stands first near the beginning.
pub fn soap_version_of(body: &[u8]) -> Option<SoapVersion> {
    // UTF-16 is sought through by leaving the NULs out.
    let head: Vec<u8> =
        body.iter().take(SNIFFED_BYTES).copied().filter(|byte| *byte != 0).collect();
    let place = |version: SoapVersion| {
        let namespace = version.namespace().as_bytes();
        head.windows(namespace.len()).position(|window| window == namespace)
    };
    [SoapVersion::V11, SoapVersion::V12]
        .into_iter()
        .filter_map(|version| place(version).map(|at| (at, version)))
        .min_by_key(|(at, _)| *at)
        .map(|(_, version)| version)
}

/// True when the root element is an envelope of a SOAP version that there is.
pub(crate) fn is_envelope(document: &Document) -> bool {
    document
        .children(document.root())
        .next()
        .is_some_and(|root| version_of(document, root).is_some())
}

/// Takes the envelope off: the parameters become the children of the root. A service that is known
/// says which operations there are; `action` is what the headers say.
pub(crate) fn take_call(
    document: &mut Document,
    service: Option<&SoapService>,
    action: Option<&str>,
    limits: &Limits,
) -> Result<SoapCall, DecodeError> {
    let envelope = document
        .children(document.root())
        .next()
        .filter(|root| document.name(*root) == "Envelope")
        .ok_or(DecodeError::at(&NOT_AN_ENVELOPE, 0))?;
    let version = version_of(document, envelope)
        .ok_or_else(|| fault_at(&VERSION_MISMATCH, document, envelope))?;
    if let Some(header) = part(document, envelope, "Header", version)? {
        expect_nothing_to_understand(document, header, version)?;
    }
    let body = part(document, envelope, "Body", version)?
        .ok_or_else(|| fault_at(&NO_OPERATION, document, envelope))?;
    match service {
        Some(service) => call::take_of((service, action), document, body, version, limits),
        None => call::take_any(document, body, version),
    }
}

fn version_of(document: &Document, envelope: NodeId) -> Option<SoapVersion> {
    let uri = document.namespace(envelope).filter(|_| document.name(envelope) == "Envelope")?;
    SoapVersion::of_namespace(uri)
}

/// True when the root element is called Envelope: at the address of a service that is meant as one,
/// however its namespace is written, and must be answered by a fault and not by data.
pub(crate) fn means_envelope(document: &Document) -> bool {
    let root = document.children(document.root()).next();
    root.is_some_and(|it| document.name(it) == "Envelope")
}

/// The envelope's header or body, which must be in the envelope's own namespace.
fn part(
    document: &Document,
    envelope: NodeId,
    name: &str,
    version: SoapVersion,
) -> Result<Option<NodeId>, DecodeError> {
    let found = elements(document, envelope).find(|id| document.name(*id) == name);
    match found {
        Some(part) if document.namespace(part) != Some(version.namespace()) => {
            Err(fault_at(&VERSION_MISMATCH, document, part))
        }
        found => Ok(found),
    }
}

/// No header is known here, so one that must be understood, by us, is a fault.
fn expect_nothing_to_understand(
    document: &Document,
    header: NodeId,
    version: SoapVersion,
) -> Result<(), DecodeError> {
    let must = |entry: &NodeId| {
        let flag = soap_attribute(document, *entry, "mustUnderstand", version);
        matches!(flag.map(str::trim), Some("1" | "true"))
            && is_for_receiver(document, *entry, version)
    };
    match elements(document, header).find(must) {
        Some(entry) => Err(fault_at(&MUST_UNDERSTAND, document, entry)),
        None => Ok(()),
    }
}

/// False for headers addressed to somebody on the way.
fn is_for_receiver(document: &Document, entry: NodeId, version: SoapVersion) -> bool {
    let name = match version {
        SoapVersion::V11 => "actor",
        SoapVersion::V12 => "role",
    };
    soap_attribute(document, entry, name, version)
        .is_none_or(|uri| uri.ends_with("/next") || uri.ends_with("/ultimateReceiver"))
}

fn soap_attribute<'d>(
    document: &'d Document,
    element: NodeId,
    name: &str,
    version: SoapVersion,
) -> Option<&'d str> {
    let attribute = document.children(element).find(|id| {
        document.kind(*id) == Kind::Attribute
            && document.name(*id) == name
            && document.namespace(*id) == Some(version.namespace())
    })?;
    document.value(attribute)
}

fn elements(document: &Document, of: NodeId) -> impl Iterator<Item = NodeId> {
    document.children(of).filter(|id| document.kind(*id) == Kind::Element)
}

fn fault_at(
    entry: &'static crate::codes::CodeEntry,
    document: &Document,
    node: NodeId,
) -> DecodeError {
    DecodeError::at(entry, document.offset(node))
}

const SNIFFED_BYTES: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_shows_even_in_broken_requests() {
        check(b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Bo", "1.1");
        check(b"<Envelope xmlns=\"http://www.w3.org/2003/05/soap-envelope\"><\xFF", "1.2");
        check(b"<a>http://schemas.xmlsoap.org/soap/</a>", "none");
        let wide: Vec<u8> = "\u{FEFF}<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        check(&wide, "1.2");
    }

    #[test]
    fn the_first_of_two_versions_counts() {
        let mixed = b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'>\
            <t:Body xmlns:t='http://www.w3.org/2003/05/soap-envelope'/>";
        check(mixed, "1.1");
    }

    #[track_caller]
    fn check(body: &[u8], expected: &str) {
        let actual = soap_version_of(body).map_or("none".to_owned(), |it| it.to_string());
        assert_eq!(actual, expected);
    }
}
