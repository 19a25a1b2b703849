//! The template engine: the only file that names it.
//!
//! Its own escaping is not used. `places` has written behind each value the filter of the place the
//! value stands in, and what is printed is what that filter gave. Numbers with a point keep the digits
//! they were written with; nothing here is a binary fraction.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use adapters::AnswerCharset;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior};
use serde_json::value::RawValue;

use super::escape;
use super::moment;

/// The filters that a template may use.
pub(crate) const FILTERS: &[&str] = &[
    "batch",
    "count",
    "date",
    "default",
    "dictsort",
    "first",
    "groupby",
    "items",
    "join",
    "json",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "number",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "trim",
    "unique",
    "upper",
    "xml",
    "zip",
];

/// Why a template cannot be read, or cannot say what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From 1; 0 when nobody knows.
    pub(crate) line: u32,
    /// Byte in the template as it was given, if known.
    pub(crate) offset: Option<usize>,
    pub(crate) message: String,
    /// What kind of fault, without any value: for the log.
    pub(crate) kind: String,
}

/// The templates of one answer file.
#[derive(Debug)]
pub(crate) struct Engine {
    environment: Environment<'static>,
}

/// The variables of one answer.
#[derive(Clone, Debug)]
pub(crate) struct Variables {
    by_name: BTreeMap<String, Value>,
}

impl Variables {
    /// From a JSON object, over `names`: a variable that is not in it is there and has no value.
    pub(crate) fn new(names: &[&str], json: &str) -> Result<Variables, Fault> {
        let mut by_name: BTreeMap<String, Value> =
            names.iter().map(|it| ((*it).to_owned(), Value::from(()))).collect();
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(json).map_err(|_| no_json())?;
        for (name, raw) in members {
            by_name.insert(name, exact(raw, 0)?);
        }
        Ok(Variables { by_name })
    }

    /// Adds a text.
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.by_name.insert(name.to_owned(), Value::from(text));
    }

    /// Adds a JSON value.
    pub(crate) fn set_json(&mut self, name: &str, json: &str) -> Result<(), Fault> {
        let raw: &RawValue = serde_json::from_str(json).map_err(|_| no_json())?;
        self.by_name.insert(name.to_owned(), exact(raw, 0)?);
        Ok(())
    }
}

impl Engine {
    pub(crate) fn new() -> Engine {
        let mut environment = Environment::new();
        environment.set_debug(false);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.remove_global("debug");
        environment.set_syntax(whitespace());
        environment.add_filter("date", date);
        environment.add_filter("json", json);
        environment.add_filter("number", number);
        environment.add_filter("xml", |value: &Value| written(value, escape::xml_text));
        add_places(&mut environment);
        Engine { environment }
    }

    /// Takes a template in, escapes written.
    pub(crate) fn add(&mut self, name: &str, prepared: String) -> Result<(), Fault> {
        let added = self.environment.add_template_owned(name.to_owned(), prepared);
        added.map_err(|error| fault(&error))
    }

    /// What the template says.
    pub(crate) fn render(&self, name: &str, variables: &Variables) -> Result<String, Fault> {
        let template = self.environment.get_template(name).map_err(|error| fault(&error))?;
        let context: Value = variables.by_name.clone().into();
        template.render(context).map_err(|error| fault(&error))
    }
}

/// Whether a template can be read, and the variables it asks for (`request.serial`), by the text as
/// its author wrote it.
pub(crate) fn variables_of(source: &str) -> Result<Vec<String>, Fault> {
    let mut environment = Environment::new();
    environment.set_debug(true); // for the place of a fault
    let template = environment.template_from_str(source).map_err(|error| fault(&error))?;
    let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    names.sort();
    Ok(names)
}

/// A line that holds only a tag leaves nothing behind.
fn whitespace() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    syntax.build().expect("the usual marks do not contradict each other")
}

fn add_places(environment: &mut Environment<'_>) {
    use super::places;
    let mut add = |name: &'static str, escape: fn(&str, &mut String)| {
        environment.add_filter(name, move |value: &Value| written(value, escape));
    };
    add(places::XML_TEXT, escape::xml_text);
    add(places::XML_ATTRIBUTE, escape::xml_attribute);
    add(places::JSON_STRING, escape::json_string);
    add(places::HL7_FIELD, escape::hl7);
    add(places::LINE, escape::line);
    environment.add_filter(places::JSON_VALUE, json);
    environment.add_filter(places::XML_NAME, |value: &Value| {
        let name = text(value)?;
        if escape::is_xml_name(&name) {
            Ok(name)
        } else {
            Err(wrong("this is no name of an element"))
        }
    });
    environment.add_filter(places::CDATA, |state: &State<'_, '_>, value: &Value| {
        let label = state.lookup("charset");
        let charset = label.and_then(|it| AnswerCharset::of_label(it.as_str()?));
        written(value, |text, out| escape::cdata(text, charset.unwrap_or_default(), out))
    });
}

