//! `his-agent rules set list|show|add|edit|delete`: named lists of items, people and places, each version
//! with its days.

use std::path::PathBuf;

use jiff::civil::Date;
use rules::import::list::{Head, to_set};
use serde_json::Value;

use super::super::{ConfigArgument, Exit, tell};
use super::books::Books;
use super::import::table;
use super::overlay::By;
use super::own::read;
use crate::sets::named;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// 全部集合：规则包、标识、在用的版本、几项 | all sets
    List,
    /// 一个集合：最新一版的文件，可以改了再用 edit 写回；--history 是各版和修改记录 | one set
    Show(Show),
    /// 新增一个本院的集合 | a set of the hospital's own
    Add(Define),
    /// 写下一版；以前的版本在各自的日期里继续有效 | its next version
    Edit(Define),
    /// 删去本院的集合和全部版本；有规则用它时不能删 | take it away
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// 集合标识 | the set
    id: String,
    /// 各版的日期、来源、内容，和修改记录 | versions and changes, as JSON
    #[arg(long)]
    history: bool,
}

#[derive(Debug, clap::Args)]
struct Define {
    /// 集合文件，TOML，- 是标准输入；或一张清单：CSV（UTF-8 或 GBK）、Excel（.xlsx）| the set as TOML, or a list
    file: PathBuf,
    #[command(flatten)]
    list: List,
    #[command(flatten)]
    by: By,
}

/// What a list does not say itself.
#[derive(Debug, clap::Args)]
struct List {
    /// 清单：集合标识 | a list: the set
    #[arg(long)]
    id: Option<String>,
    /// 清单：集合的名称 | its name
    #[arg(long)]
    name: Option<String>,
    /// 清单：每一行是什么，如 doctor；有“类型”列的不用写 | what every row is
    #[arg(long)]
    kind: Option<String>,
    /// 清单：来源文件；不写就用文件名 | the document
    #[arg(long)]
    source: Option<String>,
    /// 清单：从哪天起 | the first day
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// 清单：到哪天止 | the last day
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    /// 工作表的名称；不写就是第一个 | the sheet; the first when left out
    #[arg(long)]
    sheet: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// 集合标识 | the set
    id: String,
    #[command(flatten)]
    by: By,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = &arguments.config;
    let done = match &arguments.command {
        Command::List => list(config),
        Command::Show(it) => show(config, it),
        Command::Add(it) => define(config, it, true),
        Command::Edit(it) => define(config, it, false),
        Command::Delete(it) => delete(config, it),
    };
    done.err().unwrap_or(Exit::Ok)
}

fn list(config: &ConfigArgument) -> Result<(), Exit> {
    let (_, sets) = config.load()?;
    for it in named::all(&sets) {
        let text = |name: &str| it.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| it.get(name).and_then(Value::as_u64);
        if it.get("why").is_some() {
            say!("own\t{}\t不能用", text("id"));
            continue;
        }
        let in_force = match number("in_force") {
            Some(0) => "规则包的版本".to_owned(),
            Some(number) => format!("版本{number}"),
            None => "今天没有生效的版本".to_owned(),
        };
        let members = number("members").unwrap_or_default();
        say!("{}\t{}\t{in_force}\t{members}项\t{}", text("pack"), text("id"), text("name"));
    }
    Ok(())
}

fn show(config: &ConfigArgument, wanted: &Show) -> Result<(), Exit> {
    let (_, sets) = config.load()?;
    let Some(told) = named::whole(&sets, &wanted.id) else {
        eprintln!("没有集合 `{}`；his-agent rules set list 列出全部", wanted.id);
        return Err(Exit::Usage);
    };
    match told.get("toml").and_then(Value::as_str) {
        Some(toml) if !wanted.history => say!("{}", toml.trim_end()),
        _ => say!("{told:#}"),
    }
    Ok(())
}

fn define(config: &ConfigArgument, define: &Define, is_new: bool) -> Result<(), Exit> {
    let (text, by) = (text_of(define)?, define.by.by());
    let no = Books::open(&config.config)?.change(|it| it.define_set(&text, &by, is_new))?;
    say!("修改 {no}（规则包 own）");
    Ok(())
}

/// The file of the set: as it was given, or made of a list.
fn text_of(define: &Define) -> Result<String, Exit> {
    let file = &define.file;
    let is_list = file.extension().is_some_and(|it| !it.eq_ignore_ascii_case("toml"));
    let list = &define.list;
    if !is_list {
        if list.id.is_some() || list.kind.is_some() {
            eprintln!("{} 是集合文件，自己写着标识：--id、--kind 只用于清单", file.display());
            return Err(Exit::Usage);
        }
        return read(file);
    }
    let Some(id) = list.id.as_deref() else {
        eprintln!("{} 是清单：用 --id 写集合的标识", file.display());
        return Err(Exit::Usage);
    };
    let bytes = std::fs::read(file).map_err(|error| {
        eprintln!("{}: {error}", file.display());
        Exit::Unavailable
    })?;
    let table = table(file, &bytes, list.sheet.as_deref())?;
    let (from, until) = (list.from.map(|it| it.to_string()), list.until.map(|it| it.to_string()));
    let name = file.display().to_string();
    let source = list.source.as_deref().unwrap_or(&name);
    let head = Head {
        id,
        name: list.name.as_deref(),
        source,
        from: from.as_deref(),
        until: until.as_deref(),
        kind: list.kind.as_deref(),
    };
    to_set(&name, &table, &head).map_err(|problems| {
        tell(&problems);
        Exit::Data
    })
}

fn delete(config: &ConfigArgument, delete: &Delete) -> Result<(), Exit> {
    let by = delete.by.by();
    let no = Books::open(&config.config)?.change(|it| it.remove_set(&delete.id, &by))?;
    say!("修改 {no}（规则包 own）");
    Ok(())
}
