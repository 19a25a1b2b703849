//! A sick disk and a full one: whichever call fails, whoever holds a receipt has his record delivered,
//! once and unchanged, and nobody is given a receipt on faith.
//!
//! The N-th call that changes a file of the store fails, for N from the first call of the agent's
//! first start to the last of its second; the short form takes some of them.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::chance::is_long;
use tests::faults::Site;
use tests::his;
use tests::load::{self, Load};
use tests::obligations::Obligations;
use tests::platform::Platform;

/// After an error of the disk the agent ends with 74 at once, and its next start is the recovery. What
/// was not synced is thrown away in between, as a kernel may that has dropped the pages.
#[test]
fn no_io_error_loses_what_was_promised() {
    prove(&[Site::Write, Site::Sync, Site::Make, Site::Name], EIO, Trial::once);
}

/// A disk that is full from some call on refuses, lives on, and takes messages again by itself once
/// there is room. Only where a sync failed, or before anything was open, does the agent end.
#[test]
fn no_full_disk_loses_what_was_promised() {
    prove(&[Site::Write, Site::Make, Site::Name, Site::Sync], ENOSPC, Trial::until_healed);
}

/// The doors close before the disk is full, and open again by themselves; whatever needs no disk goes on.
#[test]
fn near_a_full_disk_doors_close_and_all_else_goes_on() {
    let agent = Agent::start(Setup { faults: true, ..Setup::files() });
    let obligations = Obligations::default();
    for case in Case::all() {
        load::send(agent.his(), &case.numbered(1), &obligations);
    }
    agent.disk().pretend_free(900 << 20);
    let said = agent.await_readiness("short of room", |it| it["room"]["accepting"] == false);
    assert_eq!(
        (&said["ready"], &said["room"]["low_water_bytes"]),
        (&json!(false), &json!(1 << 30))
    );
    for case in Case::all() {
        check_closed(&agent, &case.numbered(2));
    }
    // What would have been refused is not refused now: its bytes could not be kept.
    check_closed(&agent, &Case::of("cdss").message().spoilt("\"sex\":", "\"sex\""));
    let check = his::post_json(agent.his(), "/v1/checks", &[], CHECK).expect("an answer");
    assert_eq!((check.status, check.json()["code"].as_i64()), (200, Some(0)), "{}", check.text());
    let metrics = his::get(agent.operators(), "/metrics").expect("an answer");
    assert!(metrics.text().contains("\nhis_agent_accepting 0\n"), "{}", metrics.text());
    let told = agent.ask(&["outbox", "status"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(told.stdout.contains("接收\t否，磁盘空闲低于低水位"), "{}", told.stdout);
    assert!(told.stdout.contains("磁盘空闲\t900.0 MiB"), "{}", told.stdout);
    // What was accepted before goes on to the platform.
    agent.await_drained();

    agent.disk().pretend_free(1_500 << 20);
    thread::sleep(Duration::from_millis(1_500));
    check_closed(&agent, &Case::of("cdss").numbered(2));
    agent.disk().pretend_free(3_000 << 20);
    agent.await_readiness("taking messages in", |it| it["ready"] == true);
    for case in Case::all() {
        load::send(agent.his(), &case.numbered(2), &obligations);
    }
    agent.await_drained();
    let platform = Platform::of_folder(&agent.records());
    obligations.assert_met_by(&platform.receive(obligations.count()));
}

#[track_caller]
fn check_closed(agent: &Agent, message: &Message) {
    let answer = his::send(agent.his(), message).expect("an answer");
    let (status, wait) = (answer.status, answer.header("retry-after"));
    assert_eq!((status, wait), (503, Some("30")), "{}: {}", message.channel, answer.text());
    assert!(answer.text().contains("I114"), "{}: {}", message.channel, answer.text());
    assert!(answer.text().contains("磁盘空间不足"), "{}: {}", message.channel, answer.text());
}

/// Fifteen days of a hospital without its platform, in messages of a small one: everything comes in its
/// order when the platform is back, also what lay on the disk over restarts.
#[test]
fn an_outage_of_fifteen_days_drains_in_order() {
    let setup = Setup { forward: "# the platform is away".to_owned(), ..Setup::files() };
    let mut agent = Agent::prepare(setup);
    // A file where the folder of records should be: nothing can be delivered.
    std::fs::write(agent.records(), b"in the way").expect("our own folder");
    agent.start_again();
    let obligations = Arc::new(Obligations::default());
    let a_day = if is_long() { 2_000 } else { 60 };
    for day in 1..=15 {
        let load = Load::from(agent.his(), 4, day * 1_000_000, &obligations);
        while load.tally().accepted < a_day {
            thread::sleep(Duration::from_millis(10));
        }
        load.stop();
        match day % 5 {
            0 => agent.kill(),
            3 => assert_eq!(agent.stop().code, Some(0), "{}", agent.log()),
            _ => continue,
        }
        agent.start_again();
    }
    let waiting = agent.readiness()["outbox"]["waiting"].as_u64();
    assert_eq!(waiting, Some(obligations.count() as u64), "something was delivered to nobody");
    println!("{} records wait after fifteen days", obligations.count());
    std::fs::remove_file(agent.records()).expect("our own file");
    agent.await_drained();
    let platform = Platform::of_folder(&agent.records());
    obligations.assert_met_by(&platform.receive(obligations.count()));
}

fn prove(sites: &[Site], error: i32, arm: fn(Site, i32, u64) -> Trial) {
    let mut rounds = BTreeSet::new();
    for site in sites {
        let ran = Trial::counting(*site).run(*site);
        let calls: Vec<u64> = (1..=ran.calls).collect();
        println!("{site:?}: {} calls, {} of them at work", calls.len(), ran.at_work.len());
        assert!(calls.len() > 3, "{site:?}: too few are seen: is the agent linked statically?");
        rounds.extend(some(&calls).chain(some(&ran.at_work)).map(|it| (*site as u64, it)));
    }
    let (count, begun) = (rounds.len(), Instant::now());
    let rounds = Mutex::new(rounds.into_iter());
    let [refused, falls, lived_on] = [const { AtomicU64::new(0) }; 3];
    let next = || rounds.lock().expect("no trial holds it").next();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((site, nth)) = next() {
                    let site = *sites.iter().find(|it| **it as u64 == site).expect("one of them");
                    let ran = arm(site, error, nth).run(site);
                    refused.fetch_add(u64::from(ran.refused > 0), Ordering::SeqCst);
                    falls.fetch_add(ran.falls, Ordering::SeqCst);
                    let lives = ran.refused > 0 && ran.falls == 0;
                    lived_on.fetch_add(u64::from(lives), Ordering::SeqCst);
                }
            });
        }
    });
    let [refused, falls, lived_on] = [refused, falls, lived_on].map(AtomicU64::into_inner);
    println!(
        "errno {error}: {refused} of {count} trials met it, {lived_on} lived on, {falls} ends with 74, in {:?}",
        begun.elapsed()
    );
    // A start needs a disk; an agent at work lives on whichever write of it is refused.
    assert!(error != ENOSPC || lived_on >= 3, "a full disk has ended an agent that was at work");
    // The last calls are made by whoever comes first: not every trial gets so far.
    assert!(refused * 4 >= count as u64 * 3, "only {refused} of {count} trials met their fault");
}

