//! Drop folders: each file is taken once however often the agent is killed, a half file is not taken,
//! a second agent stays out, and what is refused says why.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

mod gates;
mod held;
mod notices;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::chance::Chance;
use tests::platform::{Platform, Record};
use tests::process::wait_until;

/// The refused ones show that no dead letter is written twice.
#[test]
fn five_hundred_files_are_taken_once_each_over_kills() {
    let home = Spot::new();
    let mut agent = Agent::start(home.setup("ready = \"rename\""));
    let platform = Platform::of_folder(&agent.records());
    let mut chance = Chance::seeded("folders");
    for n in 1..=FILES {
        home.move_in(&format!("{n}.xml"), &good(n).bytes);
        if n % 25 == 0 {
            home.move_in(&format!("{n}b.xml"), &bad(n));
        }
    }
    let mut kills = 0;
    let all = files(FILES + FILES / 25 * 2);
    let done = || home.count("archive") + home.count("failed");
    while done() < all {
        // Some files further, however quick the machine, and at any moment of the next one.
        let next = (done() + files(chance.below(60))).min(all);
        wait_until(Duration::from_secs(60), || done() >= next);
        thread::sleep(chance.pause(Duration::from_millis(5)));
        agent.kill();
        kills += 1;
        assert!(kills < 600, "it does not come to an end:\n{}", agent.log());
        agent.start_again();
    }
    println!("{FILES} files, {kills} kills");
    assert!(kills > 5, "too few kills hit the work: {kills}");
    agent.await_readiness("done", |it| it["folders"]["drop"]["waiting"] == 0);

    assert_eq!(home.count("working"), 1, "only the lock");
    assert_eq!(home.count("archive"), files(FILES));
    assert_eq!(home.count("failed"), files(FILES / 25) * 2);
    assert_eq!(home.count("answers"), files(FILES + FILES / 25));
    assert_eq!(agent.readiness()["outbox"]["dead_letters"], Value::from(FILES / 25));
    agent.await_drained();
    let delivered = platform.receive(files(FILES) * good(1).records.len());
    let mut came: BTreeMap<(String, String), usize> = BTreeMap::new();
    for record in delivered.records {
        *came.entry((record.lane, record.elements)).or_default() += 1;
    }
    let owed: usize = (1..=FILES).map(|n| good(n).records.len()).sum();
    assert_eq!(came.values().sum::<usize>(), owed, "something came that nobody sent");
    for n in 1..=FILES {
        for it in good(n).records {
            let times = came.get(&(it.lane.clone(), it.elements.clone()));
            assert_eq!(times, Some(&1), "file {n}: {it:?}");
        }
    }
}

/// What the HIS has not synced is synced before anything is said of it, and an answer that can be seen
/// is whole.
#[test]
fn no_file_and_no_answer_is_lost_over_power_cuts() {
    let home = Spot::new();
    let mut agent = Agent::start(Setup { mains: true, ..home.setup("ready = \"rename\"") });
    let mut chance = Chance::seeded("folders, power");
    let (all, cuts) = (40, 6);
    let mut lost = 0;
    for cut in 1..=cuts {
        for n in (1..=all).filter(|n| n % cuts + 1 == cut) {
            home.move_in(&format!("{n}.xml"), &good(n).bytes);
        }
        let before = home.count("archive");
        wait_until(Duration::from_secs(20), || home.count("archive") > before);
        thread::sleep(chance.pause(Duration::from_millis(30)));
        lost += agent.cut_power_with(
            &home.below("archive").into_iter().chain(home.below("answers")).collect::<Vec<_>>(),
        );
        agent.start_again();
    }
    println!("{lost} bytes thrown away");
    home.await_count("archive", files(all), &agent);
    agent.await_drained();
    for n in 1..=all {
        let path = home.find("archive", &format!("{n}.xml"));
        assert!(fs::read(path).expect("it is there") == good(n).bytes, "file {n} is not whole");
        let answer = fs::read_to_string(home.path(&format!("answers/{n}.xml.ok")));
        assert!(answer.expect("an answer").contains("报文标识："), "answer {n} is not whole");
    }
    let owed: usize = (1..=all).map(|n| good(n).records.len()).sum();
    let came = Platform::of_folder(&agent.records()).receive(owed).records;
    let mut keys: Vec<_> = came.iter().map(|it| (&it.lane, &it.elements)).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), owed, "each record came, and none twice under another content");
}

