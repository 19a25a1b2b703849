//! `his-agent shadow`: a candidate's mappings beside those in force, on live or on stored messages.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::asking::unanswered;
use super::sets::{list, text};
use super::{ConfigArgument, Exit, tell};
use crate::clock;
use crate::config::Config;
use crate::control::client;
use crate::pipeline::{self, Inbound};
use crate::sets::{Channel, Sets};
use crate::shadow::compare::{Judged, compare};
use crate::shadow::report::Report;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 用候选映射同时试判收到的报文，只比较 | judge live messages by a candidate as well
    Start {
        /// 候选映射的目录 | the candidate's folder
        #[arg(long, value_name = "DIR")]
        mappings: PathBuf,
        /// 只比较这个通道 | only this channel
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
    },
    /// 到现在为止有哪些不同 | what differs by now
    Report {
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 不再比较 | end the comparison
    Stop,
    /// 启用候选：换进配置的映射目录，原来的留在旁边 | put the candidate in force, keep the old beside it
    Promote,
    /// 用存下的报文离线比较；有不同退出码 65 | compare on stored messages; 65 when they differ
    Run {
        /// 通道名 | channel
        #[arg(long, value_name = "NAME")]
        channel: String,
        /// 候选映射的目录 | the candidate's folder
        #[arg(long, value_name = "DIR")]
        candidate: PathBuf,
        /// 当作收到的 Content-Type | the Content-Type header to pretend
        #[arg(long, value_name = "TYPE")]
        content_type: Option<String>,
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
        /// 报文文件或目录 | message files or folders of them
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let socket = &config.control.socket;
    let asked = match &arguments.action {
        Action::Run { channel, candidate, content_type, json, files } => {
            let stored = Stored { config: &config, channel, candidate, content_type };
            return stored.compare(files, *json);
        }
        Action::Start { mappings, channel } => {
            let mappings = std::path::absolute(mappings).unwrap_or_else(|_| mappings.clone());
            let order = json!({ "mappings": mappings, "channel": channel });
            client::post(socket, "/admin/v1/shadow", &order)
                .map(|it| say!("开始比较，候选 candidate: {}", text(&it, "/candidate")))
        }
        Action::Report { json } => {
            client::get(socket, "/admin/v1/shadow").map(|it| show(&it, *json))
        }
        Action::Stop => client::post(socket, "/admin/v1/shadow/stop", &json!({}))
            .map(|_| say!("已停止比较 stopped")),
        Action::Promote => client::post(socket, "/admin/v1/shadow/promote", &json!({})).map(|it| {
            say!(
                "已换上 in force: {}；原来的在 before: {}",
                text(&it, "/digest"),
                text(&it, "/before")
            );
        }),
    };
    asked.map_or_else(|error| unanswered(&error), |()| Exit::Ok)
}

/// A comparison without a daemon.
struct Stored<'a> {
    config: &'a Config,
    channel: &'a str,
    candidate: &'a Path,
    content_type: &'a Option<String>,
}

impl Stored<'_> {
    fn compare(&self, files: &[PathBuf], as_json: bool) -> Exit {
        let old = Sets::load(self.config);
        let new = crate::shadow::candidate(self.config, self.candidate, Some(self.channel));
        let (old, new) = match (old, new) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(problems), _) | (_, Err(problems)) => return tell(&problems),
        };
        let (old, new) = (old.channels.get(self.channel), new.channels.get(self.channel));
        let (Some(old), Some(new)) = (old, new) else {
            eprintln!("there is no channel `{}` in the configuration", self.channel);
            return Exit::Usage;
        };
        let mut report = Report::default();
        report.compared_with(&old.set);
        for file in messages(files) {
            let bytes = match std::fs::read(&file) {
                Ok(bytes) => bytes,
                Err(error) => {
                    eprintln!("{}: {error}", file.display());
                    return Exit::Unavailable;
                }
            };
            let received_at = clock::now();
            let judged = |channel: &Channel| self.judge(channel, &bytes, received_at);
            report.add(&file.display().to_string(), &compare(&judged(old), &judged(new)));
        }
        let mut told = report.to_json();
        if let Some(members) = told.as_object_mut() {
            members.insert("candidate".to_owned(), json!(&*new.set));
            members.insert("mappings".to_owned(), json!(self.candidate));
            members.insert("channel".to_owned(), json!(self.channel));
        }
        show(&told, as_json);
        if report.differing() == 0 { Exit::Ok } else { Exit::Data }
    }

    fn judge(&self, channel: &Channel, bytes: &[u8], received_at: jiff::civil::DateTime) -> Judged {
        let inbound = Inbound {
            message_id: "dry-run",
            received_at,
            org: &self.config.hospital.code,
            bytes,
            content_type: self.content_type.as_deref(),
        };
        Judged::of(&pipeline::judge(channel, &inbound, &self.config.listen.limits))
    }
}

/// The files, and those of the folders among them, in order.
fn messages(named: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in named {
        match std::fs::read_dir(path) {
            Ok(entries) => {
                let mut inside: Vec<_> = entries.flatten().map(|it| it.path()).collect();
                inside.retain(|it| it.is_file());
                inside.sort();
                files.extend(inside);
            }
            Err(_) => files.push(path.clone()),
        }
    }
    files
}

fn show(told: &Value, as_json: bool) {
    if as_json {
        say!("{told}");
        return;
    }
    let of = |path: &str| text(told, path);
    say!(
        "候选 candidate {} ({})，与 {} 比较",
        of("/candidate"),
        of("/mappings"),
        of("/compared_with")
    );
    say!(
        "报文 messages {}：相同 same {}，不同 different {}，只被新的拒收 refused by new {}，\
         只被旧的拒收 refused by old {}，都拒收 refused by both {}；没比 skipped {}",
        of("/messages"),
        of("/same"),
        of("/different"),
        of("/refused_by_new"),
        of("/refused_by_old"),
        of("/refused_by_both"),
        number(told, "/skipped"),
    );
    say!(
        "记录 records：只有旧的有 only old {}，只有新的有 only new {}",
        of("/records_only_old"),
        of("/records_only_new")
    );
    for reason in list(told, "/reasons") {
        let of = |path: &str| text(reason, path);
        say!(
            "拒收 refused by {}: {} {} ×{}，例如 {}",
            of("/refused_by"),
            of("/code"),
            of("/element"),
            of("/count"),
            of("/message_id")
        );
    }
    for field in list(told, "/fields") {
        let of = |path: &str| text(field, path);
        let side = |path: &str| match field.pointer(path) {
            Some(Value::String(text)) => format!("`{text}`"),
            _ => "-".to_owned(),
        };
        say!(
            "{}.{} ×{}：{} → {}，例如 {}",
            of("/entity"),
            of("/element"),
            of("/count"),
            side("/old"),
            side("/new"),
            of("/message_id")
        );
    }
}

fn number(told: &Value, path: &str) -> u64 {
    told.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}
