//! The schema of the request, from what its own readers ask for.

use serde_json::{Map, Value, json};

use super::asked::{Asked, Kind, Members};
use super::read_groups;
use crate::json::Json;
use crate::reading::{Object, Reading};
use crate::vocabulary::element_zh;

/// A JSON Schema of what [`super::read`] accepts. That no two lines have the same `rx_id` is more than
/// it can say; how many lines a list may have is told where one is refused.
#[must_use]
pub fn schema() -> Value {
    let asked = asked();
    let mut schema = object(&asked, "");
    if let Some(members) = schema.as_object_mut() {
        let told = "各组和数据元见手册 check.md；没有问过的组不写，问过没有的写空。\
                    各行的 rx_id 互不相同；不认识的成员不看";
        members.insert("description".to_owned(), Value::from(told));
    }
    schema
}

/// Reads a request that has every group, and writes down what is asked for: that does not depend on what is
/// sent.
fn asked() -> Asked {
    let mut reading = Reading::asking();
    if let Ok(json) = Json::parse(EVERY_GROUP) {
        read_groups(&Object { path: String::new(), json: &json }, &mut reading);
    }
    reading.into_asked()
}

const EVERY_GROUP: &str = r#"{
    "patient":{"-":0},"encounter":{"-":0},"diagnoses":[{}],"orders":[{"rx_id":"1"}],"prescriber":{"-":0},
    "allergies":[{}],"labs":[{}],"fees":[{"rx_id":"1"}],"surgeries":[{}],
    "history":{"orders":[{"rx_id":"1"}],"stays":[{}],"diagnoses":[{}],"allergies":[{}],"labs":[{}]}}"#;

fn object(asked: &Asked, path: &str) -> Value {
    let nothing = Members::default();
    let members = asked.0.get(path).unwrap_or(&nothing);
    let of = |(name, kind): (&String, &Kind)| {
        let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let mut schema = element(asked, &at, kind);
        if let (Some(zh), Some(schema)) = (element_zh(&at), schema.as_object_mut()) {
            schema.insert("description".to_owned(), Value::from(zh));
        }
        (name.clone(), schema)
    };
    let properties: Map<String, Value> = members.kinds.iter().map(of).collect();
    let needed: Vec<Value> = members.needed.iter().map(|it| one_of(it)).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if let Some(members) = schema.as_object_mut().filter(|_| !needed.is_empty()) {
        members.insert("allOf".to_owned(), Value::from(needed));
    }
    schema
}

/// One of these must be there, and not be blank.
fn one_of(names: &[&str]) -> Value {
    let said = json!({ "type": ["string", "number", "boolean"], "pattern": "\\S" });
    let sent = |name: &&str| json!({ "required": [name], "properties": { *name: said } });
    match names {
        [name] => sent(name),
        _ => json!({ "anyOf": names.iter().map(sent).collect::<Vec<_>>() }),
    }
}

fn element(asked: &Asked, path: &str, kind: &Kind) -> Value {
    let number = json!({ "type": ["number", "boolean", "null"] });
    let text =
        |pattern: &str| json!({ "type": "string", "pattern": format!("^ *({pattern})? *$") });
    match kind {
        Kind::Text => json!({ "type": ["string", "number", "boolean", "null"] }),
        Kind::Number => json!({ "anyOf": [number, text(NUMBER)] }),
        Kind::Dose => json!({ "anyOf": [number, text(&format!("{NUMBER}|{STEPS}"))] }),
        Kind::Steps => json!({ "anyOf": [
            { "type": "null" }, text(STEPS), { "type": "array", "items": { "type": "number" } },
        ] }),
        Kind::Moment => moment(),
        Kind::Flag => json!({ "enum": [
            "1", "0", 1, 0, true, false, "true", "false", "y", "n", "Y", "N", "是", "否", "", null,
        ] }),
        Kind::Code(codes) => json!({ "enum": code(codes) }),
        Kind::Texts => json!({ "type": ["array", "string", "number", "boolean", "null"] }),
        Kind::Rights => rights(),
        Kind::Object => json!({ "anyOf": [{ "type": "null" }, object(asked, path)] }),
        Kind::Objects => {
            let one = object(asked, path);
            json!({ "anyOf": [{ "type": "null" }, one, { "type": "array", "items": one }] })
        }
    }
}

/// A code may be written as a number, and yes is 1.
fn code(codes: &[String]) -> Vec<Value> {
    let number = |it: &String| it.parse::<u32>().ok().filter(|number| number.to_string() == *it);
    let has = |it: &str| codes.iter().any(|code| code == it);
    let numbers = codes.iter().filter_map(number).map(Value::from);
    let flags = [("1", true), ("0", false)].into_iter().filter(|it| has(it.0));
    let texts = codes.iter().cloned().map(Value::from);
    let blank = [Value::from(""), Value::Null];
    texts.chain(numbers).chain(flags.map(|it| Value::from(it.1))).chain(blank).collect()
}

fn moment() -> Value {
    let of = |digits: u32| {
        let (from, below) = (10_u64.pow(digits - 1), 10_u64.pow(digits));
        json!({ "type": "number", "minimum": from, "exclusiveMaximum": below })
    };
    let text = json!({ "type": "string", "pattern": format!("^ *({MOMENT})? *$") });
    json!({ "anyOf": [{ "type": "null" }, text, of(8), of(10), of(12), of(14)] })
}

