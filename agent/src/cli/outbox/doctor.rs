//! `his-agent outbox verify|export|salvage|downgrade`: works on the files, while no daemon does.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::Exit;
use crate::config::Config;
use crate::control::client;
use crate::outbox::doctor::{self, Counted, Examined, Loss};
use crate::outbox::{Options, StoreError, to_earlier_format};

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    #[command(flatten)]
    place: Place,
    /// 给程序看 | for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    place: Place,
    /// 还没有的文件；写成只有本人可读 | a file that is not there; only its owner will be able to read it
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Salvage {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(super) struct Downgrade {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// 发件箱目录，不写就用配置里的；例如一份复制出来的 | folder of a store, for example a copy; else the configuration's
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Place {
    /// The folder, if no daemon works in it.
    fn free<'a>(&'a self, config: &'a Config) -> Result<&'a Path, Exit> {
        let Some(dir) = &self.dir else {
            if client::get(&config.control.socket, "/admin/v1/status").is_ok() {
                eprintln!(
                    "前置机正在运行：先停下它，或复制一份目录用 --dir | the daemon runs: stop it first"
                );
                return Err(Exit::Unavailable);
            }
            return Ok(&config.outbox.dir);
        };
        Ok(dir)
    }
}

pub(super) fn verify(config: &Config, arguments: &Verify) -> Exit {
    let found = arguments
        .place
        .free(config)
        .and_then(|dir| doctor::examine(dir, &config.outbox.key).map_err(|error| failed(&error)));
    let examined = match found {
        Ok(examined) => examined,
        Err(exit) => return exit,
    };
    if arguments.json {
        say!("{:#}", json!(examined));
    } else {
        say!("{}", shown(&examined).trim_end());
    }
    ended(&examined)
}

pub(super) fn export(config: &Config, arguments: &Export) -> Exit {
    let dir = match arguments.place.free(config) {
        Ok(dir) => dir,
        Err(exit) => return exit,
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&arguments.file);
    let file = match file {
        Ok(file) => file,
        Err(error) => {
            eprintln!("{}: {error}", arguments.file.display());
            return Exit::Unavailable;
        }
    };
    match doctor::export(dir, &config.outbox.key, &mut BufWriter::new(file)) {
        Ok(examined) => {
            say!("{}", shown(&examined).trim_end());
            ended(&examined)
        }
        Err(error) => failed(&error),
    }
}

pub(super) fn salvage(config: &Config, arguments: &Salvage) -> Exit {
    let dir = match arguments.place.free(config) {
        Ok(dir) => dir,
        Err(exit) => return exit,
    };
    let options = Options { key: config.outbox.key.clone(), ..Options::default() };
    match doctor::salvage(dir, &options) {
        Ok(it) => {
            say!("{}", shown(&it.examined).trim_end());
            say!("新的发件箱\t{}", dir.display());
            say!("损坏的留在\t{}", it.aside.display());
            say!("丢失清单\t{}", it.losses.display());
            Exit::Ok
        }
        Err(error) => failed(&error),
    }
}

pub(super) fn downgrade(config: &Config, arguments: &Downgrade) -> Exit {
    let dir = match arguments.place.free(config) {
        Ok(dir) => dir,
        Err(exit) => return exit,
    };
    let options = Options { key: config.outbox.key.clone(), ..Options::default() };
    match to_earlier_format(dir, &options) {
        Ok(0) => {
            say!("发件箱旧版读得懂，没有改动。现在装旧版本");
            Exit::Ok
        }
        Ok(names) => {
            say!("改回了 {names} 个业务主键的写法，记录一条不少。现在装旧版本，不要先启动这一版");
            Exit::Ok
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &StoreError) -> Exit {
    eprintln!("{} {error}", error.code());
    match error {
        StoreError::Locked { .. } | StoreError::NoKey { .. } => Exit::Unavailable,
        StoreError::OtherKey { .. } => Exit::Config,
        _ => Exit::Disk,
    }
}

fn ended(examined: &Examined) -> Exit {
    if examined.is_sound() { Exit::Ok } else { Exit::Disk }
}

fn shown(examined: &Examined) -> String {
    let Examined { cursor, next_seq, waiting, delivered, .. } = examined;
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "{name}\t{text}");
    };
    line("编号", format!("未确认送达的从 {cursor} 起，下一个 {next_seq}"));
    line("等待送出", format!("{waiting} 条读得出，{} 条丢失", examined.lost_records()));
    line("已送达留存", format!("{delivered} 条"));
    line("死信", counted(&examined.dead_letters));
    line("待对照", counted(&examined.parked));
    line("记住的业务主键", counted(&examined.remembered));
    for harm in &examined.files {
        let at = harm.at.map(|at| format!(" 第 {at} 字节起")).unwrap_or_default();
        line("损坏的文件", format!("{}{at}：{}", harm.file, harm.what));
    }
    for lost in &examined.lost {
        line("丢失", stretch(lost));
    }
    if examined.is_sound() {
        line("结论", "完好".to_owned());
    }
    out
}

fn stretch(lost: &Loss) -> String {
    let Loss { first_seq, last_seq, code, records, .. } = lost;
    let mut text = format!("{code} 编号 {first_seq} 至 {last_seq}");
    for it in records {
        let _ = write!(
            text,
            "\n\t{} {}（报文 {}，{}）",
            it.seq, it.record_id, it.message_id, it.received_at
        );
    }
    text
}

fn counted(counted: &Counted) -> String {
    let Counted { readable, damaged, lost } = counted;
    match (damaged.len(), lost) {
        (0, 0) => format!("{readable}"),
        (damaged, lost) => format!("{readable} 读得出，{damaged} 损坏，{lost} 丢失"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        check(Counted { readable: 3, ..Counted::default() }, "3");
        check(Counted { readable: 3, damaged: vec![7], lost: 2 }, "3 读得出，1 损坏，2 丢失");
    }

    #[track_caller]
    #[allow(clippy::needless_pass_by_value)] // written down where it is used
    fn check(given: Counted, expected: &str) {
        assert_eq!(counted(&given), expected);
    }
}
