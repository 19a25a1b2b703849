//! `his-agent subscriptions`: how pushing to other systems stands, and what a person decides about single
//! records. Asks the running daemon.

use serde_json::{Value, json};

use super::asking::{ask, list, say_each, text};
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
    /// 列出订阅，一行一个：送了多少、落后多少、为什么停着 | all, a line each
    List {
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 一个订阅：停在哪条，另放了哪些 | one: where it stands, what was set aside
    Show {
        /// 订阅的名字 | its name
        name: String,
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 另放的记录再送一次，停着的马上再试 | what was set aside goes once more, what stands is tried at once
    Retry {
        /// 订阅的名字 | its name
        name: String,
    },
    /// 跳过一条：停着的那条另放，接着送后面的；已另放的不再送 | the record it stands at is set aside; one set aside is never pushed
    Skip {
        /// 订阅的名字 | its name
        name: String,
        /// 记录的编号，见 show | the record's number
        seq: u64,
        /// 为什么，写进日志 | why, for the log
        #[arg(long)]
        reason: String,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    ask(&arguments.config, |socket| {
        match &arguments.action {
            Action::List { json } => {
                say_each(&client::get(socket, ADDRESS)?, "subscriptions", *json, line);
            }
            Action::Show { name, json } => {
                return Ok(show(&client::get(socket, ADDRESS)?, name, *json));
            }
            Action::Retry { name } => {
                client::post(socket, &format!("{ADDRESS}/retry"), &json!({ "name": name }))?;
                say!("{name}：另放的再送一次；his-agent subscriptions show {name} 看结果");
            }
            Action::Skip { name, seq, reason } => {
                let body = json!({ "name": name, "seq": seq, "reason": reason });
                let told = client::post(socket, &format!("{ADDRESS}/skip"), &body)?;
                let is_done = told.get("done") == Some(&Value::Bool(true));
                say!("{name}：{seq} {}", if is_done { "已跳过" } else { "等手上的一条送完就跳过" });
            }
        }
        Ok(Exit::Ok)
    })
}

fn show(told: &Value, name: &str, as_json: bool) -> Exit {
    let Some(it) = list(told, "subscriptions").find(|it| text(it, "name") == name) else {
        let names: Vec<String> = list(told, "subscriptions").map(|it| text(it, "name")).collect();
        eprintln!("没有这个订阅；有：{}", names.join("、"));
        return Exit::Usage;
    };
    if as_json {
        say!("{it:#}");
        return Exit::Ok;
    }
    say!("{}", line(it));
    if let Some(trouble) = it.get("trouble").filter(|it| !it.is_null()) {
        let since = text(trouble, "since");
        say!("停在\t{}\t自 {since}\t{}", text(it, "next"), text(trouble, "reason"));
    }
    for refused in it.get("refused").and_then(Value::as_array).into_iter().flatten() {
        let words = ["seq", "at", "entity", "record_id", "reason"].map(|name| text(refused, name));
        say!("另放\t{}", words.join("\t"));
    }
    Exit::Ok
}

fn line(it: &Value) -> String {
    let count = |zh: &str, name: &str| format!("{zh} {}", text(it, name));
    let trouble = it.get("trouble").filter(|it| !it.is_null());
    let standing = trouble.map_or("通".to_owned(), |it| format!("停着：{}", text(it, "reason")));
    let parts = [
        text(it, "name"),
        standing,
        count("送了", "sent"),
        count("落后", "behind"),
        count("另放", "set_aside"),
        count("跳过", "skipped"),
        count("丢了", "lost"),
    ];
    parts.join("\t")
}

const ADDRESS: &str = "/admin/v1/subscriptions";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_it_stands() {
        check(&Value::Null, "emr\t通\t送了 7\t落后 0\t另放 1\t跳过 0\t丢了 0");
        let trouble = json!({ "since": "20261122101530", "reason": "答复 503" });
        check(&trouble, "emr\t停着：答复 503\t送了 7\t落后 0\t另放 1\t跳过 0\t丢了 0");
    }

    #[track_caller]
    fn check(trouble: &Value, expected: &str) {
        let told = json!({ "name": "emr", "sent": 7, "behind": 0, "set_aside": 1, "skipped": 0,
            "lost": 0, "trouble": trouble });
        assert_eq!(line(&told), expected);
    }
}
