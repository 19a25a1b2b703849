//! Embeds the shipped rule packs, so that one binary carries its knowledge with it.
//!
//! Every file under `packs/` becomes one `(path, text)` pair of `SHIPPED`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it for build.rs"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it for build.rs"));
    println!("cargo::rerun-if-changed=packs");

    let mut files = Vec::new();
    collect(&root.join("packs"), &mut files)?;
    files.sort();

    let mut code = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).expect("collected below the root");
        let name = name.to_str().expect("names of shipped files are ASCII");
        writeln!(code, "    ({name:?}, include_str!({:?})),", file.display().to_string())
            .expect("writing to a String cannot fail");
    }
    code.push_str("]\n");
    fs::write(out.join("shipped.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|kind| kind == "toml" || kind == "csv") {
            files.push(path);
        }
    }
    Ok(())
}
