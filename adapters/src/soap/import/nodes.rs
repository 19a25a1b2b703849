//! The elements of a description and of what it imports, looked up without their prefixes.

use crate::document::{Document, Kind, NodeId};
use crate::error::DecodeError;
use crate::{Input, Limits, WireFormat, decode};

pub(super) const SOAP: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
pub(super) const SOAP12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
pub(super) const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
pub(super) const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";

pub(super) type At<'d> = (&'d Document, NodeId);

/// All documents as one.
pub(super) struct Whole<'d> {
    nodes: Vec<At<'d>>,
}

impl<'d> Whole<'d> {
    pub(super) fn new(documents: &'d [Document]) -> Whole<'d> {
        let nodes = documents.iter().flat_map(|it| all(it).into_iter().map(move |id| (it, id)));
        Whole { nodes: nodes.collect() }
    }

    pub(super) fn of(&self, uri: &'static str, name: &'static str) -> impl Iterator<Item = At<'d>> {
        let is_it = move |(document, id): &At<'d>| {
            document.name(*id) == name && document.namespace(*id) == Some(uri)
        };
        self.nodes.iter().copied().filter(is_it)
    }

    pub(super) fn named(
        &self,
        uri: &'static str,
        name: &'static str,
        called: &str,
    ) -> Option<At<'d>> {
        self.of(uri, name).find(|it| text(*it, "name") == called)
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Document, DecodeError> {
    decode(&Input::new(bytes, WireFormat::Xml, None), &Limits::default()).map(|it| it.document)
}

/// Every element of a document, in order.
pub(super) fn all(document: &Document) -> Vec<NodeId> {
    let mut found = Vec::new();
    let mut next = vec![document.root()];
    while let Some(node) = next.pop() {
        found.push(node);
        let children: Vec<NodeId> =
            document.children(node).filter(|it| document.kind(*it) == Kind::Element).collect();
        next.extend(children.into_iter().rev());
    }
    found
}

pub(super) fn attribute<'d>(document: &'d Document, node: NodeId, name: &str) -> Option<&'d str> {
    let is_it = |it: &NodeId| document.kind(*it) == Kind::Attribute && document.name(*it) == name;
    document.children(node).find(is_it).map(|it| document.value(it).unwrap_or_default())
}

/// The elements inside, but not those inside of these.
pub(super) fn outermost_elements((document, id): At<'_>) -> Vec<At<'_>> {
    let mut found = Vec::new();
    let mut next = vec![id];
    while let Some(node) = next.pop() {
        if node != id && is((document, node), SCHEMA, "element") {
            found.push((document, node));
            continue;
        }
        let children: Vec<NodeId> =
            document.children(node).filter(|it| document.kind(*it) == Kind::Element).collect();
        next.extend(children.into_iter().rev());
    }
    found
}

pub(super) fn text<'d>((document, id): At<'d>, name: &str) -> &'d str {
    attribute(document, id, name).unwrap_or_default().trim()
}

pub(super) fn is((document, id): At<'_>, uri: &str, name: &str) -> bool {
    document.name(id) == name && document.namespace(id) == Some(uri)
}

pub(super) fn inside<'d>(
    (document, id): At<'d>,
    uri: &'static str,
    name: &'static str,
) -> impl Iterator<Item = At<'d>> {
    document.children(id).map(move |it| (document, it)).filter(move |it| is(*it, uri, name))
}

pub(super) fn descendants((document, id): At<'_>) -> Vec<At<'_>> {
    let mut found = Vec::new();
    let mut next = vec![id];
    while let Some(node) = next.pop() {
        found.push((document, node));
        let children: Vec<NodeId> =
            document.children(node).filter(|it| document.kind(*it) == Kind::Element).collect();
        next.extend(children.into_iter().rev());
    }
    found
}

/// A name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or_default()
}
