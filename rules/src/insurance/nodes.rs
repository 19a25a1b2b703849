//! Finds the nodes of the message under the names that callers give them.
//!
//! 3101 and 3102 say `patient_dtos` and `fsi_encounter_dtos`, one region's 3660 and 3661 say
//! `patientDtos` and `encounterDtos`. `input` is an object, or the text of one; the envelope may be
//! left off; a list of one may be the one itself. Some write every name in capitals.

use std::borrow::Cow;

use crate::json::Json;
use crate::reading::Object;

pub(super) const PATIENTS: [&str; 2] = ["patient_dtos", "patientDtos"];
pub(super) const ENCOUNTERS: [&str; 2] = ["fsi_encounter_dtos", "encounterDtos"];
pub(super) const DIAGNOSES: [&str; 2] = ["fsi_diagnose_dtos", "diagnoseDtos"];
pub(super) const ORDERS: [&str; 2] = ["fsi_order_dtos", "orderDtos"];
pub(super) const OPERATIONS: [&str; 2] = ["fsi_operation_dtos", "operationDtos"];
pub(super) const EXTENSION: [&str; 2] = ["extend_order_map", "extendOrderMap"];
/// What may hold other nodes, and is sent as a text by some.
const NODES: [[&str; 2]; 7] =
    [["input", "data"], PATIENTS, ENCOUNTERS, DIAGNOSES, ORDERS, OPERATIONS, EXTENSION];
/// Texts of texts of texts.
const TEXTS_MAX: usize = 4;

/// Restates what callers write in manners of their own: names in capitals throughout, and nodes as
/// the text of one. A text that is no JSON stays a text, and its node cannot be read.
pub(super) fn restate(json: &mut Json<'_>) {
    restate_to(json, TEXTS_MAX);
}

fn restate_to(json: &mut Json<'_>, texts: usize) {
    match json {
        Json::List(items) => items.iter_mut().for_each(|it| restate_to(it, texts)),
        Json::Object(members) => {
            for (name, value) in members {
                lower(name);
                match opened(name, value) {
                    Some(inner) if texts > 0 => {
                        *value = inner;
                        restate_to(value, texts - 1);
                    }
                    _ => restate_to(value, texts),
                }
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {}
    }
}

/// A name in capitals throughout.
fn lower(name: &mut Cow<'_, str>) {
    let is_capital = name.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
    if is_capital && name.bytes().all(|it| !it.is_ascii_lowercase()) {
        *name = Cow::Owned(name.to_ascii_lowercase());
    }
}

/// The node that a text is the text of.
fn opened(name: &str, value: &Json<'_>) -> Option<Json<'static>> {
    let Json::Text(text) = value else { return None };
    let is_node = text.trim_start().starts_with(['{', '[']);
    let is_known = || NODES.iter().any(|it| it.contains(&name));
    if !is_node || !is_known() {
        return None;
    }
    Json::parse(text).ok().map(|it| it.to_static())
}

/// The object that holds the patients.
pub(super) fn data<'a>(json: &'a Json<'a>) -> &'a Json<'a> {
    let one = |json: &'a Json<'a>, name: &str| {
        let node = node(json, &[name])?;
        match node.as_items() {
            [one] => Some(one),
            _ => Some(node),
        }
    };
    let input = one(json, "input").unwrap_or(json);
    one(input, "data").unwrap_or(input)
}

/// The node under the first of its names that the message has. An empty text is how the interface
/// writes that there is nothing.
pub(super) fn node<'a>(json: &'a Json<'a>, names: &[&str]) -> Option<&'a Json<'a>> {
    match names.iter().find_map(|name| json.get(name))? {
        Json::Null => None,
        Json::Text(text) if text.trim().is_empty() => Some(&NOTHING),
        node => Some(node),
    }
}

/// Its entries; one entry may stand there without its list.
pub(super) fn entries<'a>(json: &'a Json<'a>, names: &[&str]) -> &'a [Json<'a>] {
    node(json, names).map(Json::as_items).unwrap_or_default()
}

/// Whether there is something, and none of it can be read.
pub(super) fn is_unreadable(node: &Json<'_>) -> bool {
    let said = || node.as_items().iter().filter(|it| **it != Json::Null);
    said().next().is_some() && said().all(|it| !matches!(it, Json::Object(_)))
}

static NOTHING: Json<'static> = Json::List(Vec::new());

/// A text or number that is not blank.
pub(super) fn text<'a>(json: &'a Json<'_>, name: &str) -> Option<&'a str> {
    match json.get(name)? {
        Json::Text(text) | Json::Number(text) => Some(text.trim()).filter(|it| !it.is_empty()),
        _ => None,
    }
}

/// An object under the path by which answers call it.
pub(super) fn at<'a>(path: &str, json: &'a Json<'a>) -> Object<'a> {
    Object { path: path.to_owned(), json }
}
