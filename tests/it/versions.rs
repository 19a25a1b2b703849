//! The life of a configuration: every change is a version; a new one is put in force while messages come
//! and is taken back by itself when the agent is worse with it; an earlier one comes back.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

mod kills;

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::command::Ran;
use tests::his;
use tests::load::{Load, Patience};
use tests::obligations::Obligations;
use tests::platform::Platform;
use tests::process::wait_until;

#[test]
fn a_configuration_is_put_in_force_under_load_and_nothing_is_lost() {
    let agent = started(on_trial_for(10));
    let (pid, obligations) = (agent.pid(), Arc::new(Obligations::default()));
    let load = Load::start(agent.his(), 2, PAUSE, Patience::UntilAnswered, &obligations);
    let file = fs::read_to_string(agent.config()).expect("the configuration");
    let new = agent.beside("new.toml");
    fs::write(&new, file.clone() + "[log]\nlevel = \"debug\"\n").expect("our folder");

    let ran = apply(&agent, &new, "找一份报文");
    assert_eq!(ran.code, Some(0), "{ran:?}\n{}", agent.log());
    for told in ["log.level: （没有） -> \"debug\"", "版本 3 已生效"] {
        assert!(ran.stdout.contains(told), "{ran:?}");
    }
    assert_eq!(agent.pid(), pid);
    assert!(agent.tells("has passed its trial"), "{}", agent.log());
    assert!(fs::read_to_string(agent.config()).expect("the file").ends_with("\"debug\"\n"));
    assert_eq!(history(&agent, "config"), ["3 王 找一份报文 in_force", "1 file 文件改动 past"]);
    let shown = agent.ask(&["config", "show", "3"]).stdout;
    assert!(shown.contains("找一份报文") && shown.contains("level = \"debug\""), "{shown}");
    let diff = agent.ask(&["config", "diff", "1", "3"]).stdout;
    assert!(diff.contains("+ level = \"debug\""), "{diff}");

    let back = agent.ask(&["config", "rollback", "1", "--author", "王", "--reason", "找到了"]);
    assert_eq!(back.code, Some(0), "{back:?}\n{}", agent.log());
    assert_eq!(fs::read_to_string(agent.config()).expect("the file"), file);
    let tally = load.stop();
    assert!(tally.accepted > 20, "{tally:?}");
    agent.await_drained();
    obligations.assert_met_by(&Platform::of_folder(&agent.records()).receive(obligations.count()));
}

#[test]
fn what_makes_the_agent_worse_is_taken_back_by_itself() {
    let agent = started(setup());
    let file = fs::read_to_string(agent.config()).expect("the configuration");
    let records = format!("dir = \"{}\"", agent.records().display());
    let new = agent.beside("new.toml");
    for (name, text, why) in [
        // Nothing can leave: a folder below a file.
        ("forwarding", file.replace(&records, "dir = \"/dev/null/records\""), "现在不能"),
        // It does not even start.
        ("starting", file.clone() + "[control]\nsocket = \"/no/such/folder/sock\"\n", "启动失败"),
    ] {
        fs::write(&new, text).expect("our folder");
        let ran = apply(&agent, &new, "试试");
        assert_eq!(ran.code, Some(78), "{name}: {ran:?}\n{}", agent.log());
        let reason = ran.stderr.lines().find(|it| it.starts_with("A034")).unwrap_or_default();
        assert!(reason.contains("自动换回") && reason.contains(why), "{name}: {ran:?}");
        assert_eq!(fs::read_to_string(agent.config()).expect("the file"), file, "{name}");
        // The start with what was before comes a moment after the word of it.
        let forwards = || {
            his::get(agent.operators(), "/readyz")
                .is_ok_and(|it| it.json()["forward"]["connected"] == true)
        };
        assert!(wait_until(Duration::from_secs(60), forwards), "{name}:\n{}", agent.log());
    }
}

