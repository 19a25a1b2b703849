//! A record in the words of another system: one template for whatever is pushed to it. The same engine as
//! for answers, and so the same escapes: each value gets that of the place it stands in.

use super::engine::{Engine, Variables};
use super::escape::Escape;
use super::places;

/// A template, proved.
#[derive(Debug)]
pub struct RecordTemplate {
    engine: Engine,
}

impl RecordTemplate {
    /// Reads a template. What it begins with says how values are escaped: `<` XML, `MSH` HL7, else JSON.
    pub fn parse(source: &str) -> Result<RecordTemplate, String> {
        let begin = source.trim_start_matches('\u{feff}').trim_start();
        let escape = match begin {
            it if it.starts_with('<') => Escape::Xml,
            it if it.starts_with("MSH") => Escape::Hl7,
            _ => Escape::Json,
        };
        let prepared = places::prepare(source, escape).map_err(|complaints| {
            let told = |it: &places::Complaint| {
                let line = source.get(..it.offset).unwrap_or_default().matches('\n').count() + 1;
                format!("line {line}: {} {}", it.code, it.message)
            };
            complaints.iter().map(told).collect::<Vec<_>>().join("; ")
        })?;
        let mut engine = Engine::new();
        engine
            .add(NAME, prepared)
            .map_err(|fault| format!("line {}: {}", fault.line, fault.message))?;
        Ok(RecordTemplate { engine })
    }

    /// Says a record, given as its JSON. A fault names what the template asks for and never a value.
    pub fn say(&self, record: &str) -> Result<String, String> {
        let said = Variables::new(VARIABLES, record).and_then(|it| self.engine.render(NAME, &it));
        said.map_err(|fault| format!("line {}: {}", fault.line, fault.kind))
    }
}

const NAME: &str = "record";

/// The members of a record, and its business key.
const VARIABLES: &[&str] = &[
    "record_id",
    "seq",
    "revision",
    "entity",
    "schema",
    "profile",
    "org",
    "channel",
    "message_id",
    "lane",
    "key",
    "received_at",
    "elements",
    "findings",
];

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str =
        r#"{"record_id":"R1","entity":"rx","elements":{"rxno":"<1>","cnt":1.00,"say":"\"x\""}}"#;

    #[test]
    fn each_place_has_its_escape_and_numbers_their_digits() {
        check("<a n=\"{{ elements.cnt }}\">{{ elements.rxno }}</a>", "<a n=\"1.00\">&lt;1&gt;</a>");
        check(
            "{\"a\":\"{{ elements.say }}\",\"n\":{{ elements.cnt }}}",
            "{\"a\":\"\\\"x\\\"\",\"n\":1.00}",
        );
        check("{\"a\":\"{{ elements.none | default('-') }}\"}", "{\"a\":\"-\"}");
    }

    #[test]
    fn what_is_wrong_is_told_without_a_value() {
        check("<a>{{ elements.none }}</a>", "line 1: undefined value");
        check(
            "<a>{{ elements.rxno",
            "line 1: syntax error: unexpected end of input, expected end of variable block",
        );
    }

    #[track_caller]
    fn check(template: &str, expected: &str) {
        let said = RecordTemplate::parse(template).and_then(|it| it.say(RECORD));
        assert_eq!(said.unwrap_or_else(|fault| fault), expected);
    }
}