/// One agent, one fault, and a caller who sends until it has its receipts.
struct Trial {
    what: String,
    agent: Agent,
    obligations: Obligations,
    /// The fault stays until somebody was told of it.
    stays: bool,
    falls: u64,
}

/// How a trial went: calls of its kind, which of them were made while it was at work, those that
/// failed, and ends of the agent.
struct Ran {
    calls: u64,
    at_work: Vec<u64>,
    refused: u64,
    falls: u64,
}

impl Trial {
    fn new(what: String, site: Site) -> Trial {
        let setup = Setup { faults: true, mains: site == Site::Sync, ..Setup::files() };
        let (agent, obligations) = (Agent::prepare(setup), Obligations::default());
        Trial { what, agent, obligations, stays: false, falls: 0 }
    }

    /// Nothing fails.
    fn counting(site: Site) -> Trial {
        let trial = Trial::new(format!("{site:?} counted"), site);
        trial.agent.disk().count(site);
        trial
    }

    /// One call fails.
    fn once(site: Site, error: i32, nth: u64) -> Trial {
        let trial = Trial::new(format!("{site:?} {nth}, errno {error}"), site);
        trial.agent.disk().arm(site, error, nth, 1);
        trial
    }

    /// All calls fail from one on.
    fn until_healed(site: Site, error: i32, nth: u64) -> Trial {
        let trial = Trial::new(format!("{site:?} {nth} and on, errno {error}"), site);
        trial.agent.disk().arm(site, error, nth, u64::MAX);
        Trial { stays: true, ..trial }
    }