#[test]
fn what_is_wrong_or_cannot_be_is_refused_and_nothing_changes() {
    let agent = started(setup());
    let file = fs::read_to_string(agent.config()).expect("the configuration");
    let before = history(&agent, "config");
    let new = agent.beside("new.toml");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|it| (it, taken)).expect("an address");
    let elsewhere = agent.beside("elsewhere");
    let outbox = agent.beside("outbox").display().to_string();
    for (text, code) in [
        (format!("{file}[log]\nlevle = \"debug\"\n"), "A003"),
        (file.replace("[\"platform/\"]", "[\"no-such/\"]"), "A011"),
        (file.replace(&outbox, &elsewhere.display().to_string()), "不会跟着搬"),
        (file.replace(&agent.his().to_string(), &taken.0.to_string()), "用不了"),
    ] {
        fs::write(&new, text).expect("our folder");
        let ran = apply(&agent, &new, "试试");
        assert_eq!(ran.code, Some(78), "{code}: {ran:?}");
        assert!(ran.stderr.contains(code), "{code}: {ran:?}");
    }
    fs::write(&new, &file).expect("our folder");
    let same = apply(&agent, &new, "试试");
    assert!(same.code == Some(0) && same.stdout.contains("没有变化"), "{same:?}");
    assert_eq!(history(&agent, "config"), before);
    assert_eq!(agent.ask(&["config", "show", "99"]).code, Some(64));
}

#[test]
fn an_edit_is_a_version_at_the_next_start_and_sets_are_brought_back() {
    let mut setup = setup();
    setup.sets = Some("poll_ms = 500".to_owned());
    let mut agent = started(setup);
    let mapping = agent.mappings().join(MAPPING);
    let good = fs::read_to_string(&mapping).expect("our own copy");
    fs::write(&mapping, good.replace("version = \"1\"", "version = \"2\"")).expect("our own copy");
    agent.await_readiness("another set", |_| history(&agent, "sets").len() == 2);
    let ran = agent.ask(&["config", "diff", "3"]);
    assert!(ran.stdout.contains("+ version = \"2\""), "{ran:?}");
    let ran = agent.ask(&["config", "rollback", "2", "--author", "王", "--reason", "错了"]);
    assert_eq!(ran.code, Some(0), "{ran:?}\n{}", agent.log());
    assert_eq!(fs::read_to_string(&mapping).expect("our own copy"), good);
    assert_eq!(history(&agent, "sets").first().map(String::as_str), Some("4 王 错了 in_force"));

    assert_eq!(agent.stop().code, Some(0));
    let file = fs::read_to_string(agent.config()).expect("the configuration");
    let secret = "[[caller]]\nname = \"a\"\ntoken_sha256 = \"SECRET\"\n".replace("SECRET", SHA);
    fs::write(agent.config(), file + &secret).expect("the file");
    agent.start_again();
    assert_eq!(
        history(&agent, "config").first().map(String::as_str),
        Some("5 file 文件改动 in_force")
    );
    agent.stop();
    // The book is read as it lies, and tells no secret.
    let ran = agent.ask(&["config", "diff", "5"]);
    assert!(ran.stdout.contains("+ token_sha256 = \"[REDACTED]\""), "{ran:?}");
    assert!(!ran.stdout.contains(SHA));
    let ran = agent.ask(&["config", "apply", "--reason", "x"]);
    assert_eq!(ran.code, Some(69), "{ran:?}");
}

/// A running agent whose first set has been noted, which it does in its own time.
fn started(setup: Setup) -> Agent {
    let agent = Agent::start(setup);
    agent.await_readiness("noting its set", |_| history(&agent, "sets").len() == 1);
    agent.await_readiness("forwarding", |it| it["forward"]["connected"] == true);
    agent
}

fn setup() -> Setup {
    on_trial_for(3)
}

/// With room for a machine that is busy: what is well must not look worse.
fn on_trial_for(seconds: u32) -> Setup {
    Setup { channels: format!("[versions]\nhealth_ms = {seconds}000\n"), ..Setup::files() }
}

fn apply(agent: &Agent, file: &std::path::Path, reason: &str) -> Ran {
    let file = file.to_str().expect("a plain name");
    agent.ask(&["config", "apply", file, "--author", "王", "--reason", reason])
}

/// `NO AUTHOR REASON STANDING`, the latest first.
fn history(agent: &Agent, kind: &str) -> Vec<String> {
    let ran = agent.ask(&["config", "history", "--kind", kind, "--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    let line = |it: &Value| {
        let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {} {}", it["no"], text("author"), text("reason"), text("standing"))
    };
    told["versions"].as_array().expect("a list").iter().map(line).collect()
}

const PAUSE: Duration = Duration::from_millis(50);
const SHA: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const MAPPING: &str = "pinyin/outpatient-prescription.toml";
