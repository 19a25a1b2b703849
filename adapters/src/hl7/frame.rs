//! What stands around a message, and what its header says before anybody can decode it.

use crate::codes::{BROKEN_FRAME, NOT_HL7, SEVERAL_MESSAGES};
use crate::error::DecodeError;
use crate::format::BLANKS;

/// The message without its MLLP frame and the blanks around it, and where it begins in `text`.
pub(super) fn content(text: &str) -> Result<(&str, usize), DecodeError> {
    let blank = text.len() - text.trim_start_matches(BLANKS).len();
    let inside = text.get(blank..).unwrap_or_default();
    let Some(framed) = inside.strip_prefix(START) else {
        let message = inside.trim_end_matches(['\r', '\n', ' ', '\t']);
        return expect_some(message, blank);
    };
    let start = blank + START.len_utf8();
    let end = framed.find(END).ok_or_else(|| DecodeError::at(&BROKEN_FRAME, text.len()))?;
    let behind = framed.get(end + END.len_utf8()..).unwrap_or_default();
    let rest = behind.trim_start_matches(['\r', '\n', ' ', '\t']);
    if !rest.is_empty() {
        let entry = if rest.starts_with(START) { &SEVERAL_MESSAGES } else { &BROKEN_FRAME };
        return Err(DecodeError::at(entry, text.len() - rest.len()));
    }
    let message = framed.get(..end).unwrap_or_default();
    let leading = message.len() - message.trim_start_matches(BLANKS).len();
    expect_some(message.get(leading..).unwrap_or_default(), start + leading)
}

fn expect_some(message: &str, start: usize) -> Result<(&str, usize), DecodeError> {
    if message.is_empty() { Err(DecodeError::at(&NOT_HL7, start)) } else { Ok((message, start)) }
}

/// Whether a body begins as HL7 does: a header's name and punctuation, in a frame or not.
pub(crate) fn begins_message(body: &[u8]) -> bool {
    let named = |header: &[u8]| {
        let rest = header_of(body).strip_prefix(header);
        // `MSH=` and `MSH&` begin a form.
        rest.and_then(<[u8]>::first).is_some_and(|it| {
            it.is_ascii_punctuation() && !matches!(it, b'=' | b'&' | b'_' | b'-' | b'.')
        })
    };
    named(b"MSH") || named(b"FHS") || named(b"BHS")
}

/// MSH-18, read from bytes that nobody has decoded yet: the encoding that the sender believes in.
pub(crate) fn declared_charset(body: &[u8]) -> Option<&str> {
    let header = header_of(body);
    let separator = *header.strip_prefix(b"MSH")?.first()?;
    if !separator.is_ascii_punctuation() {
        return None;
    }
    let line = header_line(header);
    let field = line.split(|it| *it == separator).nth(17)?;
    let repetition = *line.get(5).unwrap_or(&b'~');
    let mut said = field.split(|it| *it == repetition).map(<[u8]>::trim_ascii);
    said.find(|it| !it.is_empty()).and_then(|it| std::str::from_utf8(it).ok())
}

/// The header's line, of bytes that nobody has decoded yet: no character has a line end in it.
pub(crate) fn header_line(body: &[u8]) -> &[u8] {
    let header = header_of(body);
    let end = header.iter().position(|it| matches!(*it, b'\r' | b'\n' | END_BYTE));
    header.get(..end.unwrap_or(header.len()).min(HEADER_BYTES_MAX)).unwrap_or_default()
}

fn header_of(body: &[u8]) -> &[u8] {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let body = body.trim_ascii_start();
    body.strip_prefix(&[START_BYTE]).unwrap_or(body).trim_ascii_start()
}

const START: char = '\u{B}';
const START_BYTE: u8 = 0x0B;
const END: char = '\u{1C}';
const END_BYTE: u8 = 0x1C;
const HEADER_BYTES_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_declares_a_charset() {
        check(b"\x0BMSH|^~\\&|HIS|JZ|A|J|2024||ADT^A04|M1|P|2.4||||||GB2312\rPID|", "GB2312");
        check(b"MSH|^~\\&|a|b|c|d|e|f|g|h|i|j|||AL|NE|CHN|~UNICODE UTF-8|zh\r", "UNICODE UTF-8");
        check(b"MSH|^~\\&|a|b|c|d|e|f|g|h|i|j\rPID|1|2|3|4|5|6|7|8|9|GBK", "");
        check(b"MSH", "");
        check(b"<MSH|", "");
    }

    #[test]
    fn a_header_shows() {
        for body in [&b"MSH|^~"[..], b"\x0BMSH|", b"\r\nBHS#", b"\xEF\xBB\xBFFHS|"] {
            assert!(begins_message(body), "{body:?}");
        }
        for body in [&b"MSH=1&a=2"[..], b"MSH", b"MSHX|", b"PID|", b"{\"MSH|\":1}", b""] {
            assert!(!begins_message(body), "{body:?}");
        }
    }

    #[track_caller]
    fn check(body: &[u8], expected: &str) {
        assert_eq!(declared_charset(body).unwrap_or_default(), expected);
    }
}
