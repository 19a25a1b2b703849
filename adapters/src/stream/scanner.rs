//! Where one piece of markup ends and the next begins, in a text that is not all there yet.
//!
//! Nothing is judged here but what would hide the ends: whether names, attributes and references are
//! sound is for the reader that gets the pieces.

use crate::codes::{CodeEntry, DOCTYPE, UNFINISHED_MARKUP};

/// One piece of a text, from where the search began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// How many bytes of the text it is.
    pub(super) len: usize,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Text, or as much of it as is there.
    Text,
    /// A CDATA section.
    CData,
    /// A comment or an instruction.
    Aside,
    /// `<a>`
    Begin,
    /// `<a/>`
    Whole,
    /// `</a>`
    End,
}

/// The piece in front of `rest`; `None` when its end is not there yet.
pub(super) fn token(rest: &str, is_all: bool) -> Result<Option<Token>, &'static CodeEntry> {
    let found = if rest.starts_with("<!--") {
        behind(rest, "-->").map(|len| (TokenKind::Aside, len))
    } else if rest.starts_with("<![CDATA[") {
        behind(rest, "]]>").map(|len| (TokenKind::CData, len))
    } else if rest.starts_with("<?") {
        behind(rest, "?>").map(|len| (TokenKind::Aside, len))
    } else if rest.starts_with("</") {
        behind(rest, ">").map(|len| (TokenKind::End, len))
    } else if rest.starts_with("<!DOCTYPE") {
        return Err(&DOCTYPE);
    } else if rest.starts_with("<!") && (is_all || rest.len() >= "<![CDATA[".len()) {
        return Err(&UNFINISHED_MARKUP);
    } else if rest.starts_with("<!") || rest == "<" {
        None
    } else if rest.starts_with('<') {
        tag(rest)
    } else {
        let len = rest.find('<').unwrap_or(rest.len());
        (len > 0).then_some((TokenKind::Text, len))
    };
    match found {
        Some((kind, len)) => Ok(Some(Token { kind, len })),
        None if is_all && !rest.is_empty() => Err(&UNFINISHED_MARKUP),
        None => Ok(None),
    }
}

/// A start tag; a `>` inside quotes does not end it.
fn tag(rest: &str) -> Option<(TokenKind, usize)> {
    let mut quote = None;
    let end = rest.bytes().position(|byte| match (quote, byte) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (Some(open), byte) if open == byte => {
            quote = None;
            false
        }
        _ => false,
    })?;
    let is_whole = rest.get(..end).is_some_and(|it| it.ends_with('/'));
    Some((if is_whole { TokenKind::Whole } else { TokenKind::Begin }, end + 1))
}

fn behind(rest: &str, end: &str) -> Option<usize> {
    rest.find(end).map(|at| at + end.len())
}

/// The name in a tag, with its prefix.
pub(super) fn name(tag: &str) -> &str {
    let inside = tag.trim_start_matches(['<', '/']);
    let ends = |it: char| it.is_ascii_whitespace() || matches!(it, '>' | '/');
    inside.split(ends).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        check("text<a>", "Text text");
        check("<a b='>' c=\"/>\">x", "Begin <a b='>' c=\"/>\">");
        check("<a b='1'/>x", "Whole <a b='1'/>");
        check("</a >x", "End </a >");
        check("<!-- <a> -->x", "Aside <!-- <a> -->");
        check("<?xml ?>x", "Aside <?xml ?>");
        check("<![CDATA[<a>]]>x", "CData <![CDATA[<a>]]>");
        check("<!DOCTYPE a>", "D301");
        check("<!ELEMENT a>", "D313");
        for unfinished in ["", "<", "<a", "<a b='>'", "<!", "<![CD", "<!-- -", "</a", "<?x ?"] {
            assert_eq!(token(unfinished, false), Ok(None), "{unfinished}");
        }
        assert_eq!(token("<a", true), Err(&UNFINISHED_MARKUP));
        assert_eq!(token("", true), Ok(None));
    }

    #[test]
    fn names_in_tags() {
        for (tag, expected) in
            [("<a>", "a"), ("<x:药品 b='1'>", "x:药品"), ("</a >", "a"), ("<a/>", "a")]
        {
            assert_eq!(name(tag), expected);
        }
    }

    #[track_caller]
    fn check(rest: &str, expected: &str) {
        let actual = match token(rest, false) {
            Err(entry) => entry.code.to_owned(),
            Ok(None) => "unfinished".to_owned(),
            Ok(Some(Token { kind, len })) => format!("{kind:?} {}", &rest[..len]),
        };
        assert_eq!(actual, expected);
    }
}
