//! The crate from outside: bytes in, a picture of the tree or a code and a place out.

mod fields;
mod hl7;
mod malformed;
mod never_panics;
mod shapes;
mod soap_service;
mod stream;

use std::fmt::Write;

use adapters::{
    Content, Decoded, Document, Inner, Input, Kind, Limits, NodeId, Opening, WireFormat, decode,
    open,
};

/// Decodes with the format found from the body, opens the fields at `opened`, and compares.
#[track_caller]
fn check(body: &[u8], content_type: &str, opened: &[(&str, Inner)], expected: &str) {
    let opened: Vec<(&str, Opening)> =
        opened.iter().map(|(path, inner)| (*path, inner.clone().into())).collect();
    let actual = picture(body, WireFormat::Auto, content_type, &opened);
    assert_eq!(actual.trim_end(), expected.trim_end(), "\n{actual}");
}

/// What came of a body, for people: the tree, or the first fault.
fn picture(
    body: &[u8],
    format: WireFormat,
    content_type: &str,
    opened: &[(&str, Opening)],
) -> String {
    let content_type = (!content_type.is_empty()).then_some(content_type);
    let limits = Limits::default();
    match decode(&Input::new(body, format, content_type), &limits) {
        Err(error) => fault(&error),
        Ok(mut decoded) => {
            for (path, opening) in opened {
                for node in at_path(&decoded.document, path) {
                    if let Err(error) = open(&mut decoded.document, node, opening, &limits) {
                        return format!("{path}: {}", fault(&error));
                    }
                }
            }
            heading(&decoded) + &dump(&decoded.document)
        }
    }
}

/// `D306 at 12 and 3`
fn fault(error: &adapters::DecodeError) -> String {
    let offset = error.offset().map(|at| format!(" at {at}")).unwrap_or_default();
    let related = error.related().map(|at| format!(" and {at}")).unwrap_or_default();
    format!("{}{offset}{related}", error.code())
}

/// `soap gb18030 D901 1.1 {namespace}operation`
fn heading(decoded: &Decoded) -> String {
    let mut heading = format!("{} {}", decoded.format, decoded.charset.chosen);
    for note in &decoded.notes {
        let _ = write!(heading, " {}", note.code());
    }
    if let Some(call) = &decoded.call {
        let _ = write!(heading, " {} {{{}}}{}", call.version, call.namespace, call.operation);
    }
    heading + "\n"
}

/// `name = value`, children indented. A value that was opened is shown by its children.
fn dump(document: &Document) -> String {
    let mut out = String::new();
    let mut next: Vec<(NodeId, usize)> = Vec::new();
    let mut at = Some((document.root(), 0));
    while let Some((id, depth)) = at {
        if depth > 0 {
            let mark = if document.kind(id) == Kind::Attribute { "@" } else { "" };
            let indent = "  ".repeat(depth - 1);
            let is_opened =
                document.children(id).any(|child| document.kind(child) == Kind::Element);
            let content = match document.content(id) {
                Content::Value(_) if is_opened => String::new(),
                Content::Value(value) => format!(" = {}", value.escape_debug()),
                Content::Empty => String::new(),
                Content::Null => " null".to_owned(),
                Content::EmptyList => " []".to_owned(),
            };
            let _ = writeln!(out, "{indent}{mark}{}{content}", document.name(id));
        }
        let children: Vec<_> = document.children(id).map(|child| (child, depth + 1)).collect();
        next.extend(children.into_iter().rev());
        at = next.pop();
    }
    out
}

/// All nodes whose path is `path`.
fn at_path(document: &Document, path: &str) -> Vec<NodeId> {
    let mut found = vec![document.root()];
    for step in path.split('/') {
        found = found
            .into_iter()
            .flat_map(|id| document.children(id))
            .filter(|id| document.name(*id) == step)
            .collect();
    }
    found
}

/// Every text of these tests is in GB18030, so nothing is replaced.
#[allow(clippy::disallowed_methods)]
fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}
