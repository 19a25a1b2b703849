//! The invariants of the house, each held by a test that says what to do when it fails.
//!
//! They look at the sources, the lock files and Cargo's dependency graph; nothing is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates that know no clock, no disk and no network.
const PURE: [&str; 4] = ["adapters", "mappings", "rules", "schemas"];

#[test]
fn pure_crates_depend_on_nothing_that_does_io() {
    let forbidden = ["tokio", "rocksdb", "lapin", "hyper", "axum", "rustls", "notify", "mio"];
    for krate in PURE {
        let tree = dependencies(krate);
        let found: Vec<_> =
            forbidden.iter().filter(|name| tree.contains(&name.to_string())).collect();
        assert!(
            found.is_empty(),
            "{krate} is pure, yet it depends on {found:?}. Move what needs them to agent and pass \
             the value in; `cargo tree -p {krate} -i NAME` shows who brought it."
        );
    }
}

#[test]
fn pure_crates_ask_neither_disk_nor_network_nor_clock() {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "SystemTime",
        "Instant::now",
        "Zoned::now",
        "Timestamp::now",
    ];
    complain(
        "A pure crate asks the world. Let agent ask, and take the answer as an argument",
        &places(
            |path| PURE.iter().any(|krate| path.starts_with(&format!("{krate}/src/"))),
            |line| is_code(line) && forbidden.iter().any(|word| line.contains(word)),
        ),
    );
}

#[test]
fn each_foreign_door_is_one_room() {
    for library in ["rocksdb", "lapin", "quick_xml", "notify", "minijinja"] {
        let mut files: Vec<_> =
            places(|path| path.contains("/src/"), |line| is_code(line) && names(line, library))
                .into_iter()
                .map(|place| place.file)
                .collect();
        files.sort_by_key(String::len);
        files.dedup();
        assert!(!files.is_empty(), "{library} is named nowhere: take it off the list");
        assert!(
            files.iter().skip(1).all(|file| is_within(file, &files[0])),
            "{library} is named in {files:?}. Keep it in one of them, or in the folder of its \
             name, and let that room offer what the others need in our own words."
        );
    }
}

/// Whether a file is in the folder of a room: `forward/broker/x.rs` in that of
/// `forward/broker.rs`.
fn is_within(file: &str, room: &str) -> bool {
    let folder = room.trim_end_matches("/mod.rs").trim_end_matches(".rs");
    file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> =
        files(".rs").into_iter().filter(|path| !read(path).starts_with("//! ")).collect();
    assert!(silent.is_empty(), "Begin these files with `//!` and what the room is for: {silent:?}");
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    // Written in two halves, or this file would find itself.
    let forbidden = [
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
        concat!("/ro", "ot/."),
        concat!("/tmp/", "target"),
    ];
    complain(
        "A path of one machine. Write it relative to the checkout, or take it from the environment",
        &places(
            |_| true,
            |line| {
                forbidden.iter().any(|path| {
                    let parts = line.match_indices(path);
                    parts
                        .into_iter()
                        .any(|(at, _)| !ends_in_word(line.get(..at).unwrap_or_default()))
                })
            },
        ),
    );
}

#[test]
fn no_file_names_a_package_host() {
    let forbidden = [
        concat!("index.", "crates.io"),
        concat!("static.", "crates.io"),
        concat!("registry.", "npmjs"),
        concat!("registry.", "npmmirror"),
        concat!("py", "pi.org"),
        concat!("rs", "proxy"),
        concat!("deb.", "debian.org"),
        concat!("mirrors", "."),
        concat!("replace", "-with"),
    ];
    complain(
        "A package host. Whoever builds chooses the registry or mirror in the tool's own settings",
        &places(|_| true, |line| forbidden.iter().any(|host| line.contains(host))),
    );

    let index = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    complain(
        "A dependency that is not of the default registry",
        &places(
            |path| path.ends_with("Cargo.lock"),
            |line| line.starts_with("source = ") && line != index,
        ),
    );
}

#[test]
fn the_lock_file_stays_small() {
    let count = packages("Cargo.lock").len();
    assert!(
        count < 400,
        "Cargo.lock has {count} packages; below 400 is the promise. Turn off default features, or \
         do without the last dependency."
    );
}

