//! Finds the nodes of the message under the names that callers give them.
//!
//! 3101 and 3102 say `patient_dtos` and `fsi_encounter_dtos`, one region's 3660 and 3661 say
//! `patientDtos` and `encounterDtos`. `input` is an object, or the text of one; the envelope may be
//! left off; a list of one may be the one itself.

use std::borrow::Cow;

use crate::json::Json;
use crate::reading::Object;

pub(super) const PATIENTS: [&str; 2] = ["patient_dtos", "patientDtos"];
pub(super) const ENCOUNTERS: [&str; 2] = ["fsi_encounter_dtos", "encounterDtos"];
pub(super) const DIAGNOSES: [&str; 2] = ["fsi_diagnose_dtos", "diagnoseDtos"];
pub(super) const ORDERS: [&str; 2] = ["fsi_order_dtos", "orderDtos"];
pub(super) const OPERATIONS: [&str; 2] = ["fsi_operation_dtos", "operationDtos"];

/// The object that holds the patients.
pub(super) fn data<'a>(json: &'a Json<'a>) -> Cow<'a, Json<'a>> {
    match json.get("input") {
        Some(Json::Text(text)) => match Json::parse(text) {
            Ok(input) => Cow::Owned(input.get("data").cloned().unwrap_or(input)),
            Err(_) => Cow::Owned(Json::Null),
        },
        Some(input) => Cow::Borrowed(input.get("data").unwrap_or(input)),
        None => Cow::Borrowed(json.get("data").unwrap_or(json)),
    }
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
