//! Every REST door as OpenAPI 3.1, for programs, and as a page, for people. Both are written from the
//! tables here; a test holds them equal to the routes that the sources name, in both directions.
//!
//! A new route is a line in `operations` or `control`; the test names it until it is there.

mod control;
mod operations;
mod page;
mod schemas;

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use bytes::Bytes;
use http::{Method, header};
use serde_json::{Map, Value, json};

use crate::control::rights::{Right, Role};

/// Who can reach an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Door {
    /// HIS 和别的系统 | the HIS and other systems
    His,
    /// 运维：健康、就绪、指标 | operators: health, readiness, metrics
    Operators,
    /// 本机命令用的套接字 | the socket of the commands
    Control,
}

/// One thing that can be asked.
#[derive(Clone, Copy, Debug)]
struct Operation {
    verb: &'static str,
    path: &'static str,
    /// Under which heading it stands.
    tag: &'static str,
    /// What it does, one sentence.
    zh: &'static str,
    query: &'static [Parameter],
    body: Body,
    /// What it answers when it is done.
    done: Says,
    /// Other statuses.
    refusals: &'static [u16],
    /// What is answered with them.
    refused: Says,
    /// Whether callers may have to say who they are.
    knows_callers: bool,
    /// What whoever asks must have the right to, of the admin API.
    needs: Option<Right>,
}

/// One member of the address behind the question mark.
#[derive(Clone, Copy, Debug)]
struct Parameter {
    name: &'static str,
    zh: &'static str,
    /// A JSON Schema.
    schema: &'static str,
    must: bool,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
enum Body {
    None,
    /// JSON of this schema.
    Json(&'static str),
    /// Anything, nothing included: what cannot be read is told in the words of this schema's interface.
    Envelope(&'static str),
    /// Whatever the channel understands.
    Message,
}

/// What is answered.
#[derive(Clone, Copy, Debug)]
enum Says {
    /// JSON of this schema.
    Json(&'static str),
    /// In the caller's own words.
    Dialect(&'static str),
    Text,
    Html,
    /// The description of a SOAP service, or a page about it.
    Wsdl,
    Events,
}

impl Door {
    fn operations(self) -> impl Iterator<Item = &'static Operation> {
        let (own, shared) = match self {
            Door::His => (operations::HIS, operations::EVERYWHERE),
            Door::Operators => (operations::OPERATORS, operations::EVERYWHERE),
            Door::Control => (control::CONTROL, &[][..]),
        };
        own.iter().chain(shared)
    }

    fn title(self) -> &'static str {
        match self {
            Door::His => "前置机：HIS 和别的系统",
            Door::Operators => "前置机：运维",
            Door::Control => "前置机：本机命令的套接字",
        }
    }

    /// What program it is in which version is no business of whoever reaches the HIS's door.
    fn version(self) -> &'static str {
        match self {
            Door::His => "1",
            Door::Operators | Door::Control => env!("CARGO_PKG_VERSION"),
        }
    }
}

/// The two addresses under which a door tells of itself.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(door: Door) -> Router<S> {
    let (document, page) = (Kept::new(describe, door), Kept::new(page::write, door));
    let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    Router::new()
        .route("/openapi.json", get(move || ready((json, document.text()))))
        .route("/openapi", get(move || ready(Html(page.text()))))
}

fn describe(door: Door) -> String {
    document(door).to_string()
}

/// A text that is made once, when it is first asked for: anybody may ask, as often as he likes.
#[derive(Clone, Debug)]
struct Kept {
    make: fn(Door) -> String,
    door: Door,
    text: Arc<OnceLock<Bytes>>,
}

impl Kept {
    fn new(make: fn(Door) -> String, door: Door) -> Kept {
        Kept { make, door, text: Arc::default() }
    }

