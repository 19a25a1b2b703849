//! Starts that cannot be: each says which address, file or key it is about, under a code that tells what to
//! do, ends with the exit code by which a service manager knows whether to try again, and leaves what is
//! there as it was.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::faults::Site;
use tests::his;
use tests::manager::Manager;

/// A name is on the disk when the folder it stands in was synced: all the way up, also above what an
/// installation has made, and before anybody can be given a receipt.
#[test]
fn every_folder_above_the_store_is_on_the_disk_before_anything_is_taken() {
    let mut agent = Agent::prepare(Setup { mains: true, ..Setup::files() });
    let made = agent.beside("var/lib");
    fs::create_dir_all(&made).expect("our own folder");
    let store = made.join("his-agent/data/outbox");
    let text = fs::read_to_string(agent.config()).expect("our own file");
    let before = agent.beside("outbox").display().to_string();
    fs::write(agent.config(), text.replace(&before, &store.display().to_string())).expect("ours");
    let manager = Manager::new();
    agent.launch_under(&manager.variables(None));
    manager.await_line("READY=1");
    let journal = fs::read_to_string(agent.beside("power.journal")).expect("something was synced");
    for folder in store.ancestors().take(6) {
        let inode = fs::metadata(folder).expect("it was made").ino();
        let synced = journal.lines().any(|it| it.starts_with(&format!("{inode} ")));
        assert!(synced, "{} was not synced", folder.display());
    }
}

#[test]
fn an_address_that_is_taken() {
    let agent = Agent::prepare(Setup::files());
    let _taken = TcpListener::bind(agent.operators()).expect("it was free a moment ago");
    let named = format!("[listen] operators = {}", agent.operators());
    check_end(agent, 69, &["A051", &named, "Address already in use", "ss -ltnp"]);
}

#[test]
fn an_address_of_another_machine() {
    let channels = "[[channel]]\nname = \"lis\"\n[channel.mllp]\nlisten = \"192.0.2.7:2575\"\n\
                    clear_text_off_loopback = true";
    let agent = Agent::prepare(Setup { channels: channels.to_owned(), ..Setup::files() });
    let named = "channel lis: [channel.mllp] listen = 192.0.2.7:2575";
    check_end(agent, 69, &["A052", named, "ip addr"]);
}

/// Root may do anything; so it is the disk that is told to say no.
#[test]
fn a_disk_that_says_no() {
    let check = |error, code, exit, cure: &str| {
        let agent = Agent::prepare(Setup { faults: true, ..Setup::files() });
        agent.disk().arm(Site::Make, error, 1, u64::MAX);
        let folder = agent.beside("outbox").display().to_string();
        check_end(agent, exit, &[code, &folder, cure]);
    };
    check(libc::EACCES, "A054", 77, "chown");
    check(libc::EROFS, "A055", 74, "dmesg");
    check(libc::ENOSPC, "O107", 74, "腾出空间");
    check(libc::EIO, "O103", 74, "磁盘");
}

#[test]
fn a_key_that_is_another_or_gone() {
    let mut agent = Agent::start(Setup::files());
    let key = agent.beside("store.key");
    agent.stop();
    let kept = fs::read_to_string(&key).expect("the first start makes it");
    let before = look(&agent.beside("outbox"));

    fs::write(&key, format!("{}\n", "ab".repeat(32))).expect("our own file");
    check_refused(&mut agent, 78, &["O121", "fingerprint", "store.key"]);
    fs::remove_file(&key).expect("our own file");
    check_refused(&mut agent, 78, &["O122", "store.key", "备份"]);
    assert_eq!(look(&agent.beside("outbox")), before, "it was refused, and changed all the same");

    fs::write(&key, kept).expect("our own folder");
    agent.start_again();
}

#[test]
fn a_store_that_another_agent_has() {
    let mut one = Agent::start(Setup::files());
    let mut two = Agent::prepare(Setup::files());
    let text = fs::read_to_string(two.config()).expect("our own file");
    let (ours, theirs) = (two.beside("outbox"), one.beside("outbox"));
    let text = text.replace(&ours.display().to_string(), &theirs.display().to_string());
    fs::write(two.config(), text).expect("our own file");
    check_refused(&mut two, 69, &["O106", &theirs.display().to_string(), "停掉另一个"]);
    // It goes on as if nobody had come.
    let answer = his::send(one.his(), &Case::of("platform").message()).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(one.stop().code, Some(0), "{}", one.log());
}

