//! `his-agent rules explain`: why a check found what it found, and what its undecided rules lack.

use serde_json::Value;

use super::super::asking::{ask, list, text};
use super::super::{ConfigArgument, Exit};
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
    let check = client::escaped(&arguments.check);
    let address = match &arguments.finding {
        None => format!("/admin/v1/checks/{check}/explain"),
        Some(id) => format!("/admin/v1/checks/{check}/findings/{}/explain", client::escaped(id)),
    };
    ask(&arguments.config, |socket| {
        let told = client::get(socket, &address)?;
        if arguments.json {
            say!("{told:#}");
        } else {
            show(&told);
        }
        Ok(Exit::Ok)
    })
}

fn show(told: &Value) {
    if text(told, "rules_then") != text(told, "rules_now") {
        say!("规则已变：当时 {}，现在 {}", text(told, "rules_then"), text(told, "rules_now"));
    }
    for it in list(told, "findings").chain(list(told, "unknown")) {
        say!("{}", text(it, "explanation").trim_end());
    }
    for it in list(told, "no_longer_found") {
        let words = ["finding_id", "rule_id", "text"].map(|name| text(it, name));
        say!("按现在的规则不再命中 {}", words.join("\t"));
    }
}
