//! A ward's screen as the manual writes it: the page or the script of `docs/events.md`, run by Node with a
//! WebSocket or an EventSource that shares no code with the agent.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::clean_root::cache;
use crate::process::{Guard, wait_until};

/// One screen that runs; it is gone once the value is dropped.
#[derive(Debug)]
pub struct Ward {
    process: Child,
    typed: ChildStdin,
    said: Arc<Mutex<Vec<Value>>>,
    _guard: Guard,
}

impl Ward {
    /// Opens the file as a page of this site.
    pub fn open(file: &Path, origin: &str) -> Ward {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/screens/screen.js");
        let mut process = Command::new("node")
            .arg(script)
            .args([file.as_os_str(), origin.as_ref()])
            .env("NODE_PATH", node_modules())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is there: `make setup-tests`");
        let guard = Guard::over(process.id());
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, to) = (process.stdout.take().expect("it is piped"), Arc::clone(&said));
        thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                let told = serde_json::from_str(&line).expect("a line of JSON");
                to.lock().unwrap_or_else(PoisonError::into_inner).push(told);
            }
        });
        let typed = process.stdin.take().expect("it is piped");
        Ward { process, typed, said, _guard: guard }
    }

    /// How often it was connected.
    pub fn connections(&self) -> usize {
        self.said().iter().filter(|it| it.get("open").is_some()).count()
    }

    /// Events that it was sent, in order, whatever they are besides heartbeats.
    pub fn heard(&self) -> Vec<Value> {
        let came = self.said().into_iter().filter_map(|it| it.get("came").cloned());
        came.filter(|it| it.get("type").is_none_or(|it| it != "beat")).collect()
    }

    /// The rows that stand on it now.
    pub fn rows(&mut self) -> Vec<String> {
        let before = self.tables().len();
        writeln!(self.typed).expect("it runs");
        let is_told = wait_until(PATIENCE, || self.tables().len() > before);
        assert!(is_told, "the screen does not tell what stands on it");
        self.tables().pop().unwrap_or_default()
    }

    fn tables(&self) -> Vec<Vec<String>> {
        let rows = self.said().into_iter().filter_map(|it| it.get("rows").cloned());
        rows.map(|it| serde_json::from_value(it).expect("a list of texts")).collect()
    }

    fn said(&self) -> Vec<Value> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The piece of the manual's page in this language, with what a hospital writes into it.
pub fn of_the_manual(language: &str, filled_in: &[(&str, &str)]) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.md");
    let page = fs::read_to_string(page).expect("a page of the manual");
    let begin = format!("```{language}\n");
    let (_, piece) = page.split_once(&begin).expect("the page has such a piece");
    let (piece, _) = piece.split_once("```").expect("it ends");
    let mut piece = piece.to_owned();
    for (from, to) in filled_in {
        assert!(piece.contains(from), "`{from}` is to be filled in, and is not there");
        piece = piece.replace(from, to);
    }
    piece
}

/// Where the set-up keeps what it installs from npm.
pub fn node_modules() -> PathBuf {
    cache().join("npm-clients/node_modules")
}

const PATIENCE: Duration = Duration::from_mins(2);
