//! Documents inside fields: XML in CDATA, JSON in a string, delimited text, base64 of a gzip of
//! XML, encrypted JSON, to any depth.
//!
//! What an [`Opening`] says is done in this order: undo what the text was wrapped in for the journey,
//! cut what stands in front, then read what is left. The nodes that come of it become children of
//! the field's own node, so a path simply goes on through them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::cipher::Decryption;
use crate::codes::DOCUMENT_TOO_LARGE;
use crate::delimited::{self, Delimited};
use crate::document::{Content, Document, NodeId};
use crate::error::DecodeError;
use crate::format::UnknownName;
use crate::limits::{DOCUMENT_BYTES_CEILING, Limits};
use crate::{form, hl7, json, transfer, xml};

/// How a field's text becomes a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Cut what stands before the first such text; nothing is cut where there is none.
    pub skip_to: Option<String>,
    /// What the text was wrapped in, in the order in which it is undone; before anything is cut.
    pub transfers: Vec<Transfer>,
    /// What is left then.
    pub inner: Inner,
}

impl From<Inner> for Opening {
    /// Nothing to cut and nothing to undo.
    fn from(inner: Inner) -> Opening {
        Opening { skip_to: None, transfers: Vec::new(), inner }
    }
}

/// What a text was wrapped in to travel in a field, or a whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Percent signs of RFC 3986; a plus stays a plus.
    Url,
    /// Two hexadecimal digits a byte.
    Hex,
    /// Base64 of RFC 4648, with or without padding and line breaks, or its URL-safe alphabet.
    Base64,
    /// Gzip of RFC 1952; stands behind base64, since a field cannot hold bytes.
    Gzip,
    /// A cipher; stands behind base64 or hex, likewise. It has its key with it.
    Cipher(Arc<Decryption>),
}

/// What a field can be opened as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Inner {
    /// An XML document; its root element becomes the field's child.
    Xml,
    /// A JSON object or list; its members or items become the field's children.
    Json,
    /// An HL7 v2 message; its segments become the field's children.
    Hl7,
    /// A form; its fields become the field's children.
    Form,
    /// Comma-separated rows, each a child `row` of the field.
    Csv(Delimited),
    /// Text with separators of its own. With rows, each is a child `row`; without, the cells are
    /// the field's children.
    Delimited(Delimited),
}

/// Reads the text of a field as a document of its own, which becomes the field's children. The
/// field's own value stays, or becomes the text that was wrapped in it. A field without text, or
/// with blanks only, holds no document: nothing happens. After a fault the document is as it was
/// before.
///
/// The text is decoded already, so an encoding that the inner document declares is of no interest;
/// bytes that were wrapped are decoded by the rules for a whole body. Whoever opens a field twice
/// gets its children twice.
pub fn open(
    document: &mut Document,
    node: NodeId,
    opening: &Opening,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let Some(text) = document.value(node).filter(|text| !text.trim_matches(BLANK).is_empty())
    else {
        return Ok(());
    };
    // The text moves out, because the document it lies in grows while it is read.
    let text = text.to_owned();
    let before = document.checkpoint(node);
    let opened = unwrap_into(document, node, text, opening, limits);
    opened.map_err(|error| {
        document.go_back(&before);
        error.inside(document.offset(node))
    })
}

/// Undoes the transfers, and reads what comes of it.
fn unwrap_into(
    document: &mut Document,
    node: NodeId,
    mut text: String,
    opening: &Opening,
    limits: &Limits,
) -> Result<(), DecodeError> {
    expect_room(document, &text)?;
    if !opening.transfers.is_empty() {
        text = transfer::undo(&text, &opening.transfers, limits)?;
        expect_room(document, &text)?;
        document.set_content(node, Content::Value(&text));
    }
    let whole = text.trim_end_matches('\0');
    let cut = opening.skip_to.as_deref().and_then(|it| whole.find(it)).unwrap_or(0);
    let text = whole.get(cut..).unwrap_or_default();
    let first = document.len();
    read(text, cut, &opening.inner, document, node, limits)
        .map_err(|error| error.moved(cut).located(whole, str::len))?;
    document.note_opened(node, first, cut);
    Ok(())
}

