//! A value's text as it may stand in its place, so that nothing a HIS sent can end the place it
//! stands in: an element, an attribute, a CDATA section, a JSON string, an HL7 field, a line.

use adapters::{AnswerCharset, Reference};

/// The format of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    Xml,
    Json,
    Hl7,
    None,
}

impl Escape {
    pub(crate) const ALL: [(&str, Escape); 4] = [
        ("xml", Escape::Xml),
        ("json", Escape::Json),
        ("hl7", Escape::Hl7),
        ("none", Escape::None),
    ];

    pub(crate) fn of_word(word: &str) -> Option<Escape> {
        Escape::ALL.into_iter().find(|(it, _)| *it == word).map(|(_, escape)| escape)
    }

    /// By the ending of the template's file name.
    pub(crate) fn of_file(path: &str) -> Escape {
        match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "xml" => Escape::Xml,
            "json" => Escape::Json,
            "hl7" => Escape::Hl7,
            _ => Escape::None,
        }
    }

    /// What answers of this format are called when nobody says otherwise.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Escape::Xml => "text/xml",
            Escape::Json => "application/json",
            Escape::Hl7 => "x-application/hl7-v2+er7",
            Escape::None => "text/plain",
        }
    }

    /// How a character that the encoding lacks is written.
    pub(crate) const fn reference(self) -> Reference {
        match self {
            Escape::Xml => Reference::Xml,
            Escape::Json => Reference::Json,
            Escape::Hl7 | Escape::None => Reference::Named,
        }
    }
}

/// Between two tags.
pub(crate) fn xml_text(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A parser would turn a bare carriage return into a line feed.
            '\r' => out.push_str("&#13;"),
            other => push_xml(other, out),
        }
    }
}

/// Between quotes of either kind. Line ends and tabs would be read as blanks.
pub(crate) fn xml_attribute(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            other => xml_text(other.encode_utf8(&mut [0; 4]), out),
        }
    }
}

/// Inside `<![CDATA[ ... ]]>`, where nothing can be escaped: the section is ended and begun again.
pub(crate) fn cdata(text: &str, charset: AnswerCharset, out: &mut String) {
    let begin = out.len();
    for character in text.chars() {
        let said = out.get(begin..).unwrap_or_default();
        if character == '>' && said.ends_with("]]") {
            out.push_str(CDATA_AGAIN);
        }
        if charset.has(character) {
            push_xml(character, out);
        } else {
            out.push_str("]]>");
            Reference::Xml.push(character, out);
            out.push_str("<![CDATA[");
        }
    }
    // What stands behind the value in the template might begin with `]>` or `>`.
    if out.get(begin..).is_some_and(|it| it.ends_with(']')) {
        out.push_str(CDATA_AGAIN);
    }
}

const CDATA_AGAIN: &str = "]]><![CDATA[";

/// Inside the quotes of a JSON string.
pub(crate) fn json_string(text: &str, out: &mut String) {
    let quoted = serde_json::Value::from(text).to_string();
    out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
}

/// Inside an HL7 field, with the separators that every Chinese sender uses.
pub(crate) fn hl7(text: &str, out: &mut String) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            '&' => out.push_str("\\T\\"),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' | '\n' => out.push_str("\\.br\\"),
            '\0'..='\u{1F}' | '\u{7F}' => {}
            other => out.push(other),
        }
    }
}

/// In plain text, which has no structure but its lines: a value never makes a new one.
pub(crate) fn line(text: &str, out: &mut String) {
    out.extend(text.chars().map(|it| if it.is_control() { ' ' } else { it }));
}

/// Characters that XML cannot carry at all are left out.
fn push_xml(character: char, out: &mut String) {
    match character {
        '\t' | '\n' | '\r' => out.push(character),
        '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => {}
        other => out.push(other),
    }
}

/// A name that may stand directly behind `<`: one that the caller itself called by.
pub(crate) fn is_xml_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|it| it.is_alphabetic() || it == '_')
        && characters.all(|it| it.is_alphanumeric() || matches!(it, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NASTY: &str = "a<b>&\"'\\]]>|^~\r\n\t\u{1}药";

    #[test]
    fn each_place_has_its_escape() {
        check(xml_text, "a&lt;b&gt;&amp;\"'\\]]&gt;|^~&#13;\n\t药");
        check(xml_attribute, "a&lt;b&gt;&amp;&quot;&#39;\\]]&gt;|^~&#13;&#10;&#9;药");
        check(json_string, "a<b>&\\\"'\\\\]]>|^~\\r\\n\\t\\u0001药");
        check(hl7, "a<b>\\T\\\"'\\E\\]]>\\F\\\\S\\\\R\\\\.br\\药");
        check(line, "a<b>&\"'\\]]>|^~    药");
        check(
            |text, out| cdata(text, AnswerCharset::Utf8, out),
            "a<b>&\"'\\]]]]><![CDATA[>|^~\r\n\t药",
        );
    }

    #[test]
    fn a_section_is_never_ended_by_a_value() {
        let of = |text: &str, charset| {
            let mut out = String::new();
            cdata(text, charset, &mut out);
            out
        };
        assert_eq!(of("a]", AnswerCharset::Utf8), "a]]]><![CDATA[");
        assert_eq!(of("𠮷", AnswerCharset::Gbk), "]]>&#x20BB7;<![CDATA[");
        assert_eq!(of("𠮷", AnswerCharset::Gb18030), "𠮷");
    }

    #[track_caller]
    fn check(escape: impl Fn(&str, &mut String), expected: &str) {
        let mut out = String::new();
        escape(NASTY, &mut out);
        assert_eq!(out, expected);
    }
}
