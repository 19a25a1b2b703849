//! The preview of an import, for a person.

use rules::import::{Entry, Preview};

/// Tells what would change; of many rows of one kind the first.
pub(super) fn show(preview: &Preview) {
    for (theirs, ours) in preview.columns.iter().filter(|(theirs, _)| !theirs.is_empty()) {
        let ours = if ours.is_empty() { "（不读）" } else { ours };
        say!("列 {theirs} → {ours}");
    }
    let Preview { added, changed, ended, refused, warnings, unchanged, .. } = preview;
    list("新增", added.iter().map(told));
    list("修改", changed.iter().map(|(it, before)| format!("{}（原 {before}）", told(it))));
    list("到期", ended.iter().map(told));
    list("拒收", refused.iter().map(|it| format!("第{}行 {}", it.row, it.reason)));
    list("留意", warnings.iter().map(|it| format!("第{}行 {}", it.row, it.reason)));
    say!(
        "新增 {}，修改 {}，到期 {}，不变 {unchanged}，拒收 {}，留意 {}",
        added.len(),
        changed.len(),
        ended.len(),
        refused.len(),
        warnings.len()
    );
}

fn list(what: &str, rows: impl ExactSizeIterator<Item = String>) {
    let more = rows.len().saturating_sub(SHOWN_MAX);
    for row in rows.take(SHOWN_MAX) {
        say!("{what} {row}");
    }
    if more > 0 {
        say!("{what} ……还有 {more} 行");
    }
}

fn told(entry: &Entry) -> String {
    let Entry { row, key, item, says } = entry;
    let place = if *row > 0 { format!("第{row}行 ") } else { String::new() };
    format!("{place}{key} {item}：{says}")
}

/// Nobody reads more on a screen; the counts tell the rest.
const SHOWN_MAX: usize = 50;
