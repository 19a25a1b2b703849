//! The preview of an import, for a person.

use serde_json::Value;

use super::super::super::sets::{list, text};

/// Tells what would change; of many rows of one kind the first.
pub(super) fn show(preview: &Value) {
    for it in list(preview, "/columns") {
        let ours = text(it, "/column");
        say!("列 {} → {}", text(it, "/header"), if ours.is_empty() { "（不读）" } else { &ours });
    }
    for (name, zh) in [
        ("added", "新增"),
        ("changed", "修改"),
        ("ended", "到期"),
        ("refused", "拒收"),
        ("warnings", "留意"),
    ] {
        rows(preview, name, zh);
    }
    let [added, changed, ended, unchanged, refused, warnings] =
        ["added", "changed", "ended", "unchanged", "refused", "warnings"]
            .map(|it| count(preview, it));
    say!(
        "新增 {added}，修改 {changed}，到期 {ended}，不变 {unchanged}，拒收 {refused}，留意 {warnings}"
    );
}

/// How many there are of a kind, told or not.
pub(super) fn count(preview: &Value, name: &str) -> u64 {
    preview.pointer(&format!("/counts/{name}")).and_then(Value::as_u64).unwrap_or(0)
}

fn rows(preview: &Value, name: &str, zh: &str) {
    let shown = list(preview, &format!("/{name}"));
    for it in shown {
        say!("{zh} {}", told(it));
    }
    let more = count(preview, name).saturating_sub(shown.len() as u64);
    if more > 0 {
        say!("{zh} ……还有 {more} 行");
    }
}

fn told(row: &Value) -> String {
    let place = match row.get("row").and_then(Value::as_u64) {
        None | Some(0) => String::new(),
        Some(number) => format!("第{number}行 "),
    };
    if row.get("reason").is_some() {
        return format!("{place}{}", text(row, "/reason"));
    }
    let [key, item, says] = ["/key", "/item", "/says"].map(|name| text(row, name));
    let before = row.get("before").map(|_| format!("（原 {}）", text(row, "/before")));
    format!("{place}{key} {item}：{says}{}", before.unwrap_or_default())
}
