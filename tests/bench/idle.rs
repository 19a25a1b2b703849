//! What the agent takes while it does nothing: seconds to start, memory to be there.

use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::Duration;

use crate::alternate::Spread;
use crate::daemon::{Daemon, Sink};
use crate::load::Callers;
use crate::samples::{ACCEPTED, prescription};
use crate::site::Site;
use crate::table::{Row, Target};

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let starts: Vec<_> = (0..STARTS).map(|_| start(site)).collect();
    let start_time = Spread::of(starts.iter().map(|it| it.0.as_secs_f64() * 1e3).collect());
    let resident = Spread::of(starts.iter().map(|it| it.1).collect());
    let after_load = Spread::of(vec![resident_after_load(site)]);
    vec![
        Row::absolute("start to the first answer, ms", start_time, Some(Target::AtMost(300.0))),
        Row::absolute("resident after the start, MB", resident, Some(Target::AtMost(40.0))),
        Row::absolute("resident after 3 s of full load, MB", after_load, None),
    ]
}

fn start(site: &Site) -> (Duration, f64) {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    thread::sleep(SETTLE);
    (daemon.start_time, daemon.resident_megabytes())
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
const LOAD: Duration = Duration::from_secs(3);