    fn run(mut self, site: Site) -> Ran {
        let mut at_work = Vec::new();
        let mut begun = self.started();
        for n in 1..=MESSAGES {
            if n == MESSAGES / 2 {
                at_work.extend(begun..=self.agent.disk().calls());
                self.agent.kill();
                begun = self.started();
            }
            self.deliver(&Case::of("platform").numbered(n), site);
        }
        let (calls, refused) = (self.agent.disk().calls(), self.agent.disk().failed());
        at_work.extend(begun..=calls);
        self.agent.disk().heal();
        self.drain();
        let platform = Platform::of_folder(&self.agent.records());
        self.obligations.assert_met_by(&platform.receive(self.obligations.count()));
        Ran { calls, at_work, refused, falls: self.falls }
    }

    /// A start that the disk refuses ends with 74, and is made again.
    fn start(&mut self) {
        self.agent.launch();
        while !self.agent.await_answers() {
            self.fall();
            self.agent.launch();
        }
    }

    /// The number of the first call behind the start.
    fn started(&mut self) -> u64 {
        self.start();
        // The watcher has looked once, and holds its reserve.
        thread::sleep(Duration::from_millis(200));
        self.agent.disk().calls() + 1
    }

    fn fall(&mut self) {
        let (what, ended) = (&self.what, self.agent.await_end());
        assert_eq!(ended.code, Some(74), "{what}: {}", self.agent.log());
        self.falls += 1;
        assert!(self.falls <= 2, "{what}: it falls again and again: {}", self.agent.log());
        if self.stays {
            self.agent.disk().heal();
        }
    }

    /// Sends until there is a receipt.
    fn deliver(&mut self, message: &Message, site: Site) {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "{}: {}", self.what, self.agent.log());
            match his::send(self.agent.his(), message) {
                Ok(answer) if answer.status == 200 => {
                    self.obligations.note(message, &answer.said().receipt);
                    return;
                }
                Ok(answer) if answer.status == 503 => self.told_of_no_room(&answer, site),
                Ok(answer) => assert_eq!(answer.status, 500, "{}: {}", self.what, answer.text()),
                Err(_) => {}
            }
            if self.agent.has_fallen() {
                self.fall();
                if site == Site::Sync && self.obligations.count() > 0 {
                    self.agent.cut_power();
                }
                self.start();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The agent says so, lives on, and has nothing else to say until there is room.
    fn told_of_no_room(&self, answer: &his::Answer, site: Site) {
        if !self.stays || self.agent.disk().is_healed() {
            return;
        }
        assert_eq!(answer.header("retry-after"), Some("30"), "{}: {}", self.what, answer.text());
        assert!(answer.text().contains("I114"), "{}: {}", self.what, answer.text());
        if site != Site::Sync {
            let said = self.agent.readiness();
            assert_eq!(said["room"]["accepting"], false, "{}: {said}", self.what);
            assert!(!self.agent.has_fallen(), "{}: {}", self.what, self.agent.log());
        }
        self.agent.disk().heal();
    }

    fn drain(&mut self) {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "{}: {}", self.what, self.agent.log());
            if self.agent.has_fallen() {
                self.fall();
                self.start();
            }
            let said = his::get(self.agent.operators(), "/readyz");
            if said.is_ok_and(|it| it.json()["outbox"]["waiting"] == 0) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Some calls, from the first on; in the long form all.
fn some(calls: &[u64]) -> impl Iterator<Item = u64> {
    let step = if is_long() { 1 } else { calls.len().div_ceil(SHORT).max(1) };
    calls.iter().copied().step_by(step)
}

/// A check that finds nothing.
const CHECK: &str = r#"{"patient":{"patn_id":"P1"},"orders":[]}"#;
const EIO: i32 = libc::EIO;
const ENOSPC: i32 = libc::ENOSPC;
/// Half of them before a kill and half behind it.
const MESSAGES: u64 = 8;
/// Calls of a kind that fail in the short form: so many of all, and so many of those at work.
const SHORT: usize = 4;
/// Most of a trial is waiting.
const AT_ONCE: usize = 4;
/// The engine looks every five seconds whether there is room.
const PATIENCE: Duration = Duration::from_secs(60);
