//! The manual says what is so: its tables are written from the registers, its examples are run.
//!
//! With `HIS_AGENT_UPDATE` set, what is generated is written into the pages instead of compared.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::civil::date;
use rules::family::Rows;
use rules::insurance::{self, Reply};
use rules::parameter::{Column, ColumnKind};
use rules::{RuleSet, evaluate, families, request};

use super::CODES;
use crate::config::Config;
use crate::config::keys::{self, Without};
use crate::telemetry::catalog::METRICS;

#[test]
fn the_page_of_codes_is_the_registers() {
    keep("docs/codes.md", "codes", &codes());
}

#[test]
fn the_table_of_keys_is_the_one_in_the_code() {
    keep("docs/operator.md", "keys", &keys());
}

#[test]
fn the_table_of_metrics_is_the_one_in_the_code() {
    keep("docs/metrics.md", "metrics", &metrics());
}

#[test]
fn the_table_of_families_is_the_one_in_the_code() {
    keep("docs/check.md", "families", &family_table());
}

#[test]
fn the_check_gets_the_answer_that_the_page_shows() {
    let page = read("docs/check.md");
    let facts = request::read(&block(&page, "request")).unwrap();
    let verdict = evaluate(&RuleSet::shipped().unwrap(), &facts, now());
    keep_block("docs/check.md", "answer", &pretty(&verdict.to_json("0198", 174)));
}

#[test]
fn the_national_check_gets_the_answer_that_the_page_shows() {
    let page = read("docs/check.md");
    let rules = RuleSet::shipped().unwrap();
    let region = insurance::Region::default();
    let patients =
        insurance::read(&block(&page, "request-3101"), insurance::Service::Before, &region)
            .unwrap()
            .patients;
    let verdicts: Vec<_> = patients.iter().map(|it| evaluate(&rules, it, now())).collect();
    let reply = Reply {
        inf_refmsgid: "0198",
        refmsg_time: "20260102085207000",
        respond_time: "20260102085207000",
        task_id: "0198",
    };
    keep_block(
        "docs/check.md",
        "answer-3101",
        &pretty(&insurance::write_answer(&verdicts, &reply)),
    );
}

/// Each configuration behind `<!-- config -->`, with its secret written out.
#[test]
fn every_configuration_that_is_shown_is_accepted() {
    let mut shown = 0;
    for name in [
        "README.md",
        "README.zh-CN.md",
        "docs/operator.md",
        "docs/service.md",
        "docs/alerts.md",
        "docs/mapping.md",
    ] {
        for part in read(name).split("<!-- config -->\n```toml\n").skip(1) {
            let text = part.split("```").next().unwrap_or_default();
            let text = text.replace("file:/etc/his-agent/secrets/amqp-url", "amqp://broker:5672");
            if let Err(problems) = Config::parse(name, &text) {
                panic!("{problems:?}");
            }
            shown += 1;
        }
    }
    assert!(shown >= 3, "{shown} found");
}

fn codes() -> String {
    let ours = CODES.iter().map(|it| row(it.code, it.zh, it.en, it.remedy_zh));
    let schemas = schemas::codes::CODES.iter().map(|it| row(it.code, it.zh, it.en, it.remedy_zh));
    let mappings = mappings::CODES.iter().map(|it| row(it.code, it.zh, it.en, it.remedy_zh));
    let adapters = adapters::CODES.iter().map(|it| row(it.code, it.zh, it.en, it.remedy_zh));
    let rules = rules::CODES.iter().map(|it| row(it.code, it.zh, it.en, it.remedy_zh));
    let all: Vec<String> =
        adapters.chain(mappings).chain(schemas).chain(rules).chain(ours).collect();
    let mut out = String::new();
    let mut told = 0;
    for (letter, title) in SECTIONS {
        let _ =
            write!(out, "\n## {title}\n\n| 代码 | 含义 | meaning | 怎么办 |\n|---|---|---|---|\n");
        for row in all.iter().filter(|it| it.starts_with(&format!("| {letter}"))) {
            out.push_str(row);
            told += 1;
        }
    }
    assert_eq!(told, all.len(), "a register has codes of a letter without a section");
    out
}

const SECTIONS: [(char, &str); 13] = [
    ('D', "D：报文读不出"),
    ('M', "M：映射文件和映射过程"),
    ('V', "V：值不符合标准"),
    ('C', "C：审查请求"),
    ('I', "I：接入"),
    ('O', "O：发件箱"),
    ('F', "F：转发"),
    ('H', "H：体检"),
    ('Q', "Q：数据质量"),
    ('A', "A：配置"),
    ('B', "B：备份和恢复"),
    ('S', "S：数据字典文件"),
    ('R', "R：规则包文件"),
];

