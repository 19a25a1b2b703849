//! What the way in costs: SOAP beside JSON, connections that say nothing, a flood of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::alternate::{Spread, alternate, compare};
use crate::client::{Connection, Request};
use crate::daemon::{Daemon, Sink};
use crate::load::{Callers, Seen};
use crate::samples::{self, ACCEPTED, JUDGED};
use crate::site::Site;
use crate::table::{Row, Target};

pub(crate) fn run(site: &Site) -> Vec<Row> {
    vec![soap(site), idle(site), flood(site)]
}

/// The same visit, once as JSON and once as the two strings of a described SOAP service.
fn soap(site: &Site) -> Row {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    let number = AtomicU64::new(1);
    let [json, soap] = [samples::prescription_as_json(), samples::prescription_by_service()];
    let turn = |request: &Request| {
        let callers = Callers { server: daemon.his, request, number: &number, wanted: ACCEPTED };
        let seen = callers.as_fast_as_answered(TURN);
        daemon.await_forwarded();
        seen.a_second()
    };
    let rounds = alternate(ROUNDS, [&mut || turn(&json), &mut || turn(&soap)]);
    let rate = compare(&rounds, |[json, soap]| (*json, *soap));
    Row::ratio("receipts a second by SOAP, beside JSON", rate, Some(Target::AtLeast(0.8)))
}

/// Each has asked once, so that nothing of it is put off. What checks bring into memory, whoever asks them,
/// is there before: they are asked until that has come to its end.
#[tokio::main(flavor = "current_thread")]
async fn idle(site: &Site) -> Row {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    let request = samples::check();
    let before = warm(&daemon, &request).await;
    let mut connections = Vec::new();
    for _ in 0..IDLE {
        let mut connection = Connection::open(daemon.his).await;
        connection.call(&request).await.expect("the agent answers");
        connections.push(connection);
    }
    tokio::time::sleep(SETTLE).await;
    let grown = daemon.resident_megabytes() - before;
    drop(connections);
    let spread = Spread::of(vec![grown]);
    Row::absolute("2,000 idle connections, MB", spread, Some(Target::AtMost(40.0)))
}

/// Asks by one connection until as many checks as are measured, and once more as many, add nothing; gives
/// what is resident then.
async fn warm(daemon: &Daemon, request: &Request) -> f64 {
    let mut busy = Connection::open(daemon.his).await;
    let (mut resident, mut still) = (daemon.resident_megabytes(), 0);
    for _ in 0..WARMING_MAX {
        for _ in 0..IDLE {
            busy.call(request).await.expect("the agent answers");
        }
        tokio::time::sleep(SETTLE).await;
        let now = daemon.resident_megabytes();
        still = if now - resident < STILL_MEGABYTES { still + 1 } else { 0 };
        resident = resident.max(now);
        if still == 2 {
            return resident;
        }
    }
    panic!("after {WARMING_MAX} times {IDLE} checks memory still grows: {resident} MB")
}

/// Checks from one address, while another opens ten thousand connections and never ends a head. It holds all
/// that it has opened; the agent holds as many as its `connections_max` lets, and sends the others away.
fn flood(site: &Site) -> Row {
    let daemon = Daemon::start(&site.new_folder(), Sink::Files);
    let (request, number) = (samples::check(), AtomicU64::new(1));
    let callers =
        Callers { server: daemon.his, request: &request, number: &number, wanted: JUDGED };
    let quiet = || callers.at_rate(A_SECOND, FLOOD_TURN);
    // Ports that were used a moment ago are not free at once: each flood has an address of its own.
    let floods = AtomicU8::new(2);
    let flooded = || -> Seen {
        let from = Ipv4Addr::new(127, 0, 0, floods.fetch_add(1, Ordering::Relaxed));
        let ends = AtomicBool::new(false);
        let seen = thread::scope(|scope| {
            scope.spawn(|| open_many(from, daemon.his, &ends));
            let seen = quiet();
            let held = daemon.open_sockets();
            ends.store(true, Ordering::Relaxed);
            assert!(held >= HELD_LEAST, "the agent holds {held} connections: that is no flood");
            seen
        });
        // What it closes behind the flood is no part of the next quiet turn.
        thread::sleep(Duration::from_secs(1));
        seen
    };
    let rounds = alternate(ROUNDS, [&mut || quiet(), &mut || flooded()]);
    let p99 = compare(&rounds, |[quiet, flooded]| (quiet.latency(0.99), flooded.latency(0.99)));
    let what = "check, p99 in a flood of 10,000 (2,048 held) beside quiet, ms";
    Row::ratio(what, p99, Some(Target::AtMost(3.0)))
}

/// Opens all of a flood at a steady rate, somewhat sooner than the turn ends, and keeps them until it has. At
/// a rate, since as fast as can be would measure who gets a core: the flood, those who ask, or the agent.
#[tokio::main(flavor = "current_thread")]
async fn open_many(from: Ipv4Addr, server: SocketAddr, ends: &AtomicBool) {
    let mut held = Vec::new();
    let mut beat = tokio::time::interval(FLOOD_TURN * 9 / 10 / BEATS);
    for _ in 0..BEATS {
        beat.tick().await;
        for _ in 0..FLOOD / BEATS {
            let socket = TcpSocket::new_v4().expect("descriptors: `ulimit -n 20000`");
            socket.bind(SocketAddr::from((from, 0))).expect("all of 127/8 is this machine");
            let mut stream = socket.connect(server).await.expect("a door takes or turns away");
            // Who was sent away already cannot go on.
            drop(stream.write_all(b"POST / HTTP/1.1\r\n").await);
            held.push(stream);
        }
    }
    while !ends.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_millis(1500);
const SETTLE: Duration = Duration::from_millis(300);
const IDLE: usize = 2_000;
const A_SECOND: u32 = 500;
/// Long enough that a hundredth of the answers is not a handful.
const FLOOD_TURN: Duration = Duration::from_secs(5);
const FLOOD: u32 = 10_000;
const BEATS: u32 = 500;
/// Most of `connections_max`: some are between coming and going.
const HELD_LEAST: usize = 1_800;
/// Less than the allocator takes at a time is no growth.
const STILL_MEGABYTES: f64 = 1.0;
const WARMING_MAX: usize = 40;
