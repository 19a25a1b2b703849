//! What can be written, as a JSON Schema: editors complete by it, programs check by it.

use serde_json::{Value, json};

use crate::condition::element::{ELEMENTS, Element, Kind};
use crate::condition::operators_of;
use crate::facts::Scene;
use crate::families;
use crate::family::Family;
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, ON_MISSING};

/// One rule, of any family; conditions are `#/$defs/condition`.
#[must_use]
pub fn schema() -> Value {
    let families: Vec<&str> = families::all().map(Family::id).collect();
    let actions = Action::NAMES.map(|(name, _)| name);
    let scenes = Scene::NAMES.map(|(name, _)| name);
    let on_missing = ON_MISSING.map(|(name, _)| name);
    let of_families: Vec<Value> = families::all().map(of_family).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "规则",
        "type": "object",
        "required": ["id", "family", "name"],
        "additionalProperties": false,
        "properties": {
            "id": text("标识，不与别的规则重复"),
            "family": { "title": "规则族", "enum": families },
            "official_code": { "title": "官方规则编码", "type": ["string", "null"] },
            "name": text("名称"),
            "basis": text("依据：文件和条款"),
            "severity": { "title": "严重程度：1 明确违规，2 高度可疑，3 轻度可疑", "enum": [1, 2, 3] },
            "action": { "title": "医生要做什么", "enum": actions },
            "behaviour": { "title": "1 就诊类，2 项目类", "enum": [1, 2] },
            "enabled": { "title": "启用", "type": "boolean" },
            "scenes": { "title": "场景，空是全部", "type": "array", "items": { "enum": scenes } },
            "exempt_self_pay": { "title": "自费的不算", "type": "boolean" },
            "on_missing": { "title": "缺数据时", "enum": on_missing },
            "parameters": { "type": "object" },
        },
        "allOf": of_families,
        "$defs": { "condition": condition(), "items": items() },
    })
}

fn of_family(family: &'static dyn Family) -> Value {
    let columns = family.parameters();
    let properties: serde_json::Map<String, Value> =
        columns.iter().map(|it| (it.name.to_owned(), of_column(it))).collect();
    let required: Vec<&str> = columns.iter().filter(|it| it.required).map(|it| it.name).collect();
    let parameters = json!({
        "title": family.zh_name(), "type": "object", "additionalProperties": false,
        "properties": properties, "required": required,
    });
    let mut must = if required.is_empty() { vec![] } else { vec!["parameters"] };
    let mut properties = json!({ "parameters": parameters });
    if let (Some(usual), Some(members)) = (family.usual(), properties.as_object_mut()) {
        for (name, value) in super::usual(usual).as_object().into_iter().flatten() {
            // What is said for people only is no member of a rule.
            if !matches!(name.as_str(), "window" | "text") {
                members.insert(name.clone(), json!({ "default": value }));
            }
        }
    } else {
        must.extend(["basis", "severity", "action"]);
    }
    let then = json!({ "properties": properties, "required": must });
    json!({ "if": { "properties": { "family": { "const": family.id() } } }, "then": then })
}

fn of_column(column: &Column) -> Value {
    let zh = column.zh;
    match column.kind {
        ColumnKind::Whole => {
            json!({ "title": zh, "type": "integer", "minimum": 0, "maximum": 100_000 })
        }
        ColumnKind::Decimal => json!({ "title": zh, "type": ["string", "number"] }),
        ColumnKind::Flag => json!({ "title": zh, "type": "boolean" }),
        ColumnKind::Choice(words) => json!({ "title": zh, "enum": words }),
        ColumnKind::Age => example(zh, "14岁"),
        ColumnKind::Dose => example(zh, "100 mg"),
        ColumnKind::Window => example(zh, "30天"),
        ColumnKind::Keys => example(zh, "ingredient:布洛芬|atc:M01A"),
        ColumnKind::List => {
            json!({ "title": zh, "type": ["string", "array"], "items": { "type": "string" } })
        }
        ColumnKind::Condition => json!({ "title": zh, "$ref": "#/$defs/condition" }),
        ColumnKind::Sentence => example(zh, "【{orders.hosplist_name}】已开{orders.medc_days}天"),
        ColumnKind::Text => text(zh),
    }
}

/// One part of a condition: exactly one of these shapes.
fn condition() -> Value {
    let part = json!({ "$ref": "#/$defs/condition" });
    let parts = json!({ "type": "array", "minItems": 1, "items": part });
    let items = json!({ "$ref": "#/$defs/items" });
    let texts =
        json!({ "type": ["string", "array"], "items": { "type": "string" }, "minItems": 1 });
    let number = json!({ "type": ["string", "number"] });
    let order = json!({ "enum": operators_of(Kind::Number) });
    let window = example("时间窗", "30天");
    let mut shapes = vec![
        shape("全部成立", &[("all", parts.clone())]),
        shape("任一成立", &[("any", parts)]),
        shape("不成立", &[("not", part)]),
        shape("这一条属于其中之一", &[("item", items.clone())]),
        shape("本次诊断在这些编码之下", &[("diagnosis", texts.clone())]),
        shape("本次或既往诊断在这些编码之下", &[("diagnosis_ever", texts)]),
        shape("此前用过其中之一", &[("past", items.clone()), ("within", window.clone())]),
        shape(
            "本次有多少条",
            &[("count", items), ("is", order.clone()), ("value", number.clone())],
        ),
        shape(
            "最近一次检验结果",
            &[
                ("lab", text("检验项目的编码或名称")),
                ("within", window),
                ("is", order),
                ("value", number),
            ],
        ),
    ];
    shapes.extend(ELEMENTS.iter().map(comparison));
    json!({ "title": "条件", "oneOf": shapes })
}

fn comparison(element: &Element) -> Value {
    let value = match element.kind {
        Kind::Text | Kind::Party(_) => json!({ "type": "string" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Number => json!({ "type": ["string", "number"] }),
        Kind::Dose => example("剂量", "100 mg"),
        Kind::Age => example("年龄", "14岁"),
        Kind::Flag => json!({ "type": "boolean" }),
    };
    let mut members = vec![
        ("element", json!({ "const": element.name })),
        ("is", json!({ "enum": operators_of(element.kind) })),
    ];
    if !matches!(element.kind, Kind::Text | Kind::Party(_) | Kind::Word(_)) {
        members.push(("value", value));
        return shape(element.zh, &members);
    }
    let mut told = shape(element.zh, &members);
    if let Some(properties) = told.get_mut("properties").and_then(Value::as_object_mut) {
        let values = json!({ "type": "array", "minItems": 1, "items": value.clone() });
        properties.insert("value".to_owned(), value);
        properties.insert("values".to_owned(), values);
    }
    told
}

/// An object with exactly these members.
fn shape(zh: &str, members: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, it)| ((*name).to_owned(), it.clone())).collect();
    json!({ "title": zh, "type": "object", "additionalProperties": false,
        "required": required, "properties": properties })
}

fn items() -> Value {
    json!({
        "title": "药品或项目，如 atc:J01、ingredient:布洛芬、class:A02BC、set:名称",
        "type": ["string", "array"],
        "items": { "type": "string", "pattern": "^[a-z]+:.+" },
        "minItems": 1,
    })
}

fn text(zh: &str) -> Value {
    json!({ "title": zh, "type": "string", "minLength": 1 })
}

fn example(zh: &str, example: &str) -> Value {
    json!({ "title": zh, "type": "string", "minLength": 1, "examples": [example] })
}
