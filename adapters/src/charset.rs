//! Bytes to text: decide the encoding, decode strictly, record what was decided.
//!
//! Declarations lie. Programs write `encoding="gbk"` and send UTF-8, or the reverse, or declare
//! nothing. So each candidate is tried strictly, in a fixed order, and the first that decodes
//! every byte wins:
//!
//! 1. A byte order mark. It wins and nothing else is tried. Without a mark, UTF-16 is taken only
//!    when the first two bytes are `<`, `{` or `[` with a NUL beside it.
//! 2. What was declared: the HTTP header, a form's own `charset` field, the XML declaration, MSH-18
//!    of HL7. GB2312, GBK, GB18030 and HZ labels all mean GB18030, which contains them. A declared
//!    UTF-16 is passed over (its bytes would have shown in step 1), and so is ISO-8859-1, which proves
//!    nothing since every byte is valid in it and web frameworks fill it in by default.
//! 3. UTF-8, then GB18030, then ISO-8859-1 if it was declared.
//!
//! Three exact rules keep a wrong candidate from winning by chance:
//!
//! - Declared otherwise, but the bytes are valid UTF-8 that holds Han and nothing foreign to Chinese
//!   text: it is UTF-8.
//! - Undeclared and valid UTF-8, but with characters foreign to Chinese text, while in GB18030 every
//!   two bytes are a GB2312 hanzi: it is GB18030. (The bytes of 药 in GBK are a Cyrillic letter in
//!   UTF-8.)
//! - Read as GB18030 because it is not UTF-8, but some stretch is Chinese in UTF-8 and rare characters
//!   in GB18030: the body is mixed, or cut inside a character, and is refused.
//!
//! No candidate ever puts U+FFFD in place of what it cannot read.

mod chunks;
mod declared;
mod encode;
mod evidence;
mod gb18030;

pub(crate) use chunks::{Texts, settle as settle_source};
pub use encode::{Unencodable, encode_answer};

use std::borrow::Cow;
use std::fmt;

use encoding_rs::{
    Decoder, DecoderResult, EncoderResult, Encoding, GB18030, UTF_16BE, UTF_16LE, WINDOWS_1252,
};

use crate::codes::{
    ALREADY_DAMAGED, CUT_CHARACTER, DECLARED_OTHERWISE, MIXED_ENCODINGS, TWICE_ENCODED,
    UNDECODABLE, UNKNOWN_ENCODING,
};
use crate::error::{DecodeError, Note};

use declared::{Candidate, Label};

/// An encoding that a body was decoded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, plain ASCII included.
    Utf8,
    /// GB18030, and with it GBK and GB2312.
    Gb18030,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Another one that was declared, by its name in the Encoding standard.
    Other(&'static str),
}

/// Why an encoding was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A byte order mark says so.
    ByteOrderMark,
    /// The first characters are UTF-16 without a mark.
    NulsBetween,
    /// The Content-Type header says so, and every byte agrees.
    HttpHeader,
    /// The form's own `charset` field says so, and every byte agrees.
    FormField,
    /// The XML declaration says so, and every byte agrees.
    XmlDeclaration,
    /// The HL7 header (MSH-18) says so, and every byte agrees.
    MessageHeader,
    /// Nothing useful was declared, and the bytes are valid in it.
    Valid,
    /// Something else was declared, and the bytes are not valid in that.
    NotAsDeclared,
    /// Valid both ways; only this way it reads as Chinese.
    ReadsAsChinese,
}

/// What was decided about a body's encoding, for logs, metrics and the message's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharsetDecision {
    /// The encoding that the body was decoded from.
    pub chosen: Charset,
    /// Why this one.
    pub why: Why,
    /// The label that was declared first, if any, when it looks like a label.
    pub declared: Option<String>,
    /// Bytes of the byte order mark, which are not part of the text.
    pub mark_bytes: usize,
}

/// Where labels can come from besides the body itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Declared<'a> {
    pub(crate) http: Option<&'a str>,
    pub(crate) form: Option<&'a str>,
}

