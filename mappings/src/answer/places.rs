//! Where each value of a template stands, found out when the template is loaded.
//!
//! A template is read once from end to end by a small automaton of its format. It knows for each
//! `{{ }}` whether it stands in an element, between quotes, in a JSON string ..., and writes the fitting
//! escape into the template; there is no other way for a value to come out. So that this holds
//! whichever branches are taken, each branch of an `if` and each round of a `for` must end in the
//! place where it began.

use super::engine;
use super::escape::Escape;
use crate::suggestion;

/// A place where a value may stand; the engine has a filter of this name.
pub(crate) const XML_TEXT: &str = "in_xml_text";
pub(crate) const XML_ATTRIBUTE: &str = "in_xml_attribute";
pub(crate) const XML_NAME: &str = "in_xml_name";
pub(crate) const CDATA: &str = "in_cdata";
pub(crate) const JSON_STRING: &str = "in_json_string";
pub(crate) const JSON_VALUE: &str = "in_json_value";
pub(crate) const HL7_FIELD: &str = "in_hl7_field";
pub(crate) const LINE: &str = "in_line";

/// What is wrong in a template, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) code: &'static str,
    pub(crate) offset: usize,
    pub(crate) message: String,
}

/// The template with the escape of its place written behind each value.
pub(crate) fn prepare(source: &str, escape: Escape) -> Result<String, Vec<Complaint>> {
    let mut scan = Scan {
        source,
        state: State::first(escape),
        open: Vec::new(),
        out: String::with_capacity(source.len() * 2),
        complaints: Vec::new(),
    };
    scan.run();
    if scan.complaints.is_empty() { Ok(scan.out) } else { Err(scan.complaints) }
}

struct Scan<'s> {
    source: &'s str,
    state: State,
    /// The `if` and `for` blocks that are open, each with the state it began in.
    open: Vec<State>,
    out: String,
    complaints: Vec<Complaint>,
}

