//! `his-agent rules overlay`: what the hospital changes in the rules, and what it takes back.
//!
//! A shipped pack is never edited. Each change is a line with its author, time and reason; to take
//! one back is another line, and nothing is ever lost.

mod list;

use rules::overlay::{CellList, Change, What};
use serde_json::Value;

use super::super::{ConfigArgument, Exit};
use super::books::Books;
use crate::sets::books;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// 列出全部修改：谁、何时、为何、在用还是已撤销 | every change: who, when, why, in force or not
    List(list::Arguments),
    /// 增加一行知识点 | a row more
    Add(One),
    /// 修改一行知识点的单元格，或规则的设置（severity、action、on_missing、参数）
    /// | cells of a row, or settings of a rule
    Edit(One),
    /// 停用知识点，或整条规则 | rows or a rule that are no longer judged by
    Disable(One),
    /// 启用出厂时关着的规则 | a rule that was shipped switched off
    Enable(One),
    /// 限定：departments=儿科|0301 scenes=outpatient from=2026-12-01 to=2027-05-31
    /// | only in departments, scenes, from and to a day
    Restrict(One),
    /// 撤销一项修改；撤销也可以再撤销 | take a change back
    Rollback(Rollback),
}

#[derive(Debug, clap::Args)]
struct One {
    /// 规则标识，如 drug-sex | id of the rule
    rule: String,
    /// 知识点，如 code=XG04CBD247E002010101503；不写就是规则本身 | the row; the rule itself when left out
    #[arg(long, value_name = "MATCH=KEY")]
    row: Option<String>,
    /// 同一代码有几行时，写明是哪一行，可多次 | which of several rows of that key
    #[arg(long, value_name = "COLUMN=VALUE")]
    which: Vec<String>,
    /// 新的内容，如 sex=男 | what it says
    #[arg(value_name = "NAME=VALUE")]
    cells: Vec<String>,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, clap::Args)]
struct Rollback {
    /// 要撤销的修改的序号，见 list | number of the change
    no: u32,
    /// 规则包 | the pack whose change it is
    #[arg(long, default_value = "starter")]
    pack: String,
    #[command(flatten)]
    by: By,
}

/// Who makes a change, and why; nothing is changed without.
#[derive(Debug, clap::Args)]
pub(super) struct By {
    /// 修改人 | who
    #[arg(long, env = "USER")]
    pub(super) author: String,
    /// 修改理由 | why
    #[arg(long)]
    pub(super) reason: String,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let done = match &arguments.command {
        Command::List(it) => list::run(&arguments.config, it),
        Command::Add(it) => change(&arguments.config, What::Add, it),
        Command::Edit(it) => change(&arguments.config, What::Edit, it),
        Command::Disable(it) => change(&arguments.config, What::Disable, it),
        Command::Enable(it) => change(&arguments.config, What::Enable, it),
        Command::Restrict(it) => change(&arguments.config, What::Restrict, it),
        Command::Rollback(it) => rollback(&arguments.config, it),
    };
    done.err().unwrap_or(Exit::Ok)
}

fn change(config: &ConfigArgument, what: What, one: &One) -> Result<(), Exit> {
    let key = one.row.as_deref().map(pair).transpose()?;
    let (which, cells) = (cells(&one.which)?, cells(&one.cells)?);
    let books = Books::open(&config.config)?;
    let pack = books.pack_of(&one.rule)?;
    let change = Change { rule: one.rule.clone(), key, which, cells, ..one.by.begin(what) };
    record(books, &pack, change)
}

fn rollback(config: &ConfigArgument, rollback: &Rollback) -> Result<(), Exit> {
    let books = Books::open(&config.config)?;
    let mut cells = CellList::default();
    cells.push("no", &rollback.no.to_string());
    let change = Change { cells, ..rollback.by.begin(What::Rollback) };
    record(books, &rollback.pack, change)
}

fn record(books: Books, pack: &str, change: Change) -> Result<(), Exit> {
    let no = books.change(|it| it.record(pack, change))?;
    say!("修改 {no}（规则包 {pack}）");
    Ok(())
}

impl By {
    /// The same for whoever writes it.
    pub(super) fn by(&self) -> books::By {
        books::By { author: self.author.clone(), reason: self.reason.clone() }
    }

    /// An order to the daemon, signed.
    pub(super) fn sign(&self, mut order: Value) -> Value {
        if let Some(members) = order.as_object_mut() {
            members.insert("author".to_owned(), Value::from(self.author.as_str()));
            members.insert("reason".to_owned(), Value::from(self.reason.as_str()));
        }
        order
    }

    /// A change that says nothing yet.
    pub(super) fn begin(&self, what: What) -> Change {
        self.by().begin(what)
    }
}

fn pair(text: &str) -> Result<(String, String), Exit> {
    match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => {
            eprintln!("`{text}`：写成 名称=内容");
            Err(Exit::Usage)
        }
    }
}

fn cells(texts: &[String]) -> Result<CellList, Exit> {
    let mut cells = CellList::default();
    for text in texts {
        let (name, value) = pair(text)?;
        cells.push(&name, &value);
    }
    Ok(cells)
}