/// A word, or a word with the day until which it holds; one of them or a list.
fn rights() -> Value {
    let words: Vec<Value> =
        Kind::rights().map(Value::from).chain([Value::from(""), Value::Null]).collect();
    let until = json!({ "right": { "enum": words }, "to": moment() });
    let one = json!({ "anyOf": [
        { "enum": words }, { "type": "object", "properties": until }, { "type": ["number", "boolean"] },
    ] });
    json!({ "anyOf": [one, { "type": "array", "items": one }] })
}

const NUMBER: &str = r"[-+]?([0-9]{1,18}(\.[0-9]{0,9})?|\.[0-9]{1,9})";
const STEPS: &str = "[1-9][0-9]{0,8}([-~～至][1-9][0-9]{0,8}|([→,，、;][1-9][0-9]{0,8}){1,19})";
const MOMENT: &str = "[0-9]{8}|[0-9]{10}|[0-9]{12}|[0-9]{14}|[0-9]{17}|\
    [0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([ T][0-9]{1,2}(:[0-9]{1,2}){0,2})?";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_described() {
        let schema = schema();
        let check = |path: &str, expected: &str| {
            let described = schema.pointer(path).unwrap_or(&Value::Null).to_string();
            assert!(described.contains(expected), "{path}: {described}");
        };
        check("/properties/scene/enum", "\"monthly_batch\"");
        check(
            "/properties/patient/anyOf/1/properties/gend/enum",
            r#"["0","1","2","9","男","女",0"#,
        );
        check("/properties/patient/anyOf/1/properties/algs", "\"string\"");
        check("/properties/orders/anyOf/2/items/properties/cnt", "数量");
        check("/properties/orders/anyOf/1/allOf/0", "rx_id");
        check("/properties/fees/anyOf/1/allOf/0", "feedetl_sn");
        check("/properties/history/anyOf/1/properties/stays/anyOf/1/properties/dscg_way", "string");
        check(
            "/properties/history/anyOf/1/properties/orders/anyOf/1/properties/fee_ocur_time",
            "{8}",
        );
        check("/properties/prescriber/anyOf/1/properties/rights", "麻精一");
    }

    /// Every word that some table of codes has, tried with every element that is a code.
    #[test]
    fn the_words_for_a_code_are_those_that_are_read() {
        let schema = schema();
        let tables = include_str!("../vocabulary.rs").split("fn element_zh").next().unwrap();
        let words: Vec<&str> = tables.split('"').skip(1).step_by(2).collect();
        assert!(words.len() > 100, "{words:?}");
        for (group, name) in [
            ("patient", "gend"),
            ("patient", "matn_stas"),
            ("encounter", "med_mdtrt_type"),
            ("encounter", "medins_lv"),
            ("prescriber", "drord_dr_profttl"),
            ("allergies", "algs_sev"),
            ("surgeries", "sinc_type"),
            ("orders", "skin_test_rslt"),
        ] {
            let path = format!("/properties/{group}/anyOf/1/properties/{name}/enum");
            let told = schema.pointer(&path).and_then(Value::as_array).expect(&path);
            for word in &words {
                let line = format!(r#""rx_id":"1","hosplist_code":"Y","{name}":"{word}""#);
                let is_read = super::super::read(&format!(r#"{{"{group}":{{{line}}}}}"#)).is_ok();
                assert_eq!(told.contains(&Value::from(*word)), is_read, "{group}.{name} {word}");
            }
        }
    }

    /// Of two names for one thing the first is used; what is wrong with the second is told all the same.
    #[test]
    fn what_is_described_is_read_whatever_else_is_sent() {
        let faults = |text: &str| super::super::read(text).err().unwrap_or_default().len();
        let of_line = r#"{"orders":[{"rx_id":"1","hosplist_name":"药","hilist_name":{},"bilg_dept_codg":"1",
            "drord_dept_codg":[]}],"fees":[{"rx_id":"1","feedetl_sn":[]}]}"#;
        assert_eq!(faults(of_line), 3);
        let of_visit = r#"{"encounter":{"begntime":"20260101","adm_date":"x"},"patient":{"age_unt":{},"algs":[]},
            "allergies":[],"surgeries":[{"sinc_time":"20260101","oprn_oprt_begntime":[]}]}"#;
        assert_eq!(faults(of_visit), 4);
    }

    #[test]
    fn the_words_of_the_schema_are_those_of_the_reader() {
        let is_read = |name: &str, value: &str| {
            let line = format!(r#"{{"rx_id":"1","hosplist_code":"Y","{name}":{value}}}"#);
            super::super::read(&format!(r#"{{"orders":[{line}]}}"#)).is_ok()
        };
        for (name, value, expected) in [
            ("cnt", "1e300", true),
            ("cnt", "1e-300", true),
            ("cnt", "\".5\"", true),
            ("cnt", "\"1.\"", true),
            ("cnt", "\"三\"", false),
            ("cnt", "[]", false),
            ("step_sdose", "[]", true),
            ("step_sdose", "[5, 1e300]", true),
            ("step_sdose", "\"5\"", false),
            ("drug_used_sdose", "\"5-10\"", true),
            ("drord_begn_date", "20260101.5", true),
            ("drord_begn_date", "2026010", false),
            ("drord_begn_date", "\"2026-1-1 9:5\"", true),
            ("slvt_flag", "\"Y\"", true),
            ("slvt_flag", "2", false),
        ] {
            assert_eq!(is_read(name, value), expected, "{name} {value}");
        }
    }
}
