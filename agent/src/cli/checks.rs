//! `his-agent checks`: what was checked, what was found, what became of it. Asks the running daemon.

use std::fmt::Write as _;

use serde_json::Value;

use super::asking::{address, ask, list, say_each, text};
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
    /// 列出审查：一次一行，最近的在后 | checks, a line each, the latest last
    List {
        /// 从哪天或哪个时刻起，YYYYMMDD 或 YYYYMMDDhhmmss；缺省是今天 | from when; today when left out
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// 到哪天或哪个时刻止 | up to when
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// 只看这次就诊 | only this encounter
        #[arg(long, value_name = "ID")]
        encounter: Option<String>,
        /// 只看命中这条规则的 | only with a finding of this rule
        #[arg(long, value_name = "ID")]
        rule: Option<String>,
        /// 只看有这种状态的问题的：open、changed、continued、self_pay、ignored、voided | only with a finding in this state
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// 只看这个通道 | only this channel
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
        /// 最多多少次 | at most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 一次审查或一个问题的全过程：审查、问题、处置、上传的医嘱 | the whole trace of a check or of a finding
    Show {
        /// 审查标识（check_id）或违规标识（jr_id） | check or finding
        #[arg(value_name = "ID")]
        id: String,
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let (address, as_json) = match &arguments.action {
        Action::List { from, to, encounter, rule, state, channel, limit, json } => {
            let limit = limit.map(|it| it.to_string());
            let wanted = [
                ("from", from),
                ("to", to),
                ("encounter", encounter),
                ("rule", rule),
                ("state", state),
                ("channel", channel),
                ("limit", &limit),
            ];
            (address("/admin/v1/checks", &wanted), *json)
        }
        Action::Show { id, json } => (format!("/admin/v1/checks/{}", client::escaped(id)), *json),
    };
    ask(&arguments.config, |socket| {
        let told = client::get(socket, &address)?;
        if as_json {
            say!("{told:#}");
        } else if told.get("checks").is_some() {
            say_each(&told, "checks", false, line);
        } else {
            say!("{}", trace(&told));
        }
        Ok(Exit::Ok)
    })
}

fn line(check: &Value) -> String {
    let findings: Vec<String> = list(check, "findings").map(finding).collect();
    let parts = [
        text(check, "answered_at"),
        text(check, "check_id"),
        text(check, "encounter"),
        text(check, "channel"),
        text(check, "outcome"),
        format!("{} µs", check.get("elapsed_us").unwrap_or(&Value::Null)),
        findings.join("; "),
    ];
    parts.join("\t")
}

fn finding(found: &Value) -> String {
    let state =
        if text(found, "action") == "silent" { "静默".to_owned() } else { text(found, "state") };
    format!("{} {} {state}", text(found, "id"), text(found, "rule_id"))
}

fn trace(told: &Value) -> String {
    let mut out = String::new();
    if told.get("check_id").is_some() {
        let _ = writeln!(out, "审查 {}", line(told));
        for it in list(told, "unknown") {
            let missing: Vec<_> = list(it, "missing").filter_map(Value::as_str).collect();
            let _ = writeln!(out, "  无法判断 {}：缺 {}", text(it, "rule_id"), missing.join("、"));
        }
        for it in list(told, "not_run").filter_map(Value::as_str) {
            let _ = writeln!(out, "  未执行 {it}");
        }
    }
    for it in list(told, "trace") {
        let words =
            ["id", "rule_id", "rule_name", "severity", "action", "text"].map(|name| text(it, name));
        let _ = writeln!(out, "问题 {}", words.join("\t"));
        let checks = ["first_check", "last_check"].map(|name| text(it, name));
        let shown = it.get("shown").unwrap_or(&Value::Null);
        let _ = writeln!(out, "  首次审查 {}，最近审查 {}，提示 {shown} 次", checks[0], checks[1]);
        for said in list(it, "said") {
            let words =
                ["at", "state", "reason", "by", "approver", "source"].map(|name| text(said, name));
            let _ = writeln!(out, "  处置 {}", words.join("\t"));
        }
        for link in list(it, "uploaded") {
            let words = ["received_at", "line", "entity", "record_id", "message_id"]
                .map(|name| text(link, name));
            let _ = writeln!(out, "  上传 {}", words.join("\t"));
        }
        let _ = writeln!(out, "  现状 {}，自 {}", text(it, "state"), text(it, "since"));
    }
    out.truncate(out.trim_end().len());
    out
}