#[test]
fn a_clock_that_is_a_day_behind_is_told_and_serves() {
    let mut agent = Agent::start(Setup { faults: true, ..Setup::files() });
    agent.stop();
    assert!(!agent.log().contains("O109"), "{}", agent.log());
    agent.disk().set_clock(-86_400);
    agent.start_again();
    assert!(agent.tells("O109"), "{}", agent.log());
    assert!(agent.log().contains("hours=23"), "{}", agent.log());
    let answer = his::send(agent.his(), &Case::of("platform").message()).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Nothing on a new machine says that it is tomorrow there; so where nobody keeps the clock, the time that everything
/// will be stamped with is told, by the first start and by the doctor; and a clock that is put right later on is
/// behind what was written.
#[test]
fn a_clock_that_is_a_day_ahead_at_the_first_start_is_told_with_its_date() {
    let alone = [("HIS_AGENT_FAULTS_CLOCK", "alone".to_owned())];
    let mut agent = Agent::prepare(Setup { faults: true, ..Setup::files() });
    agent.disk().set_clock(86_400);
    let before = tomorrow();
    agent.launch_under(&alone);
    assert!(agent.await_answers(), "{}", agent.log());
    // Midnight may have come in between.
    let told = [before, tomorrow()].map(|it| format!("now=\"{it}T"));
    assert!(agent.tells("H033"), "{}", agent.log());
    let log = agent.log();
    let line = log.lines().find(|it| it.contains("H033")).unwrap_or_default();
    assert!(told.iter().any(|it| line.contains(it)), "{told:?}: {log}");
    let doctor = agent.ask(&["doctor"]);
    assert!(doctor.stdout.contains("warn  H033"), "{doctor:?}");
    let answer = his::send(agent.his(), &Case::of("platform").message()).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    agent.stop();

    // What was written has tomorrow's date, by the clock that was wrong.
    let written = agent.beside("outbox/CURRENT");
    let touched = Command::new("touch").args(["-d", "24 hours"]).arg(written).status();
    assert!(touched.expect("touch is there").success());
    agent.disk().set_clock(0);
    agent.launch_under(&alone);
    assert!(agent.await_answers(), "{}", agent.log());
    assert!(agent.tells("O109"), "{}", agent.log());
    let log = agent.log();
    assert!(log.contains("hours=23"), "{log}");
    assert_eq!(
        log.matches("H033").count(),
        1,
        "later starts have something to compare with: {log}"
    );
}

/// A person at the terminal is told where the log goes, and why the start ends, though the log is a file.
#[test]
fn a_log_in_a_file_and_one_that_cannot_be() {
    let mut agent = Agent::prepare(Setup::files());
    let file = agent.beside("logs/agent.log");
    append(&agent, &format!("[log]\nfile = \"{}\"\nformat = \"json\"\n", file.display()));
    agent.start_again();
    assert_eq!(agent.stop().code, Some(0));
    let text = fs::read_to_string(&file).expect("the log");
    assert!(text.lines().all(|it| it.starts_with('{') && it.ends_with('}')), "{text}");
    assert!(text.contains("\"message\":\"serving\""), "{text}");
    assert_eq!(agent.log(), "", "what is in the file is not told twice");

    let taken = TcpListener::bind(agent.his()).expect("it was free a moment ago");
    check_refused(&mut agent, 69, &["[A051] [listen] his = "]);
    drop(taken);
    fs::remove_dir_all(agent.beside("logs")).expect("our own folder");
    fs::write(agent.beside("logs"), "in the way").expect("our own folder");
    check_refused(&mut agent, 69, &["[log] file = ", "agent.log"]);
}

/// The date of the clock that is a day ahead. A day has 24 hours, whatever summer time does to those of here.
fn tomorrow() -> String {
    let told = Command::new("date").env("TZ", "CST-8").args(["-d", "24 hours", "+%F"]).output();
    let told = String::from_utf8(told.expect("date is there").stdout).expect("digits");
    told.trim().to_owned()
}

#[track_caller]
fn check_end(mut agent: Agent, exit: i32, told: &[&str]) {
    check_refused(&mut agent, exit, told);
    assert!(!agent.beside("records").exists(), "it has begun to forward");
}

#[track_caller]
fn check_refused(agent: &mut Agent, exit: i32, told: &[&str]) {
    let before = agent.log().len();
    agent.launch();
    let ended = agent.await_end();
    let log = agent.log();
    let said = log.get(before..).unwrap_or_default();
    assert_eq!(ended.code, Some(exit), "{said}");
    for it in told {
        assert!(said.contains(it), "nothing of {it}: {said}");
    }
}

fn append(agent: &Agent, more: &str) {
    let text = fs::read_to_string(agent.config()).expect("our own file");
    fs::write(agent.config(), format!("{text}\n{more}")).expect("our own file");
}

/// Every file with its length and the time at which it was written.
fn look(folder: &Path) -> BTreeMap<String, (u64, SystemTime)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry"));
    let about = entries.map(|it| {
        let about = it.metadata().expect("nobody else is at work here");
        let name = it.file_name().into_string().expect("a name of ours");
        (name, (about.len(), about.modified().expect("a file has a time")))
    });
    about.collect()
}
