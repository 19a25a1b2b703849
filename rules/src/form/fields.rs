//! What can be written, as a form: fields with their names for people, their kinds and choices.

use serde_json::{Value, json};

use super::number_of;
use crate::condition::element::{ELEMENTS, Kind};
use crate::condition::operators_of;
use crate::facts::Scene;
use crate::families;
use crate::family::{Family, Usual};
use crate::parameter::{Column, ColumnKind};
use crate::rule::{Action, ON_MISSING, SEVERITIES};

/// Every family with its fields, the fields that all rules have, and what conditions compare.
#[must_use]
pub fn fields() -> Value {
    let families: Vec<Value> = families::all().map(fields_of).collect();
    let elements: Vec<Value> = ELEMENTS
        .iter()
        .map(|it| {
            let (kind, choices): (&str, &[&str]) = match it.kind {
                Kind::Text | Kind::Party(_) => ("text", &[]),
                Kind::Word(words) => ("choice", words),
                Kind::Number => ("number", &[]),
                Kind::Dose => ("dose", &[]),
                Kind::Age => ("age", &[]),
                Kind::Flag => ("flag", &[]),
            };
            json!({ "name": it.name, "label": it.zh, "type": kind, "choices": choices,
                "operators": operators_of(it.kind) })
        })
        .collect();
    json!({ "rule": of_every_rule(), "families": families, "elements": elements, "parts": parts() })
}

/// The fields of one family.
#[must_use]
pub fn fields_of(family: &'static dyn Family) -> Value {
    let all = |columns: &[Column]| columns.iter().map(field).collect::<Vec<Value>>();
    json!({
        "id": family.id(),
        "label": family.zh_name(),
        "reads": family.reads(),
        "usual": family.usual().map(usual),
        "parameters": all(family.parameters()),
        "rows": family.rows().columns().map(all),
    })
}

/// What a rule of a family is, as far as it says nothing else.
#[must_use]
pub fn usual(usual: Usual) -> Value {
    let Usual { severity, action, basis, window, text } = usual;
    json!({ "severity": number_of(&SEVERITIES, severity), "action": action.name(), "basis": basis,
        "window": window, "text": text })
}

fn field(column: &Column) -> Value {
    let (kind, choices): (&str, &[&str]) = match column.kind {
        ColumnKind::Whole => ("whole", &[]),
        ColumnKind::Decimal => ("number", &[]),
        ColumnKind::Flag => ("flag", &[]),
        ColumnKind::Text => ("text", &[]),
        ColumnKind::Choice(words) => ("choice", words),
        ColumnKind::Age => ("age", &[]),
        ColumnKind::Dose => ("dose", &[]),
        ColumnKind::List => ("list", &[]),
        ColumnKind::Window => ("window", &[]),
        ColumnKind::Keys => ("items", &[]),
        ColumnKind::Condition => ("condition", &[]),
        ColumnKind::Sentence => ("sentence", &[]),
    };
    json!({ "name": column.name, "label": column.zh, "type": kind, "choices": choices,
        "required": column.required })
}

fn of_every_rule() -> Value {
    let one = |name: &str, label: &str, kind: &str, choices: &[&str], required: bool| json!({ "name": name, "label": label, "type": kind, "choices": choices, "required": required });
    let families: Vec<&str> = families::all().map(Family::id).collect();
    json!([
        one("id", "标识", "text", &[], true),
        one("family", "规则族", "choice", &families, true),
        one("name", "名称", "text", &[], true),
        one("basis", "依据，不写用规则族的", "text", &[], false),
        one("official_code", "官方规则编码", "text", &[], false),
        one(
            "severity",
            "严重程度：1 明确违规，2 高度可疑，3 轻度可疑，不写用规则族的",
            "choice",
            &["1", "2", "3"],
            false
        ),
        one(
            "action",
            "医生要做什么，不写用规则族的",
            "choice",
            &Action::NAMES.map(|(name, _)| name),
            false
        ),
        one("behaviour", "1 就诊类，2 项目类", "choice", &["1", "2"], false),
        one("enabled", "启用", "flag", &[], false),
        one("scenes", "场景，空是全部", "list", &Scene::NAMES.map(|(name, _)| name), false),
        one("exempt_self_pay", "自费的不算", "flag", &[], false),
        one("on_missing", "缺数据时", "choice", &ON_MISSING.map(|(name, _)| name), false),
    ])
}

/// The kinds of part that a condition is made of, with the members of each.
fn parts() -> Value {
    let part = |name: &str, label: &str, members: &[&str]| json!({ "name": name, "label": label, "members": members });
    json!([
        part("all", "全部成立", &[]),
        part("any", "任一成立", &[]),
        part("not", "不成立", &[]),
        part("element", "要素与值比较", &["is", "value", "values"]),
        part("item", "这一条属于其中之一", &[]),
        part("diagnosis", "本次诊断", &[]),
        part("diagnosis_ever", "本次或既往诊断", &[]),
        part("past", "此前用过", &["within"]),
        part("count", "本次有多少条", &["is", "value"]),
        part("lab", "最近一次检验结果", &["within", "is", "value"]),
    ])
}
