//! One-way gates that carry files and nothing else: one between HIS and agent, one between agent and
//! platform. They copy slowly, in whatever order, and carry things twice.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tests::agent::Agent;
use tests::cases::Expected;
use tests::platform::Platform;

use super::{Spot, bad, good};

#[test]
fn files_go_in_and_segments_come_out_through_gates_that_rename() {
    check(Gate::Renames);
}

#[test]
fn files_go_in_and_segments_come_out_through_gates_that_mark() {
    check(Gate::Marks);
}

/// How a gate says that a file is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// It writes under another name first.
    Renames,
    /// It carries a second file behind it, and begins with the last name.
    Marks,
}

fn check(gate: Gate) {
    let (his, ferry) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let outside = |name: &str| his.path().join(name);
    for name in ["out", "answers"] {
        fs::create_dir(outside(name)).expect("a folder of ours");
    }
    let home = Spot::new();
    let ready = if gate == Gate::Marks { "mark" } else { "rename" };
    let agent = Agent::start(home.setup(&format!("ready = \"{ready}\"\npoll_ms = 100")));
    // Each round is a segment of its own.
    for round in 0..3 {
        for n in 1..=3 {
            let n = round * 3 + n;
            fs::write(outside("out").join(format!("{n}.xml")), good(n).bytes).expect("ours");
        }
        gate.carry(&outside("out"), &home.path(""));
        home.await_count("archive", super::files(round * 3 + 3), &agent);
        agent.await_drained();
    }
    fs::write(outside("out").join("10.xml"), bad(10)).expect("a folder of ours");
    gate.carry(&outside("out"), &home.path(""));
    home.await_count("failed", 2, &agent);

    Gate::Renames.carry(&home.path("answers"), &outside("answers"));
    let answer = |name: &str| fs::read_to_string(outside("answers").join(name)).expect(name);
    assert!((1..=9).all(|n| answer(&format!("{n}.xml.ok")).contains("报文标识：")));
    assert!(answer("10.xml.err").contains("怎么办"), "{}", answer("10.xml.err"));

    let segments = files(&agent.records());
    assert!(segments.len() >= 6, "too few segments to come out of order: {segments:?}");
    let again = fs::read(&segments[0]).expect("a segment");
    Gate::Renames.carry(&agent.records(), ferry.path());
    let platform = Platform::of_folder(ferry.path());
    let owed: Vec<Expected> = (1..=9).flat_map(|n| good(n).records).collect();
    platform.receive(owed.len());
    // Carried once more, as gates do that were restarted.
    fs::write(ferry.path().join(segments[0].file_name().expect("a name")), again).expect("ours");
    let delivered = platform.receive(owed.len());
    assert_eq!(delivered.exit_code, Some(0), "{}", delivered.summary);
    let content = |it: &Expected| (it.lane.clone(), it.elements.clone());
    let mut came: Vec<_> = delivered.records.iter().map(|it| content(&it.expected())).collect();
    let mut owed: Vec<_> = owed.iter().map(content).collect();
    came.sort();
    owed.sort();
    assert!(came == owed, "{} came of {}", came.len(), owed.len());
}

impl Gate {
    /// Copies what lies in a folder, piece by piece, and takes it away there.
    fn carry(self, from: &Path, to: &Path) {
        let mut names = files(from);
        if self == Gate::Marks {
            names.reverse();
        }
        for source in names {
            let name = source.file_name().and_then(|it| it.to_str()).expect("plain names");
            let target = to.join(name);
            let written = match self {
                Gate::Renames => to.join(format!("{name}.part")),
                Gate::Marks => target.clone(),
            };
            copy_slowly(&source, &written);
            match self {
                Gate::Renames => fs::rename(&written, &target).expect("both are ours"),
                Gate::Marks => drop(File::create(to.join(format!("{name}.ok"))).expect("ours")),
            }
            fs::remove_file(&source).expect("a folder of ours");
        }
    }
}

fn copy_slowly(from: &Path, to: &Path) {
    let bytes = fs::read(from).expect("a file of ours");
    let mut file = File::create(to).expect("a folder of ours");
    for piece in bytes.chunks(bytes.len() / 2 + 1) {
        file.write_all(piece).expect("a file of ours");
        thread::sleep(Duration::from_millis(30));
    }
}

/// The files of a folder that are anybody's business, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten().map(|it| it.path());
    let is_open = |it: &PathBuf| {
        let name = it.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let is_whole = it.extension().is_none_or(|it| it != "tmp");
        it.is_file() && is_whole && !name.starts_with('.')
    };
    let mut files: Vec<PathBuf> = entries.filter(is_open).collect();
    files.sort();
    files
}
