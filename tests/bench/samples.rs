//! What is sent: a prescription as the integration platform of a hospital sends it, and a check.

use crate::client::Request;

/// 3 KB of SOAP with a document in each of its two strings: one visit, two diagnoses, three drugs.
pub(crate) const PRESCRIPTION: &str =
    include_str!("../../mappings/platform/cases/two-diagnoses-three-drugs.in.xml");

/// 81 KB of XML, nine levels deep: one stay, six days, 200 lines.
pub(crate) const FEE_LIST: &str =
    include_str!("../../mappings/feelist/cases/six-days-two-hundred-lines.in.xml");

/// Records that one prescription becomes.
pub(crate) const RECORDS_A_PRESCRIPTION: u64 = 6;

/// What every answer holds that is a receipt for a new record.
pub(crate) const ACCEPTED: &[u8] = b"accepted";

/// Visit and prescription: between them they are part of every record's business key.
const NUMBERS: [&str; 2] = ["MZ20240515003", "CF202405150007"];

/// The prescription under a new number each time, or all but the first would be resends.
pub(crate) fn prescription() -> Request {
    let path = "/v1/channels/platform/messages";
    Request::post(path, "text/xml; charset=utf-8", PRESCRIPTION, &NUMBERS)
}

/// The same at a service that is described, as its compiled clients call it.
pub(crate) fn prescription_by_service() -> Request {
    Request::post("/soap/esb", "text/xml; charset=utf-8", PRESCRIPTION, &NUMBERS)
}

/// The same visit as JSON.
pub(crate) fn prescription_as_json() -> Request {
    let text = include_str!("../../mappings/webapi/cases/two-diagnoses-three-drugs.in.json");
    Request::post("/v1/channels/webapi/messages", "application/json", text, &NUMBERS)
}

/// A check of ten lines by a patient with chronic diseases who has caught a cold.
pub(crate) fn check() -> Request {
    Request::post("/v1/checks", "application/json", include_str!("ten-lines.json"), &[])
}

/// What every answer holds that is a verdict.
pub(crate) const JUDGED: &[u8] = b"\"code\":0";
