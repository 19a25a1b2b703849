//! Writes the values of a record as JSON, exactly: numbers keep every digit and get the declared
//! scale, dates and times are in the standard's notation, booleans are `y` and `n`.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime, Time};

use crate::bytes::ByteSet;
use crate::elements::Elements;
use crate::entity::{DataElement, Entity};
use crate::format::Format;
use crate::number::Number;
use crate::value::ValueRef;

/// Appends a JSON object of the elements by name. Values beyond the entity's last element are left
/// out; there is no name to write them under.
pub fn write_record_elements(entity: &Entity, elements: &Elements, out: &mut String) {
    out.push('{');
    let mut first = true;
    for (position, value) in elements.iter() {
        let Some(element) = entity.elements().get(position) else { continue };
        if !first {
            out.push(',');
        }
        first = false;
        out.push_str(&element.json_key);
        write_value(element, value, out);
    }
    out.push('}');
}

fn write_value(element: &DataElement, value: ValueRef<'_>, out: &mut String) {
    match value {
        ValueRef::Text(text) => write_json_text(text, out),
        ValueRef::Number(number) => write_number(element.format(), number, out),
        ValueRef::Boolean(yes) => out.push_str(if yes { "\"y\"" } else { "\"n\"" }),
        ValueRef::Node(records) => write_node(element, records, out),
        ValueRef::Date(date) => quoted(out, |out| write_date(date, out)),
        ValueRef::Time(time) => quoted(out, |out| write_time(time, out)),
        ValueRef::DateTime(both) => quoted(out, |out| write_stamp(both, out)),
    }
}

fn write_number(format: &Format, number: &Number, out: &mut String) {
    let digits = number.as_str();
    out.push_str(digits);
    let &Format::Number { scale, .. } = format else { return };
    if number.scale() < scale {
        if number.scale() == 0 {
            out.push('.');
        }
        out.extend(std::iter::repeat_n('0', (scale - number.scale()) as usize));
    } else if let Some(exact) = (number.scale() > scale).then(|| number.with_scale(scale)).flatten()
    {
        // Only zeros were too many. Other digits stay: validation has named them, and cutting
        // would change the value in silence.
        out.truncate(out.len() - digits.len());
        out.push_str(exact.as_str());
    }
}

fn write_node(element: &DataElement, records: &[Elements], out: &mut String) {
    out.push('[');
    if let Some(child) = element.child() {
        for (place, record) in records.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            write_record_elements(child, record, out);
        }
    }
    out.push(']');
}

fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    write(out);
    out.push('"');
}

/// Appends `YYYYMMDDhhmmss`, the standard's notation of a moment.
pub fn write_stamp(moment: DateTime, out: &mut String) {
    write_date(moment.date(), out);
    write_time(moment.time(), out);
}

fn write_date(date: Date, out: &mut String) {
    // Validation refuses years before our era; whoever looks at them all the same sees the sign.
    if date.year() < 0 {
        out.push('-');
    }
    let year = date.year().unsigned_abs();
    for part in [year / 100, year % 100] {
        write_two_digits(u8::try_from(part).unwrap_or_default(), out);
    }
    write_two_digits(date.month().unsigned_abs(), out);
    write_two_digits(date.day().unsigned_abs(), out);
}

fn write_time(time: Time, out: &mut String) {
    for part in [time.hour(), time.minute(), time.second()] {
        write_two_digits(part.unsigned_abs(), out);
    }
}

/// A number below 100. Most records have several dates, and `format!` takes its time.
fn write_two_digits(number: u8, out: &mut String) {
    out.push(char::from(b'0' + number / 10));
    out.push(char::from(b'0' + number % 10));
}

/// An element's name as a key of an object, colon included.
pub(crate) fn json_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 3);
    write_json_text(name, &mut key);
    key.push(':');
    key
}

/// Appends a text as JSON, quotes included. Runs without anything to escape are copied whole.
pub fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    if ESCAPED.meets(text) {
        write_escaped(text, out);
    } else {
        out.push_str(text);
    }
    out.push('"');
}

static ESCAPED: ByteSet = ByteSet::controls_and(b"\"\\");

fn write_escaped(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(place) = rest.bytes().position(|byte| ESCAPED.has(byte)) {
        let (plain, escaped) = rest.split_at(place);
        out.push_str(plain);
        let mut chars = escaped.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("a String takes any text");
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Catalog, Value};

    #[test]
    fn numbers_get_the_declared_scale() {
        check("cnt", "1", r#"{"cnt":1.0000}"#);
        check("cnt", "1.50", r#"{"cnt":1.5000}"#);
        check("cnt", "-0.5", r#"{"cnt":-0.5000}"#);
        check("cnt", "1.500000", r#"{"cnt":1.5000}"#);
        check("cnt", "1.500001", r#"{"cnt":1.500001}"#);
        check("cnt", "90071992547409931.1", r#"{"cnt":90071992547409931.1000}"#);
        check("medc_days", "7.0", r#"{"medc_days":7}"#);
    }

    #[test]
    fn dates_and_texts() {
        check("rx_prsc_time", "20240515092005", r#"{"rx_prsc_time":"20240515092005"}"#);
        check("rxno", "CF\"1\\2\"", r#"{"rxno":"CF\"1\\2\""}"#);
        check("memo", "饭后\n一次\u{1}", r#"{"memo":"饭后\n一次\u0001"}"#);
        check("rxno", "", r#"{"rxno":""}"#);
    }

    #[test]
    fn nodes_are_lists_of_their_entity() {
        let catalog = Catalog::shipped("national").unwrap();
        let patient = catalog.entity("fsi_patient").unwrap();
        let encounter = catalog.entity("fsi_encounter").unwrap();
        let mut inner = Elements::new();
        let mdtrt_id = encounter.position("mdtrt_id").unwrap();
        inner.set(mdtrt_id, Value::Text("MZ1".to_owned()));
        let mut outer = Elements::new();
        let node = patient.position("fsi_encounter_dtos").unwrap();
        outer.set(node, Value::Node(vec![inner.clone(), inner]));

        let mut out = String::new();
        write_record_elements(patient, &outer, &mut out);
        assert_eq!(out, r#"{"fsi_encounter_dtos":[{"mdtrt_id":"MZ1"},{"mdtrt_id":"MZ1"}]}"#);
    }

    #[track_caller]
    fn check(name: &str, text: &str, expected: &str) {
        let catalog = Catalog::shipped("clinical").unwrap();
        let entity = catalog.entity("outpatient_prescription").unwrap();
        let element = entity.element(name).unwrap();
        let mut elements = Elements::new();
        let value = Value::read(element.format(), text).unwrap();
        elements.set(entity.position(name).unwrap(), value);

        let mut out = String::new();
        write_record_elements(entity, &elements, &mut out);
        assert_eq!(out, expected);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert!(json.get(name).is_some(), "it is JSON");
    }
}
