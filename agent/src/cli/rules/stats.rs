//! `his-agent rules stats`: how each rule fares. Asks the running daemon.

use serde_json::Value;

use super::super::asking::{address, ask, list, text};
use super::super::{ConfigArgument, Exit};
use crate::control::client;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 从哪天或哪个时刻起，YYYYMMDD 或 YYYYMMDDhhmmss；缺省是今天 | from when; today when left out
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// 到哪天或哪个时刻止 | up to when
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// 只看这条规则，并按理由、医生、科室、日列出 | one rule, by reason, doctor, department and day
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// 给程序看 | for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let wanted = [("from", &arguments.from), ("to", &arguments.to), ("rule", &arguments.rule)];
    let address = address("/admin/v1/rules/statistics", &wanted);
    ask(&arguments.config, |socket| {
        let told = client::get(socket, &address)?;
        if arguments.json {
            say!("{told:#}");
        } else {
            show(&told, arguments.rule.is_some());
        }
        Ok(Exit::Ok)
    })
}

fn show(told: &Value, in_full: bool) {
    say!("审查 {} 次", number(told, "checks"));
    say!("规则\t名称\t命中\t提示\t静默\t无法判断\t问题\t坚持\t坚持率%");
    for rule in list(told, "rules") {
        let texts = ["rule_id", "rule_name"].map(|it| text(rule, it));
        let names =
            ["hits", "shown", "silent", "unknown", "findings", "overrides", "override_percent"];
        say!("{}\t{}", texts.join("\t"), names.map(|it| number(rule, it)).join("\t"));
        let tables =
            [("reasons", "理由"), ("doctors", "医生"), ("departments", "科室"), ("days", "日")];
        for (name, zh) in tables.into_iter().filter(|_| in_full) {
            for row in list(rule, name) {
                let counts = ["hits", "overrides"].map(|it| number(row, it));
                say!("  {zh}\t{}\t命中 {}\t坚持 {}", text(row, "name"), counts[0], counts[1]);
            }
        }
    }
}

fn number(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_u64).map_or("-".to_owned(), |it| it.to_string())
}
