//! The same as a page: one file, no script, nothing from elsewhere, so that it works where there is no
//! internet.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Body, Door, Operation, Says, document, meaning};

/// The page of a door.
pub(super) fn write(door: Door) -> String {
    let mut out = format!(
        "<!DOCTYPE html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>{0}</title>\
         <style>{STYLE}</style></head><body><h1>{0}</h1><p>版本 {1}。程序读 \
         <a href=\"/openapi.json\">/openapi.json</a>（OpenAPI 3.1）。</p>",
        door.title(),
        door.version()
    );
    let mut tags: Vec<&str> = Vec::new();
    for it in door.operations() {
        if !tags.contains(&it.tag) {
            tags.push(it.tag);
        }
    }
    for tag in tags {
        let _ = write!(out, "<h2>{tag}</h2>");
        for it in door.operations().filter(|it| it.tag == tag) {
            operation(it, &mut out);
        }
    }
    out.push_str("<h2>内容的写法</h2>");
    let document = document(door);
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    for (name, schema) in schemas.into_iter().flatten() {
        let text = serde_json::to_string_pretty(schema).unwrap_or_default();
        let _ = write!(
            out,
            "<details id=\"{name}\"><summary>{name}</summary><pre>{}</pre></details>",
            escaped(&text)
        );
    }
    out.push_str("</body></html>");
    out
}

fn operation(it: &Operation, out: &mut String) {
    let (verb, path) = (it.verb.to_uppercase(), escaped(it.path));
    let _ = write!(out, "<section><h3><b>{verb}</b> <code>{path}</code></h3><p>{}</p>", it.zh);
    if !it.query.is_empty() {
        out.push_str("<table>");
        for parameter in it.query {
            let must = if parameter.must { "必填" } else { "" };
            let (name, zh) = (parameter.name, escaped(parameter.zh));
            let _ =
                write!(out, "<tr><td><code>{name}</code></td><td>{must}</td><td>{zh}</td></tr>");
        }
        out.push_str("</table>");
    }
    match it.body {
        Body::None => {}
        Body::Json(name) | Body::Envelope(name) => {
            let _ = write!(out, "<p>送 JSON：<a href=\"#{name}\">{name}</a></p>");
        }
        Body::Message => out.push_str("<p>送通道自己的格式</p>"),
    }
    match it.done {
        Says::Json(name) | Says::Dialect(name) => {
            let _ = write!(out, "<p>200 答 <a href=\"#{name}\">{name}</a></p>");
        }
        Says::Text | Says::Html | Says::Wsdl | Says::Events => {}
    }
    if !it.refusals.is_empty() {
        let told: Vec<String> =
            it.refusals.iter().map(|it| format!("{it} {}", meaning(*it))).collect();
        let _ = write!(out, "<p class=\"no\">{}</p>", told.join("；"));
    }
    out.push_str("</section>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const STYLE: &str = "body{font:15px/1.6 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
h3{font-size:1em;margin:0}h3 b{display:inline-block;min-width:4em;color:#06c}section{border-top:1px solid #ddd;\
padding:.6em 0}p{margin:.2em 0}td{padding:0 1em 0 0;vertical-align:top}.no{color:#666;font-size:.9em}\
pre{background:#f6f6f6;padding:1em;overflow:auto}";
