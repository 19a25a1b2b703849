//! A parameter that is an HL7 v2 message: one method of an integration platform carries XML today and HL7
//! tomorrow, and only the text tells which.
//!
//! The segments stand beside the parameters, so that a mapping reads them by the paths it reads them
//! by over MLLP. The parameter keeps its text.

use super::elements;
use crate::codes::SEVERAL_MESSAGES;
use crate::document::{Document, NodeId};
use crate::error::DecodeError;
use crate::hl7;
use crate::limits::Limits;
use crate::opening::{self, Inner};

/// Reads the message that one of the parameters is, if one is.
pub(crate) fn take_message(document: &mut Document, limits: &Limits) -> Result<(), DecodeError> {
    let is_message =
        |it: &NodeId| document.value(*it).is_some_and(|text| hl7::begins_message(text.as_bytes()));
    let messages: Vec<NodeId> = elements(document, document.root()).filter(is_message).collect();
    match *messages {
        [] => {}
        [message] => {
            opening::open(document, message, &Inner::Hl7.into(), limits)?;
            document.raise_children(message);
        }
        [_, second, ..] => {
            let error = DecodeError::new(&SEVERAL_MESSAGES);
            return Err(error.inside(document.offset(second)));
        }
    }
    Ok(())
}
