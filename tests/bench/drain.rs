//! How long a record written now is on its way while a long backlog drains.
//!
//! Prescriptions come at a steady rate; each one's way is measured from its request to the first of its records at a
//! consumer of the platform's queue. The limit is the same with no backlog, before and after.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use hdrhistogram::Histogram;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

use crate::alternate::{Comparison, Spread};
use crate::bare_publisher;
use crate::client;
use crate::daemon::{Daemon, OUTBOX, Sink};
use crate::fill::{fill, long};
use crate::queue::{AWAY, PATIENCE, await_quiet};
use crate::samples::prescription;
use crate::site::{QUEUE, Site};
use crate::table::{Row, Target};

/// When the prescription of a number was sent; gone once it has come.
type Sent = Arc<Mutex<HashMap<u64, Instant>>>;

pub(crate) fn run(site: &Site) -> Vec<Row> {
    let folder = site.new_folder();
    fill(&folder.join(OUTBOX), long().min(BACKLOG_MAX));
    indexed(&folder);
    let url = site.broker().url();
    bare_publisher::purge(site.broker());

    let before = quiet(site, &url);
    let started = Instant::now();
    let during = lives(&url, &folder, |daemon| daemon.account().waiting > LEFT);
    eprintln!("bench: drained in {:.1?}", started.elapsed());
    let after = quiet(site, &url);

    let row = |part: f64, name: &str| {
        let at = |it: &Histogram<u64>| {
            Duration::from_micros(it.value_at_quantile(part)).as_secs_f64() * 1e3
        };
        let limits = [at(&before), at(&after)];
        let comparison = Comparison {
            limit: Spread::of(limits.to_vec()),
            agent: Spread::of(vec![at(&during)]),
            ratio: Spread::of(limits.iter().map(|it| at(&during) / it).collect()),
        };
        Row::ratio(name, comparison, Some(Target::AtMost(1.2)))
    };
    vec![
        row(0.5, "way of a live record while a backlog drains, p50, ms, limit: quiet"),
        row(0.99, "way of a live record while a backlog drains, p99, ms, limit: quiet"),
    ]
}

/// What follows the outbox must not have a backlog of its own.
fn indexed(folder: &Path) {
    let daemon = Daemon::start(folder, AWAY);
    await_quiet(&daemon, PATIENCE);
    daemon.stop();
}

fn quiet(site: &Site, url: &str) -> Histogram<u64> {
    let end = Instant::now() + QUIET;
    lives(url, &site.new_folder(), |_| Instant::now() < end)
}

/// Sends to an agent as long as it is wanted, and gives how long each was on its way, in microseconds.
fn lives(url: &str, folder: &Path, wanted: impl Fn(&Daemon) -> bool) -> Histogram<u64> {
    let sent = Sent::default();
    let consumer = Consumer::start(url.to_owned(), &sent);
    // A consumer that is being made would be measured, too.
    thread::sleep(Duration::from_secs(1));
    let daemon = Daemon::start(folder, Sink::Broker { url, batch: "auto" });
    let mut number = 1;
    while number <= PORTION || wanted(&daemon) {
        number = send(daemon.his, &sent, number, PORTION);
    }
    daemon.await_forwarded();
    thread::sleep(Duration::from_secs(1));
    daemon.stop();
    let ways = consumer.stop();
    assert_eq!(ways.len(), number - 1, "not every prescription has come");
    ways
}

/// Sends a portion at the rate; gives the next number.
#[tokio::main(flavor = "current_thread")]
async fn send(his: SocketAddr, sent: &Sent, first: u64, count: u64) -> u64 {
    let mut connection = client::Connection::open(his).await;
    let mut request = prescription();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / A_SECOND);
    for number in first..first + count {
        ticks.tick().await;
        request.set_number(number);
        sent.lock().expect("nobody panics").insert(number, Instant::now());
        let answer = connection.call(&request).await.expect("the agent answers");
        assert!(answer.is_ok, "{:?} is no receipt", std::str::from_utf8(answer.body));
    }
    first + count
}

/// Takes everything out of the platform's queue, and notes how long the live ones took.
struct Consumer {
    thread: JoinHandle<Histogram<u64>>,
    stop: Arc<tokio::sync::Notify>,
}

impl Consumer {
    fn start(url: String, sent: &Sent) -> Consumer {
        let (sent, stop) = (Arc::clone(sent), Arc::new(tokio::sync::Notify::new()));
        let told = Arc::clone(&stop);
        Consumer { thread: thread::spawn(move || consume(&url, &sent, &told)), stop }
    }

    fn stop(self) -> Histogram<u64> {
        self.stop.notify_one();
        self.thread.join().expect("the consumer does not panic")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn consume(url: &str, sent: &Sent, stop: &tokio::sync::Notify) -> Histogram<u64> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await;
    let connection = connection.expect("the broker is up");
    let channel = connection.create_channel().await.expect("the broker is up");
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let consumer =
        channel.basic_consume(QUEUE.into(), "bench".into(), options, FieldTable::default());
    let mut consumer = consumer.await.expect("the queue is there");
    let mut ways = Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are sound");
    loop {
        let message = tokio::select! {
            message = consumer.next() => message,
            () = stop.notified() => return ways,
        };
        let message = message.expect("the broker stays").expect("the broker stays");
        for number in message.data.split(|it| *it == b'\n').filter_map(live) {
            if let Some(since) = sent.lock().expect("nobody panics").remove(&number) {
                let micros = u64::try_from(since.elapsed().as_micros()).expect("it took no age");
                ways.saturating_record(micros.max(1));
            }
        }
    }
}

/// The number of a live record, out of its lane.
fn live(record: &[u8]) -> Option<u64> {
    let at = record.windows(LANE.len()).position(|it| it == LANE)? + LANE.len();
    let digits = record.get(at..)?.split(|it| !it.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A million records, as in the promise; a shorter queue takes as many as it has.
const BACKLOG_MAX: u64 = 1_000_000;
/// A drain that is nearly over shows nothing.
const LEFT: u64 = 20_000;
const QUIET: Duration = Duration::from_secs(10);
/// Prescriptions a second, of six records each.
const A_SECOND: u32 = 50;
const PORTION: u64 = 25;
const LANE: &[u8] = b"\"lane\":\"MZ";
