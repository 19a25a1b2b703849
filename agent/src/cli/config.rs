//! `his-agent config`: every configuration and set that was in force; a new one put in force and watched;
//! an earlier one brought back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::asking::unanswered;
use super::sets::{list, text};
use super::{ConfigArgument, Exit, tell};
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::versions::{Book, Kind, told};
use crate::write;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// 全部版本，最近的在前：何时、谁、为什么 | every version, the latest first: when, who, why
    History {
        /// 只看 config（配置）或 sets（配套文件） | only config, or only sets
        #[arg(long)]
        kind: Option<String>,
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 一个版本：配置的全文，或配套文件的清单；口令遮住 | one version: the text, or the files; secrets are masked
    Show {
        /// 版本号 | its number
        version: u64,
    },
    /// 两个版本的差别；只写一个时与它的上一版比，不写时文件与在用的比 | what is different
    Diff {
        /// 版本号，一个或两个，旧的在前 | one or two numbers, the older first
        #[arg(num_args = 0..=2)]
        versions: Vec<u64>,
    },
    /// 换上一份配置：先检查，再换，看护一段时间，变坏就自动换回 | proves, puts in force, watches, takes back by itself
    Apply {
        /// 新的配置文件；不写就是改过的配置文件本身 | the new file; without it, the configuration file as it was edited
        file: Option<PathBuf>,
        #[command(flatten)]
        by: By,
        /// 只收下，下次启动才换 | accept it now, for the next start
        #[arg(long)]
        at_next_start: bool,
        /// 不等看护的结果 | do not wait for what becomes of it
        #[arg(long)]
        no_wait: bool,
    },
    /// 回到以前的一个版本 | brings an earlier version back
    Rollback {
        /// 版本号 | its number
        version: u64,
        #[command(flatten)]
        by: By,
        /// 不等看护的结果 | do not wait for what becomes of it
        #[arg(long)]
        no_wait: bool,
    },
}

#[derive(Debug, clap::Args)]
struct By {
    /// 为什么改 | why
    #[arg(long)]
    reason: String,
    /// 谁改的，缺省是登录用户 | who; the user who is logged in
    #[arg(long)]
    author: Option<String>,
}

impl By {
    fn author(&self) -> String {
        let user = || ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|it| std::env::var(it).ok());
        self.author.clone().or_else(user).unwrap_or_else(|| "root".to_owned())
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let path = &arguments.config.config;
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let done = match &arguments.action {
        Action::History { kind, json } => history(&config, kind.as_deref(), *json),
        Action::Show { version } => show(&config, *version),
        Action::Diff { versions } => diff(&config, path, versions),
        Action::Apply { file, by, at_next_start, no_wait } => {
            apply(&config, path, file.as_deref(), by, (*at_next_start, *no_wait))
        }
        Action::Rollback { version, by, no_wait } => {
            let body = json!({ "version": version, "author": by.author(), "reason": by.reason });
            let socket = &config.control.socket;
            client::post(socket, "/admin/v1/config/rollback", &body)
                .map(|taken| put_in_force(&config, &taken, (false, *no_wait)))
        }
    };
    done.unwrap_or_else(|error| unanswered(&error))
}

/// Asks the daemon, or reads the book as it lies when none runs.
fn read(
    config: &Config,
    address: &str,
    offline: impl FnOnce(&Book) -> std::io::Result<Option<Value>>,
) -> Result<Value, ControlError> {
    let asked = client::get(&config.control.socket, address);
    let Err(ControlError::Unreachable { .. }) = asked else { return asked };
    let book = Book::new(&config.versions.dir, config.versions.keep);
    match offline(&book) {
        Ok(Some(told)) => Ok(told),
        Ok(None) => Err(refused(404, "A031", "没有这个版本，或两个版本不是同一类".to_owned())),
        Err(error) => Err(refused(500, "A035", format!("版本读不出：{error}"))),
    }
}

fn refused(status: u16, code: &str, reason: String) -> ControlError {
    ControlError::Refused { status, code: code.to_owned(), reasons: vec![reason] }
}

fn history(config: &Config, kind: Option<&str>, as_json: bool) -> Result<Exit, ControlError> {
    let wanted = match kind {
        None => None,
        Some("config") => Some(Kind::Config),
        Some("sets") => Some(Kind::Sets),
        Some(_) => return Err(refused(400, "A031", "--kind 是 config 或 sets".to_owned())),
    };
    let query = kind.map(|it| format!("?kind={it}")).unwrap_or_default();
    let address = format!("/admin/v1/config/versions{query}");
    let told = read(config, &address, |book| Ok(Some(told::history(book, wanted))))?;
    if as_json {
        say!("{told:#}");
        return Ok(Exit::Ok);
    }
    for it in list(&told, "/versions") {
        let standing = match text(it, "/standing").as_str() {
            "in_force" => "在用",
            "on_trial" => "试用中",
            "accepted" => "等下次启动",
            _ => "",
        };
        let kind = if text(it, "/kind") == "sets" { "配套文件" } else { "配置" };
        let digest: String = text(it, "/digest").chars().take(12).collect();
        let [no, at, author, reason] = ["/no", "/at", "/author", "/reason"].map(|n| text(it, n));
        say!("{no}\t{kind}\t{at}\t{author}\t{reason}\t{digest}\t{standing}");
    }
    Ok(Exit::Ok)
}

