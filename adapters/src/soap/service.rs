//! A service as HIS clients were compiled against it: names, namespace, style.
//!
//! The description fixes what an answer looks like to the letter. Of a request only what matters is
//! asked: clients qualify parameters that should not be, send them in another order, under
//! names of their own or with the operation in a header only.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::SoapVersion;
use crate::UnknownName;

/// How a service's messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SoapStyle {
    /// document/literal, the parameters in an element named after the operation: .NET, JAX-WS.
    #[default]
    Document,
    /// document/literal, the parameters themselves in the body.
    Bare,
    /// rpc/literal.
    Rpc,
    /// rpc/encoded: Axis 1, SOAP::Lite, old gSOAP.
    Encoded,
}

impl SoapStyle {
    const ALL: [SoapStyle; 4] =
        [SoapStyle::Document, SoapStyle::Bare, SoapStyle::Rpc, SoapStyle::Encoded];

    /// The word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            SoapStyle::Document => "document",
            SoapStyle::Bare => "bare",
            SoapStyle::Rpc => "rpc",
            SoapStyle::Encoded => "encoded",
        }
    }

    /// Whether the service is described as rpc, literal or encoded.
    pub const fn is_rpc(self) -> bool {
        matches!(self, SoapStyle::Rpc | SoapStyle::Encoded)
    }
}

impl fmt::Display for SoapStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SoapStyle {
    type Err = UnknownName;

    fn from_str(word: &str) -> Result<SoapStyle, UnknownName> {
        SoapStyle::ALL.into_iter().find(|it| it.as_str() == word).ok_or(UnknownName)
    }
}

/// What one element of an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SoapHolds {
    /// The answer itself.
    Text,
    /// 0, or the code of what is wrong.
    Code,
    /// One sentence.
    Message,
    /// A number, whatever is wrong: a proxy that reads an `int` or a `long` stumbles over anything else.
    Number {
        /// What says that all is well.
        well: i64,
        /// What says that something is wrong.
        wrong: i64,
        /// Whether it is a `long`.
        is_long: bool,
    },
    /// `true` if all is well, otherwise `false`.
    Truth,
}

impl SoapHolds {
    /// Its type in the description, and in encoded answers.
    pub const fn xsd(self) -> &'static str {
        match self {
            SoapHolds::Text | SoapHolds::Code | SoapHolds::Message => "string",
            SoapHolds::Number { is_long: false, .. } => "int",
            SoapHolds::Number { is_long: true, .. } => "long",
            SoapHolds::Truth => "boolean",
        }
    }

    /// Whether a client reads something else than a text.
    pub const fn is_typed(self) -> bool {
        matches!(self, SoapHolds::Number { .. } | SoapHolds::Truth)
    }

    /// `int(0,-1)`, `long(1,0)`, `boolean`.
    fn typed(word: &str) -> Option<SoapHolds> {
        if word == "boolean" {
            return Some(SoapHolds::Truth);
        }
        let (kind, values) = word.strip_suffix(')')?.split_once('(')?;
        let (well, wrong) = values.split_once(',')?;
        let (well, wrong): (i64, i64) = (well.trim().parse().ok()?, wrong.trim().parse().ok()?);
        let is_int = [well, wrong].into_iter().all(|it| i32::try_from(it).is_ok());
        match kind {
            "int" if is_int => Some(SoapHolds::Number { well, wrong, is_long: false }),
            "long" => Some(SoapHolds::Number { well, wrong, is_long: true }),
            _ => None,
        }
    }
}

/// One element of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapPart {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: SoapHolds,
}

impl FromStr for SoapPart {
    type Err = UnknownName;

    /// `returnXml`, `code:returnCode`, `message:returnText`, `int(0,-1):CallResult` or `boolean:CallResult`.
    fn from_str(text: &str) -> Result<SoapPart, UnknownName> {
        let (holds, name) = match text.split_once(':') {
            None => (SoapHolds::Text, text),
            Some(("code", name)) => (SoapHolds::Code, name),
            Some(("message", name)) => (SoapHolds::Message, name),
            Some((word, name)) => (SoapHolds::typed(word).ok_or(UnknownName)?, name),
        };
        if is_xml_name(name) {
            Ok(SoapPart { name: name.to_owned(), holds })
        } else {
            Err(UnknownName)
        }
    }
}

impl fmt::Display for SoapPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.holds {
            SoapHolds::Text => f.write_str(name),
            SoapHolds::Code => write!(f, "code:{name}"),
            SoapHolds::Message => write!(f, "message:{name}"),
            SoapHolds::Number { well, wrong, .. } => {
                write!(f, "{}({well},{wrong}):{name}", self.holds.xsd())
            }
            SoapHolds::Truth => write!(f, "boolean:{name}"),
        }
    }
}