    fn text(&self) -> Bytes {
        self.text.get_or_init(|| (self.make)(self.door).into()).clone()
    }
}

/// The right that an operation of the admin API needs; none where there is no such operation.
pub(crate) fn needs(method: &Method, path: &str) -> Option<Right> {
    // What answers GET answers HEAD.
    let verb = if method == Method::HEAD { &Method::GET } else { method };
    let is_it = |it: &&Operation| it.path == path && it.verb.eq_ignore_ascii_case(verb.as_str());
    control::CONTROL.iter().find(is_it)?.needs
}

/// The whole of a door.
#[must_use]
pub fn document(door: Door) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for it in door.operations() {
        let path = paths.entry(it.path).or_insert_with(|| json!({}));
        if let Some(verbs) = path.as_object_mut() {
            verbs.insert(it.verb.to_owned(), it.described());
        }
    }
    let mut schemas: Map<String, Value> =
        schemas::all().map(|(name, schema)| (name.to_owned(), schema)).collect();
    keep_used(&mut schemas, &Value::Object(paths.clone()));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": door.title(),
            "version": door.version(),
            "description": "成功和失败是同一个信封；code 按 T/CIIA 046-2024 附录A，detail 里是前置机的代码。",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// Leaves out what no operation of the door speaks of, by itself or in other schemas.
fn keep_used(schemas: &mut Map<String, Value>, paths: &Value) {
    let mut told = vec![paths.to_string()];
    let mut used = BTreeSet::new();
    while let Some(text) = told.pop() {
        for (name, schema) in &*schemas {
            let reference = format!("\"#/components/schemas/{name}\"");
            if text.contains(&reference) && used.insert(name.clone()) {
                told.push(schema.to_string());
            }
        }
    }
    schemas.retain(|name, _| used.contains(name));
}

/// Texts of the tables; a test reads all of them.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

impl Operation {
    fn described(&self) -> Value {
        let mut told = Map::new();
        told.insert("operationId".to_owned(), json!(self.id()));
        told.insert("tags".to_owned(), json!([self.tag]));
        told.insert("summary".to_owned(), json!(self.zh));
        let parameters: Vec<Value> =
            self.in_path().chain(self.query.iter().map(Parameter::described)).collect();
        if !parameters.is_empty() {
            told.insert("parameters".to_owned(), json!(parameters));
        }
        if let Some(content) = self.body.content() {
            let body = json!({ "required": self.body.is_required(), "content": content });
            told.insert("requestBody".to_owned(), body);
        }
        if let Some(right) = self.needs {
            let roles: Vec<&str> = right.roles().map(Role::word).collect();
            told.insert("security".to_owned(), json!([{ "token": roles }]));
            told.insert("x-roles".to_owned(), json!(roles));
        }
        if self.knows_callers {
            told.insert("security".to_owned(), json!([{}, { "token": [] }]));
        }
        told.insert("responses".to_owned(), Value::Object(self.responses()));
        Value::Object(told)
    }

    /// `get_v1_records`, from verb and path.
    fn id(&self) -> String {
        let words = self.path.split(|it: char| !it.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|it| !it.is_empty()).collect();
        format!("{}_{}", self.verb, words.join("_"))
    }

    fn names_in_path(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'))
    }

    fn in_path(&self) -> impl Iterator<Item = Value> {
        self.names_in_path().map(|name| {
            let schema = json!({ "type": "string", "minLength": 1 });
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
    }

    fn responses(&self) -> Map<String, Value> {
        let done = json!({ "description": "成功", "content": self.done.content() });
        let mut all = Map::from_iter([("200".to_owned(), done)]);
        let by_guard: &[u16] = if self.knows_callers { &[401, 403, 429] } else { &[] };
        for status in self.refusals.iter().chain(by_guard) {
            let content = self.refused.content();
            let response = match status {
                101 => json!({ "description": meaning(*status) }),
                429 | 503 => {
                    json!({ "description": meaning(*status), "content": content, "headers": {
                    "Retry-After": { "description": "多少秒后再来", "schema": { "type": "integer" } },
                } })
                }
                _ => json!({ "description": meaning(*status), "content": content }),
            };
            all.insert(status.to_string(), response);
        }
        all
    }
}

impl Parameter {
    fn described(&self) -> Value {
        json!({
            "name": self.name, "in": "query", "required": self.must,
            "description": self.zh, "schema": parsed(self.schema),
        })
    }
}

impl Body {
    fn is_required(self) -> bool {
        !matches!(self, Body::Envelope(_))
    }

    fn content(self) -> Option<Value> {
        match self {
            Body::None => None,
            Body::Json(name) | Body::Envelope(name) => {
                Some(json!({ "application/json": { "schema": reference(name) } }))
            }
            Body::Message => {
                let types = ["application/json", "text/xml", "application/octet-stream"];
                Some(
                    types
                        .iter()
                        .map(|it| ((*it).to_owned(), json!({})))
                        .collect::<Map<_, _>>()
                        .into(),
                )
            }
        }
    }
}

impl Says {
    fn content(self) -> Value {
        match self {
            Says::Json(name) => json!({ "application/json": { "schema": reference(name) } }),
            Says::Dialect(name) => json!({
                "application/json": { "schema": reference(name) },
                "text/xml": {}, "application/soap+xml": {}, "*/*": {},
            }),
            Says::Text => json!({ "text/plain": { "schema": { "type": "string" } } }),
            Says::Html => json!({ "text/html": { "schema": { "type": "string" } } }),
            Says::Wsdl => {
                json!({ "text/xml": {}, "text/html": { "schema": { "type": "string" } } })
            }
            Says::Events => json!({ "text/event-stream": { "schema": { "type": "string" } } }),
        }
    }
}

/// What a status means here.
fn meaning(status: u16) -> &'static str {
    match status {
        101 => "换成 WebSocket",
        400 => "读不懂",
        401 => "令牌或来源地址不对",
        403 => "没有权限",
        404 => "没有",
        408 => "没有在时限内收完",
        409 => "与现状冲突",
        413 => "太大",
        415 => "格式不对",
        422 => "内容不能接受，detail 逐条说明",
        429 => "太频繁，或反复出示错误的令牌，按 Retry-After 再来",
        431 => "请求头太大",
        500 => "前置机出错",
        502 => "对方出错",
        503 => "忙、没有空间或正在停止，按 Retry-After 再来",
        504 => "超时",
        _ => "其他",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
