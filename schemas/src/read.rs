//! Reads the values of a record back from its JSON, for receivers. Whoever has read a record can
//! validate it like one that was just made.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::elements::Elements;
use crate::entity::{DataElement, Entity};
use crate::number::Number;
use crate::value::Value;

/// Reads a JSON object of elements by name. A value of another type than its format asks for is
/// kept as text, which validation then names; a member that the entity does not have is an error.
pub fn read_record_elements(entity: &Entity, json: &RawValue) -> Result<Elements, String> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json.get())
        .map_err(|_| "elements are not a JSON object".to_owned())?;
    let mut elements = Elements::new();
    for (name, value) in members {
        let position = entity
            .position(&name)
            .ok_or_else(|| format!("`{}` has no element `{name}`", entity.name()))?;
        let element = entity.elements().get(position).expect("`position` gives places that exist");
        elements.set(position, read_value(element, value)?);
    }
    Ok(elements)
}

fn read_value(element: &DataElement, json: &RawValue) -> Result<Value, String> {
    let wrong = || format!("`{}` is neither text, number nor list", element.name());
    let json = json.get();
    if json.starts_with('"') {
        let text: String = serde_json::from_str(json).map_err(|_| wrong())?;
        return Ok(Value::read(element.format(), &text).unwrap_or(Value::Text(text)));
    }
    if json.starts_with('[') {
        let child = element.child().ok_or_else(wrong)?;
        let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| wrong())?;
        // Entities nest at most as deep as the dictionary says, so this recursion ends.
        let records = items.into_iter().map(|it| read_record_elements(child, it));
        return records.collect::<Result<Vec<_>, _>>().map(Value::Node);
    }
    Number::parse(json).map(Value::Number).ok_or_else(wrong)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{Catalog, write_record_elements};

    use super::*;

    #[test]
    fn what_was_written_is_read() {
        check(
            r#"{"rxno":"CF1","rx_prsc_time":"20240515092005","rx_srt_no":1,"cnt":1.5000}"#,
            r#"{"rxno":"CF1","rx_prsc_time":"20240515092005","cnt":1.5000,"rx_srt_no":1}"#,
        );
        check(r#"{"rx_nope":1}"#, "`outpatient_prescription` has no element `rx_nope`");
        check(r#"{"rxno":true}"#, "`rxno` is neither text, number nor list");
        check("[]", "elements are not a JSON object");
    }

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let catalog = Catalog::shipped("clinical").unwrap();
        let entity = catalog.entity("outpatient_prescription").unwrap();
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        let actual = match read_record_elements(entity, &raw) {
            Ok(elements) => {
                let mut out = String::new();
                write_record_elements(entity, &elements, &mut out);
                out
            }
            Err(message) => message,
        };
        // The entity's order decides, whatever order they came in.
        let sorted = |text: &str| {
            let mut bytes: Vec<char> = text.chars().collect();
            bytes.sort_unstable();
            bytes
        };
        assert_eq!(sorted(&actual), sorted(expected), "{actual}");
    }
}
