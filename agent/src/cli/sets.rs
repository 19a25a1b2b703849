//! `his-agent sets`: which dictionary, mappings, code maps and rules the running daemon works with.

use clap::Subcommand;
use serde_json::{Value, json};

use super::asking::ask;
use super::{ConfigArgument, Exit};
use crate::control::client;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 在用的是哪一套，从何时起，上次为什么没有换成 | which set is in force, and why the last try failed
    Status,
    /// 现在就重新读入 | read the files again now
    Reload {
        /// 自动换回过的也再试 | even a set that was taken back
        #[arg(long)]
        again: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    ask(&arguments.config, |socket| match arguments.action {
        Action::Status => client::get(socket, "/admin/v1/sets").map(|it| show(&it)),
        Action::Reload { again } => {
            let address = format!("/admin/v1/sets/reload?again={again}");
            client::post(socket, &address, &json!({})).map(|it| show_reloaded(&it))
        }
    })
}

fn show_reloaded(said: &Value) -> Exit {
    let changed = said.pointer("/changed") == Some(&Value::Bool(true));
    let what = if changed { "已换上" } else { "没有变化，在用的仍是" };
    say!("{what} {}", text(said, "/digest"));
    Exit::Ok
}

fn show(said: &Value) -> Exit {
    say!("在用 in force: {}，自 since {}", text(said, "/digest"), text(said, "/since"));
    for channel in list(said, "/on_trial") {
        say!(
            "试用中 on trial: 通道 {}，已判 {}/{}，只被新的拒收 {}",
            text(channel, "/channel"),
            text(channel, "/judged"),
            text(channel, "/of"),
            text(channel, "/refused_by_it_alone")
        );
    }
    let problems = list(said, "/problems");
    if problems.is_empty() {
        return Exit::Ok;
    }
    say!("{} 读到的没有换上 not taken:", text(said, "/tried_at"));
    for problem in problems {
        say!("  {}", problem.as_str().unwrap_or_default());
    }
    Exit::Config
}

/// A member as people read it.
pub(super) fn text(said: &Value, path: &str) -> String {
    match said.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

pub(super) fn list<'a>(said: &'a Value, path: &str) -> &'a [Value] {
    said.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
