//! `his-agent rules import`: a table that an authority has published, previewed and then taken.
//!
//! Without `--apply` nothing is written. With it the new and changed rows go into a file beside the
//! log of changes, as one change that can be rolled back as a whole.

mod show;

use std::path::{Path, PathBuf};

use adapters::Limits;
use jiff::civil::Date;
use rules::import::{Preview, Wanted, preview, read_csv};
use rules::overlay::{CellList, Change, What};
use sha2::{Digest as _, Sha256};

use super::super::{ConfigArgument, Exit};
use super::books::Books;
use super::overlay::By;

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
    let table = table(&arguments.file, &bytes, arguments.sheet.as_deref())?;
    let columns = columns(&arguments.column)?;
    let source = source(arguments);
    if !arguments.apply {
        let (_, sets) = arguments.config.load()?;
        let preview = previewed(arguments, &sets.rules, &table, &columns, &source)?;
        show::show(&preview);
        say!("以上是预览，没有写入；写入加 --apply --reason 理由");
        return Ok(());
    }
    let books = Books::open(&arguments.config.config)?;
    let preview = previewed(arguments, &books.sets().rules, &table, &columns, &source)?;
    show::show(&preview);
    apply(arguments, books, &preview, &source, &bytes)
}

fn previewed(
    arguments: &Arguments,
    rules: &rules::RuleSet,
    table: &[Vec<String>],
    columns: &[(String, String)],
    source: &str,
) -> Result<Preview, Exit> {
    let Some(rule) = rules.rules().iter().find(|it| it.id == arguments.rule) else {
        let known: Vec<_> = rules.rules().iter().map(|it| it.id.as_str()).collect();
        eprintln!("没有规则 `{}`；有 {}", arguments.rule, known.join(", "));
        return Err(Exit::Usage);
    };
    if let Some(family) = arguments.family.as_deref().filter(|it| *it != rule.family.id()) {
        eprintln!("规则 `{}` 属于规则族 {}，不是 {family}", rule.id, rule.family.id());
        return Err(Exit::Usage);
    }
    let supersedes = arguments.supersedes.as_deref();
    let wanted = Wanted { rule, columns, source, from: arguments.from, supersedes };
    preview(table, &wanted).map_err(|reason| {
        eprintln!("{}: {reason}", arguments.file.display());
        Exit::Data
    })
}

fn apply(
    arguments: &Arguments,
    books: Books,
    preview: &Preview,
    source: &str,
    bytes: &[u8],
) -> Result<(), Exit> {
    if preview.added.is_empty() && preview.changed.is_empty() && preview.ended.is_empty() {
        say!("没有要写入的");
        return Ok(());
    }
    let pack = books.pack_of(&arguments.rule)?;
    let no = books.log(&pack)?.next();
    let name = format!("import-{no}.csv");
    let mut cells = CellList::default();
    cells.push("file", &name);
    cells.push("document", source);
    cells.push("sha256", &hex(bytes));
    if let Some(from) = arguments.from {
        cells.push("from", &from.to_string());
    }
    if let Some(supersedes) = &arguments.supersedes {
        cells.push("supersedes", supersedes);
    }
    let by = By {
        author: arguments.author.clone(),
        reason: arguments.reason.clone().unwrap_or_default(),
    };
    let rule = arguments.rule.clone();
    let change = Change { no, rule, cells, ..by.begin(What::Import) };
    books.append(&pack, &[change], &[(name, preview.rows.clone())])?;
    say!("修改 {no}（规则包 {pack}）");
    Ok(())
}

/// The rows of a spreadsheet or of a text, in whatever encoding it is.
pub(super) fn table(
    path: &Path,
    bytes: &[u8],
    sheet: Option<&str>,
) -> Result<Vec<Vec<String>>, Exit> {
    let read = if adapters::is_workbook(bytes) {
        adapters::read_sheet(bytes, sheet, &LIMITS)
    } else {
        adapters::text(bytes, None, &LIMITS).map(|text| read_csv(&text))
    };
    read.map_err(|error| {
        eprintln!("{}: {}", path.display(), error.message());
        Exit::Data
    })
}

fn columns(texts: &[String]) -> Result<Vec<(String, String)>, Exit> {
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

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// A year's book of knowledge points, and then some.
const LIMITS: Limits = Limits {
    body_bytes_max: 512 << 20,
    depth_max: 100,
    nodes_max: 50_000_000,
    attributes_max: 256,
    text_bytes_max: 512 << 20,
};