fn show(config: &Config, no: u64) -> Result<Exit, ControlError> {
    let address = format!("/admin/v1/config/versions/{no}");
    let told = read(config, &address, |book| told::version(book, no))?;
    let [at, author, reason] = ["/at", "/author", "/reason"].map(|name| text(&told, name));
    say!("# 版本 {no}，{at}，{author}：{reason}");
    match told.get("text").and_then(Value::as_str) {
        Some(text) => say!("{}", text.trim_end()),
        None => list(&told, "/files").iter().for_each(|it| say!("{}", text(it, ""))),
    }
    Ok(Exit::Ok)
}

fn diff(config: &Config, path: &Path, versions: &[u64]) -> Result<Exit, ControlError> {
    let (from, to) = match versions {
        [] => return file_against_force(config, path),
        [to] => (None, *to),
        [from, to, ..] => (Some(*from), *to),
    };
    let query = from.map(|it| format!("&from={it}")).unwrap_or_default();
    let address = format!("/admin/v1/config/diff?to={to}{query}");
    let told = read(config, &address, |book| told::difference(book, from, to))?;
    if told.get("from").is_some_and(Value::is_u64) {
        say!("{}", text(&told, "/diff").trim_end());
    } else {
        say!("这是最早的一版，没有上一版可比：his-agent config show {to} 看全文");
    }
    Ok(Exit::Ok)
}

fn file_against_force(config: &Config, path: &Path) -> Result<Exit, ControlError> {
    let unreadable = |error: std::io::Error| refused(500, "A035", error.to_string());
    let file = fs::read_to_string(path).map_err(unreadable)?;
    let book = Book::new(&config.versions.dir, config.versions.keep);
    let told = told::against_force(&book, &file).map_err(unreadable)?;
    say!("{}", told.trim_end());
    Ok(Exit::Ok)
}

fn apply(
    config: &Config,
    path: &Path,
    file: Option<&Path>,
    by: &By,
    how: (bool, bool),
) -> Result<Exit, ControlError> {
    let file = file.unwrap_or(path);
    let text = fs::read_to_string(file)
        .map_err(|error| refused(422, "A001", format!("{}: {error}", file.display())))?;
    let body = json!({ "text": text, "author": by.author(), "reason": by.reason });
    let taken = client::post(&config.control.socket, "/admin/v1/config/apply", &body)?;
    Ok(put_in_force(config, &taken, how))
}

/// Shows what is different, sees that the file holds it, and has the road start with it.
fn put_in_force(config: &Config, taken: &Value, (later, no_wait): (bool, bool)) -> Exit {
    if let Some(digest) = taken.get("digest").and_then(Value::as_str) {
        say!("配套文件已换回，在用 {digest}，立即生效");
        return Exit::Ok;
    }
    let Some(no) = taken.get("version").and_then(Value::as_u64) else {
        say!("没有变化：这就是在用的");
        return Exit::Ok;
    };
    let changed = list(taken, "/changed");
    for it in changed {
        let side = |name: &str| it.get(name).and_then(Value::as_str).unwrap_or("（没有）");
        say!("{}: {} -> {}", text(it, "/key"), side("before"), side("after"));
    }
    write_file(taken);
    if later {
        say!("版本 {no} 已收下，下次启动换上；换上后同样看护");
        return Exit::Ok;
    }
    if let Err(error) = client::post(&config.control.socket, "/admin/v1/config/start", &json!({})) {
        return unanswered(&error);
    }
    say!("版本 {no} 正在换上：走完手上的报文，重新启动，几秒内门会关一下");
    if no_wait { Exit::Ok } else { outcome(config, no) }
}

/// The daemon may lack the right; whoever gives the command may have it.
fn write_file(taken: &Value) {
    if taken.get("written") == Some(&Value::Bool(true)) {
        return;
    }
    let (file, text) = (text(taken, "/file"), text(taken, "/text"));
    if let Err(error) = write::replace(Path::new(&file), &text) {
        eprintln!(
            "{file} 没有写成：{error}；照样换上，前置机会一直提示 A033，请用有权写它的用户再执行"
        );
    }
}

/// Waits until the version has passed its trial, or was taken back.
fn outcome(config: &Config, no: u64) -> Exit {
    let until = Instant::now() + config.versions.health + START_MAX;
    while Instant::now() < until {
        std::thread::sleep(ASK_EVERY);
        let Ok(told) = client::get(&config.control.socket, "/admin/v1/config") else { continue };
        let in_force = told.get("in_force").and_then(Value::as_u64).unwrap_or(0);
        let is_open = told.get("on_trial") == Some(&Value::Bool(true))
            || told.get("accepted").is_some_and(|it| !it.is_null());
        if is_open {
            continue;
        }
        if in_force == no {
            say!("版本 {no} 已生效");
            return Exit::Ok;
        }
        eprintln!("A034 {}", text(&told, "/reason"));
        return Exit::Config;
    }
    eprintln!("还不知道结果：his-agent config history 看，日志里有原因");
    Exit::Unavailable
}

const ASK_EVERY: Duration = Duration::from_millis(300);
/// A stop of the road and two starts.
const START_MAX: Duration = Duration::from_secs(90);