fn written(value: &Value, escape: impl Fn(&str, &mut String)) -> Result<String, Error> {
    let text = text(value)?;
    let mut out = String::with_capacity(text.len() + 16);
    escape(&text, &mut out);
    Ok(out)
}

/// A value as text; nothing for what has no value. A list has no text of its own.
fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::None => Ok(String::new()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable if !is_decimal(value) => {
            Err(wrong("a list or group has no text of its own: use join, or name a member"))
        }
        _ => Ok(value.to_string()),
    }
}

/// A value as JSON: a text in quotes, a number as it was written.
fn json(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_json(value, &mut out)?;
    Ok(out)
}

/// As deep as the values are, which is bounded where they were read.
fn write_json(value: &Value, out: &mut String) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(&value.to_string()),
        ValueKind::Number if value.is_integer() => out.push_str(&value.to_string()),
        _ if is_decimal(value) => out.push_str(&value.to_string()),
        ValueKind::Map => {
            out.push('{');
            for (position, key) in value.try_iter()?.enumerate() {
                out.push_str(if position > 0 { ",\"" } else { "\"" });
                escape::json_string(&key.to_string(), out);
                out.push_str("\":");
                write_json(&value.get_item(&key)?, out)?;
            }
            out.push('}');
        }
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (position, item) in value.try_iter()?.enumerate() {
                out.push_str(if position > 0 { "," } else { "" });
                write_json(&item, out)?;
            }
            out.push(']');
        }
        _ => {
            out.push('"');
            escape::json_string(&value.to_string(), out);
            out.push('"');
        }
    }
    Ok(())
}

/// A text that is a number, as that number: `"3"` where the dialect wants `3`. What is no number stays
/// what it is: a wrong type in an answer is better than no answer.
fn number(value: &Value) -> Value {
    let number = value.as_str().and_then(|it| schemas::Number::parse(it.trim()));
    number.map_or_else(|| value.clone(), |it| Value::from_object(Decimal(it.to_string())))
}

/// `20240515092005` in another notation.
fn date(value: &Value, pattern: &str) -> Result<String, Error> {
    let text = text(value)?;
    if text.is_empty() {
        return Ok(text);
    }
    moment::write(&text, pattern)
        .ok_or_else(|| wrong("date() writes YYYYMMDD or YYYYMMDDhhmmss by yyyy MM dd HH mm ss"))
}

fn wrong(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// A number with the digits it was written with.
#[derive(Debug)]
struct Decimal(String);

impl Object for Decimal {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_decimal(value: &Value) -> bool {
    value.downcast_object_ref::<Decimal>().is_some()
}

/// A JSON value without any binary fraction. What is answered is never this deep.
fn exact(raw: &RawValue, depth: usize) -> Result<Value, Fault> {
    const DEPTH_MAX: usize = 24;
    if depth > DEPTH_MAX {
        return Err(no_json());
    }
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> =
                serde_json::from_str(text).map_err(|_| no_json())?;
            let pairs = members.into_iter().map(|(name, it)| Ok((name, exact(it, depth + 1)?)));
            pairs.collect::<Result<BTreeMap<String, Value>, Fault>>()?.into()
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| no_json())?;
            let items = items.into_iter().map(|it| exact(it, depth + 1));
            items.collect::<Result<Vec<Value>, Fault>>()?.into()
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(|_| no_json())?;
            Value::from(text)
        }
        Some(b't') => Value::from(true),
        Some(b'f') => Value::from(false),
        Some(b'n') | None => Value::from(()),
        Some(_) => match text.parse::<i64>() {
            Ok(whole) => Value::from(whole),
            Err(_) => Value::from_object(Decimal(text.to_owned())),
        },
    })
}

fn no_json() -> Fault {
    let message = "the variables are not the JSON object they should be".to_owned();
    Fault { line: 0, offset: None, kind: message.clone(), message }
}

fn fault(error: &Error) -> Fault {
    let kind = error.kind().to_string();
    let message = match error.detail() {
        Some(detail) => format!("{kind}: {detail}"),
        None => kind.clone(),
    };
    let line = error.line().and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
    Fault { line, offset: error.range().map(|it| it.start), message, kind }
}
