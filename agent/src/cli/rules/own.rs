//! `his-agent rules list|show|add|edit|delete|schema`: rules one by one, the hospital's own among them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rules::family::{Family, Usual};
use rules::form;
use rules::overlay::own::PACK;
use serde_json::Value;

use super::super::{ConfigArgument, Exit};
use super::books::Books;
use super::overlay::By;
use crate::sets::{Sets, rulebook};

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigArgument,
    /// 只列这个规则包的，本院的是 own | only of this pack
    #[arg(long, value_name = "PACK")]
    pack: Option<String>,
    /// 列规则族：缺省的严重程度、动作、时间窗、说法、依据，规则不写就用它们 | the families, and what is usual of them
    #[arg(long, conflicts_with = "pack")]
    families: bool,
    /// 给程序看 | for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    #[command(flatten)]
    config: ConfigArgument,
    /// 规则标识 | the rule
    rule: String,
    /// 写成什么 | in which form
    #[arg(long = "as", value_enum, default_value_t = Shape::Toml)]
    shape: Shape,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shape {
    /// 可以改了再用 edit 写回 | to be changed and given to `edit`
    Toml,
    /// 全部：写的、在用的、修改记录 | everything, for programs
    Json,
    /// 表单：栏目、类型、选项、现在的值 | fields, kinds, choices and values
    Form,
}

#[derive(Debug, clap::Args)]
pub(super) struct Define {
    #[command(flatten)]
    config: ConfigArgument,
    /// 规则文件，TOML 或 JSON，- 是标准输入 | the rule, as TOML or JSON
    file: PathBuf,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    #[command(flatten)]
    config: ConfigArgument,
    /// 本院规则的标识 | the rule
    rule: String,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, clap::Args)]
pub(super) struct Schema {
    /// 画表单用的说明，不是 JSON Schema | the description of forms instead
    #[arg(long)]
    form: bool,
}

pub(super) fn list(arguments: &List) -> Exit {
    if arguments.families {
        rules::families::all().for_each(|family| tell_family(family, arguments.json));
        return Exit::Ok;
    }
    let sets = match arguments.config.load() {
        Ok((_, sets)) => sets,
        Err(exit) => return exit,
    };
    for rule in sets.rules.rules() {
        if arguments.pack.as_ref().is_some_and(|it| *it != rule.pack) {
            continue;
        }
        if arguments.json {
            say!("{}", rulebook::in_short(rule));
            continue;
        }
        let standing = match (rule.enabled, rule.on_trial) {
            (false, _) => "停用",
            (true, true) => "试运行",
            (true, false) => "在用",
        };
        let (pack, family, action) = (&rule.pack, rule.family.id(), rule.action.name());
        say!("{pack}\t{}\t{standing}\t{action}\t{family}\t{}", rule.id, rule.name);
    }
    if arguments.pack.as_deref().is_none_or(|it| it == PACK) {
        tell_resting(&sets, arguments.json);
    }
    Exit::Ok
}

fn tell_family(family: &'static dyn Family, json: bool) {
    if json {
        say!("{}", form::fields_of(family));
        return;
    }
    let (id, name) = (family.id(), family.zh_name());
    let Some(Usual { severity, action, basis, window, text }) = family.usual() else {
        say!("{id}\t{name}\t由规则写明");
        return;
    };
    say!("{id}\t{name}\t{}\t{}\t{window}\t{text}\t{basis}", severity.code(), action.name());
}

/// What the program cannot use as the hospital wrote it, last, since it is there to be mended.
fn tell_resting(sets: &Sets, json: bool) {
    for it in sets.rules.resting() {
        if json {
            say!("{}", rulebook::at_rest(it));
            continue;
        }
        let why = it.faults.first().map(ToString::to_string).unwrap_or_default();
        say!("{PACK}\t{}\t不能用\t\t\t{why}", it.rule);
    }
}

pub(super) fn show(arguments: &Show) -> Exit {
    let sets = match arguments.config.load() {
        Ok((_, sets)) => sets,
        Err(exit) => return exit,
    };
    let Some(told) = rulebook::whole(&sets, &arguments.rule) else {
        eprintln!("没有规则 `{}`；his-agent rules list 列出全部", arguments.rule);
        return Exit::Usage;
    };
    let part = |name: &str| told.get(name).cloned().unwrap_or_default();
    match arguments.shape {
        Shape::Toml => say!("{}", part("toml").as_str().unwrap_or_default().trim_end()),
        Shape::Json => say!("{told:#}"),
        Shape::Form => say!("{:#}", filled(part("form"), &part("rule"))),
    }
    Exit::Ok
}

/// The fields of a family with the values that a rule has.
fn filled(mut form: Value, rule: &Value) -> Value {
    let values = rule.get("parameters").cloned().unwrap_or_default();
    let fields = form.get_mut("parameters").and_then(Value::as_array_mut);
    for field in fields.into_iter().flatten().filter_map(Value::as_object_mut) {
        let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
        let value = values.get(name).cloned().unwrap_or_default();
        field.insert("value".to_owned(), value);
    }
    form
}

pub(super) fn add(arguments: &Define) -> Exit {
    define(arguments, true).err().unwrap_or(Exit::Ok)
}

pub(super) fn edit(arguments: &Define) -> Exit {
    define(arguments, false).err().unwrap_or(Exit::Ok)
}

fn define(arguments: &Define, is_new: bool) -> Result<(), Exit> {
    let text = read(&arguments.file)?;
    // What begins as an object is one.
    let text = if text.trim_start().starts_with('{') {
        let rule: Value =
            serde_json::from_str(&text).map_err(|error| wrong(&arguments.file, &error))?;
        form::to_toml(&rule).map_err(|error| wrong(&arguments.file, &error))?
    } else {
        text
    };
    let by = arguments.by.by();
    let no = Books::open(&arguments.config.config)?.change(|it| it.define(&text, &by, is_new))?;
    say!("修改 {no}（规则包 own）");
    Ok(())
}

pub(super) fn delete(arguments: &Delete) -> Exit {
    let by = arguments.by.by();
    let books = Books::open(&arguments.config.config);
    match books.and_then(|books| books.change(|it| it.remove(&arguments.rule, &by))) {
        Ok(no) => {
            say!("修改 {no}（规则包 own）");
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

pub(super) fn schema(arguments: &Schema) -> Exit {
    say!("{:#}", if arguments.form { form::fields() } else { form::schema() });
    Exit::Ok
}

pub(super) fn read(file: &Path) -> Result<String, Exit> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut it| it.read_to_string(&mut text))
    };
    read.map(|_| text).map_err(|error| {
        eprintln!("{}: {error}", file.display());
        Exit::Unavailable
    })
}

fn wrong(file: &Path, error: &dyn std::fmt::Display) -> Exit {
    eprintln!("{}: {error}", file.display());
    Exit::Data
}
