//! `his-agent outbox`: how the queue on disk stands, and for how long the disk will do, as the running
//! daemon tells; and what is done to a store while no daemon runs on it (`cli/outbox/doctor.rs`).

mod doctor;

use std::fmt::Write as _;

use serde_json::Value;

use super::asking::unanswered;
use super::{ConfigArgument, Exit, tell};
use crate::config::Config;
use crate::control::client;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// 等待、死信、磁盘空间，平台中断还能撑多少小时 | what waits, the disk, and how long an outage it will do
    Status {
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 停机检查：读遍发件箱的文件，逐条列出损坏和丢失，不改动 | offline: reads everything, names what is damaged or lost
    Verify(doctor::Verify),
    /// 停机导出：读得出的记录、死信、待对照报文写成 NDJSON（含患者信息） | offline: all that can be read, as NDJSON
    Export(doctor::Export),
    /// 停机修复：用读得出的内容重建发件箱，损坏的整体移到旁边保存 | offline: a new store of what is left; the old one is kept
    Salvage(doctor::Salvage),
    /// 停机退回：退回旧版本前，把发件箱改回旧版读得懂的格式，内容不变 | offline, before an earlier release: the format it reads
    Downgrade(doctor::Downgrade),
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let json = match &arguments.action {
        Action::Status { json } => *json,
        Action::Verify(it) => return doctor::verify(&config, it),
        Action::Export(it) => return doctor::export(&config, it),
        Action::Salvage(it) => return doctor::salvage(&config, it),
        Action::Downgrade(it) => return doctor::downgrade(&config, it),
    };
    match client::get(&config.control.socket, "/admin/v1/status") {
        Ok(told) => {
            let road = told.get("road").unwrap_or(&told);
            let parts =
                ["ready", "outbox", "room", "forward"].map(|it| (it.to_owned(), road[it].clone()));
            if json {
                say!("{:#}", Value::Object(parts.into_iter().collect()));
            } else {
                say!("{}", status(road).trim_end());
            }
            Exit::Ok
        }
        Err(error) => unanswered(&error),
    }
}

fn status(road: &Value) -> String {
    let (outbox, room) = (&road["outbox"], &road["room"]);
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "{name}\t{text}");
    };
    line("接收", accepting(outbox, room));
    line("等待送出", format!("{} 条，{}", outbox["waiting"], size(&outbox["waiting_bytes"])));
    for (name, text) in waits_for(&road["forward"]) {
        line(&name, text);
    }
    line("死信", dead(outbox));
    line("待对照", format!("{} 份报文", outbox["parked"]));
    line("磁盘空闲", size(&room["free_bytes"]));
    let waters = [&room["low_water_bytes"], &room["high_water_bytes"]].map(size);
    line("低水位、高水位", waters.join("、"));
    line("平台中断还能撑", lasting(&room["outage_hours"]));
    out
}

/// Why records wait: what keeps all of them, and what keeps those of a routing key.
fn waits_for(forward: &Value) -> Vec<(String, String)> {
    let because = |it: &Value| {
        let [code, reason, at] =
            ["code", "reason", "at"].map(|name| it[name].as_str().unwrap_or_default());
        format!("{code} {reason}（自 {at}）")
    };
    let word = forward["state"].as_str().unwrap_or("不知道");
    let trouble = forward.get("trouble").filter(|it| it.is_object());
    let state = match (word, trouble) {
        ("open", _) => "畅通".to_owned(),
        (word, Some(trouble)) => format!("{word}：{}", because(trouble)),
        (word, None) => word.to_owned(),
    };
    let held = forward["held_reasons"].as_object().into_iter().flatten();
    let held = held.map(|(key, it)| (format!("  {key} 等着"), because(it)));
    [("转发".to_owned(), state)].into_iter().chain(held).collect()
}

fn dead(outbox: &Value) -> String {
    let causes = outbox["dead_letters_by_cause"].as_object().into_iter().flatten();
    let causes: Vec<String> = causes.map(|(code, count)| format!("{code} {count}")).collect();
    let letters = &outbox["dead_letters"];
    if causes.is_empty() {
        format!("{letters} 封")
    } else {
        format!("{letters} 封：{}", causes.join("，"))
    }
}

fn accepting(outbox: &Value, room: &Value) -> String {
    if let Some(failure) = outbox["failure"].as_str() {
        return format!("否，存储故障：{failure}");
    }
    let words = match (room["accepting"].as_bool(), room["disk_full"].as_bool()) {
        (Some(true), _) => "是",
        (_, Some(true)) => "否，磁盘已满；有空间后自动恢复",
        _ => "否，磁盘空闲低于低水位；回到高水位后自动恢复",
    };
    words.to_owned()
}

fn lasting(hours: &Value) -> String {
    let measured = &hours["measured_minutes"];
    match (hours["at_average"].as_f64(), hours["at_peak"].as_f64()) {
        (Some(average), Some(peak)) => format!(
            "{average:.1} 小时（按平均写入），{peak:.1} 小时（按最忙的一小时）；量了 {measured} 分钟"
        ),
        _ => format!("还不知道：量了 {measured} 分钟，要量满五分钟并有写入"),
    }
}

/// Bytes as people say them.
fn size(bytes: &Value) -> String {
    let Some(bytes) = bytes.as_u64() else { return "不知道".to_owned() };
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => {
            let tenths = (bytes >> (shift - 10)) * 10 / 1024;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes() {
        check(json!(null), "不知道");
        check(json!(1023), "1023 B");
        check(json!(1536), "1.5 KiB");
        check(json!(1_073_741_824_u64), "1.0 GiB");
        check(json!(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn it_says_why_records_wait() {
        let trouble = json!({ "code": "F101", "reason": "connection refused", "at": "08:00" });
        let held = json!({ "code": "F201", "reason": "no queue takes it", "at": "09:00" });
        let why = |forward: Value| {
            let lines =
                waits_for(&forward).into_iter().map(|(name, text)| format!("{name}: {text}"));
            lines.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(why(json!({ "state": "open", "trouble": null })), "转发: 畅通");
        assert_eq!(
            why(json!({ "state": "unreachable", "trouble": trouble })),
            "转发: unreachable：F101 connection refused（自 08:00）"
        );
        assert_eq!(
            why(json!({ "state": "no_binding", "held_reasons": { "H1.rx": held } })),
            "转发: no_binding;   H1.rx 等着: F201 no queue takes it（自 09:00）"
        );
    }

    #[track_caller]
    #[allow(clippy::needless_pass_by_value)] // written down where it is used
    fn check(bytes: Value, expected: &str) {
        assert_eq!(size(&bytes), expected);
    }
}
