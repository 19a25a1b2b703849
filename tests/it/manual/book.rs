//! The manual as a book: nothing in it leads out of it, and what is looked for in Chinese is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{pages, root};

#[test]
fn the_book_leads_to_nothing_that_is_not_in_it() {
    let folder = TempDir::new().expect("a folder");
    let book = folder.path().join("book");
    let laid = Command::new(root().join("packaging/book.py")).arg(&book).output();
    let laid = laid.expect("Python is part of the set-up of the tests");
    assert!(laid.status.success(), "{}", laid.stderr.escape_ascii());
    let (mut followed, mut dead) = (0, Vec::new());
    for page in files(&book).iter().filter(|it| it.extension().is_some_and(|it| it == "md")) {
        let text = fs::read_to_string(page).expect("a page is text");
        for link in text.split("](").skip(1).filter_map(|it| it.split([')', '#']).next()) {
            if link.is_empty() || link.contains("://") || link.contains(' ') {
                continue;
            }
            followed += 1;
            // The first page is named so in the book, but for the table of contents.
            let is_contents = page.ends_with("SUMMARY.md");
            let link =
                if is_contents { link.to_owned() } else { link.replace("index.md", "README.md") };
            let file = page.with_file_name(link);
            let inside = file.canonicalize().is_ok_and(|it| it.starts_with(&book));
            if !inside {
                dead.push(format!("{}: {}", page.display(), file.display()));
            }
        }
    }
    assert!(dead.is_empty() && followed > 100, "{dead:#?}, {followed} followed");
}

#[test]
fn what_is_looked_for_in_chinese_is_found() {
    check("死信 重发", "messages.md");
    check("主密钥", "operator.md");
    check("m203", "operator.md");
    check("Messages.MD", "messages.md");
    check("死信 没有这样的字", "");
}

/// The page is among those found; or there are none.
#[track_caller]
fn check(asked: &str, expected: &str) {
    let section = |it: super::Page| (it.name.clone(), [("title", it.name), ("body", it.text)]);
    let docs: BTreeMap<String, BTreeMap<&str, String>> =
        pages().into_iter().map(section).map(|(name, doc)| (name, doc.into())).collect();
    let script = fs::read_to_string(root().join("docs/search.js")).expect("part of the manual");
    let program = format!(
        "const elasticlunr = {{ Index: function () {{}} }};\n{script}\n\
         const index = new elasticlunr.Index();\nindex.documentStore = {{ docs: {} }};\n\
         console.log(index.search({asked:?}, {{}}).map((it) => it.ref).join(' '));",
        serde_json::to_string(&docs).expect("texts"),
    );
    let file = tempfile::Builder::new().suffix(".js").tempfile().expect("room for a file");
    fs::write(file.path(), program).expect("room for a file");
    let ran = Command::new("node").arg(file.path()).output().expect("node is in the set-up");
    let told = String::from_utf8(ran.stdout).expect("node speaks UTF-8");
    let found = told.split_whitespace().any(|it| it == expected);
    let is_so = if expected.is_empty() { told == "\n" } else { found };
    assert!(is_so, "{asked}: {told}{}", ran.stderr.escape_ascii());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|it| it.expect("readable").path());
    entries.flat_map(|it| if it.is_dir() { files(&it) } else { vec![it] }).collect()
}