/// Decodes a whole body.
pub(crate) fn decode<'a>(
    bytes: &'a [u8],
    declared: Declared<'_>,
    notes: &mut Vec<Note>,
) -> Result<(Cow<'a, str>, CharsetDecision), DecodeError> {
    if let Some((charset, why, mark_bytes)) = utf16_or_mark(bytes) {
        let text = decode_as(charset, bytes.get(mark_bytes..).unwrap_or_default());
        let text = text.map_err(|fault| fault.shifted(mark_bytes))?;
        note_oddities(&text, notes);
        let declared = declared::first_label(bytes, declared);
        return Ok((text, CharsetDecision { chosen: charset, why, declared, mark_bytes }));
    }
    let labels = declared::labels(bytes, declared);
    let choice = Choice::new(bytes, &labels);
    let (text, chosen, why) = choice.choose(notes)?;
    note_oddities(&text, notes);
    let declared = labels.into_iter().next().map(|label| label.name);
    Ok((text, CharsetDecision { chosen, why, declared, mark_bytes: 0 }))
}

/// The text that bytes are in an encoding, or nothing when one of them is not. For what tells its encoding
/// apart from its bytes and is never another, such as a column of a database.
pub fn decode_strictly(bytes: &[u8], charset: Charset) -> Option<String> {
    decode_as(charset, bytes).ok().map(Cow::into_owned)
}

/// Decodes bytes in a given encoding, strictly.
pub(crate) fn decode_as(charset: Charset, bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    match charset.encoding() {
        None => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| Fault {
            offset: error.valid_up_to(),
            cut: error.error_len().is_none(),
        }),
        Some(encoding) => {
            let text = if encoding == GB18030 {
                gb18030::decode(bytes)
            } else {
                encoding.decode_without_bom_handling_and_without_replacement(bytes)
            };
            text.ok_or_else(|| first_fault(encoding.new_decoder_without_bom_handling(), bytes))
        }
    }
}

/// The first byte that an encoding cannot read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    offset: usize,
    /// The bytes end in the middle of a character.
    cut: bool,
}

impl Fault {
    fn shifted(self, by: usize) -> Fault {
        Fault { offset: self.offset + by, ..self }
    }
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> DecodeError {
        DecodeError::at(if fault.cut { &CUT_CHARACTER } else { &UNDECODABLE }, fault.offset)
    }
}

/// Steps 2 and 3: the candidates, tried in order.
struct Choice<'a, 'l> {
    bytes: &'a [u8],
    labels: &'l [Label],
    utf8: Result<&'a str, Fault>,
}

type Chosen<'a> = (Cow<'a, str>, Charset, Why);

impl<'a, 'l> Choice<'a, 'l> {
    fn new(bytes: &'a [u8], labels: &'l [Label]) -> Choice<'a, 'l> {
        let utf8 = std::str::from_utf8(bytes).map_err(|error| Fault {
            offset: error.valid_up_to(),
            cut: error.error_len().is_none(),
        });
        Choice { bytes, labels, utf8 }
    }

