//! Mappings are edited while messages come: each record is made by one whole set, the old or the
//! new; what cannot be used never comes into force; what refuses too much goes back by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::command::Ran;
use tests::his;
use tests::load::{self, Load, Patience};
use tests::obligations::Obligations;
use tests::platform::{Delivered, Platform, Record};
use tests::process::wait_until;

#[test]
fn an_edit_under_load_loses_nothing_and_mixes_nothing() {
    let agent = agent("");
    let old = digest(&agent);
    let (load, obligations) = load(&agent);
    await_receipts(&load, 20);
    // Two files of one vendor: they belong together.
    edit(&agent, MAPPING, "version = \"1\"", "version = \"2\"");
    edit(&agent, "pinyin/codes/sex.csv", "未知,0", "未知,9");
    await_set(&agent, |it| it != old);
    let new = digest(&agent);
    await_receipts(&load, load.tally().accepted + 40);
    load.stop();
    agent.await_drained();
    let delivered = Platform::of_folder(&agent.records()).receive(obligations.count());
    obligations.assert_met_by(&delivered);
    check_sets(&delivered, &[&old, &new]);
    for record in delivered.records.iter().filter(|it| it.channel == "pinyin") {
        let version = if record.set == old { "@1" } else { "@2" };
        assert!(record.mapping.ends_with(version), "{} by set {}", record.mapping, record.set);
    }
}

#[test]
fn an_edit_that_is_wrong_or_half_written_never_comes_into_force() {
    let agent = agent("");
    let old = digest(&agent);
    let (load, obligations) = load(&agent);
    await_receipts(&load, 10);

    let path = agent.mappings().join(MAPPING);
    let good = fs::read_to_string(&path).expect("our own copy");
    fs::write(
        &path,
        good.replace("'XINGBIE | trim | code(\"sex\")'", "'XINGBIE | trim | cod(\"sex\")'"),
    )
    .expect("our own copy");
    let told = await_status(&agent, 78).stdout;
    assert!(told.contains(&format!("{old}，")), "{told}");
    let line = 1 + good.lines().position(|it| it.starts_with("gend =")).expect("the line");
    assert!(told.contains(&format!("{MAPPING}:{line}:")), "{told}");
    assert!(agent.tells("the set was not taken"), "{}", agent.log());

    let new = good.replace("version = \"1\"", "version = \"3\"");
    let (first, _) = new.split_at(new.len() / 2);
    fs::write(&path, first).expect("our own copy");
    thread::sleep(Duration::from_millis(3500)); // long enough to be tried, twice
    assert_eq!(digest(&agent), old);
    fs::write(&path, &new).expect("our own copy");
    await_set(&agent, |it| it != old);
    let new = digest(&agent);
    assert_eq!(await_status(&agent, 0).code, Some(0));
    await_receipts(&load, load.tally().accepted + 20);
    load.stop();
    agent.await_drained();
    let delivered = Platform::of_folder(&agent.records()).receive(obligations.count());
    obligations.assert_met_by(&delivered);
    check_sets(&delivered, &[&old, &new]);
}

