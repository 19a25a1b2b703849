//! `his-agent rules explain`: why a check found what it found, and what its undecided rules lack.

use serde_json::Value;

use super::super::asking::unanswered;
use super::super::{ConfigArgument, Exit, tell};
use crate::config::Config;
use crate::control::client;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 审查标识（check_id） | the check
    #[arg(value_name = "CHECK")]
    check: String,
    /// 违规标识（jr_id）；缺省解释全部问题和无法判断的规则 | one finding; all of them when left out
    #[arg(value_name = "FINDING")]
    finding: Option<String>,
    /// 给程序看 | for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let check = client::escaped(&arguments.check);
    let address = match &arguments.finding {
        None => format!("/admin/v1/checks/{check}/explain"),
        Some(id) => format!("/admin/v1/checks/{check}/findings/{}/explain", client::escaped(id)),
    };
    match client::get(&config.control.socket, &address) {
        Ok(told) if arguments.json => say!("{told:#}"),
        Ok(told) => show(&told),
        Err(error) => return unanswered(&error),
    }
    Exit::Ok
}

fn show(told: &Value) {
    let list = |name: &str| told.get(name).and_then(Value::as_array).into_iter().flatten();
    let text =
        |it: &Value, name: &str| it.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    if text(told, "rules_then") != text(told, "rules_now") {
        say!("规则已变：当时 {}，现在 {}", text(told, "rules_then"), text(told, "rules_now"));
    }
    for it in list("findings").chain(list("unknown")) {
        say!("{}", text(it, "explanation").trim_end());
    }
    for it in list("no_longer_found") {
        let words = ["finding_id", "rule_id", "text"].map(|name| text(it, name));
        say!("按现在的规则不再命中 {}", words.join("\t"));
    }
}
