//! `his-agent history`: what is kept of a patient's past, shown or forgotten. Asks the running daemon.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::asking::{ask, list, text};
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
    /// 从哪天起完整，还有多少记录没有归入 | from which day it is complete, and how far it is behind
    Status,
    /// 一位患者的既往，缺省遮盖内容；每次查看都记日志 | what is kept of a patient, masked unless told otherwise
    Show {
        /// 院内患者标识、人员编号或病历号 | any id of the patient
        #[arg(long, value_name = "ID")]
        patient: String,
        /// 显示内容，不遮盖 | show the values
        #[arg(long)]
        unmask: bool,
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 删除一位患者的既往，不能恢复 | remove what is kept of a patient, for good
    Forget {
        /// 院内患者标识、人员编号或病历号 | any id of the patient
        #[arg(long, value_name = "ID")]
        patient: String,
    },
    /// 删除全部患者的既往，用现有密钥从今天重新积累 | remove everything and begin anew with the key there is
    Reset {
        /// 确认删除 | yes, remove it
        #[arg(long)]
        yes: bool,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    ask(&arguments.config, |socket| {
        let told = match &arguments.action {
            Action::Status => client::get(socket, "/admin/v1/history")?,
            Action::Show { patient, unmask, .. } => {
                let body = json!({ "patient": patient, "unmask": unmask });
                client::post(socket, "/admin/v1/history/show", &body)?
            }
            Action::Forget { patient } => {
                client::post(socket, "/admin/v1/history/forget", &json!({ "patient": patient }))?
            }
            Action::Reset { yes: false } => {
                eprintln!("将删除全部患者的既往，不能恢复；确认请加 --yes");
                return Ok(Exit::Usage);
            }
            Action::Reset { yes: true } => {
                client::post(socket, "/admin/v1/history/reset", &json!({}))?
            }
        };
        match &arguments.action {
            Action::Show { json: false, .. } => say!("{}", shown(&told)),
            Action::Forget { .. } => say!("已删除 {} 行", text(&told, "rows")),
            _ => say!("{told:#}"),
        }
        Ok(Exit::Ok)
    })
}

/// A line each, so that it can be searched.
fn shown(told: &Value) -> String {
    let mut out = String::new();
    let _ = write!(out, "患者 {}，本院自 {} 起", text(told, "patient"), text(told, "since"));
    let kinds: [(&str, &str, &[&str]); 5] = [
        ("orders", "明细", &["day", "encounter", "id", "code", "name", "quantity", "days"]),
        ("proposed", "仅审查过", &["day", "encounter", "id", "code", "name", "quantity", "days"]),
        ("stays", "就诊", &["from", "to", "encounter", "kind"]),
        ("diagnoses", "诊断", &["day", "code", "name"]),
        ("labs", "检验", &["day", "code", "name", "value"]),
    ];
    for (kind, word, names) in kinds {
        for it in list(told, kind) {
            let words: Vec<String> = names.iter().map(|name| text(it, name)).collect();
            let _ = write!(out, "\n{word}\t{}", words.join("\t"));
        }
    }
    for it in told.get("allergies").and_then(Value::as_array).into_iter().flatten() {
        let _ = write!(out, "\n过敏\t{}", it.as_str().unwrap_or("-"));
    }
    out
}
