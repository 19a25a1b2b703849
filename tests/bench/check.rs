//! How long a doctor waits for a check, at a rate that the agent cannot slow down.
//!
//! Two checks: ten lines in our own words with the shipped packs, 500 a second; and the national message
//! with twenty lines and two hundred of the past among a quarter of a million knowledge rows, 1,000 a
//! second, and as fast as it is answered. The past is what the agent remembers; once more it is in the
//! message, as some send it.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::alternate::{Comparison, alternate, compare};
use crate::client::Request;
use crate::daemon::{Daemon, Sink};
use crate::echo::Echo;
use crate::load::{Callers, Seen};
use crate::site::Site;
use crate::table::{Row, Target};
use crate::{many, national, samples};

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let mut rows = ten_lines(site);
    rows.extend(the_national_message(site));
    rows
}

fn ten_lines(site: &Site) -> Vec<Row> {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    let request = samples::check();
    let [rounds] = rounds(&daemon, &request, samples::JUDGED, [&|to| to.at_rate(500, TURN)]);
    vec![
        Row::ratio("check, p50 at 500 a second, ms", latency(&rounds, 0.5), None),
        Row::ratio(
            "check, p99 at 500 a second, ms",
            latency(&rounds, 0.99),
            Some(Target::AtMost(4.0)),
        ),
    ]
}

fn the_national_message(site: &Site) -> Vec<Row> {
    let folder = site.new_folder();
    many::write(&many::files(many::MANY), &folder.join("rules"));
    let daemon = Daemon::start(&folder, Sink::Files);
    daemon.remember(&national::past(), &national::check());
    let mut rows = national_rows(
        &daemon,
        &national::check(),
        [
            "3101, p50 at 1,000 a second, ms",
            "3101, p99 at 1,000 a second, ms",
            "3101, checks a second",
        ],
        [Some(Target::AtMost(2.0)), Some(Target::AtLeast(0.5))],
    );
    rows.extend(national_rows(
        &daemon,
        &national::check_with_its_past(),
        [
            "3101 with its past, p50 at 1,000 a second, ms",
            "3101 with its past, p99 at 1,000 a second, ms",
            "3101 with its past, checks a second",
        ],
        [None, None],
    ));
    rows
}

/// The middle and the last hundredth at a rate, and the most in a second.
fn national_rows(
    daemon: &Daemon,
    request: &Request,
    [p50, p99, most]: [&'static str; 3],
    [slow, fast]: [Option<Target>; 2],
) -> Vec<Row> {
    let [at_rate, at_most] = rounds(
        daemon,
        request,
        national::JUDGED,
        [&|to| to.at_rate(1_000, TURN), &|to| to.as_fast_as_answered(TURN)],
    );
    let a_second = compare(&at_most, |[limit, agent]| (limit.a_second(), agent.a_second()));
    vec![
        Row::ratio(p50, latency(&at_rate, 0.5), None),
        Row::ratio(p99, latency(&at_rate, 0.99), slow),
        Row::ratio(most, a_second, fast),
    ]
}

/// How callers load a server.
type Load<'a> = &'a dyn Fn(&Callers<'_>) -> Seen;

/// Loads an echo and the agent in turn, in each of several ways.
fn rounds<const N: usize>(
    daemon: &Daemon,
    request: &Request,
    wanted: &[u8],
    loads: [Load<'_>; N],
) -> [Vec<[Seen; 2]>; N] {
    let echo = Echo::start();
    let number = AtomicU64::new(0);
    let callers = |server, wanted| Callers { server, request, number: &number, wanted };
    let to_echo = callers(echo.address, b"");
    let to_agent = callers(daemon.his, wanted);
    loads.map(|load| alternate(ROUNDS, [&mut || load(&to_echo), &mut || load(&to_agent)]))
}

fn latency(rounds: &[[Seen; 2]], part: f64) -> Comparison {
    compare(rounds, |[limit, agent]| (limit.latency(part), agent.latency(part)))
}

const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_secs(3);