impl<'s> Scan<'s> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some((begin, kind)) = self.next_tag(at) {
            self.literal(at, begin);
            let Some(end) = self.end_of_tag(begin, kind) else {
                // The engine tells it better.
                self.out.push_str(self.text(begin, self.source.len()));
                return;
            };
            match kind {
                Tag::Comment => self.out.push_str(self.text(begin, end)),
                Tag::Value => self.value(begin, end),
                Tag::Block => self.block(begin, end),
            }
            at = end;
        }
        self.literal(at, self.source.len());
    }

    fn text(&self, begin: usize, end: usize) -> &'s str {
        self.source.get(begin..end).unwrap_or_default()
    }

    fn next_tag(&self, at: usize) -> Option<(usize, Tag)> {
        let rest = self.text(at, self.source.len());
        let mut braces = rest.match_indices('{').map(|(offset, _)| at + offset);
        braces.find_map(|offset| {
            let kind = match self.source.as_bytes().get(offset + 1)? {
                b'{' => Tag::Value,
                b'%' => Tag::Block,
                b'#' => Tag::Comment,
                _ => return None,
            };
            Some((offset, kind))
        })
    }

    /// Behind the closing mark. Marks inside a text in quotes, or inside brackets, do not close.
    fn end_of_tag(&self, begin: usize, kind: Tag) -> Option<usize> {
        let inside = self.text(begin + 2, self.source.len());
        if kind == Tag::Comment {
            return inside.find("#}").map(|at| begin + 2 + at + 2);
        }
        let close = if kind == Tag::Value { "}}" } else { "%}" };
        let (mut quote, mut depth, mut escaped) = (None, 0_usize, false);
        for (at, character) in inside.char_indices() {
            match (quote, character) {
                (Some(_), _) if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(open), _) if open == character => quote = None,
                (None, '"' | '\'') => quote = Some(character),
                (None, _) if depth == 0 && inside.get(at..)?.starts_with(close) => {
                    return Some(begin + 2 + at + 2);
                }
                (None, '{' | '(' | '[') => depth += 1,
                (None, '}' | ')' | ']') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    fn literal(&mut self, begin: usize, end: usize) {
        let text = self.source.get(begin..end).unwrap_or_default();
        text.chars().for_each(|it| self.state.feed(it));
        self.out.push_str(text);
    }

    fn value(&mut self, begin: usize, end: usize) {
        self.filters(begin, end);
        match self.state.place() {
            Ok(place) => {
                let whole = self.text(begin + 2, end - 2);
                let left = whole.get(..1).filter(|it| matches!(*it, "-" | "+")).unwrap_or("");
                let right = if whole.ends_with('-') { "-" } else { "" };
                let inner = whole.get(left.len()..whole.len() - right.len()).unwrap_or_default();
                let said = format!("{{{{{left}({inner})|{place}{right}}}}}");
                self.out.push_str(&said);
                self.state.pass_value();
            }
            Err(message) => self.complain("M065", begin, message.to_owned()),
        }
    }

    fn block(&mut self, begin: usize, end: usize) {
        self.filters(begin, end);
        self.out.push_str(self.source.get(begin..end).unwrap_or_default());
        let inner = self
            .text(begin + 2, end - 2)
            .trim_matches(|it: char| it.is_whitespace() || it == '-' || it == '+');
        let word = inner.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default();
        let has_value = inner.contains('=');
        match word {
            "if" | "for" => self.open.push(self.state.clone()),
            "elif" | "else" => self.same_place(begin, false),
            "endif" | "endfor" => self.same_place(begin, true),
            "set" if has_value => {}
            "set" => self.complain("M062", begin, "write {% set name = value %}".to_owned()),
            other => {
                let known = ["if", "elif", "else", "endif", "for", "endfor", "set"];
                let hint = suggestion(other, known.into_iter());
                let message = format!(
                    "`{other}` is not among the tags of answer templates: {}{hint}",
                    known.join(", ")
                );
                self.complain("M062", begin, message);
            }
        }
    }

    /// A branch must end where it began, or a value behind it would stand now here, now there.
    fn same_place(&mut self, offset: usize, closes: bool) {
        let Some(began) = self.open.last().cloned() else { return }; // the engine tells it
        if began != self.state {
            let message = "this branch ends in another place than it begins: close in it what is \
                           opened in it (tags, quotes, sections)";
            self.complain("M065", offset, message.to_owned());
        }
        self.state = began;
        if closes {
            self.open.pop();
        }
    }

    /// Filters and tests are looked up when they are reached; a misspelt one is told here already.
    fn filters(&mut self, begin: usize, end: usize) {
        let plain = without_texts(self.text(begin, end));
        let words = plain.match_indices('|').map(|(at, _)| at + 1);
        for at in words.collect::<Vec<_>>() {
            let rest = plain.get(at..).unwrap_or_default();
            let name: String = rest
                .trim_start()
                .chars()
                .take_while(|it| it.is_alphanumeric() || *it == '_')
                .collect();
            if !name.is_empty() && !engine::FILTERS.contains(&name.as_str()) {
                let hint = suggestion(&name, engine::FILTERS.iter().copied());
                let message = format!("there is no filter `{name}`{hint}");
                let blanks = rest.len() - rest.trim_start().len();
                self.complain("M064", begin + at + blanks, message);
            }
        }
    }

    fn complain(&mut self, code: &'static str, offset: usize, message: String) {
        self.complaints.push(Complaint { code, offset, message });
    }
}

/// The same length, with the texts in quotes blanked out.
fn without_texts(tag: &str) -> String {
    let mut quote = None;
    let mut blanked = String::with_capacity(tag.len());
    for character in tag.chars() {
        if let Some(open) = quote {
            if open == character {
                quote = None;
            }
            blanked.extend(std::iter::repeat_n(' ', character.len_utf8()));
        } else {
            if matches!(character, '"' | '\'') {
                quote = Some(character);
            }
            blanked.push(character);
        }
    }
    blanked
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Value,
    Block,
    Comment,
}

/// Where the reader of a template is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    XmlText,
    /// Behind `<`, before it is known what begins there.
    Markup(String),
    XmlTag,
    Quoted(char),
    Instruction(Option<char>, usize),
    Comment(usize),
    Cdata(usize),
    JsonValue,
    JsonString,
    JsonEscape,
    Hl7,
    Plain,
}

impl State {
    const fn first(escape: Escape) -> State {
        match escape {
            Escape::Xml => State::XmlText,
            Escape::Json => State::JsonValue,
            Escape::Hl7 => State::Hl7,
            Escape::None => State::Plain,
        }
    }

    /// The escape of a value that stands here, or why none may.
    fn place(&self) -> Result<&'static str, &'static str> {
        Ok(match self {
            State::XmlText => XML_TEXT,
            State::Quoted(_) | State::Instruction(Some(_), _) => XML_ATTRIBUTE,
            State::Cdata(_) => CDATA,
            State::Markup(begun) if begun == "<" || begun == "</" => XML_NAME,
            State::JsonValue => JSON_VALUE,
            State::JsonString => JSON_STRING,
            State::Hl7 => HL7_FIELD,
            State::Plain => LINE,
            State::Markup(_) | State::XmlTag | State::Instruction(None, _) => {
                return Err("a value in a tag stands between quotes: name=\"{{ value }}\"");
            }
            State::Comment(_) => return Err("no value may stand in a comment"),
            State::JsonEscape => return Err("no value may stand behind a backslash"),
        })
    }

    fn pass_value(&mut self) {
        match self {
            State::Markup(_) => *self = State::XmlTag,
            State::Cdata(matched) | State::Instruction(_, matched) => *matched = 0,
            _ => {}
        }
    }