#[test]
fn the_rocksdb_archive_is_of_the_version_we_link() {
    let ours = packages("Cargo.lock");
    // Headers of lz4 and zstd are compiled into the archive, their code is linked by us.
    for name in ["librocksdb-sys", "lz4-sys", "zstd-sys"] {
        let version = |packages: &[(String, String)]| {
            packages.iter().find(|package| package.0 == name).map(|package| package.1.clone())
        };
        let archive = version(&packages("packaging/rocksdb/Cargo.lock"));
        assert!(
            archive.is_some() && archive == version(&ours),
            "{name} is {archive:?} in packaging/rocksdb/Cargo.lock and {:?} in Cargo.lock. Make the \
             first equal to the second: packaging/rocksdb/README.md says how.",
            version(&ours)
        );
    }
}

#[test]
fn both_readmes_tell_the_same() {
    let (english, chinese) = (outline("README.md"), outline("README.zh-CN.md"));
    assert_eq!(
        english, chinese,
        "README.md and README.zh-CN.md differ in headings or code blocks (left: English). Bring the \
         change to the other one too."
    );
}

/// A line that a test complains about.
struct Place {
    file: String,
    line_number: usize,
    line: String,
}

/// Fails with every place at once.
#[track_caller]
fn complain(what: &str, places: &[Place]) {
    let list: Vec<_> = places
        .iter()
        .map(|place| format!("  {}:{}: {}", place.file, place.line_number, place.line.trim()))
        .collect();
    assert!(list.is_empty(), "{what}:\n{}", list.join("\n"));
}

/// Lines that match, in files that match.
fn places(file_matches: impl Fn(&str) -> bool, matches: impl Fn(&str) -> bool) -> Vec<Place> {
    let mut places = Vec::new();
    for file in files("").into_iter().filter(|file| file_matches(file)) {
        for (line_number, line) in (1..).zip(read(&file).lines()) {
            if matches(line) {
                places.push(Place { file: file.clone(), line_number, line: line.to_owned() });
            }
        }
    }
    places
}

fn is_code(line: &str) -> bool {
    !line.trim_start().starts_with("//")
}

/// Whether a line of code uses the library: `use NAME` or `NAME::`, but not `sd_NAME::`, nor a
/// module of our own that happens to share the name.
fn names(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + library.len()..).unwrap_or_default();
        let own = before.ends_with("::") || ends_in_word(before);
        !own && (after.starts_with("::") || (before.ends_with("use ") && !starts_with_word(after)))
    })
}

fn ends_in_word(text: &str) -> bool {
    text.ends_with(|last: char| last.is_alphanumeric() || last == '_')
}

fn starts_with_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

/// Names of all crates that this crate is built from, dev-dependencies left out.
fn dependencies(krate: &str) -> Vec<String> {
    let arguments =
        ["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "-p", krate];
    let tree = output(Command::new(env!("CARGO")).args(arguments));
    let first_words = tree.lines().filter_map(|line| line.split_whitespace().next());
    first_words.map(str::to_owned).collect()
}

/// Name and version of every package in a lock file.
fn packages(lock_file: &str) -> Vec<(String, String)> {
    let text = read(lock_file);
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    text.lines()
        .zip(text.lines().skip(1))
        .filter_map(|(first, second)| {
            Some((value(first, "name = ")?, value(second, "version = ")?))
        })
        .collect()
}

/// The depth of every heading and the language of every code block, in order.
/// A file that is not there tells nothing.
fn outline(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(name)).unwrap_or_default();
    let mut in_block = false;
    let mut outline = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
            if in_block {
                outline.push(line.to_owned());
            }
        } else if !in_block && line.starts_with('#') {
            outline.push(line.chars().take_while(|char| *char == '#').collect());
        }
    }
    outline
}

/// Files that Git has or would take, by their path from the root.
fn files(suffix: &str) -> Vec<String> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let list = output(Command::new("git").args(["-c", "safe.directory=*"]).args(arguments));
    let there = |path: &&str| path.ends_with(suffix) && root().join(path).is_file();
    list.split('\0').filter(there).map(str::to_owned).collect()
}

/// The text of a file; what is not text, such as a message in GBK, counts as empty.
fn read(path: &str) -> String {
    let bytes = fs::read(root().join(path)).expect("a file that was just listed");
    String::from_utf8(bytes).unwrap_or_default()
}

fn output(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().expect("git and cargo are there");
    let problem = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{command:?} failed: {problem}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests folder lies in the root").to_owned()
}