/// The half file is not taken, and what lies behind it does not overtake it.
#[test]
fn a_slow_writer_is_waited_for() {
    let home = Spot::new();
    let agent = Agent::start(home.setup("settle_ms = 6000\npoll_ms = 100"));
    let mut slow = File::create(home.path("9.xml")).expect("a folder of ours");
    home.move_in("10.xml", &good(2).bytes);
    for piece in good(1).bytes.chunks(good(1).bytes.len() / 5 + 1) {
        slow.write_all(piece).expect("a file of ours");
        thread::sleep(Duration::from_millis(500));
        assert_eq!(home.count("archive"), 0, "taken while it was written");
    }
    home.await_count("archive", 2, &agent);
    agent.await_drained();
    let records = Platform::of_folder(&agent.records()).receive(good(1).records.len() * 2).records;
    let last = |n: u64| -> (u64, u64) {
        let lane = &good(n).records[0].lane;
        let of: Vec<&Record> = records.iter().filter(|it| it.lane == *lane).collect();
        (
            of.iter().map(|it| it.seq).min().unwrap_or(0),
            of.iter().map(|it| it.seq).max().unwrap_or(0),
        )
    };
    assert!(
        last(1).1 < last(2).0 && last(1).0 > 0,
        "9 comes before 10: {:?} {:?}",
        last(1),
        last(2)
    );
    assert_eq!(agent.readiness()["outbox"]["dead_letters"], Value::from(0));
}

#[test]
fn a_second_agent_stays_out_until_the_first_is_gone() {
    let home = Spot::new();
    let mut first = Agent::start(home.setup("ready = \"rename\"\npoll_ms = 100"));
    first.await_readiness("serving", |it| it["folders"]["drop"]["state"] == "open");
    let second = Agent::start(home.setup("ready = \"rename\"\npoll_ms = 100"));
    second.await_readiness("kept out", |it| it["folders"]["drop"]["code"] == "I192");
    for n in 1..=20 {
        home.move_in(&format!("{n}.xml"), &good(n).bytes);
    }
    home.await_count("archive", 20, &first);
    assert_eq!(second.readiness()["outbox"]["next_seq"], Value::from(1), "the second took some");
    first.kill();
    second.await_readiness("serving", |it| it["folders"]["drop"]["state"] == "open");
    home.move_in("21.xml", &good(21).bytes);
    home.await_count("archive", 21, &second);
}

#[test]
fn a_folder_that_is_missing_is_told_and_served_once_it_is_there() {
    let home = Spot::new();
    let dir = home.path("");
    fs::remove_dir(&dir).expect("it is empty");
    let agent = Agent::start(
        home.setup("ready = \"mark\"\nmark = \".done\"\nanswers = \"body\"\npoll_ms = 100"),
    );
    agent.await_readiness("stopped", |it| it["folders"]["drop"]["code"] == "I191");
    fs::create_dir(&dir).expect("it was there before");
    agent.await_readiness("open", |it| it["folders"]["drop"]["state"] == "open");

    // A name in GBK, whole once its mark is there; a link is left and told.
    let name = dir.join(OsStr::from_bytes(b"\xB4\xA6\xB7\xBD.xml"));
    fs::write(&name, &good(1).bytes).expect("a folder of ours");
    std::os::unix::fs::symlink(&name, dir.join("link.xml")).expect("a folder of ours");
    agent.await_readiness("seen", |it| it["folders"]["drop"]["foreign"] == 1);
    thread::sleep(Duration::from_millis(500));
    assert!(name.exists(), "taken without its mark");
    fs::write(dir.join(OsStr::from_bytes(b"\xB4\xA6\xB7\xBD.xml.done")), "").expect("ours");
    home.await_count("archive", 1, &agent);
    let answer = dir.join("answers").join(OsStr::from_bytes(b"\xB4\xA6\xB7\xBD.xml.ok"));
    let answer = fs::read_to_string(answer).expect("an answer");
    assert!(answer.contains("message_id"), "{answer}");
    assert!(
        fs::read_dir(&dir)
            .expect("ours")
            .flatten()
            .all(|it| { !it.file_name().as_bytes().ends_with(b".done") })
    );
    assert!(dir.join("link.xml").symlink_metadata().is_ok(), "the link stays");
}

