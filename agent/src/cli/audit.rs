//! `his-agent audit`: whole encounters judged day by day and after discharge, and what became of it. Asks
//! the running daemon.

mod arguments;
mod out;

use std::fmt::Write as _;

use serde_json::{Value, json};

pub(super) use self::arguments::Arguments;
use self::arguments::{Action, Report};
use self::out::{file_rows, give};
use super::asking::{address, list, text, unanswered};
use super::{Exit, tell};
use crate::audit::table::Table;
use crate::config::Config;
use crate::control::client::{self, ControlError};

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    match act(&config, &arguments.action) {
        Ok(()) => Exit::Ok,
        Err(Failed::Exit(exit)) => exit,
        Err(Failed::Unanswered(error)) => unanswered(&error),
    }
}

/// Why a command gave nothing.
enum Failed {
    /// It was said already.
    Exit(Exit),
    Unanswered(ControlError),
}

impl From<ControlError> for Failed {
    fn from(error: ControlError) -> Failed {
        Failed::Unanswered(error)
    }
}

fn act(config: &Config, action: &Action) -> Result<(), Failed> {
    let socket = &config.control.socket;
    match action {
        Action::Run { day, scene, encounter } => {
            let body = json!({ "day": day, "scene": scene, "encounter": encounter });
            let told = client::post(socket, "/admin/v1/audit/runs", &body)?;
            say!("{}", account(&told));
        }
        Action::Runs { json } => {
            let told = client::get(socket, "/admin/v1/audit/runs")?;
            if *json {
                say!("{told:#}");
            } else {
                list(&told, "runs").for_each(|it| say!("{}", account(it)));
            }
        }
        Action::Findings { wanted, out } => {
            let address = address("/admin/v1/audit/suspicions", &wanted.named());
            give(&table(&client::get(socket, &address)?)?, out)?;
        }
        Action::Show { id } => {
            let address = format!("/admin/v1/audit/suspicions/{}", client::escaped(id));
            say!("{:#}", client::get(socket, &address)?);
        }
        Action::Explain { id, json } => {
            let id = client::escaped(id);
            let address = format!("/admin/v1/audit/suspicions/{id}/explain");
            explain(&client::get(socket, &address)?, *json);
        }
        Action::Answer { id, state, reason, by } => {
            let address = format!("/admin/v1/audit/suspicions/{}", client::escaped(id));
            let body = json!({ "state": state, "reason": reason, "by": by });
            let told = client::post(socket, &address, &body)?;
            let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or("-");
            say!("{}\t{}\t自 {}", text("id"), text("state"), text("since"));
        }
        Action::Feed { department, after, limit } => {
            let limit = limit.map(|it| it.to_string());
            let named = [("department", department), ("after", after), ("limit", &limit)];
            let told = client::get(socket, &address("/admin/v1/audit/feed", &named))?;
            list(&told, "events").for_each(|it| say!("{it}"));
        }
        Action::Summary { by, wanted, out } => {
            let by = Some(by.clone());
            let named: Vec<_> = [("by", &by)].into_iter().chain(wanted.named()).collect();
            let told = client::get(socket, &address("/admin/v1/audit/summary", &named))?;
            give(&table(&told)?, out)?;
        }
        Action::Report { report } => give_report(config, report)?,
    }
    Ok(())
}

fn give_report(config: &Config, report: &Report) -> Result<(), Failed> {
    let socket = &config.control.socket;
    let (told, out) = match report {
        Report::Ratios { month, out } => {
            let named = [("month", &Some(month.clone()))];
            (client::get(socket, &address("/admin/v1/audit/ratios", &named))?, out)
        }
        Report::Stock { month, file, out } => {
            let body = json!({ "month": month, "rows": file_rows(file)? });
            (client::post(socket, "/admin/v1/audit/stock", &body)?, out)
        }
    };
    give(&table(&told)?, out)
}

fn table(told: &Value) -> Result<Table, Failed> {
    let read = serde_json::from_value(told.clone());
    read.map_err(|error| Failed::Unanswered(ControlError::Garbled(error.to_string())))
}

fn explain(told: &Value, json: bool) {
    if json {
        say!("{told:#}");
        return;
    }
    for it in list(told, "findings") {
        say!("{}", it.get("explanation").and_then(Value::as_str).unwrap_or_default().trim_end());
    }
    if let Some(text) = told.get("no_longer_found").and_then(Value::as_str) {
        say!("按现在的记录和规则不再发现：{text}");
    }
}

/// A run in a line.
fn account(ran: &Value) -> String {
    let text = |name: &str| text(ran, name);
    let number = |name: &str| ran.get(name).and_then(Value::as_u64).unwrap_or(0);
    let mut line = format!(
        "{}\t{}\t{}\t{}\t就诊 {}，疑点 {}（新 {}，重新打开 {}），消失 {}，升级 {}",
        text("started"),
        text("scene"),
        text("day"),
        text("state"),
        number("encounters"),
        number("found"),
        number("opened"),
        number("reopened"),
        number("closed"),
        number("escalated"),
    );
    let unknown = ran.get("unknown").and_then(Value::as_object);
    for (rule, count) in unknown.into_iter().flatten() {
        let _ = write!(line, "\n  无法判断 {rule}：{count} 次就诊");
    }
    if number("behind") > 0 {
        let _ = write!(line, "\n  还有 {} 条记录没有归入既往，没有看到", number("behind"));
    }
    line
}
