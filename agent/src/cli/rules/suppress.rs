//! `his-agent rules suppress`: a rule that does not speak in some departments until a day.

use jiff::civil::Date;
use serde_json::json;

use super::super::{ConfigArgument, Exit};
use super::books::by_daemon_or_files;
use super::overlay::By;
use crate::control::client;
use crate::sets::suppress::Suppression;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 规则标识 | the rule
    rule: String,
    /// 科室编码或名称，可多次 | department, by code or name
    #[arg(long, required = true, value_name = "DEPARTMENT")]
    department: Vec<String>,
    /// 到哪天止（含），如 2026-12-31 | the last day
    #[arg(long, value_name = "DAY")]
    to: Date,
    #[command(flatten)]
    by: By,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    suppress(arguments).err().unwrap_or(Exit::Ok)
}

fn suppress(arguments: &Arguments) -> Result<(), Exit> {
    let Arguments { config, rule, department, to, by } = arguments;
    let wanted = Suppression { departments: department.clone(), to: to.to_string() };
    let address = format!("/admin/v1/rules/{}/suppress", client::escaped(rule));
    let body = by.sign(json!(wanted));
    by_daemon_or_files(&config.config, (&address, &body), |books| {
        wanted.make(books, rule, &by.by())
    })?;
    say!("{rule} 在 {} 停用到 {to}", department.join("、"));
    Ok(())
}
