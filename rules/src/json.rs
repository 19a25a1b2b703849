//! JSON as callers send it, without ever turning a number into a binary float.
//!
//! `serde_json::Value` would read `0.1` as the nearest double. A dose must stay the digits that
//! were sent, so numbers are text here. Names and texts are borrowed from the message where they hold
//! no escape: a check with a long past has ten thousand of them. Depth is bounded, and a member that
//! appears twice is refused: nobody can say which of two doses was meant.

mod read;

use std::borrow::Cow;

/// One JSON value; numbers are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<Member<'a>>),
}

/// A name and its value.
pub(crate) type Member<'a> = (Cow<'a, str>, Json<'a>);

impl<'a> Json<'a> {
    /// The value, or a sentence (Chinese, without any of the content) that says what is wrong.
    pub(crate) fn parse(text: &'a str) -> Result<Json<'a>, String> {
        read::document(text)
    }

    /// The same view of a value that somebody else parsed.
    pub(crate) fn from_value(value: &'a serde_json::Value) -> Json<'a> {
        use serde_json::Value;
        match value {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Number(number) => Json::Number(number.to_string().into()),
            Value::String(text) => Json::Text(text.into()),
            Value::Array(items) => Json::List(items.iter().map(Json::from_value).collect()),
            Value::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(name, value)| (name.into(), Json::from_value(value)))
                    .collect(),
            ),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        match self {
            Json::Object(members) => {
                members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The same value on its own, free of the text it was read from.
    pub(crate) fn to_static(&self) -> Json<'static> {
        let own = |it: &Cow<'_, str>| Cow::Owned(it.clone().into_owned());
        match self {
            Json::Null => Json::Null,
            Json::Bool(flag) => Json::Bool(*flag),
            Json::Number(text) => Json::Number(own(text)),
            Json::Text(text) => Json::Text(own(text)),
            Json::List(items) => Json::List(items.iter().map(Json::to_static).collect()),
            Json::Object(members) => {
                Json::Object(members.iter().map(|(name, it)| (own(name), it.to_static())).collect())
            }
        }
    }

    /// Callers send one object where the interface says list, and the other way round.
    pub(crate) fn as_items(&self) -> &[Json<'a>] {
        match self {
            Json::Null => &[],
            Json::List(items) => items,
            other => std::slice::from_ref(other),
        }
    }
}
