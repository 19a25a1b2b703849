//! `his-agent queries`: who has read records over `GET /v1/records`. Asks the running daemon.

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
    /// 列出调用，一次一行，最近的在后：时间、谁、哪个查询、按什么查、多少条 | calls, a line each, the latest last
    List {
        /// 只看这个调用者 | only this caller
        #[arg(long, value_name = "NAME")]
        caller: Option<String>,
        /// 只看这个查询 | only this query
        #[arg(long, value_name = "NAME")]
        query: Option<String>,
        /// 最多多少次；缺省 100 | at most so many; 100 by default
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// 一行一个 JSON 对象 | a JSON object a line
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let Action::List { caller, query, limit, json } = &arguments.action;
    let limit = limit.map(|it| it.to_string());
    let wanted = [("caller", caller), ("query", query), ("limit", &limit)];
    ask(&arguments.config, |socket| {
        let told = client::get(socket, &address("/admin/v1/queries", &wanted))?;
        say_each(&told, "calls", *json, line);
        Ok(Exit::Ok)
    })
}

fn line(call: &Value) -> String {
    let text = |name: &str| text(call, name);
    let by: Vec<&str> = list(call, "by").filter_map(Value::as_str).collect();
    let rows = call.get("rows").and_then(Value::as_u64).unwrap_or(0);
    let parts = [
        text("at"),
        text("caller"),
        text("query"),
        text("entity"),
        by.join(","),
        format!("{}..{}", text("from"), text("to")),
        format!("{rows} 条"),
        text("id"),
    ];
    parts.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_who_has_read_how_much() {
        let call = serde_json::json!({ "id": "0199", "at": "20261122101530", "caller": "emr",
            "query": "fees", "entity": "fee_detail_outpatient", "by": ["patient", "time"],
            "from": "20261101", "rows": 3 });
        let expected = "20261122101530\temr\tfees\tfee_detail_outpatient\tpatient,time\t20261101..-\t3 条\t0199";
        assert_eq!(line(&call), expected);
    }
}
