//! Receipts that stand for something: each leaves after the disk has synced its records.
//!
//! 64 callers send prescriptions as fast as they are answered. The limit answers the same bytes
//! with themselves. Between the turns the agent forwards what it has taken in; the CPU time of a
//! receipt includes that, so it is the whole road of a message.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::alternate::{alternate, compare};
use crate::bare_publisher;
use crate::daemon::{Daemon, Sink};
use crate::echo::Echo;
use crate::load::{Callers, Seen};
use crate::process::process_cpu;
use crate::samples::{ACCEPTED, RECORDS_A_PRESCRIPTION, prescription};
use crate::site::Site;
use crate::table::{Row, Target};

struct Turn {
    a_second: f64,
    cpu_micros: f64,
}

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let mut rows = measure(site, Sink::Files, "files", Some(Target::AtLeast(0.3)));
    let url = site.broker().url();
    rows.extend(measure(site, Sink::Broker { url: &url, batch: "auto" }, "RabbitMQ", None));
    rows
}

fn measure(site: &Site, sink: Sink<'_>, name: &str, target: Option<Target>) -> Vec<Row> {
    let echo = Echo::start();
    let daemon = Daemon::start(&site.new_folder(), sink);
    let request = prescription();
    let number = AtomicU64::new(1);
    let callers = |server, wanted| Callers { server, request: &request, number: &number, wanted };
    let echoed = AtomicU64::new(1);
    let to_echo = Callers { number: &echoed, ..callers(echo.address, b"") };
    let to_agent = callers(daemon.his, ACCEPTED);

    let rounds = alternate(
        ROUNDS,
        [&mut || turn(&to_echo, echo.id(), || {}), &mut || {
            turn(&to_agent, daemon.id(), || daemon.await_forwarded())
        }],
    );
    if matches!(sink, Sink::Broker { .. }) {
        bare_publisher::purge(site.broker());
    }
    // Had a single one been taken for a resend, it would have cost less.
    let records = (number.load(Ordering::Relaxed) - 1) * RECORDS_A_PRESCRIPTION;
    assert_eq!(daemon.account().next_seq, records + 1, "not every record was new");

    let rate = compare(&rounds, |[limit, agent]| (limit.a_second, agent.a_second));
    let cpu = compare(&rounds, |[limit, agent]| (limit.cpu_micros, agent.cpu_micros));
    vec![
        Row::ratio(&format!("receipts a second, to {name}"), rate, target),
        Row::ratio(&format!("CPU of a receipt, forwarded to {name}, µs"), cpu, None),
    ]
}

fn turn(callers: &Callers<'_>, server: u32, settle: impl FnOnce()) -> Turn {
    let cpu_before = process_cpu(server);
    let seen: Seen = callers.as_fast_as_answered(TURN);
    settle();
    let cpu = process_cpu(server).saturating_sub(cpu_before);
    Turn {
        a_second: seen.a_second(),
        cpu_micros: cpu.as_secs_f64() * 1e6 / f64::from(seen.answers),
    }
}

const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_millis(1500);
