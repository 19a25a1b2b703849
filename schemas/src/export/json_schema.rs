//! One JSON Schema (2020-12) document of the dictionary, for whoever receives records.
//!
//! The document itself describes a standard record by its `entity` and `elements`; `$defs` has the
//! elements of each entity by its name.

use serde_json::{Map, Value, json};

use crate::catalog::Catalog;
use crate::domain::ValueDomain;
use crate::entity::{DataElement, Entity, Required};
use crate::format::Format;

/// The dictionary as a JSON Schema document.
#[must_use]
pub fn json_schema(catalog: &Catalog) -> String {
    let names: Vec<_> = catalog.entities().map(Entity::name).collect();
    let branches: Vec<_> = names.iter().map(|name| branch(name)).collect();
    let definitions: Map<_, _> =
        catalog.entities().map(|entity| (entity.name().to_owned(), definition(entity))).collect();
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:his-agent:schemas:{}:{}", catalog.version(), catalog.profile()),
        "title": catalog.name(),
        "type": "object",
        "required": ["entity", "elements"],
        "properties": { "entity": { "enum": names }, "elements": { "type": "object" } },
        "allOf": branches,
        "$defs": definitions,
    });
    // `{:#}` is the indented form; writing a value that is in memory cannot fail.
    format!("{document:#}\n")
}

/// If the record is of this entity, then its elements are the entity's.
fn branch(name: &str) -> Value {
    json!({
        "if": { "properties": { "entity": { "const": name } } },
        "then": { "properties": { "elements": { "$ref": format!("#/$defs/{name}") } } },
    })
}

