//! `his-agent reconcile`: a day's account with the platform, or with the HIS. Asks the running daemon.

use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::asking::unanswered;
use super::sets::{list, text};
use super::{ConfigArgument, Exit, tell};
use crate::clock;
use crate::config::Config;
use crate::control::client::{self, ControlError};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 哪一天，例如 20261122；缺省昨天 | which day, by time of receipt; yesterday by default
    #[arg(long, value_name = "DATE")]
    day: Option<Date>,
    /// 把不一致的补正：平台撤下错的，前置机重发对的 | put right what differs
    #[arg(long, conflicts_with = "his")]
    repair: bool,
    /// 平台的账，由 his-agent receive --account 导出；经网闸时用 | the platform's account as a file
    #[arg(long, value_name = "FILE", conflicts_with = "his")]
    answer: Option<PathBuf>,
    /// 与 HIS 的日合计对账：CSV，表头 channel,entity,count,... | against the HIS's own totals
    #[arg(long, value_name = "CSV")]
    his: Option<PathBuf>,
    /// 与 HIS 自己送来的日合计对账 | against the totals that the HIS has sent by itself
    #[arg(long, conflicts_with_all = ["his", "repair", "answer"])]
    his_sent: bool,
    /// 给程序看 | for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let yesterday = clock::now().date().saturating_sub(1.day());
    let day = arguments.day.unwrap_or(yesterday).strftime("%Y%m%d").to_string();
    let (address, body) = match arguments.asked(&day) {
        Ok(asked) => asked,
        Err(exit) => return exit,
    };
    let told = match client::post(&config.control.socket, address, &body) {
        Ok(told) => told,
        Err(error @ ControlError::Refused { status: 503, .. }) => {
            eprintln!("{error}");
            return Exit::Unavailable;
        }
        Err(error) => return unanswered(&error),
    };
    if arguments.json {
        say!("{told}");
    } else if arguments.his.is_some() || arguments.his_sent {
        show_his(&told);
    } else {
        show(&told);
    }
    outcome(&told)
}

impl Arguments {
    fn asked(&self, day: &str) -> Result<(&'static str, Value), Exit> {
        if let Some(file) = &self.his {
            let totals = std::fs::read_to_string(file).map_err(|error| {
                eprintln!("{}: {error}", file.display());
                Exit::Unavailable
            })?;
            return Ok(("/admin/v1/reconcile/his", json!({ "day": day, "totals": totals })));
        }
        if self.his_sent {
            return Ok(("/admin/v1/reconcile/his", json!({ "day": day })));
        }
        // The daemon reads the file: it stands elsewhere.
        let answer = self.answer.as_deref().map(std::path::absolute).transpose().ok().flatten();
        let asked = json!({ "day": day, "repair": self.repair, "answer": answer, "by": super::messages::by() });
        Ok(("/admin/v1/reconcile", asked))
    }
}

fn outcome(told: &Value) -> Exit {
    let last = told.get("left").unwrap_or(told);
    match text(last, "/outcome").as_str() {
        "balanced" => Exit::Ok,
        "waiting" => Exit::Waiting,
        _ => Exit::Data,
    }
}

fn show(told: &Value) {
    say!("{} 前置机 {} 仓库 {}", text(told, "/day"), text(told, "/agent"), text(told, "/epoch"));
    for page in list(told, "/pages") {
        let equal = page.get("equal") == Some(&Value::Bool(true));
        say!(
            "  {} {} {}：前置机 {} 条 序号 {}-{}，平台 {} 条{}",
            if equal { "平" } else { "不平" },
            text(page, "/channel"),
            text(page, "/entity"),
            count(page, "/ours"),
            text(page, "/ours/first_seq"),
            text(page, "/ours/last_seq"),
            count(page, "/theirs"),
            sums(page)
        );
    }
    if text(told, "/waiting") != "0" {
        say!("  还有 {} 条没有得到平台确认，不在账内：这一天还不算平", text(told, "/waiting"));
    }
    if !matches!(text(told, "/parked").as_str(), "0" | "") {
        say!("  另有 {} 份报文待对照，还不在账内：对照放行后这一天要再对", text(told, "/parked"));
    }
    show_records(told);
    show_unread(told);
    if told.get("partly") == Some(&Value::Bool(true)) {
        say!("  不一致的太多，只列出先比到的；补正以后再对");
    }
    if let Some(repair) = told.get("repair") {
        show_repair(repair);
    }
    if let Some(left) = told.get("left") {
        let left_over = match outcome(told) {
            Exit::Ok => "平",
            Exit::Waiting => "一致，等平台确认其余的",
            _ => "仍有：",
        };
        say!("补正以后：{left_over}");
        show_records(left);
        show_unread(left);
    }
    for it in list(told, "/not_given_up") {
        say!("  还不能了结：{} {}", text(it, "/day"), text(it, "/why"));
    }
    match told.get("statement") {
        Some(statement) => {
            let there = statement.get("platform") == Some(&Value::Bool(true));
            let there = if there { "，平台也已保存" } else { "，平台没有保存" };
            say!("平。已签名：{}{there}", text(statement, "/file"));
        }
        None if outcome(told) == Exit::Ok => say!("平。"),
        None if outcome(told) == Exit::Waiting => say!("已确认的一致；确认以后再对一次。"),
        None => {}
    }
}

