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
    /// A whole element that has neither attributes nor children, and whose text, perhaps none, is in
    /// one piece: most of a message is made of these.
    Leaf { name: &'a str, value: &'a str },
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
            let len = next_markup(rest).unwrap_or(rest.len());
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
        [b'>', ..] => {
            if let Some(whole) = leaf(text, at, name_len) {
                return Some(whole);
            }
            name_len
        }
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

/// The element whose start tag is a name of this length and nothing else, if its end tag is next.
fn leaf(text: &str, at: usize, name_len: usize) -> Option<(Token<'_>, usize)> {
    let name = text.get(at + 1..at + 1 + name_len)?;
    let value_at = at + 1 + name_len + 1;
    let rest = text.as_bytes().get(value_at..)?;
    let len = next_markup(rest)?;
    let behind = rest.get(len..)?.strip_prefix(b"</")?.strip_prefix(name.as_bytes())?;
    let value = text.get(value_at..value_at + len)?;
    let end = value_at + len + b"</".len() + name_len + 1;
    (behind.first() == Some(&b'>')).then_some((Token::Leaf { name, value }, end))
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

/// Where the next tag or reference begins. Texts are the longest tokens, so eight bytes are looked
/// at together: those that are `<` or `&` become zero, and a zero shows in its highest bit.
fn next_markup(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(eight) = bytes.get(at..)?.first_chunk() {
        let eight = u64::from_le_bytes(*eight);
        let [tag, reference] = [b'<', b'&'].map(|byte| eight ^ (ONES * u64::from(byte)));
        let found = zeros(tag) | zeros(reference);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let left = position(bytes.get(at..)?, |byte| byte == b'<' || byte == b'&')?;
    Some(at + left)
}

/// The highest bit of each byte that is zero. The lowest of them is right; above it there may be others.
const fn zeros(eight: u64) -> u64 {
    eight.wrapping_sub(ONES) & !eight & (ONES << 7)
}

const ONES: u64 = 0x0101_0101_0101_0101;

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Its neighbours differ from markup by one bit, or carry into the byte behind.
    #[test]
    fn markup_is_found_wherever_it_stands() {
        for filler in ["=", "'", "%", ";", "药", "\u{1}", "\u{7f}"] {
            for length in 0..20 {
                let before = filler.repeat(length);
                assert_eq!(next_markup(before.as_bytes()), None, "{before}");
                for markup in ["<", "&", "<&", "&<", "<<", "<="] {
                    let text = format!("{before}{markup}{before}");
                    assert_eq!(next_markup(text.as_bytes()), Some(before.len()), "{text}");
                }
            }
        }
    }

    #[test]
    fn leaves() {
        check("<a>1</a>", "Leaf { name: \"a\", value: \"1\" }");
        check("<a></a>", "Leaf { name: \"a\", value: \"\" }");
        check("<药:名>\n片 </药:名>", "Leaf { name: \"药:名\", value: \"\\n片 \" }");
        for other in
            ["<a>1</a >", "<a>1</ab>", "<a>1</b>", "<a>&lt;</a>", "<a>1<b/></a>", "<a>1</a"]
        {
            check(other, "Start { tag: \"a\", name_len: 1 }");
        }
        check("<a b=\"\">1</a>", "Start { tag: \"a b=\\\"\\\"\", name_len: 1 }");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let (token, end) = common(text, 0).unwrap();
        assert_eq!(format!("{token:?}"), expected);
        assert!(!expected.starts_with("Leaf") || end == text.len(), "{text}");
    }
}
