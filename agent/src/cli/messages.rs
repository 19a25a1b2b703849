//! `his-agent messages`: what became of each message. Asks the running daemon.

mod say;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::asking::unanswered;
use super::{ConfigArgument, Exit, tell};
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::forward::files::hex;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 给程序看：列表一行一个 JSON | for programs: lists as NDJSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// 列出报文，一份一行，最近的在后 | messages, a line each, the latest last
    List {
        #[command(flatten)]
        filter: Filter,
        /// 最多多少份 | at most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// 一份报文的全过程，缺省遮盖内容 | the whole journey of one, masked unless told otherwise
    Show {
        /// 报文标识、记录标识或死信编号（D12） | a message, a record or a dead letter
        #[arg(value_name = "ID")]
        id: String,
        /// 显示明文，要写原因，记入日志 | in clear; needs a reason and is logged
        #[arg(long)]
        reveal: bool,
        /// 原因 | why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// 死信按现在的映射、码表重新提交，可以换成改过的报文 | send dead letters on once more, edited or not
    Retry {
        /// 死信编号（D12） | dead letters
        #[arg(value_name = "LETTER")]
        letters: Vec<String>,
        #[command(flatten)]
        filter: Filter,
        /// 改过的报文；原样的也保留 | an edited body; the one that came is kept, too
        #[arg(long, value_name = "FILE")]
        edited: Option<PathBuf>,
        /// 原因 | why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// 丢弃死信；谁、何时、为何和原样报文都保留 | discard dead letters; who, when, why and the bytes are kept
    Discard {
        /// 死信编号（D12） | dead letters
        #[arg(value_name = "LETTER")]
        letters: Vec<String>,
        #[command(flatten)]
        filter: Filter,
        /// 原因 | why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// 把平台已确认的记录再发一遍，记录标识和编号不变 | send confirmed records once more, as they are
    Replay {
        /// 报文标识或记录标识 | messages or records
        #[arg(value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        filter: Filter,
        /// 只说会发多少，不发 | say what would be sent, and send nothing
        #[arg(long)]
        dry_run: bool,
        /// 每秒多少条记录 | records a second
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
        rate: Option<u32>,
        /// 已被更新的修订也发 | also what a later revision has replaced
        #[arg(long)]
        superseded: bool,
        /// 原因 | why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// 重发的进度 | how replays are going
    Replays,
    /// 停止一次重发 | end a replay early
    Stop {
        /// 重发编号 | the replay
        #[arg(value_name = "N")]
        replay: u64,
    },
    /// 保留了什么、占多少、到期会占多少；死信按原因计数 | what is kept, what it takes and will take
    Status,
}

/// Everything that is said must hold.
#[derive(Debug, Default, clap::Args)]
struct Filter {
    /// 从哪天或哪个时刻起，YYYYMMDD 或 YYYYMMDDhhmmss；缺省是今天 | from when; today when left out
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// 到哪天或哪个时刻止 | up to when
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// 只看这个通道 | only this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// 只看有这种记录的 | only with a record of this entity
    #[arg(long, value_name = "ENTITY")]
    entity: Option<String>,
    /// 业务主键 | a business key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// 就诊 | an encounter
    #[arg(long, value_name = "ID")]
    encounter: Option<String>,
    /// 患者：院内患者标识、人员编号或病历号 | any id of a patient
    #[arg(long, value_name = "ID")]
    patient: Option<String>,
    /// accepted、forwarded、refused、lost、confirmed、parked、dead、discarded
    #[arg(long, value_name = "STATE", value_parser = ["accepted", "forwarded", "refused", "lost", "confirmed", "parked", "dead", "discarded"])]
    state: Option<String>,
    /// 死信的原因，如 V203 | the cause of a dead letter
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
}

impl Filter {
    fn asked(&self) -> Map<String, Value> {
        let given = [
            ("from", &self.from),
            ("to", &self.to),
            ("channel", &self.channel),
            ("entity", &self.entity),
            ("key", &self.key),
            ("encounter", &self.encounter),
            ("patient", &self.patient),
            ("state", &self.state),
            ("code", &self.code),
        ];
        let given = given.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
        given.map(|(name, text)| (name.to_owned(), Value::from(text.as_str()))).collect()
    }

    fn with<const N: usize>(&self, more: [(&str, Value); N]) -> Value {
        let mut asked = self.asked();
        asked.extend(more.map(|(name, value)| (name.to_owned(), value)));
        Value::from(asked)
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let asked = match ask(&config, &arguments.action) {
        Ok(asked) => asked,
        Err(exit) => return exit,
    };
    match asked {
        Ok(told) if arguments.json => say::json(&told),
        Ok(told) => say::told(&told),
        Err(error) => return unanswered(&error),
    }
    Exit::Ok
}

fn ask(config: &Config, action: &Action) -> Result<Result<Value, ControlError>, Exit> {
    let post = |address: &str, body: &Value| {
        client::post(&config.control.socket, &format!("/admin/v1/messages/{address}"), body)
    };
    Ok(match action {
        Action::List { filter, limit } => post("list", &filter.with([("limit", json!(limit))])),
        Action::Show { id, reveal, reason } => {
            post("show", &json!({ "id": id, "reveal": reveal, "reason": reason, "by": by() }))
        }
        Action::Retry { letters, filter, edited, reason } => {
            let edited = edited.as_deref().map(read).transpose()?;
            let more = [
                ("letters", numbers(letters)?),
                ("edited", json!(edited)),
                ("reason", json!(reason)),
                ("by", json!(by())),
            ];
            post("retry", &filter.with(more))
        }
        Action::Discard { letters, filter, reason } => {
            let more =
                [("letters", numbers(letters)?), ("reason", json!(reason)), ("by", json!(by()))];
            post("discard", &filter.with(more))
        }
        Action::Replay { ids, filter, dry_run, rate, superseded, reason } => {
            if ids.is_empty() && filter.asked().is_empty() {
                eprintln!("写明报文标识，或用 --from、--channel 等条件选择要重发的记录");
                return Err(Exit::Usage);
            }
            let more = [
                ("ids", json!(ids)),
                ("dry_run", json!(dry_run)),
                ("rate", json!(rate)),
                ("superseded", json!(superseded)),
                ("reason", json!(reason)),
                ("by", json!(by())),
            ];
            post("replay", &filter.with(more))
        }
        Action::Stop { replay } => post("replay/stop", &json!({ "replay": replay })),
        Action::Replays => client::get(&config.control.socket, "/admin/v1/messages/replay"),
        Action::Status => client::get(&config.control.socket, "/admin/v1/messages"),
    })
}

/// Dead letters as people write them: `D12`, or `12`.
fn numbers(letters: &[String]) -> Result<Value, Exit> {
    let number = |it: &String| {
        it.strip_prefix(['D', 'd']).unwrap_or(it).parse::<u64>().map_err(|_| {
            eprintln!("{it} 不是死信编号：写成 D12 的样子");
            Exit::Usage
        })
    };
    letters.iter().map(number).collect::<Result<Vec<u64>, Exit>>().map(Value::from)
}

fn read(file: &std::path::Path) -> Result<String, Exit> {
    std::fs::read(file).map(|it| hex(&it)).map_err(|error| {
        eprintln!("{}: {error}", file.display());
        Exit::Unavailable
    })
}

/// Who gives the order, as far as the system says.
pub(super) fn by() -> String {
    let name = |it: &str| std::env::var(it).ok().filter(|it| !it.is_empty());
    name("SUDO_USER").or_else(|| name("USER")).unwrap_or_else(|| "-".to_owned())
}