fn definition(entity: &Entity) -> Value {
    let required: Vec<_> = entity
        .elements()
        .iter()
        .filter(|element| element.required() == Required::Yes)
        .map(DataElement::name)
        .collect();
    let properties: Map<_, _> = entity
        .elements()
        .iter()
        .map(|element| (element.name().to_owned(), property(element)))
        .collect();
    json!({
        "title": entity.zh_name(),
        "description": entity.what(),
        "type": "object",
        "x-key": entity.key(),
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn property(element: &DataElement) -> Value {
    let mut schema = Map::new();
    schema.insert("title".to_owned(), json!(element.zh_name()));
    if !element.notes().is_empty() {
        schema.insert("description".to_owned(), json!(element.notes()));
    }
    let closed = element.value_domain().filter(|domain| domain.closed());
    shape(element, closed.is_some(), &mut schema);
    if let Some(domain) = closed {
        schema.insert("enum".to_owned(), codes(element.format(), domain));
    }
    if let Some(domain) = element.domain() {
        schema.insert("x-domain".to_owned(), json!(domain));
    }
    schema.insert("x-format".to_owned(), json!(element.format().to_string()));
    if element.required() == Required::Conditional {
        schema.insert("x-conditional".to_owned(), json!(true));
    }
    if !element.confirmed() {
        schema.insert("x-unconfirmed".to_owned(), json!(true));
    }
    Value::Object(schema)
}

/// Type and bounds. A coded text has no bounds besides its codes, as in validation.
fn shape(element: &DataElement, coded: bool, schema: &mut Map<String, Value>) {
    let mut put = |key: &str, value: Value| {
        schema.insert(key.to_owned(), value);
    };
    match element.format() {
        Format::Number { min_digits, max_len, scale } => {
            put("type", json!("number"));
            put("multipleOf", power_of_ten(-i64::from(*scale)));
            let bound = crate::format::before_point(*max_len, *scale);
            put("exclusiveMinimum", negative_power_of_ten(bound));
            put("exclusiveMaximum", power_of_ten(i64::from(bound)));
            if *min_digits > 0 {
                let least = crate::format::before_point(*min_digits, *scale);
                put("minimum", power_of_ten(i64::from(least) - 1));
            }
        }
        Format::Node => {
            put("type", json!("array"));
            if let Some(child) = element.child() {
                put("items", json!({ "$ref": format!("#/$defs/{}", child.name()) }));
            }
        }
        Format::Text { min, max } => {
            put("type", json!("string"));
            // A required text of nothing counts as absent.
            let least = (*min).max(u32::from(element.required() == Required::Yes));
            if !coded && least > 0 {
                put("minLength", json!(least));
            }
            if let Some(max) = max.filter(|_| !coded) {
                put("maxLength", json!(max));
            }
        }
        Format::Boolean => {
            put("type", json!("string"));
            put("enum", json!(["y", "n"]));
        }
        Format::Binary { media } => {
            put("type", json!("string"));
            put("contentEncoding", json!("base64"));
            put("contentMediaType", json!(format!("image/{}", media.to_lowercase())));
        }
        Format::Date => {
            put("type", json!("string"));
            put("pattern", json!(format!("^{DATE}$")));
        }
        Format::Time => {
            put("type", json!("string"));
            put("pattern", json!(format!("^{TIME}$")));
        }
        Format::DateTime => {
            put("type", json!("string"));
            put("pattern", json!(format!("^{DATE}{TIME}$")));
        }
    }
}

const DATE: &str = "(1[89]|[2-9][0-9])[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])";
const TIME: &str = "([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]";

/// The codes as a record holds them: as numbers when the element is one.
fn codes(format: &Format, domain: &ValueDomain) -> Value {
    let number = matches!(format, Format::Number { .. });
    let code = |text: &str| match serde_json::from_str(text) {
        Ok(value) if number => value,
        _ => json!(text),
    };
    domain.codes().map(|(text, _)| code(text.as_str())).collect()
}

/// 1, 100, 0.01. Bounds of a schema only: no value of a record is ever computed from them.
fn power_of_ten(exponent: i64) -> Value {
    serde_json::from_str(&format!("1e{exponent}"))
        .ok()
        .filter(|_| !(0..=18).contains(&exponent))
        .unwrap_or_else(|| json!(10_u64.pow(u32::try_from(exponent).unwrap_or(0))))
}

fn negative_power_of_ten(exponent: u32) -> Value {
    if exponent <= 18 {
        return json!(-(10_i64.pow(exponent)));
    }
    serde_json::from_str(&format!("-1e{exponent}")).unwrap_or(Value::Null)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        check(
            "outpatient_prescription",
            "cnt",
            r#"{"title":"数量","type":"number","multipleOf":0.0001,"exclusiveMinimum":-100000000000,"exclusiveMaximum":100000000000,"x-format":"N..16,4"}"#,
        );
        check(
            "outpatient_registration",
            "gend",
            r#"{"title":"性别","type":"string","enum":["0","1","2","9"],"x-domain":"gend","x-format":"C..6"}"#,
        );
        check(
            "outpatient_registration",
            "patn_id",
            r#"{"title":"院内患者标识","description":"the hospital's own patient id","type":"string","minLength":1,"maxLength":50,"x-format":"C..50"}"#,
        );
        check(
            "envelope_response",
            "infcode",
            r#"{"title":"交易状态码","description":"met both as number and as text; also HN NT SZ JS GD","type":"number","multipleOf":1,"exclusiveMinimum":-10000,"exclusiveMaximum":10000,"enum":[-1,0],"x-domain":"infcode","x-format":"N..4"}"#,
        );
        check(
            "fsi_feedback",
            "warns",
            r##"{"title":"处理数据集合","description":"HN 3103.data; also PY OH","type":"array","items":{"$ref":"#/$defs/fsi_feedback_warn"},"x-format":"node"}"##,
        );
        check(
            "gateway_header_tif",
            "x-tif-timestamp",
            r#"{"title":"时间戳","description":"in seconds; also GD NT; length unpublished","type":"number","multipleOf":1,"exclusiveMinimum":-10000000000,"exclusiveMaximum":10000000000,"minimum":1000000000,"x-format":"N10"}"#,
        );
    }

    #[test]
    fn one_document_with_a_definition_for_each_entity() {
        let national = Catalog::shipped("national").unwrap();
        let document: Value = serde_json::from_str(&json_schema(&national)).unwrap();
        assert_eq!(document["$id"], "urn:his-agent:schemas:2024.1:national");
        assert_eq!(document["$defs"].as_object().unwrap().len(), 63);
        assert_eq!(document["allOf"].as_array().unwrap().len(), 63);
        assert_eq!(document["$defs"]["person"]["x-key"], json!(["psn_cert_type", "certno"]));
        let properties = &document["$defs"]["outpatient_prescription"]["properties"];
        assert_eq!(properties["drug_used-idose"]["x-unconfirmed"], true);
    }

    #[track_caller]
    fn check(entity: &str, element: &str, expected: &str) {
        let catalog = Catalog::shipped("clinical").unwrap();
        let element = catalog.entity(entity).unwrap().element(element).unwrap();
        assert_eq!(property(element).to_string(), expected);
    }
}