/// `text` is the value of `under` from `cut` on.
fn read(
    text: &str,
    cut: usize,
    inner: &Inner,
    document: &mut Document,
    under: NodeId,
    limits: &Limits,
) -> Result<(), DecodeError> {
    match inner {
        Inner::Xml => {
            let held = document.held_value(under, cut);
            xml::read_held(text, held, document, under, limits, &mut Vec::new())
        }
        Inner::Json => json::read(text, document, under, limits),
        Inner::Hl7 => hl7::read(text, document, under, limits),
        Inner::Form => form::read_field(text, document, under, limits),
        Inner::Csv(how) | Inner::Delimited(how) => {
            delimited::read(text, how, document, under, limits)
        }
    }
}

fn expect_room(document: &Document, text: &str) -> Result<(), DecodeError> {
    if document.text_bytes() + text.len() > DOCUMENT_BYTES_CEILING {
        return Err(DecodeError::new(&DOCUMENT_TOO_LARGE));
    }
    Ok(())
}

impl Inner {
    /// The word for it in mapping files.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Inner::Xml => "xml",
            Inner::Json => "json",
            Inner::Hl7 => "hl7",
            Inner::Form => "form",
            Inner::Csv(_) => "csv",
            Inner::Delimited(_) => "delimited",
        }
    }

    /// Every word that `parse` knows, for whoever tells what there is.
    pub const WORDS: [&str; 6] = ["xml", "json", "hl7", "form", "csv", "delimited"];
}

impl FromStr for Inner {
    type Err = UnknownName;

    /// Rows and columns are then as [`Delimited::csv`] and [`Delimited::fields`] have them.
    fn from_str(name: &str) -> Result<Inner, UnknownName> {
        Ok(match name {
            "xml" => Inner::Xml,
            "json" => Inner::Json,
            "hl7" => Inner::Hl7,
            "form" => Inner::Form,
            "csv" => Inner::Csv(Delimited::csv()),
            "delimited" => Inner::Delimited(Delimited::fields("|")),
            _ => return Err(UnknownName),
        })
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Transfer {
    /// Every word that `parse` knows. A cipher has words of its own, since it comes with a key.
    pub const WORDS: [&str; 4] = ["url", "hex", "base64", "gzip"];

    /// Whether it takes bytes, which a text does not hold.
    #[must_use]
    pub const fn takes_bytes(&self) -> bool {
        matches!(self, Transfer::Gzip | Transfer::Cipher(_))
    }
}

impl FromStr for Transfer {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Transfer, UnknownName> {
        Ok(match name {
            "url" => Transfer::Url,
            "hex" => Transfer::Hex,
            "base64" => Transfer::Base64,
            "gzip" => Transfer::Gzip,
            _ => return Err(UnknownName),
        })
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transfer::Url => f.write_str("url"),
            Transfer::Hex => f.write_str("hex"),
            Transfer::Base64 => f.write_str("base64"),
            Transfer::Gzip => f.write_str("gzip"),
            Transfer::Cipher(decryption) => decryption.cipher().fmt(f),
        }
    }
}

/// The words for it, as a mapping file has them.
impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for transfer in &self.transfers {
            write!(f, "{transfer} > ")?;
        }
        self.inner.fmt(f)
    }
}

pub(crate) const BLANK: [char; 6] = [' ', '\t', '\r', '\n', '\0', '\u{FEFF}'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for word in Inner::WORDS {
            assert_eq!(word.parse::<Inner>().map(|it| it.to_string()), Ok(word.to_owned()));
        }
        for word in Transfer::WORDS {
            assert_eq!(word.parse::<Transfer>().map(|it| it.to_string()), Ok(word.to_owned()));
        }
        assert_eq!("soap".parse::<Inner>(), Err(UnknownName));
        assert_eq!("zip".parse::<Transfer>(), Err(UnknownName));
    }
}
