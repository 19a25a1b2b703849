//! Which operation a body calls, and with what: by its first element, then by the action.
//!
//! The parameters become the children of the document's root under the names that the service
//! is described with, so that a mapping reads them the same whichever client sent them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::service::{SoapOperation, SoapReply, SoapService};
use super::{SoapCall, SoapVersion, elements, fault_at};
use crate::Limits;
use crate::codes::{NO_OPERATION, TEXT_TOO_LONG, UNKNOWN_OPERATION, WRONG_NAMESPACE};
use crate::document::{Content, Document, Kind, NodeId};
use crate::error::DecodeError;

/// Takes the call out of a body when nothing is known of the service: its first element is the
/// operation.
pub(super) fn take_any(
    document: &mut Document,
    body: NodeId,
    version: SoapVersion,
) -> Result<SoapCall, DecodeError> {
    let operation =
        elements(document, body).next().ok_or_else(|| fault_at(&NO_OPERATION, document, body))?;
    let namespace = document.namespace(operation).unwrap_or_default();
    let call = SoapCall::new(version, namespace, document.name(operation));
    document.lift_children(operation);
    Ok(call)
}

/// The same for a service that is known.
pub(super) fn take_of(
    (service, action): (&SoapService, Option<&str>),
    document: &mut Document,
    body: NodeId,
    version: SoapVersion,
    limits: &Limits,
) -> Result<SoapCall, DecodeError> {
    let first = elements(document, body).next();
    let (operation, is_wrapped) = find(service, action, document, first).ok_or_else(|| {
        let entry = if first.is_some() { &UNKNOWN_OPERATION } else { &NO_OPERATION };
        fault_at(entry, document, first.unwrap_or(body))
    })?;
    let written = first.and_then(|it| document.namespace(it)).unwrap_or_default();
    let namespace = service
        .namespace_for(written)
        .ok_or_else(|| fault_at(&WRONG_NAMESPACE, document, first.unwrap_or(body)))?
        .to_owned();
    follow_references(document, body, is_wrapped.then_some(first).flatten(), limits)?;
    match first {
        Some(first) if is_wrapped => {
            let wrapper = innermost(operation, document, first);
            document.lift_children(wrapper);
        }
        _ => document.lift_children(body),
    }
    name_parameters(operation, document);
    Ok(SoapCall {
        reply: Arc::clone(&operation.reply),
        ..SoapCall::new(version, &namespace, &operation.name)
    })
}

/// The call that a form is whose address names the operation.
pub(crate) fn take_form(
    service: &SoapService,
    name: &str,
    document: &mut Document,
) -> Result<SoapCall, DecodeError> {
    let operation = service.operation(name).ok_or(DecodeError::new(&UNKNOWN_OPERATION))?;
    name_parameters(operation, document);
    Ok(SoapCall {
        reply: Arc::clone(&operation.reply),
        is_form: true,
        ..SoapCall::new(SoapVersion::V11, &service.namespace, &operation.name)
    })
}

/// The operation, and whether the first element stands for it and not for a parameter.
fn find<'s>(
    service: &'s SoapService,
    action: Option<&str>,
    document: &Document,
    first: Option<NodeId>,
) -> Option<(&'s SoapOperation, bool)> {
    let name = first.map(|it| document.name(it));
    if let Some(operation) = name.and_then(|it| service.operation(it)) {
        // In the bare style a parameter may have the operation's name.
        let is_parameter = operation.parameters.iter().any(|it| Some(it.as_str()) == name);
        let holds_elements = first.is_some_and(|it| elements(document, it).next().is_some());
        return Some((operation, !is_parameter || holds_elements));
    }
    let of_action = action.and_then(|it| service.operation_of_action(it));
    if let Some(operation) = of_action {
        let is_parameter = name.is_none_or(|it| operation.parameter(it).is_some());
        return Some((operation, !is_parameter));
    }
    name.and_then(|it| service.operation_of_parameter(it)).map(|it| (it, false))
}

/// Some clients wrap the operation twice.
fn innermost(operation: &SoapOperation, document: &Document, wrapper: NodeId) -> NodeId {
    let mut children = elements(document, wrapper);
    match (children.next(), children.next()) {
        (Some(only), None)
            if document.name(only) == operation.name
                && operation.parameter(&operation.name).is_none() =>
        {
            only
        }
        _ => wrapper,
    }
}

/// Gives the parameters the names they are described with. When not one of them has such a name,
/// they are taken in their order, as `in0`, `arg1` and `string` are meant.
fn name_parameters(operation: &SoapOperation, document: &mut Document) {
    let given: Vec<NodeId> = document.children(document.root()).collect();
    let known: Vec<Option<&str>> =
        given.iter().map(|it| operation.parameter(document.name(*it))).collect();
    let is_positional =
        known.iter().all(Option::is_none) && given.len() <= operation.parameters.len();
    for (position, (node, known)) in given.into_iter().zip(known).enumerate() {
        let name = match known {
            None if is_positional => operation.parameters.get(position).map(String::as_str),
            known => known,
        };
        if let Some(name) = name.filter(|it| *it != document.name(node)) {
            document.rename(node, name);
        }
    }
}

/// In rpc/encoded a parameter may be a reference to an element behind the operation. The elements
/// are gone through once: a body can hold as many references as a document can hold nodes. All that is
/// referred to may be as long as one value: whoever reads the parameters reads it as often as it is
/// referred to.
fn follow_references(
    document: &mut Document,
    body: NodeId,
    operation: Option<NodeId>,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let Some(operation) = operation else { return Ok(()) };
    let referring: Vec<(NodeId, &str)> = elements(document, operation)
        .filter(|it| document.content(*it) == Content::Empty)
        .filter_map(|it| reference(document, it).map(|to| (it, to)))
        .collect();
    if referring.is_empty() {
        return Ok(());
    }
    let mut by_id = BTreeMap::new();
    // The operation itself is no target: a parameter would then be its own descendant.
    for element in elements(document, body).filter(|it| *it != operation) {
        if let Some(id) = attribute(document, element, "id") {
            by_id.entry(id).or_insert(element);
        }
    }
    let found = referring.into_iter().filter_map(|(it, to)| Some((*by_id.get(to)?, it)));
    let found: Vec<(NodeId, NodeId)> = found.collect();
    let mut bytes = 0;
    for (target, parameter) in found {
        bytes += document.value(target).map_or(0, str::len);
        if bytes > limits.text_bytes_max {
            let error = fault_at(&TEXT_TOO_LONG, document, parameter);
            return Err(error.with_limit(limits.text_bytes_max));
        }
        document.share_content(target, parameter);
    }
    Ok(())
}

fn reference(document: &Document, parameter: NodeId) -> Option<&str> {
    let href = attribute(document, parameter, "href").and_then(|it| it.strip_prefix('#'));
    href.or_else(|| attribute(document, parameter, "ref"))
}

fn attribute<'d>(document: &'d Document, element: NodeId, name: &str) -> Option<&'d str> {
    let is_it = |it: &NodeId| document.kind(*it) == Kind::Attribute && document.name(*it) == name;
    document.children(element).find(is_it).and_then(|it| document.value(it))
}

impl SoapCall {
    /// A call that is answered in UTF-8 and in the manner of .NET.
    pub fn new(version: SoapVersion, namespace: &str, operation: &str) -> SoapCall {
        SoapCall {
            version,
            namespace: namespace.to_owned(),
            operation: operation.to_owned(),
            reply: Arc::new(SoapReply::habit(operation)),
            is_form: false,
            charset: None,
        }
    }
}
