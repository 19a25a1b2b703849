//! Answers in the caller's own dialect: templates beside the mapping, compiled with the set.
//!
//! HIS clients are compiled and will not change, and some cut the answer out by text search: the exact
//! text form of an answer is part of the interface. `answer.toml` names a template for each kind of
//! answer, how the text is encoded, and how it stands in a SOAP result. A template is proved when it is
//! loaded: its names are looked up, each value gets the escape of the place it stands in, and every kind
//! is tried with the worst values a HIS can send.
//!
//! `raw` (TOML) -> `load` (with `places`, `trial`) -> [`Answers`]; at run time only `engine` and `escape`.

mod case;
mod check;
mod engine;
mod escape;
mod kind;
mod load;
mod moment;
mod places;
mod raw;
mod record;
mod request;
mod trial;

use std::collections::BTreeMap;

use adapters::{AnswerCharset, Document, Reference, SoapCall, SoapOutcome, SoapResult};

pub use case::{AnswerCase, answer_case};
pub use check::check_variable;
use engine::{Engine, Variables};
use escape::Escape;
pub use kind::AnswerKind;
pub(crate) use load::load;
pub(crate) use raw::RawList;
pub use record::RecordTemplate;
pub(crate) use request::{Request, RequestList};

use crate::scene::Context;

/// The answers of one dialect, ready to be said.
#[derive(Debug)]
pub struct Answers {
    file: String,
    engine: Engine,
    /// The name of the template of each kind that has one.
    templates: BTreeMap<AnswerKind, String>,
    wrap: Option<String>,
    /// The format of each template.
    escapes: BTreeMap<String, Escape>,
    /// The format of what comes out last: the wrapper's, or the templates'.
    outer: Escape,
    charset: Option<AnswerCharset>,
    content_type: String,
    soap: SoapUse,
    line_end: LineEnd,
    last_line_end: bool,
    status: BTreeMap<AnswerKind, u16>,
    request: Request,
}

/// What the text is to a SOAP caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SoapUse {
    /// The string result of the operation.
    Result,
    /// The elements in the operation's result.
    Raw,
    /// The whole body, envelope and all.
    Whole,
}

/// How the answer's lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    Lf,
    CrLf,
    Cr,
}

/// What a template said.
struct Text {
    /// Before it was wrapped.
    inner: String,
    /// As it leaves.
    last: String,
}

/// What is to be said, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What kind of answer.
    pub kind: AnswerKind,
    /// The template's variables, a JSON object; the manual lists them.
    pub variables: &'a str,
    /// The SOAP call to answer, if it was one.
    pub call: Option<&'a SoapCall>,
    /// The encoding that the request came in.
    pub caller: AnswerCharset,
}

/// An answer, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The HTTP status, where the dialect has one of its own.
    pub status: Option<u16>,
    /// The Content-Type header.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Why an answer could not be said in its dialect. Holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerError {
    /// The template.
    pub template: String,
    /// The line in it; 0 when nobody knows.
    pub line: u32,
    /// What is wrong, in English, for the log.
    pub reason: String,
}

impl std::fmt::Display for AnswerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.template, self.line, self.reason)
    }
}

impl std::error::Error for AnswerError {}

impl Answers {
    /// The file that says how they are made.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether there is a template for this kind, its own or another's.
    pub fn can_say(&self, kind: AnswerKind) -> bool {
        self.template(kind).is_some()
    }

    /// The HTTP status that the dialect gives a kind, if it has an opinion.
    pub fn status(&self, kind: AnswerKind) -> Option<u16> {
        self.status.get(&kind).copied()
    }

    /// What of the request the templates may repeat: the variable `request`, as JSON.
    pub fn request(&self, document: &Document, context: &Context<'_>) -> String {
        self.request.read(document, context).to_string()
    }

    /// The variable `request` of a message that could not be read: nothing has a value.
    pub fn no_request(&self) -> String {
        self.request.sample(None).to_string()
    }

    /// Says it. `None` when the dialect has no template for the kind, or writes SOAP bodies only and
    /// nobody called by SOAP.
    pub fn say(&self, told: &Told<'_>) -> Option<Result<Spoken, AnswerError>> {
        if self.soap == SoapUse::Whole && told.call.is_none() {
            return None;
        }
        let template = self.template(told.kind)?;
        Some(self.speak(template, told))
    }

