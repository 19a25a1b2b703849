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

/// Each page of the cookbook is one shape, whole: message, mapping, code maps and records.
#[test]
fn every_page_of_the_cookbook_gives_what_it_says() {
    let _alone = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    let mut pages = 0;
    for name in cookbook() {
        let page = read(&name);
        let mut files = Files::new();
        files.insert("yourvendor/shape.toml", block(&page, "mapping"));
        for map in marks(&page).filter(|it| it.starts_with("codes/")) {
            files.insert(format!("yourvendor/{map}"), block(&page, map));
        }
        let (set, warnings) = match MappingSet::load(&files, &catalogs, &[]) {
            Ok(loaded) => loaded,
            Err(problems) => panic!("{name}: {problems:#?}"),
        };
        assert!(warnings.is_empty(), "{name}: {warnings:#?}");
        let content_type = marks(&page).find(|it| *it == "type").map(|it| block(&page, it).trim());
        let message = block(&page, "message").as_bytes();
        let records = mappings::case_outcome(&set, message, content_type);
        assert!(records.starts_with("[\n  {\"entity\""), "{name}: {records}");
        let (before, after) = around(&page, "records");
        hold(&name, &format!("{before}{records}{after}"));
        pages += 1;
    }
    assert!(pages >= 20, "{pages} pages found");
}

/// Whoever opens the cookbook finds every shape, and every folder that is shipped.
#[test]
fn the_cookbook_names_every_page_and_every_shipped_folder() {
    let index = read("docs/cookbook.md");
    let pages: Vec<String> = cookbook().iter().map(|it| read(it)).collect();
    for name in cookbook() {
        let link = name.trim_start_matches("docs/");
        assert!(index.contains(&format!("({link})")), "docs/cookbook.md does not lead to {name}");
    }
    let folders = fs::read_dir(path("mappings")).unwrap().map(|it| it.unwrap());
    for folder in folders.filter(|it| it.path().join("cases").is_dir()) {
        let folder = format!("mappings/{}/", folder.file_name().to_str().unwrap());
        let is_named = pages.iter().any(|it| it.contains(&folder));
        assert!(is_named, "no page of docs/cookbook names {folder}");
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

/// The pages of the cookbook, by name from the root.
fn cookbook() -> Vec<String> {
    let entries = fs::read_dir(path("docs/cookbook")).unwrap();
    let name = |it: fs::DirEntry| format!("docs/cookbook/{}", it.file_name().to_str().unwrap());
    let mut names: Vec<String> = entries.map(|it| name(it.unwrap())).collect();
    names.sort();
    names
}

/// The names of a page's examples.
fn marks(page: &str) -> impl Iterator<Item = &str> {
    let behind = page.split("<!-- example: ").skip(1);
    behind.filter_map(|it| it.split_once(" -->").map(|(name, _)| name))
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
