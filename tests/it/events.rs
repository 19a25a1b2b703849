//! Screens hear every finding once, over kills of the agent: who comes back goes on behind the last
//! place that it heard.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::chance::{Chance, is_long};
use tests::his;
use tests::process::wait_until;
use tests::screen::{Heard, Screen};

#[test]
fn a_screen_hears_every_finding_once_over_kills() {
    let kills = if is_long() { 60 } else { 8 };
    let mut agent = Agent::start(Setup::files());
    let his = agent.his();
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut screen, mut heard) = (Screen::new(his, "kinds=finding&after=0"), Vec::new());
    screen.connect().expect("the agent listens");
    let mut chance = Chance::seeded("events");
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    ask(his, asked.fetch_add(1, Ordering::SeqCst));
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
        for _ in 0..kills {
            let come = heard.len() + 10;
            while heard.len() < come {
                heard.extend(screen.listen(Duration::from_millis(200)));
            }
            heard.extend(screen.listen(chance.pause(Duration::from_millis(300))));
            agent.kill();
            // What had left the agent before its end was heard.
            heard.extend(screen.listen(Duration::from_millis(150)));
            agent.start_again();
            screen.connect().expect("the agent listens again");
        }
        stop.store(true, Ordering::SeqCst);
    });
    heard.extend(screen.listen_until_quiet());
    println!("{kills} kills, {} checks asked, {} events heard", asked.into_inner(), heard.len());
    assert!(heard.iter().all(|it| it.kind == "finding"), "{:?}", heard.first());

    // One that was never away hears the same in one piece.
    let mut other = Screen::new(his, "kinds=finding&after=0");
    other.connect().expect("the agent listens");
    let all = other.listen_until_quiet();
    let differs =
        places(&heard).into_iter().zip(places(&all)).find(|(ours, theirs)| ours != theirs);
    let same = differs.is_none() && heard.len() == all.len();
    assert!(
        same,
        "lost, doubled or out of order: {differs:?} of {} and {}",
        heard.len(),
        all.len()
    );
    // And what was found is what the log of checks has, each once.
    let opened: Vec<&str> = heard.iter().filter_map(opened).collect();
    let once: BTreeSet<&str> = opened.iter().copied().collect();
    assert_eq!(opened.len(), once.len(), "a finding was told twice");
    // The log tells a thousand checks at one time.
    let logged = logged(&agent);
    assert!(logged.iter().all(|it| once.contains(it.as_str())), "the log has others");
    let latest = opened.iter().rev().take(500);
    assert!(latest.clone().all(|it| logged.contains(*it)), "the log has not what was heard");
}

/// A screen that is switched off says nothing: the kernel looks out for it, as its table of connections
/// tells (`02` is the timer that asks whether somebody is there).
#[test]
fn the_kernel_looks_out_for_a_screen() {
    let agent = Agent::start(Setup::files());
    let mut screen = Screen::new(agent.his(), "");
    screen.connect().expect("the agent listens");
    screen.listen(Duration::from_millis(500));
    let here = format!("0100007F:{:04X}", agent.his().port());
    // Until the head of the answer is acknowledged the timer is another one.
    let is_seen = || matches!(timers(&here).as_slice(), [one] if one.starts_with("02:"));
    assert!(wait_until(Duration::from_secs(20), is_seen), "{:?}", timers(&here));
}

/// The timers of the connections that stand to an address.
fn timers(here: &str) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("this is Linux");
    let ours = table.lines().map(|it| it.split_whitespace().collect::<Vec<_>>());
    ours.filter(|it| it.len() > 5 && it[1] == here && it[3] == ESTABLISHED)
        .map(|it| it[5].to_owned())
        .collect()
}

const ESTABLISHED: &str = "01";

fn opened(it: &Heard) -> Option<&str> {
    (it.data["what"] == "opened").then(|| it.data["id"].as_str())?
}

fn places(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|it| it.place.as_str()).collect()
}

/// The findings of the latest checks that the log has.
fn logged(agent: &Agent) -> BTreeSet<String> {
    let ran = agent.ask(&["checks", "list", "--limit", "1000", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let checks = told["checks"].as_array().expect("checks").iter();
    let findings = checks.flat_map(|it| it["findings"].as_array().into_iter().flatten());
    let spoken = findings.filter(|it| it["action"] != "silent");
    spoken.filter_map(|it| it["id"].as_str().map(str::to_owned)).collect()
}

/// A drug for men, for a woman; a caller who gets no answer asks no more about it.
fn ask(his: std::net::SocketAddr, n: u64) {
    let request = json!({
        "scene": "outpatient",
        "patient": { "patn_id": format!("P{n}"), "gend": "2", "brdy": "19751103" },
        "encounter": { "mdtrt_id": format!("MZ{n}"), "med_mdtrt_type": "1", "emer_flag": "0" },
        "diagnoses": [{ "dise_codg": "L64.900", "dise_name": "雄激素性秃发", "maindise_flag": "1" }],
        "orders": [{
            "rx_id": "1", "rxno": "CF1", "hosplist_code": "YP000502", "drug_used_sdose": "1",
            "drug_used_dosunt": "粒", "drug_used_frqu": "QD", "medc_days": "7", "cnt": "1",
            "cnt_unt": "盒", "sumamt": "58.80",
        }],
        "prescriber": { "drord_dr_codg": "2046", "drord_dr_profttl": "232" },
        "allergies": [],
    });
    drop(his::post_json(his, "/v1/checks", &[], &request.to_string()));
}
