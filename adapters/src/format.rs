//! Which format a body is in: as its channel says, or as its first character tells.
//!
//! The first character is better evidence than the Content-Type header. `<` begins XML, and SOAP
//! if the root turns out to be an envelope; `{` and `[` begin JSON; `MSH` and a delimiter begin HL7,
//! in an MLLP frame or not; and only what begins like none of them can be a form.

use std::fmt;
use std::str::FromStr;

use crate::codes::{UNKNOWN_FORMAT, WRONG_FORMAT};
use crate::content_type::ContentType;
use crate::error::DecodeError;
use crate::hl7;

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireFormat {
    /// Whatever the body looks like.
    Auto,
    /// XML without an envelope, or with one that is data like the rest.
    Xml,
    /// A SOAP 1.1 or 1.2 call.
    Soap,
    /// JSON, one object or list.
    Json,
    /// `name=value&name=value`.
    Form,
    /// HL7 v2, bare or in an MLLP frame.
    Hl7,
    /// Comma-separated rows under a row of names. Never guessed, since any text would do: the channel
    /// says so, or the Content-Type `text/csv`.
    Csv,
}

impl WireFormat {
    const ALL: [WireFormat; 7] = [
        WireFormat::Auto,
        WireFormat::Xml,
        WireFormat::Soap,
        WireFormat::Json,
        WireFormat::Form,
        WireFormat::Hl7,
        WireFormat::Csv,
    ];

    /// The word for it in configuration and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            WireFormat::Auto => "auto",
            WireFormat::Xml => "xml",
            WireFormat::Soap => "soap",
            WireFormat::Json => "json",
            WireFormat::Form => "form",
            WireFormat::Hl7 => "hl7",
            WireFormat::Csv => "csv",
        }
    }

    /// Decides for a form, which is the one format whose bytes are not decoded as a whole.
    pub(crate) fn wants_form(self, body: &[u8], content_type: &ContentType) -> bool {
        let marked = matches!(first_byte(body), Some(b'<' | b'{' | b'['));
        match self {
            WireFormat::Form => !marked,
            WireFormat::Auto => {
                !marked
                    && !hl7::begins_message(body)
                    && looks_ascii_compatible(body)
                    && content_type.media() != "text/csv"
                    && (content_type.is_form() || looks_like_form(body))
            }
            WireFormat::Xml
            | WireFormat::Soap
            | WireFormat::Json
            | WireFormat::Hl7
            | WireFormat::Csv => false,
        }
    }

    /// The format to read `text` in; [`WireFormat::Xml`] may still turn out to be SOAP.
    pub(crate) fn settle(
        self,
        text: &str,
        content_type: &ContentType,
    ) -> Result<WireFormat, DecodeError> {
        let seen = match text.trim_start_matches(BLANKS).chars().next() {
            Some('<') => Some(WireFormat::Xml),
            Some('{' | '[') => Some(WireFormat::Json),
            _ if hl7::begins_message(text.as_bytes()) => Some(WireFormat::Hl7),
            _ if content_type.media() == "text/csv" => Some(WireFormat::Csv),
            _ => None,
        };
        match (self, seen) {
            (WireFormat::Auto, Some(format)) => Ok(format),
            (WireFormat::Auto, None) => Err(DecodeError::at(&UNKNOWN_FORMAT, 0)),
            (WireFormat::Xml | WireFormat::Soap, Some(WireFormat::Xml))
            | (WireFormat::Json, Some(WireFormat::Json))
            // What begins like nothing known may be a broken header: the reader says so.
            | (WireFormat::Hl7, Some(WireFormat::Hl7) | None)
            | (WireFormat::Csv, _) => Ok(self),
            // A number or a broken string: the JSON reader says what is wrong with it.
            (WireFormat::Json, None) if !looks_like_form(text.as_bytes()) => Ok(self),
            _ => Err(DecodeError::at(&WRONG_FORMAT, 0)),
        }
    }
}

impl fmt::Display for WireFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WireFormat {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<WireFormat, UnknownName> {
        WireFormat::ALL.into_iter().find(|format| format.as_str() == name).ok_or(UnknownName)
    }
}

/// The configuration names a format that there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a format; formats are auto, xml, soap, json, form, hl7 and csv, and a field opens as xml, \
     json, hl7, form, csv or delimited, after base64 and gzip"
)]
pub struct UnknownName;

/// Blanks that may stand before a document, a byte order mark inside the text included.
pub(crate) const BLANKS: [char; 5] = [' ', '\t', '\r', '\n', '\u{FEFF}'];

fn first_byte(body: &[u8]) -> Option<u8> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    body.iter().copied().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// False for UTF-16, whose bytes must not be split at `&`.
fn looks_ascii_compatible(body: &[u8]) -> bool {
    !matches!(body, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, ..] | [_, 0, ..])
}

/// True when the body begins with a short plain name and `=`.
fn looks_like_form(body: &[u8]) -> bool {
    let name = body.iter().take(FORM_NAME_BYTES_MAX + 1).position(|byte| *byte == b'=');
    name.and_then(|end| body.get(..end)).is_some_and(is_field_name)
}

/// ASCII letters, digits and `_ - .`: the names that programs give to form fields.
pub(crate) fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

const FORM_NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for format in WireFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!("XML".parse::<WireFormat>(), Err(UnknownName));
    }

    #[test]
    fn the_first_character_tells() {
        check(WireFormat::Auto, " \n<a/>", "xml");
        check(WireFormat::Auto, "\u{FEFF}[1]", "json");
        check(WireFormat::Auto, "a=1&b=2", "form");
        check(WireFormat::Auto, "\u{B}MSH|^~\\&|HIS", "hl7");
        check(WireFormat::Auto, "MSH=1", "form");
        check(WireFormat::Auto, "a,b\n1,2", "D105");
        check(WireFormat::Xml, "MSH|^~\\&|HIS", "D104");
        check(WireFormat::Hl7, "MSH|^~\\&|HIS", "hl7");
        check(WireFormat::Hl7, "PID|1", "hl7");
        check(WireFormat::Hl7, "<a/>", "D104");
        check(WireFormat::Csv, "<,>\n1,2", "csv");
        check(WireFormat::Xml, "{\"a\":1}", "D104");
        check(WireFormat::Xml, "a=1", "D104");
        check(WireFormat::Soap, "<a/>", "soap");
        check(WireFormat::Json, "<a/>", "D104");
        check(WireFormat::Json, "a=1", "D104");
        check(WireFormat::Json, "12", "json");
        check(WireFormat::Form, "<a/>", "D104");
        check(WireFormat::Form, "a%3D", "form");
    }

    #[track_caller]
    fn check(format: WireFormat, text: &str, expected: &str) {
        let actual = if format.wants_form(text.as_bytes(), &ContentType::default()) {
            "form".to_owned()
        } else {
            match format.settle(text, &ContentType::default()) {
                Ok(format) => format.to_string(),
                Err(error) => error.code().to_owned(),
            }
        };
        assert_eq!(actual, expected);
    }
}
