//! `his-agent alerts`: what somebody should look at now, who was told of it, a test, silence. Asks the
//! running daemon.

use std::path::Path;

use serde_json::{Value, json};

use super::asking::ask;
use super::{ConfigArgument, Exit};
use crate::control::client::{self, ControlError};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// 现有的告警、静默的、各去处的现状 | what stands, what is silenced, how the targets do
    List {
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 发一条测试通知 | sends a notice that says it is a test
    Test {
        /// 去处的名字：[[alert]] 的 name | its name
        target: String,
    },
    /// 一个告警在一段时间里不通知（仍列出） | nobody is told of an alert for a while
    Silence {
        /// 告警的代码，见 list | its code
        code: String,
        /// 多久：90m、8h、3d，最长 30d | how long
        #[arg(long = "for", value_name = "TIME", value_parser = minutes, default_value = "8h")]
        time: u32,
        /// 为什么 | why
        #[arg(long, required_unless_present = "end")]
        reason: Option<String>,
        /// 不再静默 | it is told again
        #[arg(long, conflicts_with = "reason")]
        end: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    ask(&arguments.config, |socket| match carry_out(&arguments.action, socket) {
        // The daemon has done its part; it is the other side that was not reached.
        Err(ControlError::Refused { status: 502, code, reasons }) => {
            eprintln!("{code} {}", reasons.join("\n"));
            Ok(Exit::Unavailable)
        }
        done => done.map(|()| Exit::Ok),
    })
}

fn carry_out(action: &Action, socket: &Path) -> Result<(), ControlError> {
    match action {
        Action::List { json } => list(&client::get(socket, ADDRESS)?, *json),
        Action::Test { target } => {
            let body = json!({ "target": target });
            let told = client::post(socket, &format!("{ADDRESS}/test"), &body)?;
            let but = told.get("but").and_then(Value::as_str);
            let but = but.map(|it| format!("；没有收下的：{it}")).unwrap_or_default();
            say!("{target}：已送出{but}");
        }
        Action::Silence { code, time, reason, end } => {
            let minutes = if *end { 0 } else { *time };
            let body = json!({ "code": code, "minutes": minutes, "reason": reason.clone().unwrap_or_default() });
            let told = client::post(socket, &format!("{ADDRESS}/silence"), &body)?;
            let until = told.get("until").and_then(Value::as_str).map(moment);
            let now = until.map_or("不再静默".to_owned(), |it| format!("静默到 {it}"));
            say!("{code}：{now}");
        }
    }
    Ok(())
}

fn list(told: &Value, as_json: bool) {
    if as_json {
        say!("{told:#}");
        return;
    }
    for line in lines(told) {
        say!("{line}");
    }
}

fn lines(told: &Value) -> Vec<String> {
    let all = |name: &str| told[name].as_array().cloned().unwrap_or_default();
    let text = |it: &Value, name: &str| it[name].as_str().unwrap_or("-").to_owned();
    let mut lines: Vec<String> = all("alerts")
        .iter()
        .map(|it| {
            let silenced = if it["silenced"] == true { "（静默）" } else { "" };
            let severity = if it["severity"] == "critical" { "严重" } else { "注意" };
            let since = moment(&text(it, "since"));
            format!("{severity}{silenced}\t{}\t{}\t自 {since}", text(it, "code"), text(it, "text"))
        })
        .collect();
    if lines.is_empty() {
        lines.push("没有告警".to_owned());
    }
    lines.extend(all("silences").iter().map(|it| {
        let until = moment(&text(it, "until"));
        format!("静默\t{}\t到 {until}\t{}", text(it, "code"), text(it, "reason"))
    }));
    lines.extend(all("targets").iter().map(target));
    lines
}

fn target(it: &Value) -> String {
    let (name, kind) = (it["name"].as_str().unwrap_or("-"), it["kind"].as_str().unwrap_or("-"));
    let hours = match it["listens"].as_str() {
        None => "现在不通知",
        Some("critical") => "现在只通知严重的",
        Some(_) => "现在通知",
    };
    let standing = &it["standing"];
    let sent = standing["sent"].as_u64().unwrap_or_default();
    let last = standing["last_sent"].as_str().map(|it| format!("，最近 {}", moment(it)));
    let trouble = standing["trouble"].as_str().map(|why| {
        let since = moment(standing["trouble_since"].as_str().unwrap_or_default());
        format!("\t送不到（自 {since}，试了 {} 次）：{why}", standing["failures"])
    });
    let (last, trouble) = (last.unwrap_or_default(), trouble.unwrap_or_default());
    format!("去处\t{name}\t{kind}\t{hours}\t送了 {sent} 次{last}{trouble}")
}

/// `20261122101530` as people write it.
fn moment(stamp: &str) -> String {
    let moment = crate::pipeline::moment(stamp);
    moment.map_or_else(|| stamp.to_owned(), |it| it.strftime("%m-%d %H:%M").to_string())
}

fn minutes(text: &str) -> Result<u32, String> {
    let wrong = || "写成 90m、8h 或 3d，最长 30d".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let number = text.strip_suffix(unit).and_then(|it| it.parse::<u32>().ok()).ok_or_else(wrong)?;
    let minutes = match unit {
        'm' => Some(number),
        'h' => number.checked_mul(60),
        'd' => number.checked_mul(24 * 60),
        _ => None,
    };
    minutes.filter(|it| (1..=30 * 24 * 60).contains(it)).ok_or_else(wrong)
}

const ADDRESS: &str = "/admin/v1/alerts";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(
            ["90m", "8h", "3d", "30d"].map(|it| minutes(it).unwrap()),
            [90, 480, 4_320, 43_200]
        );
        for wrong in ["", "8", "h", "0m", "31d", "-1h", "8 h", "99999999d", "八h"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_each() {
        assert_eq!(lines(&json!({})), ["没有告警"]);
        let told = json!({
            "alerts": [{ "code": "F101", "severity": "critical", "text": "连不上",
                "since": "20261122101530", "silenced": true }],
            "silences": [{ "code": "F101", "until": "20261122181530", "reason": "平台升级" }],
            "targets": [{ "name": "duty", "kind": "mail", "listens": "critical", "standing": {
                "sent": 3, "last_sent": "20261122101600", "failures": 2, "trouble": "时限内没有应答",
                "trouble_since": "20261122101700" } }],
        });
        assert_eq!(
            lines(&told),
            [
                "严重（静默）\tF101\t连不上\t自 11-22 10:15",
                "静默\tF101\t到 11-22 18:15\t平台升级",
                "去处\tduty\tmail\t现在只通知严重的\t送了 3 次，最近 11-22 10:16\t送不到（自 11-22 10:17，试了 2 次）：时限内没有应答",
            ]
        );
    }
}
