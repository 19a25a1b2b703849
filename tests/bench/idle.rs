//! What the agent takes while it does nothing: milliseconds to start, memory and a core to be there.

use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use crate::alternate::Spread;
use crate::daemon::{Daemon, Sink};
use crate::load::Callers;
use crate::process::process_cpu;
use crate::samples::{ACCEPTED, prescription};
use crate::site::Site;
use crate::table::{Row, Target};

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let start_time = Spread::of((0..STARTS).map(|_| start(site)).collect());
    let (idle, resident) = idle(site);
    let (idle, resident) = (Spread::of(vec![idle]), Spread::of(vec![resident]));
    let after_load = Spread::of(vec![resident_after_load(site)]);
    vec![
        Row::absolute("start to the first answer, ms", start_time, Some(Target::AtMost(100.0))),
        Row::absolute("resident, idle, MB", resident, Some(Target::AtMost(30.0))),
        Row::absolute("per cent of a core, idle", idle, Some(Target::AtMost(0.2))),
        Row::absolute("resident after 3 s of full load, MB", after_load, None),
    ]
}

/// Milliseconds to the first answer.
fn start(site: &Site) -> f64 {
    Daemon::start(&site.new_folder(), Sink::Files).start_time.as_secs_f64() * 1e3
}

/// Per cent of a core, and megabytes, once what follows a start is done.
fn idle(site: &Site) -> (f64, f64) {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    thread::sleep(BUSY_AT_FIRST);
    let (before, started) = (process_cpu(daemon.id()), Instant::now());
    thread::sleep(IDLE);
    let used = process_cpu(daemon.id()).saturating_sub(before);
    let per_cent = used.as_secs_f64() * 100.0 / started.elapsed().as_secs_f64();
    (per_cent, daemon.resident_megabytes())
}

fn resident_after_load(site: &Site) -> f64 {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    let request = prescription();
    let number = AtomicU64::new(1);
    let callers =
        Callers { server: daemon.his, request: &request, number: &number, wanted: ACCEPTED };
    callers.as_fast_as_answered(LOAD);
    daemon.await_forwarded();
    thread::sleep(SETTLE);
    daemon.resident_megabytes()
}

const STARTS: usize = 10;
const SETTLE: Duration = Duration::from_millis(300);
/// The account, the patrol and the like follow a start, and it gives back what only they needed.
const BUSY_AT_FIRST: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(30);
const LOAD: Duration = Duration::from_secs(3);
