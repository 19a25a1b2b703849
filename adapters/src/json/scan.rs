//! Strings, numbers and words of JSON, by the letter of RFC 8259.

use crate::codes::{
    BAD_ESCAPE, BAD_NUMBER, BAD_WORD, ENDS_EARLY, ESCAPED_NUL, LONE_SURROGATE, RAW_CONTROL,
    SINGLE_QUOTES, UNEXPECTED,
};
use crate::error::DecodeError;

/// A string's content.
#[derive(Debug)]
pub(super) enum Text<'a, 's> {
    /// As it stands in the source.
    Plain(&'a str),
    /// With its escapes resolved; valid until the next string.
    Unescaped(&'s str),
}

/// A place in the text, moving forward only.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    unescaped: String,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Scanner<'a> {
        // A byte order mark in front, left from another conversion, is no part of the JSON.
        let at = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        Scanner { text, at, unescaped: String::new() }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    pub(super) fn skip_byte(&mut self) {
        self.at += 1;
    }

    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// Moves past `byte` if it stands here.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let stands_here = self.peek() == Some(byte);
        self.at += usize::from(stands_here);
        stands_here
    }

    /// What to say when a comma, a colon or a bracket should stand here.
    pub(super) fn unexpected(&self) -> DecodeError {
        let entry = if self.at >= self.text.len() { &ENDS_EARLY } else { &UNEXPECTED };
        DecodeError::at(entry, self.at)
    }

    /// What to say when a key or a value should begin here and none does.
    pub(super) fn misfit(&self) -> DecodeError {
        let entry = match self.peek() {
            None => &ENDS_EARLY,
            Some(b'\'') => &SINGLE_QUOTES,
            Some(byte) if byte.is_ascii_alphabetic() || byte >= 0x80 || byte == b'_' => &BAD_WORD,
            Some(_) => &UNEXPECTED,
        };
        DecodeError::at(entry, self.at)
    }

    /// A string; the opening quote stands here.
    pub(super) fn string(&mut self) -> Result<Text<'a, '_>, DecodeError> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        match self.peek() {
            Some(b'"') => {
                let text = self.slice(start, self.at);
                self.at += 1;
                Ok(Text::Plain(text))
            }
            Some(b'\\') => self.escaped_string(start),
            _ => Err(self.broken_string()),
        }
    }

    fn escaped_string(&mut self, start: usize) -> Result<Text<'a, '_>, DecodeError> {
        self.unescaped.clear();
        let mut plain_from = start;
        loop {
            let plain = self.slice(plain_from, self.at);
            self.unescaped.push_str(plain);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text::Unescaped(&self.unescaped));
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    self.unescaped.push(character);
                }
                _ => return Err(self.broken_string()),
            }
            plain_from = self.at;
            self.skip_plain();
        }
    }

    /// Moves to the next quote, backslash or control character.
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
        self.at += rest.iter().position(special).unwrap_or(rest.len());
    }

    fn broken_string(&self) -> DecodeError {
        let entry = if self.peek().is_some() { &RAW_CONTROL } else { &ENDS_EARLY };
        DecodeError::at(entry, self.at)
    }

    /// One escape; the backslash stands here.
    fn escape(&mut self) -> Result<char, DecodeError> {
        let at = self.at;
        self.at += 2;
        match self.byte(at + 1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => Ok(char::from(byte)),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{C}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.unicode_escape(at),
            Some(_) => Err(DecodeError::at(&BAD_ESCAPE, at)),
            None => Err(DecodeError::at(&ENDS_EARLY, self.text.len())),
        }
    }

    fn unicode_escape(&mut self, at: usize) -> Result<char, DecodeError> {
        let first = self.four_digits(at)?;
        let code = match first {
            0 => return Err(DecodeError::at(&ESCAPED_NUL, at)),
            0xD800..=0xDBFF if self.slice(self.at, self.at + 2) == "\\u" => {
                self.at += 2;
                let second = self.four_digits(at)?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(DecodeError::at(&LONE_SURROGATE, at));
                }
                0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| DecodeError::at(&LONE_SURROGATE, at))
    }

    fn four_digits(&mut self, escape_at: usize) -> Result<u32, DecodeError> {
        let digits = self.slice(self.at, self.at + 4);
        let is_hex = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.at += 4;
        match u32::from_str_radix(digits, 16) {
            Ok(value) if is_hex => Ok(value),
            _ => Err(DecodeError::at(&BAD_ESCAPE, escape_at)),
        }
    }

    /// A number, kept as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.at;
        self.take(b'-');
        let integer = self.digits();
        let has_leading_zero = integer > 1 && self.byte(self.at - integer) == Some(b'0');
        let mut is_good = integer > 0 && !has_leading_zero;
        if self.take(b'.') {
            is_good &= self.digits() > 0;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            is_good &= self.digits() > 0;
        }
        let runs_on = self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'));
        if is_good && !runs_on {
            Ok(self.slice(start, self.at))
        } else {
            Err(DecodeError::at(&BAD_NUMBER, start))
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    /// `true`, `false` or `null`.
    pub(super) fn word(&mut self) -> Result<&'static str, DecodeError> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let word = rest.get(..letters).unwrap_or_default();
        let found = ["true", "false", "null"].into_iter().find(|it| it.as_bytes() == word);
        match found {
            Some(word) => {
                self.at += letters;
                Ok(word)
            }
            None => Err(self.misfit()),
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The text between two places; empty where that would cut a character.
    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }
}