fn metrics() -> String {
    let mut out = "\n| 指标 | 类型 | 意思 |\n|---|---|---|\n".to_owned();
    for it in METRICS {
        let labels = it.labels.replace(' ', ",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        let _ = writeln!(out, "| `{}{labels}` | {} | {} |", it.name, it.kind.zh(), it.zh);
    }
    out
}

fn row(code: &str, zh: &str, en: &str, remedy: &str) -> String {
    format!("| {code} | {} | {} | {} |\n", cell(zh), cell(en), cell(remedy))
}

/// Text as Markdown shows it to the letter in a cell of a table.
fn cell(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('\\', "\\\\").replace('|', "\\|")
}

fn keys() -> String {
    let mut out = "\n| 段 | 键 | 缺省 | 说明 |\n|---|---|---|---|\n".to_owned();
    for key in keys::all() {
        let section = match key.section {
            "" => "文件开头".to_owned(),
            "channel" => "`[[channel]]`".to_owned(),
            section => format!("`[{section}]`"),
        };
        let kind = match key.kind {
            "" => String::new(),
            kind => format!("，kind = \"{kind}\""),
        };
        let without = match key.without {
            Without::Default(value) => format!("`{value}`"),
            Without::Must(_) => "必填".to_owned(),
            Without::Nothing(_) => "不写".to_owned(),
        };
        let _ =
            writeln!(out, "| {section}{kind} | `{}` | {without} | {} |", key.name, cell(key.zh));
    }
    out
}

fn family_table() -> String {
    let mut out =
        "\n| 规则族 | | 规则的参数 | 知识点的列 | 读取 |\n|---|---|---|---|---|\n".to_owned();
    for family in families::all() {
        let (rows, note) = match family.rows() {
            Rows::None => (&[][..], "没有知识点"),
            Rows::Optional(columns) | Rows::Beside(columns) => (columns, "（可以没有）"),
            Rows::Required(columns) => (columns, ""),
        };
        let reads: Vec<String> = family.reads().iter().map(|it| format!("`{it}`")).collect();
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {}{note} | {} |",
            family.id(),
            family.zh_name(),
            columns(family.parameters()),
            columns(rows),
            reads.join(" ")
        );
    }
    out
}

fn columns(columns: &[Column]) -> String {
    let told = columns.iter().map(|it| {
        let must = if it.required { "" } else { "，可不写" };
        let kind = match it.kind {
            ColumnKind::Choice(words) => format!("，{}", words.join("、")),
            _ => String::new(),
        };
        format!("`{}` {}{kind}{must}", it.name, it.zh)
    });
    told.collect::<Vec<_>>().join("；")
}

/// The time of every check in the manual.
fn now() -> jiff::civil::DateTime {
    date(2026, 1, 2).at(8, 52, 7, 0)
}

/// JSON with a break before each object of a list: a page is narrower than an answer is long.
fn pretty(json: &str) -> String {
    let broken = json.replace(":[{", ":[\n  {").replace("},{", "},\n  {");
    format!("{}\n", broken.replace(",\"unknown\":", ",\n \"unknown\":"))
}

/// Holds what stands between `<!-- NAME -->` and `<!-- /NAME -->` to what the code says.
#[track_caller]
fn keep(page: &str, name: &str, current: &str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("\n<!-- /{name} -->"));
    replace(page, &begin, &end, current);
}

/// The same for the fenced block behind `<!-- example: NAME -->`.
#[track_caller]
fn keep_block(page: &str, name: &str, current: &str) {
    replace(page, &fence(name), "```", current);
}

fn block(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&fence(name)).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn fence(name: &str) -> String {
    format!("<!-- example: {name} -->\n```json\n")
}

#[track_caller]
fn replace(page: &str, begin: &str, end: &str, current: &str) {
    let _alone = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let text = fs::read_to_string(path(page)).unwrap();
    let (head, rest) = text.split_once(begin).unwrap();
    let (told, tail) = rest.split_once(end).unwrap();
    if std::env::var_os("HIS_AGENT_UPDATE").is_some() {
        fs::write(path(page), format!("{head}{begin}{current}{end}{tail}")).unwrap();
        return;
    }
    let differs = told.lines().zip(current.lines()).find(|(told, so)| told != so);
    assert!(
        told == current,
        "{page} is not what the code says; run the tests with HIS_AGENT_UPDATE=1. First: {differs:#?}"
    );
}

/// Several tests may write one page.
static PAGES: Mutex<()> = Mutex::new(());

fn read(page: &str) -> String {
    let _alone = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    fs::read_to_string(path(page)).unwrap()
}

fn path(page: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", page].iter().collect()
}