/// How an operation is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapReply {
    /// The element around the results; of no use to the bare style.
    pub response: String,
    /// The results, in their order.
    pub results: Vec<SoapPart>,
    /// The service's style.
    pub style: SoapStyle,
    /// Whether the results are in the service's namespace, where the style leaves a choice.
    pub is_qualified: bool,
}

impl SoapReply {
    /// The habit of .NET: `OperationResponse` holding `OperationResult`.
    pub fn habit(operation: &str) -> SoapReply {
        let name = format!("{operation}Result");
        SoapReply {
            response: format!("{operation}Response"),
            results: vec![SoapPart { name, holds: SoapHolds::Text }],
            style: SoapStyle::Document,
            is_qualified: true,
        }
    }

    /// What the one value of a form's answer is: the answer itself, if there is one.
    pub(crate) fn of_forms(&self) -> SoapHolds {
        let texts = self.results.iter().map(|it| it.holds);
        let mut typed = texts.clone().filter(|it| it.is_typed());
        let has_text = texts.clone().any(|it| it == SoapHolds::Text);
        typed.next().filter(|_| !has_text).unwrap_or(SoapHolds::Text)
    }

    /// Whether code or sentence stand beside the answer.
    pub fn tells_outcome(&self) -> bool {
        self.results.iter().any(|it| it.holds != SoapHolds::Text)
    }
}

/// One operation of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapOperation {
    /// Its name.
    pub name: String,
    /// The parameters, in their order; with none the names are whatever the caller writes.
    pub parameters: Vec<String>,
    /// What clients send as `SOAPAction` or `action`.
    pub action: String,
    /// How it is answered.
    pub reply: Arc<SoapReply>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapService {
    /// Its name in the description.
    pub name: String,
    /// The target namespace; empty for none, and not always a URI.
    pub namespace: String,
    /// Further namespaces that it is called in; each is answered in itself.
    pub also: Vec<String>,
    /// How its messages are written.
    pub style: SoapStyle,
    /// `elementFormDefault`.
    pub is_qualified: bool,
    /// The versions that the description offers; both are always answered.
    pub described: Vec<SoapVersion>,
    /// Whether the description offers the operations as form posts, too.
    pub describes_forms: bool,
    /// Whether answers are in the caller's encoding, and not in UTF-8.
    pub answers_as_called: bool,
    /// The operations.
    pub operations: Vec<SoapOperation>,
}

impl SoapService {
    /// The operation of a name: as it is written, else in any case.
    pub fn operation(&self, name: &str) -> Option<&SoapOperation> {
        let alike = |it: &&SoapOperation| it.name.eq_ignore_ascii_case(name);
        let exact = self.operations.iter().find(|it| it.name == name);
        exact.or_else(|| self.operations.iter().find(alike))
    }

    /// The operation that a `SOAPAction` means: the whole of it, else its last word.
    pub fn operation_of_action(&self, action: &str) -> Option<&SoapOperation> {
        let action = action.trim().trim_matches(['"', '\'']).trim();
        if action.is_empty() {
            return None;
        }
        let exact = self.operations.iter().find(|it| it.action == action);
        exact.or_else(|| self.operation(action.rsplit(['/', '#', ':', '.']).next()?))
    }

    /// The operation that has a parameter of this name, if it is the only one.
    pub(super) fn operation_of_parameter(&self, name: &str) -> Option<&SoapOperation> {
        let mut having = self.operations.iter().filter(|it| it.parameter(name).is_some());
        having.next().filter(|_| having.next().is_none())
    }

    /// The namespace to answer in, for a request in this one; `None` when the service is not
    /// called that. A .NET proxy reads an answer in another namespace as null, without an error.
    pub fn namespace_for<'a>(&'a self, request: &str) -> Option<&'a str> {
        if request.is_empty() {
            return Some(&self.namespace);
        }
        std::iter::once(&self.namespace)
            .chain(&self.also)
            .find(|it| *it == request)
            .map(String::as_str)
    }
}

impl SoapOperation {
    /// The parameter of a name, as it is described.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let exact = self.parameters.iter().find(|it| *it == name);
        let alike = || self.parameters.iter().find(|it| it.eq_ignore_ascii_case(name));
        exact.or_else(alike).map(String::as_str)
    }
}

/// Whether a text can be the name of an element, Chinese letters among them, without a prefix.
pub fn is_xml_name(name: &str) -> bool {
    let starts = |it: char| it.is_alphabetic() || it == '_';
    let goes_on = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.' | '\u{B7}');
    name.starts_with(starts) && name.chars().all(goes_on)
}

/// The `soapAction` of an operation as .NET makes it.
pub fn default_action(namespace: &str, operation: &str) -> String {
    let slash = if namespace.is_empty() || namespace.ends_with('/') { "" } else { "/" };
    format!("{namespace}{slash}{operation}")
}