#[test]
fn a_set_that_refuses_too_much_goes_back_by_itself_and_stays_out() {
    let mut agent = agent("fallback_messages = 10\nfallback_refused_percent = 20");
    let old = digest(&agent);
    let obligations = Obligations::default();
    let case = Case::of("pinyin");
    load::send(agent.his(), &case.numbered(1), &obligations);
    let frequencies = agent.mappings().join("pinyin/codes/frequency.csv");
    let good = fs::read_to_string(&frequencies).expect("our own copy");
    fs::write(&frequencies, good.replace("每日一次", "每日壹次")).expect("our own copy");
    await_set(&agent, |it| it != old);
    let new = digest(&agent);

    // What the old set refuses as well is not held against the new one.
    for n in 10..14 {
        refused(
            &agent,
            &case
                .numbered(n)
                .spoilt("<CHUFANGH>", "<CHUFANGHAO>")
                .spoilt("</CHUFANGH>", "</CHUFANGHAO>"),
        );
    }
    // Two of ten may be refused by the new set alone, a third may not.
    for n in 20..22 {
        refused(&agent, &case.numbered(n));
    }
    thread::sleep(Duration::from_millis(500));
    assert_eq!(digest(&agent), new);
    refused(&agent, &case.numbered(22));
    await_set(&agent, |it| it == old);
    for n in 20..23 {
        load::send(agent.his(), &case.numbered(n), &obligations);
    }
    let told = await_status(&agent, 78).stdout;
    assert!(told.contains(&format!("set {new}:1:1: error[A013]")), "{told}");
    assert_eq!(agent.readiness()["outbox"]["dead_letters"], 7);

    // Neither a reload nor a crash brings it back; changed files do.
    let ran = agent.ask(&["sets", "reload"]);
    assert_eq!(ran.code, Some(78), "{}{}\n{}", ran.stdout, ran.stderr, agent.log());
    agent.kill();
    agent.start_again();
    assert_eq!(digest(&agent), old);
    let told = await_status(&agent, 78).stdout;
    assert!(told.contains("A013"), "{told}");
    load::send(agent.his(), &case.numbered(30), &obligations);
    fs::write(&frequencies, format!("{good}每日壹次,QD\n")).expect("our own copy");
    await_set(&agent, |it| it != old && it != new);
    load::send(agent.his(), &case.numbered(31), &obligations);
    agent.await_drained();
    obligations.assert_met_by(&Platform::of_folder(&agent.records()).receive(obligations.count()));
    // Somebody may insist.
    fs::write(&frequencies, good.replace("每日一次", "每日壹次")).expect("our own copy");
    thread::sleep(Duration::from_secs(1));
    let ran = agent.ask(&["sets", "reload", "--again"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(digest(&agent), new);
}

#[test]
fn files_that_broke_while_it_was_down_do_not_keep_it_down() {
    let mut agent = agent("");
    let old = digest(&agent);
    assert_eq!(agent.stop().code, Some(0), "{}", agent.log());
    let path = agent.mappings().join(MAPPING);
    let good = fs::read_to_string(&path).expect("our own copy");
    fs::write(&path, "[mapping").expect("our own copy");
    agent.start_again();
    assert_eq!(digest(&agent), old);
    let told = await_status(&agent, 78).stdout;
    assert!(told.contains(&format!("{MAPPING}:1:")), "{told}");
    let obligations = Obligations::default();
    load::send(agent.his(), &Case::of("pinyin").numbered(1), &obligations);
    fs::write(&path, good).expect("our own copy");
    await_status(&agent, 0);
    assert_eq!(digest(&agent), old);
}

#[test]
fn a_folder_that_is_replaced_as_a_whole_is_seen_again_and_again() {
    let agent = agent("poll_ms = 3600000"); // the kernel's notices alone
    let mut seen = BTreeSet::from([digest(&agent)]);
    for version in 2..5 {
        let next = agent.beside("mappings-next");
        tests::agent::copy(&agent.mappings(), &next);
        let path = next.join(MAPPING);
        let text = fs::read_to_string(&path).expect("our own copy");
        let old = format!("version = \"{}\"", version - 1);
        fs::write(&path, text.replace(&old, &format!("version = \"{version}\""))).expect("our own");
        fs::rename(agent.mappings(), agent.beside(&format!("mappings-{version}")))
            .expect("our own");
        fs::rename(&next, agent.mappings()).expect("our own");
        await_set(&agent, |it| !seen.contains(it));
        seen.insert(digest(&agent));
        // The folder that is there now is watched, not the one that was renamed.
        edit(&agent, "pinyin/codes/sex.csv", "local,", &format!("# {version}\nlocal,"));
        await_set(&agent, |it| !seen.contains(it));
        seen.insert(digest(&agent));
    }
}

fn agent(sets: &str) -> Agent {
    Agent::start(Setup { sets: Some(sets.to_owned()), ..Setup::files() })
}

fn load(agent: &Agent) -> (Load, Arc<Obligations>) {
    let obligations = Arc::new(Obligations::default());
    let pause = Duration::from_millis(5);
    (Load::start(agent.his(), 4, pause, Patience::UntilAnswered, &obligations), obligations)
}

#[track_caller]
fn await_receipts(load: &Load, count: u64) {
    assert!(wait_until(Duration::from_mins(1), || load.tally().accepted >= count), "no receipts");
}

/// Changes a file in one go, as a careful editor does: written beside, renamed.
fn edit(agent: &Agent, file: &str, from: &str, to: &str) {
    let path: PathBuf = agent.mappings().join(file);
    let text = fs::read_to_string(&path).expect("our own copy");
    assert!(text.contains(from), "{file} no longer has {from}");
    let new = path.with_extension("new");
    fs::write(&new, text.replace(from, to)).expect("our own copy");
    fs::rename(new, path).expect("our own copy");
}

/// Every record by one of these sets, every message by one alone, and both have made some.
#[track_caller]
fn check_sets(delivered: &Delivered, sets: &[&str]) {
    let mut of_message: BTreeMap<&str, &str> = BTreeMap::new();
    for Record { message_id, set, .. } in &delivered.records {
        let first = of_message.entry(message_id).or_insert(set);
        assert_eq!(*first, set, "message {message_id} is mixed");
    }
    let made: BTreeSet<&str> = of_message.into_values().collect();
    assert_eq!(made, sets.iter().copied().collect());
}

#[track_caller]
fn refused(agent: &Agent, message: &Message) {
    let answer = his::send(agent.his(), message).expect("the agent answers");
    assert_eq!(answer.status, 422, "{}", answer.text());
}

/// The twelve digits of the set in force, as a person is told.
#[track_caller]
fn digest(agent: &Agent) -> String {
    let ran = agent.ask(&["sets", "status"]);
    let digest = ran.stdout.split(": ").nth(1).and_then(|it| it.get(..12));
    digest.unwrap_or_else(|| panic!("{}{}", ran.stdout, ran.stderr)).to_owned()
}

#[track_caller]
fn await_set(agent: &Agent, met: impl Fn(&str) -> bool) {
    let ok = wait_until(Duration::from_secs(30), || met(&digest(agent)));
    assert!(ok, "another set should be in force:\n{}", agent.ask(&["sets", "status"]).stdout);
}

#[track_caller]
fn await_status(agent: &Agent, code: i32) -> Ran {
    let ok =
        wait_until(Duration::from_secs(30), || agent.ask(&["sets", "status"]).code == Some(code));
    let ran = agent.ask(&["sets", "status"]);
    assert!(ok, "not {code}: {}{}", ran.stdout, ran.stderr);
    ran
}

const MAPPING: &str = "pinyin/outpatient-prescription.toml";
