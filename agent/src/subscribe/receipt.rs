//! Whether an answer says that a record was taken. A status alone does not: old SOAP stacks send faults with
//! 200, and gateways their pages.

use super::fault;
use super::push::Sent;
use crate::config::SubscriptionConfig;

pub(super) fn judged(config: &SubscriptionConfig, status: u16, body: &[u8]) -> Sent {
    let blames = || format!("答复 {status}：SOAP 错误，说这条记录不对");
    match status {
        200..=299 if has(config.answer_has.as_deref(), body) == Some(true) => Sent::Taken,
        200..=299 if speaks_xml(config) && fault::is_fault(body) => {
            if fault::blames_message(body) {
                Sent::Refused(blames())
            } else {
                Sent::Later(format!("答复 {status}：SOAP 错误"))
            }
        }
        200..=299 if fault::is_page(body) => {
            Sent::Later(format!("答复 {status}：是网页，不是回执"))
        }
        200..=299 if config.answer_has.is_some() => {
            Sent::NoReceipt("答复里没有 answer_has 的文字".to_owned())
        }
        200..=299 => Sent::Taken,
        500 if fault::blames_message(body) => Sent::Refused(blames()),
        408 | 425 | 429 | 500..=599 => Sent::Later(format!("答复 {status}")),
        // Whoever is told so is told so for every record: that is no fault of this one.
        300..=399 | 401 | 403 | 404 | 405 | 407 | 410 | 415 | 426 => {
            Sent::Later(format!("答复 {status}：核对地址、口令和 content_type"))
        }
        _ => Sent::Refused(format!("答复 {status}")),
    }
}

/// Whether the text that says so is there; nothing when none is known.
fn has(text: Option<&str>, body: &[u8]) -> Option<bool> {
    let text = text?.as_bytes();
    Some(body.windows(text.len().max(1)).any(|part| part == text))
}

fn speaks_xml(config: &SubscriptionConfig) -> bool {
    config.soap_action.is_some() || config.content_type.to_ascii_lowercase().contains("xml")
}
