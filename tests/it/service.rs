//! The daemon under a service manager: what it tells, that the road itself feeds the watchdog, and that the
//! unit is one that systemd takes and holds to be safe.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::command::binary;
use tests::faults::Site;
use tests::his;
use tests::manager::Manager;
use tests::process::{signal, wait_until};

#[test]
fn a_service_manager_hears_of_every_turn_of_the_daemon() {
    let manager = Manager::new();
    let mut agent = Agent::prepare(Setup::files());
    agent.launch_under(&manager.variables(None));
    manager.await_line("EXTEND_TIMEOUT_USEC=60000000");
    manager.await_line("STATUS=opening the store");
    manager.await_line("READY=1");
    // The doors are open by then.
    assert_eq!(his::get(agent.operators(), "/healthz").expect("an answer").status, 200);
    manager.await_line("STATUS=serving, forward=");
    signal("HUP", &agent.pid().to_string());
    manager.await_line("RELOADING=1");
    manager.await_line("READY=1");
    assert_eq!(agent.stop().code, Some(0), "{}", agent.log());
    manager.await_line("STOPPING=1");
    manager.await_line("EXTEND_TIMEOUT_USEC=40000000");
    assert!(!manager.has_heard("WATCHDOG=1"), "nobody has asked for pings");
}

/// A disk that does not answer for a while: the writer stands, and so no ping goes out; then it moves.
#[test]
fn a_stage_that_stands_still_is_not_pinged_for() {
    let manager = Manager::new();
    let mut agent = Agent::prepare(Setup { faults: true, ..Setup::files() });
    agent.launch_under(&manager.variables(Some(Duration::from_millis(900))));
    manager.await_line("READY=1");
    for _ in 0..3 {
        manager.await_line("WATCHDOG=1");
    }
    agent.disk().hold_syncs(true);
    let (his, message) = (agent.his(), Case::of("platform").message());
    let sender = thread::spawn(move || his::send(his, &message).map(|it| it.status));
    manager.await_line("STATUS=standing still: outbox");
    manager.forget();
    thread::sleep(Duration::from_secs(2));
    assert!(!manager.has_heard("WATCHDOG=1"), "pinged for a writer that stands still");
    assert!(agent.tells("A057"), "{}", agent.log());
    agent.disk().hold_syncs(false);
    manager.await_line("WATCHDOG=1");
    assert_eq!(sender.join().expect("no panic").expect("an answer"), 200);
    assert_eq!(agent.stop().code, Some(0), "{}", agent.log());
    assert!(agent.tells("the stage moves again"), "{}", agent.log());
}

/// All the room for messages is taken by one that comes to no end, for longer than the watchdog waits.
#[test]
fn doors_that_nothing_leaves_are_not_pinged_for() {
    let manager = Manager::new();
    let listen = "messages_max = 1".to_owned();
    let mut agent = Agent::prepare(Setup { listen, faults: true, ..Setup::files() });
    agent.launch_under(&manager.variables(Some(Duration::from_millis(900))));
    manager.await_line("READY=1");
    manager.await_line("WATCHDOG=1");
    agent.disk().hold_syncs(true);
    let (his, message) = (agent.his(), Case::of("platform").message());
    let sender = thread::spawn(move || his::send(his, &message).map(|it| it.status));
    manager.await_line("STATUS=standing still: doors");
    manager.forget();
    agent.disk().hold_syncs(false);
    manager.await_line("WATCHDOG=1");
    assert_eq!(sender.join().expect("no panic").expect("an answer"), 200);
    assert_eq!(agent.stop().code, Some(0), "{}", agent.log());
}

/// A disk that never answers again holds up whoever closes the store.
#[test]
fn a_stop_ends_though_the_disk_never_answers() {
    let top = "stop_deadline_ms = 500".to_owned();
    let mut agent = Agent::start(Setup { faults: true, top, ..Setup::files() });
    agent.disk().hold_syncs(true);
    let (his, message) = (agent.his(), Case::of("platform").message());
    agent.disk().count(Site::Write);
    let sender = thread::spawn(move || his::send(his, &message).is_ok());
    assert!(wait_until(Duration::from_secs(60), || agent.disk().calls() > 0), "nothing came");
    thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    let ended = agent.stop();
    assert_eq!(ended.code, Some(74), "{}", agent.log());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(agent.tells("A058"), "{}", agent.log());
    drop(sender.join());
}

#[test]
fn systemd_takes_the_unit_and_holds_it_to_be_safe() {
    let unit = fs::read_to_string(packaged("his-agent.service")).expect("the unit");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("his-agent.service");
    let text = unit.replace("/usr/bin/his-agent", &binary().display().to_string());
    assert_ne!(text, unit, "the unit starts another program");
    fs::write(&path, text).expect("a new folder takes a file");
    check_systemd(&["verify", "--man=no"], &path);
    // In tenths: 1.5.
    check_systemd(&["security", "--offline=true", "--threshold=15", "--no-pager"], &path);
    for (key, why) in [
        ("Type=notify", "it says when it is ready"),
        ("WatchdogSec=120", "a stage that stands still"),
        ("LimitCORE=0", "a core would hold patients"),
        ("RestartPreventExitStatus=64 77 78", "no start helps"),
    ] {
        assert!(unit.lines().any(|it| it == key), "{key}: {why}");
    }
}

#[track_caller]
fn check_systemd(arguments: &[&str], unit: &Path) {
    let ran = Command::new("systemd-analyze").args(arguments).arg(unit).output();
    let ran = ran.expect("systemd-analyze is there: packaging/setup/debian.sh tests");
    let said = [ran.stdout, ran.stderr].map(|it| String::from_utf8(it).expect("UTF-8")).concat();
    assert!(ran.status.success(), "{arguments:?}: {said}");
    // It ends well though it does not know a key.
    assert!(!said.contains("Unknown"), "{arguments:?}: {said}");
}

fn packaged(name: &str) -> std::path::PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "packaging", "systemd", name].iter().collect()
}
