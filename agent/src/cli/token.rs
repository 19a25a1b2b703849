//! `his-agent token`: who may call. Asks the running daemon, so that what is said holds at once.

use serde_json::{Value, json};

use super::asking::{ask, say_each, text};
use super::{ConfigArgument, Exit};
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
    /// 生成一个令牌，只显示这一次 | makes a token, shown this once
    Create {
        /// 调用者的名字，写在日志里：字母、数字、-、_ 和 . | the caller's name, for the log
        name: String,
        /// 能做什么，逗号分隔：message 送报文，check 审查，feedback 反馈，query 读记录，events 收事件 | what it may do, with commas between
        #[arg(long, value_delimiter = ',', required_unless_present = "role")]
        verbs: Vec<String>,
        /// 管理接口的角色，逗号分隔：viewer 只读，operator 运维，pharmacist 药师，auditor 审计，admin 管理员 | roles at the admin API
        #[arg(long, value_delimiter = ',')]
        role: Vec<String>,
        /// 只许用这些通道，逗号分隔；不写是全部 | the channels it may use; all when left out
        #[arg(long, value_delimiter = ',', value_name = "CHANNEL")]
        channels: Vec<String>,
        /// 只许从这些地址用，例如 10.1.0.0/16，逗号分隔 | where it may be used from
        #[arg(long, value_delimiter = ',', value_name = "ADDRESS")]
        addresses: Vec<String>,
        /// 收事件时只看这些科室，逗号分隔 | departments whose events it may hear
        #[arg(long, value_delimiter = ',', value_name = "CODE")]
        departments: Vec<String>,
        /// 每分钟最多调用多少次；不写是不限 | calls a minute; no bound when left out
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        calls_per_minute: u32,
        /// 有效多少天，最多 1095 | days it holds, at most 1095
        #[arg(long, default_value_t = 365)]
        days: u32,
    },
    /// 列出令牌：谁的、在用还是停了、能做什么、到何时 | all tokens, a line each
    List {
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 停用一个名字的全部令牌，立即生效 | takes all tokens of a name away, at once
    Revoke {
        /// 调用者的名字 | the caller's name
        name: String,
        /// 为什么，写进日志 | why, for the log
        #[arg(long)]
        reason: String,
    },
    /// 换一个令牌，权限不变，新的只显示这一次 | another token with the same rights, shown this once
    Rotate {
        /// 调用者的名字 | the caller's name
        name: String,
        /// 新的有效多少天 | days the new one holds
        #[arg(long, default_value_t = 365)]
        days: u32,
        /// 旧的再用多少小时，最多 720；0 是立即停 | hours the old one still holds, at most 720
        #[arg(long, value_name = "N", default_value_t = 24)]
        overlap_hours: u32,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    ask(&arguments.config, |socket| {
        match &arguments.action {
            Action::List { json } => {
                say_each(&client::get(socket, ADDRESS)?, "tokens", *json, line);
            }
            Action::Revoke { name, reason } => {
                let body = json!({ "name": name, "reason": reason });
                let told = client::post(socket, &format!("{ADDRESS}/revoke"), &body)?;
                say!("{name}：停用了 {} 个令牌，已生效", text(&told, "revoked"));
            }
            Action::Rotate { name, days, overlap_hours } => {
                let body = json!({ "name": name, "days": days, "overlap_hours": overlap_hours });
                show(&client::post(socket, &format!("{ADDRESS}/rotate"), &body)?);
            }
            Action::Create {
                name,
                verbs,
                role,
                channels,
                addresses,
                departments,
                calls_per_minute,
                days,
            } => {
                let body = json!({
                    "name": name, "verbs": verbs, "roles": role, "channels": channels, "addresses": addresses,
                    "departments": departments, "calls_per_minute": calls_per_minute, "days": days,
                });
                show(&client::post(socket, ADDRESS, &body)?);
            }
        }
        Ok(Exit::Ok)
    })
}

/// The token alone on standard output, so that a script can keep it; what is to be known of it beside.
fn show(told: &Value) {
    say!("{}", text(told, "token"));
    let until = text(told, "until");
    eprintln!("{} 的令牌在上面一行，只显示这一次；有效到 {until}", text(told, "name"));
    eprintln!("调用时写请求头 Authorization: Bearer 令牌");
    if let Some(warning) = told.get("warning").and_then(Value::as_str) {
        eprintln!("{warning}");
    }
}

fn line(it: &Value) -> String {
    let state = match it.get("state").and_then(Value::as_str) {
        Some("in_force") => "在用",
        Some("revoked") => "已停用",
        _ => "已过期",
    };
    let or_all =
        |name| Some(words(it, name)).filter(|it| !it.is_empty()).unwrap_or("全部".to_owned());
    let parts = [
        text(it, "name"),
        state.to_owned(),
        [words(it, "verbs"), words(it, "roles")].join(" ").trim().to_owned(),
        format!("通道 {}", or_all("channels")),
        format!("地址 {}", or_all("addresses")),
        format!("到 {}", text(it, "until")),
        it.get("reason").and_then(Value::as_str).unwrap_or("").to_owned(),
    ];
    parts.join("\t").trim_end().to_owned()
}

fn words(it: &Value, name: &str) -> String {
    let all = it.get(name).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
}

const ADDRESS: &str = "/admin/v1/tokens";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_whose_it_is_and_what_it_may() {
        let token = json!({ "name": "lis", "state": "in_force", "verbs": ["check", "message"],
            "channels": [], "addresses": ["10.1.0.0/16"], "until": "20271122101530", "reason": null });
        let expected = "lis\t在用\tcheck,message\t通道 全部\t地址 10.1.0.0/16\t到 20271122101530";
        assert_eq!(line(&token), expected);
        let gone = json!({ "name": "a", "state": "revoked", "verbs": [], "channels": ["rx"],
            "addresses": [], "until": "20271122101530", "reason": "换厂商" });
        assert_eq!(line(&gone), "a\t已停用\t\t通道 rx\t地址 全部\t到 20271122101530\t换厂商");
    }
}