    fn feed(&mut self, character: char) {
        let is_closed = match self {
            State::Instruction(None, matched) => is_complete(matched, "?>", character),
            State::Comment(matched) => is_complete(matched, "-->", character),
            State::Cdata(matched) => is_complete(matched, "]]>", character),
            _ => false,
        };
        if is_closed {
            *self = State::XmlText;
            return;
        }
        match self {
            State::XmlText if character == '<' => *self = State::Markup("<".to_owned()),
            State::Markup(begun) => {
                begun.push(character);
                let next = after_markup(begun, character);
                *self = next.unwrap_or_else(|| State::Markup(begun.clone()));
            }
            State::XmlTag => match character {
                '>' => *self = State::XmlText,
                '"' | '\'' => *self = State::Quoted(character),
                _ => {}
            },
            State::Quoted(quote) if *quote == character => *self = State::XmlTag,
            State::Instruction(Some(quote), _) if *quote == character => {
                *self = State::Instruction(None, 0);
            }
            State::Instruction(None, _) if matches!(character, '"' | '\'') => {
                *self = State::Instruction(Some(character), 0);
            }
            State::JsonValue if character == '"' => *self = State::JsonString,
            State::JsonString if character == '"' => *self = State::JsonValue,
            State::JsonString if character == '\\' => *self = State::JsonEscape,
            State::JsonEscape => *self = State::JsonString,
            _ => {}
        }
    }
}

/// What begins with these characters, as soon as it is certain.
fn after_markup(begun: &str, last: char) -> Option<State> {
    const SECTION: &str = "<![CDATA[";
    match begun {
        "<!--" => Some(State::Comment(0)),
        "<?" => Some(State::Instruction(None, 0)),
        SECTION => Some(State::Cdata(0)),
        "</" => None,
        _ if SECTION.starts_with(begun) || "<!--".starts_with(begun) => None,
        _ if last == '>' => Some(State::XmlText),
        _ => Some(State::XmlTag),
    }
}

/// Counts how much of the closing mark has been read; true when it is complete.
fn is_complete(matched: &mut usize, mark: &str, character: char) -> bool {
    let wanted = mark.chars().nth(*matched);
    let first = mark.chars().next();
    *matched = if wanted == Some(character) {
        *matched + 1
    } else if first == Some(character) {
        // `]]]>` and `--->`: the last two of a row count.
        if *matched == 2 { 2 } else { 1 }
    } else {
        0
    };
    *matched == mark.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_xml() {
        check(Escape::Xml, "<a>{{ v }}</a>", "<a>{{( v )|in_xml_text}}</a>");
        check(
            Escape::Xml,
            "<?xml version='1.0' encoding='{{v}}'?><a k=\"{{- v -}}\" >",
            "<?xml version='1.0' encoding='{{(v)|in_xml_attribute}}'?><a k=\"{{-( v )|in_xml_attribute-}}\" >",
        );
        check(
            Escape::Xml,
            "<{{ v }}R><![CDATA[x]]{{ v }}]]></{{ v }}R>",
            "<{{( v )|in_xml_name}}R><![CDATA[x]]{{( v )|in_cdata}}]]></{{( v )|in_xml_name}}R>",
        );
        check(
            Escape::Xml,
            "{% for a in v %}<a>{{ {'}}': '%}'}[a] | join('|no') }}</a>{% endfor %}{# {{ #}",
            "{% for a in v %}<a>{{( {'}}': '%}'}[a] | join('|no') )|in_xml_text}}</a>{% endfor %}{# {{ #}",
        );
        check(Escape::Xml, "<a k={{ v }}>", "M065 5");
        check(Escape::Xml, "<a {{ v }}>", "M065 3");
        check(Escape::Xml, "<!-- {{ v }} -->", "M065 5");
        check(Escape::Xml, "{% if v %}<![CDATA[{% endif %}{{ v }}", "M065 19");
        check(Escape::Xml, "<a>{% if v %}<b>{% else %}<b k='{% endif %}", "M065 32");
    }

    #[test]
    fn places_of_other_formats() {
        check(
            Escape::Json,
            r#"{"a":"\"{{ v }}","b":{{ v }}}"#,
            r#"{"a":"\"{{( v )|in_json_string}}","b":{{( v )|in_json_value}}}"#,
        );
        check(Escape::Json, r#"{"a":"\{{ v }}"}"#, "M065 7");
        check(Escape::Hl7, "MSA|AA|{{ v }}", "MSA|AA|{{( v )|in_hl7_field}}");
        check(Escape::None, "0^{{ v }}", "0^{{( v )|in_line}}");
    }

    #[test]
    fn tags_and_filters() {
        check(Escape::None, "{% autoescape false %}", "M062 0");
        check(Escape::None, "{% set a %}", "M062 0");
        check(Escape::None, "{{ v | safe }}", "M064 7");
        check(Escape::None, "{{ v|dat('yyyy') }}", "M064 5");
    }

    #[track_caller]
    fn check(escape: Escape, source: &str, expected: &str) {
        let actual = prepare(source, escape).unwrap_or_else(|complaints| {
            let told: Vec<_> =
                complaints.iter().map(|it| format!("{} {}", it.code, it.offset)).collect();
            told.join(", ")
        });
        assert_eq!(actual, expected);
    }
}
