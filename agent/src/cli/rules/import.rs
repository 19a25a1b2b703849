//! `his-agent rules import`: a table that an authority has published, previewed and then taken.
//!
//! Without `--apply` nothing is written. With it the new and changed rows go into a file beside the
//! log of changes, as one change that can be rolled back as a whole.

mod show;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde_json::{Value, json};

use super::super::{ConfigArgument, Exit, tell};
use super::books::{by_daemon_or_files, fits, refused, told};
use super::overlay::By;
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::sets::books::Books;
use crate::sets::import::{Import, read_table};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 公布的表：CSV（UTF-8 或 GBK）或 Excel（.xlsx）| the table, CSV or Excel
    file: PathBuf,
    /// 这张表归哪条规则，如 drug-sex | id of the rule that its rows belong to
    #[arg(long)]
    rule: String,
    /// 核对：该规则应当属于哪个规则族 | the family that the rule must be of
    #[arg(long)]
    family: Option<String>,
    /// 工作表的名称；不写就是第一个 | the sheet; the first when left out
    #[arg(long)]
    sheet: Option<String>,
    /// 认不出的列写明，可多次，如 key=药品代码 | what a column is, where it is not recognised
    #[arg(long, value_name = "OURS=THEIRS")]
    column: Vec<String>,
    /// 来源文件，写进每一行，如 知识点第9批（2026-04-21）；不写就用文件名 | the document, as rows name it
    #[arg(long)]
    source: Option<String>,
    /// 从哪天起执行 | in force from this day
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// 取代来源以此开头的旧行；不在新表里的到前一天为止 | the document it takes the place of
    #[arg(long, value_name = "SOURCE")]
    supersedes: Option<String>,
    /// 写入并生效；不写只预览 | write it; only a preview when left out
    #[arg(long, requires = "reason")]
    apply: bool,
    /// 修改人 | who
    #[arg(long, env = "USER", default_value = "")]
    author: String,
    /// 导入理由 | why
    #[arg(long)]
    reason: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match import(arguments) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

fn import(arguments: &Arguments) -> Result<(), Exit> {
    let bytes = std::fs::read(&arguments.file).map_err(|error| {
        eprintln!("{}: {error}", arguments.file.display());
        Exit::Unavailable
    })?;
    let mut wanted = wanted(arguments, &bytes)?;
    let preview = preview(arguments, &wanted)?;
    show::show(&preview);
    if !arguments.apply {
        say!("以上是预览，没有写入；写入加 --apply --reason 理由");
        return Ok(());
    }
    let changes = ["added", "changed", "ended"].map(|it| show::count(&preview, it));
    if changes == [0; 3] {
        say!("没有要写入的");
        return Ok(());
    }
    wanted.apply = true;
    let made = apply(arguments, &wanted)?;
    let member = |name: &str| made.get(name).map(Value::to_string).unwrap_or_default();
    say!("修改 {}（规则包 {}）", member("change"), member("pack").trim_matches('"'));
    Ok(())
}

fn wanted(arguments: &Arguments, bytes: &[u8]) -> Result<Import, Exit> {
    Ok(Import {
        sheet: arguments.sheet.clone(),
        columns: columns(&arguments.column)?,
        from: arguments.from.map(|it| it.to_string()),
        supersedes: arguments.supersedes.clone(),
        family: arguments.family.clone(),
        ..Import::of(bytes, source(arguments))
    })
}

/// By what the daemon has in force; without one by the files.
fn preview(arguments: &Arguments, wanted: &Import) -> Result<Value, Exit> {
    let config = Config::load(&arguments.config.config).map_err(|it| tell(&it))?;
    let order = json!(wanted);
    if fits(&order) {
        match client::post(&config.control.socket, &address(arguments), &order) {
            Ok(preview) => return Ok(preview),
            Err(ControlError::Unreachable { .. }) => {}
            Err(error) => return Err(refused(&error)),
        }
    }
    let (_, sets) = arguments.config.load()?;
    wanted.told(&sets.rules, &arguments.rule).map_err(told)
}

fn apply(arguments: &Arguments, wanted: &Import) -> Result<Value, Exit> {
    let reason = arguments.reason.clone().unwrap_or_default();
    let by = By { author: arguments.author.clone(), reason };
    let (rule, order) = (&arguments.rule, by.sign(json!(wanted)));
    let config = &arguments.config.config;
    by_daemon_or_files(config, (&address(arguments), &order), |books: Books| {
        wanted.make(books, rule, &by.by())
    })
}

fn address(arguments: &Arguments) -> String {
    format!("/admin/v1/rules/{}/import", client::escaped(&arguments.rule))
}

/// The rows of a spreadsheet or of a text, in whatever encoding it is.
pub(super) fn table(
    path: &Path,
    bytes: &[u8],
    sheet: Option<&str>,
) -> Result<Vec<Vec<String>>, Exit> {
    read_table(bytes, sheet).map_err(|error| {
        eprintln!("{}: {}", path.display(), error.message());
        Exit::Data
    })
}

fn columns(texts: &[String]) -> Result<BTreeMap<String, String>, Exit> {
    let pair = |text: &String| {
        let (ours, theirs) = text.split_once('=')?;
        Some((ours.trim().to_owned(), theirs.trim().to_owned()))
    };
    let columns = texts.iter().map(|text| {
        pair(text).ok_or_else(|| {
            eprintln!("`{text}`：写成 我们的列名=表头");
            Exit::Usage
        })
    });
    columns.collect()
}

fn source(arguments: &Arguments) -> String {
    let stem = arguments.file.file_stem().map(|it| it.display().to_string());
    arguments.source.clone().or(stem).unwrap_or_default()
}