    fn template(&self, kind: AnswerKind) -> Option<&str> {
        let own = self.templates.get(&kind).map(String::as_str);
        own.or_else(|| self.template(kind.fallback()?))
    }

    fn speak(&self, template: &str, told: &Told<'_>) -> Result<Spoken, AnswerError> {
        let service = told.call.and_then(|it| it.charset);
        let charset = self.charset.or(service).unwrap_or(told.caller);
        let text = self.text(template, told, charset)?.last;
        let (text, content_type) = self.in_soap(text, told, charset);
        let reference = if told.call.is_some() { Reference::Xml } else { self.outer.reference() };
        Ok(Spoken {
            status: self.status(told.kind),
            content_type,
            body: adapters::encode_referring(&text, charset, reference),
        })
    }

    /// The dialect's text, not yet in an envelope.
    fn text(
        &self,
        template: &str,
        told: &Told<'_>,
        charset: AnswerCharset,
    ) -> Result<Text, AnswerError> {
        let wrong = |template: &str, fault: engine::Fault| AnswerError {
            template: template.to_owned(),
            line: fault.line,
            reason: fault.kind,
        };
        let mut variables = variables(told, charset).map_err(|it| wrong(template, it))?;
        let text = self.engine.render(template, &variables).map_err(|it| wrong(template, it))?;
        let Some(wrap) = &self.wrap else {
            return Ok(Text { last: self.lines(&text), inner: text });
        };
        variables.set("inner", &text);
        let wrapped = self.engine.render(wrap, &variables).map_err(|it| wrong(wrap, it))?;
        Ok(Text { last: self.lines(&wrapped), inner: text })
    }

    fn lines(&self, text: &str) -> String {
        let last = if self.last_line_end { "\n" } else { "" };
        let text = format!("{text}{last}");
        match self.line_end {
            LineEnd::Lf => text,
            LineEnd::CrLf => text.replace('\n', "\r\n"),
            LineEnd::Cr => text.replace('\n', "\r"),
        }
    }

    fn in_soap(&self, text: String, told: &Told<'_>, charset: AnswerCharset) -> (String, String) {
        let Some(call) = told.call else {
            return (text, format!("{}; charset={}", self.content_type, charset.label()));
        };
        let content_type = adapters::soap_content_type(call.version, charset);
        let result = match self.soap {
            // A dialect of form posts has put it into the string already.
            _ if call.is_form && is_string(&text) => return (text, content_type),
            SoapUse::Result => SoapResult::Text(&text),
            SoapUse::Raw => SoapResult::Elements(&text),
            SoapUse::Whole => return (text, content_type),
        };
        let (code, message) = told.outcome(call);
        let outcome = SoapOutcome { code: &code, message: &message };
        (adapters::soap_answer_told(call, result, outcome, charset.label()), content_type)
    }
}

/// Whether a text is the document that a form post is answered with.
fn is_string(text: &str) -> bool {
    let root = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or("", |(_, root)| root.trim_start()),
        None => text,
    };
    root.starts_with("<string ") || root.starts_with("<string>")
}

impl Told<'_> {
    /// Code and sentence, for the few services whose results say them apart from the text.
    fn outcome(&self, call: &SoapCall) -> (String, String) {
        if !call.reply.tells_outcome() {
            return (String::new(), String::new());
        }
        let members: serde_json::Value = serde_json::from_str(self.variables).unwrap_or_default();
        let text = |name: &str| match members.get(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        (text("code"), text("message"))
    }
}

/// What the caller of `say` knows, and what is known here: the kind, the encoding, the call.
fn variables(told: &Told<'_>, charset: AnswerCharset) -> Result<Variables, engine::Fault> {
    let mut variables = Variables::new(VARIABLES, told.variables)?;
    variables.set("kind", told.kind.word());
    variables.set("charset", charset.label());
    if let Some(call) = told.call {
        let call = serde_json::json!({
            "operation": call.operation,
            "namespace": call.namespace,
            "version": call.version.to_string(),
            "envelope": call.version.namespace(),
        });
        variables.set_json("call", &call.to_string())?;
    }
    Ok(variables)
}

/// Every variable of a template. One that an answer has nothing to say for is there without a value.
pub(crate) const VARIABLES: &[&str] = &[
    "call",
    "channel",
    "charset",
    "check",
    "code",
    "door",
    "findings",
    "inner",
    "kind",
    "message",
    "message_id",
    "org",
    "received_at",
    "records",
    "request",
    "request_id",
];
