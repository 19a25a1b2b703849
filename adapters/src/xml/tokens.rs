//! The tokens that nearly every message consists of, taken by hand: tags, text, references, CDATA.
//!
//! The reader that knows all of XML pays for all of it at every token. Here only what is common and
//! well formed is recognised; whatever is rarer or odd is left to that reader, which also says what
//! is wrong with it. So there is one authority on XML, and what this one takes, that one would take
//! too: a test holds them against each other.

use super::CDATA;
use super::names::{begins_name, continues_name};

/// A common token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// What stands between `<` and `>`, and the length of the name it begins with, which is one.
    Start { tag: &'a str, name_len: usize },
    /// The same between `<` and `/>`.
    Empty { tag: &'a str, name_len: usize },
    /// The name between `</` and `>`, blanks behind it cut.
    End(&'a str),
    /// Text up to markup or a reference; never empty.
    Text(&'a str),
    /// What stands between `<![CDATA[` and `]]>`.
    CData(&'a str),
    /// What stands between `&` and `;`.
    Reference(&'a str),
}

/// The token at a place and where it ends; `None` when it is not a common one.
pub(super) fn common(text: &str, at: usize) -> Option<(Token<'_>, usize)> {
    match text.as_bytes().get(at..)? {
        [b'<', b'/', ..] => end_tag(text, at),
        [b'<', byte, ..] if begins_name(*byte) => start_tag(text, at),
        [b'<', b'!', b'[', ..] => cdata(text, at),
        [b'<', ..] | [] => None,
        [b'&', ..] => reference(text, at),
        rest => {
            let len = position(rest, |byte| byte == b'<' || byte == b'&').unwrap_or(rest.len());
            Some((Token::Text(text.get(at..at + len)?), at + len))
        }
    }
}

fn start_tag(text: &str, at: usize) -> Option<(Token<'_>, usize)> {
    let inside = text.as_bytes().get(at + 1..)?;
    let name_len = position(inside, |byte| !continues_name(byte))?;
    if inside.get(name_len - 1) == Some(&b':') {
        return None;
    }
    let close = match inside.get(name_len..)? {
        [b'>', ..] => name_len,
        [b'/', b'>', ..] => name_len + 1,
        [byte, ..] if is_blank(*byte) => name_len + closing(inside.get(name_len..)?)?,
        _ => return None,
    };
    let end = at + 1 + close + 1;
    if inside.get(close - 1) == Some(&b'/') {
        return Some((Token::Empty { tag: text.get(at + 1..end - 2)?, name_len }, end));
    }
    Some((Token::Start { tag: text.get(at + 1..end - 1)?, name_len }, end))
}

/// Where the `>` stands that ends a tag: not one between quotes.
fn closing(inside: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += position(inside.get(at..)?, |byte| byte == b'>' || is_quote(byte))?;
        let quote = *inside.get(at)?;
        if quote == b'>' {
            return Some(at);
        }
        at += 1;
        at += position(inside.get(at..)?, |byte| byte == quote)? + 1;
    }
}

fn end_tag(text: &str, at: usize) -> Option<(Token<'_>, usize)> {
    let inside = text.as_bytes().get(at + 2..)?;
    let close = position(inside, |byte| byte == b'>' || is_quote(byte))?;
    if inside.get(close) != Some(&b'>') {
        return None;
    }
    let name = text.get(at + 2..at + 2 + close)?;
    let blanks = name.bytes().rev().take_while(|byte| is_blank(*byte)).count();
    Some((Token::End(name.get(..name.len() - blanks)?), at + 2 + close + 1))
}

fn cdata(text: &str, at: usize) -> Option<(Token<'_>, usize)> {
    let content = text.get(at..)?.strip_prefix(CDATA)?;
    let mut len = 0;
    loop {
        // A bracket is rare in what CDATA holds, and looking for one byte is quick.
        len += content.get(len..)?.find(']')?;
        if content.get(len..)?.starts_with(CDATA_END) {
            break;
        }
        len += 1;
    }
    Some((Token::CData(content.get(..len)?), at + CDATA.len() + len + CDATA_END.len()))
}

fn reference(text: &str, at: usize) -> Option<(Token<'_>, usize)> {
    let inside = text.as_bytes().get(at + 1..)?;
    let len = position(inside, |byte| matches!(byte, b';' | b'&' | b'<'))?;
    if inside.get(len) != Some(&b';') {
        return None;
    }
    Some((Token::Reference(text.get(at + 1..at + 1 + len)?), at + 1 + len + 1))
}

/// The first byte that is meant. Most are a few bytes away, too near for anything cleverer to pay.
fn position(bytes: &[u8], is_meant: impl Fn(u8) -> bool) -> Option<usize> {
    bytes.iter().position(|byte| is_meant(*byte))
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

const CDATA_END: &str = "]]>";