#[test]
fn a_refused_file_says_why_and_what_to_do() {
    let home = Spot::new();
    let mut agent = Agent::start(home.setup("ready = \"rename\"\npoll_ms = 100"));
    home.move_in("刘某.xml", &bad(1));
    home.await_count("failed", 2, &agent);
    let text = fs::read_to_string(home.path("failed/刘某.xml.err")).expect("a text");
    for word in ["没有收下", "报文标识", "怎么办"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(fs::read(home.path("failed/刘某.xml")).expect("the file"), bad(1));
    assert_eq!(fs::read_to_string(home.path("answers/刘某.xml.err")).expect("an answer"), text);
    assert!(!agent.log().contains("刘某"), "a name of a file may be that of a patient");
    // Put right and dropped again.
    home.move_in("刘某.xml", &good(1).bytes);
    home.await_count("archive", 1, &agent);
    assert!(
        !home.path("answers/刘某.xml.err").exists() && home.path("answers/刘某.xml.ok").exists()
    );
    assert_eq!(agent.stop().code, Some(0), "{}", agent.log());
}

/// A drop folder, and one beside it in which files are written.
struct Spot(TempDir);

impl Spot {
    fn new() -> Spot {
        let home = TempDir::with_prefix("drop-").expect("the temp folder takes a folder");
        for name in ["in", "elsewhere"] {
            fs::create_dir(home.path().join(name)).expect("a new folder");
        }
        Spot(home)
    }

    fn setup(&self, lines: &str) -> Setup {
        let dir = self.path("");
        let channels = format!(
            "[[channel]]\nname = \"drop\"\nmappings = [\"{VENDOR}/\"]\n[channel.folder]\ndir = \"{}\"\n{lines}\n",
            dir.display()
        );
        Setup { channels, ..Setup::files() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("in").join(name)
    }

    fn move_in(&self, name: &str, bytes: &[u8]) {
        let written = self.0.path().join("elsewhere").join(name);
        fs::write(&written, bytes).expect("a folder of ours");
        fs::rename(written, self.path(name)).expect("both are ours");
    }

    /// How many files lie in a folder and below.
    fn count(&self, name: &str) -> usize {
        count(&self.path(name))
    }

    /// A folder and those in it.
    fn below(&self, name: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(name)).into_iter().flatten().flatten();
        let inner = entries.map(|it| it.path()).filter(|it| it.is_dir());
        std::iter::once(self.path(name)).chain(inner).collect()
    }

    fn find(&self, folder: &str, name: &str) -> PathBuf {
        let all = self.below(folder).into_iter().map(|it| it.join(name));
        all.into_iter().find(|it| it.is_file()).unwrap_or_default()
    }

    #[track_caller]
    fn await_count(&self, name: &str, expected: usize, agent: &Agent) {
        let met = wait_until(Duration::from_secs(60), || self.count(name) >= expected);
        assert!(met, "{name} has {}, not {expected}:\n{}", self.count(name), agent.log());
    }
}

fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|it| if it.path().is_dir() { count(&it.path()) } else { 1 }).sum()
}

fn good(n: u64) -> Message {
    Case::of(VENDOR).numbered(n)
}

/// A file whose root has no end.
fn bad(n: u64) -> Vec<u8> {
    let mut bytes = good(n).bytes;
    bytes.truncate(bytes.len() / 2);
    bytes
}

fn files(n: u64) -> usize {
    usize::try_from(n).expect("small")
}

const VENDOR: &str = "platform";
const FILES: u64 = 500;
