//! How long a doctor waits for a check of ten lines, 500 of them a second.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::alternate::{alternate, compare};
use crate::daemon::{Daemon, Sink};
use crate::echo::Echo;
use crate::load::Callers;
use crate::samples::{JUDGED, check};
use crate::site::Site;
use crate::table::{Row, Target};

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let echo = Echo::start();
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    let request = check();
    let number = AtomicU64::new(0);
    let callers = |server, wanted| Callers { server, request: &request, number: &number, wanted };
    let to_echo = callers(echo.address, b"");
    let to_agent = callers(daemon.his, JUDGED);

    let rounds = alternate(
        ROUNDS,
        [&mut || to_echo.at_rate(A_SECOND, TURN), &mut || to_agent.at_rate(A_SECOND, TURN)],
    );
    let latency =
        |part: f64| compare(&rounds, |[limit, agent]| (limit.latency(part), agent.latency(part)));
    vec![
        Row::ratio("check, p50 at 500 a second, ms", latency(0.5), None),
        Row::ratio("check, p99 at 500 a second, ms", latency(0.99), Some(Target::AtMost(4.0))),
    ]
}

const ROUNDS: usize = 7;
const A_SECOND: u32 = 500;
const TURN: Duration = Duration::from_secs(3);
