//! Embeds the dictionary in the crate: every data file by its path, as `SHIPPED`.
//!
//! The files stay what people edit; the crate itself never opens one.

#![allow(clippy::print_stdout)] // how a build script speaks to Cargo

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What belongs to the dictionary, below the crate's folder.
const ROOTS: [&str; 5] = ["catalog.toml", "domains", "entities", "entities.csv", "profiles"];

fn main() -> io::Result<()> {
    let home = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets it"));
    let mut files = Vec::new();
    for root in ROOTS {
        println!("cargo::rerun-if-changed={root}");
        collect(&home, &home.join(root), &mut files)?;
    }
    files.sort();

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    fs::write(out.join("shipped.rs"), source(&files))
}

/// Adds `path`, or every data file below it, as a path relative to `home`.
fn collect(home: &Path, path: &Path, files: &mut Vec<String>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(home, &entry?.path(), files)?;
        }
    } else if path.extension().is_some_and(|end| end == "csv" || end == "toml") {
        let relative = path.strip_prefix(home).expect("found below it");
        let names = relative.iter().map(|name| name.to_str().expect("data files have plain names"));
        let names: Vec<_> = names.collect();
        files.push(names.join("/"));
    }
    Ok(())
}

fn source(files: &[String]) -> String {
    let mut source = String::from("&[\n");
    for file in files {
        writeln!(
            source,
            "    ({file:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?}))),",
            format!("/{file}")
        )
        .expect("a String takes any text");
    }
    source.push_str("]\n");
    source
}