fn show_records(told: &Value) {
    let kinds = [
        ("missing", "平台没有"),
        ("different", "平台的不同"),
        ("unknown", "平台多出"),
        ("doubled", "重复到达"),
    ];
    for (kind, name) in kinds {
        for it in list(told, &format!("/{kind}")) {
            let place = format!("{} {}", text(it, "/channel"), text(it, "/entity"));
            say!("  {name} 序号 {} 记录 {} {place}", text(it, "/seq"), text(it, "/record_id"));
        }
    }
}

/// What this side cannot read, and the platform has not named yet.
fn show_unread(told: &Value) {
    for it in list(told, "/unread") {
        let (from, to) = (text(it, "/0"), text(it, "/1"));
        say!("  本机读不出 序号 {from}-{to}：平台确认过，磁盘坏了，不能断定平台盘上有没有");
    }
    for it in list(told, "/given_up") {
        let (from, to) = (text(it, "/0"), text(it, "/1"));
        say!("  两边都说不出 序号 {from}-{to}：已写进这一天的声明，不再提醒；请与 HIS 核对补传");
    }
}

fn show_repair(repair: &Value) {
    say!("补正：平台撤下 {} 条，重发 {} 条", text(repair, "/withdrawn"), text(repair, "/sent"));
    if text(repair, "/entered") != "0" {
        say!("  本机的账补记 {} 条：平台没有错", text(repair, "/entered"));
    }
    if !matches!(text(repair, "/as_told").as_str(), "0" | "") {
        say!("  其中 {} 条本机已读不出，以平台的为准", text(repair, "/as_told"));
    }
    for id in list(repair, "/contested") {
        let id = id.as_str().unwrap_or_default();
        say!("  记录 {id} 与另一条同一个序号，本机已说不清哪条是对的：都没有撤，请与平台核对");
    }
    for id in list(repair, "/gone") {
        let id = id.as_str().unwrap_or_default();
        say!("  记录 {id} 已不在本机（过了保留期，或盘满时已让出），补不了：请 HIS 重送");
    }
    if repair.get("why").is_some() {
        say!("  没有重发：{}", text(repair, "/why"));
    }
}

fn show_his(told: &Value) {
    for line in list(told, "/lines") {
        let equal = line.get("equal") == Some(&Value::Bool(true));
        say!(
            "{} {} {}：HIS {} 条，前置机 {} 条",
            if equal { "平" } else { "不平" },
            text(line, "/channel"),
            text(line, "/entity"),
            text(line, "/his/count"),
            text(line, "/ours/count")
        );
        let sums = line.pointer("/his/sums").and_then(Value::as_object);
        for (name, his) in sums.into_iter().flatten() {
            let ours = text(line, &format!("/ours/sums/{name}"));
            say!("  {name}：HIS {}，前置机 {ours}", his.as_str().unwrap_or_default());
        }
    }
}

fn count(page: &Value, side: &str) -> String {
    page.pointer(&format!("{side}/count")).map_or_else(|| "0".to_owned(), Value::to_string)
}

/// Sums that differ, or none.
fn sums(page: &Value) -> String {
    let of =
        |side: &str| page.pointer(side).and_then(Value::as_object).cloned().unwrap_or_default();
    let (ours, theirs) = (of("/ours/sums"), of("/theirs/sums"));
    let mut told = String::new();
    for (name, sum) in ours.iter().filter(|(name, sum)| theirs.get(*name) != Some(sum)) {
        let theirs = theirs.get(name).and_then(Value::as_str).unwrap_or("0");
        let ours = sum.as_str().unwrap_or_default();
        let _ = write!(told, "，{name} 前置机 {ours} 平台 {theirs}"); // a String takes everything
    }
    told
}
