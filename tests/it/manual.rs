//! What the manual tells people to type is typed here, page by page.
//!
//! A command may find nothing, since no hospital's data are here; it may not be unknown, be misspelt or
//! fall over. A piece of configuration may name files that only a hospital has; nothing else of it may be
//! refused. A piece that begins with `# NAME` is that file, for the commands of its page. What is sent over
//! the network is in `calls`; the book that is made of the pages, in `book`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tests::agent::{Agent, Setup};
use tests::command::{binary, past_proxies, run};
use tests::his;

mod book;
mod calls;

#[test]
fn every_command_in_the_manual_is_one() {
    let overlay = TempDir::new().expect("a folder");
    let sets = format!("overlay = \"{}\"", overlay.path().display());
    let channels = SUBSCRIPTION.to_owned();
    let agent = Agent::start(Setup { sets: Some(sets), channels, ..Setup::files() });
    let mut typed = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let desk = Desk::of(&page);
        for line in page.commands() {
            typed += 1;
            wrong.extend(desk.type_in(&line, &agent).err());
        }
    }
    assert!(wrong.is_empty(), "of {typed} commands:\n{}", wrong.join("\n"));
    assert!(typed > 100, "{typed} commands found: the pages are written otherwise now");
}

#[test]
fn every_piece_of_configuration_in_the_manual_is_accepted() {
    let desk = TempDir::new().expect("a folder");
    let file = desk.path().join("agent.toml");
    let mut wrong = Vec::new();
    let mut read = 0;
    for page in pages() {
        for piece in page.pieces("toml").filter(|it| is_configuration(it)) {
            read += 1;
            fs::write(&file, whole(&piece)).expect("a new folder takes a file");
            let ran = run(&["validate", "--config", file.to_str().expect("a temp folder's name")]);
            let told = ran.stderr.lines().filter(|it| it.contains("error[") && !is_of_the_site(it));
            wrong.extend(told.map(|it| format!("{}: {it}\n{piece}", page.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read > 10, "{read} pieces found: the pages are written otherwise now");
}

#[test]
fn the_manual_is_served_where_there_is_no_network() {
    let pages = TempDir::new().expect("a folder");
    fs::write(pages.path().join("index.html"), "<h1>手册</h1>").expect("a new folder takes a file");
    let listen = format!("manual = \"{}\"", pages.path().display());
    let agent = Agent::start(Setup { listen, ..Setup::files() });
    let ask = |path| his::get(agent.operators(), path).expect("the operators' door answers");
    let index = ask("/docs/");
    assert_eq!((index.status, index.text()), (200, "<h1>手册</h1>"));
    for elsewhere in ["/docs/missing.html", "/docs/..%2fagent.txt", "/docs/%2e%2e/agent.txt"] {
        assert_eq!(ask(elsewhere).status, 404, "{elsewhere}");
    }
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let contents = fs::read_to_string(root().join("docs/SUMMARY.md")).expect("the contents");
    let missing =
        |it: &Page| it.name != "SUMMARY.md" && !contents.contains(&format!("({})", it.name));
    let missing: Vec<_> = pages().into_iter().filter(missing).map(|it| it.name).collect();
    assert!(missing.is_empty(), "add to docs/SUMMARY.md: {missing:?}");
}

#[test]
fn every_link_in_the_manual_leads_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        for target in page.links().filter(|it| !it.contains("://") && !it.starts_with('#')) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let there = root().join("docs").join(&page.name).with_file_name(path);
            let text = fs::read_to_string(&there).unwrap_or_default();
            if !there.exists() || !(anchor.is_empty() || has_anchor(&text, anchor)) {
                dead.push(format!("{}: {target}", page.name));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// A page of the manual.
struct Page {
    name: String,
    text: String,
}

impl Page {
    fn pieces<'a>(&'a self, language: &'a str) -> impl Iterator<Item = String> + 'a {
        let (head, mut inside) = (format!("```{language}"), false);
        let mut piece = String::new();
        self.text.lines().filter_map(move |line| {
            if inside && line.trim_start().starts_with("```") {
                inside = false;
                return Some(std::mem::take(&mut piece));
            }
            if inside {
                piece.push_str(line);
                piece.push('\n');
            }
            inside |= line.trim() == head;
            None
        })
    }

    fn commands(&self) -> Vec<String> {
        let joined = self.pieces("sh").map(|it| it.replace("\\\n", " ")).collect::<String>();
        // Those of a step of a list are indented.
        let lines = joined.lines().map(str::trim_start);
        lines.filter(|it| it.starts_with("his-agent ")).map(str::to_owned).collect()
    }

    fn links(&self) -> impl Iterator<Item = String> + '_ {
        let behind = self.text.split("](").skip(1);
        behind.filter_map(|it| it.split_once(')').map(|(target, _)| target.to_owned()))
    }
}

/// A folder to type in, with the files that a page shows.
struct Desk {
    page: String,
    folder: TempDir,
}

impl Desk {
    fn of(page: &Page) -> Desk {
        let folder = TempDir::new().expect("a folder");
        for piece in page.pieces("toml").chain(page.pieces("csv")).chain(page.pieces("json")) {
            let name = piece.lines().next().and_then(|it| it.strip_prefix("# "));
            if let Some(name) = name.filter(|it| it.contains('.') && !it.contains(['/', ' '])) {
                fs::write(folder.path().join(name), &piece).expect("a new folder takes a file");
            }
        }
        Desk { page: page.name.clone(), folder }
    }

    /// Types one command; what a hospital has elsewhere lies in this folder.
    fn type_in(&self, line: &str, agent: &Agent) -> Result<(), String> {
        let here = self.folder.path().display().to_string();
        let local = line.replace("/etc/his-agent", &here).replace("/data/", &format!("{here}/"));
        let program = binary();
        let programs = program.parent().expect("a file has a folder").display();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
        // Only a receiver goes on until it is stopped.
        let longest = if line.contains(" receive ") { "20" } else { "180" };
        let mut shell = Command::new("timeout");
        let output = past_proxies(&mut shell)
            .args([longest, "bash", "-c", &local])
            .current_dir(&self.folder)
            .env("PATH", path)
            .env("HIS_AGENT_CONFIG", agent.config())
            .env("RUST_BACKTRACE", "0")
            .env("USER", "药师")
            .stdin(Stdio::null())
            .output()
            .expect("timeout is part of coreutils");
        let said = String::from_utf8(output.stderr).expect("the commands speak UTF-8");
        let code = output.status.code();
        let is_well = match code {
            // What it names is not here; or it is no such command.
            Some(64) => !said.contains("try '--help'"),
            // Only a receiver goes on until it is stopped.
            Some(124) => line.contains(" receive "),
            Some(code) => ENDS.contains(&code),
            None => false,
        };
        if is_well { Ok(()) } else { Err(format!("{}: {line}\n    {code:?} {said}", self.page)) }
    }
}

/// One that the manual shows by name; nobody listens there.
const SUBSCRIPTION: &str = "
    [[subscription]]
    name = \"emr\"
    url = \"http://127.0.0.1:9/records\"
    entities = [\"fee_detail_outpatient\"]
";

/// All went well; nothing of the kind is here; what it needs is not to be had; it is not finished.
const ENDS: [i32; 6] = [0, 65, 69, 74, 75, 78];

/// Whether a piece is of `agent.toml`, and not of a mapping, a rule or a case.
fn is_configuration(piece: &str) -> bool {
    let first = piece.lines().find(|it| it.starts_with('[')).unwrap_or_default();
    let table = first.trim_start_matches('[').split([']', '.']).next().unwrap_or_default();
    sections().contains(table)
}

/// The tables of the shipped configuration.
fn sections() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("config/agent.toml")).expect("the shipped file");
    let heads = text.lines().map(|it| it.trim_start_matches("# ")).filter(|it| it.starts_with('['));
    heads
        .map(|it| {
            it.trim_start_matches('[').split([']', '.']).next().unwrap_or_default().to_owned()
        })
        .collect()
}

/// The piece with what every configuration needs, if it does not say it itself.
fn whole(piece: &str) -> String {
    let least = "[hospital]\ncode = \"H99999900001\"\nname = \"示例市人民医院\"\n";
    let head = if piece.contains("[hospital]") { "" } else { least };
    format!("{head}{piece}")
}

/// Files, secrets and mappings that only a hospital has.
fn is_of_the_site(problem: &str) -> bool {
    ["A001", "A009", "A011"].iter().any(|it| problem.contains(&format!("error[{it}]")))
}

/// Whether a page has a heading or a mark of this name.
fn has_anchor(text: &str, anchor: &str) -> bool {
    text.contains(&format!("id=\"{anchor}\""))
        || text.lines().filter(|it| it.starts_with('#')).any(|it| slug(it) == anchor)
}

/// As Markdown renderers name a heading.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
    kept.map(|it| if it == ' ' { '-' } else { it }).collect()
}

/// The pages, by their place in the manual.
fn pages() -> Vec<Page> {
    let folders = ["docs", "docs/cookbook"].map(|it| fs::read_dir(root().join(it)));
    let entries = folders.into_iter().flat_map(|it| it.expect("the manual"));
    let mut files: Vec<PathBuf> = entries.map(|it| it.expect("a readable folder").path()).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "md"));
    files.sort();
    let read = |it: &PathBuf| Page {
        name: it.strip_prefix(root().join("docs")).expect("found there").display().to_string(),
        text: fs::read_to_string(it).expect("the manual is UTF-8"),
    };
    files.iter().map(read).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate of the workspace").to_path_buf()
}
