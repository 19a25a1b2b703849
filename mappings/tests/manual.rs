//! The manual says what is so: its table of steps is the one in the code, and its examples are run.
//!
//! With `HIS_AGENT_UPDATE` set, what is generated is written into the pages instead of compared.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use mappings::{Catalogs, MappingSet, STEPS};
use schemas::Files;

const PAGES: [&str; 3] = ["docs/mapping.md", "README.md", "README.zh-CN.md"];

/// Both tests may write the same page.
static PAGE: Mutex<()> = Mutex::new(());

#[test]
fn the_table_of_steps_is_the_one_in_the_code() {
    let _alone = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let page = read("docs/mapping.md");
    let (head, rest) = page.split_once("<!-- steps -->\n").unwrap();
    let (_, tail) = rest.split_once("<!-- /steps -->").unwrap();
    hold("docs/mapping.md", &format!("{head}<!-- steps -->\n{}<!-- /steps -->{tail}", table()));
}

#[test]
fn every_example_gives_what_the_page_says() {
    let _alone = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    for name in PAGES {
        let page = read(name);
        let mut files = Files::new();
        files.insert("yourvendor/prescription.toml", block(&page, "mapping"));
        files.insert("yourvendor/codes/frequency.csv", block(&page, "frequency"));
        let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
        let (set, warnings) = match MappingSet::load(&files, &catalogs, &[]) {
            Ok(loaded) => loaded,
            Err(problems) => panic!("{name}: {problems:#?}"),
        };
        assert!(warnings.is_empty(), "{name}: {warnings:#?}");
        let records = mappings::case_outcome(&set, block(&page, "message").as_bytes(), None);
        let (before, after) = around(&page, "records");
        hold(name, &format!("{before}{records}{after}"));
    }
}

/// The shapes that messages come in, and how a mapping reads each.
#[test]
fn every_shape_gives_what_the_page_says() {
    let _alone = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    for shape in ["orders", "rows", "slots", "sealed"] {
        let page = read("docs/mapping.md");
        let part = |what: &str| block(&page, &format!("{shape} {what}"));
        let mut files = Files::new();
        files.insert("yourvendor/shape.toml", part("mapping"));
        let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
        let (set, warnings) = match MappingSet::load(&files, &catalogs, &[]) {
            Ok(loaded) => loaded,
            Err(problems) => panic!("{shape}: {problems:#?}"),
        };
        assert!(warnings.is_empty(), "{shape}: {warnings:#?}");
        let keys = if shape == "sealed" { part("keys") } else { "" };
        let set = set.keyed(&mappings::case_keys(keys).unwrap()).unwrap();
        let records = mappings::case_outcome(&set, part("message").as_bytes(), None);
        let (before, after) = around(&page, &format!("{shape} records"));
        hold("docs/mapping.md", &format!("{before}{records}{after}"));
    }
}

fn table() -> String {
    let mut out = "\n| 步骤 | 作用 | 例 | 输入 | 结果 |\n|---|---|---|---|---|\n".to_owned();
    for step in STEPS {
        let (expression, input, output) = step.example;
        let cells =
            [step.usage, step.zh, expression, input, output].map(|it| it.replace('|', "\\|"));
        let [usage, zh, expression, input, output] = cells;
        let _ = writeln!(out, "| `{usage}` | {zh} | `{expression}` | `{input}` | `{output}` |");
    }
    out.push('\n');
    out
}

/// What stands in the fenced block behind `<!-- example: NAME -->`.
fn block<'p>(page: &'p str, name: &str) -> &'p str {
    let (before, after) = around(page, name);
    page.get(before.len()..page.len() - after.len()).unwrap()
}

/// The page before and behind the text of a block.
fn around<'p>(page: &'p str, name: &str) -> (&'p str, &'p str) {
    let mark = format!("<!-- example: {name} -->\n```");
    let fence =
        page.find(&mark).unwrap_or_else(|| panic!("there is no example `{name}`")) + mark.len();
    let start = fence + page.get(fence..).unwrap().find('\n').unwrap() + 1;
    let end = start + page.get(start..).unwrap().find("```").unwrap();
    (page.get(..start).unwrap(), page.get(end..).unwrap())
}

/// The page must be `wanted`; or it is written so, when asked.
#[track_caller]
fn hold(name: &str, wanted: &str) {
    if std::env::var_os("HIS_AGENT_UPDATE").is_some() {
        fs::write(path(name), wanted).unwrap();
        return;
    }
    let page = read(name);
    let differs = page.lines().zip(wanted.lines()).find(|(told, so)| told != so);
    assert!(
        page == wanted,
        "{name} is not what the code says; run the test with HIS_AGENT_UPDATE=1. First: {differs:#?}"
    );
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", name].iter().collect()
}
