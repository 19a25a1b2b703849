//! Puts the shipped mappings, their code maps and answer templates into the binary, so that one file is enough.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    files.sort();
    let mut out = "&[\n".to_owned();
    for (name, path) in &files {
        writeln!(out, "    ({name:?}, include_str!({path:?})),").expect("a String takes any text");
    }
    out.push_str("]\n");
    let target = PathBuf::from(env::var("OUT_DIR").expect("set by cargo")).join("shipped.rs");
    fs::write(target, out).expect("OUT_DIR can be written");
}

/// Every vendor's folder, but not the sources, and not the golden cases.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).expect("the crate's own folders can be read") {
        let path = entry.expect("a folder's entry can be read").path();
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "src" | "cases" | "target" | "tests") {
                collect(root, &path, files);
            }
        } else if folder != root && is_text(&path) {
            let relative = path.strip_prefix(root).expect("found below the root");
            files.push((relative.display().to_string(), path.display().to_string()));
        }
    }
}

fn is_text(path: &Path) -> bool {
    let is_template = path.parent().is_some_and(|folder| folder.ends_with("answers"));
    is_template || matches!(path.extension().and_then(|it| it.to_str()), Some("toml" | "csv"))
}