    fn choose(&self, notes: &mut Vec<Note>) -> Result<Chosen<'a>, DecodeError> {
        for label in self.labels {
            if label.candidate == Candidate::Unknown {
                notes.push(Note::new(&UNKNOWN_ENCODING));
            }
        }
        if let Some(chosen) = self.as_declared(notes)? {
            return Ok(chosen);
        }
        self.by_evidence(notes)
    }

    /// The first declared encoding that every byte agrees with.
    fn as_declared(&self, notes: &mut Vec<Note>) -> Result<Option<Chosen<'a>>, DecodeError> {
        let mut lied = false;
        for label in self.labels {
            let Some((text, charset, why)) = self.under(label)? else {
                lied |= matches!(label.candidate, Candidate::Utf8 | Candidate::Trusted(_));
                continue;
            };
            if lied || why == Why::ReadsAsChinese {
                notes.push(Note::new(&DECLARED_OTHERWISE));
            }
            return Ok(Some((text, charset, why)));
        }
        Ok(None)
    }

    /// The body as one label would have it, or as UTF-8 where the label is disproved by the text.
    fn under(&self, label: &Label) -> Result<Option<Chosen<'a>>, DecodeError> {
        match (label.candidate, self.utf8) {
            (Candidate::Utf8, Ok(text)) => {
                Ok(Some((Cow::Borrowed(text), Charset::Utf8, label.source)))
            }
            (Candidate::Trusted(charset), Ok(text)) if text.is_ascii() => {
                Ok(Some((Cow::Borrowed(text), charset, label.source)))
            }
            (Candidate::Trusted(_), Ok(text)) if evidence::survey(text).is_chinese() => {
                Ok(Some((Cow::Borrowed(text), Charset::Utf8, Why::ReadsAsChinese)))
            }
            (Candidate::Trusted(charset), _) => match decode_as(charset, self.bytes) {
                Ok(text) => {
                    self.expect_unmixed(charset).map(|()| Some((text, charset, label.source)))
                }
                Err(_) => Ok(None),
            },
            (Candidate::Utf8 | Candidate::ProvesNothing(_) | Candidate::Unknown, _) => Ok(None),
        }
    }

    /// Nothing that was declared fits: UTF-8, GB18030, and last what fits anything.
    fn by_evidence(&self, notes: &mut Vec<Note>) -> Result<Chosen<'a>, DecodeError> {
        let named = self.labels.iter().any(|label| label.candidate != Candidate::Unknown);
        let misdeclared = named && !self.bytes.is_ascii();
        let why = if misdeclared { Why::NotAsDeclared } else { Why::Valid };
        if let Ok(text) = self.utf8 {
            let misread = !named && evidence::survey(text).foreign;
            if misread
                && evidence::is_gb2312_hanzi_only(self.bytes)
                && let Ok(text) = decode_as(Charset::Gb18030, self.bytes)
            {
                return Ok((text, Charset::Gb18030, Why::ReadsAsChinese));
            }
            if misdeclared {
                notes.push(Note::new(&DECLARED_OTHERWISE));
            }
            return Ok((Cow::Borrowed(text), Charset::Utf8, why));
        }
        let gb18030 = decode_as(Charset::Gb18030, self.bytes);
        if let Ok(text) = gb18030 {
            self.expect_unmixed(Charset::Gb18030)?;
            if misdeclared {
                notes.push(Note::new(&DECLARED_OTHERWISE));
            }
            return Ok((text, Charset::Gb18030, why));
        }
        self.as_last_resort().ok_or_else(|| self.fault())
    }

    /// ISO-8859-1 fits every byte, so it is believed only when nothing else fits.
    fn as_last_resort(&self) -> Option<Chosen<'a>> {
        let (charset, source) = self.labels.iter().find_map(|label| match label.candidate {
            Candidate::ProvesNothing(Some(charset)) => Some((charset, label.source)),
            _ => None,
        })?;
        decode_as(charset, self.bytes).ok().map(|text| (text, charset, source))
    }

    fn expect_unmixed(&self, charset: Charset) -> Result<(), DecodeError> {
        if charset == Charset::Gb18030
            && self.utf8.is_err()
            && let Some((first, second)) = evidence::mixture(self.bytes)
        {
            return Err(DecodeError::at(&MIXED_ENCODINGS, second).with_related(first));
        }
        Ok(())
    }

    /// What to tell when nothing fits: the fault in what was declared, or else in the reading that
    /// gets further, which is the likelier one.
    fn fault(&self) -> DecodeError {
        if let Err(mixed) = self.expect_unmixed(Charset::Gb18030) {
            return mixed;
        }
        let utf8 = self.utf8.err();
        let gb18030 = decode_as(Charset::Gb18030, self.bytes).err();
        let declared = self.labels.iter().find_map(|label| match label.candidate {
            Candidate::Utf8 => utf8,
            Candidate::Trusted(Charset::Gb18030) => gb18030,
            _ => None,
        });
        let furthest = utf8.into_iter().chain(gb18030).max_by_key(|fault| fault.offset);
        declared.or(furthest).map_or(DecodeError::new(&UNDECODABLE), DecodeError::from)
    }
}

impl Charset {
    /// The encoder's own name for it; `None` for UTF-8, which needs no conversion.
    fn encoding(self) -> Option<&'static Encoding> {
        match self {
            Charset::Utf8 => None,
            Charset::Gb18030 => Some(GB18030),
            Charset::Utf16Le => Some(UTF_16LE),
            Charset::Utf16Be => Some(UTF_16BE),
            Charset::Other(name) => Encoding::for_label(name.as_bytes()).or(Some(WINDOWS_1252)),
        }
    }

    /// How many bytes a text takes in this encoding.
    fn bytes_of(self, text: &str) -> usize {
        match self {
            Charset::Utf8 => text.len(),
            Charset::Utf16Le | Charset::Utf16Be => text.encode_utf16().count() * 2,
            Charset::Gb18030 => encoded_bytes(GB18030, text) + gb18030::longer_by(text),
            Charset::Other(_) => self.encoding().map_or(text.len(), |it| encoded_bytes(it, text)),
        }
    }
}

