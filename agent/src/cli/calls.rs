//! `his-agent calls`: every call at the doors. Asks the running daemon.

use serde_json::Value;

use super::asking::{address, ask, say_each};
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
    /// 列出调用，一次一行，最近的在后：时间、谁、从哪里、做什么、通道、状态、代码、字节、毫秒、报文标识 | calls, a line each, the latest last
    List(Box<Listed>),
}

#[derive(Debug, clap::Args)]
struct Listed {
    /// 只看这个调用者 | only this caller
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// 只看来自这个地址的 | only from this address
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// 只看 message、check、feedback、query 或 events | only message, check, feedback, query or events
    #[arg(long)]
    verb: Option<String>,
    /// 只看这个通道 | only this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// 只看这个代码，例如 I222 | only this code
    #[arg(long)]
    code: Option<String>,
    /// 从何时，YYYYMMDD 或 YYYYMMDDhhmmss | from when on
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// 到何时；日期指当天结束 | until when; a day means its end
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// 最多多少次；缺省 100 | at most so many; 100 by default
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// 一行一个 JSON 对象 | a JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let Action::List(listed) = &arguments.action;
    ask(&arguments.config, |socket| {
        say_each(&client::get(socket, &listed.address())?, "calls", listed.json, line);
        Ok(Exit::Ok)
    })
}

impl Listed {
    fn address(&self) -> String {
        let limit = self.limit.map(|it| it.to_string());
        let wanted = [
            ("caller", &self.caller),
            ("address", &self.address),
            ("verb", &self.verb),
            ("channel", &self.channel),
            ("code", &self.code),
            ("from", &self.from),
            ("to", &self.to),
            ("limit", &limit),
        ];
        address("/admin/v1/calls", &wanted)
    }
}

fn line(call: &Value) -> String {
    let text = |name: &&str| match call.get(*name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    let columns =
        ["at", "caller", "address", "verb", "channel", "status", "code", "bytes", "ms", "id"];
    columns.iter().map(text).collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_who_did_what() {
        let call = serde_json::json!({ "at": "20261122101530", "caller": null,
            "address": "10.1.0.7", "verb": "message", "channel": "rx", "status": 401,
            "code": "I221", "bytes": 0, "ms": 1, "id": "0199" });
        let expected = "20261122101530\t-\t10.1.0.7\tmessage\trx\t401\tI221\t0\t1\t0199";
        assert_eq!(line(&call), expected);
    }
}
