//! What a long queue costs those who come after the outage: taking its oldest records, starting on it, memory.
//!
//! The limit of taking is as many records with next to nothing behind them; each is read once, as the forwarder does. The
//! agent starts with its broker away, so that the queue stays as long as it is. A running agent folds and indexes as
//! records come; a first one here gets its time for it, and those that are measured find it done.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use agent::outbox::{Options, Outbox};

use crate::alternate::{Spread, alternate, compare};
use crate::daemon::{Daemon, OUTBOX, Sink};
use crate::fill::{fill, long};
use crate::process::{peak_megabytes, process_cpu};
use crate::site::Site;
use crate::table::{Row, Target};

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let folder = site.new_folder();
    let started = Instant::now();
    fill(&folder.join(OUTBOX), long());
    eprintln!("bench: {} records stored in {:.0?}", long(), started.elapsed());
    let short = site.new_folder();
    fill(&short.join(OUTBOX), SHORT);

    let taken = taken(&short.join(OUTBOX), &folder.join(OUTBOX));
    let peak = catch_up(&folder);
    let starts: Vec<_> = (0..STARTS).map(|_| start(&folder)).collect();
    let start_time = Spread::of(starts.iter().map(|it| it.0).collect());
    let resident = Spread::of(starts.iter().map(|it| it.1).collect());
    std::fs::remove_dir_all(&folder).expect("nobody uses it");

    let queued = format!("{} thousand queued", long() / 1_000);
    let name = |what: &str| format!("{what}, {queued}");
    vec![
        Row::ratio(&name("taking 4,096 of the oldest, ms"), taken, Some(Target::AtMost(1.2))),
        Row::absolute(
            &name("start to the first answer, ms"),
            start_time,
            Some(Target::AtMost(500.0)),
        ),
        Row::absolute(&name("resident, MB"), resident, Some(Target::AtMost(120.0))),
        Row::absolute(
            &name("most resident while it was indexed, MB"),
            Spread::of(vec![peak]),
            None,
        ),
    ]
}

/// Reads the head of both as the forwarder does, again and again.
fn taken(short: &Path, long: &Path) -> crate::alternate::Comparison {
    let open = |folder| Outbox::open(folder, &Options::default()).expect("it was closed in order");
    let (short, _short_writer) = open(short);
    let (long, _long_writer) = open(long);
    let (mut of_short, mut of_long) = (0, 0);
    let rounds =
        alternate(ROUNDS, [&mut || take(&short, &mut of_short), &mut || take(&long, &mut of_long)]);
    compare(&rounds, |[limit, agent]| (*limit, *agent))
}

/// Milliseconds for those that are taken, in calls of the size that the forwarder makes.
fn take(outbox: &Outbox, after: &mut u64) -> f64 {
    let started = Instant::now();
    let end = *after + TAKEN;
    while *after < end {
        let found = outbox.oldest(*after, A_CALL, 1 << 20).expect("the disk is whole");
        *after = found.last().expect("they wait").seq;
    }
    started.elapsed().as_secs_f64() * 1e3
}

/// Lets a first agent fold and index what waits; says how much memory that took at most.
fn catch_up(folder: &Path) -> f64 {
    let daemon = Daemon::start(folder, AWAY);
    let started = Instant::now();
    await_quiet(&daemon, PATIENCE);
    eprintln!("bench: folded and indexed for {:.0?}", started.elapsed());
    let peak = peak_megabytes(daemon.id());
    daemon.stop();
    peak
}

fn start(folder: &Path) -> (f64, f64) {
    let daemon = Daemon::start(folder, AWAY);
    let start_time = daemon.start_time.as_secs_f64() * 1e3;
    await_quiet(&daemon, SETTLE);
    let resident = daemon.resident_megabytes();
    daemon.stop();
    (start_time, resident)
}

/// Waits until the agent has nothing to do but to look for its broker, or no longer.
pub(crate) fn await_quiet(daemon: &Daemon, patience: Duration) {
    let deadline = Instant::now() + patience;
    let mut before = process_cpu(daemon.id());
    let mut quiet = 0;
    while quiet < 3 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(500));
        let now = process_cpu(daemon.id());
        quiet = if now.saturating_sub(before) <= Duration::from_millis(20) { quiet + 1 } else { 0 };
        before = now;
    }
}

/// Nobody listens there.
pub(crate) const AWAY: Sink<'_> = Sink::Broker { url: "amqp://127.0.0.1:1", batch: "auto" };
const TAKEN: u64 = 4_096;
/// So many that all turns together do not come near the end.
const SHORT: u64 = 64_000;
const A_CALL: usize = 64;
const ROUNDS: usize = 7;
/// Time for what follows the outbox, at most: ten million records take it five minutes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(15);
const SETTLE: Duration = Duration::from_secs(5);
const STARTS: usize = 5;