impl CharsetDecision {
    /// Where a text ends in the bytes that were sent, given everything before that place.
    pub fn offset_in_body(&self, text_before: &str) -> usize {
        self.mark_bytes + self.chosen.bytes_of(text_before)
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Charset::Utf8 => "utf-8",
            Charset::Gb18030 => "gb18030",
            Charset::Utf16Le => "utf-16le",
            Charset::Utf16Be => "utf-16be",
            Charset::Other(name) => name,
        })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::ByteOrderMark => "byte order mark",
            Why::NulsBetween => "NUL beside the first character",
            Why::HttpHeader => "declared by HTTP",
            Why::FormField => "declared by the form",
            Why::XmlDeclaration => "declared by XML",
            Why::MessageHeader => "declared by HL7",
            Why::Valid => "valid, nothing declared",
            Why::NotAsDeclared => "not valid as declared",
            Why::ReadsAsChinese => "reads as Chinese only so",
        })
    }
}

impl fmt::Display for CharsetDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.chosen, self.why)?;
        match &self.declared {
            Some(label) => write!(f, "; declared {label})"),
            None => f.write_str(")"),
        }
    }
}

/// Step 1: a byte order mark, or UTF-16 that shows without one.
fn utf16_or_mark(bytes: &[u8]) -> Option<(Charset, Why, usize)> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => Some((Charset::Utf8, Why::ByteOrderMark, 3)),
        [0xFF, 0xFE, ..] => Some((Charset::Utf16Le, Why::ByteOrderMark, 2)),
        [0xFE, 0xFF, ..] => Some((Charset::Utf16Be, Why::ByteOrderMark, 2)),
        [b'<' | b'{' | b'[', 0, ..] => Some((Charset::Utf16Le, Why::NulsBetween, 0)),
        [0, b'<' | b'{' | b'[', ..] => Some((Charset::Utf16Be, Why::NulsBetween, 0)),
        _ => None,
    }
}

/// Walks the bytes again, piece by piece, to find the one that cannot be read.
fn first_fault(mut decoder: Decoder, bytes: &[u8]) -> Fault {
    let mut piece = String::with_capacity(4096);
    let mut at = 0;
    loop {
        piece.clear();
        let rest = bytes.get(at..).unwrap_or_default();
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut piece, true);
        at += read;
        match result {
            DecoderResult::OutputFull => {}
            DecoderResult::InputEmpty => return Fault { offset: bytes.len(), cut: true },
            DecoderResult::Malformed(bad, after) => {
                let end = at - usize::from(after);
                let offset = end.saturating_sub(usize::from(bad));
                // 0xFF begins no character anywhere; other last bytes may have been cut short.
                let cut = end >= bytes.len() && bytes.get(offset) != Some(&0xFF);
                return Fault { offset, cut };
            }
        }
    }
}

/// How many bytes a text was before it was decoded. Only faults ask, so it may be slow.
fn encoded_bytes(encoding: &'static Encoding, text: &str) -> usize {
    let mut encoder = encoding.new_encoder();
    let mut buffer = [0; 1024];
    let (mut rest, mut bytes) = (text, 0);
    loop {
        let (result, read, written) =
            encoder.encode_from_utf8_without_replacement(rest, &mut buffer, true);
        rest = rest.get(read..).unwrap_or_default();
        bytes += written;
        match result {
            EncoderResult::InputEmpty => return bytes,
            EncoderResult::OutputFull | EncoderResult::Unmappable(_) => {}
        }
    }
}

fn note_oddities(text: &str, notes: &mut Vec<Note>) {
    // Only what begins with these bytes is odd: letters of Latin-1, and U+FFFD.
    let is_suspect = |byte: u8| matches!(byte, 0xC2 | 0xC3 | 0xEF);
    if !text.bytes().fold(false, |found, byte| found | is_suspect(byte)) {
        return;
    }
    let survey = evidence::survey(text);
    if survey.latin_pair && !survey.han {
        notes.push(Note::new(&TWICE_ENCODED));
    }
    if let Some(offset) = survey.replaced_at {
        notes.push(Note::at(&ALREADY_DAMAGED, offset));
    }
}

#[cfg(test)]
mod tests;
