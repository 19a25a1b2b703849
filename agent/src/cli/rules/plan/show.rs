//! Plans and runs as people read them.

use serde_json::Value;

use super::super::super::asking::{list as items, text};

pub(super) fn list(told: &Value, as_json: bool) {
    if as_json {
        return say!("{told:#}");
    }
    let mut plans = items(told, "plans").peekable();
    if plans.peek().is_none() {
        say!("没有计划");
    }
    for plan in plans {
        one(plan, false);
    }
    if let Some(name) = told.get("running").and_then(Value::as_str) {
        say!("正在运行：{name}");
    }
}

pub(super) fn one(plan: &Value, as_json: bool) {
    if as_json {
        return say!("{plan:#}");
    }
    let text = |name| text(plan, name);
    let standing = match plan.get("enabled").and_then(Value::as_bool) {
        Some(false) => "停用".to_owned(),
        _ => format!("下次 {}", moment(&text("next"))),
    };
    let last = plan.get("last").filter(|it| !it.is_null());
    let last = last.map_or_else(|| "没有运行过".to_owned(), in_short);
    say!("{}\t{}\t{}\t{standing}\t{last}", text("name"), text("cron"), text("what"));
}

pub(super) fn begun(told: &Value) {
    if let Some(name) = told.get("behind").and_then(Value::as_str) {
        say!("排在正在运行的 {name} 之后");
    } else {
        say!("开始运行；看结果：his-agent rules plan runs {}", text(told, "plan"));
    }
}

pub(super) fn runs(told: &Value, as_json: bool, with_log: bool) {
    if as_json {
        return say!("{told:#}");
    }
    for run in items(told, "runs") {
        say!("{}\t{}\t{}", text(run, "id"), text(run, "plan"), in_short(run));
        for line in items(run, "log").filter(|_| with_log) {
            say!("  {} {}", moment(&text(line, "at")), text(line, "text"));
        }
        let counts = run.get("counts").map(|it| items(it, "rules"));
        for rule in counts.into_iter().flatten().filter(|_| with_log) {
            let number = |name| rule.get(name).and_then(Value::as_u64).unwrap_or(0);
            let [before, after] = ["before", "after"].map(number);
            let unknown = number("unknown_after");
            let id = text(rule, "rule_id");
            say!("  规则 {id}\t现行命中 {before}\t候选命中 {after}\t无法判断 {unknown}");
        }
    }
}

fn in_short(run: &Value) -> String {
    let state = match text(run, "state").as_str() {
        "running" => "正在运行",
        "done" => "完成",
        "failed" => "失败",
        "stopped" => "前置机停止时中断",
        _ => "中断",
    };
    let counts = run.get("counts").unwrap_or(run);
    let number = |of: &Value, name| of.get(name).and_then(Value::as_u64).unwrap_or(0);
    format!(
        "{} 开始，{state}，审查 {} 次，命中 {} 条",
        moment(&text(run, "started")),
        number(counts, "checks"),
        number(run, "rows"),
    )
}

/// `20261122023000` as people write it.
fn moment(stamp: &str) -> String {
    let at = crate::pipeline::moment(stamp);
    at.map_or_else(|| "-".to_owned(), |it| it.strftime("%F %H:%M:%S").to_string())
}
