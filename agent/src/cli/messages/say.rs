//! The answers of `his-agent messages`, as people read them and as programs do.

use std::fmt::Write as _;

use serde_json::Value;

/// Lists as a line for each, anything else as it is.
pub(super) fn json(told: &Value) {
    if let Some(list) = LISTS.iter().find_map(|name| told.get(name)?.as_array()) {
        for it in list {
            say!("{it}");
        }
    } else {
        say!("{told:#}");
    }
}

/// How one of a list is told.
type Line = fn(&Value) -> String;

pub(super) fn told(told: &Value) {
    let lines: [(&str, Line); 3] = [("messages", message), ("tried", tried), ("replays", replay)];
    let list = lines.iter().find_map(|(name, line)| Some((told.get(name)?.as_array()?, line)));
    if let Some((list, line)) = list {
        for it in list {
            say!("{}", line(it));
        }
        left_out(told);
    } else if told.get("replay").is_some() {
        say!("{}", replay(told));
    } else if let Some(gone) = told.get("discarded") {
        say!("已丢弃 {gone} 封");
    } else if let Some(stopped) = told.get("stopped") {
        say!("已停止重发 {stopped}");
    } else if told.get("on_disk").is_some() {
        say!("{}", status(told));
    } else {
        say!("{}", journey(told));
    }
}

/// What a list does not show, and of which causes dead letters there are.
fn left_out(told: &Value) {
    if told.get("has_older") == Some(&Value::Bool(true)) {
        let more = told.get("more").and_then(Value::as_u64).unwrap_or(0);
        let count = if more > 0 { format!("另有 {more} 份") } else { "可能另有".to_owned() };
        say!("（{count}更早的没有列出：用 --limit 多列，或用 --from、--to、--code 等缩小范围）");
    }
    let causes = told.get("causes").and_then(Value::as_object).into_iter().flatten();
    let causes: Vec<String> = causes.map(|(code, count)| format!("{code} {count} 封")).collect();
    if !causes.is_empty() {
        say!("（死信按原因：{}）", causes.join("，"));
    }
}

/// Time, state, id, channel, and what else is known at a glance.
fn message(it: &Value) -> String {
    let mut rest = Vec::new();
    if let Some(records) = it.get("records").and_then(Value::as_object) {
        rest.extend(records.iter().map(|(entity, count)| format!("{entity} {count}")));
    }
    for code in list(it, "waits_for").filter_map(Value::as_str) {
        rest.push(format!("等 {code}"));
    }
    if let Some(letter) = it.get("letter") {
        rest.push(format!("D{letter} {} {}", text(it, "code"), text(it, "cause")));
        if let Some(times) = it.get("times") {
            rest.push(format!("收到 {times} 次，最近 {}", text(it, "last_at")));
        }
        if let (Some(first), Some(last)) = (it.get("first_seq"), it.get("last_seq")) {
            rest.push(format!("编号 {first} 至 {last}"));
        }
    }
    if it.get("decision").is_some() {
        rest.push(decision(it));
    }
    let parts =
        [text(it, "received_at"), text(it, "state"), text(it, "message_id"), text(it, "channel")];
    format!("{}\t{}", parts.join("\t"), rest.join("; "))
}

fn decision(it: &Value) -> String {
    let word = match (text(it, "decision").as_str(), it.get("edited")) {
        ("retried", Some(Value::Bool(true))) => "改后重新提交",
        ("retried", _) => "重新提交",
        _ => "丢弃",
    };
    format!("{} {word} {}：{}", text(it, "at"), text(it, "by"), text(it, "reason"))
}

fn tried(it: &Value) -> String {
    let letter = it.get("letter").unwrap_or(&Value::Null);
    match text(it, "outcome").as_str() {
        outcome @ ("refused" | "impossible") => {
            let mut out =
                format!("D{letter}\t{outcome}\t{} {}", text(it, "code"), text(it, "message"));
            list(it, "findings").for_each(|it| out.push_str(&finding(it)));
            out
        }
        outcome => format!(
            "D{letter}\t{outcome}\t{}\t{} 条记录",
            text(it, "message_id"),
            it.get("records").unwrap_or(&Value::Null)
        ),
    }
}

fn finding(it: &Value) -> String {
    if it.get("first_seq").is_some() {
        return String::new(); // told with the letter
    }
    let words = ["code", "element", "path", "found", "expected"].map(|name| text(it, name));
    format!("\n  问题 {}", words.join("\t"))
}

fn replay(it: &Value) -> String {
    let count = |name: &str| it.get(name).and_then(Value::as_u64).unwrap_or(0);
    let begun = match count("replay") {
        0 => "试算".to_owned(),
        number => format!("重发 {number}\t{}\t{}", text(it, "at"), text(it, "state")),
    };
    format!(
        "{begun}\t{} 条，已到 {}，平台拒收 {}；每秒 {}；未发：被更新的修订 {}，已不在盘上 {}，还没送出 {}",
        count("records"),
        count("arrived"),
        count("refused"),
        count("rate"),
        count("superseded"),
        count("gone"),
        count("waiting")
    )
}

fn status(told: &Value) -> String {
    let mut out = String::new();
    let kinds = [
        ("records", "已确认的记录"),
        ("raw", "原样报文"),
        ("journeys", "来龙去脉"),
        ("evidence", "审查和违规证据"),
    ];
    for (name, word) in kinds {
        let it = told.get(name).unwrap_or(&Value::Null);
        let number = |name: &str| it.get(name).and_then(Value::as_u64).unwrap_or(0);
        let since = match text(it, "since").as_str() {
            "-" => String::new(),
            since => format!("，自 {since}"),
        };
        let _ = writeln!(
            out,
            "{word}\t{}{since}，保留 {} 天，到期约 {}",
            size(number("bytes")),
            number("keep_days"),
            size(number("forecast_bytes"))
        );
    }
    for (code, count) in told.get("dead_letters").and_then(Value::as_object).into_iter().flatten() {
        let _ = writeln!(out, "死信\t{code}\t{count}");
    }
    out.trim_end().to_owned()
}

