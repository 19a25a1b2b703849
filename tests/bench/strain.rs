//! How long a doctor waits while everything else goes wrong: the disk is saturated, the broker is away,
//! and eight times as many records arrive as on a usual day.
//!
//! A large hospital sends three million records a day, 35 a second on average. The disk is kept busy by
//! processes that write and sync as fast as it lets them; how long a sync of 4 KB takes meanwhile tells
//! how busy it is, and how long an echo takes, which needs no disk, how busy the processors are.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::alternate::{Spread, alternate, compare};
use crate::daemon::{Daemon, Sink, free_ports};
use crate::echo::Echo;
use crate::load::{Callers, Seen};
use crate::process::Process;
use crate::samples::{self, ACCEPTED, RECORDS_A_PRESCRIPTION};
use crate::site::Site;
use crate::table::{Row, Target};
use crate::{many, national};

/// Makes the benchmark a writer that saturates a disk; the file follows.
pub(crate) const ARGUMENT: &str = "--saturate";

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let folder = site.new_folder();
    many::write(&many::files(many::MANY), &folder.join("rules"));
    let [nobody] = free_ports();
    let url = format!("amqp://127.0.0.1:{nobody}/");
    let daemon = Daemon::start(&folder, Sink::Broker { url: &url, batch: "auto" });
    daemon.remember(&national::past(), &national::check());

    let echo = Echo::start();
    let calm = check(daemon.his, national::JUDGED);
    let writers: Vec<_> = (0..WRITERS).map(|it| writer(&folder.join(it.to_string()))).collect();
    thread::sleep(Duration::from_secs(1));
    let done = AtomicBool::new(false);
    let (strained, syncs) = thread::scope(|threads| {
        let syncs = threads.spawn(|| sync_times(&folder.join("sync"), &done));
        let records = threads.spawn(|| send_records(&daemon));
        let seen = alternate(
            ROUNDS,
            [&mut || check(echo.address, b""), &mut || check(daemon.his, national::JUDGED)],
        );
        done.store(true, Ordering::Relaxed);
        records.join().expect("records are accepted all the while");
        (seen, syncs.join().expect("the disk can be written"))
    });
    drop(writers);
    let alone = |it: f64| Spread::of(vec![it]);
    let of =
        |part: f64| compare(&strained, |[echo, agent]| (echo.latency(part), agent.latency(part)));
    let (middle, last) = (of(0.5), of(0.99));
    vec![
        Row::absolute("3101 before the strain, p99, ms", alone(calm.latency(0.99)), None),
        Row::absolute("strained: a sync of 4 KB, ms", Spread::of(syncs), None),
        Row::absolute("strained: an echo, p99 at 100 a second, ms", last.limit, None),
        Row::absolute("strained: 3101, p50 at 100 a second, ms", middle.agent, None),
        Row::absolute(
            "strained: 3101, p99 at 100 a second, ms",
            last.agent,
            Some(Target::AtMost(20.0)),
        ),
    ]
}

fn check(server: SocketAddr, wanted: &[u8]) -> Seen {
    let number = AtomicU64::new(0);
    let request = national::check();
    let callers = Callers { server, request: &request, number: &number, wanted };
    callers.at_rate(CHECKS_A_SECOND, TURN)
}

/// As long as the checks take. A receipt waits for the disk; that is what it is for.
fn send_records(daemon: &Daemon) -> Seen {
    let number = AtomicU64::new(1);
    let request = samples::prescription();
    let callers =
        Callers { server: daemon.his, request: &request, number: &number, wanted: ACCEPTED };
    let messages = u64::from(RECORDS_A_SECOND * STRAIN) / RECORDS_A_PRESCRIPTION;
    let messages = u32::try_from(messages).expect("it is a small number");
    callers.at_rate(messages, TURN * TURNS)
}

/// Milliseconds of a write of 4 KB that is synced, over and over.
fn sync_times(path: &Path, done: &AtomicBool) -> Vec<f64> {
    let mut file = File::create(path).expect("the folder is ours");
    let mut times = Vec::new();
    while times.is_empty() || !done.load(Ordering::Relaxed) {
        let begun = Instant::now();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("the disk has room");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        thread::sleep(Duration::from_millis(20));
    }
    times
}

fn writer(path: &Path) -> Process {
    let own = std::env::current_exe().expect("the benchmark is a file");
    Process::spawn(Command::new(own).arg(ARGUMENT).arg(path))
}

/// Writes 64 MB over and over, synced megabyte by megabyte, until it is killed.
pub(crate) fn saturate(path: &str) -> ! {
    let block = vec![0x5a; 1 << 20];
    loop {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(path);
        let file = file.as_mut().expect("the folder is there");
        for _ in 0..64 {
            file.write_all(&block).and_then(|()| file.sync_data()).expect("the disk has room");
        }
    }
}

const WRITERS: usize = 2;
const ROUNDS: usize = 5;
/// Of both, with the one that does not count.
const TURNS: u32 = 2 * (5 + 1);
const TURN: Duration = Duration::from_secs(3);
const CHECKS_A_SECOND: u32 = 100;
/// Three million a day.
const RECORDS_A_SECOND: u32 = 35;
const STRAIN: u32 = 8;
