//! Finds the nodes of the message under the names that callers give them.
//!
//! 3101 and 3102 say `patient_dtos` and `fsi_encounter_dtos`, one region's 3660 and 3661 say
//! `patientDtos` and `encounterDtos`. `input` is an object, or the text of one; the envelope may be
//! left off; a list of one may be the one itself. Some write every name in capitals.

use crate::json::Json;
use crate::reading::Object;

pub(super) const PATIENTS: [&str; 2] = ["patient_dtos", "patientDtos"];
pub(super) const ENCOUNTERS: [&str; 2] = ["fsi_encounter_dtos", "encounterDtos"];
pub(super) const DIAGNOSES: [&str; 2] = ["fsi_diagnose_dtos", "diagnoseDtos"];
pub(super) const ORDERS: [&str; 2] = ["fsi_order_dtos", "orderDtos"];
/// The nodes that some send as texts, from the outside in.
const OPENED: [&[&str]; 3] = [&["input"], &["data"], &PATIENTS];
pub(super) const OPERATIONS: [&str; 2] = ["fsi_operation_dtos", "operationDtos"];

/// Restates what callers write in manners of their own: names in capitals throughout, and nodes as
/// the text of one. A text that is no JSON stays a text, and its node is missed.
pub(super) fn restate(json: &mut Json<'_>) {
    json.lower_names();
    open(json, &OPENED);
}

fn open(json: &mut Json<'_>, names: &[&[&str]]) {
    let Some((names, below)) = names.split_first() else { return };
    open_members(json, names, below);
    // The envelope may be left off, and so may `data`.
    open(json, below);
}

fn open_members(json: &mut Json<'_>, names: &[&str], below: &[&[&str]]) {
    let one = match json {
        Json::List(items) if items.len() == 1 => items.first_mut(),
        other => Some(other),
    };
    let Some(Json::Object(members)) = one else { return };
    for (_, node) in members.iter_mut().filter(|(name, _)| names.contains(&name.as_ref())) {
        if let Json::Text(text) = node
            && let Ok(mut inner) = Json::parse(text)
        {
            inner.lower_names();
            *node = inner.to_static();
        }
        open(node, below);
    }
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

/// The node under the first of its names that the message has.
pub(super) fn node<'a>(json: &'a Json<'a>, names: &[&str]) -> Option<&'a Json<'a>> {
    names.iter().find_map(|name| json.get(name)).filter(|json| **json != Json::Null)
}

/// Its entries; one entry may stand there without its list.
pub(super) fn entries<'a>(json: &'a Json<'a>, names: &[&str]) -> &'a [Json<'a>] {
    node(json, names).map(Json::as_items).unwrap_or_default()
}

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
