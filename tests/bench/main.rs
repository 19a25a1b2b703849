//! What the agent costs, measured against the limits of the machine it runs on.
//!
//! An absolute figure says more about the machine and its other work than about the agent. So each
//! part measures a limit as well, in turn and in the same minute, and the table shows ratios: for
//! receipts and checks a bare HTTP echo, for storing a raw file, for forwarding a bare publisher, for
//! judging a bare walk over the same XML.
//!
//! `cargo bench --package tests` runs all parts in about eight minutes, and `cargo bench --package tests
//! -- knowledge receipts forward check judge idle append queue upgrade drain doors` those that are named.
//! `HIS_AGENT_BENCH_QUEUE` says how many records a long queue has: a million, if it says nothing.
//! `HIS_AGENT_BENCH_BINARY` names another binary to measure, such as the last release.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]

mod alternate;
mod append;
mod bare_publisher;
mod check;
mod client;
mod daemon;
mod doors;
mod drain;
mod echo;
mod fill;
mod forward;
mod idle;
mod judge;
mod knowledge;
mod load;
mod many;
mod national;
mod process;
mod queue;
mod raw_publisher;
mod receipts;
mod samples;
mod site;
mod strain;
mod table;
mod upgrade;

use std::process::ExitCode;

use site::Site;
use table::Row;

/// A part by its name.
type Part = (&'static str, fn(&Site) -> Vec<Row>);

/// The part that measures this process's memory comes before those that use it. The broker is started
/// by the first part that needs it, so the parts without one come first.
const PARTS: [Part; 12] = [
    ("knowledge", knowledge::run),
    ("judge", judge::run),
    ("idle", idle::run),
    ("append", append::run),
    ("queue", queue::run),
    ("upgrade", upgrade::run),
    ("check", check::run),
    ("strain", strain::run),
    ("doors", doors::run),
    ("receipts", receipts::run),
    ("forward", forward::run),
    ("drain", drain::run),
];

fn main() -> ExitCode {
    // Cargo adds `--bench` to whatever it starts as a benchmark.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    if let [echo::ARGUMENT, port] = words.as_slice() {
        echo::serve(port);
        return ExitCode::SUCCESS;
    }
    if let [strain::ARGUMENT, path] = words.as_slice() {
        strain::saturate(path);
    }
    let is_part = |word: &&str| PARTS.iter().any(|(name, _)| name == word);
    if let Some(unknown) = words.iter().find(|word| !is_part(word)) {
        let names: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
        eprintln!("`{unknown}` is no part; the parts are {}", names.join(", "));
        return ExitCode::from(64);
    }
    measure(&words);
    ExitCode::SUCCESS
}

fn measure(words: &[&str]) {
    let site = Site::prepare();
    let mut rows = Vec::new();
    for (name, part) in PARTS {
        if words.is_empty() || words.contains(&name) {
            eprintln!("bench: {name}");
            let load_before = process::load_average();
            let measured = part(&site);
            let load = format!("{load_before} → {}", process::load_average());
            rows.extend(measured.into_iter().map(|row| (row, load.clone())));
        }
    }
    table::print(&rows);
}
