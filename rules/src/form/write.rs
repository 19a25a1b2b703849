//! A rule as TOML, for people: one member a line, and of a condition one part a line.

use std::fmt::Write as _;

use serde_json::Value;

/// Writes a rule as a file of `[[rule]]`, or says what is no rule at all. Whether it is a good one is
/// the loader's to say.
pub fn to_toml(rule: &Value) -> Result<String, String> {
    let members = rule.as_object().ok_or("a rule is an object")?;
    let mut out = "[[rule]]\n".to_owned();
    for (name, value) in members.iter().filter(|(name, _)| *name != "parameters") {
        member(name, value, &mut out);
    }
    match members.get("parameters") {
        None | Some(Value::Null) => {}
        Some(Value::Object(parameters)) => {
            out.push_str("\n[rule.parameters]\n");
            for (name, value) in parameters {
                member(name, value, &mut out);
            }
        }
        Some(_) => return Err("`parameters` is an object".to_owned()),
    }
    Ok(out)
}

/// What is null is left out: TOML has no word for it.
fn member(name: &str, value: &Value, out: &mut String) {
    if !value.is_null() {
        let _ = write!(out, "{} = ", key(name));
        inline(value, 0, out);
        out.push('\n');
    }
}

fn inline(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("\"\""),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Array(items) => list(items, depth, out),
        Value::Object(members) => {
            out.push_str("{ ");
            for (at, (name, value)) in members.iter().filter(|(_, it)| !it.is_null()).enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                let _ = write!(out, "{comma}{} = ", key(name));
                inline(value, depth, out);
            }
            out.push_str(" }");
        }
    }
}

/// A list of tables is a list of lines; any other stays in its own.
fn list(items: &[Value], depth: usize, out: &mut String) {
    let is_long = items.iter().any(Value::is_object);
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if is_long {
            let _ = write!(out, "\n{}", "  ".repeat(depth + 1));
        } else if at > 0 {
            out.push(' ');
        }
        inline(item, depth + 1, out);
        if is_long || at + 1 < items.len() {
            out.push(',');
        }
    }
    if is_long {
        let _ = write!(out, "\n{}", "  ".repeat(depth));
    }
    out.push(']');
}

fn key(name: &str) -> String {
    let is_bare = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A JSON text is a TOML text, but for one letter that TOML does not take as it is.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}
