//! What the Content-Type header says, as far as it can be believed.
//!
//! HIS programs send XML as text/html, JSON as a form, and one sends the header
//! `Content-Type: Content-Type`. So the header never decides alone: it may name the charset, it
//! tips the balance towards a form, and it is believed when it says that the body is no text
//! message at all.

use crate::codes::WRONG_CONTENT_TYPE;
use crate::error::DecodeError;

/// The header, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentType {
    media: String,
    charset: Option<String>,
    action: Option<String>,
    operation: Option<String>,
    service: Option<String>,
}

impl ContentType {
    /// Takes a header value apart. Anything can be: a missing header is an empty one.
    pub fn parse(header: Option<&str>) -> ContentType {
        let mut parts = header.unwrap_or_default().split(';');
        let media = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut told = ContentType { media, ..ContentType::default() };
        for (name, value) in parts.filter_map(parameter) {
            let slot = match name.to_ascii_lowercase().as_str() {
                "charset" => &mut told.charset,
                "action" => &mut told.action,
                "operation" => &mut told.operation,
                "service" => &mut told.service,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        told
    }

    /// The media type in lower case, the empty string if there was none.
    pub fn media(&self) -> &str {
        &self.media
    }

    /// The charset parameter without its quotes.
    pub fn charset(&self) -> Option<&str> {
        self.charset.as_deref()
    }

    /// What a SOAP 1.2 caller, or the header `SOAPAction`, says is called.
    pub(crate) fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }

    /// The operation that the address of a form post names: the door writes it here, so that it is
    /// kept with the message's bytes.
    pub(crate) fn operation(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    /// The channel whose service was called, where that is not the channel that reads the call: the
    /// door writes it here.
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// True for `application/x-www-form-urlencoded`.
    pub fn is_form(&self) -> bool {
        self.media == "application/x-www-form-urlencoded"
    }

    /// True for types under which both text and files travel: the bytes must tell.
    pub(crate) fn is_unsure(&self) -> bool {
        matches!(self.media.as_str(), "application/octet-stream" | "binary/octet-stream")
    }

    /// Refuses what is said to be a file, a picture or a multipart form.
    pub(crate) fn expect_message(&self) -> Result<(), DecodeError> {
        let file = FILE_FAMILIES.iter().any(|family| self.media.starts_with(family))
            || FILES.contains(&self.media.as_str());
        if file { Err(DecodeError::new(&WRONG_CONTENT_TYPE)) } else { Ok(()) }
    }
}

fn parameter(text: &str) -> Option<(&str, String)> {
    let (name, value) = text.split_once('=')?;
    let value = value.trim().trim_matches(|quote| quote == '"' || quote == '\'').trim();
    (!value.is_empty()).then(|| (name.trim(), value.to_owned()))
}

const FILE_FAMILIES: &[&str] = &["image/", "audio/", "video/", "font/", "multipart/"];

const FILES: &[&str] = &[
    "application/gzip",
    "application/msword",
    "application/pdf",
    "application/vnd.ms-excel",
    "application/x-7z-compressed",
    "application/x-gzip",
    "application/x-rar-compressed",
    "application/x-zip-compressed",
    "application/zip",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_clients_write_them() {
        check("text/xml; charset=utf-8", "text/xml utf-8");
        check("text/xml;charset=utf-8", "text/xml utf-8");
        check("Text/XML; action=\"x\"; CharSet=\"GBK\"", "text/xml GBK");
        check("application/soap+xml; charset='gb2312'", "application/soap+xml gb2312");
        check("application/json; charset=", "application/json");
        check("Content-Type", "content-type");
        check("text/html", "text/html");
        check("", "");
        check("application/octet-stream", "application/octet-stream");
        check("application/as-xml", "application/as-xml");
        check("multipart/related; boundary=x", "D103");
        check("image/png", "D103");
        check("application/PDF", "D103");
        check("application/zip", "D103");
    }

    #[track_caller]
    fn check(header: &str, expected: &str) {
        let content_type = ContentType::parse(Some(header));
        let actual = match content_type.expect_message() {
            Ok(()) => format!("{} {}", content_type.media(), content_type.charset().unwrap_or("")),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(actual.trim(), expected);
    }
}
