//! An explanation for programs, and for people.

use std::fmt::Write as _;

use super::Explanation;
use super::lacking::lacking;
use crate::verdict::Unknown;
use crate::write::Writer;

/// For programs.
#[must_use]
pub fn to_json(explained: &Explanation) -> String {
    let pairs = |writer: &mut Writer, (zh, value): &(&'static str, String)| {
        writer.text("name", zh);
        writer.text("value", value);
    };
    let finding = &explained.finding;
    Writer::object(|writer| {
        writer.text("finding_id", &finding.id);
        writer.text("rule_id", &finding.rule_id);
        writer.text("rule_name", &finding.rule_name);
        writer.maybe_text("official_code", finding.official_code.as_deref());
        writer.text("rule_at", &explained.rule_at);
        writer.text("family", explained.family);
        writer.text("family_name", explained.family_zh);
        writer.text("severity", finding.severity.code());
        writer.text("action", finding.action.name());
        writer.text("text", &finding.text);
        writer.text("basis", &finding.basis);
        writer.objects("parameters", &explained.parameters, pairs);
        writer.texts("set_here", &explained.set_here);
        writer.texts("sets", &explained.sets);
        writer.objects("rows", &explained.rows, |writer, row| {
            writer.text("at", &row.at);
            writer.text("key", &row.key);
            writer.text("item", &row.item);
            writer.objects("cells", &row.cells, pairs);
            writer.text("source", &row.source);
            writer.text("flag", row.flag);
            writer.maybe_text("in_force", row.in_force.as_deref());
        });
        writer.objects("inputs", &explained.inputs, |writer, input| {
            writer.text("path", &input.path);
            writer.text("name", &input.zh);
            writer.maybe_text("value", input.value.as_deref());
        });
        writer.texts("steps", &explained.steps);
        writer.texts("past", &explained.past);
    })
}

/// For people.
#[must_use]
pub fn to_text(explained: &Explanation) -> String {
    let finding = &explained.finding;
    let mut out = format!("问题 {} {}\n", finding.id, finding.text);
    let code = finding.official_code.as_deref().map(|it| format!(" {it}")).unwrap_or_default();
    let _ = writeln!(
        out,
        "  规则 {} {}{code}（{}）",
        finding.rule_id, finding.rule_name, explained.rule_at
    );
    let _ = writeln!(out, "  模板 {} {}", explained.family, explained.family_zh);
    let _ = writeln!(out, "  依据 {}", finding.basis);
    for (zh, value) in &explained.parameters {
        let _ = writeln!(out, "  参数 {zh} = {value}");
    }
    for reason in &explained.set_here {
        let _ = writeln!(out, "  此处另有设置：{reason}");
    }
    for set in &explained.sets {
        let _ = writeln!(out, "  集合 {set}");
    }
    for row in &explained.rows {
        let cells: Vec<_> = row.cells.iter().map(|(zh, value)| format!("{zh} = {value}")).collect();
        let in_force =
            row.in_force.as_deref().map(|it| format!("，有效期 {it}")).unwrap_or_default();
        let _ =
            writeln!(out, "  知识点 {} {} {}（{}）", row.key, row.item, cells.join("，"), row.at);
        let _ = writeln!(out, "    来源 {}，可信度 {}{in_force}", row.source, row.flag);
    }
    for input in &explained.inputs {
        let value = input.value.as_deref().unwrap_or("（未发送）");
        let _ = writeln!(out, "  输入 {} {} = {value}", input.path, input.zh);
    }
    for step in &explained.steps {
        let _ = writeln!(out, "  计算 {step}");
    }
    for line in &explained.past {
        let _ = writeln!(out, "  既往 {line}");
    }
    out
}

/// What to send, for programs.
#[must_use]
pub fn unknown_to_json(unknown: &Unknown) -> String {
    Writer::object(|writer| {
        writer.text("rule_id", &unknown.rule_id);
        writer.text("rule_name", &unknown.rule_name);
        writer.objects("send", lacking(unknown), |writer, it| {
            writer.text("path", &it.path);
            writer.text("name", &it.zh);
            writer.raw("example", serde_json::Value::from(it.example));
            writer.text("canonical", &it.canonical);
            writer.maybe_text("national", it.national.as_deref());
        });
    })
}

/// What to send, for people.
#[must_use]
pub fn unknown_to_text(unknown: &Unknown) -> String {
    let mut out = format!("无法判断 {} {}\n", unknown.rule_id, unknown.rule_name);
    for it in lacking(unknown) {
        let national = it.national.as_deref().unwrap_or("没有这一项，请用 /v1/checks 或映射发送");
        let _ = writeln!(out, "  请发送 {} {}，如 {}", it.path, it.zh, it.example);
        let _ = writeln!(out, "    规范请求 {}；3101 {national}", it.canonical);
    }
    out
}