/// Mebibytes, whole: the point is the order of magnitude.
fn size(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1 << 20))
}

fn journey(told: &Value) -> String {
    let mut out = format!("报文 {}", message(told));
    for raw in list(told, "raw") {
        out.push_str(&bytes("收到", raw));
    }
    if let Some(parked) = told.get("parked") {
        for it in list(parked, "waits_for") {
            let words = ["map", "code", "element"].map(|name| text(it, name));
            let _ = write!(out, "\n待对照 {}", words.join("\t"));
        }
        out.push_str(&bytes("收到", parked.get("raw").unwrap_or(&Value::Null)));
    }
    for it in list(told, "letters") {
        let _ = write!(out, "\n死信 {}", message(it));
        list(it, "findings").for_each(|it| out.push_str(&finding(it)));
        out.push_str(&bytes("收到", it.get("raw").unwrap_or(&Value::Null)));
        if let Some(raw) = it.get("sent_on_as") {
            out.push_str(&bytes("改为", raw));
        }
    }
    for it in list(told, "records") {
        out.push_str(&record(it));
    }
    out.push_str(&road(told));
    out
}

fn bytes(word: &str, raw: &Value) -> String {
    let reading = raw.get("reading").unwrap_or(&Value::Null);
    let words = ["format", "charset", "mapping"].map(|name| text(reading, name));
    let length = raw.get("bytes").unwrap_or(&Value::Null);
    let mut out =
        format!("\n{word} {length} 字节\t{}\t{}", text(raw, "content_type"), words.join("\t"));
    let content = raw.get("text").and_then(Value::as_str).or_else(|| raw.get("hex")?.as_str());
    for line in content.unwrap_or("（不是能读出的文字；--reveal 显示十六进制）").lines()
    {
        let _ = write!(out, "\n  | {line}");
    }
    out
}

fn record(it: &Value) -> String {
    let words = ["entity", "record_id", "key", "lane", "state"].map(|name| text(it, name));
    let number = |name: &str| it.get(name).unwrap_or(&Value::Null).clone();
    let mut out =
        format!("\n记录 {}\t修订 {}\t{}", number("seq"), number("revision"), words.join("\t"));
    list(it, "attempts").for_each(|it| out.push_str(&attempt(it)));
    if let Some(at) = it.get("confirmed_at").and_then(Value::as_str) {
        let _ = write!(out, "\n  平台确认 {at}");
    }
    if let Some(platform) = it.get("platform").filter(|it| it.is_object()) {
        let word = match text(platform, "outcome").as_str() {
            "stored" => "平台盘上有，与发出的相同",
            "different" => "平台盘上的与发出的不同",
            _ => "平台盘上没有",
        };
        let _ = write!(
            out,
            "\n  对账 {} {word}\t{}",
            text(platform, "at"),
            text(platform, "statement")
        );
    }
    if let Some(held) = it.get("held") {
        let _ = write!(
            out,
            "\n  未被接收 {} {} {}",
            text(held, "code"),
            text(held, "at"),
            text(held, "reason")
        );
    }
    if text(it, "state") == "refused" {
        out.push_str("\n  平台拒收，已转入死信；平台放行后 messages replay 重发，或请 HIS 重送");
    }
    match it.get("record") {
        None if text(it, "state") == "lost" => {
            out.push_str("\n  磁盘损坏，记录已丢失，没有得到平台确认：请 HIS 重送");
        }
        None => out.push_str("\n  记录内容已过保留期"),
        Some(record) => {
            for (name, value) in
                record.get("elements").and_then(Value::as_object).into_iter().flatten()
            {
                let _ = write!(out, "\n  {name} = {value}");
            }
            list(record, "findings").for_each(|it| out.push_str(&finding(it)));
        }
    }
    out
}

/// Why nothing leaves just now.
fn road(told: &Value) -> String {
    let forward = told.get("forward").unwrap_or(&Value::Null);
    let error = forward.get("last_error").filter(|it| it.is_object());
    match (forward.get("connected"), forward.get("blocked").and_then(Value::as_str), error) {
        (Some(Value::Bool(false)), _, Some(error)) => {
            format!("\n上送中断 {} {}", text(error, "code"), text(error, "reason"))
        }
        (_, Some(blocked), _) => format!("\n平台要求暂停 {blocked}"),
        _ => String::new(),
    }
}

/// A try to publish, with what became of it.
fn attempt(it: &Value) -> String {
    if let Some(skipped) = it.get("skipped") {
        return format!("\n  上送 ……（中间 {skipped} 次略）");
    }
    let outcome = match text(it, "outcome").as_str() {
        "confirmed" => "平台确认",
        "returned" => "退回：没有队列接收",
        "nacked" => "队列拒收",
        "refused" => "平台关闭信道",
        _ => "不知道：没等到答复",
    };
    let said = match text(it, "reason").as_str() {
        "-" => String::new(),
        reason => format!("\t{} {reason}", text(it, "code")),
    };
    format!("\n  上送 {}，{} {outcome}{said}", text(it, "sent_at"), text(it, "at"))
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).filter(|it| !it.is_empty()).unwrap_or("-").to_owned()
}

const LISTS: [&str; 3] = ["messages", "tried", "replays"];
