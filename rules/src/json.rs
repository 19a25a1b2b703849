//! Reads JSON without ever turning a number into a binary float.
//!
//! `serde_json::Value` would read `0.1` as the nearest double. A dose must stay the digits that
//! were sent, so numbers are kept as text here. Depth is bounded, and a member that appears twice
//! is refused: nobody can say which of two doses was meant.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Deeper than any message of the interface; keeps hostile input from exhausting the stack.
const DEPTH_MAX: usize = 24;

/// One JSON value; numbers are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value, or a sentence (Chinese, without any of the content) that says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Json, String> {
        let raw: &RawValue = serde_json::from_str(text)
            .map_err(|error| format!("第{}行第{}列不是JSON", error.line(), error.column()))?;
        build(raw, 0)
    }

    /// The same view of a value that somebody else parsed.
    pub(crate) fn from_value(value: &serde_json::Value) -> Json {
        use serde_json::Value;
        match value {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Number(number) => Json::Number(number.to_string()),
            Value::String(text) => Json::Text(text.clone()),
            Value::Array(items) => Json::List(items.iter().map(Json::from_value).collect()),
            Value::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(name, value)| (name.clone(), Json::from_value(value)))
                    .collect(),
            ),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => {
                members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Callers send one object where the interface says list, and the other way round.
    pub(crate) fn as_items(&self) -> &[Json] {
        match self {
            Json::Null => &[],
            Json::List(items) => items,
            other => std::slice::from_ref(other),
        }
    }
}

fn build(raw: &RawValue, depth: usize) -> Result<Json, String> {
    if depth > DEPTH_MAX {
        return Err(format!("嵌套超过{DEPTH_MAX}层"));
    }
    let text = raw.get();
    let broken = |_| "不是JSON".to_owned();
    match text.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(text).map_err(broken)?;
            build_object(members, depth)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(broken)?;
            let items: Result<_, _> =
                items.into_iter().map(|item| build(item, depth + 1)).collect();
            items.map(Json::List)
        }
        Some(b'"') => serde_json::from_str(text).map(Json::Text).map_err(broken),
        Some(b'n') => Ok(Json::Null),
        Some(b't') => Ok(Json::Bool(true)),
        Some(b'f') => Ok(Json::Bool(false)),
        _ => Ok(Json::Number(text.to_owned())),
    }
}

fn build_object(members: Vec<(String, &RawValue)>, depth: usize) -> Result<Json, String> {
    let mut built: Vec<(String, Json)> = Vec::with_capacity(members.len());
    let mut names = std::collections::HashSet::new();
    for (name, raw) in members {
        if !names.insert(name.clone()) {
            return Err("同一个对象里有两个同名元素，无法判断以哪个为准".to_owned());
        }
        built.push((name, build(raw, depth + 1)?));
    }
    Ok(Json::Object(built))
}

/// The members of an object in the order sent, repeats included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        check("0.1", r#"Number("0.1")"#);
        check("1790000000000000123", r#"Number("1790000000000000123")"#);
        check("[1.50, \"1.50\"]", r#"List([Number("1.50"), Text("1.50")])"#);
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        check(r#"{"a":1,"a":2}"#, "同一个对象里有两个同名元素，无法判断以哪个为准");
        check(&"[".repeat(100_000), "第1行第100000列不是JSON");
        let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
        check(&deep, "嵌套超过24层");
        check("{\"a\":NaN}", "第1行第6列不是JSON");
        check("", "第1行第0列不是JSON");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let actual = match Json::parse(text) {
            Ok(json) => format!("{json:?}"),
            Err(sentence) => sentence,
        };
        assert_eq!(actual, expected);
    }
}
