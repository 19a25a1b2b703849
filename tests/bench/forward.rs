//! How fast a backlog leaves once the broker is back.
//!
//! 20,000 records wait in an outbox, of which each turn gets a copy. The limit publishes as many
//! bodies, taken out of the agent's own messages, with the same client library, the same window,
//! persistent, mandatory and confirmed, into the same quorum queue; beneath it a second limit writes
//! the frames itself. Time runs from the first confirm to the last.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use agent::master_key::KeySource;

use crate::alternate::{alternate, compare};
use crate::bare_publisher::{self, Bodies};
use crate::daemon::{Account, Daemon, OUTBOX, Sink};
use crate::load::Callers;
use crate::process::process_cpu;
use crate::raw_publisher;
use crate::samples::{ACCEPTED, RECORDS_A_PRESCRIPTION, prescription};
use crate::site::Site;
use crate::table::{Row, Target};

/// What one turn showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) records: u64,
    pub(crate) elapsed: Duration,
    pub(crate) cpu: Duration,
}

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let backlog = backlog(site);
    let url = site.broker().url();
    let bodies = bodies(site, &backlog, &url);
    let agent = |batch| deliver(site, &backlog, Sink::Broker { url: &url, batch });
    let rounds = alternate(
        ROUNDS,
        [
            &mut || bare_publisher::publish(site.broker(), &bodies, RECORDS),
            &mut || raw_publisher::publish(site.broker(), &bodies, RECORDS),
            &mut || agent("off"),
            &mut || agent("auto"),
        ],
    );
    let off = compare(&rounds, |[bare, _, off, _]| (bare.a_second(), off.a_second()));
    let raw = compare(&rounds, |[_, raw, off, _]| (raw.a_second(), off.a_second()));
    let auto = compare(&rounds, |[bare, _, _, auto]| (bare.a_second(), auto.a_second()));
    let off_cpu = compare(&rounds, |[bare, _, off, _]| (bare.cpu_micros(), off.cpu_micros()));
    let auto_cpu = compare(&rounds, |[bare, _, _, auto]| (bare.cpu_micros(), auto.cpu_micros()));
    vec![
        Row::ratio("records forwarded a second, batch off", off, Some(Target::AtLeast(0.85))),
        Row::ratio(
            "records forwarded a second, batch off, limit: a raw AMQP writer",
            raw,
            Some(Target::AtLeast(0.6)),
        ),
        Row::ratio("records forwarded a second, batch auto", auto, None),
        Row::ratio("CPU of a record forwarded, batch off, µs", off_cpu, None),
        Row::ratio("CPU of a record forwarded, batch auto, µs", auto_cpu, None),
    ]
}

impl Turn {
    fn a_second(&self) -> f64 {
        count(self.records) / self.elapsed.as_secs_f64()
    }

    fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / count(self.records)
    }
}

/// An outbox full of records, made by an agent whose broker is away.
fn backlog(site: &Site) -> PathBuf {
    let folder = site.new_folder();
    let away = Sink::Broker { url: "amqp://127.0.0.1:1", batch: "off" };
    let daemon = Daemon::start(&folder, away);
    let request = prescription();
    let number = AtomicU64::new(1);
    let callers =
        Callers { server: daemon.his, request: &request, number: &number, wanted: ACCEPTED };
    callers.so_many(RECORDS / RECORDS_A_PRESCRIPTION);
    assert_eq!(daemon.account().waiting, RECORDS, "the outbox does not hold what was sent");
    daemon.stop();
    folder.join(OUTBOX)
}

/// Bodies of the agent's own messages, for the bare publisher.
fn bodies(site: &Site, backlog: &Path, url: &str) -> Bodies {
    let _daemon = start_on_copy(site, backlog, Sink::Broker { url, batch: "off" });
    let bodies = bare_publisher::take_bodies(site.broker(), BODIES);
    bare_publisher::purge(site.broker());
    bodies
}

/// Lets an agent deliver a copy of the backlog.
fn deliver(site: &Site, backlog: &Path, sink: Sink<'_>) -> Turn {
    bare_publisher::purge(site.broker());
    let daemon = start_on_copy(site, backlog, sink);
    let cpu = || process_cpu(daemon.id());
    let first = await_account(&daemon, |it| it.waiting < RECORDS);
    let (started, cpu_before) = (Instant::now(), cpu());
    await_account(&daemon, |it| it.waiting == 0);
    Turn {
        records: first.waiting,
        elapsed: started.elapsed(),
        cpu: cpu().saturating_sub(cpu_before),
    }
}

fn await_account(daemon: &Daemon, is_it: impl Fn(&Account) -> bool) -> Account {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let account = daemon.account();
        if is_it(&account) {
            return account;
        }
        assert!(Instant::now() < deadline, "after a minute {account:?}");
        thread::sleep(Duration::from_millis(4));
    }
}

fn start_on_copy(site: &Site, backlog: &Path, sink: Sink<'_>) -> Daemon {
    let folder = site.new_folder();
    let outbox = folder.join(OUTBOX);
    fs::create_dir(&outbox).expect("the folder is new");
    for entry in fs::read_dir(backlog).expect("the agent made it") {
        let entry = entry.expect("nobody changes it meanwhile");
        fs::copy(entry.path(), outbox.join(entry.file_name())).expect("an outbox has files only");
    }
    fs::copy(KeySource::beside(backlog), KeySource::beside(&outbox)).expect("the agent made it");
    Daemon::start(&folder, sink)
}

fn count(records: u64) -> f64 {
    f64::from(u32::try_from(records).expect("a turn is short"))
}

const ROUNDS: usize = 5;
/// A multiple of what one prescription becomes.
const RECORDS: u64 = 19_998;
const BODIES: usize = 60;
